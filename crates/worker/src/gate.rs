//! The gate of one session: what stands at the other end of a connection has to be a machine that proved what this
//! worker's operator asks for, and what all parties agreed on, before anything of the session is said there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agreement::{Agreement, Digest, Proof, SessionId};
use attest::{Protects, Record};
use audit::Event;
use net::mesh::Gate;
use net::player::Player;
use net::tls::Appraised;
use net::{Identity, NetError};
use session::SessionError;
use tokio::time::Instant;

use crate::clock::now_ms;
use crate::error::WorkerError;
use crate::office::{Job, Office};

/// How long before our side of a session opens a machine may have been refused because of it, in milliseconds: the other
/// side may be ahead of us.
const AHEAD_MS: u64 = 30_000;

/// See the module. It keeps what was proved, for the receipt.
pub(crate) struct SessionGate {
    office: Arc<Office>,
    agreement: Arc<Agreement>,
    players: Vec<(Player, Identity)>,
    session: SessionId,
    opened_ms: u64,
    proofs: Mutex<BTreeMap<String, Vec<Proof>>>,
}

impl SessionGate {
    pub(crate) fn new(office: &Arc<Office>, job: &Job) -> SessionGate {
        let players = job.card.players.clone();
        SessionGate { players, ..SessionGate::apart(office, job.ratified.agreement(), job.session) }
    }

    /// For what is proved apart from the session's connections.
    pub(crate) fn apart(office: &Arc<Office>, agreement: &Arc<Agreement>, session: SessionId) -> SessionGate {
        SessionGate {
            office: Arc::clone(office),
            agreement: Arc::clone(agreement),
            players: Vec::new(),
            session,
            opened_ms: now_ms(),
            proofs: Mutex::default(),
        }
    }

    /// What machines proved in this session.
    pub(crate) fn proofs(&self) -> BTreeMap<String, Vec<Proof>> {
        self.lock().clone()
    }

    /// The same error, or the reason for it. A player whose machine was refused at our door is only missing here, or heard of
    /// it and ended the session, or had it ended before we did; and where it is our proof that was refused, the other end is
    /// who knows why.
    pub(crate) fn explain(&self, error: WorkerError) -> WorkerError {
        let refused = self.refused();
        for (player, reason) in &refused {
            self.note_refusal(&player.name, reason);
        }
        let concerned: &dyn Fn(&Player) -> bool = match &error {
            WorkerError::Net(e) | WorkerError::Session(SessionError::Net(e)) => &|player| is_about(e, player),
            WorkerError::Session(SessionError::GivenUp { .. }) => &|_| true,
            _ => return error,
        };
        if let Some((player, reason)) = refused.into_iter().find(|(player, _)| concerned(player)) {
            return NetError::Unproved { player: Some(player), reason }.into();
        }
        match &error {
            WorkerError::Net(NetError::Unproved { player: Some(player), .. }) if !self.asks(player) => {
                WorkerError::ProofRefused { player: player.name.to_string() }
            }
            _ => error,
        }
    }

    fn asks(&self, player: &Player) -> bool {
        let member = self.agreement.roster().get(&player.name);
        member.is_some_and(|member| self.office.config.machines.asks(&member.identity))
    }

    /// The players whose machines stand refused at our door, and why.
    fn refused(&self) -> Vec<(Player, String)> {
        let since = self.opened_ms.saturating_sub(AHEAD_MS);
        let refused = |identity| self.office.config.machines.refused_since(identity, since);
        self.players.iter().filter_map(|(player, identity)| Some((player.clone(), refused(identity)?))).collect()
    }

    pub(crate) fn note_refusal(&self, player: &str, reason: &str) {
        let player = player.to_owned();
        let noted = Event::MachineRefused { session: self.session.to_string(), player, reason: reason.to_owned() };
        if let Err(error) = self.office.journal.enter(&[noted]) {
            tracing::error!(%error, "a refusal could not be recorded");
        }
    }

    fn judge(&self, player: &Player, appraised: Option<&Appraised>) -> Result<Option<Proof>, String> {
        let member = self.agreement.roster().get(&player.name).ok_or("the agreement has no such player")?;
        let Some(appraised) = appraised else {
            return match &member.claims {
                Some(_) => Err("it has to prove its machine, and was not asked to".into()),
                None => Ok(None),
            };
        };
        let own: Record = serde_json::from_slice(&appraised.record).map_err(|e| e.to_string())?;
        let agreed = match &member.claims {
            Some(policy) => Some(self.office.config.machines.appraise_by(policy, &member.identity, appraised)?),
            None => None,
        };
        let expires = agreed.iter().map(|r| r.expires).fold(own.expires, Ord::min);
        let tier = match own.claims.technology.protects() {
            Protects::Memory => "memory",
            Protects::Integrity => "integrity",
        };
        Ok(Some(Proof {
            evidence: Digest(*blake3::hash(&appraised.evidence).as_bytes()),
            appraisal: Digest(*blake3::hash(&appraised.record).as_bytes()),
            technology: own.claims.technology.name().to_owned(),
            tier: tier.to_owned(),
            policy: own.policy_digest.to_string(),
            claims: agreed.as_ref().map(|r| r.policy_digest.to_string()),
            development: own.development || agreed.as_ref().is_some_and(|r| r.development),
            expires_ms: expires.unix().saturating_mul(1000),
        }))
    }

    fn note_proof(&self, player: &Player, proof: &Proof) -> Result<(), String> {
        let noted = Event::MachineProved {
            session: self.session.to_string(),
            player: player.name.to_string(),
            evidence: proof.evidence.to_string(),
            appraisal: proof.appraisal.to_string(),
            technology: proof.technology.clone(),
            tier: proof.tier.clone(),
            policy: proof.policy.clone(),
            claims: proof.claims.clone(),
            development: proof.development,
            expires_ms: proof.expires_ms,
        };
        self.office.journal.enter(&[noted]).map(drop).map_err(|e| e.to_string())
    }

    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Proof>>> {
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is a player that the error names, or the one who told us of it. A machine that hears that we refuse it may end
/// the session before we do, and name us.
fn is_about(error: &NetError, player: &Player) -> bool {
    let told = matches!(error, NetError::PeerAborted { player: teller, .. } if teller.name == player.name);
    told || error.player().is_some_and(|named| named.name == player.name)
}

impl Gate for SessionGate {
    fn admit(&self, player: &Player, appraised: Option<&Appraised>) -> Result<Option<Instant>, String> {
        let judged = self.judge(player, appraised).inspect_err(|why| self.note_refusal(&player.name, why))?;
        let Some(proof) = judged else { return Ok(None) };
        let left = Duration::from_millis(proof.expires_ms.saturating_sub(now_ms()));
        if left.is_zero() {
            return Err("what it proved holds for no time at all".into());
        }
        self.note_proof(player, &proof)?;
        self.lock().entry(player.name.to_string()).or_default().push(proof);
        Ok(Some(Instant::now() + left))
    }
}
