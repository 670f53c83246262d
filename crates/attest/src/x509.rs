//! X.509 certificates and CRLs as attestation uses them: short chains of known shape, leading to a pinned root.
//!
//! There is no path building. The caller names the path; each step checks name, signature, validity, CA bit, key
//! usage, path length and that no critical extension is unknown (RFC 5280, section 6.1, without policies and names).

use der::{Decode, Encode, Reader as _, SliceReader};
use rsa::pkcs1::RsaPssParams;
use x509_cert::crl::CertificateList;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};

use crate::bytes::Hex;
use crate::error::{Error, Result};
use crate::keys::{Hash, PublicKey, Scheme};
use crate::time::{Time, Window};

const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const KEY_USAGE: &str = "2.5.29.15";
/// Critical extensions that are understood, or that only narrow what the certificate names (subject alternative
/// names of TPM endorsement keys, extended key usage).
const UNDERSTOOD: [&str; 4] = [BASIC_CONSTRAINTS, KEY_USAGE, "2.5.29.17", "2.5.29.37"];

/// A certificate that parsed; nothing about it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    tbs: Vec<u8>,
    parsed: x509_cert::Certificate,
}

impl Certificate {
    /// From DER, or from the first certificate of a PEM text.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.starts_with(b"-----BEGIN") {
            return Self::parse_many(bytes)?
                .into_iter()
                .next()
                .ok_or_else(|| Error::malformed("certificate", "the PEM text holds none"));
        }
        Self::from_der(bytes)
    }

    /// Every certificate of a PEM text, or the one of a DER file.
    pub fn parse_many(bytes: &[u8]) -> Result<Vec<Self>> {
        if !bytes.starts_with(b"-----BEGIN") {
            return Ok(vec![Self::from_der(bytes)?]);
        }
        pem_blocks(bytes)?
            .iter()
            .filter(|(label, _)| label == "CERTIFICATE")
            .map(|(_, der)| Self::from_der(der))
            .collect()
    }

    fn from_der(der: &[u8]) -> Result<Self> {
        let bad = |e: der::Error| Error::malformed("certificate", e);
        let parsed = x509_cert::Certificate::from_der(der).map_err(bad)?;
        Ok(Self { tbs: first_element(der).map_err(bad)?.to_vec(), der: der.to_vec(), parsed })
    }

    /// Its DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of its DER: how policies name a root.
    pub fn fingerprint(&self) -> Hex {
        Hex(Hash::Sha256.digest(&[&self.der]))
    }

    /// DER of its public key.
    pub fn spki(&self) -> Result<Vec<u8>> {
        let spki = self.parsed.tbs_certificate().subject_public_key_info();
        spki.to_der().map_err(|e| Error::malformed("certificate", e))
    }

    pub(crate) fn public_key(&self) -> Result<PublicKey> {
        PublicKey::from_spki(&self.spki()?)
    }

    /// Its subject, in words (RFC 4514).
    pub fn subject(&self) -> String {
        self.parsed.tbs_certificate().subject().to_string()
    }

    /// Its issuer, in words (RFC 4514).
    pub fn issuer(&self) -> String {
        self.parsed.tbs_certificate().issuer().to_string()
    }

    /// From when until when it is valid.
    pub fn window(&self) -> Window {
        let validity = self.parsed.tbs_certificate().validity();
        Window { from: time(&validity.not_before), until: time(&validity.not_after) }
    }

    /// The value of an extension, by its dotted identifier.
    pub fn extension(&self, oid: &str) -> Option<&[u8]> {
        let mut extensions = self.parsed.tbs_certificate().extensions().into_iter().flatten();
        extensions.find(|e| e.extn_id.to_string() == oid).map(|e| e.extn_value.as_bytes())
    }

    /// Verifies that `issuer` issued this certificate and was allowed to, with `below` intermediates between this
    /// certificate and the leaf.
    fn check_issued_by(&self, issuer: &Self, below: usize) -> Result<()> {
        let fail = |why: String| Error::Chain { what: self.subject(), why };
        if self.parsed.tbs_certificate().issuer() != issuer.parsed.tbs_certificate().subject() {
            return Err(fail(format!("issued by {}, not by {}", self.issuer(), issuer.subject())));
        }
        issuer.check_is_authority(below)?;
        self.check_signature(issuer)
    }

    fn check_signature(&self, issuer: &Self) -> Result<()> {
        let fail = |why: String| Error::Chain { what: self.subject(), why };
        if self.parsed.signature_algorithm() != self.parsed.tbs_certificate().signature() {
            return Err(fail("names two signature algorithms".into()));
        }
        let signature =
            self.parsed.signature().as_bytes().ok_or_else(|| fail("signature is not whole bytes".into()))?;
        let scheme = scheme(self.parsed.signature_algorithm())?;
        if !issuer.public_key()?.verify(scheme, &self.tbs, signature) {
            return Err(Error::signature(format!("certificate {}", self.subject())));
        }
        Ok(())
    }

    fn check_is_authority(&self, below: usize) -> Result<()> {
        let fail = |why: &str| Error::Chain { what: self.subject(), why: why.to_owned() };
        let constraints = self.extension(BASIC_CONSTRAINTS).ok_or_else(|| fail("is not an authority"))?;
        let constraints = BasicConstraints::from_der(constraints).map_err(|e| Error::malformed("certificate", e))?;
        if !constraints.ca {
            return Err(fail("is not an authority"));
        }
        if constraints.path_len_constraint.is_some_and(|limit| below > usize::from(limit)) {
            return Err(fail("its path length constraint is exceeded"));
        }
        if let Some(usage) = self.extension(KEY_USAGE) {
            let usage = KeyUsage::from_der(usage).map_err(|e| Error::malformed("certificate", e))?;
            if !usage.0.contains(KeyUsages::KeyCertSign) {
                return Err(fail("may not sign certificates"));
            }
        }
        Ok(())
    }

    fn check_critical_extensions(&self) -> Result<()> {
        for extension in self.parsed.tbs_certificate().extensions().into_iter().flatten() {
            let oid = extension.extn_id.to_string();
            if extension.critical && !UNDERSTOOD.contains(&oid.as_str()) {
                let why = format!("critical extension {oid} is not understood");
                return Err(Error::Chain { what: self.subject(), why });
            }
        }
        Ok(())
    }
}

/// Verifies a path, leaf first, root last, at a time. The root is taken as pinned by the caller, but must be valid
/// too. Returns the time in which every certificate of the path is valid.
pub(crate) fn check_path(path: &[&Certificate], at: Time) -> Result<Window> {
    let mut window = Window::ALWAYS;
    for certificate in path {
        certificate.window().check(&format!("certificate {}", certificate.subject()), at)?;
        certificate.check_critical_extensions()?;
        window = window.meet(certificate.window());
    }
    for (index, pair) in path.windows(2).enumerate() {
        pair[0].check_issued_by(pair[1], index)?;
    }
    Ok(window)
}

/// Verifies that a certificate is signed by its own key, whatever it says about being an authority.
pub(crate) fn check_self_signed(certificate: &Certificate) -> Result<()> {
    certificate.check_critical_extensions()?;
    certificate.check_signature(certificate)
}

/// Refuses certificates that a CRL of their issuer names. A CRL whose signature does not verify, or that is not
/// current at `at`, is an error rather than ignored.
pub(crate) fn check_revocation(path: &[&Certificate], crls: &[Vec<u8>], at: Time) -> Result<Window> {
    let mut window = Window::ALWAYS;
    for pair in path.windows(2) {
        for der in crls {
            let Some(listed) = Crl::for_issuer(der, pair[1])? else { continue };
            listed.window.check("certificate revocation list", at)?;
            window = window.meet(listed.window);
            let serial = pair[0].parsed.tbs_certificate().serial_number();
            if listed.serials.iter().any(|revoked| revoked == serial.as_bytes()) {
                return Err(Error::Revoked { what: format!("certificate {}", pair[0].subject()) });
            }
        }
    }
    Ok(window)
}

/// A CRL whose signature was verified.
struct Crl {
    window: Window,
    serials: Vec<Vec<u8>>,
}

impl Crl {
    /// `None` if the CRL is of another issuer.
    fn for_issuer(der: &[u8], issuer: &Certificate) -> Result<Option<Self>> {
        let bad = |e: der::Error| Error::malformed("CRL", e);
        let list = CertificateList::<x509_cert::certificate::Rfc5280>::from_der(der).map_err(bad)?;
        if &list.tbs_cert_list.issuer != issuer.parsed.tbs_certificate().subject() {
            return Ok(None);
        }
        let signature = list.signature.as_bytes().ok_or_else(|| Error::malformed("CRL", "signature"))?;
        let tbs = first_element(der).map_err(bad)?;
        if !issuer.public_key()?.verify(scheme(&list.signature_algorithm)?, tbs, signature) {
            return Err(Error::signature(format!("the CRL of {}", issuer.subject())));
        }
        let window = list_window(&list.tbs_cert_list);
        let revoked = list.tbs_cert_list.revoked_certificates.unwrap_or_default();
        Ok(Some(Self {
            window,
            serials: revoked.iter().map(|entry| entry.serial_number.as_bytes().to_vec()).collect(),
        }))
    }
}

/// From `thisUpdate` until the second before `nextUpdate` of a CRL, unverified.
pub(crate) fn crl_window(der: &[u8]) -> Result<Window> {
    let list =
        CertificateList::<x509_cert::certificate::Rfc5280>::from_der(der).map_err(|e| Error::malformed("CRL", e))?;
    Ok(list_window(&list.tbs_cert_list))
}

/// A CRL is out of date at its `nextUpdate`, which is when the next one exists.
fn list_window(list: &x509_cert::crl::TbsCertList) -> Window {
    let until = list.next_update.as_ref().map_or(Time::MAX, time);
    Window { from: time(&list.this_update), until: Time::from_unix(until.unix().saturating_sub(1)) }
}

fn time(time: &x509_cert::time::Time) -> Time {
    Time::from_unix(time.to_unix_duration().as_secs())
}

/// The bytes of the first element inside the outer SEQUENCE: what an X.509 signature covers.
fn first_element(der: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(der)?;
    let header = der::Header::decode(&mut reader)?;
    header.tag().assert_eq(der::Tag::Sequence)?;
    reader.tlv_bytes()
}

/// The signature algorithms vendors use (RFC 4055, RFC 5758).
fn scheme(algorithm: &spki::AlgorithmIdentifierOwned) -> Result<Scheme> {
    let oid = algorithm.oid.to_string();
    match oid.as_str() {
        "1.2.840.10045.4.3.2" => Ok(Scheme::Ecdsa(Hash::Sha256)),
        "1.2.840.10045.4.3.3" => Ok(Scheme::Ecdsa(Hash::Sha384)),
        "1.2.840.113549.1.1.11" => Ok(Scheme::RsaPkcs1(Hash::Sha256)),
        "1.2.840.113549.1.1.12" => Ok(Scheme::RsaPkcs1(Hash::Sha384)),
        "1.2.840.113549.1.1.13" => Ok(Scheme::RsaPkcs1(Hash::Sha512)),
        "1.2.840.113549.1.1.10" => pss_hash(algorithm).map(Scheme::RsaPss),
        _ => Err(Error::unsupported("certificate", format!("signature algorithm {oid}"))),
    }
}

/// The digest of RSASSA-PSS parameters: SHA-256, 384 or 512, with MGF1 of the same and a salt as long as it
/// (RFC 4055, section 3.1).
fn pss_hash(algorithm: &spki::AlgorithmIdentifierOwned) -> Result<Hash> {
    let unsupported = || Error::unsupported("certificate", "RSASSA-PSS with these parameters");
    let encoded = algorithm.parameters.as_ref().and_then(|p| p.to_der().ok()).ok_or_else(unsupported)?;
    let parameters = RsaPssParams::<der::Any>::from_der(&encoded).map_err(|_| unsupported())?;
    let mask = parameters.mask_gen.parameters.map(|inner| inner.oid);
    let hash = match parameters.hash.oid.to_string().as_str() {
        "2.16.840.1.101.3.4.2.1" => Hash::Sha256,
        "2.16.840.1.101.3.4.2.2" => Hash::Sha384,
        "2.16.840.1.101.3.4.2.3" => Hash::Sha512,
        _ => return Err(unsupported()),
    };
    let mgf1 = parameters.mask_gen.oid.to_string() == "1.2.840.113549.1.1.8" && mask == Some(parameters.hash.oid);
    if mgf1 && usize::from(parameters.salt_len) == hash.size() { Ok(hash) } else { Err(unsupported()) }
}

/// The blocks of a PEM text (RFC 7468): label and DER of each. Text between blocks is ignored.
pub(crate) fn pem_blocks(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let text = std::str::from_utf8(bytes).map_err(|e| Error::malformed("PEM", e))?;
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("-----BEGIN ") {
        rest = &rest[start..];
        let end = rest.find("-----END ").ok_or_else(|| Error::malformed("PEM", "a block has no end"))?;
        let stop = rest[end + 9..].find("-----").ok_or_else(|| Error::malformed("PEM", "a block has no end"))?;
        let block = &rest[..end + 9 + stop + 5];
        let (label, der) = der::pem::decode_vec(block.as_bytes()).map_err(|e| Error::malformed("PEM", e))?;
        blocks.push((label.to_owned(), der));
        rest = &rest[block.len()..];
    }
    Ok(blocks)
}
