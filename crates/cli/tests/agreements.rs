//! Agreements, ratifications, policies and receipts as files.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{JOINT, Parties, json, privity};
use privity::agreement::{Agreement, Basis, Commitment, Cost, Digest, Receipt, Seen, SessionId};
use privity::net::KeyPair;
use serde_json::Value;

/// Runs a command, and returns what it printed as JSON, with its exit code.
fn run(folder: &Path, line: &str) -> (Value, i32) {
    json(&privity(folder, &line.split_whitespace().collect::<Vec<_>>()))
}

/// Four parties with an agreement on the joint program.
fn agreed() -> Parties {
    let parties = Parties::new();
    parties.write("joint.pv", JOINT);
    let line = "agreement new joint.pv --roster roster.toml --dims n=442 --uses 2 -o joint.agreement --json";
    let (made, code) = run(parties.path(), line);
    assert_eq!((code, &made["terms"]["uses"]), (0, &2.into()), "{made}");
    parties
}

#[test]
fn an_agreement_is_made_shown_compared_and_ratified() {
    let parties = agreed();
    let folder = parties.path();
    let (shown, code) = run(folder, "agreement show joint.agreement --json");
    assert_eq!((code, &shown["dims"]["n"], &shown["datasets"][0]["name"]), (0, &442.into(), &"bmi".into()), "{shown}");
    // A second one needs a new file.
    let (again, code) =
        run(folder, "agreement new joint.pv --roster roster.toml --dims n=442 -o joint.agreement --json");
    assert_eq!((code, &again["error"]["code"]), (1, &"file.unwritable".into()));

    let (_, code) =
        run(folder, "agreement new joint.pv --roster roster.toml --dims n=441 --uses 2 -o other.agreement --json");
    assert_eq!(code, 0);
    let (changes, code) = run(folder, "agreement diff joint.agreement other.agreement --json");
    assert!(code == 0 && changes["changes"].as_array().unwrap().iter().any(|c| c["part"] == "dim"), "{changes}");

    for player in common::PLAYERS {
        let line = format!("agreement ratify joint.agreement --key {player}.key -o {player}.ratification --json");
        assert_eq!(run(folder, &line).1, 0);
    }
    let some = "agreement verify joint.agreement clinic.ratification registry.ratification --json";
    let (missing, code) = run(folder, some);
    assert_eq!(
        (code, &missing["error"]["code"], &missing["error"]["player"]),
        (1, &"ratification.missing".into(), &"analyst".into())
    );
    let (all, code) = run(folder, &format!("{some} laboratory.ratification analyst.ratification"));
    assert_eq!((code, &all["complete"]), (0, &true.into()), "{all}");
    let (older, code) =
        run(folder, "agreement verify other.agreement clinic.ratification --older joint.agreement --json");
    assert_eq!((code, &older["error"]["code"]), (1, &"ratification.other-agreement".into()));
    assert!(older["error"]["message"].as_str().unwrap().contains("n was 442, is 441"), "{older}");
}

#[test]
fn bad_answers_are_refused() {
    let parties = agreed();
    let folder = parties.path();
    let code = |line: &str| {
        let (answer, exit) = run(folder, line);
        (answer["error"]["code"].as_str().unwrap_or_default().to_owned(), exit)
    };
    // Someone without a part, a key that is none, an expired agreement, a changed one.
    assert_eq!(
        code("agreement ratify joint.agreement --key guest.key -o x --json"),
        ("ratification.foreign".into(), 1)
    );
    assert_eq!(code("agreement ratify joint.agreement --key joint.pv -o x --json").1, 1);
    let new = "agreement new joint.pv --roster roster.toml --dims n=3 --valid-until 2020-01-01T00:00:00Z -o old.agreement --json";
    assert_eq!(code(new).1, 0);
    assert_eq!(code("agreement ratify old.agreement --key clinic.key -o x --json"), ("agreement.expired".into(), 1));
    parties.write("changed.agreement", &parties.read("joint.agreement").replace("uses = 2", "uses = 20"));
    let ratified = "agreement ratify joint.agreement --key clinic.key -o c.ratification --json";
    assert_eq!(code(ratified).1, 0);
    assert_eq!(
        code("agreement verify changed.agreement c.ratification --json"),
        ("ratification.other-agreement".into(), 1)
    );
    parties.write("forged.agreement", &parties.read("joint.agreement").replace("analyst learns", "nobody learns"));
    assert_eq!(code("agreement show forged.agreement --json"), ("agreement.misstated".into(), 1));
    assert_eq!(code("agreement new joint.pv --roster roster.toml --dims n=3 --valid-from yesterday --json").1, 2);
    assert_eq!(code("agreement show missing.agreement --json"), ("file.unreadable".into(), 1));
    let decline = privity(
        folder,
        &["agreement", "decline", "joint.agreement", "--key", "clinic.key", "--reason", "", "-o", "d", "--json"],
    );
    assert_eq!(json(&decline).0["error"]["code"], "decline.reason");
}

#[test]
fn a_policy_is_checked_and_explained() {
    let parties = agreed();
    parties.write(
        "means.cedar",
        "@id(\"means\") @uses(\"3\")\npermit (principal, action, resource)\nwhen { resource.rows >= 100 && [\"mean\", \"mul\"].containsAll(resource.operators) };\n",
    );
    let (rules, code) = run(parties.path(), "policy check means.cedar --json");
    assert_eq!((code, &rules["rules"][0]["uses"]), (0, &3.into()), "{rules}");
    let (decision, code) =
        run(parties.path(), "policy explain joint.agreement --policy means.cedar --player clinic --json");
    assert_eq!((code, &decision["decision"]["allowed"]), (0, &true.into()), "{decision}");
    assert_eq!(decision["decision"]["counters"][0]["rule"], "means");
    parties.write("wrong.cedar", &parties.read("means.cedar").replace("rows", "lines"));
    let (wrong, code) = run(parties.path(), "policy check wrong.cedar --json");
    assert_eq!((code, &wrong["error"]["code"]), (1, &"policy.invalid".into()));
    assert!(wrong["error"]["message"].as_str().unwrap().contains("line 3: rule means"), "{wrong}");
    let (nobody, code) =
        run(parties.path(), "policy explain joint.agreement --policy means.cedar --player nobody --json");
    assert_eq!((code, &nobody["error"]["code"]), (1, &"policy.no-part".into()));
}

#[test]
fn receipts_are_verified_without_a_key() {
    let parties = agreed();
    let agreement = Agreement::from_text(&parties.read("joint.agreement")).unwrap();
    let named = |names: &[&str]| -> BTreeMap<String, Commitment> {
        names.iter().map(|n| ((*n).to_owned(), Commitment(Digest([1; 32])))).collect()
    };
    let (inputs, learned) =
        ([("clinic", "bmi"), ("laboratory", "blood"), ("registry", "target")], ["product", "levels"]);
    for player in common::PLAYERS {
        let mine: Vec<&str> = inputs.iter().filter(|(p, _)| *p == player).map(|(_, name)| *name).collect();
        let receipt = Receipt {
            version: Receipt::VERSION,
            agreement: agreement.digest(),
            session: SessionId([4; 16]),
            attempt: 0,
            player: player.to_owned(),
            players: agreement.roster().iter().map(|(n, m)| (n.to_owned(), Seen(m.identity))).collect(),
            ratified: Basis::Signatures,
            policy: None,
            started_ms: 1,
            ended_ms: 2,
            cost: Cost::default(),
            inputs: named(&mine),
            outputs: if player == "analyst" { named(&learned) } else { BTreeMap::new() },
            audit: None,
            machines: BTreeMap::new(),
        };
        let key = KeyPair::load(&parties.path().join(format!("{player}.key"))).unwrap();
        let signed = receipt.sign(&key).unwrap();
        parties.write(&format!("{player}.receipt"), &serde_json::to_string(&signed).unwrap());
        std::fs::remove_file(parties.path().join(format!("{player}.key"))).unwrap();
    }
    let all = "receipt verify clinic.receipt laboratory.receipt registry.receipt analyst.receipt --agreement joint.agreement --json";
    let (verified, code) = run(parties.path(), all);
    assert_eq!((code, verified["without_audit"].as_array().map(Vec::len)), (0, Some(4)), "{verified}");
    let (missing, code) = run(parties.path(), &all.replace("registry.receipt ", ""));
    assert_eq!((code, &missing["error"]["player"]), (1, &"registry".into()));
    // Each file that fails is named, and only those.
    for player in ["clinic", "analyst"] {
        let file = format!("{player}.receipt");
        parties.write(&file, &parties.read(&file).replace("\"ended_ms\":2", "\"ended_ms\":3"));
    }
    let (forged, code) = run(parties.path(), all);
    assert_eq!((code, &forged["error"]["code"]), (1, &"receipt.signature".into()));
    let failed: Vec<&str> = forged["failed"].as_array().unwrap().iter().filter_map(|f| f["file"].as_str()).collect();
    assert_eq!(failed, ["clinic.receipt", "analyst.receipt"], "{forged}");
    assert!(forged["error"]["message"].as_str().unwrap().contains("clinic.receipt: "), "{forged}");
    let (nothing, code) = run(parties.path(), "receipt verify . --agreement joint.agreement --json");
    assert_eq!((code, &nothing["error"]["code"]), (1, &"receipt.syntax".into()), "{nothing}");
}
