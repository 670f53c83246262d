//! The interfaces of Gramine and of Linux's reports, served by a file system in user space, with evidence that a
//! development PKI signs for whatever report data is written.

mod kernel;

use std::fmt::Debug;
use std::path::Path;

use attest::development::{DevelopmentPki, Guest, Product};
use attest::{Endorsements, Evidence, Hex, Roots, Technology, Time, validate};
use attester::{Attester, Error, GramineAttester, Places, TsmAttester};
use kernel::{Interface, serve};

fn pki() -> DevelopmentPki {
    DevelopmentPki::from_seed([6; 32])
}

fn now() -> Time {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

const REPORT: &[&str] = &["inblob", "outblob", "auxblob", "provider", "generation"];
const GRAMINE: &[&str] = &["attestation_type", "user_report_data", "quote"];

/// A table of one certificate, as a host passes it.
fn table(certificate: &[u8]) -> Vec<u8> {
    let entry = |offset: u32, length: u32| [&[7; 16][..], &offset.to_le_bytes(), &length.to_le_bytes()].concat();
    [&entry(48, certificate.len() as u32)[..], &[0; 24], certificate].concat()
}

fn snp(name: &str, input: &[u8], writes: u64) -> Option<Vec<u8>> {
    let evidence = || pki().snp(&Guest::new(b"a guest", input), Product::Genoa).unwrap();
    match name {
        "outblob" => Some(evidence().report.0),
        "auxblob" => Some(table(&evidence().certificates[0])),
        "provider" => Some(b"sev_guest\n".to_vec()),
        "generation" => Some(format!("{writes}\n").into_bytes()),
        _ => None,
    }
}

fn tdx(name: &str, input: &[u8], writes: u64) -> Option<Vec<u8>> {
    match name {
        "outblob" => Some(pki().tdx(&Guest::new(b"a guest", input)).unwrap().quote.0),
        "provider" => Some(b"tdx_guest\n".to_vec()),
        _ => snp(name, input, writes).filter(|_| name == "generation"),
    }
}

/// Something else writes to each report, too: the count moves on by itself.
fn raced(name: &str, input: &[u8], writes: u64) -> Option<Vec<u8>> {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let moved = || COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string().into_bytes();
    if name == "generation" { Some(moved()) } else { snp(name, input, writes) }
}

fn unknown(name: &str, input: &[u8], writes: u64) -> Option<Vec<u8>> {
    if name == "provider" { Some(b"arm_cca_guest\n".to_vec()) } else { snp(name, input, writes) }
}

fn broken(name: &str, input: &[u8], writes: u64) -> Option<Vec<u8>> {
    if name == "outblob" { Some(vec![0xff; 700]) } else { snp(name, input, writes) }
}

fn gramine(name: &str, input: &[u8], _: u64) -> Option<Vec<u8>> {
    match name {
        "attestation_type" => Some(b"dcap".to_vec()),
        "quote" => Some(pki().sgx(&Guest::new(b"an enclave", input)).unwrap().quote.0),
        _ => None,
    }
}

fn without_attestation(name: &str, input: &[u8], writes: u64) -> Option<Vec<u8>> {
    if name == "attestation_type" { Some(b"none".to_vec()) } else { gramine(name, input, writes) }
}

fn linux(answers: kernel::Answers) -> Interface {
    Interface { files: REPORT, input: "inblob", answers, folders: true }
}

/// That evidence validates, is of this technology, and says what was asked for.
fn holds(evidence: &Evidence, technology: Technology, report_data: &[u8]) {
    let mut with = Endorsements::none();
    for tdx in [false, true] {
        with.intel.push(pki().intel_collateral(tdx, now()).unwrap());
    }
    let roots = Roots::production().unwrap().with_insecure_development_roots(pki().roots().unwrap());
    let claims = validate(evidence, &with, &roots, now()).unwrap();
    let mut field = report_data.to_vec();
    field.resize(64, 0);
    assert_eq!((claims.technology, &claims.freshness.report_data), (technology, &Hex(field)));
}

fn refusal<T: Debug>(result: Result<T, Error>) -> String {
    let error = result.unwrap_err();
    format!("{}: {error}", error.code())
}

fn reports(at: &Path) -> TsmAttester {
    TsmAttester { reports: at.to_owned(), event_log: None }
}

#[test]
fn linux_reports_of_both_kinds_carry_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for (name, answers, technology) in [("snp", snp as kernel::Answers, Technology::Snp), ("tdx", tdx, Technology::Tdx)]
    {
        let at = folder.path().join(name);
        let Some(_served) = serve(linux(answers), &at) else { return };
        for challenge in [&[1u8; 32][..], &[2; 64], b"short"] {
            holds(&reports(&at).evidence(challenge).unwrap(), technology, challenge);
        }
        assert_eq!(refusal(reports(&at).evidence(&[0; 65])).split(':').next(), Some("attester.misuse"));
        // Reports do not stay behind.
        assert_eq!(std::fs::read_dir(&at).unwrap().count(), 0);
        let places = Places { gramine: at.join("no"), tsm: at.clone(), ccel: at.join("no"), ..Places::default() };
        holds(&places.detect().unwrap().evidence(&[3; 32]).unwrap(), technology, &[3; 32]);
    }
}

#[test]
fn linux_reports_that_cannot_be_relied_on_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, kernel::Answers, &str); 3] = [
        ("raced", raced, "attester.answer: the kernel: something else wrote to the report meanwhile"),
        ("unknown", unknown, "reports of `arm_cca_guest"),
        ("broken", broken, "attester.evidence"),
    ];
    for (name, answers, words) in cases {
        let at = folder.path().join(name);
        let Some(_served) = serve(linux(answers), &at) else { return };
        let said = refusal(reports(&at).evidence(&[1; 32]));
        assert!(said.contains(words), "{name}: {said}");
    }
    let said = refusal(reports(&folder.path().join("nowhere")).evidence(&[1; 32]));
    assert!(said.starts_with("attester.absent"), "{said}");
}

#[test]
fn gramines_files_give_a_quote_over_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let interface = |answers| Interface { files: GRAMINE, input: "user_report_data", answers, folders: false };
    let Some(_served) = serve(interface(gramine), &folder.path().join("a")) else { return };
    let enclave = GramineAttester::new(folder.path().join("a"));
    for challenge in [&[1u8; 32][..], &[2; 64]] {
        holds(&enclave.evidence(challenge).unwrap(), Technology::Sgx, challenge);
    }
    let places = Places { gramine: folder.path().join("a"), ..Places::default() };
    holds(&places.detect().unwrap().evidence(&[3; 32]).unwrap(), Technology::Sgx, &[3; 32]);

    let Some(_other) = serve(interface(without_attestation), &folder.path().join("b")) else { return };
    let said = refusal(GramineAttester::new(folder.path().join("b")).evidence(&[1; 32]));
    assert!(said.contains("Gramine was started with `none`"), "{said}");
}
