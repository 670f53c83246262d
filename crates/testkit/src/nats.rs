//! NATS with JetStream: a server of a test's own, in a folder of its own, on a free port of this machine.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::Debian;

/// A running server. It ends when this is dropped; what it keeps stays in its folder.
pub struct Nats {
    folder: PathBuf,
    program: PathBuf,
    server: Child,
    port: u16,
}

impl Nats {
    /// Starts one whose streams are in a folder. Its program is that of this machine if Debian's package is installed;
    /// otherwise it is fetched.
    ///
    /// # Errors
    /// If there is no program, or the server does not come up.
    pub fn start(folder: &Path) -> io::Result<Nats> {
        let installed = Path::new("/usr/sbin/nats-server");
        let program = match installed.exists() {
            true => installed.to_owned(),
            false => Debian::unpack(&["nats-server"])?.path("usr/sbin/nats-server"),
        };
        // Any port that is free.
        let (server, port) = run(&program, folder, "-1")?;
        Ok(Nats { folder: folder.to_owned(), program, server, port })
    }

    /// Where it is, as a client wants it.
    pub fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills it (`SIGKILL`), and starts it again at the same place.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn crash(&mut self) -> io::Result<()> {
        self.server.kill()?;
        self.server.wait()?;
        (self.server, self.port) = run(&self.program, &self.folder, &self.port.to_string())?;
        Ok(())
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn run(program: &Path, folder: &Path, port: &str) -> io::Result<(Child, u16)> {
    let mut server = Command::new(program);
    server.args(["--addr", "127.0.0.1", "--port", port, "--jetstream", "--store_dir"]).arg(folder);
    let mut server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let said = server.stderr.take().ok_or_else(|| io::Error::other("it has no standard error"))?;
    match ready(BufReader::new(said)) {
        Ok(port) => Ok((server, port)),
        Err(error) => {
            let _ = server.kill();
            let _ = server.wait();
            Err(error)
        }
    }
}

/// Reads what it says until it is ready, and the port that it found; the rest is read by a thread, for it to go on.
fn ready(mut said: BufReader<ChildStderr>) -> io::Result<u16> {
    let (mut log, mut port) = (String::new(), None);
    loop {
        let mut line = String::new();
        if said.read_line(&mut line)? == 0 {
            return Err(io::Error::other(format!("the server ended: {log}")));
        }
        if line.contains("Listening for client connections") {
            port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        }
        if let (true, Some(port)) = (line.contains("Server is ready"), port) {
            std::thread::spawn(move || io::copy(&mut said, &mut io::sink()));
            return Ok(port);
        }
        log.push_str(&line);
    }
}
