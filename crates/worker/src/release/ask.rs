//! The enclave's side: asking owners for the keys of sealed tables, and opening these in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agreement::{Agreement, Dataset};
use data::{Given, Wanted};
use net::Identity;
use tables::Table;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::ReleaseFault;
use super::sealed::{SealedTable, TableKey};
use super::wrap::{Purpose, Recipient};
use crate::client::Contact;
use crate::clock::random;
use crate::error::WorkerError;
use crate::office::{Job, Office};
use crate::proto;

/// How long an owner's worker may take to release a key; a machine takes a second or two to sign.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keys that were released to this worker's machine, by input. Wiped on drop.
pub(crate) type Released = BTreeMap<String, TableKey>;

/// The inputs of an agreement that lie sealed here, with the place of each.
pub(crate) fn unsealed<'a>(office: &'a Office, agreement: &'a Agreement, me: &str) -> Vec<(&'a Dataset, &'a Path)> {
    let mine = agreement.datasets().iter().filter(|d| d.inside && d.player == me);
    mine.filter_map(|d| Some((d, office.config.sealing.tables.get(&d.name)?.as_path()))).collect()
}

/// Bytes of all tables of an agreement that lie sealed here: asked before anything is spent anywhere.
pub(crate) fn sealed_bytes(office: &Office, agreement: &Agreement, me: &str) -> Result<u64, ReleaseFault> {
    let mut all = 0u64;
    for (dataset, path) in unsealed(office, agreement, me) {
        let fault = |e: std::io::Error| ReleaseFault::Table { input: dataset.name.clone(), what: e.to_string() };
        all = all.saturating_add(std::fs::metadata(path).map_err(fault)?.len());
    }
    Ok(all)
}

/// Asks the owners of all sealed inputs of a session for their keys.
pub(crate) async fn fetch(office: &Arc<Office>, job: &Job) -> Result<Released, WorkerError> {
    let agreement = job.ratified.agreement();
    let mut keys = Released::new();
    for (dataset, path) in unsealed(office, agreement, job.name()) {
        let owner = agreement.roster().require(&dataset.brought_by)?.identity;
        let asking = timeout(PATIENCE, key_of(office, job, dataset, owner, path));
        let key = asking.await.unwrap_or_else(|_| Err(refused(dataset, &"it did not answer in time")));
        keys.insert(dataset.name.clone(), key?);
    }
    Ok(keys)
}

fn refused(dataset: &Dataset, what: &dyn ToString) -> WorkerError {
    let (owner, input) = (dataset.brought_by.clone(), dataset.name.clone());
    ReleaseFault::Refused { owner, input, what: what.to_string() }.into()
}

async fn key_of(
    office: &Arc<Office>,
    job: &Job,
    dataset: &Dataset,
    owner: Identity,
    path: &Path,
) -> Result<TableKey, WorkerError> {
    let file = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read(&file)).await;
    let read = read.map_err(|e| WorkerError::System { what: e.to_string() })?;
    let sealed = read.map_err(|what| ReleaseFault::Table { input: dataset.name.clone(), what })?;
    let (player, endpoint) = office.address(owner).ok_or_else(|| refused(dataset, &"its address is not known here"))?;
    let contact = Contact::reach(&office.dialer, &player, &endpoint, owner).await.map_err(|e| refused(dataset, &e))?;
    let (session, input) = (job.session.0.to_vec(), dataset.name.clone());
    let asked = proto::ChallengeRequest { session: session.clone(), input: input.clone() };
    let challenged = contact.worker.clone().challenge(asked).await;
    let challenge = challenged.map_err(|status| refused(dataset, &contact.failed(&status)))?.into_inner().challenge;
    let challenge =
        <[u8; 32]>::try_from(challenge).map_err(|_| refused(dataset, &"its challenge is of another form"))?;
    let recipient = Recipient::new(&Zeroizing::new(random()?));
    let purpose = Purpose {
        agreement: job.ratified.agreement().digest(),
        session: job.session,
        attempt: job.attempt,
        input: &dataset.name,
        owner,
        machine: office.config.key.identity(),
        wrapped: sealed.wrapped(),
    };
    let info = purpose.report_data(&challenge, recipient.public());
    let evidence = office.config.machines.attest(info).await.map_err(|what| WorkerError::System { what })?;
    let (public, wrapped) = (recipient.public().to_vec(), sealed.wrapped().to_vec());
    let request = proto::ReleaseRequest { session, input, public, evidence, wrapped };
    let released = contact.worker.clone().release(request).await;
    let message = released.map_err(|status| refused(dataset, &contact.failed(&status)))?.into_inner().message;
    recipient.open(&info, &message).ok_or_else(|| refused(dataset, &"what it sent does not open"))
}

fn read(path: &Path) -> Result<SealedTable, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    SealedTable::parse(&bytes).map_err(|e| e.to_string())
}

/// Opens a sealed table as an input. That it does not fit is said, and not where: it is another party's.
pub(crate) fn open(path: &Path, keys: &Released, wanted: &Wanted<'_>) -> Result<Given, WorkerError> {
    let key = keys.get(wanted.name).ok_or_else(|| ReleaseFault::NoKey(wanted.name.to_owned()))?;
    let fault = |what: String| WorkerError::from(ReleaseFault::Table { input: wanted.name.to_owned(), what });
    let sealed = read(path).map_err(fault)?;
    let table = sealed.open(wanted.name, key).map_err(|e| fault(e.to_string()))?;
    inside(&table, wanted).map_err(|code| fault(format!("it is not what was agreed on ({code})")))
}

/// A table of another party as an input; what is wrong with it as a code alone.
pub(crate) fn inside(table: &Table, wanted: &Wanted<'_>) -> Result<Given, String> {
    let loaded = data::from_table(table, wanted.ty, wanted.key).map_err(|e| e.code().to_owned())?;
    Ok(Given { loaded, key: wanted.key.map(str::to_owned), file: None })
}
