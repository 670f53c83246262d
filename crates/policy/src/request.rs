//! The question that a policy is asked: facts in the terms of the schema.

use std::collections::{BTreeSet, HashMap, HashSet};

use agreement::Timestamp;
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use net::Identity;

use crate::facts::{Disclosed, Facts};

/// A request and the one entity that it speaks of.
pub(crate) struct Question {
    pub(crate) request: Request,
    pub(crate) entities: Entities,
}

/// The question whether one disclosure is allowed; `None` if there is none.
///
/// # Errors
/// Words, if facts and schema do not fit: a defect here, on which the answer is no.
pub(crate) fn question(
    schema: &Schema,
    facts: &Facts,
    disclosed: Option<&Disclosed>,
    now: Timestamp,
) -> Result<Question, String> {
    let principal = match facts.submitter {
        Some(identity) => uid("Identity", &identity.to_string())?,
        None => uid("Identity", "unknown")?,
    };
    let resource = uid("Disclosure", disclosed.map_or("", |d| &d.name))?;
    let entity = Entity::new(resource.clone(), attributes(facts, disclosed)?, HashSet::new()).map_err(words)?;
    let context = Context::from_pairs(context(facts, now)?).map_err(words)?;
    let request = Request::new(principal, uid("Action", "ratify")?, resource, context, Some(schema)).map_err(words)?;
    let entities = Entities::from_entities([entity], Some(schema)).map_err(words)?;
    Ok(Question { request, entities })
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind: EntityTypeName = kind.parse().map_err(words)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn string(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn strings(set: &BTreeSet<String>) -> RestrictedExpression {
    RestrictedExpression::new_set(set.iter().map(|s| string(s)))
}

fn number(n: u64) -> RestrictedExpression {
    RestrictedExpression::new_long(i64::try_from(n).unwrap_or(i64::MAX))
}

fn identities<'a>(all: impl Iterator<Item = &'a Identity>) -> Result<RestrictedExpression, String> {
    let uids = all.map(|i| Ok(RestrictedExpression::new_entity_uid(uid("Identity", &i.to_string())?)));
    Ok(RestrictedExpression::new_set(uids.collect::<Result<Vec<_>, String>>()?))
}

fn attributes(facts: &Facts, disclosed: Option<&Disclosed>) -> Result<HashMap<String, RestrictedExpression>, String> {
    let nothing = Disclosed::default();
    let d = disclosed.unwrap_or(&nothing);
    Ok(HashMap::from(
        [
            ("discloses", RestrictedExpression::new_bool(disclosed.is_some())),
            ("name", string(&d.name)),
            ("released", RestrictedExpression::new_bool(d.released)),
            ("readers", strings(&d.readers)),
            ("identities", identities(d.readers.iter().filter_map(|r| facts.parties.get(r)))?),
            ("inputs", strings(&d.inputs)),
            ("operators", strings(&d.operators)),
            ("modules", strings(&d.modules)),
            ("rows", number(d.rows)),
            ("elements", number(d.elements)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    ))
}

fn context(facts: &Facts, now: Timestamp) -> Result<Vec<(String, RestrictedExpression)>, String> {
    let time = |t: Timestamp| RestrictedExpression::new_datetime(t.to_string());
    let parties: BTreeSet<String> = facts.parties.keys().cloned().collect();
    let mut pairs = vec![
        ("agreement", string(&facts.agreement.to_string())),
        ("computation", string(&facts.computation)),
        ("program", string(&facts.program)),
        ("now", time(now)),
        ("uses", number(facts.terms.uses)),
        ("profile", string(facts.terms.profile.name())),
        ("players", strings(&facts.players)),
        ("parties", strings(&parties)),
        ("identities", identities(facts.parties.values())?),
        ("datasets", strings(&facts.datasets)),
        ("ranges", strings(&facts.ranges)),
        ("schemes", strings(&facts.schemes)),
        ("assumptions", strings(&facts.assumptions)),
        ("holders", strings(&facts.holders)),
        ("saves", strings(&facts.saves)),
        ("loads", strings(&facts.loads)),
        ("matched_with", strings(&facts.matched_with)),
    ];
    pairs.extend(facts.terms.not_before.map(|t| ("not_before", time(t))));
    pairs.extend(facts.terms.not_after.map(|t| ("not_after", time(t))));
    Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
