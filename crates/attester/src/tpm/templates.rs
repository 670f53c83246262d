//! What our keys in a TPM look like.

use tpm2_protocol::basic::TpmUint16;
use tpm2_protocol::data::{
    TpmAlgId, TpmEccCurve, TpmaObject, TpmsEccParms, TpmsEccPoint, TpmsKeyedhashParms, TpmsSchemeHash, TpmtEccScheme,
    TpmtKeyedhashScheme, TpmtPublic, TpmtSymDef, TpmuAsymScheme, TpmuPublicId, TpmuPublicParms, TpmuSymKeyBits,
    TpmuSymMode,
};

use super::client::sized;
use crate::error::Result;

/// `PolicyA` of the EK Credential Profile, section B.2.2: `TPM2_PolicySecret` with the endorsement hierarchy.
const POLICY_A: [u8; 32] = [
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7,
    0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
];

/// Tells our attestation key from another software's of the same shape.
const ATTESTATION: [u8; 32] = *b"privity attestation key, v1\0\0\0\0\0";

/// Made in this TPM, staying there, and of use only for its one purpose.
fn bound() -> TpmaObject {
    TpmaObject::FIXED_TPM | TpmaObject::FIXED_PARENT | TpmaObject::SENSITIVE_DATA_ORIGIN | TpmaObject::RESTRICTED
}

/// AES-128 in CFB mode: what parents encrypt their children with.
fn symmetric() -> TpmtSymDef {
    TpmtSymDef {
        algorithm: TpmAlgId::Aes,
        key_bits: TpmuSymKeyBits::Aes(TpmUint16::new(128)),
        mode: TpmuSymMode::Aes(TpmAlgId::Cfb),
    }
}

fn p256(
    attributes: TpmaObject,
    policy: &[u8],
    symmetric: TpmtSymDef,
    scheme: TpmtEccScheme,
    x: &[u8; 32],
) -> Result<TpmtPublic> {
    let parameters = TpmsEccParms { symmetric, scheme, curve_id: TpmEccCurve::NistP256, kdf: Default::default() };
    Ok(TpmtPublic {
        object_type: TpmAlgId::Ecc,
        name_alg: TpmAlgId::Sha256,
        object_attributes: attributes,
        auth_policy: sized(policy)?,
        parameters: TpmuPublicParms::Ecc(parameters),
        unique: TpmuPublicId::Ecc(TpmsEccPoint { x: sized(x)?, y: sized(&[0; 32])? }),
    })
}

/// Template L-2 of the EK Credential Profile, section B.3.4: the key that a manufacturer certifies.
pub(super) fn endorsement() -> Result<TpmtPublic> {
    let attributes = bound() | TpmaObject::ADMIN_WITH_POLICY | TpmaObject::DECRYPT;
    p256(attributes, &POLICY_A, symmetric(), TpmtEccScheme::default(), &[0; 32])
}

/// A key that signs only what the TPM made: ECDSA on P-256 with SHA-256.
pub(super) fn attestation() -> Result<TpmtPublic> {
    let attributes = bound() | TpmaObject::USER_WITH_AUTH | TpmaObject::NO_DA | TpmaObject::SIGN_ENCRYPT;
    let details = TpmuAsymScheme::Hash(TpmsSchemeHash { hash_alg: TpmAlgId::Sha256 });
    let none = TpmtSymDef { algorithm: TpmAlgId::Null, ..TpmtSymDef::default() };
    p256(attributes, &[], none, TpmtEccScheme { scheme: TpmAlgId::Ecdsa, details }, &ATTESTATION)
}

/// The parent of what is sealed (TPM 2.0 Provisioning Guidance, section 7.5.1).
pub(super) fn storage() -> Result<TpmtPublic> {
    let attributes = bound() | TpmaObject::USER_WITH_AUTH | TpmaObject::NO_DA | TpmaObject::DECRYPT;
    p256(attributes, &[], symmetric(), TpmtEccScheme::default(), &[0; 32])
}

/// Sealed data, which only a session with this policy gets back: no password does.
pub(super) fn sealed(policy: &[u8; 32]) -> Result<TpmtPublic> {
    let attributes =
        TpmaObject::FIXED_TPM | TpmaObject::FIXED_PARENT | TpmaObject::ADMIN_WITH_POLICY | TpmaObject::NO_DA;
    let none = TpmtKeyedhashScheme { scheme: TpmAlgId::Null, ..TpmtKeyedhashScheme::default() };
    Ok(TpmtPublic {
        object_type: TpmAlgId::KeyedHash,
        name_alg: TpmAlgId::Sha256,
        object_attributes: attributes,
        auth_policy: sized(policy)?,
        parameters: TpmuPublicParms::KeyedHash(TpmsKeyedhashParms { scheme: none }),
        unique: TpmuPublicId::KeyedHash(Default::default()),
    })
}
