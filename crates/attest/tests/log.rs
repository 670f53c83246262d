//! The Merkle log and approval records.

use attest::approval::{Approval, Approved, ReferenceValues};
use attest::merkle::{Log, SignedHead, leaf_hash, verify_consistency, verify_inclusion};
use attest::{Error, Policy, Technology, Time};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

/// The eight entries that certificate-transparency implementations test with, and the root after each.
const ENTRIES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_and_proofs_of_the_known_entries() {
    let mut log = Log::new();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hex::encode(log.root()), empty);
    for (entry, root) in ENTRIES.iter().zip(ROOTS) {
        log.append(&hex::decode(entry).unwrap());
        assert_eq!(hex::encode(log.root()), root);
    }
    let proof: Vec<String> = log.inclusion_proof(5).unwrap().iter().map(hex::encode).collect();
    assert_eq!(
        proof,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn proofs_verify_and_altered_ones_do_not(size in 1u64..80, index in 0u64..80, earlier in 1u64..80, flip in 0usize..256) {
        let (index, earlier) = (index % size, earlier.min(size));
        let entry = |i: u64| i.to_be_bytes();
        let (mut log, mut first) = (Log::new(), Log::new());
        for i in 0..size {
            log.append(&entry(i));
            if i < earlier {
                first.append(&entry(i));
            }
        }
        let root = log.root();
        let inclusion = log.inclusion_proof(index).unwrap();
        prop_assert!(verify_inclusion(&entry(index), index, size, &inclusion, &root).is_ok());
        prop_assert!(verify_inclusion(&entry(index + 1), index, size, &inclusion, &root).is_err());
        prop_assert!(verify_inclusion(&entry(index), index + size, size, &inclusion, &root).is_err());
        let consistency = log.consistency_proof(earlier).unwrap();
        let (one, two) = ((earlier, &first.root()), (size, &root));
        prop_assert!(verify_consistency(one, two, &consistency).is_ok());
        let other = leaf_hash(b"other");
        prop_assert!(verify_consistency((earlier, &other), two, &consistency).is_err());
        prop_assert!(verify_consistency(one, (size, &other), &consistency).is_err());
        for (proof, is_inclusion) in [(inclusion, true), (consistency, false)] {
            let mut longer = proof.clone();
            longer.push(other);
            let mut altered = proof.clone();
            if let Some(node) = altered.first_mut() {
                node[flip / 8] ^= 1 << (flip % 8);
            } else {
                altered.push(other);
            }
            for bad in [longer, altered] {
                let verdict = match is_inclusion {
                    true => verify_inclusion(&entry(index), index, size, &bad, &root),
                    false => verify_consistency(one, two, &bad),
                };
                prop_assert!(verdict.is_err());
            }
        }
    }
}

#[test]
fn a_signed_head_verifies_under_its_key_only() {
    let (key, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
    let mut log = Log::new();
    log.append(b"entry");
    let head = SignedHead::sign(&log, Time::from_unix(1_800_000_000), &key);
    assert_eq!(head.verify(&key.verifying_key()).unwrap(), log.root());
    assert!(matches!(head.verify(&other.verifying_key()), Err(Error::Signature { .. })));
    let json = serde_json::to_string(&head).unwrap();
    assert_eq!(serde_json::from_str::<SignedHead>(&json).unwrap(), head);
    let longer = SignedHead { size: 2, ..head };
    assert!(longer.verify(&key.verifying_key()).is_err());
}

fn values() -> ReferenceValues {
    ReferenceValues {
        name: "worker".into(),
        version: "0.1.0".into(),
        source: [3; 32].into(),
        technology: Technology::Tdx,
        measurements: [("mrtd".to_owned(), vec![[4; 48].into()])].into(),
    }
}

#[test]
fn reference_values_need_every_owner() {
    let keys: Vec<SigningKey> = (1..4u8).map(|seed| SigningKey::from_bytes(&[seed; 32])).collect();
    let owners: Vec<_> = keys.iter().map(SigningKey::verifying_key).collect();
    let approvals: Vec<Approval> = keys.iter().map(|key| Approval::sign(&values(), key)).collect();
    let approved = Approved::by_all(values(), &owners, &approvals).unwrap();
    let policy = Policy::parse("name = 'p'\ntechnologies = ['sgx', 'tdx']").unwrap();
    let pinned = approved.pin(policy);
    assert!(pinned.pins_code(Technology::Tdx));
    assert_eq!(pinned.technologies, [Technology::Tdx]);

    let missing = Approved::by_all(values(), &owners, &approvals[..2]);
    assert!(matches!(missing, Err(Error::Verifier { .. })), "{missing:?}");
    let mut changed = values();
    changed.measurements.insert("rtmr1".into(), vec![[5; 48].into()]);
    assert!(Approved::by_all(changed.clone(), &owners, &approvals).is_err(), "signed something else");
    let mut forged = approvals.clone();
    forged[1].digest = changed.digest();
    assert!(Approved::by_all(changed, &owners[1..2], &forged).is_err());
    let mut swapped = approvals;
    swapped[0].signature = swapped[1].signature.clone();
    assert!(matches!(Approved::by_all(values(), &owners, &swapped), Err(Error::Signature { .. })));
    assert!(Approved::by_all(values(), &[], &[]).is_err());
    let nothing = ReferenceValues { measurements: Default::default(), ..values() };
    let approvals = [Approval::sign(&nothing, &keys[0])];
    assert!(Approved::by_all(nothing, &owners[..1], &approvals).is_err(), "pins no code");
}
