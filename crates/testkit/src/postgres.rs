//! PostgreSQL: a server of a test's own, in a folder of its own, over a Unix socket.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::Debian;

/// PostgreSQL refuses to run as root: a test that does runs it as `nobody`.
const NOBODY: u32 = 65534;

/// A server with one empty database. It ends when this is dropped.
pub struct Postgres {
    folder: PathBuf,
    programs: Programs,
    server: Child,
}

/// Where the programs are, and how they are run.
struct Programs {
    folder: PathBuf,
    /// Set if they are not those of this machine.
    fetched: Option<Debian>,
    as_nobody: bool,
}

impl Postgres {
    /// Starts one in a folder that exists and is empty. Its programs are those of this machine if Debian's package is
    /// installed; otherwise they are fetched.
    ///
    /// # Errors
    /// If there are no programs, or the server does not come up.
    pub fn start(folder: &Path) -> io::Result<Postgres> {
        let programs = Programs::find()?;
        let data = folder.join("data");
        fs::create_dir(&data)?;
        if programs.as_nobody {
            for path in [folder, &data] {
                chown(path, Some(NOBODY), Some(NOBODY))?;
            }
        }
        let made = programs
            .command("initdb")
            .args(["--auth=trust", "--username=privity", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .output()?;
        if !made.status.success() {
            return Err(io::Error::other(format!("initdb: {}", String::from_utf8_lossy(&made.stderr).trim())));
        }
        let log = fs::File::create(folder.join("log"))?;
        // A socket only, and what is written is not flushed to the disk: it ends with the test.
        let settings = ["-h", "", "-F", "-c", "shared_buffers=16MB"];
        let mut server = programs.command("postgres");
        server.arg("-D").arg(&data).arg("-k").arg(folder).args(settings).stdout(Stdio::null()).stderr(log);
        let server = server.spawn()?;
        let mut started = Postgres { folder: folder.to_owned(), programs, server };
        started.wait()?;
        Ok(started)
    }

    /// Asks until it answers: each question takes a process of its own, so this does not spin.
    fn wait(&mut self) -> io::Result<()> {
        loop {
            if self.ask("SELECT 1")?.status.success() {
                return Ok(());
            }
            if let Some(status) = self.server.try_wait()? {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("the server ended with {status}: {log}")));
            }
        }
    }

    /// Where it is, as a client wants it.
    pub fn address(&self) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://privity@{folder}/postgres")
    }

    /// What `psql` prints for a query: rows in lines, columns between bars.
    ///
    /// # Errors
    /// What the server has against it.
    pub fn query(&self, query: &str) -> io::Result<String> {
        let output = self.ask(query)?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned())),
        }
    }

    fn ask(&self, query: &str) -> io::Result<Output> {
        let mut psql = self.programs.command("psql");
        psql.arg("-h").arg(&self.folder).args(["-U", "privity", "-d", "postgres", "-A", "-t", "-c", query]);
        psql.output()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Programs {
    fn find() -> io::Result<Programs> {
        let as_nobody = fs::metadata("/proc/self")?.uid() == 0;
        if let Some(folder) = newest(Path::new("/usr/lib/postgresql")) {
            return Ok(Programs { folder, fetched: None, as_nobody });
        }
        let debian = Debian::unpack(&["postgresql"])?;
        let folder = newest(&debian.path("usr/lib/postgresql"));
        let folder = folder.ok_or_else(|| io::Error::other("Debian's package has no `initdb`"))?;
        Ok(Programs { folder, fetched: Some(debian), as_nobody })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.current_dir("/").env("LC_ALL", "C").stdin(Stdio::null());
        if let Some(debian) = &self.fetched {
            command.env("LD_LIBRARY_PATH", debian.libraries());
        }
        if self.as_nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

/// The programs of the newest version below Debian's folder.
fn newest(root: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(root).ok()?.flatten().map(|entry| entry.path().join("bin"));
    versions.filter(|bin| ["initdb", "postgres", "psql"].iter().all(|name| bin.join(name).exists())).max()
}
