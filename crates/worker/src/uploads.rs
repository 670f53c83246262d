//! Tables that owners upload to this worker over Arrow Flight: inputs of agreements on its desk.
//!
//! ```toml
//! [flight]                       # takes tables for inputs that the configuration has no data for
//! keep = "store"                 # in the worker's store; or "memory", until the worker stops
//! table_mib = 256                # the largest table
//! total_mib = 1024               # all tables together, those that are kept and those on their way
//! uploads = 4                    # uploads at once
//! upload_seconds = 900           # how long one may take
//! results_hours = 24             # how long results are kept; see `results`
//! ```
//!
//! A dataset is called `AGREEMENT/INPUT`, with the agreement's digest. Who uploads it is who brings it by the agreement: the player
//! whose worker this is, or, of what lies inside an enclave, its owner. It is taken once this worker ratified the agreement, once, and
//! only if it is of the agreed type and lengths. Only who uploaded it downloads it: for others a table would be a disclosure
//! that nobody signed. Results leave the same way (`results`). A table goes when the agreement's last use ended
//! well, or the agreement expired.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use agreement::{Agreement, Digest};
use audit::Event;
use data::{DimBinding, Given, Wanted};
use flight::{Bounds, Deed, Log, Memory, Refusal, Rules, Store as _, StoreFault};
use net::Identity;
use serde::Deserialize;
use store::{Answer, Counter, Kind, Meta, Standing, Verdict};
use tables::{Limits, Table};
use zeroize::Zeroizing;

use crate::clock::now_ms;
use crate::error::WorkerError;
use crate::inputs::InputFault;
use crate::office::Office;
use crate::rate::Body;
use crate::release::inside;
use crate::results::{Held, is_result};
use crate::service::{Doors, refused};

/// What begins the name of an upload in the store.
const UPLOAD: &str = "upload ";
/// How long an upload may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// `[flight]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawFlight {
    keep: Option<Keep>,
    table_mib: usize,
    total_mib: usize,
    uploads: usize,
    upload_seconds: u64,
    results_hours: u64,
}

impl Default for RawFlight {
    fn default() -> RawFlight {
        let (table_mib, total_mib, uploads) = (256, 1024, 4);
        RawFlight { keep: None, table_mib, total_mib, uploads, upload_seconds: 900, results_hours: 24 }
    }
}

/// Where uploads are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Keep {
    Store,
    Memory,
}

/// How this worker takes tables over Arrow Flight.
pub struct Uploads {
    pub(crate) bounds: Bounds,
    pub(crate) keep: Keep,
    memory: Memory,
    /// How long results are kept, in milliseconds; 0 for not at all.
    pub(crate) results_ms: u64,
    /// Those that are kept in memory.
    pub(crate) results: Held,
}

impl Uploads {
    /// Reads what a configuration says of it. `exposed` is a worker that proves its machine and whose store's key is in a file:
    /// its operator could open the store.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn read(raw: &RawFlight, exposed: bool) -> Result<Uploads, String> {
        let RawFlight { table_mib, total_mib, uploads, upload_seconds, .. } = *raw;
        let seconds = usize::try_from(upload_seconds).unwrap_or(usize::MAX);
        let fields =
            [("table_mib", table_mib), ("total_mib", total_mib), ("uploads", uploads), ("upload_seconds", seconds)];
        if let Some((field, _)) = fields.iter().find(|(_, value)| *value == 0) {
            return Err(format!("`flight.{field}` is 0: nothing could be uploaded"));
        }
        let keep = match raw.keep {
            None if exposed => {
                return Err("[flight]: this worker proves its machine because its operator is not to read others' tables, and its \
                     store's key is in a file: seal the key (`[store]`, `tpm`), or say `keep = \"memory\"`; or `keep = \"store\"`, \
                     if key and store lie where only this machine can read them"
                    .into());
            }
            keep => keep.unwrap_or(Keep::Store),
        };
        let table = Limits { bytes: table_mib.saturating_mul(1 << 20), ..Limits::default() };
        let total = total_mib.saturating_mul(1 << 20);
        let bounds =
            Bounds { table, total, uploads, patience: PATIENCE, duration: Duration::from_secs(upload_seconds) };
        let results_ms = raw.results_hours.saturating_mul(3_600_000);
        Ok(Uploads { bounds, keep, memory: Memory::default(), results_ms, results: Held::default() })
    }

    /// Where tables are kept, in words.
    pub(crate) fn place(&self) -> &'static str {
        match self.keep {
            Keep::Store => "the store",
            Keep::Memory => "memory, until the worker stops",
        }
    }
}

/// The service over a worker's desk, store and log.
pub(crate) fn service(office: &Arc<Office>, uploads: &Uploads) -> flight::Service {
    let hatch = Arc::new(Hatch(Arc::clone(office)));
    let who = |extensions: &tonic::Extensions| extensions.get::<crate::io::Caller>().map(|caller| caller.0);
    flight::Service::new(hatch.clone(), hatch.clone(), hatch, uploads.bounds).asking(who)
}

/// What calls of Flight go through first.
pub(crate) fn doors(office: &Arc<Office>) -> Doors {
    // In words, which is what stock clients show.
    let refuse = |office: &Office, caller: Identity, error: &WorkerError| {
        refused(office, caller, error);
        Refusal::Busy.into()
    };
    Doors { office: Arc::clone(office), body: Body::Table, refuse }
}

/// The office as Flight's service sees it.
pub(crate) struct Hatch(pub(crate) Arc<Office>);

impl Rules for Hatch {
    fn dataset(&self, name: &str) -> Option<flight::Dataset> {
        match self.0.named(name) {
            Some((agreement, input)) => self.0.upload_of(&agreement, &input),
            None => self.0.result(name),
        }
    }

    fn datasets(&self) -> Vec<flight::Dataset> {
        let proposals = self.0.store.proposals().unwrap_or_default();
        let agreements = proposals.into_iter().filter_map(|p| self.0.standing_agreement(&Digest(p.agreement)));
        let all = agreements.flat_map(|a| {
            let names: Vec<String> = a.datasets().iter().map(|d| d.name.clone()).collect();
            names.into_iter().filter_map(|name| self.0.upload_of(&a, &name)).collect::<Vec<_>>()
        });
        all.chain(self.0.all_results()).collect()
    }

    fn check(&self, name: &str, table: &Table) -> Result<(), Refusal> {
        let unknown = || Refusal::Unknown(name.to_owned());
        let (agreement, input) = self.0.named(name).ok_or_else(unknown)?;
        let dataset = agreement.datasets().iter().find(|d| d.name == input).ok_or_else(unknown)?;
        let key = dataset.keys.values().next().map(String::as_str);
        let unfit = |e: data::DataError| Refusal::Unfit(e.to_string());
        let loaded = data::from_table(table, &dataset.ty, key).map_err(unfit)?;
        let mut dims = DimBinding::agreed(agreement.dims());
        dims.bind(&dataset.player, &input, &dataset.ty, loaded.values.shape()).map_err(unfit)
    }

    fn hears(&self, _: &Identity) -> bool {
        // The door has.
        true
    }
}

impl Log for Hatch {
    fn note(&self, event: &flight::Event) -> bool {
        let (dataset, by) = (event.dataset.clone(), event.caller.to_string());
        let count = |rows: usize| rows as u64;
        let done = match &event.deed {
            // It is entered with the table, in one step.
            Deed::Uploaded { .. } if self.keeps() == Some(Keep::Store) => return true,
            Deed::Uploaded { rows } => self.0.journal.enter(&[Event::Uploaded { dataset, by, rows: count(*rows) }]),
            Deed::Downloaded { rows } => {
                let downloaded = || Event::Downloaded { dataset: dataset.clone(), by, rows: count(*rows) };
                let left = Office::result_leaves(&dataset, event.caller).unwrap_or_else(downloaded);
                self.0.journal.enter(&[left])
            }
            Deed::UploadRefused(refusal) => return self.refused("upload", event.caller, refusal),
            Deed::DownloadRefused(refusal) => return self.refused("download", event.caller, refusal),
        };
        done.inspect_err(|error| tracing::error!(%error, "a table's way could not be recorded")).is_ok()
    }
}

impl Hatch {
    fn keeps(&self) -> Option<Keep> {
        self.0.config.flight.as_ref().map(|uploads| uploads.keep)
    }

    fn refused(&self, what: &str, caller: Identity, refusal: &Refusal) -> bool {
        tracing::warn!(%caller, what, code = refusal.code(), %refusal, "a table was refused");
        self.0.metrics.refusal(refusal.code());
        self.0.note_refusal(what, caller, refusal.code(), None);
        true
    }
}

impl flight::Store for Hatch {
    fn keep(&self, name: &str, table: Table) -> Result<bool, StoreFault> {
        let Some(uploads) = &self.0.config.flight else { return Err(StoreFault) };
        if uploads.keep == Keep::Memory {
            return uploads.memory.keep(name, table);
        }
        let owner = self.dataset(name).and_then(|dataset| dataset.owner).ok_or(StoreFault)?;
        let bytes = Zeroizing::new(tables::write(&table).map_err(|_| StoreFault)?);
        let meta = Meta {
            name: stored(name),
            kind: Kind::Plain,
            dtype: "bytes".into(),
            shape: vec![bytes.len() as u64],
            range: None,
            label: BTreeMap::from([(owner, BTreeSet::from([owner]))]),
            origin: None,
            when: now_ms(),
        };
        let kept = self.0.journal.change(|batch, events| {
            if batch.meta(&meta.name)?.is_some() {
                return Ok(false);
            }
            batch.put(&meta, &bytes)?;
            let rows = table.rows() as u64;
            events.push(Event::Uploaded { dataset: name.to_owned(), by: owner.to_string(), rows });
            Ok(true)
        });
        kept.map_err(|error| logged(&error))
    }

    fn has(&self, name: &str) -> Result<bool, StoreFault> {
        let uploaded = self.0.upload_size(name).map_err(|error| logged(&error))?;
        Ok(uploaded.is_some() || self.0.result(name).is_some())
    }

    fn get(&self, name: &str) -> Result<Option<Table>, StoreFault> {
        let found = match self.0.result(name) {
            Some(_) => self.0.result_table(name),
            None => self.0.uploaded(name),
        };
        found.map_err(|error| logged(&error))
    }

    fn bytes(&self) -> Result<usize, StoreFault> {
        self.0.table_bytes().map_err(|error| logged(&error))
    }
}

fn logged(error: &WorkerError) -> StoreFault {
    tracing::error!(%error, "a table could not be kept or read");
    StoreFault
}

fn stored(name: &str) -> String {
    format!("{UPLOAD}{name}")
}

/// Bytes of a table in the store.
fn size(meta: &Meta) -> usize {
    meta.shape.first().map_or(0, |bytes| usize::try_from(*bytes).unwrap_or(usize::MAX))
}

impl Office {
    /// The agreement and the input that a dataset's name names.
    fn named(&self, name: &str) -> Option<(Agreement, String)> {
        let (digest, input) = name.split_once('/')?;
        Some((self.standing_agreement(&digest.parse().ok()?)?, input.to_owned()))
    }

    /// An agreement on the desk that may still run.
    fn standing_agreement(&self, digest: &Digest) -> Option<Agreement> {
        let proposal = self.store.proposal(digest.0).ok()??;
        let stands = matches!(proposal.standing, Standing::Open | Standing::Complete);
        let agreement = self.review(&proposal.text).ok().filter(|_| stands)?.agreement;
        let over = matches!(agreement.check_time(now_ms()), Err(agreement::AgreementError::Expired { .. }));
        (!over).then_some(agreement)
    }

    /// An input of an agreement as Flight's service knows it, if it is one to be uploaded here.
    fn upload_of(&self, agreement: &Agreement, input: &str) -> Option<flight::Dataset> {
        let (me, digest) = (self.config.key.identity(), agreement.digest());
        let here = |player: &str| agreement.roster().get(player).is_some_and(|m| m.identity == me);
        let dataset = agreement.datasets().iter().find(|d| d.name == input && here(&d.player))?;
        if self.config.has_data(&dataset.player, input) {
            return None;
        }
        let ratified = |a: &Answer| a.by == me && matches!(a.verdict, Verdict::Ratified(_));
        let taken = self.config.ratify_all || self.store.answers(digest.0).ok()?.iter().any(ratified);
        let standing = self.store.proposal(digest.0).ok()??.standing;
        Some(flight::Dataset {
            name: format!("{digest}/{input}"),
            owner: Some(agreement.roster().get(&dataset.brought_by)?.identity),
            readers: BTreeSet::new(),
            taken,
            approved: standing == Standing::Complete || self.config.ratify_all,
        })
    }

    /// Bytes of all tables that are kept: uploads and results.
    pub(crate) fn table_bytes(&self) -> Result<usize, WorkerError> {
        let Some(uploads) = &self.config.flight else { return Ok(0) };
        if uploads.keep == Keep::Memory {
            let uploaded = uploads.memory.bytes().unwrap_or(usize::MAX);
            return Ok(uploaded.saturating_add(uploads.results.bytes()));
        }
        let stored = self.store.list()?;
        let tables = stored.iter().filter(|(meta, _)| meta.name.starts_with(UPLOAD) || is_result(&meta.name));
        Ok(tables.map(|(meta, _)| size(meta)).fold(0, usize::saturating_add))
    }

    /// Bytes of an upload, if it is there.
    fn upload_size(&self, name: &str) -> Result<Option<usize>, WorkerError> {
        match &self.config.flight {
            Some(uploads) if uploads.keep == Keep::Memory => {
                Ok(uploads.memory.get(name).ok().flatten().map(|table| table.bytes()))
            }
            _ => Ok(self.store.meta(&stored(name))?.as_ref().map(size)),
        }
    }

    fn uploaded(&self, name: &str) -> Result<Option<Table>, WorkerError> {
        match &self.config.flight {
            Some(uploads) if uploads.keep == Keep::Memory => Ok(uploads.memory.get(name).ok().flatten()),
            _ if self.store.meta(&stored(name))?.is_none() => Ok(None),
            _ => {
                let (_, mut bytes) = self.store.get(&stored(name))?;
                let bytes = std::mem::take(&mut *bytes);
                let read = tables::read(bytes, Limits { bytes: usize::MAX, ..Limits::default() });
                read.map(Some).map_err(|e| WorkerError::System { what: e.to_string() })
            }
        }
    }

    /// Checks that all is there that has to be uploaded here for an agreement: asked before anything is spent anywhere. Returns how
    /// many bytes it has.
    pub(crate) fn check_uploads(&self, agreement: &Agreement) -> Result<u64, WorkerError> {
        if self.config.flight.is_none() {
            return Ok(0);
        }
        let me = self.config.key.identity();
        let here = |player: &str| agreement.roster().get(player).is_some_and(|m| m.identity == me);
        let open = |d: &&agreement::Dataset| here(&d.player) && !self.config.has_data(&d.player, &d.name);
        let mut all = 0u64;
        for dataset in agreement.datasets().iter().filter(open) {
            let missing = || InputFault::NotUploaded { input: dataset.name.clone(), by: dataset.brought_by.clone() };
            let bytes = self.upload_size(&format!("{}/{}", agreement.digest(), dataset.name))?.ok_or_else(missing)?;
            all = all.saturating_add(bytes as u64);
        }
        Ok(all)
    }

    /// An input that was uploaded for an agreement. What is wrong with it was told to who uploaded it.
    pub(crate) fn given_upload(&self, agreement: &Agreement, wanted: &Wanted<'_>) -> Result<Given, WorkerError> {
        let input = wanted.name.to_owned();
        let by = agreement.datasets().iter().find(|d| d.name == input).map(|d| d.brought_by.clone());
        let missing = || InputFault::NotUploaded { input, by: by.unwrap_or_default() };
        let table = self.uploaded(&format!("{}/{}", agreement.digest(), wanted.name))?.ok_or_else(missing)?;
        inside(&table, wanted).map_err(|what| WorkerError::System { what })
    }

    /// Removes what was uploaded for an agreement whose last use has ended well.
    pub(crate) fn drop_used_uploads(&self, agreement: &Agreement) -> Result<(), WorkerError> {
        let used = self.store.uses(&Counter::Agreement(agreement.digest().0))? >= agreement.terms().uses;
        if used { self.drop_uploads(|digest| *digest != agreement.digest()) } else { Ok(()) }
    }

    /// Removes what was uploaded for agreements that expired or are no longer on the desk.
    pub(crate) fn drop_stale_uploads(&self) -> Result<(), WorkerError> {
        self.drop_uploads(|digest| self.standing_agreement(digest).is_some())
    }

    fn drop_uploads(&self, keeps: impl Fn(&Digest) -> bool) -> Result<(), WorkerError> {
        if self.config.flight.is_none() {
            return Ok(());
        }
        let kept =
            |name: &str| name.split_once('/').and_then(|(digest, _)| digest.parse().ok()).is_some_and(|d| keeps(&d));
        if let Some(uploads) = &self.config.flight {
            uploads.memory.retain(kept);
        }
        for (meta, _) in self.store.list()? {
            if meta.name.strip_prefix(UPLOAD).is_some_and(|name| !kept(name)) {
                self.remove_table(&meta.name)?;
            }
        }
        Ok(())
    }

    /// Removes a table from the store, and says so in the log.
    pub(crate) fn remove_table(&self, name: &str) -> Result<(), WorkerError> {
        self.journal.change(|batch, events| {
            batch.remove(name)?;
            events.push(Event::Removed { name: name.to_owned() });
            Ok(())
        })
    }
}
