//! Made-up SGX and TDX quotes with their collateral, verified by the same library as real ones.

use dcap_qvl::QuoteCollateralV3;
use der::Encode;
use der::asn1::{AnyRef, OctetStringRef};
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer;
use serde_json::{Value, json};
use spki::ObjectIdentifier;

use super::certs::{Authority, extension};
use super::{CURRENT_FIRMWARE, DevelopmentPki, Guest, measurement};
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::sgx_tdx::{Collateral, QuoteEvidence};
use crate::time::{Time, Window};

const FMSPC: [u8; 6] = [0xde, 0xe7, 0x0b, 0, 0, 0];
const QE_SIGNER: [u8; 32] = [0x51; 32];
/// Thirty days, as Intel's.
const LIFETIME: u64 = 30 * 86_400;

fn bad(why: impl std::fmt::Display) -> Error {
    Error::verifier("development PKI", why)
}

impl DevelopmentPki {
    /// A version 4 quote of a trust domain.
    ///
    /// # Errors
    /// None in practice: encoding of fixed values.
    pub fn tdx(&self, guest: &Guest<'_>) -> Result<QuoteEvidence> {
        let mut body = Vec::with_capacity(584);
        let mut tcb = [0; 16];
        tcb[0] = guest.firmware;
        body.extend(tcb);
        // MRSEAM, MRSIGNERSEAM, SEAMATTRIBUTES.
        body.extend([0; 48 + 48 + 8]);
        // SEPT_VE_DISABLE is bit 28, DEBUG bit 0; XFAM: x87 and SSE.
        body.extend((1u64 << 28 | u64::from(guest.debug)).to_le_bytes());
        body.extend(3u64.to_le_bytes());
        body.extend(measurement(guest.code, Hash::Sha384));
        // MRCONFIGID, MROWNER, MROWNERCONFIG, RTMR0 to RTMR3.
        body.extend([0; 7 * 48]);
        body.extend(guest.padded_report_data());
        self.quote(4, 0x81, &body, guest.firmware)
    }

    /// A version 3 quote of an SGX enclave.
    ///
    /// # Errors
    /// None in practice: encoding of fixed values.
    pub fn sgx(&self, guest: &Guest<'_>) -> Result<QuoteEvidence> {
        let mut attributes = [0; 16];
        attributes[0] = 0b101 | u8::from(guest.debug) << 1;
        let code = measurement(guest.code, Hash::Sha256);
        let body = enclave(attributes, &code, &[0x52; 32], (7, 1), &guest.padded_report_data());
        self.quote(3, 0, &body, guest.firmware)
    }

    /// Collateral for these quotes, issued at a time and good for thirty days.
    ///
    /// # Errors
    /// None in practice: encoding of fixed values.
    pub fn intel_collateral(&self, tdx: bool, at: Time) -> Result<Collateral> {
        self.intel_collateral_revoking(tdx, at, &[])
    }

    /// The same, with the certificates of platforms of some firmware versions revoked.
    ///
    /// # Errors
    /// None in practice: encoding of fixed values.
    pub fn intel_collateral_revoking(&self, tdx: bool, at: Time, firmware: &[u8]) -> Result<Collateral> {
        let root = self.authority256("Intel")?;
        let platform = self.issue256("Intel platform CA", ("Intel root", &root.key), true, Vec::new())?;
        let signing = self.issue256("Intel TCB signing", ("Intel root", &root.key), false, Vec::new())?;
        let until = at.plus(LIFETIME);
        let tcb_info = tcb_info(tdx, at, until).to_string();
        let qe_identity = qe_identity(tdx, at, until).to_string();
        let pck = |firmware: &u8| Ok(self.pck(&platform, *firmware)?.certificate);
        let revoked = firmware.iter().map(pck).collect::<Result<Vec<_>>>()?;
        let crls = Window { from: at, until: until.plus(1) };
        let issuer_chain = pem(&[&signing, &root])?;
        Ok(Collateral(QuoteCollateralV3 {
            pck_crl_issuer_chain: pem(&[&platform, &root])?,
            root_ca_crl: self.crl256(&root, crls, &[])?,
            pck_crl: self.crl256(&platform, crls, &revoked)?,
            tcb_info_signature: sign(&signing.key, tcb_info.as_bytes())?,
            qe_identity_signature: sign(&signing.key, qe_identity.as_bytes())?,
            tcb_info_issuer_chain: issuer_chain.clone(),
            qe_identity_issuer_chain: issuer_chain,
            tcb_info,
            qe_identity,
            pck_certificate_chain: None,
        }))
    }

    fn pck(&self, platform: &Authority<SigningKey>, firmware: u8) -> Result<Authority<SigningKey>> {
        let issuer = ("Intel platform CA", &platform.key);
        self.issue256(&format!("Intel PCK {firmware}"), issuer, false, vec![pck_extension(firmware)?])
    }

    fn quote(&self, version: u16, tee: u32, body: &[u8], firmware: u8) -> Result<QuoteEvidence> {
        let root = self.authority256("Intel")?;
        let platform = self.issue256("Intel platform CA", ("Intel root", &root.key), true, Vec::new())?;
        let pck = self.pck(&platform, firmware)?;
        let attestation = self.key256("Intel attestation key")?;
        let point = attestation.verifying_key().to_sec1_point(false);
        let public = &point.as_bytes()[1..];

        let mut quote = Vec::new();
        quote.extend(version.to_le_bytes());
        quote.extend(2u16.to_le_bytes());
        quote.extend(tee.to_le_bytes());
        quote.extend([0; 4]);
        quote.extend(dcap_qvl::INTEL_QE_VENDOR_ID);
        quote.extend([0; 20]);
        quote.extend(body);
        let signature = sign(&attestation, &quote)?;

        let auth = [0x5a; 32];
        let mut bound = [0; 64];
        bound[..32].copy_from_slice(&Hash::Sha256.digest(&[public, &auth]));
        let mut attributes = [0; 16];
        attributes[0] = 0x11;
        let report = enclave(attributes, &[0x53; 32], &QE_SIGNER, (if tee == 0 { 1 } else { 2 }, 4), &bound);
        let chain = pem(&[&pck, &platform, &root])?;
        let mut certified = report.clone();
        certified.extend(sign(&pck.key, &report)?);
        certified.extend(32u16.to_le_bytes());
        certified.extend(auth);
        certified.extend(5u16.to_le_bytes());
        certified.extend(length(&chain)?);
        certified.extend(chain.as_bytes());

        let mut data = signature;
        data.extend(public);
        if version > 3 {
            data.extend(6u16.to_le_bytes());
            data.extend(length(&certified)?);
        }
        data.extend(certified);
        quote.extend(length(&data)?);
        quote.extend(data);
        Ok(QuoteEvidence { quote: quote.into(), event_log: None })
    }
}

fn length(bytes: impl AsRef<[u8]>) -> Result<[u8; 4]> {
    u32::try_from(bytes.as_ref().len()).map(u32::to_le_bytes).map_err(bad)
}

/// `r ‖ s`.
fn sign(key: &SigningKey, message: &[u8]) -> Result<Vec<u8>> {
    let signature: p256::ecdsa::Signature = key.try_sign(message).map_err(bad)?;
    Ok(signature.to_bytes().to_vec())
}

fn pem(chain: &[&Authority<SigningKey>]) -> Result<String> {
    let encode = |authority: &&Authority<SigningKey>| {
        der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, authority.certificate.der()).map_err(bad)
    };
    chain.iter().map(encode).collect()
}

/// An SGX report body; identity is product id and security version.
fn enclave(attributes: [u8; 16], code: &[u8], signer: &[u8], identity: (u16, u16), report_data: &[u8; 64]) -> Vec<u8> {
    let mut body = vec![0; 384];
    let mut put = |at: usize, bytes: &[u8]| body[at..at + bytes.len()].copy_from_slice(bytes);
    put(48, &attributes);
    put(64, code);
    put(128, signer);
    put(256, &identity.0.to_le_bytes());
    put(258, &identity.1.to_le_bytes());
    put(320, report_data);
    body
}

/// The SGX extension of a PCK certificate (Intel, *SGX PCK Certificate and CRL Profile*, section 1.3.5): every
/// component of the CPU's TCB has the firmware's version.
fn pck_extension(firmware: u8) -> Result<x509_cert::ext::Extension> {
    const BASE: &str = "1.2.840.113741.1.13.1";
    let entry = |suffix: &str, value: Vec<u8>| -> Result<Vec<u8>> {
        let oid = ObjectIdentifier::new(&format!("{BASE}{suffix}")).map_err(bad)?.to_der().map_err(bad)?;
        sequence(&[oid, value])
    };
    let octets = |bytes: &[u8]| OctetStringRef::new(bytes).and_then(|octets| octets.to_der()).map_err(bad);
    let mut tcb = Vec::new();
    for index in 1..=16 {
        tcb.push(entry(&format!(".2.{index}"), firmware.to_der().map_err(bad)?)?);
    }
    tcb.push(entry(".2.17", u16::from(firmware).to_der().map_err(bad)?)?);
    tcb.push(entry(".2.18", octets(&[firmware; 16])?)?);
    let enumerated = AnyRef::new(der::Tag::Enumerated, &[0]).and_then(|any| any.to_der()).map_err(bad)?;
    let entries = [
        entry(".1", octets(&[0xd7; 16])?)?,
        entry(".2", sequence(&tcb)?)?,
        entry(".3", octets(&[0; 2])?)?,
        entry(".4", octets(&FMSPC)?)?,
        entry(".5", enumerated)?,
    ];
    extension(BASE, sequence(&entries)?)
}

fn sequence(parts: &[Vec<u8>]) -> Result<Vec<u8>> {
    let body = parts.concat();
    AnyRef::new(der::Tag::Sequence, &body).and_then(|any| any.to_der()).map_err(bad)
}

fn tcb_info(tdx: bool, at: Time, until: Time) -> Value {
    let components = |svn: u8| json!(vec![json!({ "svn": svn }); 16]);
    let level = |svn: u8, status: &str, advisories: &[&str]| {
        let mut tdx_components = vec![json!({ "svn": 0 }); 16];
        tdx_components[0] = json!({ "svn": svn });
        let mut tcb = json!({ "sgxtcbcomponents": components(svn), "pcesvn": svn });
        if tdx {
            tcb["tdxtcbcomponents"] = json!(tdx_components);
        }
        json!({ "tcb": tcb, "tcbDate": at, "tcbStatus": status, "advisoryIDs": advisories })
    };
    let mut info = json!({
        "id": if tdx { "TDX" } else { "SGX" },
        "version": 3,
        "issueDate": at,
        "nextUpdate": until,
        "fmspc": hex::encode(FMSPC),
        "pceId": "0000",
        "tcbType": 0,
        "tcbEvaluationDataNumber": 1,
        "tcbLevels": [
            level(CURRENT_FIRMWARE, "UpToDate", &[]),
            level(2, "OutOfDate", &["DEVELOPMENT-SA-00001"]),
            level(1, "Revoked", &["DEVELOPMENT-SA-00002"]),
        ],
    });
    if tdx {
        info["tdxModule"] =
            json!({ "mrsigner": "00".repeat(48), "attributes": "00".repeat(8), "attributesMask": "FF".repeat(8) });
    }
    info
}

fn qe_identity(tdx: bool, at: Time, until: Time) -> Value {
    json!({
        "id": if tdx { "TD_QE" } else { "QE" },
        "version": 2,
        "issueDate": at,
        "nextUpdate": until,
        "tcbEvaluationDataNumber": 1,
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": "11000000000000000000000000000000",
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": hex::encode(QE_SIGNER),
        "isvprodid": if tdx { 2 } else { 1 },
        "tcbLevels": [{ "tcb": { "isvsvn": 4 }, "tcbDate": at, "tcbStatus": "UpToDate" }],
    })
}
