//! What is shipped for deployment keeps what the book says of it.

use std::path::Path;

fn read(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    std::fs::read_to_string(root.join("deploy").join(file)).unwrap()
}

#[test]
fn the_enclave_takes_nothing_from_its_host() {
    let manifest = read("gramine/privity.manifest.template");
    let set = |line: &str| manifest.lines().any(|l| l == line);
    assert!(set("sgx.debug = false") && set("sgx.remote_attestation = \"dcap\""));
    assert!(!manifest.contains("insecure__") && !manifest.contains("passthrough"), "host arguments or environment");
    assert!(!manifest.contains("allowed_files"), "files that nobody measured");
    assert!(manifest.contains("key_name = \"_sgx_mrenclave\""));
}

#[test]
fn the_unit_measures_first_and_leaves_nothing_on_disk() {
    let unit = read("systemd/privity-worker.service");
    let at = |text: &str| unit.find(text).unwrap_or_else(|| panic!("no {text}"));
    assert!(at("ExecStartPre=+/usr/bin/privity attest measure") < at("ExecStart=/usr/bin/privity worker"));
    for line in ["LimitCORE=0", "MemorySwapMax=0", "ProtectSystem=strict", "NoNewPrivileges=yes"] {
        at(line);
    }
}

#[test]
fn a_reproducible_build_names_no_machine_and_no_time() {
    let script = read("reproducible.sh");
    for flag in ["--remap-path-prefix=$folder=", "--remap-path-prefix=$cargo_home=", "-ffile-prefix-map=$folder="] {
        assert!(script.contains(flag), "{flag}");
    }
    for flag in ["SOURCE_DATE_EPOCH=0", "--locked", "--build-id=none", "CARGO_INCREMENTAL=0"] {
        assert!(script.contains(flag), "{flag}");
    }
    assert!(script.contains("build first") && script.contains("build other-name"), "in folders of two names");
}

/// What it is of, only `make reproducible` can tell: it takes a build.
#[test]
fn the_recorded_binary_is_of_this_version() {
    let record = read("privity.sha256");
    let (digest, of) = record.trim_end().split_once("  ").unwrap();
    assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{digest}");
    let [version, commit, compiler, linker] = of.split("; ").collect::<Vec<_>>()[..] else { panic!("{of}") };
    assert_eq!(version, concat!("privity ", env!("CARGO_PKG_VERSION")), "record the new version's binary, too");
    let commit = commit.strip_prefix("commit ").unwrap();
    assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{commit}");
    assert!(compiler.starts_with("rustc 1.") && !linker.is_empty(), "{of}");
}
