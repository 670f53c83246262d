//! What a worker sets aside for a session holds: the memory that the process takes meanwhile stays below it.

mod common;

use common::{PLAYERS, Parties, json, privity};

/// Rows, so that the values of a session outweigh what a worker takes anyhow.
const ROWS: usize = 100_000;

const HEAD: &str = "
computation large
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  input x : f64[n] at clinic range 0..100
  input y : f64[n] at registry range 0..100
  on committee as fixed<64, 16>
";

/// Steps over all rows, one kind of kernel each.
const STEPS: [&str; 3] = [
    "    z = mean(x * y + x)\n  release z to analyst as \"z\"\n",
    "    z = mean(maximum(x, y))\n  release z to analyst as \"z\"\n",
    "    z = clip(x + y, low=0, high=150)\n  release z to analyst as \"z\"\n",
];

/// Resident bytes of a process: the most since it was last asked to forget.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
#[cfg(target_os = "linux")]
fn a_session_takes_no_more_than_was_set_aside() {
    let mut parties = Parties::new();
    for (player, input) in [("clinic", "x"), ("registry", "y")] {
        let rows: String = (0..ROWS).map(|i| format!("{}\n", (i * 7919) % 100)).collect();
        parties.write(&format!("{input}.csv"), &format!("v\n{rows}"));
        let config = parties.read(&format!("{player}.toml"));
        let data = format!("[data.{player}.{input}]\ncsv = \"{input}.csv\"\ncolumn = \"v\"\n");
        parties.write(&format!("{player}.toml"), &format!("{config}{data}"));
    }
    PLAYERS.iter().for_each(|p| parties.start(p, &["--ratify-all"]));
    // What the first session touches of the program itself is not the session's.
    let (report, code) = parties.run(common::JOINT, "analyst.key");
    assert_eq!(code, 0, "{report}");
    for steps in STEPS {
        let before = PLAYERS.map(|player| {
            let process = parties.process_id(player);
            std::fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap();
            (process, peak(process))
        });
        let (report, code) = parties.run(&format!("{HEAD}{steps}"), "analyst.key");
        assert_eq!(code, 0, "{report}");
        for (player, (process, before)) in PLAYERS.iter().zip(before) {
            let config = format!("{player}.toml");
            let (shown, _) = json(&privity(parties.path(), &["jobs", "--config", &config, "--json"]));
            let jobs = shown["jobs"].as_array().unwrap();
            let bound = jobs.iter().find(|j| j["session"] == report["session"]).unwrap()["memory"].as_u64().unwrap();
            let taken = peak(process).saturating_sub(before);
            println!("{player}: {taken} of {bound} bytes\n{steps}");
            assert!(taken <= bound, "{player} took {taken} bytes, more than the {bound} set aside, for\n{steps}");
        }
    }
}
