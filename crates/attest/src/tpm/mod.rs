//! TPM 2.0: quotes by RSA and ECC attestation keys over several banks of PCRs, with their values and the TCG event
//! log that led to them.
//!
//! What it proves: that this TPM's registers held these values when it signed this challenge. Not that memory is
//! encrypted, and not that whoever was in charge before the first measurement told the truth: appraisals carry the
//! tier `integrity` only. The attestation key has to be vouched for: by a certificate chain to a root that the policy
//! names, or by the policy naming the key, after its credential was activated against the endorsement key.
//!
//! Source: TCG, *TPM 2.0 Library* 1.59, part 1, section 18.4 and part 2, section 10.12.

mod container;
mod credential;
mod key;
mod pcr;
mod quote;

use std::collections::BTreeMap;

use crate::bytes::{Base64Bytes, Hex};
use crate::claims::{
    BootEvent, ClaimSet, Configuration, Executables, Freshness, Hardware, Root, Tcb, TcbStatus, Technology, Tier,
};
use crate::endorse::{Endorsements, Roots};
use crate::error::{Error, Result};
use crate::eventlog::EventLog;
use crate::keys::Hash;
use crate::time::Time;
use crate::x509::Certificate;

pub(crate) use container::{is_go_tpm_tools, parse_go_tpm_tools};
pub use credential::{Awaiting, Credential, Enrolment};
pub(crate) use key::{AttestationKey, EK_PURPOSE, public_key};
pub use key::{EndorsementKey, check_endorsement_key};
pub use pcr::{Pcr, parse_tpm2_tools_pcrs};
pub use quote::{Quoted, parse_quote};

/// Quotes of one TPM as evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TpmEvidence {
    /// The attestation key: a `TPMT_PUBLIC` or `TPM2B_PUBLIC`, or a `SubjectPublicKeyInfo` in DER or PEM.
    pub attestation_key: Base64Bytes,
    /// Certificates of the attestation key and of its issuers, leaf first, if it has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Base64Bytes>,
    /// Quotes, all over the same challenge.
    pub quotes: Vec<TpmQuote>,
    /// The TCG event log of the firmware, in the crypto-agile format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_log: Option<Base64Bytes>,
}

impl TpmEvidence {
    /// From the files of `tpm2_quote` (`--message`, `--signature`, `--pcr`) and the attestation key's public part.
    ///
    /// # Errors
    /// As [`parse_tpm2_tools_pcrs`].
    pub fn from_tpm2_tools(attestation_key: &[u8], message: &[u8], signature: &[u8], pcrs: &[u8]) -> Result<Self> {
        let pcrs = parse_tpm2_tools_pcrs(pcrs)?;
        Ok(Self {
            attestation_key: attestation_key.into(),
            certificates: Vec::new(),
            quotes: vec![TpmQuote { message: message.into(), signature: signature.into(), pcrs }],
            event_log: None,
        })
    }
}

/// One quote with the values of the PCRs that it covers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TpmQuote {
    /// The `TPMS_ATTEST`.
    pub message: Base64Bytes,
    /// The `TPMT_SIGNATURE`.
    pub signature: Base64Bytes,
    /// The values that the quote's digest is made of: all of those it selects, and no others.
    pub pcrs: Vec<Pcr>,
}

/// Registers that firmware and boot loader extend, all of it written to the event log (PC Client PFP, section 2.3.4).
/// Later ones are extended by the operating system, too, and the log does not say with what.
const LOGGED: std::ops::Range<u32> = 0..10;

/// Validates quotes at a time.
pub(crate) fn validate(evidence: &TpmEvidence, with: &Endorsements, roots: &Roots, at: Time) -> Result<ClaimSet> {
    let key = AttestationKey::parse(&evidence.attestation_key)?;
    let (quoted, banks) = verify_quotes(&evidence.quotes, &key)?;
    let vouched = key::vouch(&key, &evidence.certificates, with, roots, at)?;
    let mut claims = claims(&quoted, &banks, &key, &vouched, at);
    if let Some(log) = &evidence.event_log {
        let log = EventLog::parse(log)?;
        let boot = replay(&log, &banks)?;
        crate::eventlog::describe_boot(&mut claims, boot);
        claims.verified.push(format!("the event log ({} events) replays to the quoted registers", log.events.len()));
    }
    Ok(claims)
}

/// Values by register, by bank.
pub(crate) type Banks = BTreeMap<Hash, BTreeMap<u32, Vec<u8>>>;

/// Verifies every quote; they have to agree on the challenge and on each register.
pub(crate) fn verify_quotes(quotes: &[TpmQuote], key: &AttestationKey) -> Result<(Quoted, Banks)> {
    if quotes.len() > 16 {
        return Err(Error::malformed("TPM evidence", "more than sixteen quotes"));
    }
    let mut banks = Banks::new();
    let mut first: Option<Quoted> = None;
    for quote in quotes {
        let quoted = quote::verify(quote, &key.key)?;
        for pcr in &quote.pcrs {
            let bank = banks.entry(pcr.bank).or_default();
            if bank.insert(pcr.index, pcr.value.0.clone()).is_some_and(|other| other != pcr.value.0) {
                let why = format!("two values of {} register {}", pcr.bank.name(), pcr.index);
                return Err(Error::mismatch("TPM quotes", why));
            }
        }
        match &first {
            Some(first) if first.extra_data != quoted.extra_data => {
                return Err(Error::mismatch("TPM quotes", "they answer different challenges"));
            }
            Some(_) => {}
            None => first = Some(quoted),
        }
    }
    let first = first.ok_or_else(|| Error::malformed("TPM evidence", "no quote"))?;
    Ok((first, banks))
}

fn claims(quoted: &Quoted, banks: &Banks, key: &AttestationKey, vouched: &key::Vouched, at: Time) -> ClaimSet {
    let numbers = [
        ("firmware-version", quoted.firmware_version),
        ("reset-count", u64::from(quoted.reset_count)),
        ("restart-count", u64::from(quoted.restart_count)),
    ];
    let mut flags = BTreeMap::from([("clock-safe".to_owned(), quoted.clock_safe)]);
    flags.extend(key.restricted.map(|restricted| ("restricted-key".to_owned(), restricted)));
    let mut limits = vec![
        "a TPM does not encrypt memory: whoever operates the machine can read what runs on it".to_owned(),
        "whoever was in charge before the first measurement could have measured something else".to_owned(),
    ];
    if key.restricted.is_none() {
        limits.push("that the key signs only what its TPM made was established outside of this evidence".to_owned());
    }
    ClaimSet {
        technology: Technology::Tpm,
        protects: Technology::Tpm.protects(),
        root: vouched.root,
        root_fingerprint: vouched.fingerprint.clone(),
        validated: at,
        valid: vouched.window,
        stale_since: None,
        hardware: Hardware {
            tier: if vouched.root == Root::None { Tier::None } else { Tier::Affirming },
            vendor: vouched.vendor.clone(),
            product: None,
            identity: Some(key.fingerprint.clone()),
            tcb: Tcb {
                tier: TcbStatus::NotStated.tier(),
                status: TcbStatus::NotStated,
                advisories: Vec::new(),
                components: Vec::new(),
                evaluation: None,
                date: None,
            },
        },
        configuration: Configuration {
            tier: Tier::None,
            debug: false,
            flags,
            numbers: numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        },
        executables: Executables { tier: Tier::None, measurements: measurements(banks), boot: Vec::new() },
        freshness: Freshness { report_data: Hex(quoted.extra_data.clone()), ..Freshness::default() },
        verified: vec![
            "every quote is signed by the attestation key and covers the values of its registers".into(),
            vouched.in_words.clone(),
        ],
        limits,
    }
}

/// `pcr.sha256.4` and so on.
pub(crate) fn measurements(banks: &Banks) -> BTreeMap<String, Hex> {
    let named = |bank: Hash, index: &u32, value: &Vec<u8>| (format!("pcr.{}.{index}", bank.name()), Hex(value.clone()));
    banks.iter().flat_map(|(bank, values)| values.iter().map(move |(i, v)| named(*bank, i, v))).collect()
}

/// Replays a log against every bank that is both logged and quoted; at least one has to be. Returns the boot events of
/// the strongest one, of registers whose replay holds.
pub(crate) fn replay(log: &EventLog, banks: &Banks) -> Result<Vec<BootEvent>> {
    let mut boot = None;
    for (bank, quoted) in banks.iter().filter(|(bank, _)| log.banks.contains(bank)) {
        let replayed = log.replay(*bank)?;
        let mut confirmed = Vec::new();
        for (index, value) in quoted {
            let initial = vec![0; bank.size()];
            let holds = replayed.get(index).unwrap_or(&initial) == value;
            if holds {
                confirmed.push(*index);
            } else if LOGGED.contains(index) {
                let why = format!("does not replay to {} register {index}, which is {}", bank.name(), Hex::from(value));
                return Err(Error::mismatch("event log", why));
            }
        }
        let mut events = log.boot_events(*bank, 0);
        events.retain(|event| confirmed.contains(&event.register));
        boot = Some(events);
    }
    boot.ok_or_else(|| Error::mismatch("event log", "has no bank that is quoted"))
}

/// Intermediates and leaf certificates that evidence carries.
pub(crate) fn parse_certificates(carried: &[Base64Bytes]) -> Result<Vec<Certificate>> {
    if carried.len() > 16 {
        return Err(Error::malformed("TPM evidence", "more than sixteen certificates"));
    }
    carried.iter().map(|der| Certificate::parse(der)).collect()
}
