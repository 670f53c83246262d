//! The page that contributes to a sum, built.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::folder::target;
use crate::modules;

/// Builds the page in `web/` and gives the folder with its files, as the service wants it. What it needs beyond this
/// compiler is as for [`module`](crate::module).
///
/// # Errors
/// If the compiler's target cannot be had, or the page does not build.
pub fn page() -> io::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let web = root.join("web");
    let built = modules::build(&web, &root, "web")?.join("page.wasm");
    let folder = target()?.join("page");
    fs::create_dir_all(&folder)?;
    replace(&built, &folder.join("page.wasm"))?;
    for entry in fs::read_dir(web.join("static"))? {
        let entry = entry?;
        replace(&entry.path(), &folder.join(entry.file_name()))?;
    }
    Ok(folder)
}

/// At once, for whoever reads it meanwhile.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let beside = to.with_added_extension(std::process::id().to_string());
    fs::copy(from, &beside)?;
    fs::rename(beside, to)
}
