//! What a saved value is: all that is stored, and authenticated, beside its bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use agreement::{Digest, Roster};
use check::Label;
use ir::{Computation, DType, PlayerId, Scheme};
use net::Identity;
use serde::{Deserialize, Serialize};

use super::Attempt;

/// Domain separation of handles, with the version bound in.
const HANDLE: &str = "privity 2026-11 handle of a saved value v1";

/// Whose a saved value is, and for each owner the readers that it allows, all by identity: names of players are one
/// computation's own. A value without owners is public.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredLabel(#[serde(with = "texts::label")] pub BTreeMap<Identity, BTreeSet<Identity>>);

/// What a saved value is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredMeta {
    /// The name that it is loaded by.
    pub name: String,
    /// Its element type.
    #[serde(rename = "type", with = "texts::dtype")]
    pub dtype: DType,
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// How it is held.
    #[serde(with = "texts::scheme")]
    pub scheme: Scheme,
    /// The identities in the roles of the scheme, in order.
    #[serde(with = "texts::identities")]
    pub roles: Vec<Identity>,
    /// Which of the roles is ours.
    pub role: usize,
    /// The least and the greatest number that it may hold, as the checker found when it was saved; none if nothing is
    /// known. Of what is loaded, the range that the program declares.
    pub range: Option<(f64, f64)>,
    /// Its label.
    pub label: StoredLabel,
    /// Who saved it. What the players of one placement hold belongs together only if this is the same.
    pub origin: Attempt,
}

impl StoredLabel {
    /// A label of a computation, over the identities that play in it.
    pub fn of(label: &Label, c: &Computation, roster: &Roster) -> StoredLabel {
        let identity = |p: PlayerId| identity(c, roster, p);
        let mut policies: BTreeMap<Identity, BTreeSet<Identity>> = BTreeMap::new();
        for (owner, readers) in label.policies() {
            let readers: BTreeSet<Identity> = readers.iter().filter_map(identity).collect();
            let Some(owner) = identity(owner) else { continue };
            // One identity may play several players: then all that they say holds.
            policies.entry(owner).and_modify(|old| old.retain(|r| readers.contains(r))).or_insert(readers);
        }
        StoredLabel(policies)
    }
}

/// Whom a player is played by.
fn identity(c: &Computation, roster: &Roster, player: PlayerId) -> Option<Identity> {
    roster.owner(&c.player(player).name)
}

impl StoredMeta {
    /// A digest of where it comes from: agreement, session, attempt and name. All parts of one sharing have the same.
    pub fn handle(&self) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key(HANDLE);
        hasher.update(&self.origin.agreement.0).update(&self.origin.session.0);
        hasher.update(&self.origin.number.to_le_bytes()).update(self.name.as_bytes());
        Digest(*hasher.finalize().as_bytes())
    }

    /// How this, which is stored, differs from what a program declares; `None` if it is just that.
    pub fn difference(&self, declared: &StoredMeta) -> Option<String> {
        if self.dtype != declared.dtype {
            return Some(format!("its elements are {}, not {}", self.dtype, declared.dtype));
        }
        if self.shape != declared.shape {
            return Some(format!("its shape is {:?}, not {:?}", self.shape, declared.shape));
        }
        if self.scheme != declared.scheme {
            let (is, not) = (self.scheme.spec().name, declared.scheme.spec().name);
            return Some(format!("it is held on `{is}`, not on `{not}`"));
        }
        if (&self.roles, self.role) != (&declared.roles, declared.role) {
            return Some(format!("it is held by {}, not by {}", list(&self.roles), list(&declared.roles)));
        }
        if let Some((low, high)) = declared.range
            && !self.range.is_some_and(|(least, most)| low <= least && most <= high)
        {
            let is = self.range.map_or("not known".to_owned(), |(least, most)| ir::show_range(least, most));
            return Some(format!("its range is {is}, and {} was declared", ir::show_range(low, high)));
        }
        (self.label != declared.label).then(|| format!("its label is {}, not {}", self.label, declared.label))
    }

    /// Whether a new value of this name may take the place of this one: only under the same label, so that nobody
    /// puts a value of his own where others keep theirs.
    ///
    /// # Errors
    /// How the labels differ.
    pub fn may_replace(&self, old: &StoredMeta) -> Result<(), String> {
        if self.label == old.label {
            return Ok(());
        }
        Err(format!("its label is {}, and the new value's {}", old.label, self.label))
    }
}

impl fmt::Display for StoredLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("public");
        }
        for (i, (owner, readers)) in self.0.iter().enumerate() {
            let others: Vec<String> = readers.iter().filter(|r| *r != owner).map(Identity::short).collect();
            write!(f, "{}owner {}", if i == 0 { "" } else { " " }, owner.short())?;
            if !others.is_empty() {
                write!(f, " readers {}", others.join(", "))?;
            }
        }
        Ok(())
    }
}

fn list(identities: &[Identity]) -> String {
    identities.iter().map(Identity::short).collect::<Vec<_>>().join(", ")
}

/// Serde's form of what has a text form.
mod texts {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) mod dtype {
        use super::*;

        pub(in super::super) fn serialize<S: Serializer>(dtype: &ir::DType, s: S) -> Result<S::Ok, S::Error> {
            s.collect_str(dtype)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<ir::DType, D::Error> {
            String::deserialize(d)?.parse().map_err(D::Error::custom)
        }
    }

    pub(super) mod scheme {
        use super::*;

        pub(in super::super) fn serialize<S: Serializer>(scheme: &ir::Scheme, s: S) -> Result<S::Ok, S::Error> {
            s.serialize_str(scheme.spec().name)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<ir::Scheme, D::Error> {
            let name = String::deserialize(d)?;
            ir::Scheme::parse(&name).ok_or_else(|| D::Error::custom("an unknown scheme"))
        }
    }

    pub(super) mod identities {
        use super::*;
        use net::Identity;

        pub(in super::super) fn serialize<S: Serializer>(all: &[Identity], s: S) -> Result<S::Ok, S::Error> {
            s.collect_seq(all.iter().map(Identity::to_string))
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Identity>, D::Error> {
            let all = Vec::<String>::deserialize(d)?;
            all.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
        }
    }

    pub(super) mod label {
        use std::collections::{BTreeMap, BTreeSet};

        use super::*;
        use net::Identity;

        type Policies = BTreeMap<Identity, BTreeSet<Identity>>;

        pub(in super::super) fn serialize<S: Serializer>(label: &Policies, s: S) -> Result<S::Ok, S::Error> {
            let texts = |readers: &BTreeSet<Identity>| readers.iter().map(Identity::to_string).collect::<Vec<_>>();
            s.collect_map(label.iter().map(|(owner, readers)| (owner.to_string(), texts(readers))))
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Policies, D::Error> {
            let parse = |text: &String| text.parse::<Identity>().map_err(D::Error::custom);
            let texts = BTreeMap::<String, Vec<String>>::deserialize(d)?;
            texts
                .iter()
                .map(|(o, readers)| Ok((parse(o)?, readers.iter().map(parse).collect::<Result<_, _>>()?)))
                .collect()
        }
    }
}
