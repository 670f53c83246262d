//! Conditions: which parts of a rule are not met, for the words of a refusal.

use cedar_policy::{Policy, PolicyId};
use serde_json::{Value, json};

use crate::decide::applies;
use crate::request::Question;

/// The parts of a rule that are not met, as they stand in it; parts that cannot be evaluated alone are left out.
pub(crate) fn unmet(policy: &Policy, question: &Question) -> String {
    let Ok(rule) = policy.to_json() else { return "its conditions are not met".to_owned() };
    let mut unmet = Vec::new();
    let mut scope = rule.clone();
    scope["conditions"] = json!([]);
    if holds(&scope, question) == Some(false) {
        unmet.push("it is for others, or for something else".to_owned());
    }
    for condition in rule["conditions"].as_array().into_iter().flatten() {
        let mut parts = Vec::new();
        match condition["kind"].as_str() {
            Some("when") => conjuncts(&condition["body"], &mut parts),
            _ => parts.push(&condition["body"]),
        }
        for part in parts {
            let mut one = rule.clone();
            for scope in ["principal", "action", "resource"] {
                one[scope] = json!({ "op": "All" });
            }
            one["conditions"] = json!([{ "kind": condition["kind"], "body": part }]);
            if holds(&one, question) == Some(false) {
                unmet.push(format!("not met: {}", text(&one)));
            }
        }
    }
    if unmet.is_empty() { "its conditions are not met".to_owned() } else { unmet.join("; ") }
}

/// The parts of a conjunction, in order. The parser bounds how deep they are nested.
fn conjuncts<'a>(body: &'a Value, parts: &mut Vec<&'a Value>) {
    match body.get("&&") {
        Some(both) => {
            conjuncts(&both["left"], parts);
            conjuncts(&both["right"], parts);
        }
        None => parts.push(body),
    }
}

fn holds(rule: &Value, question: &Question) -> Option<bool> {
    let policy = Policy::from_json(Some(PolicyId::new("part")), rule.clone()).ok()?;
    applies(&policy, question).ok()
}

/// A condition as it is written.
fn text(rule: &Value) -> String {
    let mut rule = rule.clone();
    rule["annotations"] = json!({});
    let printed = Policy::from_json(None, rule).map(|p| p.to_string()).unwrap_or_default();
    let inside = printed.split_once('{').and_then(|(head, rest)| Some((head, rest.rsplit_once('}')?.0)));
    let (head, body) = inside.unwrap_or_default();
    let body = body.split_whitespace().collect::<Vec<_>>().join(" ");
    if head.contains("unless") { format!("unless {body}") } else { body }
}
