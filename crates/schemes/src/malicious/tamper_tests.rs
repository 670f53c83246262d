//! A player that deviates: every message of every kernel is altered, one at a time and in several ways, those of the check
//! and of openings too. Every other player must then end with an error, or with the right result.
//!
//! A sample runs by default; `PRIVITY_TAMPER=all` runs everything, `PRIVITY_TAMPER=divide,scale` all of these kernels alone, and
//! prints how much that was. With `PRIVITY_TAMPER_ONCE=1` each message is altered in one way, another one from message to message:
//! kernels of thousands of messages take hours otherwise.

use std::collections::HashMap;

use algebra::{Ring, Tensor};
use bytes::Bytes;
use net::{PlayerId, Step};

use super::*;
use crate::Result;
use crate::conformance::{Opens, edges};
use crate::functions::{self, Sorts};
use crate::party::Party;
use crate::primitives::{Linear, Logic};
use crate::replicated::Order;
use crate::testing::{Sent, World};

/// What the players get: elements of either ring and bits, as one list.
type Opened = Vec<u128>;

/// Where a message goes.
type Address = (PlayerId, PlayerId, Step);

/// The kernels.
const KERNELS: &[&str] = &[
    "mul",
    "square",
    "matmul",
    "mul-fixed",
    "truncate",
    "truncate-128",
    "msb",
    "less",
    "equal",
    "bits",
    "exponent",
    "and",
    "to-ring",
    "mul-bit",
    "select",
    "widen",
    "within",
    "share",
    "divide",
    "scale",
    "sort-by",
    "shuffle",
    "chain",
];

/// Runs a kernel on known values and opens its result to all three.
async fn kernel(party: &Party, name: &str) -> Result<Opened> {
    let x: Tensor<u64> = edges(3, 1);
    let small = x.ashr(4);
    let wide: Tensor<u128> = edges::<u128>(3, 2).ashr(4);
    let role = party.role();
    let outsider = PlayerId(3);
    if role.is_none() {
        if name == "share" {
            share(party, outsider, Some(&x), &[3]).await?;
            share_bits(party, outsider, Some(&x.map(|x| x & 1 == 1)), &[3]).await?;
        }
        return Ok(Vec::new());
    }
    let close = |x: &Tensor<u64>| Malicious::close(party, x);
    let (sx, sy) = (close(&x)?, close(&small)?);
    let bit = || less(party, &sx, &sy, Order::Slack);
    match name {
        "mul" => open(party, &mul(party, &sx, &sy).await?).await,
        "square" => open(party, &mul(party, &sx, &sx).await?).await,
        "matmul" => {
            let (a, b) = (edges::<u64>(6, 3).reshape([2, 3])?, edges::<u64>(6, 4).reshape([3, 2])?);
            open(party, &matmul(party, &close(&a)?, &close(&b)?).await?).await
        }
        "mul-fixed" => open(party, &mul_fixed(party, &close(&x.ashr(40))?, &sy.times(0)?, 16).await?).await,
        "truncate" => open(party, &truncate(party, &sy, 16).await?).await,
        "truncate-128" => open(party, &truncate(party, &Malicious::close(party, &wide)?, 40).await?).await,
        "msb" => open_bits(party, &msb(party, &sx).await?).await,
        "less" => open_bits(party, &less(party, &sx, &sy, Order::Signed).await?).await,
        "equal" => open_bits(party, &equal(party, &sx, &sy).await?).await,
        "bits" => {
            let planes = bits(party, &sx, 12).await?;
            let all: Vec<&BitShare> = planes.iter().collect();
            open_bits(party, &<BitShare as Logic>::join(&all, |t| Tensor::stack(t, 0))?).await
        }
        "exponent" => {
            let found = exponent(party, &sy).await?;
            let all: Vec<&BitShare> = std::iter::once(&found.sign).chain(&found.d).collect();
            open_bits(party, &<BitShare as Logic>::join(&all, |t| Tensor::stack(t, 0))?).await
        }
        "and" => {
            let b = msb_free(party, &x)?;
            open_bits(party, &and_bits(party, &b, &msb_free(party, &small)?).await?).await
        }
        "to-ring" => open(party, &to_ring::<u64>(party, &msb_free(party, &x)?).await?).await,
        "mul-bit" => open(party, &mul_bit(party, &msb_free(party, &x)?, &sy).await?).await,
        "select" => open(party, &select(party, &bit().await?, &sx, &sy).await?).await,
        "widen" => open(party, &widen(party, &sy).await?).await,
        "within" => {
            // One sign for each number, two, and two that both must not be clear.
            let promise = || Promise { owner: outsider, value: "x".into(), range: "its range".into() };
            let mut all = Vec::new();
            for high in [(1 << 62) - 1, 1 << 61, (1 << 63) - 2] {
                let limits = Limits::new(-(1 << 62), high).expect("not every element");
                all.extend(open(party, &within(party, sy.clone(), limits, promise())).await?);
            }
            Ok(all)
        }
        "share" => {
            let first = share::<u64>(party, outsider, None, &[3]).await?.expect("one of the three");
            let second = share_bits(party, outsider, None, &[3]).await?.expect("one of the three");
            let mut both = open(party, &first).await?;
            both.extend(open_bits(party, &second).await?);
            Ok(both)
        }
        "divide" => {
            let (a, b) = (Tensor::from_vec(vec![3u64 << 16]), Tensor::from_vec(vec![7u64 << 16]));
            open(party, &functions::divide::<Malicious, u64>(party, &close(&a)?, &close(&b)?, 16).await?).await
        }
        "scale" => open(party, &functions::scale::<Malicious, u64>(party, &sy, &Tensor::scalar(0.3)).await?).await,
        "sort-by" => {
            let rows = close(&Tensor::from_fn([3, 2], |i| i as u64))?;
            open(party, &Malicious::sort_by::<u64, u64>(party, &rows, &sx, Order::Signed, false).await?).await
        }
        "shuffle" => open(party, &Malicious::shuffled::<u64>(party, &sx).await?).await,
        _ => {
            // A result that depends on another one that is opened first.
            let z = mul(party, &sx, &sy).await?;
            let mut both = open(party, &z).await?;
            both.extend(open(party, &truncate(party, &mul(party, &z, &sy.times(0)?).await?, 3).await?).await?);
            Ok(both)
        }
    }
}

/// Bits that all know, shared with no component that stands out.
fn msb_free(party: &Party, x: &Tensor<u64>) -> Result<BitShare> {
    let share = Malicious::close(party, x)?;
    let low = |t: &Tensor<u64>| algebra::bit_plane(t.data(), 0);
    let value = crate::replicated::BitShare::new(x.shape(), low(share.value.own()), low(share.value.next()));
    Ok(BitShare::new(value, Past::default()))
}

async fn open<R: Ring>(party: &Party, x: &Share<R>) -> Result<Opened> {
    let value = Malicious::open(party, x).await?;
    Ok(value.data().iter().map(|x| u128::from(x.low_u64()) | u128::from(x.high_u64()) << 64).collect())
}

async fn open_bits(party: &Party, x: &BitShare) -> Result<Opened> {
    Ok(Malicious::open_bits(party, x).await?.data().iter().map(|b| u128::from(*b)).collect())
}

/// Ways to alter a message.
const ALTERATIONS: &[fn(&mut Vec<u8>)] = &[
    |m| m.iter_mut().take(1).for_each(|b| *b ^= 1),
    |m| m.iter_mut().rev().take(1).for_each(|b| *b ^= 0x80),
    |m| {
        let middle = m.len() / 2;
        m.iter_mut().skip(middle).take(1).for_each(|b| *b ^= 0x10);
    },
    |m| {
        // One more, to the first element.
        for b in m.iter_mut() {
            *b = b.wrapping_add(1);
            if *b != 0 {
                break;
            }
        }
    },
    |m| m.fill(0),
    |m| {
        m.pop();
    },
    |m| {
        if m.len() >= 16 {
            m.rotate_left(8);
        }
    },
];

fn altered(payload: &Bytes, how: usize) -> Option<Bytes> {
    let mut bytes = payload.to_vec();
    ALTERATIONS[how](&mut bytes);
    (bytes != *payload).then(|| Bytes::from(bytes))
}

/// The ways in which a message is altered: all that change it, or the first, from another one on for each message.
fn ways(number: usize, sent: &Sent) -> impl Iterator<Item = usize> {
    let most = if std::env::var_os("PRIVITY_TAMPER_ONCE").is_some() { 1 } else { ALTERATIONS.len() };
    let from = (0..ALTERATIONS.len()).map(move |way| (number + way) % ALTERATIONS.len());
    from.filter(|how| altered(&sent.payload, *how).is_some()).take(most)
}

fn address(sent: &Sent) -> Address {
    (sent.from, sent.to, sent.step)
}

/// The messages of an honest run, and its result.
fn honest(name: &str) -> (Vec<Sent>, Opened) {
    let mut world = World::with_players(77, 4);
    let results = world.run(async |p| kernel(&p, name).await.unwrap());
    assert!(results[0] == results[1] && results[1] == results[2]);
    (world.sent(), results[0].clone())
}

/// A run in which these messages are altered so; every other player must not notice nothing and be wrong. Whether
/// anybody noticed.
fn attack(name: &str, expected: &Opened, cheater: PlayerId, changes: &HashMap<Address, usize>) -> bool {
    let mut world = World::with_players(77, 4);
    let changes = changes.clone();
    world.intercept(move |sent| changes.get(&address(sent)).and_then(|how| altered(&sent.payload, *how)));
    let results = world.run_until_stuck(async |p| kernel(&p, name).await);
    let honest = (0..3).filter(|i| PlayerId(*i) != cheater).map(|i| &results[usize::from(i)]);
    let mut noticed = false;
    for result in honest {
        match result {
            Some(Ok(opened)) => assert!(opened == expected, "{name}: {cheater:?} made a result wrong, unnoticed"),
            _ => noticed = true,
        }
    }
    noticed
}

/// The kernels of which all alterations are tried; none, if it is a sample of each.
fn whole() -> Vec<&'static str> {
    let asked = std::env::var("PRIVITY_TAMPER").unwrap_or_default();
    KERNELS.iter().copied().filter(|name| asked == "all" || asked.split(',').any(|asked| asked == *name)).collect()
}

#[test]
fn every_altered_message_is_noticed_or_harmless() {
    let (mut tried, mut noticed, whole) = (0, 0, whole());
    for name in if whole.is_empty() { KERNELS } else { &whole } {
        let (sent, expected) = honest(name);
        let numbered = sent.iter().enumerate();
        let all: Vec<_> = numbered.flat_map(|(i, sent)| ways(i, sent).map(move |how| (sent, how))).collect();
        // Some of each kernel, spread over its messages and the ways.
        let stride = if whole.is_empty() { (all.len() / 9).max(1) | 1 } else { 1 };
        let chosen: Vec<_> = all.into_iter().step_by(stride).collect();
        println!("{name}: {} messages, {} alterations", sent.len(), chosen.len());
        tried += chosen.len();
        for (message, how) in chosen {
            let changes = HashMap::from([(address(message), how)]);
            noticed += usize::from(attack(name, &expected, message.from, &changes));
        }
    }
    println!("{tried} alterations, of which {noticed} were noticed and the others harmless");
    assert!(noticed * 10 > tried * 9, "only {noticed} of {tried} alterations had any effect");
}

/// A cheater who alters more than one message: all of its own, or a product and what it sends in the check after it.
#[test]
fn a_cheater_cannot_cover_an_error_with_another() {
    for name in ["mul", "and", "truncate", "msb"] {
        let (sent, expected) = honest(name);
        for cheater in [0, 1, 2].map(PlayerId) {
            let own: Vec<&Sent> = sent.iter().filter(|s| s.from == cheater && !s.payload.is_empty()).collect();
            for how in [0, 3] {
                let all = own.iter().map(|s| (address(s), how)).collect();
                assert!(attack(name, &expected, cheater, &all), "{name}: nobody noticed {cheater:?}");
                let stride = if whole().contains(&name) { 1 } else { (own.len() / 3).max(1) };
                for later in own[1..].iter().step_by(stride) {
                    let two = HashMap::from([(address(own[0]), how), (address(later), how)]);
                    assert!(attack(name, &expected, cheater, &two), "{name}: nobody noticed {cheater:?}");
                }
            }
        }
    }
}

#[test]
fn a_contradiction_names_those_of_whom_one_lies() {
    let mut world = World::with_seed(5);
    let x = Tensor::<u64>::from_fn([4], |i| i as u64);
    // The first message of a reveal goes from P0 to P1.
    let mut done = false;
    world.intercept(move |sent| {
        let first = sent.from.0 == 0 && sent.to.0 == 1 && !std::mem::replace(&mut done, true);
        first.then(|| altered(&sent.payload, 0)).flatten()
    });
    let results = world.run_until_stuck(async |p| {
        let s = Malicious::close(&p, &x)?;
        Malicious::open(&p, &s).await
    });
    let error = results[1].as_ref().unwrap().as_ref().unwrap_err();
    assert_eq!(error.code(), "scheme.deviation");
    assert_eq!(
        error.to_string(),
        "in `reveal-verified`, they sent different openings of one value: one of P0, P2 deviates from the protocol"
    );
    assert!(results[2].as_ref().unwrap().is_ok(), "the others got the same openings");
}

/// A dealer inside that sends another share than it keeps has shared another value, and does not compute on that.
#[test]
fn a_dealer_inside_cannot_split_the_others() {
    let x = Tensor::<u64>::from_fn([4], |i| i as u64);
    for dealer in [0, 1, 2].map(PlayerId) {
        let mut world = World::with_seed(6);
        let mut done = false;
        world.intercept(move |sent| {
            let first = sent.from == dealer && !std::mem::replace(&mut done, true);
            first.then(|| altered(&sent.payload, 3)).flatten()
        });
        let opened = world.run_until_stuck(async |p| {
            let s = share(&p, dealer, (p.me() == dealer).then_some(&x), &[4]).await.ok()??;
            let p = p.narrow("square");
            Malicious::open(&p, &mul(&p, &s, &s).await.ok()?).await.ok()
        });
        let honest = (0..3).filter(|i| PlayerId(*i) != dealer).map(|i| &opened[usize::from(i)]);
        assert!(honest.flatten().all(Option::is_none), "{dealer:?} got a result out of two different values");
    }
}
