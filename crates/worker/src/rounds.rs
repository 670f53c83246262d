//! Rounds of aggregation for groups of agreements: the terms that follow from an agreement, and whether terms do.
//!
//! An agreement says who a group's enroller is, how many members contribute what, and who holds the sum. Terms say besides
//! where the round is run, and with which keys. Everyone who has both checks that they go together: a client before it
//! contributes, and each holder before it keeps its part.

use std::collections::BTreeMap;

use aggregator::{AggregatorDraft, AgreementDraft, CommitteeDraft, Draft, ServiceDraft, SharesDraft, Terms};
use agreement::Agreement;
use attest::Policy;
use net::Identity;
use session::Round;

use crate::error::ClientError;

// What programs may check has to be what terms may keep.
const _: () = assert!(aggregator::MOST_NUMBERS == ir::MOST_CHECKED);

/// What an agreement does not say of a round.
pub struct Setting {
    /// Where the round is run.
    pub service: ServiceDraft,
    /// The enroller's public key: 64 hexadecimal digits.
    pub enroller: String,
    /// The keys of the holders of the sum, by their identities (`prv1-…`), in any order. Of an enclave the key that its machine
    /// made, with evidence.
    pub keys: BTreeMap<String, AggregatorDraft>,
    /// How long members may contribute, from the first contribution.
    pub collect_seconds: f64,
}

/// The round of an agreement's group; of its only one if none is named.
///
/// # Errors
/// [`ClientError::Group`] for a group that nothing is summed over, or if it is not clear which is meant.
pub fn round_of<'a>(agreement: &'a Agreement, group: Option<&str>) -> Result<Round<'a>, ClientError> {
    let rounds = Round::all(agreement).map_err(|e| wrong(e.to_string()))?;
    let known: Vec<&str> = rounds.iter().map(Round::group).collect();
    let known = if known.is_empty() { "no group".to_owned() } else { known.join(", ") };
    let mut chosen = rounds.into_iter().filter(|round| group.is_none_or(|group| group == round.group()));
    match (chosen.next(), chosen.next()) {
        (Some(round), None) => Ok(round),
        (None, _) => Err(wrong(format!("the agreement sums over {known}"))),
        (Some(_), Some(_)) => Err(wrong(format!("say which group is meant: the agreement sums over {known}"))),
    }
}

/// The terms of a round.
///
/// # Errors
/// [`ClientError::Group`] for keys that are missing or are not those of the agreement, and terms that cannot be run.
pub fn terms_of(agreement: &Agreement, round: &Round<'_>, setting: Setting) -> Result<Draft, ClientError> {
    let committee = committee(agreement, round, &setting.keys)?;
    let (minimum, most) = round.size();
    let owner = round.enroller().map(|identity| identity.to_string()).unwrap_or_default();
    let draft = Draft {
        name: agreement.checked().computation().name.clone(),
        length: u32::try_from(round.length()).map_err(|_| wrong("a contribution is too long".into()))?,
        clip: round.clip(),
        precision: None,
        minimum,
        most,
        weights: None,
        rounds: 1,
        share: 1.0,
        collect_seconds: setting.collect_seconds,
        answer_seconds: 60.0,
        enroller: setting.enroller,
        readers: Vec::new(),
        service: setting.service,
        shares: Some(SharesDraft {
            name: round.name(),
            fraction: round.fraction().into(),
            owner,
            each: round.keeps_each(),
        }),
        agreement: Some(AgreementDraft { digest: agreement.digest().to_string(), group: round.group().to_owned() }),
        noise: None,
        committee: Some(committee),
        pairwise: None,
        validated: None,
    };
    let terms = Terms::check(draft).map_err(|e| wrong(e.to_string()))?;
    check(agreement, &terms)?;
    Ok(terms.draft().clone())
}

/// The aggregators: those who hold the sum. An enclave's is a key that was made in it; what its machine has to be follows from the
/// agreement.
fn committee(
    agreement: &Agreement,
    round: &Round<'_>,
    keys: &BTreeMap<String, AggregatorDraft>,
) -> Result<CommitteeDraft, ClientError> {
    let Some(name) = round.inside() else {
        let aggregator = |(name, identity): &(&str, Identity)| {
            let keys = keys.get(&identity.to_string());
            let keys = keys.ok_or_else(|| wrong(format!("the keys of {name} ({identity}) are missing")))?;
            Ok(AggregatorDraft { name: (*name).to_owned(), ..keys.clone() })
        };
        let aggregators = round.holders().iter().map(aggregator).collect::<Result<_, ClientError>>()?;
        return Ok(CommitteeDraft { threshold: 2, quorum: 3, corrupt: 1, aggregators });
    };
    let policy = claims(agreement, name)?.to_toml().map_err(|e| wrong(e.to_string()))?;
    let mut made = keys.values().filter(|keys| keys.evidence.is_some());
    let (Some(keys), None) = (made.next(), made.next()) else {
        return Err(wrong(format!(
            "the sum is inside {name}: give the one file of keys that its machine wrote, with evidence"
        )));
    };
    let aggregator = AggregatorDraft { name: name.to_owned(), policy: Some(policy), ..keys.clone() };
    Ok(CommitteeDraft { threshold: 1, quorum: 1, corrupt: 0, aggregators: vec![aggregator] })
}

/// What an agreement says that the machine of a player has to be.
fn claims<'a>(agreement: &'a Agreement, player: &str) -> Result<&'a Policy, ClientError> {
    let claims = agreement.roster().get(player).and_then(|member| member.claims.as_deref());
    claims.ok_or_else(|| {
        wrong(format!(
            "the agreement does not say what the machine of {player} has to be ([players.{player}.claims] of its roster): members \
             would not know what they give their values to"
        ))
    })
}

/// The round that terms are for, if they follow from an agreement.
///
/// # Errors
/// [`ClientError::Group`] with what differs.
pub fn check<'a>(agreement: &'a Agreement, terms: &Terms) -> Result<Round<'a>, ClientError> {
    let draft = terms.draft();
    let (Some(named), Some(shares)) = (&draft.agreement, &draft.shares) else {
        return Err(wrong("these terms are for no agreement".into()));
    };
    if named.digest != agreement.digest().to_string() {
        return Err(wrong(format!("these terms are for the agreement {}, not {}", named.digest, agreement.digest())));
    }
    let round = round_of(agreement, Some(&named.group))?;
    let (minimum, most) = round.size();
    let owner = round.enroller().map(|identity| identity.to_string());
    let differs = [
        ("length", u32::try_from(round.length()) != Ok(draft.length)),
        ("clip", draft.clip.to_bits() != round.clip().to_bits()),
        ("minimum", draft.minimum != minimum),
        ("most", draft.most != most),
        ("each", shares.each != round.keeps_each()),
        ("fraction", shares.fraction != u32::from(round.fraction())),
        ("name of the shares", shares.name != round.name()),
        ("owner, who is the enroller", Some(&shares.owner) != owner.as_ref()),
        ("aggregators", !held_as_agreed(agreement, &round, terms)?),
    ];
    match differs.iter().find(|(_, differs)| *differs) {
        Some((what, _)) => Err(wrong(format!("the {what} of these terms is not as the agreement has it"))),
        None => Ok(round),
    }
}

/// Whether the aggregators are those that the agreement has: its players, or a key of a machine that has to be what it says.
fn held_as_agreed(agreement: &Agreement, round: &Round<'_>, terms: &Terms) -> Result<bool, ClientError> {
    let Some(name) = round.inside() else {
        return Ok(terms.holders().into_iter().eq(round.holders().into_iter().map(|(_, identity)| identity)));
    };
    let agreed = claims(agreement, name)?;
    let [proved] = terms.machines() else { return Ok(false) };
    Ok(terms.is_kept_whole() && Policy::parse(&proved.policy).is_ok_and(|policy| policy == *agreed))
}

fn wrong(what: String) -> ClientError {
    ClientError::Group { what }
}
