//! The server: multiplies what it cannot read, masks the product for the key holder, and takes the mask off again.

use std::collections::BTreeMap;

use crypto_bigint::{U2048, U4096};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::client::signed;
use super::keys::{CIPHERTEXT, PLAINTEXT, difference, uniform_below};
use super::montgomery::{Form, Modulus};
use super::packing::Slots;
use super::{Encryptor, Paillier};
use crate::domain::{self, Kind};
use crate::error::Error;
use crate::identity::{Enrolment, Identity, PublicKey};
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::{Bytes32, digest, open, start};

/// Takes contributions; its memory does not grow by vectors.
pub struct Collector<E> {
    task: Task,
    parameters: Paillier,
    context: Bytes32,
    slots: Slots,
    modulus: Modulus,
    enrolment: E,
    accepted: BTreeMap<Identity, Bytes32>,
    /// The products of all contributions, in Montgomery form.
    products: Vec<Form>,
}

impl<E: Enrolment> Collector<E> {
    /// # Errors
    /// [`Error::Parameter`] if task or parameters are unusable.
    pub fn new(task: Task, parameters: Paillier, enrolment: E) -> Result<Self, Error> {
        task.check()?;
        let slots = parameters.slots(&task)?;
        let modulus = Modulus::new(&parameters.key.ring());
        let context = parameters.context(&task);
        let products = vec![modulus.one(); slots.plaintexts()];
        Ok(Self { task, parameters, context, slots, modulus, enrolment, accepted: BTreeMap::new(), products })
    }

    /// Takes a contribution, each identity once; the very same again changes nothing.
    ///
    /// Cost: two multiplications modulo N² for each ciphertext.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], [`Error::Second`], [`Error::Late`] once the round is full, or what makes the message no
    /// contribution to this round. The state is unchanged.
    pub fn accept(&mut self, message: &[u8]) -> Result<Identity, Error> {
        let mut reader = open(message, Kind::Encrypted, &self.context, "contribution")?;
        let key = PublicKey::from_bytes(&reader.array()?).ok_or_else(|| reader.malformed("not a public key"))?;
        let signature = reader.array()?;
        let malformed = reader.malformed("another number of ciphertexts, or one that is not below N²");
        let body = reader.rest();
        key.verify(domain::SIGN_ENCRYPTED, &signed(&self.context, body), &signature, "contribution")?;
        let culprit = key.identity();
        if !self.enrolment.admits(&culprit) {
            return Err(Error::NotEnrolled { culprit });
        }
        let digest = digest(domain::BODY, &[body]);
        match self.accepted.get(&culprit) {
            Some(known) if *known == digest => return Ok(culprit),
            Some(_) => return Err(Error::Second { message: "contribution", culprit }),
            None if self.accepted.len() == self.parameters.most as usize => {
                return Err(Error::Late { message: "contribution", culprit });
            }
            None => {}
        }
        let (ciphertexts, rest) = body.as_chunks::<CIPHERTEXT>();
        if ciphertexts.len() != self.products.len() || !rest.is_empty() {
            return Err(malformed);
        }
        let ciphertexts: Option<Vec<U4096>> =
            ciphertexts.iter().map(|bytes| self.parameters.key.ciphertext(bytes)).collect();
        for (product, ciphertext) in self.products.iter_mut().zip(ciphertexts.ok_or(malformed)?) {
            *product = self.modulus.mul(product, &self.modulus.form(&ciphertext));
        }
        self.accepted.insert(culprit, digest);
        Ok(culprit)
    }

    /// Ends the collection: the request for the key holder, masked.
    ///
    /// # Errors
    /// [`Error::TooFew`] under the minimum; [`Error::Parameter`] if the encryptor has another key.
    pub fn close<R: CryptoRng>(self, encryptor: &Encryptor, rng: &mut R) -> Result<(AwaitDecrypted, Vec<u8>), Error> {
        let (have, need) = (self.accepted.len(), self.task.minimum as usize);
        if have < need {
            return Err(Error::TooFew { what: "contributions", have, need });
        }
        if *encryptor.key() != self.parameters.key {
            return Err(Error::parameter("the encryptor is for another key"));
        }
        let key = &self.parameters.key;
        let masks: Zeroizing<Vec<U2048>> =
            Zeroizing::new(self.products.iter().map(|_| uniform_below(key.n(), rng)).collect());
        let mut request = start(Kind::Request, &self.context, self.products.len() * CIPHERTEXT);
        for (product, mask) in self.products.iter().zip(masks.iter()) {
            let modulus = encryptor.modulus();
            let masked = modulus.mul(product, &modulus.form(&encryptor.encrypt(mask, rng)));
            request.extend_from_slice(modulus.number(&masked).to_le_bytes().as_ref());
        }
        let Self { task, parameters, context, slots, accepted, .. } = self;
        let included = accepted.into_keys().collect();
        Ok((AwaitDecrypted { task, parameters, context, slots, masks, included }, request))
    }
}

/// Waits for the key holder.
pub struct AwaitDecrypted {
    task: Task,
    parameters: Paillier,
    context: Bytes32,
    slots: Slots,
    masks: Zeroizing<Vec<U2048>>,
    included: Vec<Identity>,
}

impl AwaitDecrypted {
    /// Takes the masks off: the sum, and whose contributions are in it.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the message is no answer to the request.
    pub fn decrypted(self, message: &[u8]) -> Result<(Vector, Vec<Identity>), Error> {
        let reader = open(message, Kind::Decrypted, &self.context, "decrypted sums")?;
        let malformed = reader.malformed("another number of plaintexts, or one that is not below N");
        let (plaintexts, rest) = reader.rest().as_chunks::<PLAINTEXT>();
        let plaintexts: Vec<U2048> = plaintexts.iter().map(|bytes| U2048::from_le_slice(bytes)).collect();
        let key = &self.parameters.key;
        if plaintexts.len() != self.masks.len()
            || !rest.is_empty()
            || plaintexts.iter().any(|plaintext| plaintext >= key.n().as_ref())
        {
            return Err(malformed);
        }
        let sums: Vec<U2048> =
            plaintexts.iter().zip(self.masks.iter()).map(|(masked, mask)| difference(key, masked, mask)).collect();
        let sum = Vector::from_elements(self.task.ring, &self.slots.unpack(&sums))?;
        Ok((sum, self.included))
    }
}
