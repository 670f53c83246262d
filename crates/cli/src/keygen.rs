//! `keygen`: a key pair in a file that only its owner can read, or invitations, each of which stands for a key.

use std::path::Path;

use privity::net::{Invitation, KeyPair, invite};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{Failure, args};

pub(crate) fn keygen(a: &args::Keygen) -> Result<(), Failure> {
    match (a.codes, &a.file) {
        (Some(count), _) => invitations(count, a.json),
        (None, Some(file)) => key(file, a.code.as_deref(), a.json),
        (None, None) => Err(Failure::input("usage", "which file?", "name the file for the secret key")),
    }
}

fn key(file: &Path, code: Option<&str>, as_json: bool) -> Result<(), Failure> {
    let failed = |e: privity::net::NetError| Failure::input(e.code(), e.to_string(), &e.help());
    let key = match code {
        Some(code) => KeyPair::invited(&read(code)?),
        None => KeyPair::generate().map_err(|e| random(&e))?,
    };
    key.save(file).map_err(failed)?;
    if as_json {
        say!("{}", json!({ "file": file, "identity": key.identity().to_string() }));
    } else {
        say!("{}", key.identity());
        eprintln!("the secret key is in {}; give others only the identity above", file.display());
    }
    Ok(())
}

/// An invitation, from the command line or the standard input.
fn read(code: &str) -> Result<Invitation, Failure> {
    let mut line = Zeroizing::new(String::new());
    let code = if code == "-" {
        let read = std::io::stdin().read_line(&mut line);
        read.map_err(|e| Failure::input("file", format!("the standard input: {e}"), "give the code as a line"))?;
        line.as_str()
    } else {
        code
    };
    let help = "compare it with the code that you were given, letter by letter";
    code.parse().map_err(|e: privity::net::InvitationError| Failure::input("key.invitation", e.to_string(), help))
}

fn invitations(count: u32, as_json: bool) -> Result<(), Failure> {
    let mut made = Vec::new();
    for _ in 0..count {
        let invitation = invite().map_err(|e| random(&e))?;
        made.push((KeyPair::invited(&invitation).identity().to_string(), invitation.write()));
    }
    if as_json {
        let made: Vec<_> = made.iter().map(|(who, code)| json!({ "identity": who, "code": code.as_str() })).collect();
        say!("{}", json!({ "invitations": made }));
    } else {
        made.iter().for_each(|(who, code)| say!("{who} {}", code.as_str()));
        eprintln!("each code is a secret of one person; `privity enrol` takes the identities");
    }
    Ok(())
}

fn random(error: &impl ToString) -> Failure {
    Failure::input("key.random", error.to_string(), "try again")
}
