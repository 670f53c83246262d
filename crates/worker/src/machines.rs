//! Machines that prove themselves on data connections: this worker's own, and those of players from whom its operator
//! asks it.
//!
//! ```toml
//! [prove]                        # this worker proves its machine to all others
//! tpm = "/dev/tpmrm0"            # by this TPM; left out: by the strongest that the machine has
//!
//! [machines.cloud]               # the player `cloud` has to prove its machine to this worker
//! policy = "cloud-machine.toml"  # what it has to be
//! collateral = ["intel"]         # vendors' certificates, CRLs and collateral: files, or folders of files
//! roots = ["manufacturer.der"]   # roots of TPM manufacturers, which the policy has to name, too
//! approved = "proof.json"        # its reference values are those that this proof shows to be in the owners' log,
//! log = "prv1-…"                 # which this party keeps,
//! approved_by = ["prv1-…"]       # approved by each of these; without the three lines, those of the policy
//! ```
//!
//! Each connection is proved anew before the first frame, so no value leaves for a machine that was not appraised. When an
//! appraisal runs out, the connection is given up and made anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aggregator::Terms;
use agreement::Roster;
use attest::approval::Approved;
use attest::logged::Inclusion;
use attest::{
    Added, Appraisal, Certificate, Endorsements, Evidence, Expected, Hex, Policy, Record, Roots, Time, validate,
};
use attester::tpm::TpmAttester;
use attester::{Attester, Places};
use ed25519_dalek::VerifyingKey;
use net::tls::Appraised;
use net::{Identity, Proofs, PublicKey};
use serde::Deserialize;

use crate::clock::now_ms;

/// `[prove]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProve {
    tpm: Option<PathBuf>,
}

/// `[machines.PLAYER]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMachine {
    policy: PathBuf,
    #[serde(default)]
    collateral: Vec<PathBuf>,
    #[serde(default)]
    roots: Vec<PathBuf>,
    approved: Option<PathBuf>,
    log: Option<String>,
    #[serde(default)]
    approved_by: Vec<String>,
}

impl RawMachine {
    /// As a configuration would say it, without owners' approval.
    pub(crate) fn of(policy: PathBuf, collateral: Vec<PathBuf>, roots: Vec<PathBuf>) -> RawMachine {
        RawMachine { policy, collateral, roots, approved: None, log: None, approved_by: Vec::new() }
    }

    /// What the owners approved, if the configuration requires that they did.
    fn approved(&self, base: &Path) -> Result<Option<Approved>, String> {
        let (file, log) = match (&self.approved, &self.log, self.approved_by.is_empty()) {
            (None, None, true) => return Ok(None),
            (Some(file), Some(log), false) => (base.join(file), log),
            _ => return Err("`approved`, `log` and `approved_by` stand together".into()),
        };
        let at = |e: String| format!("{}: {e}", file.display());
        let bytes = std::fs::read(&file).map_err(|e| at(e.to_string()))?;
        let proof: Inclusion = serde_json::from_slice(&bytes).map_err(|e| at(e.to_string()))?;
        let keeper = known_key(log, [&proof.keeper]).map_err(at)?;
        let keys = || proof.entry.approvals.iter().map(|a| &a.owner);
        let owners = self.approved_by.iter().map(|owner| known_key(owner, keys()).map_err(at));
        let owners = owners.collect::<Result<Vec<_>, _>>()?;
        proof.verify(&keeper, &owners).map(Some).map_err(|e| at(e.to_string()))
    }
}

/// Of these keys the one with a fingerprint.
fn known_key<'a>(identity: &str, keys: impl IntoIterator<Item = &'a Hex>) -> Result<VerifyingKey, String> {
    let wanted: Identity = identity.parse().map_err(|e| format!("`{identity}` is no identity: {e}"))?;
    let keys = keys.into_iter().filter_map(|key| <[u8; 32]>::try_from(key.0.as_slice()).ok());
    let mut theirs = keys.filter(|key| PublicKey::from_bytes(key).is_ok_and(|key| key.identity() == wanted));
    let key = theirs.next().and_then(|key| VerifyingKey::from_bytes(&key).ok());
    key.ok_or_else(|| format!("{identity} has not signed it"))
}

/// How this worker proves its machine, and whose else's has to be proved to it. Clones share it.
#[derive(Clone, Default)]
pub struct Machines {
    attester: Option<Arc<dyn net::tls::Attester>>,
    asked: Arc<Asked>,
}

impl Machines {
    /// Reads what a configuration says of machines.
    ///
    /// # Errors
    /// Everything that is wrong with it, in words.
    pub(crate) fn read(
        prove: Option<RawProve>,
        machines: BTreeMap<String, RawMachine>,
        base: &Path,
        roster: Option<&Roster>,
    ) -> Result<Machines, Vec<String>> {
        let mut problems = Vec::new();
        let attester = prove.and_then(|raw| own(raw, base).map_err(|e| problems.push(e)).ok());
        let mut asked = BTreeMap::new();
        for (player, raw) in machines {
            let at = |e: String| format!("[machines.{player}]: {e}");
            match (roster.map(|roster| roster.get(&player)), Machine::read(&player, raw, base)) {
                (Some(None), _) => problems.push(at("the roster has no such player".into())),
                (_, Err(e)) => problems.push(at(e)),
                (Some(Some(member)), Ok(machine)) => {
                    if asked.insert(member.identity, machine).is_some() {
                        problems.push(at("another player of the same identity has an entry already".into()));
                    }
                }
                (None, Ok(_)) => {}
            }
        }
        if problems.is_empty() { Ok(Machines { attester, asked: Arc::new(Asked::of(asked)) }) } else { Err(problems) }
    }

    /// Asks one machine, by a policy at hand.
    ///
    /// # Errors
    /// Collateral and roots that cannot be read, in words.
    pub(crate) fn asking(
        player: &str,
        identity: Identity,
        policy: Policy,
        collateral: &[PathBuf],
        roots: &[PathBuf],
    ) -> Result<Machines, String> {
        let machines = BTreeMap::from([(identity, Machine::new(player, policy, collateral, roots)?)]);
        Ok(Machines { attester: None, asked: Arc::new(Asked::of(machines)) })
    }

    /// For connections on which machines are proved.
    pub(crate) fn proofs(&self) -> Proofs {
        let asks = !self.asked.machines.is_empty();
        let appraiser = asks.then(|| Arc::clone(&self.asked) as Arc<dyn net::tls::Appraiser>);
        Proofs { attester: self.attester.clone(), appraiser }
    }

    /// Whether this worker proves its own machine.
    pub(crate) fn proves(&self) -> bool {
        self.attester.is_some()
    }

    /// Evidence of this worker's own machine. It takes as long as the hardware does.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(crate) async fn attest(&self, report_data: [u8; 32]) -> Result<Vec<u8>, String> {
        let attester = self.attester.clone().ok_or("this worker proves no machine (`[prove]`)")?;
        let made = tokio::task::spawn_blocking(move || attester.attest(&report_data)).await;
        made.map_err(|_| "the attester died".to_owned())?
    }

    /// Appraises evidence by this worker's own policy for the machine of an identity.
    ///
    /// # Errors
    /// Why it is refused, in words.
    pub(crate) fn appraised(
        &self,
        peer: &Identity,
        evidence: &[u8],
        report_data: [u8; 32],
    ) -> Result<Appraised, String> {
        let record = net::tls::Appraiser::appraise(&*self.asked, peer, evidence, &report_data)?;
        Ok(Appraised { evidence: evidence.to_vec(), report_data, record })
    }

    /// Whether this worker has a policy of its own for the machine of an identity.
    pub(crate) fn asks(&self, peer: &Identity) -> bool {
        self.asked.machines.contains_key(peer)
    }

    /// Appraises what a machine proved on a connection by another policy, too.
    ///
    /// # Errors
    /// Why it is refused, in words.
    pub(crate) fn appraise_by(&self, policy: &Policy, peer: &Identity, proved: &Appraised) -> Result<Record, String> {
        let machine = self.asked.machines.get(peer).ok_or("this worker has no policy of its own for its machine")?;
        let judged = machine.judge(policy, &proved.evidence, &proved.report_data)?;
        judged.accept().map(|accepted| accepted.record().clone()).map_err(|refused| format!("as agreed, {refused}"))
    }

    /// Why the machine of an identity stands refused, if that was at or after a time, in milliseconds since 1970, and it was
    /// not accepted since.
    pub(crate) fn refused_since(&self, peer: &Identity, since_ms: u64) -> Option<String> {
        let refused = self.asked.lock();
        refused.get(peer).filter(|(when, _)| *when >= since_ms).map(|(_, why)| why.clone())
    }
}

/// Appraises the machines of aggregators, by the policies that terms have for them.
///
/// # Errors
/// [`aggregator::Error::Terms`] for policies that are none, and collateral and roots that cannot be read.
pub fn appraiser_for(
    terms: &Terms,
    collateral: &[PathBuf],
    roots: &[PathBuf],
) -> Result<Arc<dyn net::tls::Appraiser>, aggregator::Error> {
    let one = |machine: &aggregator::Machine| {
        let policy = Policy::parse(&machine.policy).map_err(|e| format!("the policy for {}: {e}", machine.name))?;
        Ok((machine.identity, Machine::new(&machine.name, policy, collateral, roots)?))
    };
    let machines = terms.machines().iter().map(one).collect::<Result<_, String>>();
    Ok(Arc::new(Asked::of(machines.map_err(|what| aggregator::Error::Terms { what })?)))
}

fn own(raw: RawProve, base: &Path) -> Result<Arc<dyn net::tls::Attester>, String> {
    let machine: Box<dyn Attester> = match raw.tpm {
        Some(place) => Box::new(TpmAttester::new(base.join(place))),
        None => Places::default().detect().map_err(|e| format!("[prove]: {e}: {}", e.help()))?,
    };
    Ok(Arc::new(Own(machine)))
}

/// This worker's machine.
struct Own(Box<dyn Attester>);

impl net::tls::Attester for Own {
    fn attest(&self, report_data: &[u8; 32]) -> Result<Vec<u8>, String> {
        let evidence = self.0.evidence(report_data).map_err(|e| e.to_string())?;
        Ok(evidence.to_json().into_bytes())
    }
}

/// What one player's machine has to be.
struct Machine {
    player: String,
    policy: Policy,
    with: Endorsements,
    roots: Roots,
}

impl Machine {
    fn read(player: &str, raw: RawMachine, base: &Path) -> Result<Machine, String> {
        let approved = raw.approved(base)?;
        let policy = base.join(raw.policy);
        let at = |e: attest::Error| format!("{}: {e}", policy.display());
        let text = String::from_utf8(bytes(&policy)?).map_err(|e| format!("{}: {e}", policy.display()))?;
        let own = Policy::parse(&text).map_err(at)?;
        let policy = match approved {
            Some(approved) => approved.pin(own),
            None => own,
        };
        let beside = |paths: &[PathBuf]| paths.iter().map(|path| base.join(path)).collect::<Vec<_>>();
        Machine::new(player, policy, &beside(&raw.collateral), &beside(&raw.roots))
    }

    fn new(player: &str, policy: Policy, collateral: &[PathBuf], manufacturers: &[PathBuf]) -> Result<Machine, String> {
        let mut with = Endorsements::none();
        for path in collateral {
            for file in files(path)? {
                if with.add(&bytes(&file)?) == Added::Unknown && file == *path {
                    return Err(format!("{}: neither certificate nor CRL nor collateral", file.display()));
                }
            }
        }
        let mut roots = Roots::production().map_err(|e| e.to_string())?;
        for path in manufacturers {
            let root = Certificate::parse(&bytes(path)?).map_err(|e| format!("{}: {e}", path.display()))?;
            roots = roots.with_tpm_root(root);
        }
        Ok(Machine { player: player.to_owned(), policy, with, roots })
    }

    fn judge(&self, policy: &Policy, evidence: &[u8], report_data: &[u8]) -> Result<Appraisal, String> {
        let at = Time::from_unix(now_ms() / 1000);
        let claims = Evidence::parse(evidence).and_then(|e| validate(&e, &self.with, &self.roots, at));
        let claims = claims.map_err(|e| e.to_string())?;
        let expected = Expected { report_data: Some(report_data), ..Expected::default() };
        Ok(policy.appraise(&claims, &expected, at))
    }

    fn appraise(&self, evidence: &[u8], report_data: &[u8]) -> Result<Vec<u8>, String> {
        let appraisal = self.judge(&self.policy, evidence, report_data)?;
        let record = appraisal.to_json().into_bytes();
        let accepted = appraisal.accept().map_err(|refused| refused.to_string())?;
        let (player, record_of) = (&self.player, accepted.record());
        tracing::info!(
            %player, policy = record_of.policy, development = record_of.development, until = %record_of.expires,
            "a machine was appraised and accepted"
        );
        Ok(record)
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The files of a folder, or the file itself.
fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect())
}

/// Machines that have to prove themselves, by whose they are.
#[derive(Default)]
struct Asked {
    machines: BTreeMap<Identity, Machine>,
    /// When each that stands refused was last refused, and why: who dialled us is told only that it was.
    refused: Mutex<BTreeMap<Identity, (u64, String)>>,
}

impl Asked {
    fn of(machines: BTreeMap<Identity, Machine>) -> Asked {
        Asked { machines, refused: Mutex::default() }
    }

    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Identity, (u64, String)>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl net::tls::Appraiser for Asked {
    fn asks(&self, peer: &Identity) -> bool {
        self.machines.contains_key(peer)
    }

    fn appraise(&self, peer: &Identity, evidence: &[u8], report_data: &[u8; 32]) -> Result<Vec<u8>, String> {
        let machine = self.machines.get(peer).ok_or("nobody asked it to prove its machine")?;
        let appraised = machine.appraise(evidence, report_data);
        match &appraised {
            Ok(_) => drop(self.lock().remove(peer)),
            Err(why) => {
                tracing::warn!(player = %machine.player, why, "a machine was refused");
                self.lock().insert(*peer, (now_ms(), why.clone()));
            }
        }
        appraised
    }
}
