//! Addresses: the same for everyone who walks the same path, different for every other path.

use std::collections::HashSet;

use net::{Label, Scope};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Owned {
    Name(String),
    Index(u64),
}

impl Owned {
    fn label(&self) -> Label<'_> {
        match self {
            Owned::Name(name) => Label::Name(name),
            Owned::Index(index) => Label::Index(*index),
        }
    }
}

fn label() -> impl Strategy<Value = Owned> {
    prop_oneof!["[a-z0-9.]{0,9}".prop_map(Owned::Name), (0u64..4).prop_map(Owned::Index)]
}

fn walk(root: &[u8], path: &[Owned]) -> Scope {
    path.iter().fold(Scope::root(root), |scope, step| scope.child(step.label()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn paths_differ_exactly_if_scopes_do(one in vec(label(), 0..5), two in vec(label(), 0..5)) {
        prop_assert_eq!(walk(b"session", &one) == walk(b"session", &two), one == two);
        prop_assert_ne!(walk(b"session", &one), walk(b"another", &one));
    }
}

#[test]
fn kinds_and_borders_of_labels_are_told_apart() {
    let root = Scope::root(b"");
    let eight = "\u{1}\0\0\0\0\0\0\0";
    let scopes = [
        root,
        root.child(""),
        root.child(0),
        root.child("0"),
        root.child(1),
        root.child(eight),
        root.child("ab"),
        root.child("a").child("b"),
        root.child("n").child("ab"),
        Scope::root(b"ab"),
        Scope::root(&root.0),
    ];
    assert_eq!(scopes.iter().collect::<HashSet<_>>().len(), scopes.len());
}

/// Both ends derive scopes alone, possibly with different builds: the derivation must not change
/// without a new version of the protocol.
#[test]
fn the_derivation_is_stable() {
    let scope = Scope::root(b"privity").child("msb").child(3);
    assert_eq!(format!("{scope:?}"), "37ed23aa");
    assert_eq!(scope.step(7).to_string(), format!("{scope:?}.7"));
}
