//! The `privity` command: what a person types, and the words and JSON that come back.
//!
//! A library, so that the Python package brings the same command.

/// Prints a line. Whoever reads it may go away (`privity … | head`); that is no error.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout().lock(), $($text)*);
    }};
}

mod aggregation;
mod agreement;
mod args;
mod attest;
mod audit;
mod bench;
mod desk;
mod doctor;
mod examples;
mod explain;
mod flight_proxy;
mod groups;
mod jobs;
mod keygen;
mod meet;
mod policy;
mod present;
mod progress;
mod ratify;
mod receipt;
mod receipts;
mod relay;
mod run;
mod seal;
mod serve;
mod static_checks;
mod store;
mod time;

use std::ffi::OsString;

use clap::FromArgMatches as _;
use privity::ir::text::visible;
use privity::{Error, Fault};
use serde_json::json;

use args::{Args, Command};

/// Runs the command, and says how it went: 0 done, 1 bad input or program, 2 usage, 3 a peer or the network.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let wants_json = args.iter().any(|a| a == "--json");
    let parsed = examples::command().try_get_matches_from(args).and_then(|m| Args::from_arg_matches(&m));
    let args = match parsed {
        Ok(args) => args,
        Err(e) if e.use_stderr() && wants_json => {
            let help = "see `privity --help`";
            Failure::input("usage", e.to_string().trim_end(), help).show(true);
            return 2;
        }
        Err(e) => {
            // Help and version are no errors; clap knows which stream each belongs to.
            let _ = e.print();
            return if e.use_stderr() { 2 } else { 0 };
        }
    };
    let json = args.json();
    match dispatch(args.command) {
        Ok(()) => 0,
        Err(failure) => {
            failure.show(json);
            failure.exit
        }
    }
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Check(a) => static_checks::check(&a),
        Command::Disclose(a) => static_checks::disclose(&a),
        Command::Explain(a) => explain::explain(&a),
        Command::Agreement(a) => agreement::agreement(&a),
        Command::Policy(a) => policy::policy(&a),
        Command::Run(a) => run::run(&a),
        Command::Resume(a) => run::resume(&a),
        Command::Bench(a) => bench::bench(&a),
        Command::Keygen(a) => keygen::keygen(&a),
        Command::Worker(a) => serve::worker(&a),
        Command::Propose(a) => desk::propose(&a),
        Command::Inbox(a) => desk::inbox(&a),
        Command::Ratify(a) => desk::answer(a.digest, &a.reach, None, a.json),
        Command::Decline(a) => desk::answer(a.digest, &a.reach, Some(&a.reason), a.json),
        Command::Receipt(a) => receipt::receipt(&a),
        Command::Jobs(a) => jobs::jobs(&a),
        Command::Logs(a) => jobs::logs(&a, false),
        Command::Watch(a) => jobs::logs(&a, true),
        Command::Cancel(a) => jobs::cancel(&a),
        Command::Aggregator(a) => aggregation::aggregator(&a),
        Command::Terms(a) => groups::terms(&a),
        Command::Contribute(a) => aggregation::contribute(&a),
        Command::Rounds(a) => aggregation::rounds(&a),
        Command::Enrol(a) => aggregation::enrolment(&a),
        Command::Invite(a) => meet::invite(a),
        Command::Join(a) => meet::join(a),
        Command::Doctor(a) => doctor::doctor(&a),
        Command::Relay(a) => relay::relay(&a),
        Command::FlightProxy(a) => flight_proxy::flight_proxy(&a),
        Command::Seal(a) => seal::seal(&a),
        Command::Store(a) => store::store(&a),
        Command::Audit(a) => audit::audit(&a),
        Command::Attest(a) => attest::attest(&a),
        Command::Version { json } => {
            version(json);
            Ok(())
        }
    }
}

fn version(json: bool) {
    let (version, protocol) = (env!("CARGO_PKG_VERSION"), privity::net::frame::VERSIONS);
    if json {
        say!("{}", json!({ "version": version, "protocol": { "lowest": protocol.0, "highest": protocol.1 } }));
    } else {
        say!("privity {version}, protocol {} to {}", protocol.0, protocol.1);
    }
}

/// How a command failed.
pub(crate) struct Failure {
    /// Of a program that does not check: all diagnostics.
    diagnostics: Option<Box<serde_json::Value>>,
    /// Whether these are printed in place of the usual error.
    in_full: bool,
    /// Whether all was said already, and only the exit code is left.
    said: bool,
    code: String,
    message: String,
    player: Option<String>,
    /// The session that failed, if one was begun.
    session: Option<Box<privity::agreement::SessionId>>,
    help: Option<String>,
    exit: u8,
}

impl Failure {
    /// A failure that names its player and says what to do, where that is known.
    fn of(remote: bool, code: String, message: String, player: Option<String>, help: Option<String>) -> Failure {
        let exit = if remote { 3 } else { 1 };
        Failure { diagnostics: None, in_full: false, said: false, code, message, player, session: None, help, exit }
    }

    /// Bad input that is no program and no data.
    pub(crate) fn input(code: &str, message: impl Into<String>, help: &str) -> Failure {
        Failure::of(false, code.into(), message.into(), None, Some(help.into()))
    }

    /// The same, with a peer or the network at fault.
    pub(crate) fn of_a_peer(mut self) -> Failure {
        self.exit = 3;
        self
    }

    /// The failure of a program, which keeps all diagnostics as data.
    pub(crate) fn with_diagnostics(mut self, all: serde_json::Value) -> Failure {
        self.diagnostics = Some(Box::new(all));
        self
    }

    /// Nothing more is to be printed.
    pub(crate) fn said(mut self) -> Failure {
        self.said = true;
        self
    }

    /// To print the diagnostics in place of the usual error, as `check --json` does.
    pub(crate) fn in_full_json(mut self) -> Failure {
        self.in_full = true;
        self
    }

    fn show(&self, json: bool) {
        if self.said {
            return;
        }
        if let (true, true, Some(all)) = (json, self.in_full, &self.diagnostics) {
            say!("{all}");
            return;
        }
        if json {
            let mut error =
                json!({ "code": self.code, "message": self.message, "player": self.player, "help": self.help });
            if let Some(session) = &self.session {
                error["session"] = json!(session.to_string());
            }
            say!("{}", json!({ "error": error }));
            return;
        }
        // A rendered program error says its code and help itself, once for every mistake.
        let of_a_peer = self.exit == 3;
        if !of_a_peer && self.message.starts_with("error[") {
            eprint!("{}", self.message);
            return;
        }
        // Others may have written any of it.
        let shown = |text: &str| text.lines().map(visible).collect::<Vec<_>>().join("\n");
        eprintln!("error[{}]: {}", shown(&self.code), shown(&self.message));
        if let Some(player) = &self.player {
            eprintln!("  = player: {}", shown(player));
        }
        if let Some(session) = &self.session {
            eprintln!("  = session: {session}");
        }
        if let Some(help) = &self.help {
            eprintln!("  = help: {}", shown(help));
        }
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        let remote = e.fault() == Fault::Remote;
        Failure::of(remote, e.code(), e.to_string(), e.player(), e.help())
    }
}

impl From<worker::ClientError> for Failure {
    fn from(e: worker::ClientError) -> Failure {
        let session = e.session().map(Box::new);
        Failure { session, ..Failure::of(e.is_remote(), e.code(), e.to_string(), e.player(), e.help()) }
    }
}
