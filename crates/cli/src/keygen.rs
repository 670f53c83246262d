//! `keygen`: a key pair in a file that only its owner can read.

use privity::net::KeyPair;
use serde_json::json;

use crate::{Failure, args};

pub(crate) fn keygen(a: &args::Keygen) -> Result<(), Failure> {
    let failed = |e: privity::net::NetError| Failure::input(e.code(), e.to_string(), &e.help());
    let key = KeyPair::generate().map_err(|e| Failure::input("key.random", e.to_string(), "try again"))?;
    key.save(&a.file).map_err(failed)?;
    if a.json {
        say!("{}", json!({ "file": a.file, "identity": key.identity().to_string() }));
    } else {
        say!("{}", key.identity());
        eprintln!("the secret key is in {}; give others only the identity above", a.file.display());
    }
    Ok(())
}
