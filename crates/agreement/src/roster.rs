//! Rosters: who plays whom, under which identity and at which address. Agreed out of band.
//!
//! ```toml
//! [players.clinic]
//! identity = "prv1-…"
//! endpoint = "127.0.0.1:7701"
//!
//! [players.cloud]
//! identity = "prv1-…"
//! endpoint = "cloud.example:7700"
//!
//! [players.cloud.claims]         # what it must prove about its machine, as an appraisal policy; may be left out
//! name = "trainer"
//! technologies = ["tdx"]
//!
//! [players.cloud.claims.measurements]
//! mrtd = ["a3…"]
//!
//! [groups.people]
//! enroller = "prv1-…"            # who says who is a member; it has no worker
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use attest::Policy;
use net::Identity;
use net::relay::SCHEME;
use serde::Deserialize;

use crate::context;
use crate::error::AgreementError;

/// Where a worker is reached: a host name or address, and a port; of itself, or of the relay that it is registered with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    host: String,
    port: u16,
    relayed: bool,
}

impl Endpoint {
    /// The host name or address; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same host at another port, and no relay.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Endpoint {
        Endpoint { host: self.host.clone(), port, relayed: false }
    }

    /// Whether host and port are those of a relay, rather than of the worker.
    pub fn is_relayed(&self) -> bool {
        self.relayed
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.relayed {
            f.write_str(SCHEME)?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Endpoint {
    type Err = RosterFault;

    /// Reads `host:port` or `[address]:port`, after `relay://` those of a relay, and only what prints as the same text.
    fn from_str(text: &str) -> Result<Endpoint, RosterFault> {
        let bad = || RosterFault::Endpoint(text.chars().take(80).collect());
        let direct = text.strip_prefix(SCHEME);
        let (host, port) = direct.unwrap_or(text).rsplit_once(':').ok_or_else(bad)?;
        let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let valid = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
                !host.is_empty() && host.len() <= 253 && host.bytes().all(letters)
            }
        };
        let port: u16 = port.parse().map_err(|_| bad())?;
        let endpoint = Endpoint { host: inner.unwrap_or(host).to_owned(), port, relayed: direct.is_some() };
        if valid && port != 0 && endpoint.to_string() == text { Ok(endpoint) } else { Err(bad()) }
    }
}

/// One player's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The fingerprint of its worker's long-term key.
    pub identity: Identity,
    /// Where its worker listens; `None` for a player that exists in one process only.
    pub endpoint: Option<Endpoint>,
    /// What it must prove about its machine to every other player, before values go there.
    pub claims: Option<Box<Policy>>,
}

/// Players by name, and who says who the members of each group are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    members: BTreeMap<String, Member>,
    enrollers: BTreeMap<String, Identity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoster {
    players: BTreeMap<String, RawMember>,
    #[serde(default)]
    groups: BTreeMap<String, RawGroup>,
}

/// A group's entry, in a roster and in an agreement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawGroup {
    #[serde(deserialize_with = "crate::id::as_text::deserialize")]
    pub(crate) enroller: Identity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMember {
    #[serde(deserialize_with = "crate::id::as_text::deserialize")]
    identity: Identity,
    #[serde(deserialize_with = "crate::id::as_text::deserialize")]
    endpoint: Endpoint,
    claims: Option<Box<Policy>>,
}

impl Roster {
    /// Reads a roster file.
    ///
    /// # Errors
    /// If it cannot be read, or as [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Roster, RosterError> {
        let in_file = |e: RosterError| RosterError { file: Some(path.to_owned()), ..e };
        let text =
            std::fs::read_to_string(path).map_err(|e| in_file(RosterFault::Unreadable(e.kind().to_string()).into()))?;
        Roster::parse(&text).map_err(in_file)
    }

    /// Parses the text of a roster.
    ///
    /// # Errors
    /// What is not TOML, unknown or missing fields, identities and endpoints that are none; with the line. No
    /// players at all, or two identities at one endpoint.
    pub fn parse(text: &str) -> Result<Roster, RosterError> {
        let raw: RawRoster = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|s| text.bytes().take(s.start).filter(|b| *b == b'\n').count() as u64 + 1);
            let message = error.message().trim_end().replace('\n', "; ");
            RosterError { file: None, line, fault: RosterFault::Toml(message) }
        })?;
        let members = raw.players.into_iter().map(|(name, raw)| {
            (name, Member { identity: raw.identity, endpoint: Some(raw.endpoint), claims: raw.claims })
        });
        Ok(Roster::new(members)?.with_groups(raw.groups))
    }

    /// With the groups of a text.
    pub(crate) fn with_groups(mut self, groups: BTreeMap<String, RawGroup>) -> Roster {
        self.enrollers = groups.into_iter().map(|(name, raw)| (name, raw.enroller)).collect();
        self
    }

    /// A roster of these players.
    ///
    /// # Errors
    /// [`RosterFault::Empty`], [`RosterFault::NoEndpoint`], [`RosterFault::SharedEndpoint`], [`RosterFault::Claims`].
    pub fn new(members: impl IntoIterator<Item = (String, Member)>) -> Result<Roster, RosterFault> {
        let roster = Roster { members: members.into_iter().collect(), enrollers: BTreeMap::new() };
        if roster.members.is_empty() {
            return Err(RosterFault::Empty);
        }
        for (player, member) in roster.iter() {
            let checked = member.claims.as_ref().map_or(Ok(()), |policy| policy.check());
            checked.map_err(|e| RosterFault::Claims { player: player.to_owned(), what: e.to_string() })?;
        }
        let without = roster.iter().find(|(_, m)| m.endpoint.is_none());
        if let Some((player, _)) = without.filter(|_| !roster.is_in_process()) {
            return Err(RosterFault::NoEndpoint(player.to_owned()));
        }
        let mut at: BTreeMap<&Endpoint, (&str, Identity)> = BTreeMap::new();
        for (name, member) in &roster.members {
            // Many workers are reached through one relay.
            let Some(endpoint) = member.endpoint.as_ref().filter(|e| !e.is_relayed()) else { continue };
            if let Some((other, identity)) = at.insert(endpoint, (name, member.identity))
                && identity != member.identity
            {
                let (first, second) = (other.to_owned(), name.clone());
                return Err(RosterFault::SharedEndpoint { first, second, endpoint: endpoint.clone() });
            }
        }
        Ok(roster)
    }

    /// The roster of players that exist in one process only, each with an identity that nobody has the key of.
    pub fn in_process<'a>(players: impl IntoIterator<Item = &'a str>) -> Roster {
        let member = |name: &str| (name.to_owned(), Member { identity: nobody(name), endpoint: None, claims: None });
        Roster { members: players.into_iter().map(member).collect(), enrollers: BTreeMap::new() }
    }

    /// The same with groups whose members exist in one process only.
    #[must_use]
    pub fn with_groups_in_process<'a>(mut self, groups: impl IntoIterator<Item = &'a str>) -> Roster {
        self.enrollers = groups.into_iter().map(|name| (name.to_owned(), nobody(name))).collect();
        self
    }

    /// Whether its players exist in one process only.
    pub fn is_in_process(&self) -> bool {
        self.members.values().all(|m| m.endpoint.is_none())
    }

    /// A player's entry.
    pub fn get(&self, player: &str) -> Option<&Member> {
        self.members.get(player)
    }

    /// A player's entry, which must be there.
    ///
    /// # Errors
    /// [`AgreementError::MissingPlayer`].
    pub fn require(&self, player: &str) -> Result<&Member, AgreementError> {
        self.get(player).ok_or_else(|| AgreementError::MissingPlayer {
            player: player.to_owned(),
            known: self.members.keys().cloned().collect(),
        })
    }

    /// Who says who the members of a group are.
    pub fn enroller(&self, group: &str) -> Option<Identity> {
        self.enrollers.get(group).copied()
    }

    /// All groups, by name, each with its enroller.
    pub fn groups(&self) -> impl Iterator<Item = (&str, Identity)> {
        self.enrollers.iter().map(|(name, enroller)| (name.as_str(), *enroller))
    }

    /// Who answers for what a player or group owns: the player itself, or the group's enroller.
    pub fn owner(&self, name: &str) -> Option<Identity> {
        self.get(name).map(|m| m.identity).or_else(|| self.enroller(name))
    }

    /// All players, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Member)> {
        self.members.iter().map(|(name, member)| (name.as_str(), member))
    }

    /// The players of an identity.
    pub fn players_of(&self, identity: Identity) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(_, m)| m.identity == identity).map(|(name, _)| name)
    }

    /// The same roster with only these players and groups.
    #[must_use]
    pub fn only<'a>(&self, names: impl IntoIterator<Item = &'a str> + Clone) -> Roster {
        let members = names.clone().into_iter().filter_map(|p| Some((p.to_owned(), self.members.get(p)?.clone())));
        let enrollers = names.into_iter().filter_map(|g| Some((g.to_owned(), *self.enrollers.get(g)?)));
        Roster { members: members.collect(), enrollers: enrollers.collect() }
    }
}

/// An identity that nobody has the key of.
fn nobody(name: &str) -> Identity {
    Identity::from_bytes(blake3::derive_key(context::IN_PROCESS, name.as_bytes()))
}

/// The text form, which parses as the same roster.
impl fmt::Display for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, member)) in self.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n" };
            writeln!(f, "{gap}[players.{}]\nidentity = \"{}\"", crate::text::key(name), member.identity)?;
            if let Some(endpoint) = &member.endpoint {
                writeln!(f, "endpoint = \"{endpoint}\"")?;
            }
            if let Some(policy) = &member.claims {
                write!(f, "\n{}", crate::claims::claims_text(name, policy))?;
            }
        }
        for (name, enroller) in self.groups() {
            write!(f, "\n[groups.{}]\nenroller = \"{enroller}\"\n", crate::text::key(name))?;
        }
        Ok(())
    }
}

/// A roster that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterError {
    /// The file, if it came from one.
    pub file: Option<PathBuf>,
    /// The line, where known.
    pub line: Option<u64>,
    /// What is wrong.
    pub fault: RosterFault,
}

/// What is wrong with a roster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterFault {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The text is no roster.
    #[error("{0}")]
    Toml(String),
    /// An endpoint is none.
    #[error("`{0}` is no endpoint")]
    Endpoint(String),
    /// A player has no endpoint, although others have.
    #[error("{0} has no endpoint")]
    NoEndpoint(String),
    /// There are no players.
    #[error("the roster has no players")]
    Empty,
    /// What a player must prove is no policy.
    #[error("the claims of {player}: {what}")]
    Claims {
        /// The player.
        player: String,
        /// What is wrong, in words.
        what: String,
    },
    /// Two identities are said to be at one address.
    #[error("{first} and {second} have different identities at one endpoint, {endpoint}")]
    SharedEndpoint {
        /// A player.
        first: String,
        /// Another.
        second: String,
        /// Their endpoint.
        endpoint: Endpoint,
    },
}

impl From<RosterFault> for RosterError {
    fn from(fault: RosterFault) -> RosterError {
        RosterError { file: None, line: None, fault }
    }
}

impl RosterError {
    /// A stable code for programs to match on.
    pub fn code(&self) -> &'static str {
        match self.fault {
            RosterFault::Unreadable(_) => "roster.unreadable",
            RosterFault::Toml(_) | RosterFault::Endpoint(_) => "roster.syntax",
            RosterFault::NoEndpoint(_) => "roster.no-endpoint",
            RosterFault::Empty => "roster.empty",
            RosterFault::SharedEndpoint { .. } => "roster.shared-endpoint",
            RosterFault::Claims { .. } => "roster.claims",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self.fault {
            RosterFault::Unreadable(_) => "check that the roster is where you say, and that you may read it",
            RosterFault::Toml(_) | RosterFault::NoEndpoint(_) | RosterFault::Empty => {
                "a player is `[players.name]` with `identity = \"prv1-…\"` and `endpoint = \"host:port\"`"
            }
            RosterFault::Endpoint(_) => {
                "write host:port in lower case, as hospital.example:7700 or [2001:db8::1]:7700; of a relay, relay://relay.example:7800"
            }
            RosterFault::Claims { .. } => {
                "write what `privity attest pin` prints for a machine that you know to be good"
            }
            RosterFault::SharedEndpoint { .. } => "one worker listens at one address; correct one of the two entries",
        }
    }
}

impl fmt::Display for RosterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            f.write_str(if self.line.is_some() { ", " } else { ": " })?;
        }
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}", self.fault)
    }
}

impl std::error::Error for RosterError {}
