//! Walking every record of a store.

use std::collections::BTreeSet;

use crate::checkpoint::Kept;
use crate::database::{Read, View};
use crate::desk::{Answer, KeptReceipt, Note, Opening, Proposal};
use crate::ledger::{Count, Session, Watermark};
use crate::payload::{self, Payload};
use crate::record::{self, Table};
use crate::saves::{Save, StagedValue};
use crate::store::{Tally, Writing};
use crate::value::{Held, called};
use crate::{Store, StoreError};

/// What [`Store::verify`] found.
#[derive(Debug)]
pub struct Verification {
    /// Records that hold.
    pub records: usize,
    /// Payloads (values, staged values, checkpoints) that hold.
    pub payloads: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What does not hold, in the order in which it was found.
    pub problems: Vec<StoreError>,
}

/// What all records say, without their payloads.
pub(crate) struct Survey {
    records: usize,
    /// Slots that hold keys.
    pub(crate) slots: BTreeSet<u32>,
    pub(crate) payloads: Vec<Belonging>,
    pub(crate) problems: Vec<StoreError>,
}

/// A payload with what it belongs to.
pub(crate) struct Belonging {
    pub(crate) payload: Payload,
    to: [u8; 32],
    pub(crate) of: String,
}

impl Store {
    /// Opens every record and every payload. Takes about a second for each gigabyte.
    ///
    /// # Errors
    /// Only if the database cannot be read at all; what does not hold is in the answer.
    pub fn verify(&self) -> Result<Verification, StoreError> {
        // No batch meanwhile, so that keys and records are of one time.
        let writing = self.lock_writing();
        let view = self.view()?;
        let survey = survey(&view, &writing)?;
        let mut found = Verification { records: survey.records, payloads: 0, bytes: 0, problems: survey.problems };
        for Belonging { payload, to, of } in survey.payloads {
            let held = payload::key(&writing.slots, &self.keys.wrapping, &self.id, &payload, &of)
                .and_then(|key| payload::each_part(&view, &key, &payload, &to, &of, |_| ()));
            match held {
                Ok(()) => {
                    found.payloads += 1;
                    found.bytes += payload.length;
                }
                Err(problem) => found.problems.push(problem),
            }
        }
        Ok(found)
    }
}

/// Opens every record, and compares their sum with the sealed one.
pub(crate) fn survey(view: &View<'_>, writing: &Writing) -> Result<Survey, StoreError> {
    let sealed = writing.tally;
    let mut survey = Survey { records: 0, slots: BTreeSet::new(), payloads: Vec::new(), problems: Vec::new() };
    let mut tally = Tally { batches: sealed.batches, ..Tally::default() };
    for (place, bytes) in view.sealed_from(&[])? {
        tally.toggle(&record::share(view.keys(), &place, &bytes));
        match read_one(view, &place, &bytes) {
            Ok(payload) => {
                survey.records += 1;
                if let Some(belonging) = payload {
                    if !survey.slots.insert(belonging.payload.slot) {
                        survey.problems.push(StoreError::corrupt(&belonging.of, "its key is also that of another"));
                    }
                    survey.payloads.push(belonging);
                }
            }
            Err(problem) => survey.problems.push(problem),
        }
    }
    survey.problems.extend(writing.check_count(view.keys(), view.store()).err());
    if tally != sealed {
        let what = "it does not fit: records were altered, removed, added or put back to an older state";
        survey.problems.push(StoreError::corrupt("the sum over all records", what));
    }
    Ok(survey)
}

fn read_one(view: &View<'_>, place: &[u8], sealed: &[u8]) -> Result<Option<Belonging>, StoreError> {
    let plain = record::unseal_record(view.keys(), view.store(), place, sealed)?;
    let table = place.first().and_then(|number| Table::of(*number));
    let table = table.ok_or_else(|| StoreError::corrupt(record::entry(place), "there is no such table"))?;
    match table {
        Table::Values => {
            let Held { meta, payload } = record::decode::<Held>(place, &plain)?.record;
            Ok(Some(Belonging { payload, to: meta.digest()?, of: called(&meta.name) }))
        }
        Table::Staged => {
            let StagedValue(Held { meta, payload }) = record::decode::<StagedValue>(place, &plain)?.record;
            Ok(Some(Belonging { payload, to: meta.digest()?, of: format!("staged {}", called(&meta.name)) }))
        }
        Table::Checkpoints => {
            let found = record::decode::<Kept>(place, &plain)?;
            let Kept { checkpoint, payload } = found.record;
            Ok(Some(Belonging { payload, to: checkpoint.digest(&found.scope), of: checkpoint.called() }))
        }
        Table::Saves => record::decode::<Save>(place, &plain).map(|_| None),
        Table::Sessions => record::decode::<Session>(place, &plain).map(|_| None),
        Table::Counters => record::decode::<Count>(place, &plain).map(|_| None),
        Table::Watermark => record::decode::<Watermark>(place, &plain).map(|_| None),
        Table::Proposals => record::decode::<Proposal>(place, &plain).map(|_| None),
        Table::Answers => record::decode::<Answer>(place, &plain).map(|_| None),
        Table::Receipts => record::decode::<KeptReceipt>(place, &plain).map(|_| None),
        Table::Openings => record::decode::<Opening>(place, &plain).map(|_| None),
        Table::Notes => record::decode::<Note>(place, &plain).map(|_| None),
    }
}
