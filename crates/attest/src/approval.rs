//! Approval by many: reference values of an enclave become usable when every owner has signed them.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::bytes::{Hex, canonical_json};
use crate::claims::Technology;
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::policy::Policy;

/// What an enclave measures as, and what it was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReferenceValues {
    /// The program's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of the source it was built from.
    pub source: Hex,
    /// The technology it is measured by.
    pub technology: Technology,
    /// For each measurement, the values it may have.
    pub measurements: BTreeMap<String, Vec<Hex>>,
}

const DOMAIN: &[u8] = b"privity reference values v1";

impl ReferenceValues {
    /// SHA-256 of the canonical form (JSON with ordered keys and no spaces): what owners sign.
    pub fn digest(&self) -> Hex {
        Hex(Hash::Sha256.digest(&[DOMAIN, &canonical_json(self)]))
    }

    fn message(&self) -> Vec<u8> {
        [DOMAIN, &self.digest().0].concat()
    }
}

/// One owner's signature over reference values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Approval {
    /// Digest of what was signed.
    pub digest: Hex,
    /// The owner's Ed25519 key.
    pub owner: Hex,
    /// The signature.
    pub signature: Hex,
}

impl Approval {
    /// Signs reference values.
    pub fn sign(values: &ReferenceValues, key: &SigningKey) -> Self {
        Self {
            digest: values.digest(),
            owner: key.verifying_key().to_bytes().into(),
            signature: key.sign(&values.message()).to_bytes().into(),
        }
    }

    fn verify(&self, values: &ReferenceValues, owner: &VerifyingKey) -> Result<()> {
        let fail = || Error::signature(format!("the approval by {}", self.owner));
        let signature: [u8; 64] = self.signature.0.as_slice().try_into().map_err(|_| fail())?;
        owner.verify_strict(&values.message(), &Signature::from_bytes(&signature)).map_err(|_| fail())
    }
}

/// Reference values that every owner has signed: nothing else makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved(ReferenceValues);

impl Approved {
    /// Checks that each of the owners has signed these values.
    ///
    /// # Errors
    /// [`Error::Verifier`] naming the owner who has not, [`Error::Signature`] for a signature that does not verify.
    pub fn by_all(values: ReferenceValues, owners: &[VerifyingKey], approvals: &[Approval]) -> Result<Self> {
        if owners.is_empty() {
            return Err(Error::verifier("approval", "there are no owners to approve"));
        }
        if values.measurements.keys().all(|name| !values.technology.identifies_code(name)) {
            return Err(Error::verifier("approval", "the reference values pin no code"));
        }
        let digest = values.digest();
        for owner in owners {
            let key = Hex::from(owner.to_bytes());
            let approval = approvals.iter().find(|approval| approval.owner == key && approval.digest == digest);
            let missing = || Error::verifier("approval", format!("owner {key} has not approved {digest}"));
            approval.ok_or_else(missing)?.verify(&values, owner)?;
        }
        Ok(Self(values))
    }

    /// The values.
    pub fn values(&self) -> &ReferenceValues {
        &self.0
    }

    /// The policy with these values in place of its own for the same measurements, for this technology only.
    pub fn pin(&self, mut policy: Policy) -> Policy {
        policy.technologies = vec![self.0.technology];
        policy.measurements.extend(self.0.measurements.clone());
        policy
    }
}
