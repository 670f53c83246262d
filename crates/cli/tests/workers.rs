//! End to end: four worker processes of the real command, over TLS on loopback.

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use common::{JOINT, PLAYERS, Parties, json, privity};
use serde_json::Value;

#[test]
fn the_reader_gets_the_results_and_others_get_none() {
    let parties = Parties::started();
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!(code, 0, "{result}");
    let product = result["outputs"]["analyst"]["product"]["values"].as_f64().unwrap();
    assert!((product - 4212.0).abs() < 1.0, "{product}");
    let levels = result["outputs"]["analyst"]["levels"]["values"].as_array().unwrap();
    assert!((levels[0].as_f64().unwrap() - 189.140_27).abs() < 1e-3, "{levels:?}");
    assert_eq!(result["cost"]["bytes"].as_object().unwrap().len(), PLAYERS.len());
    assert_eq!(result["session"].as_str().unwrap().len(), 32);

    // Someone who may submit, but is no reader, learns that it ran and what it cost.
    let (result, code) = parties.run(JOINT, "guest.key");
    assert_eq!(code, 0, "{result}");
    assert!(result["outputs"].as_object().unwrap().is_empty(), "{result}");

    // An owner who submits sees nothing of what the analyst learns.
    let (result, code) = parties.run(JOINT, "clinic.key");
    assert_eq!(code, 0, "{result}");
    assert!(result["outputs"].as_object().unwrap().is_empty(), "{result}");
}

#[test]
fn a_worker_without_ratification_runs_nothing() {
    let mut parties = Parties::new();
    for player in ["clinic", "registry", "analyst"] {
        parties.start(player, &["--ratify-all"]);
    }
    parties.start("laboratory", &[]);
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!((code, &result["error"]["code"]), (1, &"worker.not-ratified".into()), "{result}");
    assert_eq!(result["error"]["player"], "laboratory");
}

#[test]
fn strangers_and_impostors_are_refused_and_named() {
    let parties = Parties::started();
    let (_, code) = json(&privity(parties.path(), &["keygen", "stranger.key", "--json"]));
    assert_eq!(code, 0);
    let (result, code) = parties.run(JOINT, "stranger.key");
    assert_eq!((code, &result["error"]["code"]), (3, &"client.hung-up".into()), "{result}");
    assert_eq!(result["error"]["player"], "clinic", "{result}");
    assert!(result["error"]["message"].as_str().unwrap().contains("prv1-"), "{result}");

    // A roster that names another key for the registry: its worker is not who it should be.
    let identity = |file: &str| {
        let roster = parties.read("roster.toml");
        let at = roster.find(&format!("[players.{file}]")).unwrap();
        roster[at..].lines().find_map(|l| l.strip_prefix("identity = ")).unwrap().trim_matches('"').to_owned()
    };
    let swapped = parties.read("roster.toml").replace(&identity("registry"), &identity("analyst"));
    parties.write("swapped.toml", &swapped);
    parties.write("program.pv", JOINT);
    let output =
        privity(parties.path(), &["run", "program.pv", "--roster", "swapped.toml", "--key", "analyst.key", "--json"]);
    let (result, code) = json(&output);
    assert_eq!((code, &result["error"]["player"]), (3, &"registry".into()), "{result}");
}

#[test]
fn a_player_that_the_roster_lacks_is_named() {
    let parties = Parties::new();
    let program = JOINT.replace("registry, analyst\n", "registry, analyst, auditor\n");
    let (result, code) = parties.run(&program, "analyst.key");
    assert_eq!((code, &result["error"]["player"]), (1, &"auditor".into()), "{result}");
    let args = ["run", "program.pv", "--roster", "roster.toml", "--key", "clinic.csv", "--json"];
    assert_eq!(privity(parties.path(), &args).status.code(), Some(1), "a key file of ours is our fault");
    let output = privity(parties.path(), &["run", "program.pv", "--roster", "roster.toml", "--json"]);
    let (result, code) = json(&output);
    assert_eq!((code, &result["error"]["code"]), (1, &"client.no-key".into()), "{result}");
}

#[test]
fn a_missing_worker_is_named() {
    let mut parties = Parties::started();
    parties.kill("laboratory");
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!((code, &result["error"]["code"]), (3, &"net.unreachable".into()), "{result}");
    assert_eq!(result["error"]["player"], "laboratory");
    assert!(!result["error"]["help"].as_str().unwrap().is_empty());
}

#[test]
fn garbage_at_a_port_disturbs_nobody() {
    let parties = Parties::started();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 255, 255], &[0; 4096], b""] {
        let mut stream = TcpStream::connect(parties.endpoint("clinic")).unwrap();
        // The worker may hang up at once; that is its right.
        let _ = stream.write_all(bytes);
    }
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!(code, 0, "{result}");
}

#[test]
fn rows_in_another_order_or_number_end_the_session() {
    let parties = Parties::started();
    let original = parties.read("registry.csv");
    let mut lines: Vec<&str> = original.lines().collect();
    lines.swap(1, 2);
    parties.write("registry.csv", &(lines.join("\n") + "\n"));
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!((code, &result["error"]["code"]), (1, &"session.rows-differ".into()), "{result}");

    let mut lines: Vec<&str> = original.lines().collect();
    lines.pop();
    parties.write("registry.csv", &(lines.join("\n") + "\n"));
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!(code, 1, "{result}");
    assert_eq!(result["error"]["player"], "registry", "{result}");

    parties.write("registry.csv", &original);
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!(code, 0, "{result}");
}

#[test]
fn an_owner_s_bad_data_ends_the_session_at_its_own_worker() {
    let parties = Parties::started();
    let spoiled = parties.read("clinic.csv").replacen("32.1", "secret-word", 1);
    parties.write("clinic.csv", &spoiled);
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!((code, &result["error"]["player"]), (1, &"clinic".into()), "{result}");
    assert!(!result.to_string().contains("secret-word"), "{result}");
}

#[test]
fn which_element_failed_stays_with_its_owner() {
    let parties = Parties::started();
    // Only the clinic's data breaks its promise.
    let program = JOINT.replace("at clinic\n", "at clinic range 0..25\n");
    let (result, code) = parties.run(&program, "guest.key");
    assert_eq!((code, &result["error"]["code"]), (1, &"session.input-range".into()), "{result}");
    assert_eq!(result["error"]["player"], "clinic");
    assert!(!result["error"]["message"].as_str().unwrap().contains("element"), "{result}");
}

/// A run that takes minutes, begun in the background.
fn long_run(parties: &Parties) -> Child {
    let long = JOINT
        .replace("levels  = mean(blood, axis=0)", "levels  = mean(blood, axis=0)\n    start = bmi * 0.001")
        .replace(
            "  release product",
            "  kept = repeat 100000 with w = start\n    on committee as fixed<128, 40>\n      v = w * 0.5\n    next v\n  release kept to analyst as \"kept\"\n  release product",
        );
    parties.write("program.pv", &long);
    Command::new(env!("CARGO_BIN_EXE_privity"))
        .current_dir(parties.path())
        .args(["run", "program.pv", "--roster", "roster.toml", "--key", "analyst.key", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The session that a worker knows, as its operator sees it on its own machine.
fn job(parties: &Parties, player: &str) -> Value {
    let config = format!("{player}.toml");
    let (jobs, code) = json(&privity(parties.path(), &["jobs", "--config", &config, "--json"]));
    assert_eq!(code, 0, "{jobs}");
    jobs["jobs"][0].clone()
}

#[test]
fn whoever_operates_a_worker_can_watch_and_cancel_and_it_ends_for_all_at_once() {
    let parties = Parties::started();
    let client = long_run(&parties);
    parties.wait_for("laboratory", "a session begins");
    let running = job(&parties, "laboratory");
    assert_eq!((&running["state"], &running["computation"]), (&"running".into(), &"joint".into()), "{running}");
    let session = running["session"].as_str().unwrap();

    // Another's session is none of the guest's business; the laboratory ends it for all.
    let by_guest = ["cancel", session, "--roster", "roster.toml", "--key", "guest.key", "--json"];
    let (refused, code) = json(&privity(parties.path(), &by_guest));
    assert_eq!((code, &refused["error"]["code"]), (1, &"worker.unknown-session".into()), "{refused}");
    let begun = std::time::Instant::now();
    let (cancelled, code) =
        json(&privity(parties.path(), &["cancel", session, "--config", "laboratory.toml", "--json"]));
    assert_eq!((code, &cancelled["was"]["laboratory"]), (0, &"running".into()), "{cancelled}");
    let (result, code) = json(&client.wait_with_output().unwrap());
    assert_eq!((code, &result["error"]["code"]), (1, &"session.cancelled".into()), "{result}");
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    for player in PLAYERS {
        let state = job(&parties, player)["state"].clone();
        assert!(state == "cancelled" || state == "failed", "{player}: {state}");
    }
    let logs = privity(parties.path(), &["logs", session, "--roster", "roster.toml", "--key", "analyst.key"]);
    let logs = String::from_utf8_lossy(&logs.stdout).into_owned();
    for said in ["submitted by prv1-", "all players have met", "iteration ", "session.cancelled"] {
        assert!(logs.contains(said), "{said}: {logs}");
    }
    // And the workers go on.
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!(code, 0, "{result}");
}

#[test]
fn a_client_that_is_killed_ends_its_session_and_leaves_a_line() {
    let parties = Parties::started();
    let mut client = long_run(&parties);
    parties.wait_for("registry", "a session begins");
    client.kill().unwrap();
    client.wait().unwrap();
    for player in PLAYERS {
        parties.wait_for(player, "a session failed");
    }
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!(code, 0, "{result}");
}

#[test]
fn a_worker_that_is_told_to_stop_refuses_what_is_new_and_cancels_what_runs_after_the_grace() {
    let mut parties = Parties::new();
    let config = format!("{}\n[jobs]\ngrace_seconds = 1\n", parties.read("clinic.toml"));
    parties.write("clinic.toml", &config);
    for player in PLAYERS {
        parties.start(player, &["--ratify-all"]);
    }
    let client = long_run(&parties);
    parties.wait_for("clinic", "a session begins");
    parties.terminate("clinic");
    parties.wait_for("clinic", "stopping");
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!((code, &result["error"]["code"]), (3, &"worker.draining".into()), "{result}");
    let (result, code) = json(&client.wait_with_output().unwrap());
    assert_eq!((code, &result["error"]["code"]), (1, &"session.given-up".into()), "{result}");
    assert_eq!(parties.exit_code("clinic"), Some(0));
}

#[test]
fn a_configuration_is_refused_with_everything_that_is_wrong_with_it() {
    let mut parties = Parties::new();
    let (fine, code) = json(&privity(parties.path(), &["worker", "--config", "clinic.toml", "--check", "--json"]));
    assert_eq!((code, &fine["problems"]), (0, &serde_json::json!([])), "{fine}");
    let mine = parties.read("roster.toml").lines().find(|l| l.starts_with("identity")).unwrap().to_owned();
    let roster = format!("{}[players.twin]\n{mine}\nendpoint = \"127.0.0.1:7999\"\n", parties.read("roster.toml"));
    parties.write("roster.toml", &roster);
    let config = parties.read("clinic.toml").replacen("clinic.csv", "nowhere.csv", 1)
        + "[data.nobody.x]\ncsv = \"clinic.csv\"\ncolumn = \"bmi\"\n[jobs]\nat_once = 0\n[http]\nlisten = \"192.0.2.1:9000\"\n";
    parties.write("clinic.toml", &config.replacen("submitters = [", "submitters = [\"prv1-x\", ", 1));
    let (wrong, code) = json(&privity(parties.path(), &["worker", "--config", "clinic.toml", "--check", "--json"]));
    // The store would be made, and the data files of others are there.
    let problems = wrong["problems"].as_array().unwrap();
    assert_eq!((code, problems.len()), (1, 7), "{wrong}");
    for said in ["`prv1-x` is no identity", "for 2 players", "nowhere.csv", "no such player", "at_once", "loopback"] {
        assert!(problems.iter().any(|p| p.as_str().unwrap().contains(said)), "{said}: {wrong}");
    }
    assert_eq!(privity(parties.path(), &["worker", "--config", "clinic.toml"]).status.code(), Some(1));
    parties.kill("clinic");
}

#[test]
fn health_and_metrics_are_served_on_loopback() {
    let mut parties = Parties::new();
    let config = format!("{}\n[http]\nlisten = \"127.0.0.1:0\"\n", parties.read("clinic.toml"));
    parties.write("clinic.toml", &config);
    for player in ["laboratory", "registry", "analyst"] {
        parties.start(player, &["--ratify-all"]);
    }
    let address = parties.start_until(("clinic", &["--ratify-all"]), "serving health and metrics");
    let address = address.split("address=").nth(1).unwrap().trim().to_owned();
    parties.wait_for("clinic", "listening");
    assert_eq!(parties.run(JOINT, "analyst.key").1, 0);
    assert_eq!(parties.run(&JOINT.replace("bmi * target", "huge"), "analyst.key").1, 1);
    let get = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: worker\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    assert!(get("/healthz").starts_with("HTTP/1.1 200") && get("/readyz").starts_with("HTTP/1.1 200"));
    let metrics = get("/metrics");
    for line in
        ["privity_sessions_total{code=\"ok\"} 1", "privity_sessions_running 0", "privity_session_seconds_count 1"]
    {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert!(!metrics.contains("prv1-"), "{metrics}");
}

#[test]
fn a_worker_that_dies_during_a_run_ends_it_for_all() {
    let mut parties = Parties::started();
    let mut client = long_run(&parties);
    // The run takes minutes, so the worker dies within it.
    parties.wait_for("laboratory", "a session begins");
    parties.kill("laboratory");
    client.wait().unwrap();
    let (result, code) = json(&client.wait_with_output().unwrap());
    assert_eq!((code, &result["error"]["player"]), (3, &"laboratory".into()), "{result}");
}
