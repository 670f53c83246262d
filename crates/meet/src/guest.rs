//! Joining a meeting that another party hosts.

use agreement::{Endpoint, Roster};
use net::tls::Credentials;
use net::{Dialer, Identity, KeyPair};

use crate::ceremony::{Entry, Met, Own, Table};
use crate::code::Code;
use crate::error::MeetError;
use crate::line::Line;
use crate::messages::{FromGuest, FromHost};

/// Joins the meeting of a code as the player `name`, whose worker will be reached at `endpoint`.
///
/// `nonce` is 32 fresh random bytes. `met_host` is told the identity that was met at the code's endpoint, `confirm` is asked
/// whether the phrase is the same at all parties.
///
/// # Errors
/// As [`MeetError`] says. There is a roster only if everybody confirmed.
pub async fn join<C: Future<Output = bool>>(
    code: &Code,
    name: &str,
    endpoint: Endpoint,
    key: &KeyPair,
    nonce: [u8; 32],
    met_host: impl FnOnce(Identity),
    confirm: impl FnOnce(Met) -> C,
) -> Result<Roster, MeetError> {
    let own = Own::new(name, key.identity(), endpoint, nonce)?;
    let dialer = Dialer::new(Credentials::new(key.clone())?);
    let secured = dialer.meet(&code.endpoint.to_string()).await?;
    met_host(secured.identity);
    let mut line = Line::new(secured.stream, "the host".into());
    line.say(&FromGuest::Join {
        word: code.word(),
        name: own.entry.name.clone(),
        endpoint: own.entry.endpoint.to_string(),
        commitment: own.entry.commitment,
    })
    .await?;
    let table = table(&mut line, &own, secured.identity).await?;
    line.say(&FromGuest::Reveal { nonce: own.nonce }).await?;
    let nonces = match line.hear_soon().await? {
        FromHost::Nonces { nonces } => nonces,
        other => return Err(ended(other, &own, &line)),
    };
    let met = table.open(&nonces)?;
    let roster = met.roster.clone();
    let agreed = confirm(met).await;
    line.say(&FromGuest::Confirm { agreed }).await?;
    if !agreed {
        return Err(MeetError::Declined(name.to_owned()));
    }
    match line.hear().await? {
        FromHost::Agreed => Ok(roster),
        other => Err(ended(other, &own, &line)),
    }
}

/// The table, once everybody is there. It must have us as we said, and the host as it proved to be.
async fn table(line: &mut Line, own: &Own, host: Identity) -> Result<Table, MeetError> {
    let rows = match line.hear().await? {
        FromHost::Table { rows } => rows,
        other => return Err(ended(other, own, line)),
    };
    let entries: Result<Vec<Entry>, _> = rows.into_iter().map(Entry::try_from).collect();
    let table = Table::new(entries.map_err(|what| line.misbehaved(what))?)?;
    if !table.has(&own.entry) {
        return Err(line.misbehaved("it changed what we said of ourselves"));
    }
    if table.entries().iter().all(|e| e.identity != host) {
        return Err(line.misbehaved("it is not among the players itself"));
    }
    Ok(table)
}

fn ended(message: FromHost, own: &Own, line: &Line) -> MeetError {
    match message {
        FromHost::NameTaken => MeetError::NameTaken(own.entry.name.clone()),
        FromHost::KeyTaken => MeetError::KeyTaken(own.entry.name.clone()),
        FromHost::Refused { reason } => MeetError::Refused(reason.chars().take(200).collect()),
        FromHost::Declined { by } => MeetError::Declined(by.chars().take(80).collect()),
        _ => line.misbehaved("a message out of turn"),
    }
}
