//! Terms as text: what a page is given has the digest that everyone else signs.

use identity::Identity;
use proptest::prelude::*;
use secagg::{OpenKey, Signer};
use terms::{
    AggregatorDraft, AgreementDraft, CommitteeDraft, Draft, Kind, NoiseBy, NoiseDraft, NoiseShape, PairwiseDraft,
    ServerDraft, ServiceDraft, SharesDraft, Terms, ValidatedDraft, made_in_machine,
};

fn signer(number: u8) -> Signer {
    Signer::from_bytes(&[number; 32])
}

fn identity(number: u8) -> String {
    Identity::from_bytes(signer(number).identity().0).to_string()
}

fn aggregator(number: u8) -> AggregatorDraft {
    let seal = OpenKey::from_bytes(&[number; 32]).unwrap().public();
    let key = hex::encode(signer(number).public().to_bytes());
    let (name, seal) = (format!("the \"{number}\"th"), hex::encode(seal.to_bytes()));
    AggregatorDraft { name, key, seal, policy: None, evidence: None }
}

/// An aggregator whose machine has to be what a policy says.
fn proved(number: u8) -> AggregatorDraft {
    let (policy, evidence) = ("name = 'a'\n# pinned\n[measurements]\n".to_owned(), "{\"kind\":\"tpm\"}".to_owned());
    AggregatorDraft { policy: Some(policy), evidence: Some(evidence), ..aggregator(number) }
}

fn draft(clip: f64) -> Draft {
    let aggregators = (10..13).map(aggregator).collect();
    Draft {
        name: "blood\n pressure, [north]".into(),
        length: 3,
        clip,
        precision: Some(20),
        minimum: 10,
        most: 1000,
        weights: None,
        rounds: 12,
        share: 0.1,
        collect_seconds: 3600.5,
        answer_seconds: 60.0,
        enroller: hex::encode(signer(2).public().to_bytes()),
        readers: vec![identity(3), identity(4)],
        service: ServiceDraft { identity: identity(1), address: "rounds.example.org:7100".into() },
        shares: None,
        agreement: None,
        noise: None,
        committee: Some(CommitteeDraft { threshold: 2, quorum: 3, corrupt: 1, aggregators }),
        pairwise: None,
        validated: None,
    }
}

/// The text's terms are the same, and so is the text of these.
fn same(draft: Draft) {
    let terms = Terms::check(draft).unwrap();
    let text = terms.text().unwrap();
    let again = Terms::parse(&text).unwrap();
    assert_eq!(again.draft(), terms.draft());
    assert_eq!((again.digest(), again.text().unwrap()), (terms.digest(), text));
}

#[test]
fn every_kind_of_terms_has_a_text() {
    same(Draft { weights: Some(500), ..draft(200.0) });
    let (by, shape) = (NoiseBy::Contributors, NoiseShape::Gaussian);
    let noise = NoiseDraft { by, shape, deviation: 300.0, norm: 300.0, dishonest: 2, delta: 1e-6, epsilon: 100.0 };
    same(Draft { noise: Some(noise), ..draft(200.0) });
    let shares = SharesDraft { name: "pressure".into(), fraction: 16, owner: identity(5), each: false };
    same(Draft { shares: Some(shares), precision: None, ..draft(200.0) });
    let agreement = AgreementDraft { digest: "0f".repeat(32), group: "people".into() };
    let shares = SharesDraft { name: "\"sum\" of an agreement".into(), fraction: 16, owner: identity(2), each: false };
    let only = Draft { agreement: Some(agreement), shares: Some(shares), rounds: 1, precision: None, ..draft(200.0) };
    same(only);
    same(Draft { rounds: u64::MAX, ..draft(200.0) });
    let committee =
        CommitteeDraft { threshold: 2, quorum: 2, corrupt: 1, aggregators: vec![aggregator(10), proved(11)] };
    same(Draft { committee: Some(committee), ..draft(200.0) });
    for degree in [None, Some(20)] {
        let pairwise = PairwiseDraft { degree, threshold: 15, server: ServerDraft::Curious };
        same(Draft { pairwise: Some(pairwise), committee: None, ..draft(200.0) });
    }
    for (kind, greatest) in [(Kind::Histogram, None), (Kind::SumVector, Some(100))] {
        let validated = ValidatedDraft { kind, greatest, aggregators: (10..12).map(aggregator).collect() };
        same(Draft { validated: Some(validated), committee: None, precision: None, ..draft(0.0) });
    }
}

#[test]
fn one_aggregator_alone_has_a_machine_that_proves_itself() {
    let alone = |aggregator: AggregatorDraft| {
        let committee = CommitteeDraft { threshold: 1, quorum: 1, corrupt: 0, aggregators: vec![aggregator] };
        Terms::check(Draft { committee: Some(committee), ..draft(1.0) })
    };
    let terms = alone(proved(10)).unwrap();
    let [machine] = terms.machines() else { panic!("one machine") };
    assert_eq!((machine.identity.to_string(), terms.holders()), (identity(10), vec![machine.identity]));
    let seal = OpenKey::from_bytes(&[10; 32]).unwrap().public();
    assert_eq!(machine.report_data, made_in_machine(&signer(10).public().to_bytes(), &seal.to_bytes()));
    assert!(terms.assumption().contains("each client appraises the machine of the \"10\"th"), "{}", terms.assumption());

    let AggregatorDraft { policy, evidence, .. } = proved(10);
    let without_evidence = AggregatorDraft { policy, ..aggregator(10) };
    let without_policy = AggregatorDraft { evidence, ..aggregator(10) };
    for (aggregator, why) in [
        (aggregator(10), "a committee of one aggregator needs its `policy` and `evidence`"),
        (without_evidence, "a policy without evidence"),
        (without_policy, "evidence without a policy"),
    ] {
        let error = alone(aggregator).err().unwrap();
        assert!(error.to_string().contains(why), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_number_changes_on_the_way(clip in 1e-30f64..1e30) {
        same(draft(clip));
    }

    #[test]
    fn no_text_is_a_panic(text in ".{0,200}") {
        prop_assert!(Terms::parse(&text).is_err());
    }
}
