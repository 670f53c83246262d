//! Agreements: a checked computation, bound to identities, lengths and terms.

use std::collections::BTreeMap;

use check::{Budget, Checked};
use ir::Computation;
use ir::text::Digest as ComputationDigest;
use net::Identity;

use crate::context;
use crate::dataset::{self, Dataset};
use crate::error::AgreementError;
use crate::id::Digest;
use crate::roster::Roster;
use crate::terms::Terms;
use crate::text;

/// What all parties read and sign: the computation and what it discloses, who plays whom, how long each dimension
/// is, which datasets are read, and when and how often it may run.
///
/// An input's name is also the name of the dataset at its owner's worker. The text form is canonical TOML;
/// the digest is over that text.
#[derive(Clone, Debug)]
pub struct Agreement {
    checked: Checked,
    computation_digest: ComputationDigest,
    roster: Roster,
    dims: BTreeMap<String, u64>,
    budget: Budget,
    datasets: Vec<Dataset>,
    terms: Terms,
    text: String,
    digest: Digest,
}

/// Two agreements are equal if all that parties sign is.
impl PartialEq for Agreement {
    fn eq(&self, other: &Agreement) -> bool {
        self.text == other.text
    }
}
impl Eq for Agreement {}

impl Agreement {
    /// Binds a checked computation to a roster, to the lengths of its dimensions and to terms. Players of the
    /// roster that the computation does not have are left out.
    ///
    /// # Errors
    /// A computation that this version cannot run, a player without an entry, a group, an enclave whose machine has nothing
    /// to prove, two players of one protected placement with one identity, a dimension without a length or a length
    /// without a dimension, a length of zero, lengths with which a number may not fit, or terms that nothing can keep.
    pub fn bind(
        checked: Checked,
        roster: &Roster,
        dims: BTreeMap<String, u64>,
        terms: Terms,
    ) -> Result<Agreement, AgreementError> {
        if !checked.not_runnable().is_empty() {
            return Err(AgreementError::NotRunnable { reasons: checked.not_runnable().to_vec() });
        }
        let computation = checked.computation();
        check_players(computation, roster)?;
        crate::claims::check(computation, roster)?;
        check_identities(computation, roster)?;
        check_dims(computation, &dims)?;
        terms.check()?;
        let datasets = dataset::of(computation, &dims)?;
        let budget = checked.budget(&dims).map_err(AgreementError::Ranges)?;
        let roster = roster.only(computation.players.iter().map(|p| p.name.as_str()));
        let computation_digest = computation.digest();
        let nothing = Digest([0; 32]);
        let mut agreement = Agreement {
            checked,
            computation_digest,
            roster,
            dims,
            budget,
            datasets,
            terms,
            text: String::new(),
            digest: nothing,
        };
        agreement.text = text::print(&agreement);
        agreement.digest = Digest(blake3::derive_key(context::AGREEMENT, agreement.text.as_bytes()));
        Ok(agreement)
    }

    /// Binds a checked computation to players that exist in one process only, under the usual terms.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn in_process(checked: Checked, dims: BTreeMap<String, u64>) -> Result<Agreement, AgreementError> {
        let named = |group: bool| {
            let players = checked.computation().players.iter().filter(move |p| p.group.is_some() == group);
            players.map(|p| p.name.as_str())
        };
        let roster = Roster::in_process(named(false)).with_groups_in_process(named(true));
        Agreement::bind(checked, &roster, dims, Terms::default())
    }

    /// Reads an agreement: parses it, parses and checks its computation, and binds it again.
    ///
    /// # Errors
    /// A text that is not in canonical form, of another version, with a computation that does not parse, does
    /// not check or is not that of its digest, or that says of disclosure or datasets what does not follow from the
    /// computation; and as [`bind`](Self::bind).
    pub fn from_text(text: &str) -> Result<Agreement, AgreementError> {
        let mut raw = text::parse(text)?;
        let computation = ir::text::parse(&raw.computation.text).map_err(AgreementError::Computation)?;
        if computation.digest() != raw.computation.digest {
            return Err(AgreementError::ComputationDigest);
        }
        let checked = check::check(computation).map_err(AgreementError::Computation)?;
        let roster = raw.roster()?;
        let mut names = roster.iter().map(|(name, _)| name).chain(roster.groups().map(|(name, _)| name));
        if let Some(name) = names.find(|name| checked.computation().player_named(name).is_none()) {
            return Err(AgreementError::UnknownPlayer { player: name.to_owned() });
        }
        let text::Raw { dims, terms, disclosure, datasets, .. } = raw;
        let agreement = Agreement::bind(checked, &roster, dims, terms)?;
        if disclosure != agreement.disclosure() {
            return Err(AgreementError::Misstated { part: "disclosure" });
        }
        if datasets != text::raw_datasets(&agreement.datasets) {
            return Err(AgreementError::Misstated { part: "datasets" });
        }
        if agreement.text != text {
            let line = text::first_difference(&agreement.text, text);
            return Err(AgreementError::NotCanonical { line });
        }
        Ok(agreement)
    }

    /// The canonical text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The digest of the text: what is ratified.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The computation, which was checked.
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// Who learns what, under which assumption, and what machines have to prove before: in words.
    pub fn disclosure(&self) -> String {
        format!("{}{}", self.checked.disclosure(), crate::claims::in_words(self.checked.computation(), &self.roster))
    }

    /// The digest of the computation alone.
    pub fn computation_digest(&self) -> ComputationDigest {
        self.computation_digest
    }

    /// Who plays whom: the players of the computation.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The ranges that inputs are held to, and that nothing overflows as long as they are.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The length of each named dimension.
    pub fn dims(&self) -> &BTreeMap<String, u64> {
        &self.dims
    }

    /// The datasets that the players' workers must have, by player and name.
    pub fn datasets(&self) -> &[Dataset] {
        &self.datasets
    }

    /// When it may be run, and how often.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether a session of it may begin at a time, in milliseconds since 1970 (UTC).
    ///
    /// # Errors
    /// [`AgreementError::NotYet`] and [`AgreementError::Expired`], each with both times.
    pub fn check_time(&self, now_ms: u64) -> Result<(), AgreementError> {
        self.terms.check_time(now_ms)
    }

    /// Everyone who must ratify: the operator of each player's worker, which includes every owner. One identity
    /// may play several players.
    pub fn signers(&self) -> BTreeMap<Identity, Vec<&str>> {
        let mut signers: BTreeMap<Identity, Vec<&str>> = BTreeMap::new();
        for (name, member) in self.roster.iter() {
            signers.entry(member.identity).or_default().push(name);
        }
        signers
    }
}

fn check_players(computation: &Computation, roster: &Roster) -> Result<(), AgreementError> {
    for player in &computation.players {
        if player.group.is_none() {
            roster.require(&player.name)?;
            continue;
        }
        let Some(enroller) = roster.enroller(&player.name) else {
            return Err(AgreementError::NoEnroller { group: player.name.clone() });
        };
        // Who could make up members and is told of results would know what the others hold.
        if let Some(same) =
            computation.players.iter().find(|p| roster.get(&p.name).is_some_and(|m| m.identity == enroller))
        {
            return Err(AgreementError::Enroller { group: player.name.clone(), player: same.name.clone() });
        }
    }
    Ok(())
}

/// A scheme is as safe as its players are separate: one identity in two of its roles would read everything.
fn check_identities(computation: &Computation, roster: &Roster) -> Result<(), AgreementError> {
    for placement in computation.placements.iter().filter(|p| p.is_protected()) {
        let names = computation.names(&placement.players);
        for (i, first) in names.iter().enumerate() {
            let identity = |name: &str| roster.get(name).map(|m| m.identity);
            if let Some(second) = names[i + 1..].iter().find(|n| identity(n) == identity(first)) {
                return Err(AgreementError::OneIdentity {
                    first: (*first).to_owned(),
                    second: (*second).to_owned(),
                    placement: placement.name.clone(),
                });
            }
        }
    }
    Ok(())
}

fn check_dims(computation: &Computation, dims: &BTreeMap<String, u64>) -> Result<(), AgreementError> {
    let wanted = computation.dims();
    if let Some(dim) = wanted.keys().find(|d| !dims.contains_key(*d)) {
        return Err(AgreementError::DimUnbound { dim: dim.clone() });
    }
    for (dim, n) in dims {
        if !wanted.contains_key(dim) {
            return Err(AgreementError::UnknownDim { dim: dim.clone() });
        }
        // TOML integers are signed.
        if *n == 0 || i64::try_from(*n).is_err() {
            return Err(AgreementError::DimLength { dim: dim.clone(), length: *n });
        }
    }
    Ok(())
}
