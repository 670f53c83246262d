//! Policies: what they allow, what they refuse and in which words, and that a wrong one is not loaded.

use std::collections::BTreeMap;

use agreement::{Agreement, Member, Roster, Terms, Timestamp};
use net::{Identity, KeyPair};
use policy::{Decision, Facts, Policy, Spent};

const PROGRAM: &str = r#"
computation means
  player clinic, laboratory, registry, analyst, press
  placement committee = replicated(clinic, laboratory, registry)
  dim n by patient
  input bmi    : f64[n, 2] at clinic
  input target : f64[n]    at registry
  on committee as fixed<64, 16>
    m = mean(bmi, axis=0)
    b = dot(bmi[:, 0], target)
  release m to analyst as "means"
  release b to analyst as "product"
"#;

const PLAYERS: [&str; 5] = ["clinic", "laboratory", "registry", "analyst", "press"];

/// 2026-11-21T12:00:00Z, in milliseconds.
const NOW: u64 = 1_795_262_400_000;

fn identity(i: u8) -> Identity {
    KeyPair::from_seed(&[i + 1; 32]).identity()
}

fn agreement(source: &str, n: u64, terms: Terms) -> Agreement {
    let member = |(i, name): (u8, &str)| {
        let endpoint = Some(format!("127.0.0.1:{}", 7700 + u16::from(i)).parse().unwrap());
        (name.to_owned(), Member { identity: identity(i), endpoint, claims: None })
    };
    let roster = Roster::new((0u8..).zip(PLAYERS).map(member)).unwrap();
    let checked = check::check(ir::text::parse(source).unwrap_or_else(|e| panic!("{}", e[0])));
    let checked = checked.unwrap_or_else(|e| panic!("{}", e[0]));
    let dims = if checked.computation().dims().is_empty() { BTreeMap::new() } else { [("n".to_owned(), n)].into() };
    Agreement::bind(checked, &roster, dims, terms).unwrap()
}

fn facts(source: &str, n: u64, player: &str) -> Facts {
    Facts::of(&agreement(source, n, Terms::default()), player, Some(identity(3))).unwrap()
}

fn load(text: &str) -> Policy {
    Policy::load(text).unwrap_or_else(|e| panic!("{e}"))
}

fn decide(policy: &str, facts: &Facts) -> Decision {
    load(policy).decide(facts, NOW, &Spent::new())
}

/// Means and products over at least 100 rows, to the analyst, on replicated shares.
fn careful() -> String {
    format!(
        r#"
@id("aggregates") @uses("10") @until("2027-01-01T00:00:00Z")
permit (principal == Identity::"{}", action == Action::"ratify", resource)
when {{
  resource.discloses && resource.released &&
  ["mean", "dot", "index"].containsAll(resource.operators) &&
  resource.rows >= 100 && resource.elements <= 2 &&
  [Identity::"{}"].containsAll(resource.identities) &&
  ["replicated"].containsAll(context.schemes)
}};

@id("no-target") @reason("the registry's target is under embargo")
forbid (principal, action, resource) when {{ context.datasets.contains("target") }};
"#,
        identity(3),
        identity(3)
    )
}

#[test]
fn facts_are_those_of_the_party() {
    let clinic = facts(PROGRAM, 442, "clinic");
    let told: Vec<_> = clinic.disclosures.iter().map(|d| (&*d.name, d.rows, d.elements, d.released)).collect();
    assert_eq!(told, [("means", 442, 2, true), ("product", 442, 1, true)]);
    let strings = |set: &std::collections::BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(strings(&clinic.disclosures[1].operators), "dot index");
    assert_eq!(strings(&clinic.datasets), "bmi");
    assert_eq!(
        (strings(&clinic.schemes), strings(&clinic.holders)),
        ("replicated".into(), "laboratory registry".into())
    );
    assert_eq!(strings(&clinic.matched_with), "registry");
    assert_eq!(strings(&clinic.disclosures[0].readers), "analyst");

    let registry = facts(PROGRAM, 442, "registry");
    assert_eq!(registry.disclosures.iter().map(|d| &*d.name).collect::<Vec<_>>(), ["product"]);
    let helper = facts(PROGRAM, 442, "laboratory");
    assert!(helper.disclosures.is_empty() && helper.datasets.is_empty());
    let nobody = Facts::of(&agreement(PROGRAM, 9, Terms::default()), "stranger", None);
    assert_eq!(nobody.unwrap_err().code(), "policy.no-part");
}

#[test]
fn what_every_rule_demands_is_allowed_and_counted() {
    let decision = decide(&careful(), &facts(PROGRAM, 442, "clinic"));
    assert!(decision.allowed, "{decision}");
    assert_eq!(decision.rules, ["aggregates"]);
    assert_eq!(decision.counters.iter().map(|c| (&*c.rule, c.limit)).collect::<Vec<_>>(), [("aggregates", 10)]);
    assert!(decision.to_string().contains("\"means\" to analyst: allowed by rule aggregates"), "{decision}");
}

#[test]
fn what_is_not_met_is_told() {
    let few = decide(&careful(), &facts(PROGRAM, 99, "clinic"));
    assert!(!few.allowed && few.counters.is_empty() && few.rules.is_empty());
    assert!(
        few.to_string().contains("rule aggregates does not apply: not met: resource.rows >= 100")
            || few.to_string().contains("(resource[\"rows\"]) >= 100"),
        "{few}"
    );

    let forbidden = decide(&careful(), &facts(PROGRAM, 442, "registry"));
    assert!(!forbidden.allowed);
    assert_eq!(forbidden.judged[0].forbidden_by, ["no-target"]);
    assert!(forbidden.to_string().contains("forbids it: the registry's target is under embargo"), "{forbidden}");

    let mut other = facts(PROGRAM, 442, "clinic");
    other.submitter = None;
    assert!(decide(&careful(), &other).to_string().contains("it is for others"));
}

#[test]
fn nothing_is_allowed_by_silence() {
    for player in PLAYERS {
        let decision = decide("", &facts(PROGRAM, 442, player));
        assert!(!decision.allowed && decision.to_string().contains("no rule allows it"), "{decision}");
    }
    // One of two disclosures is not enough.
    let half = r#"@id("means") permit (principal, action, resource) when { resource.name == "means" };"#;
    let decision = decide(half, &facts(PROGRAM, 442, "clinic"));
    assert!(!decision.allowed);
    assert_eq!(decision.judged.iter().map(|j| j.allowed_by.as_deref()).collect::<Vec<_>>(), [Some("means"), None]);
}

#[test]
fn rules_lapse_by_time_and_by_use() {
    let (policy, facts) = (load(&careful()), facts(PROGRAM, 442, "clinic"));
    let after = policy.decide(&facts, 1_798_761_600_000 + 1000, &Spent::new());
    assert!(!after.allowed && after.to_string().contains("it counted until 2027-01-01T00:00:00Z"), "{after}");
    let spent = |n| Spent::from([("aggregates".to_owned(), n)]);
    assert!(policy.decide(&facts, NOW, &spent(9)).allowed);
    let used = policy.decide(&facts, NOW, &spent(10));
    assert!(!used.allowed && used.to_string().contains("its 10 runs are used up"), "{used}");

    // A rule that does not count is taken first.
    let both = format!("{}\n@id(\"all\") permit (principal, action, resource);", careful());
    let decision = load(&both).decide(&facts, NOW, &spent(3));
    assert_eq!((decision.allowed, &decision.rules[..], decision.counters.len()), (true, &["all".to_owned()][..], 0));
}

#[test]
fn a_digest_can_be_allowed_whatever_it_does() {
    let agreement = agreement(PROGRAM, 3, Terms::default());
    let text = format!(
        r#"@id("known") permit (principal, action, resource) when {{ context.agreement == "{}" || context.computation == "x" }};"#,
        agreement.digest()
    );
    for player in PLAYERS {
        assert!(decide(&text, &Facts::of(&agreement, player, None).unwrap()).allowed);
    }
    assert!(!decide(&text, &facts(PROGRAM, 4, "clinic")).allowed);
}

#[test]
fn labels_that_the_submitter_wrote_are_no_permission() {
    // The submitter's program says that the clinic lets the press read: no release is needed, and the policy is asked.
    let labelled = "computation c\n  player clinic, press\n  input bmi : f64[3] at clinic owner clinic readers press\n  output bmi to press as \"bmi\"\n";
    let open = "computation c\n  player clinic, press\n  input bmi : f64[3] at clinic public\n  output bmi to press as \"bmi\"\n";
    let released =
        r#"@id("released") permit (principal, action, resource) when { resource.released || !resource.discloses };"#;
    for source in [labelled, open] {
        if ir::text::parse(source).is_err() {
            continue;
        }
        let facts = facts(source, 3, "clinic");
        assert_eq!((facts.disclosures.len(), facts.disclosures[0].released, facts.disclosures[0].rows), (1, false, 1));
        assert!(!decide(released, &facts).allowed);
    }
}

#[test]
fn an_expired_agreement_is_not_ratified_a_future_one_may_be() {
    let any = load(r#"@id("any") permit (principal, action, resource);"#);
    let time = |ms| Some(Timestamp::from_ms(ms));
    let with =
        |terms| any.decide(&Facts::of(&agreement(PROGRAM, 3, terms), "clinic", None).unwrap(), NOW, &Spent::new());
    let expired = with(Terms { not_after: time(NOW - 1000), ..Terms::default() });
    assert!(!expired.allowed && expired.to_string().contains("was valid until"), "{expired}");
    assert!(with(Terms { not_before: time(NOW + 1000), ..Terms::default() }).allowed);
    let soon = load(
        r#"@id("soon") permit (principal, action, resource)
           when { context has not_after && context.not_after <= datetime("2026-12-01T00:00:00Z") && context.uses <= 3 };"#,
    );
    let with =
        |terms| soon.decide(&Facts::of(&agreement(PROGRAM, 3, terms), "clinic", None).unwrap(), NOW, &Spent::new());
    assert!(with(Terms { not_after: time(NOW + 1000), ..Terms::default() }).allowed);
    assert!(!with(Terms { not_after: time(NOW + 1000), uses: 4, ..Terms::default() }).allowed);
    assert!(!with(Terms::default()).allowed);
}

#[test]
fn a_rule_that_cannot_be_evaluated_refuses() {
    // The sum overflows. Cedar skips such a rule, which would let a `forbid` go by.
    let text = r#"
@id("any") permit (principal, action, resource);
@id("odd") forbid (principal, action, resource) when { resource.elements + 9223372036854775807 > 0 };"#;
    let decision = decide(text, &facts(PROGRAM, 3, "clinic"));
    assert!(!decision.allowed && decision.to_string().contains("cannot be evaluated"), "{decision}");
}

#[test]
fn a_wrong_policy_is_not_loaded() {
    let rule =
        |body: &str| format!("// A comment.\n@id(\"r\")\npermit (principal, action, resource)\nwhen {{ {body} }};\n");
    let cases = [
        ("permit (principal, action, resource);".to_owned(), "policy.annotation", "rule 1: every rule has a name"),
        (rule("resource.row >= 100"), "policy.invalid", "line 4: rule r: "),
        (rule("resource.rows >= \"100\""), "policy.invalid", "line 4: rule r: "),
        (rule("resource.rows >= "), "policy.syntax", "line 4: "),
        (rule("context.not_after < context.now"), "policy.invalid", "line 4: rule r: "),
        (rule("principal == Identity::\"a\" && principal == Disclosure::\"b\""), "policy.invalid", "line"),
        (rule("resource.rows > 1 && false"), "policy.invalid", "rule r: "),
        (rule("true").replace("action,", "action == Action::\"release\","), "policy.invalid", "line 3: rule r: "),
        (rule("true").replace("@id", "@uses(\"0\") @id"), "policy.annotation", "line 2: rule r: `@uses` is"),
        (rule("true").replace("@id", "@uses(\"many\") @id"), "policy.annotation", "`@uses` is"),
        (rule("true").replace("@id", "@until(\"soon\") @id"), "policy.annotation", "`@until`: write a time"),
        (rule("true").replace("@id", "@limit(\"3\") @id"), "policy.annotation", "`@limit` means nothing"),
        (
            rule("true").replace("@id", "@uses(\"3\") @id").replace("permit", "forbid"),
            "policy.annotation",
            "belongs to a `permit`",
        ),
        (rule("true").replace("\"r\"", "\"r r\""), "policy.annotation", "a name has up to 64"),
        (rule("true") + &rule("true"), "policy.annotation", "two rules of this name"),
        (rule("true").replace("(principal", "(principal == ?principal"), "policy.syntax", "has no meaning here"),
        ("x".repeat(70_000), "policy.too-long", "at most"),
        (rule(&"(".repeat(5000)), "policy.syntax", "nested too deeply"),
        (rule(&format!("{}true", "!".repeat(5000))), "policy.syntax", "nested too deeply"),
    ];
    for (text, code, words) in cases {
        let error = Policy::load(&text).expect_err(&text[..text.len().min(300)]);
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words) && !error.help().is_empty(), "{error}\nnot {words}");
    }
}

/// Long expressions, from what is still read to what is not; nothing overflows the stack.
#[test]
fn long_expressions_are_answered() {
    let facts = facts(PROGRAM, 442, "clinic");
    let rule = |body: &str| format!("@id(\"r\") permit (principal, action, resource) when {{ {body} }};");
    for n in [10, 70, 95, 140, 290, 3000] {
        for body in [
            vec!["resource.rows > 1"; n].join(" && "),
            vec!["resource.rows > 1"; n].join(" || "),
            format!("resource.rows < 9 + {}", vec!["1"; n].join(" + ")),
            format!("{}true", "if resource.released then true else ".repeat(n)),
            format!("{}resource.released", "!".repeat(n)),
            format!("resource{}", ".rows".repeat(n)),
        ] {
            match Policy::load(&rule(&body)) {
                Ok(policy) => drop(policy.decide(&facts, NOW, &Spent::new())),
                Err(e) => assert!(n > 60 || e.code() != "policy.too-long", "{e}"),
            }
        }
    }
    let refused = Policy::load(&rule(&vec!["resource.rows > 1"; 3000].join(" && "))).unwrap_err();
    assert_eq!(refused.code(), "policy.syntax");
    // A semicolon in a comment or in a string ends no rule.
    for end in [
        "// ; \n",
        "|| resource.name == \";\" ||  false",
        "|| resource.name == \"\\\\\" || resource.name == \"a\\\";\" || false",
    ] {
        let long = vec![format!("resource.rows > 1 {end}"); 400].join(" && ");
        assert_eq!(Policy::load(&rule(&long)).unwrap_err().code(), "policy.syntax");
    }
}

#[test]
fn an_enclave_that_is_for_development_is_another_scheme() {
    assert_eq!(inside("s = sum(x)", false).schemes, ["enclave".to_owned()].into());
    assert_eq!(inside("s = sum(x)", true).schemes, ["enclave-development".to_owned()].into());
}

/// The facts for the clinic of a program that computes `s` inside the press's machine.
fn inside(line: &str, development: bool) -> Facts {
    let source = format!(
        "
computation inside
  player clinic, laboratory, registry, analyst, press
  placement vault = enclave(press)
  input x : f64[n] at clinic
  on vault
    {line}
  release s to analyst as \"s\"
"
    );
    let member = |(i, name): (u8, &str)| {
        let endpoint = Some(format!("127.0.0.1:{}", 7700 + u16::from(i)).parse().unwrap());
        let text = format!("name = 'm'\ntechnologies = ['tdx']\ndevelopment = {development}\n");
        let claims = (name == "press").then(|| Box::new(attest::Policy::parse(&text).unwrap()));
        (name.to_owned(), Member { identity: identity(i), endpoint, claims })
    };
    let roster = Roster::new((0u8..).zip(PLAYERS).map(member)).unwrap();
    let checked = check::check(ir::text::parse(&source).unwrap_or_else(|e| panic!("{}", e[0]))).unwrap();
    let agreement = Agreement::bind(checked, &roster, [("n".to_owned(), 300)].into(), Terms::default()).unwrap();
    Facts::of(&agreement, "clinic", Some(identity(3))).unwrap()
}

#[test]
fn a_rule_may_name_the_modules_that_it_allows() {
    let (known, other) = ("c5".repeat(32), "5c".repeat(32));
    let running = |digest: &str| {
        let more = r#"takes="t(x)", gives="t(s)", type=f64, shape=[], fuel=10, memory=1"#;
        inside(&format!("s = module(x, name=total, digest=\"{digest}\", {more})"), false)
    };
    let told = running(&known).disclosures;
    // That it may be stopped tells something, too: to all others.
    let expected = [("whether the module total comes to its end", 4, 1), ("s", 1, 1)];
    let told: Vec<_> = told.iter().map(|d| (&*d.name, d.readers.len(), d.rows)).collect();
    assert_eq!(told, expected);
    let rule = format!(
        r#"@id("modules") permit (principal, action, resource) when {{ ["{known}"].containsAll(resource.modules) }};"#
    );
    assert!(decide(&rule, &running(&known)).allowed);
    assert!(decide(&rule, &inside("s = sum(x)", false)).allowed, "no module asks about nothing");
    assert!(!decide(&rule, &running(&other)).allowed);
}

#[test]
fn a_policy_shows_its_rules() {
    let policy = load(&careful());
    let shown: Vec<_> = policy.rules().map(|r| (&*r.id, r.permits, r.uses)).collect();
    assert_eq!(shown, [("aggregates", true, Some(10)), ("no-target", false, None)]);
    assert!(format!("{policy:?}").contains("aggregates"));
}

#[test]
fn a_rule_may_name_the_ranges_that_it_allows() {
    let rule = r#"@id("ranges") permit (principal, action, resource) when { ["bmi within 10..60"].containsAll(context.ranges) };"#;
    let ranged = |range: &str| PROGRAM.replace("f64[n, 2] at clinic", &format!("f64[n, 2] at clinic range {range}"));
    assert_eq!(facts(&ranged("10..60"), 442, "clinic").ranges, ["bmi within 10..60".to_owned()].into());
    assert!(decide(rule, &facts(&ranged("10..60"), 442, "clinic")).allowed);
    assert!(decide(rule, &facts(PROGRAM, 442, "clinic")).allowed, "no range asks about nothing");
    // Whether anybody's is above 30 shows in whether the run fails.
    assert!(!decide(rule, &facts(&ranged("10..30"), 442, "clinic")).allowed);
}
