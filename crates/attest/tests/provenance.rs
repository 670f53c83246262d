//! Every row of the evidence's provenance table has a test that holds it to its verdict, and every file a row.

mod common;

use std::path::Path;

use common::data;

/// The rows, by what their first column begins with, and the tests that hold them to what they state.
const ROWS: [(&str, &str); 19] = [
    ("`sgx-v3/phala-sgx.*`", "intel: every row; flips"),
    ("`sgx-v3/automata-solana-sgx.quote.bin`", "intel: every row (debug)"),
    ("`sgx-v3/fortanix-ql.quote.bin`", "intel: altered twin"),
    ("`tdx/phala-tdx.*`", "intel: every row; flips"),
    ("`tdx/google-cos113.*`", "intel: every row; inspect: the log replays; flips"),
    ("`tdx/google-v5.quote.bin`", "intel: every row; flips"),
    ("`tdx/phala-tdx-outdated.*`", "intel: every row (errors)"),
    ("`snp/virtee/*`", "snp: every report; flips"),
    ("`snp/trustee/test-report.bin`", "snp: every report, certificates of others; flips"),
    ("`snp/trustee/test-vlek-report.bin`", "snp: every report, privilege level; flips"),
    ("`snp/google/attestation.bin`", "snp: debug"),
    ("`snp/ms/genoa-*`", "snp: every report; flips"),
    ("`nitro/dstack-nitro_attestation.cose`", "nitro: windows; flips"),
    ("`nitro/dstack-nitro_attestation_dbg.cose`", "nitro: windows (debug); flips"),
    ("`nitro/fortanix/tampered_*.bin`", "nitro: altered, foreign root"),
    ("`azure/az-snp/evidence-v1.*`", "azure: accepted with its challenge; flips"),
    ("`azure/az-tdx/evidence-v1.*`", "azure: links hold, quote refused"),
    ("`tpm/gce-cos-85-no-nonce.pb`", "tpm: three banks and log"),
    ("`tpm/swtpm/*`", "tpm: nonce, keys, endorsement certificates; flips"),
];
const LAST: (&str, &str) =
    ("`ratls/gramine-cert.*`", "ratls: bindings, debug and out of date; intel: every row; flips");

#[test]
fn every_row_is_tested() {
    let table = String::from_utf8(data("PROVENANCE.md")).unwrap();
    let rows: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")).collect();
    let tested: Vec<&str> = ROWS.iter().chain([&LAST]).map(|(row, _)| row.trim_start_matches('`')).collect();
    assert_eq!(rows.len(), tested.len());
    for (row, tested) in rows.iter().zip(tested) {
        assert!(row.starts_with(tested), "row `{row}` has no test, or another order");
    }
}

#[test]
fn every_file_has_a_row() {
    let table = String::from_utf8(data("PROVENANCE.md")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let folder = path.parent().unwrap().strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            let known = folder.is_empty() || table.contains(&format!("{folder}/"));
            assert!(known, "{} is of unknown provenance", path.display());
        }
    }
}
