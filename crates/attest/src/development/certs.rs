//! Keys derived from the seed, and certificates of known shape.

use std::str::FromStr;

use der::asn1::OctetString;
use der::{Decode, Encode};
use p256::ecdsa::SigningKey as Key256;
use p384::ecdsa::SigningKey as Key384;
use spki::{ObjectIdentifier, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder, CrlBuilder};
use x509_cert::certificate::{Rfc5280, TbsCertificate};
use x509_cert::crl::RevokedCert;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, CrlNumber, KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;
use zeroize::Zeroizing;

use super::{DevelopmentPki, FOREVER};
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::time::{Time, Window};
use crate::x509::Certificate;

/// A key with its certificate.
pub(super) struct Authority<K> {
    pub(super) key: K,
    pub(super) certificate: Certificate,
}

fn bad(why: impl std::fmt::Display) -> Error {
    Error::verifier("development PKI", why)
}

struct Shape {
    subject: Name,
    issuer: Name,
    authority: bool,
}

impl BuilderProfile for Shape {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        spki: SubjectPublicKeyInfoRef<'_>,
        _issuer: SubjectPublicKeyInfoRef<'_>,
        _tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        use x509_cert::ext::ToExtension;
        let usage = if self.authority {
            KeyUsages::KeyCertSign | KeyUsages::CRLSign
        } else {
            KeyUsages::DigitalSignature.into()
        };
        let constraints = BasicConstraints { ca: self.authority, path_len_constraint: None };
        let none = [];
        Ok(vec![
            constraints.to_extension(&self.subject, &none)?,
            KeyUsage(usage).to_extension(&self.subject, &none)?,
            SubjectKeyIdentifier::try_from(spki)?.to_extension(&self.subject, &none)?,
        ])
    }
}

/// An extension of a vendor.
pub(super) fn extension(oid: &str, value: Vec<u8>) -> Result<Extension> {
    let extn_id = ObjectIdentifier::new(oid).map_err(bad)?;
    Ok(Extension { extn_id, critical: false, extn_value: OctetString::new(value).map_err(bad)? })
}

pub(super) fn x509_time(time: Time) -> Result<x509_cert::time::Time> {
    let date = der::DateTime::from_unix_duration(std::time::Duration::from_secs(time.unix())).map_err(bad)?;
    Ok(date.into())
}

fn name(common: &str) -> Result<Name> {
    Name::from_str(&format!("CN=Privity development {common}")).map_err(bad)
}

/// Signs a certificate; `issuer` is `None` for a root.
macro_rules! issue {
    ($pki:expr, $common:expr, $spki:expr, $issuer:expr, $signer:expr, $authority:expr, $extensions:expr, $sig:ty) => {{
        let subject = name($common)?;
        let issuer = match $issuer {
            Some(issuer) => name(issuer)?,
            None => subject.clone(),
        };
        let shape = Shape { subject, issuer, authority: $authority };
        let serial = SerialNumber::new(&$pki.derive(&format!("serial {}", $common), 0)[..8]).map_err(bad)?;
        let validity = Validity::new(x509_time(FOREVER.from)?, x509_time(FOREVER.until)?);
        let spki = SubjectPublicKeyInfoOwned::from_der($spki).map_err(bad)?;
        let mut builder = CertificateBuilder::new(shape, serial, validity, spki).map_err(bad)?;
        for extension in $extensions {
            builder.add_extension(extension).map_err(bad)?;
        }
        let certificate = builder.build::<_, $sig>($signer).map_err(bad)?;
        Certificate::parse(&certificate.to_der().map_err(bad)?)?
    }};
}

impl DevelopmentPki {
    /// 48 bytes derived from the seed for one purpose.
    pub(super) fn derive(&self, purpose: &str, attempt: u8) -> Zeroizing<Vec<u8>> {
        let domain = b"privity development pki v1";
        let parts: [&[u8]; 4] = [domain, &self.seed[..], purpose.as_bytes(), &[attempt]];
        let mut bytes = Hash::Sha384.digest(&parts);
        // Serial numbers must be positive; scalars lose one bit, which matters to nobody.
        bytes[0] = bytes[0] & 0x7f | 0x01;
        Zeroizing::new(bytes)
    }

    pub(super) fn key256(&self, purpose: &str) -> Result<Key256> {
        let mut keys =
            (0..=u8::MAX).filter_map(|attempt| Key256::from_slice(&self.derive(purpose, attempt)[..32]).ok());
        keys.next().ok_or_else(|| bad("no key"))
    }

    pub(super) fn key384(&self, purpose: &str) -> Result<Key384> {
        let mut keys = (0..=u8::MAX).filter_map(|attempt| Key384::from_slice(&self.derive(purpose, attempt)).ok());
        keys.next().ok_or_else(|| bad("no key"))
    }

    pub(super) fn authority256(&self, common: &str) -> Result<Authority<Key256>> {
        let (common, key) = (format!("{common} root"), self.key256(&format!("{common} root"))?);
        let spki = spki_of(key.verifying_key())?;
        let none = Vec::<Extension>::new();
        let certificate = issue!(self, &common, &spki, None::<&str>, &key, true, none, p256::ecdsa::DerSignature);
        Ok(Authority { key, certificate })
    }

    pub(super) fn authority384(&self, common: &str) -> Result<Authority<Key384>> {
        let (common, key) = (format!("{common} root"), self.key384(&format!("{common} root"))?);
        let spki = spki_of(key.verifying_key())?;
        let none = Vec::<Extension>::new();
        let certificate = issue!(self, &common, &spki, None::<&str>, &key, true, none, p384::ecdsa::DerSignature);
        Ok(Authority { key, certificate })
    }

    /// A certificate under a P-256 issuer, with its key.
    pub(super) fn issue256(
        &self,
        common: &str,
        issuer: (&str, &Key256),
        authority: bool,
        extensions: Vec<Extension>,
    ) -> Result<Authority<Key256>> {
        let key = self.key256(common)?;
        let spki = spki_of(key.verifying_key())?;
        let (issuer, signer) = (Some(issuer.0), issuer.1);
        let certificate = issue!(self, common, &spki, issuer, signer, authority, extensions, p256::ecdsa::DerSignature);
        Ok(Authority { key, certificate })
    }

    /// A certificate under a P-256 issuer, of a key that somebody else has.
    pub(super) fn certify256(
        &self,
        common: &str,
        spki: &[u8],
        issuer: (&str, &Key256),
        extensions: Vec<Extension>,
    ) -> Result<Certificate> {
        let (issuer, signer) = (Some(issuer.0), issuer.1);
        Ok(issue!(self, common, spki, issuer, signer, false, extensions, p256::ecdsa::DerSignature))
    }

    /// A certificate under a P-384 issuer, with its key.
    pub(super) fn issue384(
        &self,
        common: &str,
        issuer: (&str, &Key384),
        extensions: Vec<Extension>,
    ) -> Result<Authority<Key384>> {
        let key = self.key384(common)?;
        let spki = spki_of(key.verifying_key())?;
        let (issuer, signer) = (Some(issuer.0), issuer.1);
        let certificate = issue!(self, common, &spki, issuer, signer, false, extensions, p384::ecdsa::DerSignature);
        Ok(Authority { key, certificate })
    }

    /// A CRL of a P-256 issuer.
    pub(super) fn crl256(&self, issuer: &Authority<Key256>, valid: Window, revoked: &[Certificate]) -> Result<Vec<u8>> {
        let builder = crl_builder(&issuer.certificate, valid, revoked)?;
        let crl = builder.build::<_, p256::ecdsa::DerSignature>(&issuer.key).map_err(bad)?;
        crl.to_der().map_err(bad)
    }

    /// A CRL of a P-384 issuer.
    pub(super) fn crl384(&self, issuer: &Authority<Key384>, valid: Window, revoked: &[Certificate]) -> Result<Vec<u8>> {
        let builder = crl_builder(&issuer.certificate, valid, revoked)?;
        let crl = builder.build::<_, p384::ecdsa::DerSignature>(&issuer.key).map_err(bad)?;
        crl.to_der().map_err(bad)
    }
}

fn crl_builder(issuer: &Certificate, valid: Window, revoked: &[Certificate]) -> Result<CrlBuilder<Rfc5280>> {
    let issuer = x509_cert::Certificate::from_der(issuer.der()).map_err(bad)?;
    let number = CrlNumber::try_from(1u64).map_err(bad)?;
    let from = x509_time(valid.from)?;
    let builder = CrlBuilder::new_with_this_update(&issuer, number, from).map_err(bad)?;
    let builder = builder.with_next_update(Some(x509_time(valid.until)?));
    if revoked.is_empty() {
        // An empty list of entries must be absent.
        return Ok(builder);
    }
    let entry = |certificate: &Certificate| {
        let parsed = x509_cert::Certificate::from_der(certificate.der()).map_err(bad)?;
        let serial_number = parsed.tbs_certificate().serial_number().clone();
        Ok(RevokedCert { serial_number, revocation_date: from, crl_entry_extensions: None })
    };
    let entries = revoked.iter().map(entry).collect::<Result<Vec<_>>>()?;
    Ok(builder.with_certificates(entries.into_iter()))
}

fn spki_of(key: &impl spki::EncodePublicKey) -> Result<Vec<u8>> {
    key.to_public_key_der().map(|der| der.as_bytes().to_vec()).map_err(bad)
}
