//! What can go wrong, as users see it: a stable code, the player concerned, what to do, and whose fault it is.

use agreement::AgreementError;
use data::DataError;
use session::SessionError;

use crate::program::Problems;

/// Whose fault an error is; decides the exit code of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The program or the data: exit code 1.
    Input,
    /// A peer or the network: exit code 3.
    Remote,
}

/// An error of building, checking or running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program breaks rules.
    #[error("{0}")]
    Program(#[from] Problems),
    /// Data cannot be read, or is not as declared.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The agreement could not be made.
    #[error(transparent)]
    Agreement(#[from] AgreementError),
    /// A player that the program does not have.
    #[error("the program has no player `{name}`")]
    UnknownPlayer {
        /// The name.
        name: String,
        /// The players that it has.
        known: String,
    },
    /// A folder in which local runs store values cannot be read or written.
    #[error("{}: {what}", path.display())]
    Folder {
        /// The file or folder.
        path: std::path::PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The operating system gave no randomness or no threads.
    #[error("the operating system refused: {what}")]
    System {
        /// What it said.
        what: String,
    },
}

impl Error {
    /// A stable code for programs.
    pub fn code(&self) -> String {
        match self {
            Error::Program(p) => p.diagnostics.first().map_or("program", |d| d.code).to_owned(),
            Error::Data(e) => e.code().to_owned(),
            Error::Session(e) => e.code().to_owned(),
            Error::Agreement(e) => e.code().to_owned(),
            Error::UnknownPlayer { .. } => "program.unknown-player".to_owned(),
            Error::Folder { .. } => "store.folder".to_owned(),
            Error::System { .. } => "system".to_owned(),
        }
    }

    /// The player concerned, if one is.
    pub fn player(&self) -> Option<String> {
        match self {
            Error::Data(e) => e.player().map(str::to_owned),
            Error::Session(e) => e.player(),
            Error::Agreement(e) => e.player().map(str::to_owned),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            // Each diagnostic says its own.
            Error::Program(_) => None,
            Error::Data(e) => Some(e.help()),
            Error::Session(e) => Some(e.help()),
            Error::Agreement(e) => Some(e.help().to_owned()),
            Error::UnknownPlayer { known, .. } => Some(format!("it has: {known}")),
            Error::Folder { .. } => Some("name a folder that `--store` made, or a new one".to_owned()),
            Error::System { .. } => None,
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Error::Session(e) if e.is_remote() => Fault::Remote,
            _ => Fault::Input,
        }
    }
}
