//! The way that a party's tables go to a worker, and come back: it proves its identity, and its machine if it has to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agreement::Roster;
use attest::{Policy, Record};
use flight::Way;
use net::mesh::Gate;
use net::tls::Appraised;
use net::{Credentials, Dialer, Identity, KeyPair, Player};
use tokio::time::Instant;

use crate::clock::now_ms;
use crate::error::ClientError;
use crate::machines::{Machines, RawMachine};

/// Whom to visit, and what its machine has to be.
pub struct Visit {
    /// The player whose worker it is.
    pub player: String,
    /// The roster that names it.
    pub roster: PathBuf,
    /// The party's key.
    pub key: PathBuf,
    /// The party's own policy for the machine.
    pub policy: Option<PathBuf>,
    /// Vendors' certificates, CRLs and collateral: files, or folders of files.
    pub collateral: Vec<PathBuf>,
    /// Roots of TPM manufacturers, which the policy has to name, too.
    pub roots: Vec<PathBuf>,
}

/// The way to a worker. Its machine is appraised on each connection, before anything is sent, by the policy and by the claims that
/// the roster has for it, whichever there are; the second value says whether there are any.
///
/// # Errors
/// Files that cannot be read, and a player that the roster does not have.
pub fn way_to(visit: &Visit) -> Result<(Way, bool), ClientError> {
    let wrong = |what: String| ClientError::System { what };
    let key = KeyPair::load(&visit.key)?;
    let roster = Roster::read(&visit.roster)?;
    let member = roster.require(&visit.player).map_err(|e| wrong(e.to_string()))?;
    let endpoint = member.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
    let claims = member.claims.as_deref().cloned();
    let asks = claims.is_some() || visit.policy.is_some();
    let machines = match (&visit.policy, &claims) {
        (None, None) => Ok(Machines::default()),
        (Some(policy), _) => {
            let raw = RawMachine::of(policy.clone(), visit.collateral.clone(), visit.roots.clone());
            Machines::read(None, BTreeMap::from([(visit.player.clone(), raw)]), "".as_ref(), Some(&roster))
        }
        (None, Some(claims)) => {
            Machines::asking(&visit.player, member.identity, claims.clone(), &visit.collateral, &visit.roots)
                .map_err(|e| vec![e])
        }
    };
    let machines = machines.map_err(|all| wrong(all.join("; ")))?;
    let dialer = Dialer::attested(Credentials::new(key)?, machines.proofs());
    let gate = VisitGate { machines, identity: member.identity, claims, asks };
    Ok((Way::new(dialer, &visit.player, endpoint, member.identity, Arc::new(gate)), asks))
}

/// Lets nothing through to a machine that did not prove what it has to.
struct VisitGate {
    machines: Machines,
    identity: Identity,
    claims: Option<Policy>,
    asks: bool,
}

impl Gate for VisitGate {
    fn admit(&self, _: &Player, appraised: Option<&Appraised>) -> Result<Option<Instant>, String> {
        let Some(appraised) = appraised else {
            return if self.asks { Err("it has to prove its machine, and was not asked to".into()) } else { Ok(None) };
        };
        let own: Record = serde_json::from_slice(&appraised.record).map_err(|e| e.to_string())?;
        let agreed = self.claims.as_ref().map(|claims| self.machines.appraise_by(claims, &self.identity, appraised));
        let expires = agreed.transpose()?.iter().map(|r| r.expires).fold(own.expires, Ord::min);
        let left = Duration::from_millis(expires.unix().saturating_mul(1000).saturating_sub(now_ms()));
        if left.is_zero() {
            Err("what it proved holds for no time at all".into())
        } else {
            Ok(Some(Instant::now() + left))
        }
    }
}
