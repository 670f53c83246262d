//! The protocol that both sides follow, without sockets.

use agreement::{Endpoint, Member, Roster};
use net::Identity;

use crate::error::MeetError;
use crate::words;

/// The most players of one meeting.
pub(crate) const MOST: usize = 64;
/// The longest name.
const LONGEST_NAME: usize = 64;

const COMMITMENT: &str = "privity 2026-11 meeting commitment v1";
const PHRASE: &str = "privity 2026-11 meeting phrase v1";

/// One party, as it presents itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The player that it will be.
    pub name: String,
    /// The fingerprint of the key that it has proved.
    pub identity: Identity,
    /// Where its worker will be reached.
    pub endpoint: Endpoint,
    /// Its commitment to a nonce.
    pub commitment: [u8; 32],
}

/// Ourselves: an entry with the nonce that opens its commitment.
pub(crate) struct Own {
    pub(crate) entry: Entry,
    pub(crate) nonce: [u8; 32],
}

impl Own {
    pub(crate) fn new(name: &str, identity: Identity, endpoint: Endpoint, nonce: [u8; 32]) -> Result<Own, MeetError> {
        let entry = Entry { name: name.to_owned(), identity, endpoint, commitment: commit(name, identity, &nonce) };
        entry.check_name()?;
        Ok(Own { entry, nonce })
    }
}

/// A nonce is bound to whose it is: nobody can present another's commitment as its own and later its nonce.
fn commit(name: &str, identity: Identity, nonce: &[u8; 32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(COMMITMENT);
    hasher.update(identity.as_bytes()).update(nonce).update(name.as_bytes());
    *hasher.finalize().as_bytes()
}

impl Entry {
    fn check_name(&self) -> Result<(), MeetError> {
        let mut letters = self.name.bytes();
        let first = letters.next().is_some_and(|b| b.is_ascii_lowercase());
        let rest = letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        match first && rest && self.name.len() <= LONGEST_NAME {
            true => Ok(()),
            false => Err(MeetError::Name(self.name.chars().take(80).collect())),
        }
    }
}

/// Everybody's entries, in one order: by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table(Vec<Entry>);

impl Table {
    /// Refuses names that are none or occur twice, one identity twice, and what is no roster.
    pub(crate) fn new(mut entries: Vec<Entry>) -> Result<Table, MeetError> {
        if entries.len() > MOST {
            return Err(MeetError::System(format!("more than {MOST} players")));
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in &entries {
            entry.check_name()?;
            let count = |same: &dyn Fn(&Entry) -> bool| entries.iter().filter(|e| same(e)).count();
            if count(&|e| e.name == entry.name) > 1 {
                return Err(MeetError::NameTaken(entry.name.clone()));
            }
            if count(&|e| e.identity == entry.identity) > 1 {
                return Err(MeetError::KeyTaken(entry.name.clone()));
            }
        }
        let table = Table(entries);
        table.roster()?;
        Ok(table)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Whether this very entry is in it: a host must not change what we said.
    pub(crate) fn has(&self, own: &Entry) -> bool {
        self.0.contains(own)
    }

    fn roster(&self) -> Result<Roster, MeetError> {
        let member = |e: &Entry| {
            (e.name.clone(), Member { identity: e.identity, endpoint: Some(e.endpoint.clone()), claims: None })
        };
        Ok(Roster::new(self.0.iter().map(member))?)
    }

    /// The roster and its phrase, if every nonce opens its commitment.
    pub(crate) fn open(&self, nonces: &[[u8; 32]]) -> Result<Met, MeetError> {
        let wrong =
            |who: &str| MeetError::Misbehaved { who: who.to_owned(), what: "a nonce that it did not commit to".into() };
        if nonces.len() != self.0.len() {
            return Err(wrong("the host"));
        }
        let mut hasher = blake3::Hasher::new_derive_key(PHRASE);
        for (entry, nonce) in self.0.iter().zip(nonces) {
            if commit(&entry.name, entry.identity, nonce) != entry.commitment {
                return Err(wrong(&entry.name));
            }
            for part in [entry.name.as_bytes(), entry.identity.as_bytes(), entry.endpoint.to_string().as_bytes(), nonce]
            {
                hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
            }
        }
        let mut phrase = [0; 8];
        hasher.finalize_xof().fill(&mut phrase);
        Ok(Met { roster: self.roster()?, phrase: words::print(phrase) })
    }
}

/// What everybody has when all nonces are open. It counts only once all have confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// Who plays whom.
    pub roster: Roster,
    /// Four words: the same at all, or somebody was shown another roster.
    pub phrase: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str, seed: u8) -> Own {
        let endpoint = format!("{}.example:7700", name.replace('_', "-")).parse().unwrap();
        Own::new(name, Identity::from_bytes([seed; 32]), endpoint, [seed; 32]).unwrap()
    }

    fn table(of: &[&Own]) -> Table {
        Table::new(of.iter().map(|o| o.entry.clone()).collect()).unwrap()
    }

    #[test]
    fn the_phrase_is_one_whatever_the_order_and_another_for_any_other_table() {
        let (a, b, c) = (own("a", 1), own("b", 2), own("c", 3));
        let nonces = [[1; 32], [2; 32], [3; 32]];
        let met = table(&[&a, &b, &c]).open(&nonces).unwrap();
        assert_eq!(met, table(&[&c, &a, &b]).open(&nonces).unwrap());

        let mut moved = own("b", 2);
        moved.entry.endpoint = "b.example:7701".parse().unwrap();
        assert_ne!(met.phrase, table(&[&a, &moved, &c]).open(&nonces).unwrap().phrase);
        let other = Own::new("c", Identity::from_bytes([3; 32]), "c.example:7700".parse().unwrap(), [9; 32]).unwrap();
        assert_ne!(met.phrase, table(&[&a, &b, &other]).open(&[[1; 32], [2; 32], [9; 32]]).unwrap().phrase);
    }

    #[test]
    fn a_nonce_must_be_the_one_committed_to_and_its_owners() {
        let (a, b) = (own("a", 1), own("b", 2));
        let both = table(&[&a, &b]);
        let who = |nonces: &[[u8; 32]]| match both.open(nonces) {
            Err(MeetError::Misbehaved { who, .. }) => who,
            other => panic!("{other:?}"),
        };
        assert_eq!(who(&[[1; 32], [3; 32]]), "b");
        assert_eq!(who(&[[2; 32], [1; 32]]), "a");
        assert_eq!(who(&[[1; 32]]), "the host");
        // Presenting another's commitment gains nothing: it is bound to the identity.
        let mut copied = own("b", 2);
        copied.entry.commitment = a.entry.commitment;
        assert!(table(&[&a, &copied]).open(&[[1; 32], [1; 32]]).is_err());
    }

    #[test]
    fn names_and_identities_are_there_once() {
        let (a, again) = (own("a", 1), own("a", 2));
        assert!(Table::new(vec![a.entry.clone(), again.entry]).is_err());
        let twin = own("b", 1);
        assert!(Table::new(vec![a.entry.clone(), twin.entry]).is_err());
        for name in ["", "A", "1a", "a b", "a\n", "é", &"a".repeat(65)] {
            let endpoint = "a.example:1".parse().unwrap();
            assert!(Own::new(name, Identity::from_bytes([1; 32]), endpoint, [0; 32]).is_err(), "{name:?}");
        }
    }
}
