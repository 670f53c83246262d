//! What a verifier accepts: reference values, minimum versions, and tolerances that have to be written down.
//!
//! ```toml
//! name = "hospital enclave"
//! technologies = ["tdx"]
//!
//! [measurements]                 # each must be one of the listed values
//! mrtd = ["a3…"]
//! rtmr1 = ["5c…", "77…"]
//!
//! [minimum]                      # numbers and TCB components
//! evaluation = 17
//!
//! [require]                      # flags and numbers that must have exactly this value
//! secure-boot = true
//!
//! [tolerate]                     # refused unless written here
//! tcb = ["SWHardeningNeeded"]
//! advisories = ["INTEL-SA-00615"]
//! stale-collateral-seconds = 86400
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bytes::{Hex, canonical_json, is_zero};
use crate::claims::{ClaimSet, Protects, Root, TcbStatus, Technology};
use crate::error::{Error, Result};
use crate::keys::Hash;

/// A verifier's policy, as written in TOML. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Policy {
    /// Its name, for people.
    pub name: String,
    /// The technologies it accepts.
    pub technologies: Vec<Technology>,
    /// Whether it accepts what only development should: development roots, and machines that do not protect memory.
    #[serde(default)]
    pub development: bool,
    /// How long an appraisal holds, in seconds; never longer than the endorsements do.
    #[serde(default = "default_lifetime")]
    pub lifetime_seconds: u64,
    /// Reference values: for each measurement named, the values it may have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measurements: BTreeMap<String, Vec<Hex>>,
    /// Least values of numbers (`isv-svn`, `guest-svn`, `evaluation`) and TCB components (`snp`, `microcode`, ...).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub minimum: BTreeMap<String, u64>,
    /// Exact values of flags and numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub require: BTreeMap<String, Value>,
    /// For each kind of boot event named, the only texts or digests (hexadecimal) that may occur; at least one must.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub boot: BTreeMap<String, Vec<String>>,
    /// Keys and roots that this policy trusts besides the vendors' pinned roots.
    #[serde(default, skip_serializing_if = "is_default")]
    pub trust: Trust,
    /// What would otherwise be refused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tolerate: Tolerances,
}

/// A value that a policy requires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A switch.
    Flag(bool),
    /// A number.
    Number(u64),
}

/// Keys and roots that a policy trusts besides the vendors' pinned roots.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Trust {
    /// SHA-256 of the `SubjectPublicKeyInfo` of attestation keys: of TPMs whose credential was activated before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attestation_keys: Vec<Hex>,
    /// SHA-256 of the certificates of roots of TPM manufacturers and cloud providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<Hex>,
}

/// What would otherwise be refused, each for its own reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tolerances {
    /// An environment that its operator can debug, so read and change.
    #[serde(default, skip_serializing_if = "is_default")]
    pub debug: bool,
    /// A policy that pins no measurement, so accepts any code.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unpinned: bool,
    /// TCB statuses other than `UpToDate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcb: Vec<TcbStatus>,
    /// Vendor advisories that apply and are accepted, each by its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advisories: Vec<String>,
    /// For how long collateral may have run out, in seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stale_collateral_seconds: u64,
    /// Evidence that is not tied to anything the verifier expects, so may be replayed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub missing_freshness: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn default_lifetime() -> u64 {
    3600
}

impl Policy {
    /// From its TOML text.
    pub fn parse(toml: &str) -> Result<Self> {
        let policy: Self = toml::from_str(toml).map_err(|e| Error::verifier("policy", e))?;
        policy.check()?;
        Ok(policy)
    }

    /// A policy that pins what these claims say: code, what was booted, and firmware versions as minimum. It says what
    /// this machine is, not that it is right: for writing down reference values of a machine known to be good.
    pub fn pinning(name: &str, claims: &ClaimSet) -> Self {
        let technology = claims.technology;
        let booted = technology.booted();
        let pins = |name: &str, value: &Hex| {
            let code = technology.identifies_code(name) || booted.is_some_and(|prefix| name.starts_with(prefix));
            code && !is_zero(&value.0)
        };
        let pinned = claims.executables.measurements.iter().filter(|(name, value)| pins(name, value));
        let unrated = claims.hardware.tcb.status == TcbStatus::Unrated;
        let components = claims.hardware.tcb.components.iter().filter(|_| unrated);
        let mut trust = Trust::default();
        if claims.root == Root::None {
            trust.attestation_keys.extend(claims.hardware.identity.clone());
        }
        Self {
            name: name.to_owned(),
            technologies: vec![technology],
            development: claims.root == Root::Development || claims.protects == Protects::Integrity,
            lifetime_seconds: default_lifetime(),
            measurements: pinned.map(|(name, value)| (name.clone(), vec![value.clone()])).collect(),
            minimum: components.map(|component| (component.name.clone(), component.have)).collect(),
            require: BTreeMap::new(),
            boot: BTreeMap::new(),
            trust,
            tolerate: Tolerances::default(),
        }
    }

    /// Refuses what cannot be meant: no technology, or a reference value without values. [`parse`](Self::parse) does so, too.
    ///
    /// # Errors
    /// [`Error::Verifier`], with what it is.
    pub fn check(&self) -> Result<()> {
        let names =
            self.measurements.keys().chain(self.minimum.keys()).chain(self.require.keys()).chain(self.boot.keys());
        let texts = self.boot.values().flatten().chain(&self.tolerate.advisories);
        // What people sign must not be able to look like a line of ours.
        if names.chain(texts).chain([&self.name]).any(|text| text.chars().any(char::is_control)) {
            return Err(Error::verifier("policy", "a text with control characters"));
        }
        if self.technologies.is_empty() {
            return Err(Error::verifier("policy", "accepts no technology"));
        }
        if let Some((name, _)) = self.measurements.iter().find(|(_, values)| values.iter().all(|v| v.0.is_empty())) {
            return Err(Error::verifier("policy", format!("measurement {name} lists no value")));
        }
        if let Some((name, _)) = self.boot.iter().find(|(_, values)| values.is_empty()) {
            return Err(Error::verifier("policy", format!("boot event {name} lists no value")));
        }
        Ok(())
    }

    /// Its TOML text, which [`Policy::parse`] reads.
    ///
    /// # Errors
    /// [`Error::Verifier`] for what TOML cannot hold; none of a policy's parts is.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::verifier("policy", e))
    }

    /// SHA-256 of its canonical form (JSON, keys in order): names the policy in an appraisal.
    pub fn digest(&self) -> Hex {
        Hex(Hash::Sha256.digest(&[&canonical_json(self)]))
    }

    /// Whether it pins which code runs: a measurement of the code, or (SGX) who signed it together with the product.
    /// A register that may be all zeros was never extended, so pins nothing.
    pub fn pins_code(&self, technology: Technology) -> bool {
        let pinned = |name: &str| {
            let values = self.measurements.get(name);
            values.is_some_and(|values| !values.iter().any(|value| is_zero(&value.0)))
        };
        let signer = technology == Technology::Sgx && pinned("mrsigner") && self.require.contains_key("isv-prod-id");
        signer || self.measurements.keys().any(|name| technology.identifies_code(name) && pinned(name))
    }
}
