//! What local runs store, in a folder: so that what one run saved can be loaded by the next.
//!
//! For trying programs out: a file for each player, in the clear, that only its owner can read. Workers keep what they
//! store sealed.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use session::{Secret, StoredMeta, StoredValue, Vault};

use crate::{Error, LocalVaults};

/// The version of the files' form.
const FORM: u64 = 1;

impl LocalVaults {
    /// The vaults whose values a folder has; empty ones if there is no such folder.
    ///
    /// # Errors
    /// A file that cannot be read, or is none of these.
    pub fn read(folder: &Path) -> Result<LocalVaults, Error> {
        let vaults = LocalVaults::default();
        let entries = match std::fs::read_dir(folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(vaults),
            other => other.map_err(|e| failed(folder, &e))?,
        };
        for entry in entries {
            let path = entry.map_err(|e| failed(folder, &e))?.path();
            let name = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".json"));
            let Some(player) = name.filter(|n| !n.is_empty()) else { continue };
            let text = std::fs::read_to_string(&path).map_err(|e| failed(&path, &e))?;
            let values =
                parse(&text).ok_or_else(|| failed(&path, &"it is no file of `privity run --local --store`"))?;
            values.into_iter().for_each(|value| vaults.of(player).put(value));
        }
        Ok(vaults)
    }

    /// Writes what is stored into a folder, which is made if it is missing; a file for each player that has something.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
        for player in self.stored().into_keys() {
            let vault = self.of(&player);
            let mut values = Vec::new();
            for meta in vault.list() {
                let fetched = vault.fetch(&meta.name).map_err(|e| failed(folder, &e))?;
                if let Some(StoredValue { meta, bytes }) = fetched {
                    values.push(json!({ "meta": meta, "bytes": hex::encode(&*bytes) }));
                }
            }
            if values.is_empty() {
                continue;
            }
            // A whole new file takes the old one's place.
            let (path, new) = (folder.join(format!("{player}.json")), folder.join(format!("{player}.json.new")));
            let text = json!({ "form": FORM, "values": values }).to_string();
            write(&new, &text).and_then(|()| std::fs::rename(&new, &path)).map_err(|e| failed(&path, &e))?;
        }
        Ok(())
    }
}

fn write(path: &PathBuf, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn parse(text: &str) -> Option<Vec<StoredValue>> {
    let all: Value = serde_json::from_str(text).ok().filter(|all: &Value| all["form"] == FORM)?;
    let value = |value: &Value| {
        let meta: StoredMeta = serde_json::from_value(value["meta"].clone()).ok()?;
        let bytes = hex::decode(value["bytes"].as_str()?).ok()?;
        Some(StoredValue { meta, bytes: Secret::from(bytes) })
    };
    all["values"].as_array()?.iter().map(value).collect()
}

fn failed(path: &Path, what: &dyn std::fmt::Display) -> Error {
    Error::Folder { path: path.to_owned(), what: what.to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{LocalData, LocalOptions, Plain, Program, run_local};

    const PLAYERS: &str = "
  player a, b, c, reader
  placement trio = replicated(a, b, c)
";

    fn run(body: &str, inputs: &[(&str, f64)], vaults: &LocalVaults) -> Result<crate::Report, Error> {
        let program = Program::parse("test.pv", &format!("computation test{PLAYERS}{body}")).unwrap();
        let value = |v: f64| Plain::F64(algebra::Tensor::from_vec(vec![v, 2.0 * v]));
        let inputs = inputs.iter().map(|(name, v)| ((*name).to_owned(), value(*v))).collect();
        let data = LocalData::of(&program, inputs, &Default::default(), &Default::default()).unwrap();
        run_local(&program, data, &LocalOptions { vaults: vaults.clone(), ..LocalOptions::default() })
    }

    const SAVE: &str = "  input x : f64[2] at a range 0..10
  on trio as fixed<64, 16>
    y = x * 3.0
  save y as \"y\"
";
    const LOAD: &str = "  load y : fixed<64, 16>[2] at trio owner a
  on trio as fixed<64, 16>
    z = clip(y, low=0, high=100) + 1.0
  release z to reader as \"z\"
";

    #[test]
    fn what_one_run_saved_the_next_one_loads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stores");
        let vaults = LocalVaults::read(&path).unwrap();
        run(SAVE, &[("x", 1.5)], &vaults).unwrap();
        vaults.write(&path).unwrap();
        let again = LocalVaults::read(&path).unwrap();
        assert_eq!(again.stored()["b"], vaults.stored()["b"]);
        let report = run(LOAD, &[], &again).unwrap();
        assert_eq!(report.outputs["reader"]["z"].to_f64().data(), [5.5, 10.0]);
        let mode = std::fs::metadata(path.join("b.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_store_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "{}", "{\"form\":2,\"values\":[]}", "{\"form\":1,\"values\":[{\"meta\":{},\"bytes\":\"zz\"}]}"]
        {
            std::fs::write(folder.path().join("a.json"), text).unwrap();
            let refused = LocalVaults::read(folder.path()).err().unwrap();
            assert_eq!(refused.code(), "store.folder");
        }
    }
}
