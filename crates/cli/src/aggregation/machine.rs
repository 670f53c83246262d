//! Machines of aggregators: keys that are made in one, with evidence, and what clients find of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aggregator::{AggregatorDraft, Client, Config, Error};
use attester::tpm::TpmAttester;
use attester::{Attester, Places};
use privity::net::KeyPair;

use crate::Failure;

/// How often is looked whether the files of a configuration are there.
const LOOK: Duration = Duration::from_secs(1);

/// Makes an aggregator's key in this process, and prints what terms say of it, with evidence that it was made in this machine.
pub(super) fn make(tpm: Option<&Path>, json: bool) -> Result<KeyPair, Failure> {
    let key = KeyPair::generate().map_err(|e| Failure::input("key.random", e.to_string(), "try again"))?;
    let told = aggregator::told(&key)?;
    let report_data = told.report_data().map_err(Error::from)?;
    let machine: Box<dyn Attester> = match tpm {
        Some(place) => Box::new(TpmAttester::new(place.to_owned())),
        None => Places::default().detect()?,
    };
    let evidence = machine.evidence(&report_data)?.to_json();
    super::keys(&key, &AggregatorDraft { evidence: Some(evidence), ..told }, json);
    Ok(key)
}

/// The configuration, once its terms name this key: they are written after it was made. Whatever is wrong until then is logged, and
/// waited for, since the key would be gone.
pub(super) async fn named(path: &Path, key: &KeyPair) -> Config {
    let mut told = Vec::new();
    loop {
        let problems = match Config::read_inside(path, key) {
            Ok(config) => return config,
            Err(problems) => problems,
        };
        if problems != told {
            problems.iter().for_each(|problem| tracing::info!(problem, "waiting for terms that name the key"));
            told = problems;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A client that appraises the machines that its terms ask for, and has done so once, telling what it found.
pub(super) fn appraised(client: Client, collateral: &[PathBuf], roots: &[PathBuf]) -> Result<Client, Failure> {
    if client.terms().machines().is_empty() {
        return Ok(client);
    }
    let appraiser = worker::appraiser_for(client.terms(), collateral, roots)?;
    let client = client.appraising(appraiser);
    for proved in client.appraise()? {
        let record: attest::Record = serde_json::from_slice(&proved.record).map_err(|e| {
            Failure::input("attest.record", e.to_string(), "compare the versions of this command's parts")
        })?;
        eprintln!("{}: its machine is accepted by the policy `{}` of the terms", proved.aggregator, record.policy);
        if record.development {
            eprintln!("FOR DEVELOPMENT ONLY: whoever operates {} may be able to read its memory", proved.aggregator);
        }
    }
    Ok(client)
}
