//! Public coins, and openings in which every component comes twice: once whole and once as a digest.
//!
//! Player `i` lacks component `i-1`. The player before it sends it whole, the player after it sends its digest. So one
//! player alone can change nothing unseen, and a difference names the two of whom one lied.
//!
//! A coin is a sharing that nobody chose, opened. The player before `i` is also the one who gets `i`'s messages of a
//! product, and it sends its part of a coin only after it has them: so `i` learns a coin only when it is bound. (The
//! digest that the player after it may have sent before does not tell the coin.)

use algebra::{Prg, Ring, Seed};

use crate::error::{Error, Result};
use crate::party::Party;
use crate::replicated::Seat;
use crate::wire::Wire;

/// Domain separation: digests and coins of this module, with the version bound in.
mod domain {
    pub(super) const DIGEST: &str = "privity 2026-11 malicious digest v1";
    pub(super) const COIN: &str = "privity 2026-11 malicious coin v1";
}

/// A digest as it is sent: 32 bytes.
pub(super) type Digest = Vec<u64>;

/// Elements of a digest on the wire.
pub(super) const DIGEST_WORDS: usize = 4;

/// The digest of a message.
pub(super) fn digest<T: Wire>(message: &T) -> Digest {
    let mut bytes = Vec::new();
    message.write(&mut bytes);
    let hash = *blake3::Hasher::new_derive_key(domain::DIGEST).update(&bytes).finalize().as_bytes();
    u64::read_le(&hash).unwrap_or_default()
}

/// An error that says which players' messages contradict each other.
pub(super) fn contradiction(party: &Party, players: &[net::PlayerId], what: &str) -> Error {
    let suspects = players.iter().map(|p| party.player(*p)).collect();
    Error::Deviation { suspects, kernel: party.kernel(), what: what.to_owned() }
}

/// The component that we lack. 1 round; the component and 32 bytes from each player.
pub(super) async fn missing<T: Wire<Form: Clone>>(party: &Party, own: &T, next: &T, form: T::Form) -> Result<T> {
    let party = party.enter("open");
    let seat = Seat::of(&party)?;
    party.send(seat.next, own);
    party.send(seat.prev, &digest(next));
    let lacking: T = party.recv(seat.prev, form).await?;
    let said: Digest = party.recv(seat.next, DIGEST_WORDS).await?;
    if digest(&lacking) != said {
        return Err(contradiction(&party, &[seat.prev, seat.next], "they sent different openings of one value"));
    }
    Ok(lacking)
}

/// A stream of public random elements that nobody knows before. 1 round, 48 bytes from each player.
pub(super) async fn coin(party: &Party) -> Result<Prg> {
    let party = party.enter("coin");
    let seat = Seat::of(&party)?;
    let (own, next) = (party.shared(seat.prev, "coin")?.seed(), party.shared(seat.next, "coin")?.seed());
    let lacking = missing(&party, &own, &next, ()).await?;
    // In the order of components, so that all hash alike.
    let mut parts = [&own, &next, &lacking];
    parts.rotate_right(seat.role);
    let mut hasher = blake3::Hasher::new_derive_key(domain::COIN);
    parts.iter().for_each(|part| {
        hasher.update(&part.0);
    });
    let mut seed = [0; 16];
    seed.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Ok(Prg::new(Seed(seed)))
}
