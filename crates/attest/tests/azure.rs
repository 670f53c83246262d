//! Real evidence of Azure confidential VMs.

mod common;

use attest::azure::{AzureEvidence, check_links};
use attest::{Endorsements, Error, Evidence, Expected, Policy, Technology, validate, validate_bytes};
use common::{data, roots, time};

fn evidence(file: &str) -> AzureEvidence {
    match Evidence::parse(&data(file)).unwrap() {
        Evidence::Azure(evidence) => evidence,
        other => panic!("taken for {other:?}"),
    }
}

#[test]
fn a_vm_on_snp_is_accepted_with_its_challenge() {
    let at = time("2025-06-01T00:00:00Z");
    let claims = validate_bytes(&data("azure/az-snp/evidence-v1.json"), &Endorsements::none(), &roots(), at).unwrap();
    assert_eq!(claims.technology, Technology::AzureSnp);
    let measured = &claims.executables.measurements;
    let text = format!(
        "name = 'test'\ntechnologies = ['azure-snp']\n[measurements]\nmeasurement = ['{}']\n'pcr.sha256.4' = ['{}']\n\
         [minimum]\nsnp = 20\n[require]\nsecure-boot = true\nvmpl = 0",
        measured["measurement"], measured["pcr.sha256.4"]
    );
    let policy = Policy::parse(&text).unwrap();
    let appraise = |nonce| policy.appraise(&claims, &Expected { nonce: Some(nonce), ..Expected::default() }, at);
    let accepted = appraise(b"challenge");
    assert!(accepted.accepted, "{}", accepted.to_json());
    assert!(!appraise(b"challenged").accepted);
    let late = validate_bytes(
        &data("azure/az-snp/evidence-v1.json"),
        &Endorsements::none(),
        &roots(),
        time("2032-01-28T16:26:56Z"),
    );
    assert!(matches!(late, Err(Error::Expired { .. })), "{late:?}");
}

#[test]
fn the_links_of_a_vm_on_tdx_hold_and_its_quote_is_refused() {
    let evidence = evidence("azure/az-tdx/evidence-v1.json");
    let links = check_links(&evidence).unwrap();
    assert_eq!(links.quoted.extra_data, b"challenge");
    let mut with = Endorsements::none();
    with.add(&data("tdx/c-automata-00806f050000-2507.json"));
    let refused = validate(&Evidence::Azure(evidence), &with, &roots(), time("2025-07-15T00:00:00Z"));
    assert!(refused.unwrap_err().to_string().contains("SEPT_VE_DISABLE"));
}

#[test]
fn a_broken_link_is_refused() {
    for file in ["azure/az-snp/evidence-v1.json", "azure/az-tdx/evidence-v1.json"] {
        let good = evidence(file);
        let mut other_key = good.clone();
        // Inside the runtime data: the hash no longer is the report data.
        let at = other_key.hcl_report.0.windows(8).position(|window| window == b"HCLAkPub").unwrap();
        other_key.hcl_report.0[at + 60] ^= 1;
        assert!(check_links(&other_key).is_err(), "{file}");
        let mut other_register = good.clone();
        other_register.quote.pcrs[4].value.0[0] ^= 1;
        assert!(matches!(check_links(&other_register), Err(Error::Mismatch { .. })), "{file}");
        let mut other_challenge = good.clone();
        let at = other_challenge.quote.message.0.windows(9).position(|window| window == b"challenge").unwrap();
        other_challenge.quote.message.0[at] ^= 1;
        assert!(matches!(check_links(&other_challenge), Err(Error::Signature { .. })), "{file}");
    }
    let mut other_td = evidence("azure/az-tdx/evidence-v1.json");
    other_td.td_quote = Some(data("tdx/phala-tdx.quote.bin").into());
    assert!(matches!(check_links(&other_td), Err(Error::Mismatch { .. })));
}
