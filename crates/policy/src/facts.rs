//! Facts: what an agreement means for one party, as its rules see it.

use std::collections::{BTreeMap, BTreeSet};

use agreement::{Agreement, Digest, Terms};
use check::Learned;
use ir::{Op, PlayerId};
use net::Identity;
use serde::Serialize;

use crate::error::FactsError;

/// What an agreement means for one party: one identity, with all the players that it plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Digest of the agreement.
    pub agreement: Digest,
    /// Digest of the computation alone.
    pub computation: String,
    /// The computation's name.
    pub program: String,
    /// Who submits it, if it is known.
    #[serde(serialize_with = "as_text")]
    pub submitter: Option<Identity>,
    /// The party's players.
    pub players: BTreeSet<String>,
    /// All players with their identities.
    #[serde(serialize_with = "all_as_text")]
    pub parties: BTreeMap<String, Identity>,
    /// When it may run, and how often.
    pub terms: Terms,
    /// The party's datasets that are read.
    pub datasets: BTreeSet<String>,
    /// The ranges that the program holds these to, as `bmi within 10..60`. A narrow one tells: a run outside of it fails.
    pub ranges: BTreeSet<String>,
    /// The schemes that protect what is computed from them; `enclave-development` where the claims of the machine are for
    /// development, so that its operator may be able to read its memory.
    pub schemes: BTreeSet<String>,
    /// What these rest on, in words.
    pub assumptions: BTreeSet<String>,
    /// The players that hold it, in shares or otherwise.
    pub holders: BTreeSet<String>,
    /// What is kept of the party's data for later computations, by the name that it is stored under.
    pub saves: BTreeSet<String>,
    /// The stored values of the party that are loaded, by the same names.
    pub loads: BTreeSet<String>,
    /// The players that learn whether their key columns equal the party's.
    pub matched_with: BTreeSet<String>,
    /// What others learn from the party's data.
    pub disclosures: Vec<Disclosed>,
}

/// Something that others learn from a party's data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Disclosed {
    /// Its name.
    pub name: String,
    /// Whether it is released; if not, labels allow it.
    pub released: bool,
    /// The players that learn it, without the party's own.
    pub readers: BTreeSet<String>,
    /// The party's inputs that it is computed from.
    pub inputs: BTreeSet<String>,
    /// The operators on the ways from there, but those that compute nothing.
    pub operators: BTreeSet<String>,
    /// The digests of the modules on the ways from there.
    pub modules: BTreeSet<String>,
    /// How many rows of each of these inputs are combined, at least, on every way to an element.
    pub rows: u64,
    /// How many elements are learned.
    pub elements: u64,
}

impl Facts {
    /// The facts of an agreement for the party that plays `player`.
    ///
    /// # Errors
    /// [`FactsError`]. Who cannot judge an agreement does not ratify it.
    pub fn of(agreement: &Agreement, player: &str, submitter: Option<Identity>) -> Result<Facts, FactsError> {
        let c = agreement.checked().computation();
        let (roster, disclosure) = (agreement.roster(), agreement.checked().disclosure());
        let member = roster.get(player).ok_or_else(|| FactsError::NoPart { player: player.to_owned() })?;
        let players: BTreeSet<String> = roster.players_of(member.identity).map(str::to_owned).collect();
        let ids: Vec<PlayerId> = players.iter().filter_map(|p| c.player_named(p)).collect();
        let learned = check::learned(agreement.checked(), &ids, agreement.dims())?;
        let mine = disclosure.owners.iter().filter(|o| players.contains(&o.player)).flat_map(|o| &o.gives);
        let mine: Vec<_> = mine.collect();
        let forms: Vec<_> = mine.iter().flat_map(|given| &given.forms).collect();
        let kept =
            disclosure.stored.iter().filter(|s| s.from.iter().any(|f| mine.iter().any(|given| given.name == *f)));
        let datasets = agreement.datasets().iter().filter(|d| players.contains(&d.player));
        let matched = disclosure.matched.iter().filter(|m| m.players.iter().any(|p| players.contains(p)));
        let others = |p: &&String| !players.contains(*p);
        Ok(Facts {
            agreement: agreement.digest(),
            computation: agreement.computation_digest().to_string(),
            program: c.name.clone(),
            submitter,
            parties: roster.iter().map(|(name, m)| (name.to_owned(), m.identity)).collect(),
            terms: agreement.terms().clone(),
            datasets: datasets.map(|d| d.name.clone()).collect(),
            ranges: mine.iter().filter_map(|g| g.range.as_ref().map(|r| format!("{} within {r}", g.name))).collect(),
            schemes: forms.iter().filter(|f| !f.in_the_clear).map(|f| scheme(f, roster)).collect(),
            assumptions: forms.iter().filter(|f| !f.in_the_clear).map(|f| f.assumption.clone()).collect(),
            holders: forms.iter().flat_map(|f| &f.players).filter(others).cloned().collect(),
            matched_with: matched.flat_map(|m| &m.players).filter(others).cloned().collect(),
            saves: kept.map(|s| s.name.clone()).collect(),
            loads: mine.iter().filter_map(|given| given.stored.clone()).collect(),
            disclosures: learned.into_iter().map(|l| disclosed(c, l)).collect(),
            players,
        })
    }
}

/// A form's scheme. Rules that accept enclaves must not accept those that prove nothing.
fn scheme(form: &check::Form, roster: &agreement::Roster) -> String {
    let claims = form.players.iter().filter_map(|p| roster.get(p)?.claims.as_ref());
    let development = form.scheme == "enclave" && claims.into_iter().any(|claims| claims.development);
    if development { "enclave-development".to_owned() } else { form.scheme.clone() }
}

fn disclosed(c: &ir::Computation, learned: Learned) -> Disclosed {
    let computes =
        |op: &&Op| !matches!(op, Op::Input | Op::Load | Op::Move | Op::Classify | Op::Release | Op::Repeat | Op::Fold);
    let operators = learned.ways.values().flat_map(|w| w.operators.keys()).filter(computes);
    Disclosed {
        readers: c.names(&learned.to).into_iter().map(str::to_owned).collect(),
        operators: operators.map(|op| op.name().to_owned()).collect(),
        modules: learned.ways.values().flat_map(|w| w.modules.iter().cloned()).collect(),
        rows: learned.ways.values().map(|w| w.rows).min().unwrap_or(0),
        inputs: learned.ways.into_keys().collect(),
        name: learned.name,
        released: learned.released,
        elements: learned.elements,
    }
}

fn as_text<S: serde::Serializer>(identity: &Option<Identity>, s: S) -> Result<S::Ok, S::Error> {
    identity.map(|i| i.to_string()).serialize(s)
}

fn all_as_text<S: serde::Serializer>(all: &BTreeMap<String, Identity>, s: S) -> Result<S::Ok, S::Error> {
    s.collect_map(all.iter().map(|(name, identity)| (name, identity.to_string())))
}
