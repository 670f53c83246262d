//! Secure aggregation: `aggregator` runs a service or an aggregator, `contribute` is a client, `rounds` shows how rounds
//! stand, `enrol` signs who may contribute.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aggregator::{Aggregate, AggregatorDraft, Client, Config, Error, Input, Standing, Terms, enrol, told};
use clap::Args;
use privity::data::{Columns, Source, Values, load};
use privity::ir::{DType, Dim, Type};
use privity::net::{Identity, KeyPair};
use serde_json::{Value, json};

use crate::Failure;

mod machine;

/// Run rounds of secure aggregation, or an aggregator of their committee, until stopped.
#[derive(Args)]
pub(crate) struct Aggregator {
    /// The configuration.
    #[arg(long, value_name = "FILE", required_unless_present = "keys")]
    config: Option<PathBuf>,
    /// Only say what is wrong with the configuration, and what its tasks assume.
    #[arg(long)]
    check: bool,
    /// Only print what terms say of the aggregator with this key: its public key and its sealing key.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["config", "check"])]
    keys: Option<PathBuf>,
    /// Run inside an enclave: make the aggregator's key in this machine's memory, where it stays, print what terms say of it with
    /// evidence of the machine, and wait until the configuration's terms name it.
    #[arg(long, conflicts_with_all = ["keys", "check"])]
    prove: bool,
    /// Prove by the TPM at this place, also if the machine has something stronger: a device, or the socket of a software TPM.
    #[arg(long, value_name = "PLACE", requires = "prove")]
    tpm: Option<PathBuf>,
    /// Log as JSON, a line for each event.
    #[arg(long)]
    log_json: bool,
    /// Print one JSON object (with `--check`, `--keys` or `--prove`).
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whom a caller of a service is, and what it agreed to.
#[derive(Args)]
pub(crate) struct Caller {
    /// The terms.
    #[arg(long, value_name = "FILE")]
    terms: PathBuf,
    /// Your key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where the service is, if not where the terms say; it must prove the same identity.
    #[arg(long, value_name = "HOST:PORT")]
    at: Option<String>,
    /// How long to wait for the service, a round or a result, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600.0)]
    patience: f64,
    /// The round; the one under way if not said.
    #[arg(long, value_name = "N")]
    round: Option<u64>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Contribute a vector to a round of secure aggregation.
#[derive(Args)]
pub(crate) struct Contribute {
    #[command(flatten)]
    pub(crate) caller: Caller,
    /// The values: a one-dimensional `.npy` array, or a CSV file with a header. With `--agreement` a data file, which names a
    /// file for each input of your group.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The agreement that the terms follow from, which you ratify by contributing: your part of its program is computed here.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["column", "weight"])]
    agreement: Option<PathBuf>,
    /// The column of a CSV file.
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// The contribution's weight, where the terms have weights.
    #[arg(long)]
    weight: Option<u32>,
    /// Where what is sent is kept, so that the same command can be run again after a crash.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Where is written what your contributions lose, to whatever terms: no more than the budget together.
    #[arg(long, value_name = "FILE", requires = "budget")]
    ledger: Option<PathBuf>,
    /// The most that they may lose, as the ρ of zero-concentrated differential privacy; terms must add noise.
    #[arg(long, value_name = "RHO", requires = "ledger")]
    budget: Option<f64>,
    /// Vendors' certificates, CRLs and collateral, for aggregators whose machines prove themselves: a file, or a folder of files. Can
    /// be given several times.
    #[arg(long, value_name = "PATH")]
    collateral: Vec<PathBuf>,
    /// The root of a TPM manufacturer, which the terms' policy has to name, too. Can be given several times.
    #[arg(long, value_name = "FILE")]
    root: Vec<PathBuf>,
    /// Wait for the round's result and print it.
    #[arg(long)]
    result: bool,
}

/// Show how a round stands, or what it published.
#[derive(Args)]
pub(crate) struct Rounds {
    #[command(flatten)]
    pub(crate) caller: Caller,
    /// Wait for the result and print it.
    #[arg(long)]
    result: bool,
}

/// Sign the list of those who may contribute, as the enroller whom the terms name.
#[derive(Args)]
pub(crate) struct Enrol {
    /// The terms.
    #[arg(long, value_name = "FILE")]
    terms: PathBuf,
    /// The enroller's key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Identities, or files with one identity a line, as `privity keygen --codes` prints them.
    #[arg(required = true)]
    clients: Vec<String>,
}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        Failure::of(e.is_remote(), e.code().to_owned(), e.to_string(), None, Some(e.help()))
    }
}

fn file(path: &Path, error: &std::io::Error) -> Failure {
    Failure::input("file", format!("{}: {error}", path.display()), "see whether the file is there and readable")
}

fn read_terms(path: &Path) -> Result<Terms, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| file(path, &e))?;
    Ok(Terms::parse(&text).map_err(Error::from)?)
}

fn read_key(path: &Path) -> Result<KeyPair, Failure> {
    KeyPair::load(path).map_err(|e| Failure::input(e.code(), e.to_string(), &e.help()))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| Failure::input("system", e.to_string(), "see the limits of this machine"))
}

pub(crate) fn aggregator(a: &Aggregator) -> Result<(), Failure> {
    if let Some(key) = &a.keys {
        let key = read_key(key)?;
        keys(&key, &told(&key)?, a.json);
        return Ok(());
    }
    let Some(path) = &a.config else {
        return Err(Failure::input("usage", "which configuration?", "give it with --config"));
    };
    if a.prove {
        crate::serve::log(a.log_json);
        let key = machine::make(a.tpm.as_deref(), a.json)?;
        return Ok(runtime()?.block_on(async { machine::named(path, &key).await.run().await })?);
    }
    let config = Config::read(path).map_err(|problems| {
        let help = "mend them all and try `privity aggregator --check` again";
        let data = json!({ "problems": problems });
        Failure::input("aggregator.config", problems.join("\n"), help).with_diagnostics(data).in_full_json()
    })?;
    if a.check {
        let tasks: Vec<Value> = config.tasks().map(task).collect();
        if a.json {
            say!("{}", json!({ "problems": [], "tasks": tasks }));
        } else {
            say!("{}: no problems", path.display());
            config.tasks().for_each(|terms| say!("{}: {}", terms.draft().name, terms.assumption()));
        }
        return Ok(());
    }
    crate::serve::log(a.log_json);
    Ok(runtime()?.block_on(config.run())?)
}

fn task(terms: &Terms) -> Value {
    let digest: String = terms.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "name": terms.draft().name, "digest": digest, "assumption": terms.assumption() })
}

/// Prints what terms say of the aggregator with a key.
fn keys(key: &KeyPair, told: &AggregatorDraft, json: bool) {
    let identity = key.identity().to_string();
    if json {
        say!("{}", json!({ "identity": identity, "key": told.key, "seal": told.seal, "evidence": told.evidence }));
    } else {
        say!("# {identity}\n{}", told.lines());
    }
}

impl Caller {
    fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(read_terms(&self.terms)?, read_key(&self.key)?, self.at.clone())?)
    }

    fn until(&self) -> Instant {
        Instant::now() + Duration::try_from_secs_f64(self.patience).unwrap_or(Duration::MAX / 4)
    }
}

pub(crate) fn contribute(a: &Contribute) -> Result<(), Failure> {
    let mut client = a.caller.client()?;
    if let Some(resume) = &a.resume {
        client = client.resuming(resume);
    }
    if let (Some(ledger), Some(budget)) = (&a.ledger, a.budget) {
        client = client.within(budget, ledger)?;
    }
    let client = machine::appraised(client, &a.collateral, &a.root)?;
    let values = match &a.agreement {
        Some(agreement) => crate::groups::contribution(agreement, client.terms(), &a.data)?,
        None if client.terms().draft().agreement.is_some() => {
            let help = "give it with --agreement: what you contribute is computed from its program";
            return Err(Failure::input("usage", "these terms are for an agreement", help));
        }
        None => values(&a.data, a.column.as_deref(), client.terms().draft().length)?,
    };
    runtime()?.block_on(async {
        let until = a.caller.until();
        let input = Input { values: &values, weight: a.weight };
        let round = client.contribute(&input, a.caller.round, until).await?;
        if a.result {
            show_result(client.terms(), &client.result(round, until).await?, a.caller.json);
        } else if a.caller.json {
            say!("{}", json!({ "round": round, "accepted": true }));
        } else {
            say!("accepted in round {round}");
        }
        Ok(())
    })
}

/// The values of a file, as many as the terms say.
fn values(path: &Path, column: Option<&str>, length: u32) -> Result<Vec<f64>, Failure> {
    let source = match column {
        Some(column) => {
            let columns = Columns::One(column.to_owned());
            Source::Csv { path: path.to_owned(), columns, key: None, delimiter: b',' }
        }
        None if path.extension().is_some_and(|e| e == "csv") => {
            return Err(Failure::input("usage", "which column of the CSV file?", "name it with --column"));
        }
        None => Source::Npy { path: path.to_owned(), keys: None },
    };
    let ty = Type::new(DType::F64, vec![Dim::constant(u64::from(length))]);
    match &load(&source, &ty).map_err(privity::Error::from)?.values {
        Values::F64(values) => Ok(values.data().to_vec()),
        _ => Err(Failure::input("data", "the values are no real numbers", "give real numbers")),
    }
}

/// The numbers are sums where the terms are about whole numbers, and means otherwise.
fn show_result(terms: &Terms, aggregate: &Aggregate, json: bool) {
    let Aggregate { round, contributions, sum, mean, weight, noise, left_out } = aggregate;
    let left_out: Vec<String> = left_out.iter().map(Identity::to_string).collect();
    if json {
        let result = json!({
            "round": round,
            "contributions": contributions,
            "sum": sum,
            "mean": mean,
            "weight": weight,
            "noise": noise,
            "left_out": left_out,
        });
        say!("{result}");
        return;
    }
    say!("round {round}: {contributions} contributions");
    left_out.iter().for_each(|who| say!("left out, as an aggregator cannot use what it sent: {who}"));
    if let Some(weight) = weight {
        say!("total weight {weight}");
    }
    if let Some(noise) = noise {
        say!("with noise of a standard deviation of {:.3e} in each mean", noise / f64::from(*contributions));
    }
    let shown = if terms.draft().validated.is_some() { sum } else { mean };
    shown.iter().for_each(|number| say!("{number}"));
}

pub(crate) fn rounds(a: &Rounds) -> Result<(), Failure> {
    let client = a.caller.client()?;
    runtime()?.block_on(async {
        let until = a.caller.until();
        let standing = client.standing(a.caller.round, until).await?;
        if a.result {
            show_result(client.terms(), &client.result(standing.round, until).await?, a.caller.json);
            return Ok(());
        }
        if a.caller.json {
            say!("{}", json!(standing));
            return Ok(());
        }
        let Standing { round, phase, have, of, closes_in_ms, reason, .. } = standing;
        let closes =
            closes_in_ms.map_or(String::new(), |ms| format!(", ends in {:.1} s at the latest", ms as f64 / 1e3));
        let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
        say!("round {round}: {phase}, {have} of {of}{closes}{reason}");
        Ok(())
    })
}

pub(crate) fn enrolment(a: &Enrol) -> Result<(), Failure> {
    let terms = read_terms(&a.terms)?;
    let mut identities = Vec::new();
    for client in &a.clients {
        match client.parse::<Identity>() {
            Ok(identity) => identities.push(identity),
            Err(_) => identities.extend(listed(Path::new(client))?),
        }
    }
    let list = enrol(&terms, &read_key(&a.key)?, &identities)?;
    say!("{}", list.trim_end());
    Ok(())
}

/// The identities of a file, one a line; what comes after one, as the code of an invitation, is left.
fn listed(path: &Path) -> Result<Vec<Identity>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| file(path, &e))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let identity = |line: &str| {
        let first = line.split_whitespace().next().unwrap_or_default();
        let wrong = |e| format!("{}: `{first}`: {e}", path.display());
        first.parse().map_err(|e| Failure::input("identity", wrong(e), "`privity keygen` prints identities"))
    };
    lines.map(identity).collect()
}
