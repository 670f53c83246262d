//! What evidence proves, in one form for all technologies, shaped after EAR (draft-ietf-rats-ear) and AR4SI
//! (draft-ietf-rats-ar4si): hardware, configuration, executables, freshness, each with its trust tier.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bytes::Hex;
use crate::time::{Time, Window};

/// A kind of attesting environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technology {
    /// Intel SGX enclave (DCAP quote version 3).
    Sgx,
    /// Intel TDX trust domain (quote version 4 or 5).
    Tdx,
    /// AMD SEV-SNP guest.
    Snp,
    /// TPM 2.0: measured boot, no memory encryption.
    Tpm,
    /// AWS Nitro enclave.
    Nitro,
    /// Azure confidential VM on SEV-SNP, attested through its vTPM.
    AzureSnp,
    /// Azure confidential VM on TDX, attested through its vTPM.
    AzureTdx,
}

impl Technology {
    /// The name policies use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgx => "sgx",
            Self::Tdx => "tdx",
            Self::Snp => "snp",
            Self::Tpm => "tpm",
            Self::Nitro => "nitro",
            Self::AzureSnp => "azure-snp",
            Self::AzureTdx => "azure-tdx",
        }
    }

    /// What a machine of this kind protects.
    pub fn protects(self) -> Protects {
        match self {
            Self::Tpm => Protects::Integrity,
            _ => Protects::Memory,
        }
    }

    /// Whether a measurement of this name says which code runs, given that the hardware is genuine. What a machine can
    /// set freely (resettable PCRs, registers that firmware extends while the firmware itself is not pinned) does not.
    pub fn identifies_code(self, measurement: &str) -> bool {
        match self {
            Self::Sgx => measurement == "mrenclave",
            Self::Tdx | Self::AzureTdx => measurement == "mrtd",
            Self::Snp | Self::AzureSnp => measurement == "measurement",
            Self::Nitro => matches!(measurement, "pcr0" | "pcr8"),
            Self::Tpm => {
                let register = ["pcr.sha256.", "pcr.sha384.", "pcr.sha512."];
                let register = register.iter().find_map(|bank| measurement.strip_prefix(bank));
                let register = register.and_then(|index| index.parse::<u32>().ok());
                register.is_some_and(|index| index < 16 || (17..=22).contains(&index))
            }
        }
    }

    /// Names of measurements of what was booted, where [`Technology::identifies_code`] covers only what boots it.
    pub(crate) fn booted(self) -> Option<&'static str> {
        match self {
            Self::Tdx => Some("rtmr"),
            Self::AzureTdx | Self::AzureSnp => Some("pcr."),
            _ => None,
        }
    }
}

/// What a machine keeps from whoever operates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protects {
    /// What ran is recorded; whoever operates the machine can read its memory.
    Integrity,
    /// Memory is out of reach of whoever operates the machine, too.
    Memory,
}

/// A trust tier (AR4SI, section 2.3.2), worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Vouched for.
    Affirming,
    /// Nothing is known either way.
    #[default]
    None,
    /// Known to be less than it should.
    Warning,
    /// Known to be bad.
    Contraindicated,
}

impl Tier {
    /// AR4SI's number for the tier.
    pub fn value(self) -> i8 {
        match self {
            Self::None => 0,
            Self::Affirming => 2,
            Self::Warning => 32,
            Self::Contraindicated => 96,
        }
    }
}

/// Where a chain of trust ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    /// A vendor's production root, pinned in this crate.
    Production,
    /// A development root: anyone who knows its seed can sign whatever they like.
    Development,
    /// No root: the key itself has to be named by the policy.
    None,
}

/// How current the platform's firmware is, as its vendor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TcbStatus {
    /// Nothing is missing.
    UpToDate,
    /// Up to date, but software in the enclave has to mitigate.
    SWHardeningNeeded,
    /// Up to date, but the platform is configured in a way that needs attention.
    ConfigurationNeeded,
    /// Both of the above.
    ConfigurationAndSWHardeningNeeded,
    /// A trust domain started on older firmware that has been updated since.
    TDRelaunchAdvised,
    /// The above, on a platform whose configuration needs attention.
    TDRelaunchAdvisedConfigurationNeeded,
    /// Known weaknesses are not fixed.
    OutOfDate,
    /// Known weaknesses are not fixed, and the configuration needs attention.
    OutOfDateConfigurationNeeded,
    /// The vendor says nothing about currency in its evidence: the policy has to give minimum versions.
    Unrated,
    /// The evidence describes no platform firmware.
    NotStated,
}

impl TcbStatus {
    /// The tier that a status has before a policy tolerates it.
    pub fn tier(self) -> Tier {
        match self {
            Self::UpToDate => Tier::Affirming,
            Self::Unrated | Self::NotStated => Tier::None,
            _ => Tier::Warning,
        }
    }
}

/// One versioned part of the trusted computing base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TcbComponent {
    /// Its name.
    pub name: String,
    /// The version the machine has.
    pub have: u64,
    /// The version of the newest level, where the machine falls short of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<u64>,
}

impl TcbComponent {
    pub(crate) fn have(name: &str, have: impl Into<u64>) -> Self {
        Self { name: name.to_owned(), have: have.into(), needs: None }
    }
}

/// The platform's firmware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tcb {
    /// How much it can be trusted: affirming only if the vendor says that nothing is missing.
    pub tier: Tier,
    /// How current it is.
    pub status: TcbStatus,
    /// The vendor's advisories that apply to it.
    pub advisories: Vec<String>,
    /// Its components; for Intel those that fall short of the newest level.
    pub components: Vec<TcbComponent>,
    /// Intel's TCB evaluation data number: how recent the vendor's knowledge is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<u32>,
    /// Since when the matched level is the vendor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Time>,
}

/// What machine it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hardware {
    /// How much it can be trusted.
    pub tier: Tier,
    /// Who made it.
    pub vendor: String,
    /// The product, where the evidence names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// What identifies this one machine (chip id, platform instance, attestation key), where stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Hex>,
    /// Its firmware.
    pub tcb: Tcb,
}

/// How the environment is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Configuration {
    /// How much it can be trusted: contraindicated if it can be debugged.
    pub tier: Tier,
    /// Whether whoever operates the machine can read and change what runs.
    pub debug: bool,
    /// Switches, by name (`smt`, `migratable`, `secure-boot`, ...).
    pub flags: BTreeMap<String, bool>,
    /// Numbers, by name (`vmpl`, `isv-svn`, `guest-svn`, ...).
    pub numbers: BTreeMap<String, u64>,
}

/// Something a measured boot loaded, from an event log that replays to the measurements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BootEvent {
    /// The register it was measured into.
    pub register: u32,
    /// What it is: `boot-application`, `command-line`, `secure-boot`, ...
    pub kind: String,
    /// Its digest in the strongest bank of the log.
    pub digest: Hex,
    /// Its text, if the log carries it and it hashes to the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What code runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Executables {
    /// `none` until an appraisal compares it with reference values.
    pub tier: Tier,
    /// Measurements, by name: see the crate's documentation for each technology's.
    pub measurements: BTreeMap<String, Hex>,
    /// What the boot loaded, if an event log was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boot: Vec<BootEvent>,
}

/// What ties the evidence to a moment, a connection or a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub struct Freshness {
    /// `none` until an appraisal compares it with what the verifier expects.
    pub tier: Tier,
    /// The field that the attested environment chose: report data, qualifying data, user data.
    pub report_data: Hex,
    /// A separate nonce, where the technology has one (Nitro).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Hex>,
    /// SHA-256 of the `SubjectPublicKeyInfo` the evidence is bound to, if it vouches for a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_key: Option<Hex>,
    /// Whether it came inside a certificate: its report data names the certificate's key, so it answers no challenge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_certificate: bool,
    /// When the evidence says it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub produced: Option<Time>,
}

/// The claims as data. On their own they prove nothing: see [`Claims`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct ClaimSet {
    /// What kind of environment it is.
    pub technology: Technology,
    /// What that kind protects.
    pub protects: Protects,
    /// Where its chain of trust ends.
    pub root: Root,
    /// SHA-256 of the certificate or key the chain ends in.
    pub root_fingerprint: Hex,
    /// The time of validation, as the caller gave it.
    pub validated: Time,
    /// The time in which every endorsement holds. It can be over: see `stale_since`.
    pub valid: Window,
    /// If collateral had run out at `validated`: since when. Certificates never have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Time>,
    /// What machine it is.
    pub hardware: Hardware,
    /// How it is set up.
    pub configuration: Configuration,
    /// What runs on it.
    pub executables: Executables,
    /// What ties the evidence to now.
    pub freshness: Freshness,
    /// What was verified, in words.
    pub verified: Vec<String>,
    /// What this kind of evidence does not prove, in words.
    pub limits: Vec<String>,
}

/// Claims whose evidence was validated: the only way to one is [`crate::validate`], and only one can be appraised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Claims(ClaimSet);

impl Claims {
    pub(crate) fn new(set: ClaimSet) -> Self {
        Self(set)
    }
}

impl std::ops::Deref for Claims {
    type Target = ClaimSet;

    fn deref(&self) -> &ClaimSet {
        &self.0
    }
}
