//! `store`: what a worker keeps, for its operator, while the worker is stopped.

pub(crate) mod args;
mod put;

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use audit::{Event, Pending};
use comfy_table::{Table, presets};
use serde_json::{Value, json};
use store::{Batch, Fault, KeyFile, KeySource, Kind, Meta, Passphrase, Store, StoreError};

use crate::Failure;
use crate::time::{now_ms, utc};
use args::{Command, Open};

pub(crate) fn store(a: &args::Store) -> Result<(), Failure> {
    match &a.command {
        Command::Init(a) => init(&a.open),
        Command::Put(a) => put::put(a),
        Command::Ls(a) => list(a),
        Command::Show(a) => show(a),
        Command::Rm(a) => remove(a),
        Command::Export(a) => export(a),
        Command::Rekey(a) => rekey(a),
        Command::Backup(a) => backup(a),
        Command::Restore(a) => restore(a),
        Command::Verify(a) => verify(a),
    }
}

impl From<StoreError> for Failure {
    fn from(e: StoreError) -> Failure {
        let mut help = e.help();
        if let StoreError::InUse { .. } = e {
            help = "the worker has the store open: stop it for this, or ask it (`privity jobs`)".into();
        }
        if e.fault() == Fault::Damage {
            help = format!("the store is only read now; {help}");
        }
        Failure::input(e.code(), e.to_string(), &help)
    }
}

/// What the options say opens the store.
fn source(key: Option<&Path>, passphrase: Option<&Path>) -> Result<Box<dyn KeySource>, Failure> {
    match (key, passphrase) {
        (Some(file), _) => Ok(Box::new(KeyFile::load(file).map_err(StoreError::from)?)),
        (None, Some(file)) => Ok(Box::new(phrase(file)?)),
        (None, None) => Err(Failure::input("usage", "the store's key is missing", "give --key or --passphrase")),
    }
}

fn phrase(file: &Path) -> Result<Passphrase, Failure> {
    let failed = |e: std::io::Error| {
        Failure::input("store.passphrase", format!("{}: {e}", file.display()), "its first line is the passphrase")
    };
    let mut line = zeroize::Zeroizing::new(String::new());
    if file == Path::new("-") {
        std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    } else {
        BufReader::new(File::open(file).map_err(failed)?).read_line(&mut line).map_err(failed)?;
    }
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(Passphrase::new(line).map_err(StoreError::from)?)
}

/// Opens a store to change it.
fn open(a: &Open) -> Result<Store, Failure> {
    Ok(Store::open(&a.store, &*source(a.key.as_deref(), a.passphrase.as_deref())?)?)
}

/// Opens a store to look at it, however damaged it is.
fn look(a: &Open) -> Result<Store, Failure> {
    Ok(Store::open_read_only(&a.store, &*source(a.key.as_deref(), a.passphrase.as_deref())?)?)
}

fn init(a: &Open) -> Result<(), Failure> {
    let made = a.key.as_deref().filter(|file| !file.exists());
    if let Some(file) = made {
        KeyFile::generate(file).map_err(StoreError::from)?;
    }
    let store = Store::create(&a.store, &*source(a.key.as_deref(), a.passphrase.as_deref())?)?;
    if a.json {
        say!("{}", json!({ "store": store.dir(), "key_made": made }));
    } else {
        say!("an empty store is in {}", store.dir().display());
        if let Some(file) = made {
            eprintln!("its key is in {}; without it, nothing in the store can be read again", file.display());
        }
    }
    Ok(())
}

/// What the worker enters into its audit log when it starts.
fn tell(batch: &mut Batch<'_>, event: Event) -> Result<(), StoreError> {
    batch.post(&Pending { time: now_ms(), event }.to_bytes()).map(drop)
}

fn list(a: &Open) -> Result<(), Failure> {
    let store = look(a)?;
    let values = store.list()?;
    if a.json {
        let values: Vec<Value> = values.iter().map(|(meta, bytes)| describe(meta, *bytes)).collect();
        say!("{}", json!({ "values": values }));
        return Ok(());
    }
    if values.is_empty() {
        say!("no values");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(["name", "type", "held as", "owners", "bytes", "saved"]);
    for (meta, bytes) in &values {
        let owners: Vec<String> = meta.label.keys().map(|owner| owner.short()).collect();
        let owners = if owners.is_empty() { "public".into() } else { owners.join(", ") };
        table.add_row([meta.name.clone(), shown_type(meta), form(meta), owners, bytes.to_string(), utc(meta.when)]);
    }
    say!("{table}");
    Ok(())
}

fn show(a: &args::Named) -> Result<(), Failure> {
    let store = look(&a.open)?;
    let Some((meta, bytes)) = store.list()?.into_iter().find(|(meta, _)| meta.name == a.name) else {
        return Err(StoreError::NoValue { name: a.name.clone() }.into());
    };
    if a.open.json {
        say!("{}", describe(&meta, bytes));
        return Ok(());
    }
    say!("name      {}", meta.name);
    say!("type      {}", shown_type(&meta));
    say!("held as   {}", form(&meta));
    if let Kind::Share { handle, roles, .. } = &meta.kind {
        say!("handle    {}", hex::encode(handle));
        for (i, identity) in roles.iter().enumerate() {
            say!("role {i}    {identity}");
        }
    }
    for (owner, readers) in &meta.label {
        say!("owner     {owner}");
        for reader in readers.iter().filter(|reader| *reader != owner) {
            say!("  reader  {reader}");
        }
    }
    if let Some(origin) = &meta.origin {
        say!("agreement {}", hex::encode(origin.agreement));
        say!("session   {}, attempt {}", hex::encode(origin.session), origin.attempt);
    }
    say!("bytes     {bytes}");
    say!("saved     {}", utc(meta.when));
    Ok(())
}

fn shown_type(meta: &Meta) -> String {
    if meta.shape.is_empty() { meta.dtype.clone() } else { format!("{}{:?}", meta.dtype, meta.shape) }
}

fn form(meta: &Meta) -> String {
    match &meta.kind {
        Kind::Plain => "in the clear".into(),
        Kind::Share { scheme, role, .. } => format!("{scheme} share, role {role}"),
    }
}

fn describe(meta: &Meta, bytes: u64) -> Value {
    let kind = match &meta.kind {
        Kind::Plain => json!({ "form": "plain" }),
        Kind::Share { handle, scheme, role, roles } => {
            let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
            json!({ "form": "share", "handle": hex::encode(handle), "scheme": scheme, "role": role, "roles": roles })
        }
    };
    let label: serde_json::Map<String, Value> = meta
        .label
        .iter()
        .map(|(owner, readers)| (owner.to_string(), readers.iter().map(ToString::to_string).collect()))
        .collect();
    let origin = meta.origin.map(
        |o| json!({ "agreement": hex::encode(o.agreement), "session": hex::encode(o.session), "attempt": o.attempt }),
    );
    json!({
        "name": meta.name, "dtype": meta.dtype, "shape": meta.shape, "kind": kind, "label": label, "origin": origin,
        "saved_ms": meta.when, "bytes": bytes,
    })
}

fn remove(a: &args::Named) -> Result<(), Failure> {
    let removed = Event::Removed { name: a.name.clone() };
    open(&a.open)?.batch(|batch| batch.remove(&a.name).and_then(|()| tell(batch, removed)))?;
    done(&a.open, json!({ "removed": a.name }), &format!("`{}` is removed, and its key destroyed", a.name));
    Ok(())
}

fn export(a: &args::Export) -> Result<(), Failure> {
    let source = source(a.named.open.key.as_deref(), a.named.open.passphrase.as_deref())?;
    let (store, tells) = match Store::open(&a.named.open.store, &*source) {
        Ok(store) => (store, true),
        // It is only read: what can be saved of it comes before what its log should say.
        Err(e) if e.fault() == Fault::Damage => (look(&a.named.open)?, false),
        Err(e) => return Err(e.into()),
    };
    // Read before the file is made: what does not hold leaves no file.
    let (meta, payload) = store.get(&a.named.name)?;
    let failed = |e: std::io::Error| {
        let help = "choose a file that does not exist, on a disk with room";
        Failure::input("store.export", format!("{}: {e}", a.to.display()), help)
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&a.to).map_err(failed)?;
    std::io::Write::write_all(&mut file, &payload).and_then(|()| file.sync_all()).map_err(failed)?;
    if tells {
        store.batch(|batch| tell(batch, Event::Exported { name: meta.name.clone() }))?;
    }
    let form = match meta.kind {
        Kind::Plain => "in the clear",
        Kind::Share { .. } => "as this worker's share, which tells nothing without those of the others",
    };
    let words = format!("{} bytes of {} are in {}, {form}", payload.len(), shown_type(&meta), a.to.display());
    done(&a.named.open, json!({ "file": a.to, "value": describe(&meta, payload.len() as u64) }), &words);
    Ok(())
}

fn rekey(a: &args::Rekey) -> Result<(), Failure> {
    let mut store = open(&a.open)?;
    let next: Box<dyn KeySource> = match (&a.new_key, &a.new_passphrase) {
        (Some(file), _) => Box::new(KeyFile::generate(file).map_err(StoreError::from)?),
        (None, Some(file)) => Box::new(phrase(file)?),
        (None, None) => {
            return Err(Failure::input("usage", "the new key is missing", "give --new-key or --new-passphrase"));
        }
    };
    store.rekey(&*next)?;
    let words = format!("only the new {} opens {} now; backups keep the old key", next.kind(), a.open.store.display());
    done(&a.open, json!({ "store": a.open.store, "opens": next.kind() }), &words);
    Ok(())
}

fn backup(a: &args::Backup) -> Result<(), Failure> {
    look(&a.open)?.backup(&a.to)?;
    done(&a.open, json!({ "backup": a.to }), &format!("a copy is in {}; the same key opens it", a.to.display()));
    Ok(())
}

fn restore(a: &args::Restore) -> Result<(), Failure> {
    let source = source(a.open.key.as_deref(), a.open.passphrase.as_deref())?;
    Store::restore(&a.from, &a.open.store, &*source)?;
    let words = format!(
        "{} is as the backup was; uses that were counted since then are counted no more",
        a.open.store.display()
    );
    done(&a.open, json!({ "store": a.open.store, "from": a.from }), &words);
    Ok(())
}

fn verify(a: &Open) -> Result<(), Failure> {
    let found = look(a)?.verify()?;
    if a.json {
        let problems: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
        let all = json!({
            "records": found.records, "payloads": found.payloads, "bytes": found.bytes, "problems": problems,
        });
        if problems.is_empty() {
            say!("{all}");
        }
    } else {
        say!("{} records and {} payloads of {} bytes hold", found.records, found.payloads, found.bytes);
        found.problems.iter().for_each(|problem| eprintln!("bad: {problem}"));
    }
    match found.problems.into_iter().next() {
        Some(first) => Err(first.into()),
        None => Ok(()),
    }
}

fn done(a: &Open, data: Value, words: &str) {
    if a.json {
        say!("{data}");
    } else {
        say!("{words}");
    }
}
