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
//! ```
//!
//! Each connection is proved anew before the first frame, so no value leaves for a machine that was not appraised. An
//! appraisal is not repeated while a connection lasts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agreement::Roster;
use attest::{Added, Certificate, Endorsements, Evidence, Expected, Policy, Roots, Time, validate};
use attester::tpm::TpmAttester;
use attester::{Attester, Places};
use net::{Identity, Proofs};
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
}

/// What a configuration says of machines, read in.
///
/// # Errors
/// Everything that is wrong with it, in words.
pub(crate) fn read(
    prove: Option<RawProve>,
    machines: BTreeMap<String, RawMachine>,
    base: &Path,
    roster: Option<&Roster>,
) -> Result<Proofs, Vec<String>> {
    let mut problems = Vec::new();
    let attester = prove.and_then(|raw| own(raw, base).map_err(|e| problems.push(e)).ok());
    let mut asked = BTreeMap::new();
    for (player, raw) in machines {
        let at = |e: String| format!("[machines.{player}]: {e}");
        match (roster.map(|roster| roster.get(&player)), Machine::read(&player, raw, base)) {
            (Some(None), _) => problems.push(at("the roster has no such player".into())),
            (_, Err(e)) => problems.push(at(e)),
            (Some(Some(member)), Ok(machine)) => {
                asked.insert(member.identity, machine);
            }
            (None, Ok(_)) => {}
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let appraiser = (!asked.is_empty()).then(|| Arc::new(Machines(asked)) as Arc<dyn net::tls::Appraiser>);
    Ok(Proofs { attester, appraiser })
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
        let bytes = |path: &Path| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
        let policy = base.join(raw.policy);
        let at = |e: attest::Error| format!("{}: {e}", policy.display());
        let text = String::from_utf8(bytes(&policy)?).map_err(|e| format!("{}: {e}", policy.display()))?;
        let mut with = Endorsements::none();
        for path in raw.collateral.iter().map(|path| base.join(path)) {
            for file in files(&path)? {
                if with.add(&bytes(&file)?) == Added::Unknown && file == path {
                    return Err(format!("{}: neither certificate nor CRL nor collateral", file.display()));
                }
            }
        }
        let mut roots = Roots::production().map_err(|e| e.to_string())?;
        for path in raw.roots.iter().map(|path| base.join(path)) {
            let root = Certificate::parse(&bytes(&path)?).map_err(|e| format!("{}: {e}", path.display()))?;
            roots = roots.with_tpm_root(root);
        }
        Ok(Machine { player: player.to_owned(), policy: Policy::parse(&text).map_err(at)?, with, roots })
    }

    fn appraise(&self, evidence: &[u8], report_data: &[u8]) -> Result<Vec<u8>, String> {
        let at = Time::from_unix(now_ms() / 1000);
        let claims = Evidence::parse(evidence).and_then(|e| validate(&e, &self.with, &self.roots, at));
        let claims = claims.map_err(|e| e.to_string())?;
        let expected = Expected { report_data: Some(report_data), ..Expected::default() };
        let appraisal = self.policy.appraise(&claims, &expected, at);
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

/// The files of a folder, or the file itself.
fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect())
}

/// Machines that have to prove themselves, by whose they are.
struct Machines(BTreeMap<Identity, Machine>);

impl net::tls::Appraiser for Machines {
    fn asks(&self, peer: &Identity) -> bool {
        self.0.contains_key(peer)
    }

    fn appraise(&self, peer: &Identity, evidence: &[u8], report_data: &[u8; 32]) -> Result<Vec<u8>, String> {
        let machine = self.0.get(peer).ok_or("nobody asked it to prove its machine")?;
        machine.appraise(evidence, report_data).inspect_err(|why| {
            tracing::warn!(player = %machine.player, why, "a machine was refused");
        })
    }
}
