//! Any bytes are a contribution, a request's credential or terms, or refused, without a panic: what a page may send to the
//! service of an aggregation, and gets from it.

#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use secagg::committee::{Collector, Committee, Member};
use secagg::{OpenKey, Ring, Signer, Stream, Task};
use terms::{Credential, Terms};

static ROUND: LazyLock<(Task, Committee, BTreeSet<secagg::Identity>)> = LazyLock::new(|| {
    let mut rng = Stream::new("privity fuzz v1 keys of a round", &[]);
    let mut member = || Member { key: Signer::generate(&mut rng).public(), seal: OpenKey::generate(&mut rng).public() };
    let committee = Committee::all(vec![member(), member()]).expect("a committee of two");
    let task = Task { agreement: [7; 32], round: 1, ring: Ring::new(32).expect("a ring"), len: 4, minimum: 2 };
    (task, committee, BTreeSet::from([Signer::from_bytes(&[7; 32]).identity()]))
});

fuzz_target!(|bytes: &[u8]| {
    let (task, committee, enrolled) = &*ROUND;
    if let Ok(mut collector) = Collector::new(*task, committee.clone(), enrolled) {
        let _ = collector.accept(bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(credential) = text.parse::<Credential>() {
            assert_eq!(credential.to_string(), text, "one credential has one text");
            let _ = credential.verify("GET", "/");
        }
        if let Ok(terms) = Terms::parse(text) {
            // What a page is given has the digest that everyone signs.
            let again = terms.text().and_then(|text| Terms::parse(&text));
            assert_eq!(again.map(|terms| terms.digest()).ok(), Some(terms.digest()));
        }
    }
});
