//! Made-up Nitro documents.

use ciborium::Value;
use coset::{CborSerializable, CoseSign1Builder, HeaderBuilder, iana};
use p384::ecdsa::signature::Signer;

use super::{DevelopmentPki, Guest, measurement};
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::nitro::NitroEvidence;
use crate::time::Time;

impl DevelopmentPki {
    /// A document of an enclave, made at a time. Registers 0 to 2 are the code's measurement, or zero in debug mode;
    /// the report data is the user data.
    ///
    /// # Errors
    /// None in practice: encoding of fixed values.
    pub fn nitro(&self, guest: &Guest<'_>, nonce: Option<&[u8]>, at: Time) -> Result<NitroEvidence> {
        let bad = |e: &dyn std::fmt::Display| Error::verifier("development PKI", e);
        let root = self.authority384("Nitro")?;
        let leaf = self.issue384("Nitro enclave", ("Nitro root", &root.key), Vec::new())?;
        let code = if guest.debug { vec![0; 48] } else { measurement(guest.code, Hash::Sha384) };
        let pcr = |index: u32| {
            let value = if index < 3 { code.clone() } else { vec![0; 48] };
            (Value::from(index), Value::Bytes(value))
        };
        let optional = |field: Option<&[u8]>| field.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec()));
        let fields = [
            ("module_id", Value::from("i-development-enc0000000000000000")),
            ("digest", Value::from("SHA384")),
            ("timestamp", Value::from(at.unix() * 1000)),
            ("pcrs", Value::Map((0..16).map(pcr).collect())),
            ("certificate", Value::Bytes(leaf.certificate.der().to_vec())),
            ("cabundle", Value::Array(vec![Value::Bytes(root.certificate.der().to_vec())])),
            ("public_key", Value::Null),
            ("user_data", optional(Some(guest.report_data))),
            ("nonce", optional(nonce)),
        ];
        let map = fields.into_iter().map(|(name, value)| (Value::from(name), value)).collect();
        let mut payload = Vec::new();
        ciborium::into_writer(&Value::Map(map), &mut payload).map_err(|e| bad(&e))?;
        let header = HeaderBuilder::new().algorithm(iana::Algorithm::ES384).build();
        let document = CoseSign1Builder::new()
            .protected(header)
            .payload(payload)
            .try_create_signature(&[], |message| {
                let signature: p384::ecdsa::Signature = leaf.key.try_sign(message).map_err(|e| bad(&e))?;
                Ok::<_, Error>(signature.to_bytes().to_vec())
            })?
            .build();
        let document = document.to_vec().map_err(|e| bad(&e))?;
        Ok(NitroEvidence { document: document.into() })
    }
}
