//! File tests of errors: each directory of `tests/errors` is a dataset of `program.pv` with one fault; what its owner
//! is told stands in `error.out`. `BLESS=1 cargo test -p privity-data --test errors` writes it.

use std::fs;
use std::path::Path;

use data::{DataError, Datasets, DimBinding, Inputs};
use ir::Computation;

fn load(folder: &Path, computation: &Computation) -> Result<(), DataError> {
    let datasets = Datasets::read(&folder.join("DATA.toml"))?;
    datasets.check_names(computation)?;
    let mut dims = DimBinding::new();
    for player in &computation.players {
        Inputs::load(&datasets, computation, &player.name, &mut dims)?;
    }
    Ok(())
}

#[test]
fn every_fault_is_told_as_expected() {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors");
    let computation = ir::text::parse(&fs::read_to_string(base.join("program.pv")).unwrap()).unwrap();
    let mut folders: Vec<_> = fs::read_dir(&base).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    assert!(folders.len() > 20);
    for folder in folders {
        let Err(error) = load(&folder, &computation) else { panic!("{} has no fault", folder.display()) };
        let message = error.to_string().replace(&format!("{}/", folder.display()), "");
        let player = error.player().map(|p| format!("  = player: {p}\n")).unwrap_or_default();
        let found = format!("error[{}]: {message}\n{player}  = help: {}\n", error.code(), error.help());
        let beside = folder.join("error.out");
        if std::env::var_os("BLESS").is_some() {
            fs::write(beside, found).unwrap();
        } else {
            let expected = fs::read_to_string(&beside).unwrap_or_default();
            assert!(expected == found, "{}\n--- expected\n{expected}\n--- found\n{found}", folder.display());
        }
    }
}
