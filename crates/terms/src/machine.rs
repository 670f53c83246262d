//! Machines of aggregators, which prove themselves to clients: evidence that an aggregator's keys were made in one.
//!
//! What a client seals, it seals to keys of the terms. So it is enough that evidence names these keys: the terms carry it, everyone
//! who signs anything signs over it, and nobody has to be asked again. Here it is text; who appraises it is given to clients.

use identity::Identity;

use crate::draft::AggregatorDraft;
use crate::error::Error;
use crate::keys;

const DOMAIN: &str = "privity terms v1 report data: keys of an aggregator that were made in this machine";

/// What evidence has to be tied to that an aggregator's public key and its sealing key were made in a machine.
#[must_use]
pub fn made_in_machine(key: &[u8; 32], seal: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key(DOMAIN, &[*key, *seal].concat())
}

/// An aggregator's machine, as terms have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The aggregator's name.
    pub name: String,
    /// Its identity.
    pub identity: Identity,
    /// What its machine has to be: a policy, in TOML.
    pub policy: String,
    /// What it proved, as the JSON container of evidence.
    pub evidence: String,
    /// What the evidence has to be tied to.
    pub report_data: [u8; 32],
}

impl Machine {
    /// The machine of an aggregator; `None` if nothing is asked of it.
    pub(crate) fn of(aggregator: &AggregatorDraft) -> Result<Option<Machine>, Error> {
        let (policy, evidence) = match (&aggregator.policy, &aggregator.evidence) {
            (None, None) => return Ok(None),
            (Some(policy), Some(evidence)) => (policy.clone(), evidence.clone()),
            (Some(_), None) => return Err(Error::terms(format!("{}: a policy without evidence", aggregator.name))),
            (None, Some(_)) => {
                let what = format!("{}: evidence without a policy, which says what it has to show", aggregator.name);
                return Err(Error::terms(what));
            }
        };
        let member = keys::member(&aggregator.key, &aggregator.seal)?;
        let identity = Identity::from_bytes(member.key.identity().0);
        let report_data = aggregator.report_data()?;
        Ok(Some(Machine { name: aggregator.name.clone(), identity, policy, evidence, report_data }))
    }
}
