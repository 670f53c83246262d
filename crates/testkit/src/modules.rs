//! The WebAssembly modules of this repository, built for tests.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::folder::target;
use crate::python::succeed;

const TARGET: &str = "wasm32-unknown-unknown";

/// Within this process one build at a time; between processes Cargo sees to it.
static BUILDING: Mutex<()> = Mutex::new(());

/// Builds the modules in `modules/` and gives the bytes of one. Adds the compiler's target for WebAssembly if it is
/// missing, which needs `rustup` and the network once. No path of this machine gets into the bytes, and nothing
/// random: the same compiler makes the same module everywhere.
///
/// # Errors
/// If the target cannot be had, or a module does not build.
pub fn module(name: &str) -> io::Result<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../modules").canonicalize()?;
    std::fs::read(build(&root, &root, "modules")?.join(format!("{name}.wasm")))
}

/// Builds a workspace for WebAssembly in a folder below `target`, and says where its results are. What lies below `sources` is
/// called by that folder's name in them.
pub(crate) fn build(workspace: &Path, sources: &Path, name: &str) -> io::Result<PathBuf> {
    let _one = BUILDING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    add_target()?;
    let folder = target()?.join(name);
    let mut cargo = clean(Command::new("cargo"));
    cargo.args(["build", "--release", "--locked", "--quiet", "--target", TARGET]).current_dir(workspace);
    cargo.env("CARGO_TARGET_DIR", &folder).env("CONST_RANDOM_SEED", "privity").env("RUSTFLAGS", flags(sources, name));
    succeed(&mut cargo)?;
    Ok(folder.join(TARGET).join("release"))
}

/// What keeps this machine's paths out of panics' places.
fn flags(sources: &Path, name: &str) -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|h| h.join(".cargo"))).unwrap_or_default();
    format!("--remap-path-prefix={}=/cargo --remap-path-prefix={}=/{name}", home.display(), sources.display())
}

fn add_target() -> io::Result<()> {
    let output = clean(Command::new("rustc")).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    if Path::new(String::from_utf8_lossy(&output.stdout).trim()).exists() {
        return Ok(());
    }
    succeed(clean(Command::new("rustup")).args(["target", "add", TARGET]))
}

/// Without what the Cargo that runs this test says to its own compilers.
fn clean(mut command: Command) -> Command {
    for name in ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"] {
        command.env_remove(name);
    }
    command
}
