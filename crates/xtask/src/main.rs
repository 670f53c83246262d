//! For us: `cargo xtask gen` writes what is made from the operator table; `cargo xtask tidy` checks that the
//! repository is as its documents say; `cargo xtask page` builds the page that contributes to a sum.

mod generate;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let root = root();
    let problems = match task.as_str() {
        "gen" => generate::write(&root),
        "tidy" => tidy::check(&root),
        "page" => page(),
        _ => vec!["usage: cargo xtask gen|tidy|page".to_owned()],
    };
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Builds the page, and says where it is.
fn page() -> Vec<String> {
    match testkit::page() {
        Ok(folder) => {
            println!("{}", folder.display());
            vec![]
        }
        Err(error) => vec![error.to_string()],
    }
}

/// The repository: the folder above `crates`.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let problems = tidy::check(&root());
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn generated_files_are_current() {
        for (path, text) in generate::files() {
            let found = std::fs::read_to_string(root().join(path)).unwrap_or_default();
            assert!(found == text, "{path} is out of date: run `cargo xtask gen`");
        }
    }
}
