//! What nobody publishes: an aggregator's part of a sum, or of each contribution, and where it puts it.

use net::Identity;
use secagg::Vector;
use secagg::committee::KeptShares;
use terms::{Encoding, Terms};
use zeroize::Zeroizing;

use crate::error::Error;

/// One part of a three-party replicated sharing of a round's sum, or of each of its contributions, and what the terms say
/// of it.
///
/// Its values are fixed point modulo 2^64. Of a sum they are one more than the terms' length: the last one is the number of
/// contributions. Of each contribution they are as many, in the order of the list.
pub struct Kept {
    /// What it is called.
    pub name: String,
    /// How many contributions there are, one after the other; `None` if they are summed.
    pub rows: Option<usize>,
    /// Bits after the point.
    pub fraction: u32,
    /// No value is greater in size.
    pub bound: f64,
    /// Who has to agree to what is released of it.
    pub owner: Identity,
    /// Who holds the parts, in the order of the terms.
    pub holders: Vec<Identity>,
    /// Which of them this one is.
    pub role: usize,
    /// The digest of the terms.
    pub terms: [u8; 32],
    /// The round.
    pub round: u64,
    /// The same for parts that belong together, and for no others.
    pub origin: [u8; 32],
    /// The component of this holder's own number.
    pub own: Zeroizing<Vec<u64>>,
    /// The component of the next number.
    pub next: Zeroizing<Vec<u64>>,
}

/// Where an aggregator keeps its parts: the store of its worker.
pub trait Keeper: Send + Sync {
    /// Keeps a part. Durable when it returns; safe to repeat.
    ///
    /// # Errors
    /// [`Error::Board`] for what may pass, any other if it cannot be kept.
    fn keep(&self, part: &Kept) -> Result<(), Error>;
}

impl Kept {
    pub(crate) fn new(terms: &Terms, round: u64, contributions: usize, part: &KeptShares) -> Result<Self, Error> {
        let (Encoding::Fixed(fixed), Some(owner)) = (terms.encoding(), terms.owner()?) else {
            return Err(Error::terms("these terms publish their sums"));
        };
        let each = terms.keeps_each();
        let count = (contributions as u64) << fixed.fraction();
        // The number is known to all three: it is in component 0, and the others add nothing to it.
        let component = |number: usize, values: &Vector| {
            let mut values = Zeroizing::new(values.elements());
            if !each {
                values.push(if number == 0 { count } else { 0 });
            }
            values
        };
        Ok(Self {
            name: terms.kept_name(round),
            rows: each.then_some(contributions),
            fraction: fixed.fraction(),
            bound: fixed.bound(),
            owner,
            holders: terms.holders(),
            role: part.role,
            terms: terms.digest(),
            round,
            origin: part.origin,
            own: component(part.role, &part.own),
            next: component((part.role + 1) % 3, &part.next),
        })
    }
}
