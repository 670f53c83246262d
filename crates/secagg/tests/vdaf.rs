//! Test vectors of the VDAF draft: what the validated sum is made of is what the draft says.

use prio::codec::Encode;
use prio::field::Field64;
use prio::flp::Type;
use prio::flp::types::{Count, Sum};
use prio::vdaf::prio3::Prio3;
use prio::vdaf::test_utils::TestVectorClient;
use prio::vdaf::xof::XofTurboShake128;
use prio::vdaf::{Aggregator, VerifyTransition};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// Prio3Count_0 and Prio3Sum_0 of draft-irtf-cfrg-vdaf-18, of which keys, nonces and randomness count up from 0. Their
/// application context is shorter than ours, so `prio` is called directly.
#[test]
fn shares_and_verifiers_are_those_of_the_draft() {
    let count = Prio3::new(2, 1, 1, Count::<Field64>::new()).unwrap();
    let leader = "355e16daa732744c34dc71fa4c85d209f9af2ecf751609386ed9e2714ecc9e6bb2277498ac41e75c01d81b4cb8485926";
    let verifiers = [
        "cd7905720f16e5d9ef7657a336307ae8f3fe96d36cc09019257268349e7a7d72",
        "3486fa8defe91a26a2eb81c1638c36bcf227593ab1b0e78b0d2775a9788ca884",
    ];
    compare(&count, &true, leader, verifiers, ["355e16daa732744c", "cda1e92557cd8bb3"]);
    let sum = Prio3::new(2, 1, 2, Sum::<Field64>::new(255).unwrap()).unwrap();
    let leader = concat!(
        "6dcfc878dd3eacabf0312e41ae665028c676e3809260f86d9f31aca7f2e0d1fc2e5fdb580c94b79b11375e88df48fc55",
        "6839a4a7735871b5c83b1d93be82e65b13ace77f6202877a93b2633abb7965c32c1f799947f154699d284c9f5fe63f0d",
        "5a42f000eefa535d87d4b962d9684874577a9d69d32062c6d669ebf90d738656faf540f6ffba038c2bc7b775f9e5a9ab",
        "44b685e60b875ad6a48b49d7625fe79183b34ee6a2ef868b7d0d3e2bd99734e80be11e270cd4288fcaa75f3b39dac18a",
        "a665ce06e4486abfe31619deaf3808110a5a6dada60868497553f6db3f5f3e541038b098487b12f6c4efb91eab1f2468",
        "b61578ad0fbaa3fe9d48f100c6a5131df2a120019197dee361b0b1f658462fd1b9ce0428dde833377996648e4deddeef",
        "88cb4703a08850f060b07b1e0d8a7b3310d882823d841da2b173f09c3f275002",
    );
    let verifiers =
        ["8ae6c9427194bcbd4f7ec37b2d71efde7103dba5d9ce9b82", "771936bd8d6b4342fcd39293142d00ba0dbe587ac2359285"];
    compare(&sum, &100, leader, verifiers, ["e3ad3d4d7d6f5765", "8252c2b28190a89a"]);
}

fn compare<T: Type>(
    prio3: &Prio3<T, XofTurboShake128, 32>,
    measurement: &T::Measurement,
    leader: &str,
    verifiers: [&str; 2],
    outputs: [&str; 2],
) {
    let counting: Vec<u8> = (0..64).collect();
    let nonce: [u8; 16] = counting[..16].try_into().unwrap();
    let key: [u8; 32] = counting[..32].try_into().unwrap();
    let context = b"some application";
    let (public, inputs) = prio3.shard_with_random(context, measurement, &nonce, &counting).unwrap();
    assert_eq!(inputs[0].get_encoded().unwrap(), bytes(leader));
    assert_eq!(inputs[1].get_encoded().unwrap(), counting[..32]);
    let query =
        |position: usize| prio3.verify_init(&key, context, position, &(), &nonce, &public, &inputs[position]).unwrap();
    let sides = [query(0), query(1)];
    for (position, (state, share)) in sides.iter().enumerate() {
        assert_eq!(share.get_encoded().unwrap(), bytes(verifiers[position]));
        let shares = sides.iter().map(|(_, share)| share.clone());
        let message = prio3.verifier_shares_to_message(context, &(), shares).unwrap();
        let VerifyTransition::Finish(output) = prio3.verify_next(context, state.clone(), message).unwrap() else {
            panic!("Prio3 has one round");
        };
        assert_eq!(output.get_encoded().unwrap(), bytes(outputs[position]));
    }
}
