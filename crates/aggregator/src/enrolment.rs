//! Who may contribute: a list that the enroller signs, and who of it a round takes.

use std::collections::HashSet;
use std::sync::Arc;

use net::{Identity, KeyPair, PublicKey};
use secagg::Enrolment;
use terms::Terms;

use crate::error::Error;

const CONTEXT: &str = "privity enrolment";
const HEADER: &str = "privity enrolment v1";

/// The enroller's list for one set of terms, its signature verified.
#[derive(Clone)]
pub struct Enrolled {
    text: String,
    identities: Arc<HashSet<secagg::Identity>>,
}

/// What is signed, which is also the head of the text.
fn signed(terms: &Terms, identities: &[Identity]) -> String {
    let mut text = format!("{HEADER}\nterms {}\n", hex::encode(terms.digest()));
    identities.iter().for_each(|identity| text.push_str(&format!("{identity}\n")));
    text
}

/// Signs the list of those who may contribute; identities once each, in any order.
///
/// # Errors
/// [`Error::Terms`] if the key is not the enroller's.
pub fn enrol(terms: &Terms, enroller: &KeyPair, identities: &[Identity]) -> Result<String, Error> {
    if enroller.public().to_bytes() != terms.enroller()?.to_bytes() {
        return Err(Error::terms("this is not the key of the enroller whom the terms name"));
    }
    let mut sorted = identities.to_vec();
    sorted.sort();
    sorted.dedup();
    let text = signed(terms, &sorted);
    let signature = enroller.sign(CONTEXT, text.as_bytes());
    Ok(format!("{text}signed {}\n", hex::encode(signature)))
}

impl Enrolled {
    /// Reads a list and verifies that the enroller signed it for these terms.
    ///
    /// # Errors
    /// [`Error::Terms`] for another form, other terms, or a signature that does not hold.
    pub fn parse(terms: &Terms, text: &str) -> Result<Self, Error> {
        let refused = |what: &str| Error::terms(format!("the enrolment list: {what}"));
        let last = text.trim_end_matches('\n').rfind('\n').ok_or_else(|| refused("it has no signature"))?;
        let (body, signature) = text.split_at(last + 1);
        let signature = signature.trim_end().strip_prefix("signed ").and_then(|digits| hex::decode(digits).ok());
        let signature: Option<[u8; 64]> = signature.and_then(|bytes| bytes.try_into().ok());
        let signature = signature.ok_or_else(|| refused("its last line is no signature"))?;
        let enroller = PublicKey::from_bytes(&terms.enroller()?.to_bytes()).map_err(|e| refused(&e.to_string()))?;
        enroller
            .verify(CONTEXT, body.as_bytes(), &signature)
            .map_err(|_| refused("the enroller's signature does not hold"))?;
        let identities = body.lines().skip(2).map(str::parse).collect::<Result<Vec<Identity>, _>>();
        let identities = identities.map_err(|e| refused(&e.to_string()))?;
        if signed(terms, &identities) != body {
            return Err(refused("it is for other terms"));
        }
        let identities = identities.iter().map(|identity| secagg::Identity(*identity.as_bytes())).collect();
        Ok(Self { text: text.to_owned(), identities: Arc::new(identities) })
    }

    /// The signed text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Who is on it, in no order.
    pub fn identities(&self) -> impl Iterator<Item = &secagg::Identity> {
        self.identities.iter()
    }

    /// Those of the list that a round takes.
    #[must_use]
    pub fn of_round(&self, terms: &Terms, round: u64) -> Selected {
        Selected { enrolled: Arc::clone(&self.identities), terms: terms.digest(), round, share: terms.draft().share }
    }
}

impl Enrolment for Enrolled {
    fn admits(&self, identity: &secagg::Identity) -> bool {
        self.identities.contains(identity)
    }
}

/// The clients of one round, drawn by lot from the list. The lot is public and nobody's choice: a hash of terms, round and
/// identity, so everybody comes to the same clients. (Who enrols keys can choose them so that they are drawn; the enroller
/// stands for them.)
#[derive(Clone)]
pub struct Selected {
    enrolled: Arc<HashSet<secagg::Identity>>,
    terms: [u8; 32],
    round: u64,
    share: f64,
}

impl Selected {
    fn drawn(&self, identity: &secagg::Identity) -> bool {
        if self.share >= 1.0 {
            return true;
        }
        let mut lot = blake3::Hasher::new_derive_key("privity aggregator v1 lot of a client for a round");
        lot.update(&self.terms).update(&self.round.to_le_bytes()).update(&identity.0);
        let mut number = [0; 8];
        lot.finalize_xof().fill(&mut number);
        (u64::from_le_bytes(number) as f64) < self.share * 2f64.powi(64)
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> u64 {
        if self.share >= 1.0 {
            return self.enrolled.len() as u64;
        }
        self.enrolled.iter().filter(|identity| self.drawn(identity)).count() as u64
    }
}

impl Enrolment for Selected {
    fn admits(&self, identity: &secagg::Identity) -> bool {
        self.enrolled.contains(identity) && self.drawn(identity)
    }
}
