//! Labels: whose a value is and, for each owner, who may read it.
//!
//! The decentralised label model (Myers and Liskov, "A decentralized model for information flow control",
//! SOSP 1997, section 2): a label is a set of policies *owner → readers*. All policies must be obeyed, so
//! the readers in force are those that every owner allows. A value without owners is public.

use std::collections::BTreeMap;

use ir::{OwnerPolicy, PlayerId};

/// The most players and groups that a computation may name.
pub const MAX_PLAYERS: usize = 256;

/// A set of players.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PlayerSet([u64; MAX_PLAYERS / 64]);

impl PlayerSet {
    /// Adds a player. Players past [`MAX_PLAYERS`] cannot be in a set; structure refuses them before.
    pub fn insert(&mut self, player: PlayerId) {
        if let Some(word) = self.0.get_mut(player.index() / 64) {
            *word |= 1 << (player.index() % 64);
        }
    }

    /// Whether a player is in it.
    pub fn contains(&self, player: PlayerId) -> bool {
        self.0.get(player.index() / 64).is_some_and(|word| word >> (player.index() % 64) & 1 == 1)
    }

    /// The players, in order.
    pub fn iter(&self) -> impl Iterator<Item = PlayerId> + '_ {
        (0..MAX_PLAYERS as u16).map(PlayerId).filter(|p| self.contains(*p))
    }

    fn zip(&mut self, other: &PlayerSet, f: impl Fn(u64, u64) -> u64) {
        for (word, o) in self.0.iter_mut().zip(&other.0) {
            *word = f(*word, *o);
        }
    }
}

impl FromIterator<PlayerId> for PlayerSet {
    fn from_iter<I: IntoIterator<Item = PlayerId>>(players: I) -> PlayerSet {
        let mut set = PlayerSet::default();
        players.into_iter().for_each(|p| set.insert(p));
        set
    }
}

/// Owners, and for each the readers it allows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Label(BTreeMap<PlayerId, PlayerSet>);

impl Label {
    /// The label of what everyone may read.
    pub fn public() -> Label {
        Label::default()
    }

    /// The label that an attribute states: an owner always reads its own, and two policies of one owner
    /// both hold.
    pub fn of(policies: &[OwnerPolicy]) -> Label {
        let mut label = Label::default();
        for policy in policies {
            let readers = policy.readers.iter().copied().chain([policy.owner]).collect();
            label.join(&Label(BTreeMap::from([(policy.owner, readers)])));
        }
        label
    }

    /// The label of what the members of a group hold each for itself, once it leaves them: no member may
    /// read another's.
    pub(crate) fn apart(group: PlayerId) -> Label {
        Label(BTreeMap::from([(group, PlayerSet::default())]))
    }

    /// Adds the policies of another label: the union of owners and, for each, the readers that both
    /// allow. Says whether anything changed.
    pub fn join(&mut self, other: &Label) -> bool {
        let mut changed = false;
        for (owner, readers) in &other.0 {
            let mut new = *readers;
            if let Some(old) = self.0.get(owner) {
                new.zip(old, |a, b| a & b);
            }
            changed |= self.0.insert(*owner, new) != Some(new);
        }
        changed
    }

    /// The label after a release: every owner also allows `to`.
    #[must_use]
    pub fn widened(&self, to: &[PlayerId]) -> Label {
        let to: PlayerSet = to.iter().copied().collect();
        let mut label = self.clone();
        label.0.values_mut().for_each(|readers| readers.zip(&to, |a, b| a | b));
        label
    }

    /// Whether every owner allows a player to read.
    pub fn permits(&self, player: PlayerId) -> bool {
        self.0.values().all(|readers| readers.contains(player))
    }

    /// The readers in force among the first `players` players.
    pub fn readers(&self, players: usize) -> Vec<PlayerId> {
        (0..players.min(MAX_PLAYERS) as u16).map(PlayerId).filter(|p| self.permits(*p)).collect()
    }

    /// The owners.
    pub fn owners(&self) -> Vec<PlayerId> {
        self.0.keys().copied().collect()
    }

    /// Each owner with the readers it allows.
    pub fn policies(&self) -> impl Iterator<Item = (PlayerId, &PlayerSet)> {
        self.0.iter().map(|(owner, readers)| (*owner, readers))
    }

    /// The owners who do not allow a player, each with those it allows.
    pub fn refusals(&self, player: PlayerId) -> impl Iterator<Item = (PlayerId, &PlayerSet)> {
        self.policies().filter(move |(_, readers)| !readers.contains(player))
    }

    /// Whether nobody owns it.
    pub fn is_public(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn label() -> impl Strategy<Value = Label> {
        let policy = (0..4u16, proptest::collection::vec(0..6u16, 0..5)).prop_map(|(owner, readers)| OwnerPolicy {
            owner: PlayerId(owner),
            readers: readers.into_iter().map(PlayerId).collect(),
        });
        proptest::collection::vec(policy, 0..4).prop_map(|p| Label::of(&p))
    }

    fn joined(a: &Label, b: &Label) -> Label {
        let mut out = a.clone();
        out.join(b);
        out
    }

    proptest! {
        #[test]
        fn join_is_a_least_upper_bound(a in label(), b in label(), c in label()) {
            prop_assert_eq!(joined(&a, &b), joined(&b, &a));
            prop_assert_eq!(joined(&a, &joined(&b, &c)), joined(&joined(&a, &b), &c));
            prop_assert_eq!(joined(&a, &a), a.clone());
            for p in a.readers(8).iter().chain(&b.readers(8)) {
                prop_assert_eq!(joined(&a, &b).permits(*p), a.permits(*p) && b.permits(*p));
            }
        }

        #[test]
        fn release_widens_for_the_named_alone(a in label(), to in 0..6u16) {
            let after = a.widened(&[PlayerId(to)]);
            for p in (0..8).map(PlayerId) {
                prop_assert_eq!(after.permits(p), a.permits(p) || p == PlayerId(to));
            }
            prop_assert_eq!(after.owners(), a.owners());
        }

        #[test]
        fn release_is_monotone(a in label(), b in label(), to in 0..6u16) {
            let to = [PlayerId(to)];
            prop_assert_eq!(joined(&a, &b).widened(&to), joined(&a.widened(&to), &joined(&a, &b).widened(&to)));
        }
    }
}
