//! Certificates: made from the long-term key, renewed in time, and read again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, PKCS_ED25519};
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, Signer};
use rustls::{SignatureAlgorithm, SignatureScheme};

use crate::error::NetError;
use crate::identity::{Identity, KeyPair};

/// How far a certificate's validity begins before it was made: clocks differ.
const SLACK: Duration = Duration::from_secs(3600);
/// How long a certificate is valid. It is renewed after half of that.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// A key with its current certificate: what one end of a connection shows.
#[derive(Clone)]
pub struct Credentials {
    key: KeyPair,
    current: Arc<Mutex<Current>>,
}

struct Current {
    certified: Arc<CertifiedKey>,
    renew_at: Option<SystemTime>,
}

impl Credentials {
    /// Makes a certificate, and a new one whenever half of its time is over.
    pub fn new(key: KeyPair) -> Result<Credentials, NetError> {
        let now = SystemTime::now();
        let certified = certify(&key, now - SLACK, now + LIFETIME)?;
        Ok(Credentials::holding(key, certified, Some(now + LIFETIME / 2)))
    }

    /// Makes one certificate for the given time and never renews it.
    pub fn valid_between(key: KeyPair, from: SystemTime, until: SystemTime) -> Result<Credentials, NetError> {
        let certified = certify(&key, from, until)?;
        Ok(Credentials::holding(key, certified, None))
    }

    fn holding(key: KeyPair, certified: CertifiedKey, renew_at: Option<SystemTime>) -> Credentials {
        let current = Current { certified: Arc::new(certified), renew_at };
        Credentials { key, current: Arc::new(Mutex::new(current)) }
    }

    /// Whose they are.
    pub fn identity(&self) -> Identity {
        self.key.identity()
    }

    /// The certificate of today.
    pub(super) fn certified(&self) -> Result<Arc<CertifiedKey>, NetError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        if current.renew_at.is_some_and(|at| at <= now) {
            current.certified = Arc::new(certify(&self.key, now - SLACK, now + LIFETIME)?);
            current.renew_at = Some(now + LIFETIME / 2);
        }
        Ok(Arc::clone(&current.certified))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?})", self.identity())
    }
}

fn certify(key: &KeyPair, from: SystemTime, until: SystemTime) -> Result<CertifiedKey, NetError> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(|error| NetError::Misuse { what: format!("no randomness: {error}") })?;
    serial[0] &= 0x7f; // Serial numbers are positive.
    let mut params = CertificateParams::default();
    params.serial_number = Some(serial.to_vec().into());
    params.not_before = from.into();
    params.not_after = until.into();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, key.identity().to_string());
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let signing = TlsKey(key.clone());
    let certificate = params
        .self_signed(&signing)
        .map_err(|error| NetError::Misuse { what: format!("a certificate cannot be made: {error}") })?;
    Ok(CertifiedKey::new(vec![CertificateDer::from(certificate)], Arc::new(signing)))
}

/// The long-term key as certificates and handshakes use it.
#[derive(Clone, Debug)]
struct TlsKey(KeyPair);

impl rcgen::PublicKeyData for TlsKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl rcgen::SigningKey for TlsKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.0.sign_bare(message).to_vec())
    }
}

impl rustls::sign::SigningKey for TlsKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::ED25519).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for TlsKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(self.0.sign_bare(message).to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}
