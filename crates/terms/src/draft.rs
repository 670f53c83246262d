//! What the file of terms says, as it is written.

use identity::Identity;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::keys;
use crate::machine::made_in_machine;
use crate::noise::NoiseDraft;
use crate::validated::ValidatedDraft;

/// What the file says. [`Terms`](crate::Terms) is what was checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// A name for people.
    pub name: String,
    /// Values in a contribution.
    pub length: u32,
    /// Values are clipped to [−clip, clip]. Not with [`validated`](Self::validated), where it is 0: values are refused that
    /// are out of range.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clip: f64,
    /// Values are rounded, stochastically, to 2^precision levels. Not with [`shares`](Self::shares), which say their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<u32>,
    /// The fewest contributions that may be published as one sum.
    pub minimum: u32,
    /// The most contributions of one round.
    pub most: u32,
    /// The greatest integer weight of a contribution; without it all have weight one and the sum is published.
    #[serde(default)]
    pub weights: Option<u32>,
    /// How many rounds there are.
    pub rounds: u64,
    /// The fraction of clients that take part in each round, by lot; 1 if not said.
    #[serde(default = "everyone")]
    pub share: f64,
    /// Seconds for the clients of each stage.
    pub collect_seconds: f64,
    /// Seconds for the aggregators' votes and answers.
    #[serde(default = "minute")]
    pub answer_seconds: f64,
    /// The public key of whoever says who may contribute: 64 hexadecimal digits.
    pub enroller: String,
    /// Who may read results besides clients and aggregators.
    #[serde(default)]
    pub readers: Vec<String>,
    /// Where rounds are run.
    pub service: ServiceDraft,
    /// Sums are not published, but kept by the aggregators as shares for a computation among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<SharesDraft>,
    /// The agreement whose program goes on with the sum: contributing is ratifying it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementDraft>,
    /// Contributors add noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseDraft>,
    /// The committee sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committee: Option<CommitteeDraft>,
    /// Pairwise masking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairwise: Option<PairwiseDraft>,
    /// The validated sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<ValidatedDraft>,
}

/// Where rounds are run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceDraft {
    /// Its identity (`prv1-…`), which its TLS connections prove.
    pub identity: String,
    /// `host:port`.
    pub address: String,
}

/// For which group of which agreement a round is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementDraft {
    /// The agreement's digest: 64 hexadecimal digits.
    pub digest: String,
    /// The group whose members contribute.
    pub group: String,
}

/// What sums are that aggregators keep as shares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharesDraft {
    /// The name in the aggregators' stores; that of round 7 is `name-7`.
    pub name: String,
    /// Bits after the point: sums are `fixed<64, fraction>`.
    pub fraction: u32,
    /// The identity (`prv1-…`) that has to agree to whatever is released of what is computed from them.
    pub owner: String,
    /// Not the sum is kept but each contribution, for a program that checks them before it sums them. Only for an
    /// [`agreement`](Draft::agreement).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub each: bool,
}

/// The aggregators and their thresholds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitteeDraft {
    /// How many can unmask together.
    pub threshold: usize,
    /// How many sign a list before any answers for it.
    pub quorum: usize,
    /// How many may be malicious.
    pub corrupt: usize,
    /// Who they are.
    pub aggregators: Vec<AggregatorDraft>,
}

/// One aggregator, as `privity aggregator --keys` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregatorDraft {
    /// A name for people.
    pub name: String,
    /// Its public key: 64 hexadecimal digits.
    pub key: String,
    /// Its sealing key: 64 hexadecimal digits.
    pub seal: String,
    /// What its machine has to be, as a policy of `privity attest` (TOML). Each client appraises the evidence by it before it
    /// contributes. Without the two, nothing is asked of its machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// That its two keys were made in such a machine, as `privity aggregator --prove` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

impl AggregatorDraft {
    /// Reads the lines that `privity aggregator --keys` prints, and tells whose they are.
    ///
    /// # Errors
    /// [`Error::Terms`] for what are no keys.
    pub fn read(text: &str) -> Result<(Identity, Self), Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Lines {
            key: String,
            seal: String,
            evidence: Option<String>,
        }
        let Lines { key, seal, evidence } = toml::from_str(text).map_err(|e| Error::terms(e.to_string()))?;
        let identity = Identity::from_bytes(keys::member(&key, &seal)?.key.identity().0);
        Ok((identity, Self { name: String::new(), key, seal, policy: None, evidence }))
    }

    /// The lines that [`read`](Self::read) reads.
    #[must_use]
    pub fn lines(&self) -> String {
        // Evidence is JSON of hexadecimal digits and names: it has no apostrophes.
        let evidence = self.evidence.as_ref().map(|evidence| format!("\nevidence = '{evidence}'")).unwrap_or_default();
        format!("key = \"{}\"\nseal = \"{}\"{evidence}", self.key, self.seal)
    }

    /// What evidence has to be tied to that these keys were made in a machine.
    ///
    /// # Errors
    /// [`Error::Terms`] for what are no keys.
    pub fn report_data(&self) -> Result<[u8; 32], Error> {
        let member = keys::member(&self.key, &self.seal)?;
        Ok(made_in_machine(&member.key.to_bytes(), &member.seal.to_bytes()))
    }
}

/// Parameters of pairwise masking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairwiseDraft {
    /// Neighbours of a client; everyone with everyone if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degree: Option<u32>,
    /// How many neighbours recover a secret.
    pub threshold: u32,
    /// `curious` or `semi-malicious`.
    pub server: ServerDraft,
}

/// What the service is trusted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerDraft {
    /// It follows the protocol.
    Curious,
    /// It collects keys honestly and may lie afterwards.
    SemiMalicious,
}

fn everyone() -> f64 {
    1.0
}

fn minute() -> f64 {
    60.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_zero(clip: &f64) -> bool {
    *clip == 0.0
}
