//! What a person types.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use privity::agreement::{Digest, SessionId, Timestamp};
use privity::net::Identity;

use crate::agreement::AgreementCommand;
use crate::policy::PolicyCommand;
use crate::receipts::Verify;

/// Compute on joint data so that each party learns exactly what all agreed to.
#[derive(Parser)]
#[command(
    name = "privity",
    version,
    about,
    after_help = "Exit codes: 0 done, 1 bad input or program, 2 usage, 3 a peer or the network."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check a program: syntax, types, shapes, placements, labels.
    Check(Program),
    /// Show what each party would disclose, to whom, and under which assumption.
    Disclose(Disclose),
    /// Show each player's plan, with the rounds and bytes that it will take.
    Explain(Explain),
    /// Make, read, compare and verify agreements.
    #[command(subcommand)]
    Agreement(AgreementCommand),
    /// Check and try out what you ratify without asking.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Run a program: with all players in this process, or on the workers of a roster.
    Run(Run),
    /// Attempt a session again that failed on the workers of a roster: it goes on from its last checkpoint, if it has any.
    Resume(Resume),
    /// Measure what tasks cost three players in this process.
    Bench(Bench),
    /// Make a key pair, the long-term identity of a worker or of a person.
    Keygen(Keygen),
    /// Run a worker: one party's side of computations, until it is stopped.
    Worker(Worker),
    /// Put a program or an agreement into the inbox of every party's worker.
    Propose(Propose),
    /// Show the agreements that were proposed to workers, or one of them in full.
    Inbox(Inbox),
    /// Ratify an agreement of the inbox, as the operator of a worker.
    Ratify(Ratify),
    /// Decline an agreement of the inbox, as the operator of a worker, with a reason for the other parties.
    Decline(Decline),
    /// The receipts that a worker keeps of its sessions.
    Receipt(Receipt),
    /// Show the sessions of workers: your own, or all of a worker that you operate.
    Jobs(Jobs),
    /// Show what happened in a session.
    Logs(Logs),
    /// Show what happens in a session until it ends.
    Watch(Logs),
    /// End a session for all its players.
    Cancel(Logs),
    /// Run rounds of secure aggregation, or an aggregator of their committee, until stopped.
    Aggregator(crate::aggregation::Aggregator),
    /// Make the terms of the round in which the members of an agreement's group contribute.
    Terms(crate::groups::MakeTerms),
    /// Contribute a vector to a round of secure aggregation.
    Contribute(crate::aggregation::Contribute),
    /// Show how a round of secure aggregation stands, or what it published.
    Rounds(crate::aggregation::Rounds),
    /// Sign the list of those who may contribute, as the enroller whom the terms name.
    Enrol(crate::aggregation::Enrol),
    /// Invite other parties: prints a code for them; all end with one roster, confirmed by a short phrase.
    Invite(crate::meet::Invite),
    /// Join a meeting by its code.
    Join(crate::meet::Join),
    /// Examine the ways between all workers of a roster, pair by pair in both directions, and say what to mend.
    Doctor(crate::doctor::Doctor),
    /// Run a relay: where workers that cannot be dialled from outside meet the others. It sees ciphertext only.
    Relay(Relay),
    /// Let a Flight client of this machine upload tables to a worker whose machine has proved itself, and fetch results, until stopped.
    FlightProxy(crate::flight_proxy::FlightProxy),
    /// Encrypt a dataset under your key, to lie at the machine of an enclave; your worker releases its key to that machine.
    Seal(crate::seal::Seal),
    /// Look after what a worker keeps, while it is stopped: values, backups, keys.
    Store(crate::store::args::Store),
    /// Show and check a worker's audit log.
    Audit(crate::audit::Audit),
    /// Verify what machines prove about themselves, and look at it.
    Attest(crate::attest::Attest),
    /// Show versions.
    Version {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

impl Args {
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            Command::Check(a) => a.json,
            Command::Disclose(a) => a.program.json,
            Command::Explain(a) => a.program.json,
            Command::Agreement(a) => a.json(),
            Command::Policy(a) => a.json(),
            Command::Run(a) => a.json,
            Command::Bench(a) => a.json,
            Command::Resume(a) => a.json,
            Command::Keygen(a) => a.json,
            Command::Propose(a) => a.json,
            Command::Inbox(a) => a.json,
            Command::Ratify(a) => a.json,
            Command::Decline(a) => a.json,
            Command::Receipt(a) => a.json(),
            Command::Jobs(a) => a.json,
            Command::Logs(a) | Command::Watch(a) | Command::Cancel(a) => a.json,
            Command::Worker(a) => a.json,
            Command::Aggregator(a) => a.json,
            Command::Terms(a) => a.json,
            Command::Contribute(a) => a.caller.json,
            Command::Rounds(a) => a.caller.json,
            Command::Relay(_) | Command::Enrol(_) => false,
            Command::Invite(a) => a.json(),
            Command::Join(a) => a.json(),
            Command::Doctor(a) => a.json,
            Command::FlightProxy(a) => a.json,
            Command::Seal(a) => a.json,
            Command::Store(a) => a.json(),
            Command::Audit(a) => a.json(),
            Command::Attest(a) => a.json(),
            Command::Version { json } => *json,
        }
    }
}

#[derive(ClapArgs)]
pub(crate) struct Program {
    /// The program (`.pv`).
    pub(crate) file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Disclose {
    #[command(flatten)]
    pub(crate) program: Program,
    /// What would these players learn if they were corrupt together?
    #[arg(long, value_name = "PLAYERS", value_delimiter = ',')]
    pub(crate) corrupt: Vec<String>,
}

#[derive(ClapArgs)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) program: Program,
    /// Only this player's plan.
    #[arg(long, value_name = "PLAYER")]
    pub(crate) player: Option<String>,
    #[command(flatten)]
    pub(crate) dims: Dims,
}

#[derive(ClapArgs)]
pub(crate) struct Dims {
    /// The lengths of named dimensions.
    #[arg(long, value_name = "n=442", value_delimiter = ',', value_parser = dim)]
    pub(crate) dims: Vec<(String, u64)>,
}

fn dim(text: &str) -> Result<(String, u64), String> {
    let (name, length) = text.split_once('=').ok_or("write it as n=442")?;
    let length = length.trim().parse().map_err(|_| format!("`{length}` is no length"))?;
    Ok((name.trim().to_owned(), length))
}

#[derive(ClapArgs)]
#[command(group(clap::ArgGroup::new("where").required(true).args(["local", "roster"])))]
pub(crate) struct Run {
    /// The program (`.pv`); on workers also an agreement, or the digest of one that was proposed.
    pub(crate) file: PathBuf,
    /// A ratification of the agreement, besides those that the workers know. Can be given several times.
    #[arg(long, value_name = "FILE", requires = "roster")]
    pub(crate) ratification: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// With all players in this process.
    #[arg(long, requires = "data")]
    pub(crate) local: bool,
    /// The data of all players (`DATA.toml`).
    #[arg(long, value_name = "DATA.toml", requires = "local")]
    pub(crate) data: Option<PathBuf>,
    /// Load from this folder what earlier local runs saved, and save into it: in the clear, for trying out.
    #[arg(long, value_name = "FOLDER", requires = "local")]
    pub(crate) store: Option<PathBuf>,
    /// The folder with the WebAssembly modules that the program names, each as NAME.wasm.
    #[arg(long, value_name = "FOLDER", requires = "local")]
    pub(crate) modules: Option<PathBuf>,
    /// On the workers that this roster names.
    #[arg(long, value_name = "ROSTER.toml")]
    pub(crate) roster: Option<PathBuf>,
    /// The key to come as; outputs that its owner may read are shown.
    #[arg(long, value_name = "KEY", requires = "roster")]
    pub(crate) key: Option<PathBuf>,
    /// Also compute in plaintext, and show the largest error of each output.
    #[arg(long, requires = "local")]
    pub(crate) compare: bool,
    /// Show the disclosure first.
    #[arg(long)]
    pub(crate) disclose: bool,
    #[command(flatten)]
    pub(crate) dims: Dims,
}

#[derive(ClapArgs)]
pub(crate) struct Resume {
    /// The session, as `privity jobs` and the workers' logs show it.
    pub(crate) session: SessionId,
    /// The workers that this roster names.
    #[arg(long, value_name = "ROSTER.toml")]
    pub(crate) roster: PathBuf,
    /// The key to come as; outputs that its owner may read are shown.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: PathBuf,
    /// A ratification of the agreement, besides those that the workers know. Can be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) ratification: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Bench {
    /// The tasks; all if none is named.
    #[arg(value_name = "TASK")]
    pub(crate) tasks: Vec<String>,
    /// What the players' messages travel over.
    #[arg(long, value_enum, default_value = "memory")]
    pub(crate) link: Links,
    /// Repetitions, of which medians are shown.
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) repetitions: u32,
    /// Show the tasks, and measure nothing.
    #[arg(long)]
    pub(crate) list: bool,
    /// Print one JSON array.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What messages travel over.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Links {
    /// Memory.
    Memory,
    /// TLS 1.3 on the loopback.
    Tls,
    /// 40 ms for a round trip, 320 Mbit/s.
    Wan,
}

#[derive(ClapArgs)]
pub(crate) struct Keygen {
    /// The file for the secret key; it must not exist. Only its owner will be able to read it.
    #[arg(required_unless_present = "codes")]
    pub(crate) file: Option<PathBuf>,
    /// Make the key that an invitation stands for; `-` reads its code from the standard input.
    #[arg(long, value_name = "CODE", conflicts_with = "codes")]
    pub(crate) code: Option<String>,
    /// Make so many invitations and no key: a line each, with the identity to enrol and the code for one person.
    #[arg(long, value_name = "N", conflicts_with = "file")]
    pub(crate) codes: Option<u32>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Worker {
    /// The worker's configuration (`W.toml`).
    #[arg(long, value_name = "W.toml")]
    pub(crate) config: PathBuf,
    /// Run whatever a submitter brings, without its owner's signature. For trying things out only.
    #[arg(long)]
    pub(crate) ratify_all: bool,
    /// Log as JSON lines.
    #[arg(long)]
    pub(crate) log_json: bool,
    /// Only look into everything that the configuration names, and say what is wrong with it.
    #[arg(long)]
    pub(crate) check: bool,
    /// With `--check`: also see whether this worker's data are as this program (`.pv`) or agreement declares them.
    #[arg(long, value_name = "FILE", requires = "check")]
    pub(crate) program: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long, requires = "check")]
    pub(crate) json: bool,
}

/// Which workers to speak with.
#[derive(ClapArgs)]
#[command(group(clap::ArgGroup::new("workers").required(true).args(["config", "roster"])))]
pub(crate) struct Reach {
    /// Your own worker, by its configuration, on its own machine.
    #[arg(long, value_name = "W.toml")]
    pub(crate) config: Option<PathBuf>,
    /// The workers that this roster names.
    #[arg(long, value_name = "ROSTER.toml", requires = "key")]
    pub(crate) roster: Option<PathBuf>,
    /// The key to come as.
    #[arg(long, value_name = "KEY", requires = "roster")]
    pub(crate) key: Option<PathBuf>,
    /// Only the workers of these players.
    #[arg(long, value_name = "PLAYERS", value_delimiter = ',', requires = "roster")]
    pub(crate) worker: Vec<String>,
}

#[derive(ClapArgs)]
pub(crate) struct Propose {
    /// The program (`.pv`), or an agreement.
    pub(crate) file: PathBuf,
    /// The workers of all parties.
    #[arg(long, value_name = "ROSTER.toml")]
    pub(crate) roster: PathBuf,
    /// The key to come as.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) dims: Dims,
    /// The first second in which a program may run; at once if not said.
    #[arg(long, value_name = "2026-11-21T12:00:00Z", value_parser = crate::desk::time)]
    pub(crate) valid_from: Option<Timestamp>,
    /// The last second in which a program may begin; for ever if not said.
    #[arg(long, value_name = "2026-12-31T23:59:59Z", value_parser = crate::desk::time)]
    pub(crate) valid_until: Option<Timestamp>,
    /// How often a program may run.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) uses: u64,
    /// Also write the agreement to this file.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Inbox {
    /// One agreement, to read it in full: its digest, or a session that was begun under it.
    #[arg(value_name = "DIGEST|SESSION", value_parser = crate::desk::wanted)]
    pub(crate) which: Option<crate::desk::Wanted>,
    /// Write the agreement to this file, which must not exist, for `privity agreement show`, `diff` and `verify`.
    #[arg(long, short, value_name = "FILE", requires = "which")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Ratify {
    /// The agreement's digest.
    #[arg(value_parser = crate::desk::digest)]
    pub(crate) digest: Digest,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Decline {
    /// The agreement's digest.
    #[arg(value_parser = crate::desk::digest)]
    pub(crate) digest: Digest,
    /// Why, in a line, for the other parties to read.
    #[arg(long)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Receipt {
    #[command(subcommand)]
    pub(crate) command: ReceiptCommand,
}

#[derive(Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Verify the receipts of all parties to a run against its agreement, without a key.
    Verify(Verify),
    /// List the sessions of which a worker that you operate has receipts.
    Ls {
        #[command(flatten)]
        reach: Reach,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Show the receipts of all players of a session, as JSON.
    Show {
        /// The session.
        #[arg(value_parser = crate::jobs::session)]
        session: SessionId,
        #[command(flatten)]
        reach: Reach,
    },
    /// Write the receipts of a session into a folder, with its agreement, and the openings of your own commitments.
    Export {
        /// The session.
        #[arg(value_parser = crate::jobs::session)]
        session: SessionId,
        /// The folder.
        #[arg(long, short, value_name = "FOLDER")]
        folder: PathBuf,
        #[command(flatten)]
        reach: Reach,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

impl Receipt {
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            ReceiptCommand::Verify(a) => a.json,
            ReceiptCommand::Ls { json, .. } | ReceiptCommand::Export { json, .. } => *json,
            ReceiptCommand::Show { .. } => true,
        }
    }
}

#[derive(ClapArgs)]
pub(crate) struct Jobs {
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Logs {
    /// The session.
    #[arg(value_parser = crate::jobs::session)]
    pub(crate) session: SessionId,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Print one JSON object, or one for each line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
#[command(group(clap::ArgGroup::new("who").required(true).multiple(true).args(["roster", "allow"])))]
pub(crate) struct Relay {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,
    /// Workers whose endpoint in this roster is `relay://…` may register, under that name. Can be given several times.
    #[arg(long, value_name = "ROSTER.toml")]
    pub(crate) roster: Vec<PathBuf>,
    /// This identity may register, under whichever name it calls us by. Can be given several times.
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) allow: Vec<Identity>,
    /// Log as JSON lines.
    #[arg(long)]
    pub(crate) log_json: bool,
}
