//! A database file opened for reading only: what the database would write stays in memory.
//!
//! A database that was not closed repairs itself when it is opened. Over this backend it does so without touching the
//! file, so that a store can be looked at however it was left.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

const PAGE: u64 = 4096;

#[derive(Debug)]
pub(crate) struct Overlay {
    file: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Bytes of the file that still show through; beyond them is zero.
    shown: u64,
    length: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    pub(crate) fn new(file: File) -> io::Result<Overlay> {
        let length = file.metadata()?.len();
        Ok(Overlay { file, state: Mutex::new(State { shown: length, length, pages: BTreeMap::new() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Part of a page as the file has it; zero beyond its end.
    fn below(&self, shown: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = usize::try_from(shown.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        self.file.read_exact_at(&mut out[..there], offset)?;
        out[there..].fill(0);
        Ok(())
    }
}

/// The pages that a range touches: number, offset in the page, range in the caller's buffer.
fn pages(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done >= length {
            return None;
        }
        let at = offset + done as u64;
        let inside = (at % PAGE) as usize;
        let take = (PAGE as usize - inside).min(length - done);
        done += take;
        Some((at / PAGE, inside, done - take..done))
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > state.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (number, inside, range) in pages(offset, out.len()) {
            let part = &mut out[range];
            match state.pages.get(&number) {
                Some(page) => part.copy_from_slice(&page[inside..inside + part.len()]),
                None => self.below(state.shown, number * PAGE + inside as u64, part)?,
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.state();
        if length < state.length {
            state.shown = state.shown.min(length);
            state.pages.retain(|number, _| number * PAGE < length);
            let kept = (length % PAGE) as usize;
            if let Some(page) = state.pages.get_mut(&(length / PAGE)) {
                page[kept..].fill(0);
            }
        }
        state.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let shown = state.shown;
        for (number, inside, range) in pages(offset, data.len()) {
            let part = &data[range];
            let page = match state.pages.entry(number) {
                Entry::Occupied(page) => page.into_mut(),
                Entry::Vacant(place) => {
                    let mut page = vec![0; PAGE as usize];
                    self.below(shown, number * PAGE, &mut page)?;
                    place.insert(page)
                }
            };
            page[inside..inside + part.len()].copy_from_slice(part);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Op {
        Write(u64, Vec<u8>),
        Length(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (0u64..20_000, prop::collection::vec(1u8.., 1..9_000)).prop_map(|(at, data)| Op::Write(at, data)),
            (0u64..30_000).prop_map(Op::Length),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn it_behaves_as_a_file_and_leaves_the_file_alone(ops in prop::collection::vec(op(), 1..12)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            let before: Vec<u8> = (0..13_000u32).map(|i| (i % 251) as u8).collect();
            std::fs::write(&path, &before).unwrap();
            let overlay = Overlay::new(File::open(&path).unwrap()).unwrap();
            let mut model = before.clone();
            for op in ops {
                match op {
                    Op::Write(at, data) => {
                        let end = at as usize + data.len();
                        if end > model.len() {
                            model.resize(end, 0);
                            overlay.set_len(end as u64).unwrap();
                        }
                        model[at as usize..end].copy_from_slice(&data);
                        overlay.write(at, &data).unwrap();
                    }
                    Op::Length(length) => {
                        model.resize(length as usize, 0);
                        overlay.set_len(length).unwrap();
                    }
                }
            }
            let mut seen = vec![0; model.len()];
            overlay.read(0, &mut seen).unwrap();
            prop_assert!(seen == model);
            prop_assert!(overlay.read(1, &mut seen).is_err());
            prop_assert!(std::fs::read(&path).unwrap() == before);
        }
    }
}
