//! Hosting a meeting: waiting for the guests, and leading everybody through the ceremony.

use std::net::IpAddr;
use std::time::Duration;

use agreement::{Endpoint, Roster};
use net::network::{LINK, network};
use net::tls::{Acceptor, Credentials};
use net::{Identity, KeyPair};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::ceremony::{Entry, MOST, Met, Own, Table};
use crate::code::Code;
use crate::error::MeetError;
use crate::line::Line;
use crate::messages::{FromGuest, FromHost};

/// Connections that may be saying who they are at once.
const AT_THE_DOOR: usize = 32;
/// A short rest when the system has no more sockets to give, rather than a busy loop.
const REST: Duration = Duration::from_millis(50);

/// What the inviting party brings.
pub struct Invitation {
    /// The code that the guests were sent.
    pub code: Code,
    /// How many are to join.
    pub guests: usize,
    /// The player that this party will be.
    pub name: String,
    /// Where its worker will be reached.
    pub endpoint: Endpoint,
    /// Its worker's key.
    pub key: KeyPair,
    /// 32 fresh random bytes.
    pub nonce: [u8; 32],
}

/// Hosts a meeting at a port that is already bound. `joined` is told of each guest as it comes, `confirm` is asked whether
/// the phrase is the same at all parties.
///
/// # Errors
/// As [`MeetError`] says. There is a roster only if everybody confirmed. Who knocks without the code's word is
/// turned away and disturbs nobody.
pub async fn invite<C: Future<Output = bool>>(
    invitation: Invitation,
    listener: TcpListener,
    mut joined: impl FnMut(&str, Identity),
    confirm: impl FnOnce(Met) -> C,
) -> Result<Roster, MeetError> {
    if invitation.guests == 0 || invitation.guests >= MOST {
        return Err(MeetError::System(format!("a meeting has 1 to {} guests", MOST - 1)));
    }
    let own = Own::new(&invitation.name, invitation.key.identity(), invitation.endpoint.clone(), invitation.nonce)?;
    let mut guests = gather(&invitation, &own, listener, &mut joined).await?;
    match lead(&own, &mut guests, confirm).await {
        Ok(roster) => {
            for mut guest in guests {
                // It is agreed, whether or not the last word arrives everywhere.
                if let Err(error) = guest.line.say(&FromHost::Agreed).await {
                    tracing::warn!(%error, "a guest was not told that everybody confirmed");
                }
                guest.line.close().await;
            }
            Ok(roster)
        }
        Err(error) => {
            let by = match &error {
                MeetError::Declined(by) | MeetError::Lost(by) => by.clone(),
                MeetError::Misbehaved { who, .. } => who.clone(),
                _ => own.entry.name.clone(),
            };
            // Who is gone cannot be told; the others must be.
            for guest in &mut guests {
                let _ = guest.line.say(&FromHost::Declined { by: by.clone() }).await;
            }
            Err(error)
        }
    }
}

struct Guest {
    entry: Entry,
    line: Line,
}

/// Waits until all guests have joined.
async fn gather(
    invitation: &Invitation,
    own: &Own,
    listener: TcpListener,
    joined: &mut impl FnMut(&str, Identity),
) -> Result<Vec<Guest>, MeetError> {
    let acceptor = Acceptor::for_meetings(Credentials::new(invitation.key.clone())?)?;
    let (knock, mut door) = mpsc::channel(AT_THE_DOOR);
    let code = invitation.code.clone();
    let porter = tokio::spawn(async move {
        let mut door = Door::default();
        loop {
            let (stream, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "the port could not accept a connection");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            let (acceptor, code, knock) = (acceptor.clone(), code.clone(), knock.clone());
            let admitting = tokio::spawn(async move {
                match admit(&acceptor, &code, stream).await {
                    Ok(guest) => drop(knock.send(guest).await),
                    Err(error) => tracing::debug!(%from, %error, "someone was turned away"),
                }
            });
            door.enter(from.ip(), admitting.abort_handle());
        }
    });
    let mut guests: Vec<Guest> = Vec::new();
    while guests.len() < invitation.guests {
        let Some(mut guest) = door.recv().await else { break };
        let others = guests.iter().map(|g| &g.entry).chain([&own.entry]);
        match Table::new(others.cloned().chain([guest.entry.clone()]).collect()) {
            Ok(_) => {
                joined(&guest.entry.name, guest.entry.identity);
                guests.push(guest);
            }
            Err(error) => {
                // Whoever comes under a taken name may come again under another.
                let refusal = match error {
                    MeetError::NameTaken(_) => FromHost::NameTaken,
                    MeetError::KeyTaken(_) => FromHost::KeyTaken,
                    other => FromHost::Refused { reason: other.to_string() },
                };
                let _ = guest.line.say(&refusal).await;
            }
        }
    }
    porter.abort();
    Ok(guests)
}

/// Those who are saying who they are. Beyond so many the one who has been at it longest gives way, of the network that
/// most of them come from: who was invited needs a moment, and who only holds a place is the oldest before long.
#[derive(Default)]
struct Door(Vec<(IpAddr, AbortHandle)>);

impl Door {
    fn enter(&mut self, from: IpAddr, admitting: AbortHandle) {
        self.0.retain(|(_, admitting)| !admitting.is_finished());
        self.0.push((network(from, LINK), admitting));
        if self.0.len() > AT_THE_DOOR {
            let of = |network: IpAddr| self.0.iter().filter(|(other, _)| *other == network).count();
            let most = self.0.iter().map(|(network, _)| of(*network)).max().unwrap_or_default();
            if let Some(oldest) = self.0.iter().position(|(network, _)| of(*network) == most) {
                self.0.remove(oldest).1.abort();
            }
        }
    }
}

/// Hears who knocks, and whether it was invited.
async fn admit(acceptor: &Acceptor, code: &Code, stream: tokio::net::TcpStream) -> Result<Guest, MeetError> {
    let secured = acceptor.accept(stream).await?;
    let identity = secured.identity;
    let mut line = Line::new(secured.stream, identity.to_string());
    let FromGuest::Join { word, name, endpoint, commitment } = line.hear_soon().await? else {
        return Err(line.misbehaved("it did not say who it is"));
    };
    if !code.admits(&word) {
        line.say(&FromHost::Refused { reason: "the code is not that of this meeting".into() }).await?;
        return Err(MeetError::Code);
    }
    let Ok(endpoint) = endpoint.parse() else {
        line.say(&FromHost::Refused { reason: "the endpoint is none".into() }).await?;
        return Err(line.misbehaved("an endpoint that is none"));
    };
    line.who.clone_from(&name);
    Ok(Guest { entry: Entry { name, identity, endpoint, commitment }, line })
}

/// Table, nonces, phrase, confirmations.
async fn lead<C: Future<Output = bool>>(
    own: &Own,
    guests: &mut [Guest],
    confirm: impl FnOnce(Met) -> C,
) -> Result<Roster, MeetError> {
    let entries = guests.iter().map(|g| g.entry.clone()).chain([own.entry.clone()]).collect();
    let table = Table::new(entries)?;
    tell(guests, &FromHost::Table { rows: table.entries().iter().map(Into::into).collect() }).await?;
    let mut nonces = Vec::new();
    for guest in &mut *guests {
        match guest.line.hear_soon().await? {
            FromGuest::Reveal { nonce } => nonces.push((guest.entry.name.clone(), nonce)),
            _ => return Err(guest.line.misbehaved("a message out of turn")),
        }
    }
    nonces.push((own.entry.name.clone(), own.nonce));
    nonces.sort();
    let nonces: Vec<[u8; 32]> = nonces.into_iter().map(|(_, nonce)| nonce).collect();
    let met = table.open(&nonces)?;
    let roster = met.roster.clone();
    tell(guests, &FromHost::Nonces { nonces }).await?;
    if !confirm(met).await {
        return Err(MeetError::Declined(own.entry.name.clone()));
    }
    for guest in guests {
        match guest.line.hear().await? {
            FromGuest::Confirm { agreed: true } => {}
            FromGuest::Confirm { agreed: false } => return Err(MeetError::Declined(guest.entry.name.clone())),
            _ => return Err(guest.line.misbehaved("a message out of turn")),
        }
    }
    Ok(roster)
}

async fn tell(guests: &mut [Guest], message: &FromHost) -> Result<(), MeetError> {
    for guest in guests {
        guest.line.say(message).await?;
    }
    Ok(())
}
