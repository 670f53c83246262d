//! What a person types after `privity store`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use privity::net::Identity;

#[derive(Args)]
pub(crate) struct Store {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an empty store, and its key file if there is none.
    Init(Init),
    /// Put a value of your own into the store, in place of one of its name.
    Put(Put),
    /// List the values.
    Ls(Open),
    /// Show what a value is, without showing it.
    Show(Named),
    /// Remove a value and destroy its key. Backups keep theirs.
    Rm(Named),
    /// Write a value's bytes to a file, in the clear.
    Export(Export),
    /// Give the store a new key. Only that opens it from then on.
    Rekey(Rekey),
    /// Copy the store as it is now to another folder.
    Backup(Backup),
    /// Make a store of a backup, after everything in it was verified.
    Restore(Restore),
    /// Check every record and every value. A damaged store is only read.
    Verify(Open),
}

impl Store {
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            Command::Init(a) => a.open.json,
            Command::Put(a) => a.open.json,
            Command::Ls(a) | Command::Verify(a) => a.json,
            Command::Show(a) | Command::Rm(a) => a.open.json,
            Command::Export(a) => a.named.open.json,
            Command::Rekey(a) => a.open.json,
            Command::Backup(a) => a.open.json,
            Command::Restore(a) => a.open.json,
        }
    }
}

/// Which store, and what opens it.
#[derive(Args)]
#[command(group(ArgGroup::new("opens").required(true).args(["key", "passphrase"])))]
pub(crate) struct Open {
    /// The store's folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// Its key file.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// A file whose first line is its passphrase; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) open: Open,
}

#[derive(Args)]
#[command(group(ArgGroup::new("from").required(true).args(["csv", "npy"])))]
pub(crate) struct Put {
    /// The value's name.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) open: Open,
    /// A CSV file with a header; needs `--column` once for a vector, more often for a matrix.
    #[arg(long, value_name = "FILE", requires = "column")]
    pub(crate) csv: Option<PathBuf>,
    /// A column of the CSV file.
    #[arg(long, value_name = "NAME", conflicts_with = "npy")]
    pub(crate) column: Vec<String>,
    /// An array as `numpy.save` writes it.
    #[arg(long, value_name = "FILE")]
    pub(crate) npy: Option<PathBuf>,
    /// Its type, as a program declares it: `f64[n]`, `fixed<64, 16>[442, 10]`.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) ty: String,
    /// Whose it is: the identity that plays its owner.
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) owner: Identity,
    /// Who else may read it.
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) reader: Vec<Identity>,
}

#[derive(Args)]
pub(crate) struct Named {
    /// The value's name.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) open: Open,
}

#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) named: Named,
    /// The file, which must not exist. Elements are little-endian, in row-major order.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
}

#[derive(Args)]
#[command(group(ArgGroup::new("next").required(true).args(["new_key", "new_passphrase"])))]
pub(crate) struct Rekey {
    #[command(flatten)]
    pub(crate) open: Open,
    /// The key file from then on; it is made, and must not exist.
    #[arg(long, value_name = "FILE")]
    pub(crate) new_key: Option<PathBuf>,
    /// A file whose first line is the passphrase from then on; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) new_passphrase: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) open: Open,
    /// The folder for the copy; it must not exist or be empty.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
}

#[derive(Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) open: Open,
    /// The backup's folder. It stays as it is; the store's folder must not exist or be empty.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: PathBuf,
}
