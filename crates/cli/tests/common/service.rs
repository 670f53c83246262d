//! A service of secure aggregation beside the workers, and commands that have to succeed.

use std::process::{Child, Command, Stdio};

use super::{Parties, privity};

/// A running service. It ends when this is dropped.
pub(crate) struct Service(Child);

impl Service {
    /// Starts what `service.toml` says.
    pub(crate) fn start(parties: &Parties) -> Self {
        let mut service = Command::new(env!("CARGO_BIN_EXE_privity"));
        service.current_dir(parties.path()).args(["aggregator", "--config", "service.toml"]).env_remove("PRIVITY_LOG");
        Self(service.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a command that must succeed prints.
pub(crate) fn says(parties: &Parties, args: &[&str]) -> String {
    let output = privity(parties.path(), args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
