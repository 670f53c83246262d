//! Debian's software TPM, over its socket: the same commands and answers as of a chip.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Debian;

/// A running software TPM. It ends when this is dropped; what it keeps stays in its folder.
#[derive(Debug)]
pub struct SoftwareTpm {
    program: Debian,
    folder: PathBuf,
}

impl SoftwareTpm {
    /// Starts one whose state is in a folder; an empty folder makes a new TPM. It has been through `TPM2_Startup`, as
    /// a machine's firmware leaves it.
    ///
    /// # Errors
    /// If the program cannot be had or started.
    pub fn start(folder: &Path) -> io::Result<SoftwareTpm> {
        let program = Debian::unpack(&["swtpm", "swtpm-libs", "libtpms0"])?;
        fs::create_dir_all(folder)?;
        let tpm = SoftwareTpm { program, folder: folder.to_owned() };
        tpm.run()?;
        Ok(tpm)
    }

    /// The socket that takes commands.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// Switches the machine off and on: registers are as after a reset, keys stay.
    ///
    /// # Errors
    /// If it does not start again.
    pub fn reboot(&self) -> io::Result<()> {
        self.stop();
        self.run()
    }

    fn run(&self) -> io::Result<()> {
        // A daemon has its socket open when its parent returns.
        let status = self
            .program
            .command("swtpm")
            .args(["socket", "--tpm2", "--daemon", "--flags", "not-need-init,startup-clear"])
            .arg("--tpmstate")
            .arg(format!("dir={}", self.folder.display()))
            .arg("--server")
            .arg(format!("type=unixio,path={}", self.socket().display()))
            .arg("--pid")
            .arg(format!("file={}", self.pid().display()))
            .stdin(Stdio::null())
            .status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other("the software TPM does not start")) }
    }

    fn pid(&self) -> PathBuf {
        self.folder.join("pid")
    }

    /// Ends the process, and waits until it has: only then is its state free.
    fn stop(&self) {
        let Ok(pid) = fs::read_to_string(self.pid()) else { return };
        let pid = pid.trim();
        // One that has ended already is no error.
        let _ = Command::new("kill").arg(pid).stderr(Stdio::null()).status();
        let _ = Command::new("tail").args(["--pid", pid, "--sleep-interval=0.02", "-f", "/dev/null"]).status();
        let _ = fs::remove_file(self.pid());
    }
}

impl Drop for SoftwareTpm {
    fn drop(&mut self) {
        self.stop();
    }
}
