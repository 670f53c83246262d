//! A Python with packages, in an environment of its own beside what cargo builds.

use std::fs::{self, File};
use std::io;
use std::process::Command;

use crate::folder::target;

/// The interpreter of an environment that has a package, which is fetched once. Concurrent tests wait for each other.
///
/// # Errors
/// If there is no Python 3 with `venv`, or the package cannot be fetched.
pub fn python(package: &str) -> io::Result<Command> {
    let root = target()?.join("python");
    fs::create_dir_all(&root)?;
    let lock = File::create(root.join("lock"))?;
    lock.lock()?;
    let (folder, done) = (root.join(package), root.join(format!("{package}.installed")));
    let interpreter = folder.join("bin/python");
    if !done.exists() {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        succeed(Command::new(&interpreter).args(["-m", "pip", "install", "--quiet", package]))?;
        File::create(done)?;
    }
    Ok(Command::new(interpreter))
}

/// Runs a command to its end; what it says goes into the error if it fails.
pub(crate) fn succeed(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {}", said()))) }
}
