//! `privity store` and `privity audit`: words, JSON and exit codes.

mod common;

use std::path::Path;

use common::{json, privity};
use serde_json::Value;

const STORE: [&str; 4] = ["--store", "store", "--key", "store.key"];

struct Home {
    folder: tempfile::TempDir,
    identity: String,
}

impl Home {
    /// A folder with an empty store and a column of numbers.
    fn new() -> Home {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("clinic.csv"), "bmi,age\n21,50\n25.5,61\n32,47\n").unwrap();
        let (made, _) = json(&privity(folder.path(), &["keygen", "clinic.key", "--json"]));
        let home = Home { folder, identity: made["identity"].as_str().unwrap().into() };
        let (made, code) = home.store("init", &[]);
        assert_eq!((code, &made["key_made"]), (0, &"store.key".into()));
        home
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, args: &[&str]) -> (Value, i32) {
        json(&privity(self.path(), args))
    }

    fn store(&self, command: &str, args: &[&str]) -> (Value, i32) {
        self.run(&[&["store", command], args, &STORE, &["--json"]].concat())
    }

    fn put(&self, name: &str) {
        let args = [name, "--csv", "clinic.csv", "--column", "bmi", "--type", "f64[n]", "--owner", &self.identity];
        let (stored, code) = self.store("put", &args);
        assert_eq!((code, &stored["bytes"]), (0, &24.into()), "{stored}");
    }
}

fn code(failure: &Value) -> &str {
    failure["error"]["code"].as_str().unwrap()
}

#[test]
fn a_value_is_put_shown_exported_and_removed() {
    let home = Home::new();
    home.put("bmi");
    let (list, code) = home.store("ls", &[]);
    assert_eq!((code, list["values"].as_array().unwrap().len()), (0, 1));
    let (shown, code) = home.store("show", &["bmi"]);
    assert_eq!((code, &shown["dtype"], &shown["shape"]), (0, &"f64".into(), &serde_json::json!([3])));
    assert_eq!(shown["label"][&home.identity], serde_json::json!([home.identity]));
    let (_, code) = home.store("export", &["bmi", "--to", "bmi.bin"]);
    assert_eq!(code, 0);
    let bytes = std::fs::read(home.path().join("bmi.bin")).unwrap();
    assert_eq!(bytes, [21.0f64, 25.5, 32.0].map(f64::to_le_bytes).concat());
    let (again, code) = home.store("export", &["bmi", "--to", "bmi.bin"]);
    assert_eq!((code, again["error"]["code"].as_str()), (1, Some("store.export")));
    let words = privity(home.path(), &[&["store", "ls"], &STORE[..]].concat());
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("bmi") && words.contains("f64[3]") && words.contains("in the clear"), "{words}");
    assert_eq!(home.store("rm", &["bmi"]).1, 0);
    let (gone, code) = home.store("show", &["bmi"]);
    assert_eq!((code, gone["error"]["code"].as_str()), (1, Some("store.no-value")));

    // All of it waits for the worker's audit log.
    let key = store::KeyFile::load(&home.path().join(STORE[3])).unwrap();
    let store = store::Store::open(&home.path().join(STORE[1]), &key).unwrap();
    let told = store.outbox().unwrap().into_iter().map(|(_, entry)| audit::Pending::from_bytes(&entry).unwrap().event);
    let kinds: Vec<String> = told.map(|event| event.kind()).collect();
    assert_eq!(kinds, ["stored", "exported", "removed"]);
}

#[test]
fn types_are_read_as_programs_declare_them() {
    let home = Home::new();
    let put = |columns: &[&str], ty: &str| {
        let columns: Vec<&str> = columns.iter().flat_map(|c| ["--column", c]).collect();
        let args = ["x", "--csv", "clinic.csv", "--type", ty, "--owner", &home.identity];
        home.store("put", &[&args[..], &columns].concat())
    };
    assert_eq!(put(&["bmi", "age"], "fixed<64, 16>[n, 2]").0["bytes"], 48);
    assert_eq!(home.store("show", &["x"]).0["dtype"], "fixed<64, 16>");
    assert_eq!(put(&["age"], "i64[3]").0["bytes"], 24);
    assert_eq!(code(&put(&["age"], "i64[4]").0), "data.length");
    assert_eq!(code(&put(&["age"], "f65[n]").0), "store.type");
    assert_eq!(code(&put(&["age"], "f64[n").0), "store.type");
    assert_eq!(code(&put(&["bmi"], "i64[n]").0).split('.').next(), Some("data"));
}

#[test]
fn rekey_backup_verify_and_restore() {
    let home = Home::new();
    home.put("bmi");
    assert_eq!(home.store("backup", &["--to", "copy"]).1, 0);
    std::fs::write(home.path().join("phrase"), "correct horse\n").unwrap();
    let (rekeyed, exit) = home.store("rekey", &["--new-passphrase", "phrase"]);
    assert_eq!((exit, &rekeyed["opens"]), (0, &"passphrase".into()), "{rekeyed}");
    let (refused, exit) = home.store("ls", &[]);
    assert_eq!((exit, code(&refused)), (1, "store.wrong-key"));
    let open = ["--store", "store", "--passphrase", "phrase", "--json"];
    let (verified, exit) = home.run(&[&["store", "verify"], &open[..]].concat());
    assert_eq!((exit, &verified["bytes"]), (0, &24.into()), "{verified}");

    let old = ["--store", "again", "--key", "store.key", "--json"];
    assert_eq!(home.run(&[&["store", "restore", "--from", "copy"], &old[..]].concat()).1, 0);
    assert_eq!(home.run(&[&["store", "show", "bmi"], &old[..]].concat()).1, 0);
    let (exists, _) = home.run(&[&["store", "restore", "--from", "copy"], &old[..]].concat());
    assert_eq!(code(&exists), "store.exists");
}

#[test]
fn a_damaged_store_is_told_and_read_as_far_as_it_goes() {
    let home = Home::new();
    home.put("bmi");
    home.put("other");
    let keys = home.path().join("store/keys.0");
    let mut bytes = std::fs::read(&keys).unwrap();
    bytes[128 + 30] ^= 1;
    std::fs::write(&keys, bytes).unwrap();
    let (bad, exit) = home.store("verify", &[]);
    assert_eq!((exit, code(&bad)), (1, "store.corrupt"));
    assert!(bad["error"]["message"].as_str().unwrap().contains("value `bmi`"), "{bad}");
    assert_eq!(home.store("ls", &[]).0["values"].as_array().unwrap().len(), 2);
    assert_eq!(home.store("export", &["bmi", "--to", "a"]).1, 1);
    assert!(!home.path().join("a").exists());
    assert_eq!(home.store("export", &["other", "--to", "b"]).1, 0);
}

#[test]
fn what_is_missing_or_in_use_is_told() {
    let home = Home::new();
    let (none, exit) = home.run(&["store", "ls", "--store", "nowhere", "--key", "store.key", "--json"]);
    assert_eq!((exit, code(&none)), (1, "store.none"));
    assert_eq!(home.run(&["store", "ls", "--store", "store", "--json"]).1, 2);
    let lock = std::fs::File::open(home.path().join("store/lock")).unwrap();
    lock.lock().unwrap();
    let (used, exit) = home.store("ls", &[]);
    assert_eq!((exit, code(&used)), (1, "store.in-use"));
    assert!(used["error"]["help"].as_str().unwrap().contains("the worker has the store open"), "{used}");
}

#[test]
fn a_log_is_shown_verified_and_exported() {
    let home = Home::new();
    let key = net::KeyPair::load(&home.path().join("clinic.key")).unwrap();
    let file = home.path().join("audit.log");
    let log = audit::Log::open(&file, &key, 1_800_000_000_000).unwrap();
    log.append(1_800_000_001_000, audit::Event::Started { version: "0.1.0".into() }).unwrap();
    let ended = audit::Event::Stored { name: "model".into(), session: None };
    let head = log.append(1_800_000_002_000, ended).unwrap();
    drop(log);
    let shown = serde_json::json!({ "head": head });
    std::fs::write(home.path().join("head.json"), shown.to_string()).unwrap();

    let verify = ["audit", "verify", "audit.log", "--head", "head.json", "--json"];
    let (verified, exit) = home.run(&verify);
    assert_eq!((exit, &verified["entries"], &verified["worker"]), (0, &3.into(), &home.identity.as_str().into()));
    let words = privity(home.path(), &["audit", "show", "audit.log", "--last", "1"]);
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("2027-01-15T08:00:02Z  stored") && words.lines().count() == 1, "{words}");
    let (shown, _) = home.run(&["audit", "show", "audit.log", "--kind", "started", "--json"]);
    assert_eq!(shown["entries"].as_array().unwrap().len(), 1);
    assert_eq!(home.run(&["audit", "export", "audit.log", "--to", "log.json", "--json"]).1, 0);
    let (foreign, exit) = home.run(&["audit", "verify", "audit.log", "--worker", &other(&home), "--json"]);
    assert_eq!((exit, code(&foreign)), (1, "audit.foreign"));

    let text = std::fs::read_to_string(&file).unwrap();
    let kept: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, &kept).unwrap();
    let (cut, exit) = home.run(&verify);
    assert_eq!((exit, code(&cut)), (1, "audit.cut-off"));
    std::fs::write(&file, kept.replace("0.1.0", "0.1.1")).unwrap();
    let (broken, exit) = home.run(&["audit", "verify", "audit.log", "--json"]);
    assert_eq!((exit, code(&broken)), (1, "audit.broken"));
    assert!(broken["error"]["message"].as_str().unwrap().contains("entry 1"), "{broken}");
}

fn other(home: &Home) -> String {
    let (made, _) = home.run(&["keygen", "other.key", "--json"]);
    made["identity"].as_str().unwrap().into()
}
