//! AWS Nitro enclaves: attestation documents (COSE_Sign1, ES384) with their chain to the AWS Nitro root.
//!
//! An enclave that was started for debugging has registers 0 to 2 all zero, and AWS signs that like any other: such
//! a document is claimed as debug.
//!
//! Source: AWS, *Nitro Enclaves: verifying the root of trust* (attestation process); RFC 9052.

use std::collections::BTreeMap;

use ciborium::Value;
use coset::{CborSerializable, CoseSign1, RegisteredLabelWithPrivate, TaggedCborSerializable, iana};

use crate::bytes::{Base64Bytes, Hex, is_zero};
use crate::claims::{
    ClaimSet, Configuration, Executables, Freshness, Hardware, Root, Tcb, TcbStatus, Technology, Tier,
};
use crate::endorse::Roots;
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::time::Time;
use crate::x509::{Certificate, check_path};

/// An attestation document as evidence. It carries its chain.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NitroEvidence {
    /// The COSE_Sign1, tagged or not.
    pub document: Base64Bytes,
}

/// A document, parsed and not verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The enclave's instance.
    pub module_id: String,
    /// When the hypervisor made it.
    pub timestamp: Time,
    /// Platform configuration registers.
    pub pcrs: BTreeMap<u8, Vec<u8>>,
    /// The certificate that signs it.
    pub certificate: Certificate,
    /// The chain above, root first.
    pub cabundle: Vec<Certificate>,
    /// Chosen by the enclave.
    pub public_key: Option<Vec<u8>>,
    /// Chosen by the enclave.
    pub user_data: Option<Vec<u8>>,
    /// Chosen by the enclave, meant for the verifier's challenge.
    pub nonce: Option<Vec<u8>>,
    envelope: CoseSign1,
}

const WHAT: &str = "Nitro document";

impl Document {
    /// Parses a document.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Unsupported`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bad = |why: String| Error::malformed(WHAT, why);
        let envelope = CoseSign1::from_tagged_slice(bytes)
            .or_else(|_| CoseSign1::from_slice(bytes))
            .map_err(|e| bad(e.to_string()))?;
        let es384 = RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES384);
        if envelope.protected.header.alg != Some(es384) {
            return Err(Error::unsupported(WHAT, "not signed with ES384"));
        }
        let payload = envelope.payload.as_deref().ok_or_else(|| bad("no payload".into()))?;
        let mut fields = fields(payload)?;
        let mut take = |name: &str| fields.remove(name);
        let certificate = bytes_of(take("certificate"), "certificate")?;
        if text_of(take("digest"), "digest")? != "SHA384" {
            return Err(Error::unsupported(WHAT, "registers that are not SHA-384"));
        }
        Ok(Self {
            module_id: text_of(take("module_id"), "module_id")?,
            timestamp: Time::from_unix(integer_of(take("timestamp"), "timestamp")? / 1000),
            pcrs: registers(take("pcrs"))?,
            certificate: Certificate::parse(&certificate)?,
            cabundle: bundle(take("cabundle"))?,
            public_key: optional_bytes(take("public_key"))?,
            user_data: optional_bytes(take("user_data"))?,
            nonce: optional_bytes(take("nonce"))?,
            envelope,
        })
    }

    /// Whether the enclave was started for debugging: registers 0 to 2 are zero.
    pub fn is_debug(&self) -> bool {
        (0..3).all(|index| self.pcrs.get(&index).is_none_or(|pcr| is_zero(pcr)))
    }

    fn verify_signature(&self) -> Result<()> {
        let key = self.certificate.public_key()?;
        self.envelope.verify_signature(&[], |signature, signed| match signature.split_at_checked(48) {
            Some((r, s)) if s.len() == 48 && key.verify_scalars(Hash::Sha384, signed, r, s) => Ok(()),
            _ => Err(Error::signature("the Nitro document")),
        })
    }
}

/// Validates a document at a time.
pub(crate) fn validate(evidence: &NitroEvidence, roots: &Roots, at: Time) -> Result<ClaimSet> {
    let document = Document::parse(&evidence.document)?;
    let development = roots.development.as_ref().map(|roots| &roots.nitro);
    let claimed = document.cabundle.first();
    let (root, kind) = match development {
        Some(root) if claimed == Some(root) => (root, Root::Development),
        _ => (&roots.nitro, Root::Production),
    };
    if claimed != Some(root) {
        let why = "does not end in the AWS Nitro root".to_owned();
        return Err(Error::Chain { what: document.certificate.subject(), why });
    }
    let path: Vec<&Certificate> =
        std::iter::once(&document.certificate).chain(document.cabundle.iter().rev()).collect();
    let valid = check_path(&path, at)?;
    document.verify_signature()?;
    valid.check("the time in the Nitro document", document.timestamp)?;
    Ok(claims(&document, kind, root.fingerprint(), valid, at))
}

fn claims(document: &Document, root: Root, fingerprint: Hex, valid: crate::time::Window, at: Time) -> ClaimSet {
    let debug = document.is_debug();
    let named = |(index, value): (&u8, &Vec<u8>)| (format!("pcr{index}"), Hex(value.clone()));
    let hex = |field: &Option<Vec<u8>>| field.clone().map(Hex);
    ClaimSet {
        technology: Technology::Nitro,
        protects: Technology::Nitro.protects(),
        root,
        root_fingerprint: fingerprint,
        validated: at,
        valid,
        stale_since: None,
        hardware: Hardware {
            tier: Tier::None,
            vendor: "AWS".into(),
            product: Some("Nitro".into()),
            identity: Some(Hex::from(document.module_id.as_bytes())),
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
            tier: if debug { Tier::Contraindicated } else { Tier::Affirming },
            debug,
            flags: BTreeMap::new(),
            numbers: BTreeMap::new(),
        },
        executables: Executables {
            tier: Tier::None,
            // Registers of all zeros have not been extended: they measure nothing.
            measurements: document.pcrs.iter().map(named).collect(),
            boot: Vec::new(),
        },
        freshness: Freshness {
            tier: Tier::None,
            report_data: hex(&document.user_data).unwrap_or_default(),
            nonce: hex(&document.nonce),
            bound_key: document.public_key.as_ref().map(|key| Hex(Hash::Sha256.digest(&[key]))),
            in_certificate: false,
            produced: Some(document.timestamp),
        },
        verified: vec![
            "the document is signed by the hypervisor's certificate".into(),
            "that certificate is issued under the AWS Nitro root and valid".into(),
        ],
        limits: vec![
            "memory is isolated from the parent instance by AWS's hypervisor, not encrypted against AWS".into(),
            "AWS states no firmware versions".into(),
        ],
    }
}

fn fields(payload: &[u8]) -> Result<BTreeMap<String, Value>> {
    let mut rest = payload;
    let value: Value =
        ciborium::de::from_reader_with_recursion_limit(&mut rest, 16).map_err(|e| Error::malformed(WHAT, e))?;
    if !rest.is_empty() {
        return Err(Error::malformed(WHAT, "bytes follow the payload"));
    }
    let Value::Map(entries) = value else { return Err(Error::malformed(WHAT, "the payload is no map")) };
    let mut fields = BTreeMap::new();
    for (key, value) in entries {
        let Value::Text(key) = key else { return Err(Error::malformed(WHAT, "a key that is no text")) };
        if fields.insert(key, value).is_some() {
            return Err(Error::malformed(WHAT, "a key occurs twice"));
        }
    }
    Ok(fields)
}

fn missing(name: &str) -> Error {
    Error::malformed(WHAT, format!("{name} is missing or of another type"))
}

fn text_of(value: Option<Value>, name: &str) -> Result<String> {
    value.and_then(|value| value.into_text().ok()).ok_or_else(|| missing(name))
}

fn bytes_of(value: Option<Value>, name: &str) -> Result<Vec<u8>> {
    value.and_then(|value| value.into_bytes().ok()).ok_or_else(|| missing(name))
}

fn optional_bytes(value: Option<Value>) -> Result<Option<Vec<u8>>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
        Some(_) => Err(missing("public_key, user_data or nonce")),
    }
}

fn integer_of(value: Option<Value>, name: &str) -> Result<u64> {
    let integer = value.and_then(|value| value.into_integer().ok());
    integer.and_then(|integer| u64::try_from(integer).ok()).ok_or_else(|| missing(name))
}

fn registers(value: Option<Value>) -> Result<BTreeMap<u8, Vec<u8>>> {
    let entries = value.and_then(|value| value.into_map().ok()).ok_or_else(|| missing("pcrs"))?;
    let mut registers = BTreeMap::new();
    for (index, value) in entries {
        let index = u8::try_from(integer_of(Some(index), "pcrs")?).map_err(|_| missing("pcrs"))?;
        let value = bytes_of(Some(value), "pcrs")?;
        if index > 31 || value.len() != 48 || registers.insert(index, value).is_some() {
            return Err(missing("pcrs"));
        }
    }
    Ok(registers)
}

fn bundle(value: Option<Value>) -> Result<Vec<Certificate>> {
    let entries = value.and_then(|value| value.into_array().ok()).ok_or_else(|| missing("cabundle"))?;
    if entries.len() > 8 {
        return Err(Error::malformed(WHAT, "more than eight certificates in its chain"));
    }
    entries.into_iter().map(|entry| Certificate::parse(&bytes_of(Some(entry), "cabundle")?)).collect()
}
