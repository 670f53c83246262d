//! The first words on a data connection: do both ends mean the same session, agreement and plan?
//!
//! Who dials speaks first, so that the other end can look up the session; then each checks what the
//! other said against what it believes itself. A refusal is an abort frame with a stable code.

use std::time::Duration;

use tokio::time::timeout;

use crate::error::NetError;
use crate::frame::{Abort, Frame, FrameError, Hello, VERSIONS};
use crate::identity::Identity;
use crate::link::{Link, LinkError};
use crate::player::{Player, PlayerId};

/// How long a greeting may take.
pub const GREETING_TIME: Duration = Duration::from_secs(10);

/// What one player believes about a session; what it says of itself in hellos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The session.
    pub session: [u8; 16],
    /// Digest of the agreement that it runs.
    pub agreement: [u8; 32],
    /// Digest of the plans of all players, as this one projected them.
    pub plan: [u8; 32],
    /// Who we are in it.
    pub me: PlayerId,
    /// Everyone in it, by increasing id, with the identity that the roster gives.
    pub players: Vec<(Player, Identity)>,
}

impl Card {
    /// Our hello to a player. `received` is the number of the next frame expected from it.
    pub fn hello(&self, to: PlayerId, received: u64) -> Hello {
        Hello {
            versions: VERSIONS,
            session: self.session,
            from: self.me,
            to,
            agreement: self.agreement,
            plan: self.plan,
            received,
        }
    }

    /// A player of the session, with its identity.
    pub fn player(&self, id: PlayerId) -> Result<&(Player, Identity), NetError> {
        self.players.iter().find(|(player, _)| player.id == id).ok_or(NetError::UnknownPlayer { id })
    }

    /// Whether a hello from `player` fits what we believe.
    pub fn check(&self, theirs: &Hello, player: &Player) -> Result<(), NetError> {
        let mismatch = |what| Err(NetError::Mismatch { player: player.clone(), what });
        if theirs.session != self.session {
            return mismatch("session");
        }
        if theirs.from != player.id || theirs.to != self.me {
            return mismatch("order of players");
        }
        if theirs.agreement != self.agreement {
            return mismatch("agreement");
        }
        if theirs.plan != self.plan {
            return mismatch("plan");
        }
        Ok(())
    }
}

/// Greets as the one who dialled, and checks the answer. Returns the number of the next frame that
/// the other end expects.
pub async fn call(link: &mut Link, card: &Card, player: &Player, received: u64) -> Result<u64, NetError> {
    speak(link, card.hello(player.id, received), player).await?;
    match hear(link, Some(player)).await {
        Ok(theirs) => {
            card.check(&theirs, player)?;
            Ok(theirs.received)
        }
        Err(error) => Err(error),
    }
}

/// Answers a hello that was heard and checked.
pub async fn answer(link: &mut Link, card: &Card, player: &Player, received: u64) -> Result<(), NetError> {
    speak(link, card.hello(player.id, received), player).await
}

/// Refuses whoever greeted, and hangs up.
pub async fn refuse(link: &mut Link, code: &str) {
    // Whoever is refused may have gone already: nothing is owed to it.
    let _ = timeout(GREETING_TIME, async {
        link.sender.send(vec![Frame::Abort(Abort::new(code, None))]).await?;
        link.sender.close().await
    })
    .await;
}

/// Hangs up without a word: whoever greeted may try again.
pub async fn hang_up(link: &mut Link) {
    // It may have gone already.
    let _ = timeout(GREETING_TIME, link.sender.close()).await;
}

/// The hello of whoever is at the other end: `player`, if we dialled.
pub async fn hear(link: &mut Link, player: Option<&Player>) -> Result<Hello, NetError> {
    let failed = |reason: String| NetError::Handshake { player: player.cloned(), reason };
    let frame = timeout(GREETING_TIME, link.receiver.receive())
        .await
        .map_err(|_| failed(format!("it did not greet within {GREETING_TIME:?}")))?;
    match (frame, player) {
        (Ok(Some(Frame::Hello(hello))), _) => Ok(hello),
        (Ok(Some(Frame::Abort(abort))), Some(player)) => {
            Err(NetError::Refused { player: player.clone(), reason: abort.code })
        }
        (Err(LinkError::Frame(FrameError::Version(lowest, highest))), _) => {
            // It shall learn what we speak; the rest of our hello says nothing.
            let blank = Hello {
                versions: VERSIONS,
                session: [0; 16],
                from: PlayerId(0),
                to: PlayerId(0),
                agreement: [0; 32],
                plan: [0; 32],
                received: 0,
            };
            let _ = timeout(GREETING_TIME, link.sender.send(vec![Frame::Hello(blank)])).await;
            Err(NetError::PeerIncompatible { player: player.cloned(), theirs: (lowest, highest) })
        }
        (Err(LinkError::KeyRefused), Some(player)) => Err(NetError::KeyRefused { player: player.clone() }),
        (Err(error @ LinkError::Frame(_)), _) => Err(failed(format!("what it said is {error}"))),
        (Ok(Some(_)), _) => Err(failed("it did not begin with a greeting".into())),
        (Ok(None) | Err(LinkError::Closed), _) => Err(failed("it hung up instead of greeting".into())),
        (Err(error), _) => Err(failed(error.to_string())),
    }
}

async fn speak(link: &mut Link, hello: Hello, player: &Player) -> Result<(), NetError> {
    let failed = |reason: String| NetError::Handshake { player: Some(player.clone()), reason };
    match timeout(GREETING_TIME, link.sender.send(vec![Frame::Hello(hello)])).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(LinkError::KeyRefused)) => Err(NetError::KeyRefused { player: player.clone() }),
        // The reason may wait to be read: hearing tells more than a broken pipe.
        Ok(Err(LinkError::Closed)) => Ok(()),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("it did not listen within {GREETING_TIME:?}"))),
    }
}
