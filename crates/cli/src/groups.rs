//! Groups of agreements: `terms` makes the terms of their round, and a contribution is computed from the agreed program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aggregator::{AggregatorDraft, ServiceDraft, Terms};
use clap::Args;
use privity::agreement::Agreement;
use privity::data::{DataError, Datasets, load};
use privity::net::Identity;
use privity::session::{PlayerData, Round};
use privity::{Plain, ir};
use serde_json::json;
use worker::Setting;

use crate::Failure;
use crate::agreement::{load as load_agreement, read};

/// Make the terms of the round in which the members of an agreement's group contribute.
#[derive(Args)]
pub(crate) struct MakeTerms {
    /// The agreement.
    #[arg(value_name = "AGREEMENT")]
    agreement: PathBuf,
    /// The group, if the agreement sums over several.
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// The identity of the service that runs the round.
    #[arg(long, value_name = "IDENTITY")]
    service: Identity,
    /// Where the service is.
    #[arg(long, value_name = "HOST:PORT")]
    at: String,
    /// What `privity aggregator --keys` prints for the enroller's key.
    #[arg(long, value_name = "FILE")]
    enroller: PathBuf,
    /// What it prints for the keys of the three workers that hold the sum: a file for each. Of a sum inside an enclave the file that the
    /// machine's worker wrote.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    keys: Vec<PathBuf>,
    /// How long members may contribute, from the first contribution on, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600.0)]
    collect: f64,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn terms(a: &MakeTerms) -> Result<(), Failure> {
    let agreement = load_agreement(&a.agreement)?;
    let round = worker::round_of(&agreement, a.group.as_deref())?;
    let keys_of = |file: &Path| Ok::<_, Failure>(AggregatorDraft::read(&read(file)?).map_err(aggregator::Error::from)?);
    let (_, enroller) = keys_of(&a.enroller)?;
    let mut keys = BTreeMap::new();
    for file in &a.keys {
        let (identity, draft) = keys_of(file)?;
        keys.insert(identity.to_string(), draft);
    }
    let service = ServiceDraft { identity: a.service.to_string(), address: a.at.clone() };
    let setting = Setting { service, enroller: enroller.key, keys, collect_seconds: a.collect };
    let draft = worker::terms_of(&agreement, &round, setting)?;
    let text = Terms::check(draft.clone()).and_then(|terms| terms.text()).map_err(aggregator::Error::from)?;
    if a.json {
        say!("{}", json!(draft));
    } else {
        say!("{}", text.trim_end());
    }
    Ok(())
}

/// What a member contributes under terms that follow from an agreement: its part of the program, on its own data.
pub(crate) fn contribution(agreement: &Path, terms: &Terms, data: &Path) -> Result<Vec<f64>, Failure> {
    let agreement = load_agreement(agreement)?;
    let round = worker::check_terms(&agreement, terms)?;
    let inputs = inputs(&agreement, &round, data)?;
    let numbers = round.contribute(&inputs).map_err(privity::Error::from)?;
    Ok(numbers.to_vec())
}

/// The inputs of one member, from a data file.
fn inputs(agreement: &Agreement, round: &Round<'_>, data: &Path) -> Result<BTreeMap<String, Plain>, Failure> {
    let failed = |e: DataError| Failure::from(privity::Error::from(e));
    let c = agreement.checked().computation();
    let datasets = Datasets::read(data).map_err(failed)?;
    let mut loaded = BTreeMap::new();
    let of_group = |i: &ir::Instr| c.placement(i.placement).name == round.group();
    for (instr, value) in c.inputs().filter(|(i, _)| of_group(i)) {
        let name = instr.attrs.str("name").unwrap_or_default();
        let source = datasets.get(round.group(), name);
        let source = source.ok_or_else(|| {
            let what = format!("{}: there is no [{}.{name}]", data.display(), round.group());
            Failure::input(
                "data.no-source",
                what,
                "name your own file of it there, as `csv` with `column`, or as `npy`",
            )
        })?;
        let ty = &c.graph.value(value).ty;
        let plain = PlayerData::plain(load(source, ty).map_err(|e| failed(e.of_input(round.group(), name)))?);
        loaded.insert(name.to_owned(), plain);
    }
    Ok(loaded)
}
