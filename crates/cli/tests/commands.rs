//! The command's words, JSON and exit codes, without workers.

mod common;

use common::{json, privity, repository};

const SLOPE: &str = "
computation slope
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  input bmi    : f64[n] at clinic owner clinic
  input target : f64[n] at registry owner registry
  on committee as fixed<64, 16>
    x = bmi - mean(bmi)
    b = dot(x, target)
  release b to analyst as \"slope\"
";

fn folder(program: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("p.pv", program);
    write("clinic.csv", "bmi\n21\n25\n32\n");
    write("registry.csv", "target\n75\n100\n151\n");
    write(
        "data.toml",
        "[clinic.bmi]\ncsv = \"clinic.csv\"\ncolumn = \"bmi\"\n[registry.target]\ncsv = \"registry.csv\"\ncolumn = \"target\"\n",
    );
    folder
}

#[test]
fn a_good_program_passes_all_commands() {
    let f = folder(SLOPE);
    let run = |args: &[&str]| json(&privity(f.path(), args));
    let (report, code) = run(&["check", "p.pv", "--json"]);
    assert_eq!((code, report["diagnostics"].as_array().unwrap().len()), (0, 0));
    assert_eq!(report["warnings"][0]["code"], "rows.unmatched", "{report}");
    let (report, code) = run(&["disclose", "p.pv", "--json"]);
    assert_eq!((code, &report["owners"][0]["player"]), (0, &"clinic".into()), "{report}");
    let (report, code) = run(&["disclose", "p.pv", "--corrupt", "clinic,laboratory", "--json"]);
    assert_eq!((code, &report["broken"][0]["form"]["placement"]), (0, &"committee".into()), "{report}");
    let (predicted, code) = run(&["explain", "p.pv", "--dims", "n=3", "--json"]);
    assert_eq!(code, 0);
    let (report, code) = run(&["run", "p.pv", "--local", "--data", "data.toml", "--compare", "--json"]);
    assert_eq!(code, 0);
    assert_eq!(report["outputs"]["analyst"]["slope"]["dtype"], "f64");
    assert!(report["comparison"]["slope"]["absolute"].as_f64().unwrap() < 0.1, "{report}");
    assert_eq!(predicted["rounds"], report["cost"]["rounds"], "a prediction is exact");
    assert_eq!(predicted["bytes"], report["cost"]["bytes"], "a prediction is exact");
}

#[test]
fn words_show_the_disclosure_the_result_and_the_cost() {
    let f = folder(SLOPE);
    let output = privity(f.path(), &["run", "p.pv", "--local", "--data", "data.toml", "--disclose", "--compare"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for word in ["clinic", "gives", "analyst receives", "slope", "rounds", "receipt", "largest error"] {
        assert!(text.contains(word), "no `{word}` in\n{text}");
    }
}

#[test]
fn mistakes_are_told_all_at_once_with_line_and_caret() {
    let f = folder(&SLOPE.replace("mean(bmi)", "maen(bmi)").replace("dot(x, target)", "dot(bmi, tarrget)"));
    let output = privity(f.path(), &["check", "p.pv"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("p.pv:8:") && text.contains("p.pv:9:") && text.contains("^^^^"), "{text}");
    let (report, code) = json(&privity(f.path(), &["check", "p.pv", "--json"]));
    assert_eq!(code, 1);
    assert!(report["diagnostics"].as_array().unwrap().len() >= 2, "{report}");
}

#[test]
fn leaks_are_refused() {
    let direct = SLOPE.replace("release b to analyst as", "output b to analyst as");
    let clear = "
computation leak
  player alice, bob
  input x : f64[n] at alice
  on bob
    y = x + x
  output y to bob as \"x\"
";
    for program in [direct.as_str(), clear] {
        let f = folder(program);
        let (report, code) = json(&privity(f.path(), &["check", "p.pv", "--json"]));
        assert_eq!(code, 1, "{program}");
        assert!(report["diagnostics"][0]["code"].as_str().unwrap().starts_with("label."), "{report}");
    }
}

#[test]
fn bad_data_gets_an_error_that_names_owner_and_place() {
    let cases = [
        ("clinic.csv", "bmi\n21\nx\n32\n", "data."),
        ("clinic.csv", "bmi\n21\nnan\n32\n", "data."),
        ("clinic.csv", "bmi\n21\n25\n", "data."),
        ("clinic.csv", "weight\n21\n25\n32\n", "data."),
        ("clinic.csv", "bmi\n21\n1e300\n32\n", "session.input-range"),
    ];
    for (file, text, code) in cases {
        let f = folder(SLOPE);
        std::fs::write(f.path().join(file), text).unwrap();
        let (report, exit) = json(&privity(f.path(), &["run", "p.pv", "--local", "--data", "data.toml", "--json"]));
        let error = &report["error"];
        assert_eq!(exit, 1, "{report}");
        assert!(error["code"].as_str().unwrap().starts_with(code), "{report}");
        assert!(error["player"].is_string() && error["help"].is_string(), "{report}");
        assert!(!report.to_string().contains("1e300"), "{report}");
    }
}

#[test]
fn a_number_outside_of_its_range_is_placed_as_in_every_error_of_data() {
    let ranged = SLOPE.replace("owner clinic\n", "owner clinic range 10..60\n");
    let f = folder(&ranged);
    // Blank lines are lines, too.
    std::fs::write(f.path().join("clinic.csv"), "bmi\n21\n\n25\n320\n").unwrap();
    let run = ["run", "p.pv", "--local", "--data", "data.toml", "--json"];
    let (report, exit) = json(&privity(f.path(), &run));
    let message = report["error"]["message"].as_str().unwrap();
    assert_eq!((exit, &report["error"]["code"]), (1, &"session.input-range".into()), "{report}");
    assert!(message.contains("clinic.csv, line 5, column `bmi`") && message.contains("10..60"), "{message}");
    std::fs::write(f.path().join("clinic.csv"), "bmi\n21\n\n25\nmany\n").unwrap();
    let (report, _) = json(&privity(f.path(), &run));
    assert!(report["error"]["message"].as_str().unwrap().contains("clinic.csv, line 5, column `bmi`"), "{report}");
}

#[test]
fn rows_that_no_key_matches_are_warned_of() {
    let f = folder(SLOPE);
    let said = |args: &[&str]| String::from_utf8(privity(f.path(), args).stderr).unwrap();
    for args in [&["check", "p.pv"][..], &["disclose", "p.pv"], &["run", "p.pv", "--local", "--data", "data.toml"]] {
        let said = said(args);
        assert!(said.contains("warning[rows.unmatched]: the rows of `bmi` of clinic, `target` of registry"), "{said}");
        assert!(said.contains("dim n by KEY") && !said.contains("note"), "{said}");
    }
    let keyed = |name: &str, rows: &str| std::fs::write(f.path().join(name), rows).unwrap();
    keyed("clinic.csv", "patient,bmi\nA,21\nB,25\nC,32\n");
    let data = std::fs::read_to_string(f.path().join("data.toml")).unwrap();
    std::fs::write(
        f.path().join("data.toml"),
        data.replacen("column = \"bmi\"", "column = \"bmi\"\nkey = \"patient\"", 1),
    )
    .unwrap();
    let text = said(&["run", "p.pv", "--local", "--data", "data.toml"]);
    assert!(text.contains("`bmi` of clinic has the key `patient`"), "{text}");
    // Matched rows, and rows of one player alone, are in order.
    for calm in [
        SLOPE.replace("  placement", "  dim n by patient\n  placement"),
        SLOPE.replace("target : f64[n]", "target : f64[m]").replace("dot(x, target)", "sum(x) * sum(target)"),
    ] {
        std::fs::write(f.path().join("p.pv"), calm).unwrap();
        let text = said(&["check", "p.pv"]);
        assert!(!text.contains("warning"), "{text}");
    }
}

#[test]
fn usage_and_unknown_things_have_their_exit_codes() {
    let f = folder(SLOPE);
    let code = |args: &[&str]| privity(f.path(), args).status.code();
    assert_eq!(code(&["run", "p.pv"]), Some(2));
    assert_eq!(code(&["frobnicate"]), Some(2));
    let (report, exit) = json(&privity(f.path(), &["run", "p.pv", "--local", "--json"]));
    assert_eq!((exit, &report["error"]["code"]), (2, &"usage".into()), "{report}");
    assert_eq!(code(&["explain", "p.pv", "--dims", "n:3"]), Some(2));
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["version"]), Some(0));
    assert_eq!(code(&["check", "absent.pv"]), Some(1));
    assert_eq!(code(&["disclose", "p.pv", "--corrupt", "nobody"]), Some(1));
    assert_eq!(code(&["explain", "p.pv"]), Some(1), "n has no length");
}

#[test]
fn a_key_is_made_once_and_only_for_its_owner() {
    let f = folder(SLOPE);
    let (made, code) = json(&privity(f.path(), &["keygen", "k", "--json"]));
    assert_eq!(code, 0);
    assert!(made["identity"].as_str().unwrap().starts_with("prv1"));
    assert_eq!(privity(f.path(), &["keygen", "k"]).status.code(), Some(1), "a key is never overwritten");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(f.path().join("k")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn a_code_with_a_wrong_letter_makes_no_key() {
    let f = folder(SLOPE);
    let (made, _) = json(&privity(f.path(), &["keygen", "--codes", "1", "--json"]));
    let code = made["invitations"][0]["code"].as_str().unwrap();
    let wrong = code.replacen(&code[5..6], if &code[5..6] == "a" { "b" } else { "a" }, 1);
    for (code, says) in [(wrong.as_str(), "a character is wrong"), ("inv1-abc", "has the form")] {
        let (refused, exit) = json(&privity(f.path(), &["keygen", "k", "--code", code, "--json"]));
        assert_eq!((exit, refused["error"]["code"].as_str()), (1, Some("key.invitation")), "{refused}");
        assert!(refused["error"]["message"].as_str().unwrap().contains(says), "{refused}");
    }
    assert!(!f.path().join("k").exists());
}

#[test]
fn the_examples_check() {
    for example in ["diabetes/diabetes.pv", "breast_cancer/breast_cancer.pv", "survey/survey.pv"] {
        let output = privity(&repository(), &["check", &format!("examples/{example}")]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
