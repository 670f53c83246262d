//! Reading a log back, and finding the first entry that does not fit.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use net::PublicKey;

use crate::entry::{self, Entry, Head};
use crate::{AuditError, Event};

/// A line beyond this is none of ours.
pub(crate) const LONGEST: u64 = 1 << 20;

/// What [`verify`] found in a log that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Its entries.
    pub entries: u64,
    /// Its last entry's head.
    pub head: Head,
    /// Bytes of a line at its end that a crash tore; they belong to no entry.
    pub torn: u64,
}

/// Checks a whole log: every number, hash and signature, and that it still has the entries of these heads.
///
/// Takes about 50 microseconds for each entry.
///
/// # Errors
/// The first entry that was changed, reordered or removed; a head that is not of this worker, or of an entry that is
/// missing or another.
pub fn verify(file: &Path, key: &PublicKey, heads: &[Head]) -> Result<Report, AuditError> {
    verify_with(file, key, heads, &[])
}

/// As [`verify`], and that the log has entries of these numbers and hashes, of which the caller knows that the worker
/// stated them: its receipts do, under a signature of their own.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(
    file: &Path,
    key: &PublicKey,
    heads: &[Head],
    stated: &[(u64, [u8; 32])],
) -> Result<Report, AuditError> {
    let mut expected: BTreeMap<u64, Vec<[u8; 32]>> = BTreeMap::new();
    if let Some(foreign) = heads.iter().find(|head| !head.is_of(key)) {
        return Err(AuditError::ForeignHead { entry: foreign.seq });
    }
    for (seq, hash) in heads.iter().map(|head| (head.seq, head.hash)).chain(stated.iter().copied()) {
        expected.entry(seq).or_default().push(hash);
    }
    let mut walk = Walk::new(file, Some(key))?;
    let mut last = None;
    while let Some(entry) = walk.next()? {
        for hash in expected.remove(&entry.seq).into_iter().flatten() {
            if hash != entry.hash {
                let what = "its worker signed another entry of this number: the log was written anew".into();
                return Err(AuditError::Broken { file: file.to_owned(), entry: entry.seq, what });
            }
        }
        last = Some(entry.head());
    }
    let broken = |what: &str| AuditError::Broken { file: file.to_owned(), entry: 0, what: what.into() };
    let head = last.ok_or_else(|| broken("the log is empty"))?;
    match expected.keys().next_back() {
        Some(entry) => Err(AuditError::CutOff { file: file.to_owned(), last: head.seq, entry: *entry }),
        None => Ok(Report { entries: head.seq + 1, head, torn: walk.torn }),
    }
}

/// The key in a log's first entry. Compare its identity with one that you know otherwise.
///
/// # Errors
/// If the first entry does not hold.
pub fn signer(file: &Path) -> Result<PublicKey, AuditError> {
    let broken = |what: &str| AuditError::Broken { file: file.to_owned(), entry: 0, what: what.into() };
    let first = Walk::new(file, None)?.next()?.ok_or_else(|| broken("the log is empty"))?;
    key_of(&first.event).ok_or_else(|| broken("it is not the beginning of a log"))
}

/// The entries of a log with the chain between them checked, and not their signatures: for showing them.
///
/// # Errors
/// Each item: the first entry that does not fit, after which nothing more comes.
pub fn entries(file: &Path) -> Result<impl Iterator<Item = Result<Entry, AuditError>>, AuditError> {
    let mut walk = Walk::new(file, None)?;
    let mut failed = false;
    Ok(std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let next = walk.next();
        failed = next.is_err();
        next.transpose()
    }))
}

fn key_of(event: &Event) -> Option<PublicKey> {
    let Event::Opened { form: 1, worker, key } = event else { return None };
    let mut bytes = [0; 32];
    hex::decode_to_slice(key, &mut bytes).ok()?;
    PublicKey::from_bytes(&bytes).ok().filter(|key| key.identity().to_string() == *worker)
}

/// Goes through a log entry by entry.
pub(crate) struct Walk<'k> {
    file: std::path::PathBuf,
    reader: BufReader<File>,
    key: Option<&'k PublicKey>,
    seq: u64,
    prev: [u8; 32],
    /// Bytes of whole entries so far, and of a torn one at the end.
    pub(crate) whole: u64,
    pub(crate) torn: u64,
}

impl<'k> Walk<'k> {
    /// From the beginning. With a key, signatures are verified too.
    pub(crate) fn new(file: &Path, key: Option<&'k PublicKey>) -> Result<Walk<'k>, AuditError> {
        let reader = BufReader::new(File::open(file).map_err(AuditError::system(file))?);
        Ok(Walk { file: file.to_owned(), reader, key, seq: 0, prev: [0; 32], whole: 0, torn: 0 })
    }

    pub(crate) fn next(&mut self) -> Result<Option<Entry>, AuditError> {
        let mut line = Vec::new();
        let mut limited = std::io::Read::take(&mut self.reader, LONGEST);
        limited.read_until(b'\n', &mut line).map_err(AuditError::system(&self.file))?;
        if line.last() != Some(&b'\n') {
            // A line without its end is one that was being written: it was promised to nobody.
            self.torn = line.len() as u64;
            return if self.torn < LONGEST { Ok(None) } else { Err(self.broken("it is too long")) };
        }
        let entry = entry::read(&line[..line.len() - 1]).map_err(|what| self.broken(&what))?;
        if entry.seq != self.seq {
            return Err(self.broken(&format!("entry {} stands here: entries were removed or reordered", entry.seq)));
        }
        if entry.prev != self.prev {
            // The hash is of what stands before: which of the two was changed is told by the signatures.
            let what = if self.key.is_some() { "it was changed" } else { "it, or the entry before it, was changed" };
            return Err(self.broken(what));
        }
        if let Some(key) = self.key {
            self.check_signed(&entry, key)?;
        }
        self.whole += line.len() as u64;
        self.seq += 1;
        self.prev = entry.hash;
        Ok(Some(entry))
    }

    fn check_signed(&self, entry: &Entry, key: &PublicKey) -> Result<(), AuditError> {
        if entry.seq == 0 {
            let theirs = key_of(&entry.event).ok_or_else(|| self.broken("it is not the beginning of a log"))?;
            if theirs != *key {
                let (theirs, ours) = (theirs.identity().to_string(), key.identity().to_string());
                return Err(AuditError::Foreign { file: self.file.clone(), theirs, ours });
            }
        }
        if entry.head().is_of(key) { Ok(()) } else { Err(self.broken("it was changed: its signature does not hold")) }
    }

    fn broken(&self, what: &str) -> AuditError {
        AuditError::Broken { file: self.file.clone(), entry: self.seq, what: what.into() }
    }
}
