//! An example of each command, shown below its help. The tests see to it that each command has one, and that it parses.

use clap::{Command, CommandFactory as _};

use crate::args::Args;

/// The words of each command below `privity`, and an example. `$digest`, `$session` and `$identity` stand for what other
/// commands print.
const EXAMPLES: &[(&str, &str)] = &[
    ("check", "privity check slope.pv"),
    ("disclose", "privity disclose slope.pv --corrupt clinic,registry"),
    ("explain", "privity explain slope.pv --player clinic --dims n=442"),
    ("agreement new", "privity agreement new slope.pv --roster roster.toml --dims n=442 --uses 3 -o slope.agreement"),
    ("agreement show", "privity agreement show slope.agreement"),
    ("agreement diff", "privity agreement diff slope.agreement wider.agreement"),
    ("agreement ratify", "privity agreement ratify slope.agreement --key clinic.key -o clinic.ratification"),
    (
        "agreement decline",
        "privity agreement decline slope.agreement --key clinic.key --reason once-is-enough -o clinic.decline",
    ),
    ("agreement verify", "privity agreement verify slope.agreement clinic.ratification registry.ratification"),
    ("policy check", "privity policy check clinic.cedar"),
    ("policy explain", "privity policy explain slope.agreement --policy clinic.cedar --player clinic"),
    ("run", "privity run slope.pv --local --data DATA.toml --compare"),
    ("resume", "privity resume $session --roster roster.toml --key analyst.key"),
    ("bench", "privity bench --link wan --repetitions 5"),
    ("keygen", "privity keygen clinic.key"),
    ("worker", "privity worker --config clinic.toml --check"),
    ("propose", "privity propose slope.pv --roster roster.toml --key analyst.key --uses 3"),
    ("inbox", "privity inbox $digest --config clinic.toml -o slope.agreement"),
    ("ratify", "privity ratify $digest --config clinic.toml"),
    ("decline", "privity decline $digest --config clinic.toml --reason once-is-enough"),
    ("receipt verify", "privity receipt verify receipts"),
    ("receipt ls", "privity receipt ls --config clinic.toml"),
    ("receipt show", "privity receipt show $session --config clinic.toml"),
    ("receipt export", "privity receipt export $session --config clinic.toml --folder receipts"),
    ("jobs", "privity jobs --config clinic.toml"),
    ("logs", "privity logs $session --config clinic.toml"),
    ("watch", "privity watch $session --roster roster.toml --key analyst.key"),
    ("cancel", "privity cancel $session --config clinic.toml"),
    ("aggregator", "privity aggregator --config service.toml --check"),
    (
        "terms",
        "privity terms survey.agreement --service $identity --at rounds.example.org:7100 --enroller enroller.keys --keys a.keys b.keys c.keys",
    ),
    ("contribute", "privity contribute --terms terms.toml --key phone.key --data values.npy --result"),
    ("rounds", "privity rounds --terms terms.toml --key phone.key"),
    ("enrol", "privity enrol --terms terms.toml --key enroller.key clients.txt"),
    (
        "invite",
        "privity invite --name clinic --key clinic.key --endpoint clinic.example:7700 --listen 0.0.0.0:7700 --guests 2 -o roster.toml",
    ),
    (
        "join",
        "privity join clinic.example:7700/lusab-babad-gutih-tugad --name registry --key registry.key --endpoint registry.example:7700 -o roster.toml",
    ),
    ("doctor", "privity doctor --roster roster.toml --key clinic.key"),
    ("relay", "privity relay --listen 0.0.0.0:7800 --roster roster.toml"),
    (
        "flight-proxy",
        "privity flight-proxy --to cloud --roster roster.toml --key clinic.key --policy cloud-machine.toml",
    ),
    (
        "seal",
        "privity seal vitals --csv clinic.csv --columns age,sex,bmi,bp --key patient --under vitals.key -o vitals.sealed",
    ),
    ("store init", "privity store init --store clinic.store --key clinic.store.key"),
    (
        "store put",
        "privity store put weights --store clinic.store --key clinic.store.key --npy w.npy --type f64[10] --owner $identity",
    ),
    ("store ls", "privity store ls --store clinic.store --key clinic.store.key"),
    ("store show", "privity store show model --store clinic.store --key clinic.store.key"),
    ("store rm", "privity store rm model --store clinic.store --key clinic.store.key"),
    ("store export", "privity store export weights --store clinic.store --key clinic.store.key --to weights.bin"),
    ("store rekey", "privity store rekey --store clinic.store --key clinic.store.key --new-key next.key"),
    ("store backup", "privity store backup --store clinic.store --key clinic.store.key --to backup"),
    ("store restore", "privity store restore --store new.store --key clinic.store.key --from backup"),
    ("store verify", "privity store verify --store clinic.store --key clinic.store.key"),
    ("audit show", "privity audit show clinic.audit.jsonl --kind run-ended --last 10"),
    ("audit verify", "privity audit verify clinic.audit.jsonl --worker $identity --head clinic.receipt.json"),
    ("audit export", "privity audit export clinic.audit.jsonl --to audit.json"),
    ("attest verify", "privity attest verify quote.bin --policy machine.toml --collateral intel --nonce 00c0ffee"),
    ("attest inspect", "privity attest inspect quote.bin"),
    ("attest pin", "privity attest pin quote.bin --collateral intel --name machine"),
    ("attest produce", "privity attest produce --nonce 00c0ffee -o evidence.json"),
    ("attest measure", "privity attest measure privity clinic.toml --dry-run"),
    ("attest enrol request", "privity attest enrol request -o request.json"),
    ("attest enrol challenge", "privity attest enrol challenge request.json --key verifier.key -o credential.json"),
    ("attest enrol answer", "privity attest enrol answer credential.json -o answer.json"),
    ("attest enrol admit", "privity attest enrol admit request.json --key verifier.key --answer 00c0ffee"),
    ("attest approve", "privity attest approve values.json --key clinic.key -o clinic.approval"),
    (
        "attest approved",
        "privity attest approved values.json --owner $identity --approval clinic.approval --policy enclave.toml",
    ),
    (
        "attest log append",
        "privity attest log append enclaves.log --values values.json --owner $identity --approval clinic.approval --key keeper.key",
    ),
    ("attest log prove", "privity attest log prove enclaves.log --key keeper.key -o inclusion.json"),
    ("attest log verify", "privity attest log verify inclusion.json --keeper $identity --owner $identity"),
    ("version", "privity version --json"),
];

/// The whole command, with an example below the help of each.
pub(crate) fn command() -> Command {
    below(Args::command(), "")
}

fn below(command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        let path = format!("{path} {name}").trim_start().to_owned();
        let example = EXAMPLES.iter().find(|(words, _)| *words == path);
        command.mut_subcommand(name, |sub| {
            let sub = match example {
                Some((_, line)) => sub.after_help(format!("Example:\n  {line}")),
                None => sub,
            };
            below(sub, &path)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All commands that do something, by their words.
    fn leaves(command: &Command, path: &str, all: &mut Vec<String>) {
        for sub in command.get_subcommands() {
            let path = format!("{path} {}", sub.get_name()).trim_start().to_owned();
            match sub.has_subcommands() {
                true => leaves(sub, &path, all),
                false => all.push(path),
            }
        }
    }

    #[test]
    fn each_command_has_an_example_that_parses() {
        let mut all = Vec::new();
        leaves(&Args::command(), "", &mut all);
        let known: Vec<&str> = EXAMPLES.iter().map(|(words, _)| *words).collect();
        for path in &all {
            assert!(known.contains(&path.as_str()), "`privity {path}` has no example");
        }
        for (words, line) in EXAMPLES {
            assert!(all.iter().any(|path| path == words), "there is no command `privity {words}`");
            assert!(line.starts_with(&format!("privity {words}")), "{line} is no example of {words}");
            let identity = privity::net::KeyPair::from_seed(&[1; 32]).identity().to_string();
            let line = line.replace("$digest", &"ab".repeat(32)).replace("$session", &"ab".repeat(16));
            let line = line.replace("$identity", &identity);
            if let Err(e) = command().try_get_matches_from(line.split_whitespace()) {
                panic!("{line}: {e}");
            }
        }
    }
}
