//! Sealed tables: an owner's data, encrypted under a key of their own, wherever they lie.
//!
//! | part | bytes |
//! |---|---|
//! | mark | `PRVTBL1\n` |
//! | length of the next part | 2, big-endian |
//! | the table's key, wrapped under the owner's key file and bound to the input's name | as that says |
//! | nonce | 24 |
//! | the table as an Arrow stream, XChaCha20-Poly1305, bound to the name and all above; tag | the rest |
//!
//! Whoever holds the file learns its length. The owner's worker unwraps the key of one table for one machine, and never
//! lets go of the key file.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use store::{KeyFault, KeySource, RootKey};
use tables::{Limits, Table, TableError};
use zeroize::Zeroizing;

const MARK: &[u8; 8] = b"PRVTBL1\n";
const NONCE: usize = 24;
/// What a wrapped key is bound to, before the name.
const BOUND: &str = "privity 2026-11 sealed table: ";

/// The key of one sealed table. Wiped on drop; it has no `Debug`.
pub(crate) struct TableKey(pub(crate) Zeroizing<[u8; 32]>);

/// A sealed table, not opened.
pub struct SealedTable {
    header: Vec<u8>,
    wrapped: Vec<u8>,
    nonce: [u8; NONCE],
    sealed: Vec<u8>,
}

/// Why a sealed table cannot be made or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedFault {
    /// The file is none.
    #[error("it is no sealed table")]
    Form,
    /// It was changed, or its key is of another table or input.
    #[error("it does not open: it was changed, or sealed for another input or under another key")]
    Wrong,
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// What is inside.
    #[error(transparent)]
    Table(#[from] TableError),
    /// There is no randomness.
    #[error("the operating system gave no randomness")]
    Randomness,
}

impl SealedTable {
    /// Seals a table as an input of this name, under a fresh key that is wrapped under `owner`.
    ///
    /// # Errors
    /// [`SealedFault`].
    pub fn seal(name: &str, table: &Table, owner: &dyn KeySource) -> Result<Vec<u8>, SealedFault> {
        let key = RootKey::from_bytes(Zeroizing::new(fresh()?));
        let wrapped = owner.wrap(&key, bound(name).as_bytes())?;
        let length = u16::try_from(wrapped.len()).map_err(|_| SealedFault::Form)?;
        let nonce: [u8; NONCE] = fresh()?;
        let header = [&MARK[..], &length.to_be_bytes(), &wrapped, &nonce].concat();
        let plain = Zeroizing::new(tables::write(table).map_err(|_| SealedFault::Form)?);
        let aad = [bound(name).as_bytes(), &header].concat();
        let sealed = cipher(key.as_bytes()).encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: &aad });
        Ok([header, sealed.map_err(|_| SealedFault::Wrong)?].concat())
    }

    /// Reads the form of a file.
    ///
    /// # Errors
    /// [`SealedFault::Form`].
    pub fn parse(bytes: &[u8]) -> Result<SealedTable, SealedFault> {
        let rest = bytes.strip_prefix(MARK).ok_or(SealedFault::Form)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(SealedFault::Form)?;
        let (wrapped, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(SealedFault::Form)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(SealedFault::Form)?;
        let header = bytes[..bytes.len() - sealed.len()].to_vec();
        Ok(SealedTable { header, wrapped: wrapped.to_vec(), nonce: *nonce, sealed: sealed.to_vec() })
    }

    /// Its key as the owner wrapped it.
    pub(crate) fn wrapped(&self) -> &[u8] {
        &self.wrapped
    }

    /// Opens it as an input of this name. The plaintext that Arrow keeps is not wiped.
    pub(crate) fn open(&self, name: &str, key: &TableKey) -> Result<Table, SealedFault> {
        let aad = [bound(name).as_bytes(), &self.header].concat();
        let plain = cipher(&key.0).decrypt(&XNonce::from(self.nonce), Payload { msg: &self.sealed, aad: &aad });
        Ok(tables::read(plain.map_err(|_| SealedFault::Wrong)?, Limits::default())?)
    }
}

/// The key of a table that was sealed under a key file as an input of this name.
pub(crate) fn unwrap(name: &str, wrapped: &[u8], owner: &dyn KeySource) -> Result<TableKey, KeyFault> {
    let key = owner.unwrap(wrapped, bound(name).as_bytes())?;
    Ok(TableKey(Zeroizing::new(*key.as_bytes())))
}

fn bound(name: &str) -> String {
    format!("{BOUND}{name}")
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

fn fresh<const N: usize>() -> Result<[u8; N], SealedFault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| SealedFault::Randomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use data::Values;
    use store::KeyFile;

    #[test]
    fn a_table_opens_under_its_key_and_name_only() {
        let folder = tempfile::tempdir().unwrap();
        let [mine, other] = ["mine", "other"].map(|name| KeyFile::generate(&folder.path().join(name)).unwrap());
        let values = Values::F64(algebra::Tensor::new(vec![2, 1], vec![1.5, 2.5]).unwrap());
        let loaded = data::Loaded { values, keys: Some(vec!["a".into(), "b".into()]) };
        let table = data::to_table(&loaded, &["x".into()], Some("id")).unwrap();
        let bytes = SealedTable::seal("vitals", &table, &mine).unwrap();
        let sealed = SealedTable::parse(&bytes).unwrap();
        let key = unwrap("vitals", sealed.wrapped(), &mine).unwrap();
        assert!(sealed.open("vitals", &key).unwrap() == table);
        assert!(
            unwrap("target", sealed.wrapped(), &mine).is_err() && unwrap("vitals", sealed.wrapped(), &other).is_err()
        );
        assert!(matches!(sealed.open("target", &key), Err(SealedFault::Wrong)));
        // Every byte is covered.
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let opened = SealedTable::parse(&changed).and_then(|s| s.open("vitals", &key));
            assert!(opened.is_err(), "byte {at}");
        }
        assert!(
            (0..bytes.len()).all(|n| SealedTable::parse(&bytes[..n]).and_then(|s| s.open("vitals", &key)).is_err())
        );
    }
}
