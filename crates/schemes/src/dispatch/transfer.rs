//! Moving values between placements: sending, sharing and revealing.

use std::borrow::Cow;

use algebra::{Ring, Tensor};
use ir::{DType, RingBits, Scheme};
use net::PlayerId;

use super::public::shared;
use super::verified;
use crate::error::{Error, Result};
use crate::party::Party;
use crate::plain::{Plain, cast, cast_owned};
use crate::replicated::{self, Share};
use crate::value::Value;

/// From where to where a value moves, and as what.
pub struct Route<'a> {
    /// Scheme and players where it is.
    pub from: (Scheme, &'a [PlayerId]),
    /// Scheme and players where it goes.
    pub to: (Scheme, &'a [PlayerId]),
    /// Its element type there and here. Where they differ, plaintext is encoded or decoded on the plaintext side.
    pub dtype: (DType, DType),
    /// The length of each axis.
    pub shape: &'a [usize],
    /// What its numbers are held to where it goes, if it goes where that is tested.
    pub within: Option<Within<'a>>,
}

/// The range of what an owner shares.
#[derive(Clone, Copy, Debug)]
pub struct Within<'a> {
    /// What it is called in the program.
    pub value: &'a str,
    /// The least number.
    pub low: f64,
    /// The greatest number.
    pub high: f64,
}

impl Route<'_> {
    /// The players of the end that holds shares, in the order of its roles; where both hold plaintext, the receiver.
    #[must_use]
    pub fn players(&self) -> Vec<PlayerId> {
        let (scheme, players) = if self.from.0.is_plaintext() { self.to } else { self.from };
        if scheme.is_plaintext() { self.to.1.to_vec() } else { players.to_vec() }
    }
}

/// Runs our side of a move. The holders give their `value`, which is let go of early if it is given away; those at the
/// destination get theirs. `party` is on [`Route::players`].
///
/// # Errors
/// If a value does not fit the type at the destination, a message fails, or there is no such move.
pub async fn transfer(party: &Party, route: &Route<'_>, value: Option<Cow<'_, Value>>) -> Result<Option<Value>> {
    let ours = |(scheme, players): &(Scheme, &[PlayerId])| *scheme == Scheme::Enclave && players.contains(&party.me());
    let inside = [route.from, route.to].iter().any(ours);
    moved(party, route, value).await.map_err(|error| if inside { error.inside() } else { error })
}

async fn moved(party: &Party, route: &Route<'_>, value: Option<Cow<'_, Value>>) -> Result<Option<Value>> {
    match (held(route.from.0), held(route.to.0)) {
        (Scheme::Host, Scheme::Host) => send(party, route, value.as_deref()).await,
        (Scheme::Host, Scheme::Replicated) => share(party, route, value).await,
        (Scheme::Replicated, Scheme::Host) => reveal(party, route, value.as_deref()).await,
        (Scheme::Host, Scheme::Malicious) => verified::share(party, route, value.as_deref()).await,
        (Scheme::Malicious, Scheme::Host) => verified::reveal(party, route, value.as_deref()).await,
        (Scheme::Replicated, Scheme::Replicated) | (Scheme::Malicious, Scheme::Malicious)
            if route.from.1 == route.to.1 && route.dtype.0 == route.dtype.1 =>
        {
            Ok(value.map(Cow::into_owned))
        }
        (from, to) => Err(Error::Unsupported {
            op: "move",
            operands: route.dtype.0.to_string(),
            scheme: if from.spec().runs { to.spec().name } else { from.spec().name },
        }),
    }
}

/// How kernels see what a scheme holds: inside an enclave it is as it is at a host.
fn held(scheme: Scheme) -> Scheme {
    if scheme == Scheme::Enclave { Scheme::Host } else { scheme }
}

pub(super) fn clear(value: &Value) -> Result<&Plain> {
    match value {
        Value::Plain(plain) => Ok(plain),
        _ => Err(Error::misuse("a shared value at a host")),
    }
}

async fn send(party: &Party, route: &Route<'_>, value: Option<&Value>) -> Result<Option<Value>> {
    let (from, to) = (route.from.1[0], route.to.1[0]);
    let value = value.map(|v| cast(clear(v)?, route.dtype.1)).transpose()?;
    if from == to {
        return Ok(value.map(Value::Plain));
    }
    match value {
        Some(value) if party.me() == from => {
            party.send(to, &value);
            Ok(None)
        }
        _ if party.me() == to => {
            let form = (route.dtype.1, route.shape.to_vec());
            Ok(Some(Value::Plain(party.recv(from, form).await?)))
        }
        _ => Err(Error::misuse("a player takes part in a move without a side")),
    }
}

async fn share(party: &Party, route: &Route<'_>, value: Option<Cow<'_, Value>>) -> Result<Option<Value>> {
    let dealer = route.from.1[0];
    let encoded = |v: Cow<'_, Value>| match v {
        Cow::Owned(Value::Plain(plain)) => cast_owned(plain, route.dtype.1),
        v => cast(clear(&v)?, route.dtype.1),
    };
    let (value, shape) = (value.map(encoded).transpose()?, route.shape);
    Ok(match (route.dtype.1, value) {
        (DType::Bool, value) => {
            let bits = match &value {
                Some(Plain::Bool(t)) => Some(t),
                _ => None,
            };
            replicated::share_bits(party, dealer, bits, shape).await?.map(Value::RepBits)
        }
        (DType::Fixed { ring: RingBits::B128, .. }, mut value) => {
            let elements = if let Some(Plain::Fixed128(t, _)) = &mut value { Some(std::mem::take(t)) } else { None };
            replicated::share(party, dealer, elements, shape).await?.map(Value::Rep128)
        }
        (_, value) => {
            let elements = value.map(into_words).transpose()?;
            replicated::share(party, dealer, elements, shape).await?.map(Value::Rep64)
        }
    })
}

/// The elements of Z_2^64 that carry a value.
pub(super) fn words(value: &Plain) -> Result<Tensor<u64>> {
    into_words(value.clone())
}

fn into_words(mut value: Plain) -> Result<Tensor<u64>> {
    match &mut value {
        Plain::U64(t) | Plain::Fixed64(t, _) => Ok(std::mem::take(t)),
        Plain::I64(t) => Ok(t.map(|x| x.cast_unsigned())),
        other => Err(Error::misuse(format!("{other:?} has no elements of Z_2^64"))),
    }
}

async fn reveal(party: &Party, route: &Route<'_>, value: Option<&Value>) -> Result<Option<Value>> {
    let to = route.to.1;
    let trivial = match (value, party.role()) {
        (Some(Value::Plain(public)), Some(role)) => Some(shared(role, public, route.dtype.0)?),
        _ => None,
    };
    let value = trivial.as_ref().or(value);
    let held = match (route.dtype.0, value) {
        (DType::Bool, value) => {
            let bits = match value {
                Some(Value::RepBits(b)) => Some(b),
                _ => None,
            };
            replicated::reveal_bits(party, bits, to, route.shape).await?.map(Plain::Bool)
        }
        (DType::Fixed { ring: RingBits::B128, frac }, value) => {
            let part = match value {
                Some(Value::Rep128(s)) => Some(s),
                _ => None,
            };
            open(party, part, route).await?.map(|t| Plain::Fixed128(t, frac))
        }
        (dtype, value) => {
            let part = match value {
                Some(Value::Rep64(s)) => Some(s),
                _ => None,
            };
            open(party, part, route).await?.map(|t| match dtype {
                DType::Fixed { frac, .. } => Plain::Fixed64(t, frac),
                DType::I64 => Plain::I64(t.map(|x| x.cast_signed())),
                _ => Plain::U64(t),
            })
        }
    };
    held.map(|plain| Ok(Value::Plain(cast(&plain, route.dtype.1)?))).transpose()
}

async fn open<R: Ring>(party: &Party, part: Option<&Share<R>>, route: &Route<'_>) -> Result<Option<Tensor<R>>> {
    replicated::reveal(party, part, route.to.1, route.shape).await
}
