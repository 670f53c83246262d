//! What a worker would find if it started: everything that its configuration names is looked into, and nothing is changed.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use agreement::Agreement;
use check::Checked;
use data::{DimBinding, Source};
use net::{Credentials, Identity};
use store::{KeyFile, KeySource, StoreError};

use crate::config::{Config, ConfigError, Named, Store};
use crate::inputs::{check_brought, in_files};
use crate::office::gone;

/// What was found of one thing that a configuration names.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Look {
    /// What was looked at: `configuration`, `certificate`, `roster`, `policy`, `flight`, `sealed INPUT`, `release INPUT`,
    /// `data PLAYER.INPUT`, `store`, `audit log`, `port`, `http port`, `program`, `rows` or `modules`.
    pub check: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, in words.
    pub found: String,
    /// What to do about it; empty if nothing.
    pub help: String,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The worker's identity, if its configuration can be used.
    pub identity: Option<Identity>,
    /// In the order in which a worker comes to them.
    pub looks: Vec<Look>,
}

impl Inspection {
    fn good(&mut self, check: &str, found: impl Into<String>) {
        self.looks.push(Look { check: check.into(), ok: true, found: found.into(), help: String::new() });
    }

    fn bad(&mut self, check: &str, found: impl Into<String>, help: impl Into<String>) {
        self.looks.push(Look { check: check.into(), ok: false, found: found.into(), help: help.into() });
    }
}

/// Looks into everything that a worker's configuration names: whether keys, roster and policy can be used, whether every
/// dataset opens and its first rows are numbers with a key of their own, whether the store opens under its key and the
/// audit log holds, whether the ports are free; and, given a program or an agreement, whether this worker's data are of the
/// types that it declares, and whether the modules are there that it runs. Reads the store without changing it, and all of
/// the audit log.
pub fn inspect(file: &Path, program: Option<&Path>) -> Inspection {
    let mut seen = Inspection::default();
    let config = match Config::read_named(file) {
        Ok(config) => Some(config),
        Err(ConfigError { problems, .. }) => {
            let help = "correct it; the book's page on workers has all settings";
            problems.into_iter().for_each(|problem| seen.bad("configuration", problem, help));
            None
        }
    };
    if let Some(config) = &config {
        seen.identity = Some(config.key.identity());
        seen.good("configuration", file.display().to_string());
        own(&mut seen, config);
    }
    // What the file names can be looked at, whatever else is wrong with it.
    let Ok(named) = Named::read(file) else { return seen };
    for (player, input, source) in named.datasets.iter() {
        dataset(&mut seen, &format!("data {player}.{input}"), source);
    }
    store(&mut seen, &named.store);
    if let Some(config) = &config {
        log(&mut seen, config);
    }
    port(&mut seen, "port", named.listen);
    if let Some(address) = named.http {
        port(&mut seen, "http port", address);
    }
    if let (Some(config), Some(program)) = (&config, program) {
        inputs(&mut seen, config, program);
    }
    seen
}

/// What is this worker's own: certificate, place in the roster, policy.
fn own(seen: &mut Inspection, config: &Config) {
    let me = config.key.identity();
    match Credentials::new(config.key.clone()) {
        Ok(_) => seen.good("certificate", format!("of {me}")),
        Err(e) => seen.bad("certificate", e.to_string(), e.help()),
    }
    let others = config.roster.iter().filter(|(_, member)| member.identity != me).count();
    let name = config.roster.players_of(me).next().unwrap_or_default();
    seen.good("roster", format!("this worker is {name}; {others} others"));
    match &config.policy {
        Some(rules) => seen.good("policy", format!("{} rules", rules.policy.rules().count())),
        None => seen.good("policy", "none: nothing is ratified without asking"),
    }
    if let Some(uploads) = &config.flight {
        let [most, total] = [uploads.bounds.table.bytes, uploads.bounds.total].map(|bytes| bytes >> 20);
        let (place, hours) = (uploads.place(), uploads.results_ms / 3_600_000);
        let results = if hours == 0 { "not kept".to_owned() } else { format!("kept there for {hours} hours") };
        let taken = format!("tables of at most {most} MiB are taken, {total} MiB in all, and kept in {place}");
        seen.good("flight", format!("{taken}; results are {results}"));
    }
    // That they could be read is part of reading the configuration.
    for (input, path) in config.sealing.tables() {
        seen.good(&format!("sealed {input}"), format!("{} is a sealed table", path.display()));
    }
    for input in config.sealing.releases() {
        seen.good(&format!("release {input}"), "its key goes to machines that prove what they have to");
    }
}

fn dataset(seen: &mut Inspection, check: &str, source: &Source) {
    match data::preview(source) {
        Ok(found) => seen.good(check, format!("{}: {found}", source.path().display())),
        Err(e) => seen.bad(check, e.to_string(), e.help()),
    }
}

/// Whether the store opens under its key; reads as it finds them.
fn store(seen: &mut Inspection, places: &Store) {
    let (folder, exists) = (places.folder.display(), store::Store::exists(&places.folder));
    if let (false, Err(e)) = (exists, gone(places, None)) {
        let failure = e.to_failure(None);
        return seen.bad("store", failure.message, failure.help);
    }
    let key: Result<Box<dyn KeySource>, StoreError> = match &places.tpm {
        Some(key) => Ok(Box::new(key.clone())),
        None if !exists && !places.key.exists() => {
            return match places.folder.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir()) {
                Some(missing) => {
                    seen.bad("store", format!("{} is no folder", missing.display()), "make it, or name another place");
                }
                None => seen.good("store", format!("{folder} and its key will be made")),
            };
        }
        None => KeyFile::load(&places.key).map(|key| Box::new(key) as Box<dyn KeySource>).map_err(StoreError::from),
    };
    let opened = key.and_then(|key| match exists {
        true => store::Store::open_read_only(&places.folder, &*key).and_then(|store| {
            let found = store.verify()?;
            match found.problems.into_iter().next() {
                Some(problem) => Err(problem),
                None => {
                    let found = format!("{folder} opens under its {}: {} records hold", key.kind(), found.records);
                    Ok((found, gone(places, Some(&store)).err()))
                }
            }
        }),
        false => Ok((format!("{folder} will be made, under the {} that is there", key.kind()), None)),
    });
    match opened {
        Ok((_, Some(e))) => {
            let failure = e.to_failure(None);
            seen.bad("store", failure.message, failure.help);
        }
        Ok((found, None)) => seen.good("store", found),
        Err(e) => seen.bad("store", e.to_string(), e.help()),
    }
}

fn log(seen: &mut Inspection, config: &Config) {
    let file = &config.store.audit;
    if !file.exists() {
        return seen.good("audit log", format!("{} will be made", file.display()));
    }
    match audit::verify(file, &config.key.public(), &[]) {
        Ok(report) => seen.good("audit log", format!("{}: {} entries hold", file.display(), report.entries)),
        Err(e) => seen.bad("audit log", e.to_string(), e.help()),
    }
}

fn port(seen: &mut Inspection, check: &str, address: SocketAddr) {
    match TcpListener::bind(address) {
        Ok(_) => seen.good(check, format!("{address} is free")),
        Err(e) => {
            seen.bad(check, format!("{address}: {e}"), "see whether the worker runs already, or choose another port");
        }
    }
}

/// Whether this worker's data are of the types that a program or an agreement declares.
fn inputs(seen: &mut Inspection, config: &Config, program: &Path) {
    let at = |what: String| format!("{}: {what}", program.display());
    let (checked, dims) = match read(program) {
        Ok(read) => read,
        Err(e) => return seen.bad("program", at(e), "name a program that checks, or an agreement"),
    };
    let name = config.roster.players_of(config.key.identity()).next().unwrap_or_default();
    let player = checked.computation().player_named(name);
    let brought = player.map_or(Ok(()), |player| check_brought(config, checked.computation(), player));
    if let Err(fault) = brought {
        return seen.bad("program", at(fault.to_string()), fault.help());
    }
    let loaded = in_files(config, checked.computation(), name, &mut { dims });
    match loaded {
        Ok(inputs) => {
            let all: Vec<String> = inputs.values.iter().map(|(n, v)| format!("{n} {:?}", v.values.shape())).collect();
            let all = if all.is_empty() { "nothing of this worker's".into() } else { all.join(", ") };
            seen.good("program", at(format!("reads {all}")));
            keys(seen, config, &checked, name);
            modules(seen, config, &checked, name);
        }
        Err(e) => seen.bad("program", at(e.to_string()), e.help()),
    }
}

/// The modules of the program that this worker runs.
fn modules(seen: &mut Inspection, config: &Config, checked: &Checked, name: &str) {
    let c = checked.computation();
    let Some(player) = c.player_named(name) else { return };
    let mine = c.modules().filter(|(instr, _)| c.placement(instr.placement).role(player).is_some());
    let names: Vec<String> = mine.map(|(_, module)| module.name).collect();
    match config.modules.modules(c, Some(player)) {
        Ok(_) if names.is_empty() => {}
        Ok(_) => seen.good("modules", format!("{} compile", names.join(", "))),
        Err(e) => seen.bad("modules", e.to_string(), e.help),
    }
}

/// Rows that the program does not match, although this worker's data have a key.
fn keys(seen: &mut Inspection, config: &Config, checked: &Checked, name: &str) {
    for unmatched in checked.unmatched() {
        let mine = unmatched.inputs.iter().filter(|(player, _)| player == name);
        let keyed = mine.filter_map(|(_, input)| Some((input, config.datasets.get(name, input)?.key()?))).next();
        if let Some((input, key)) = keyed {
            seen.bad("rows", format!("{unmatched}, though `{input}` here has the key `{key}`"), unmatched.help());
        }
    }
}

/// A checked program, and the lengths that are agreed on.
fn read(file: &Path) -> Result<(Checked, DimBinding), String> {
    let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
    if file.extension().is_none_or(|e| e != "pv") {
        let agreement = Agreement::from_text(&text).map_err(|e| e.to_string())?;
        return Ok((agreement.checked().clone(), DimBinding::agreed(agreement.dims())));
    }
    let first = |all: Vec<ir::Diagnostic>| all.first().map_or_else(String::new, |d| d.message.clone());
    let computation = ir::text::parse(&text).map_err(first)?;
    Ok((check::check(computation).map_err(first)?, DimBinding::new()))
}
