//! Evidence of a development PKI: accepted only by a verifier that takes its roots and a policy that says so; and with
//! it, every reason for refusal of a policy, by default and tolerated.

mod common;

use attest::development::{DevelopmentPki, Guest, Product, measurement};
use attest::{
    Claims, Endorsements, Error, Evidence, Expected, Hash, Outcome, Policy, Root, Roots, TcbStatus, Technology, Time,
    validate,
};
use common::{roots, time};

const NOW: &str = "2026-11-21T09:00:00Z";
const CHALLENGE: [u8; 32] = [0xc4; 32];

fn pki() -> DevelopmentPki {
    DevelopmentPki::from_seed([7; 32])
}

fn development_roots() -> Roots {
    roots().with_insecure_development_roots(pki().roots().unwrap())
}

fn guest() -> Guest<'static> {
    Guest::new(b"worker 0.1", &CHALLENGE)
}

/// Evidence of every kind of one guest, with its endorsements and the measurement to pin.
fn every_kind(guest: &Guest<'_>) -> Vec<(Technology, Evidence, Endorsements, &'static str)> {
    let pki = pki();
    let now = time(NOW);
    let with = |tdx| {
        let mut with = Endorsements::none();
        with.intel.push(pki.intel_collateral(tdx, now).unwrap());
        with
    };
    let none = Endorsements::none;
    let registers = [(4, [1; 32]), (14, [2; 32])];
    let mut all = vec![
        (Technology::Sgx, Evidence::Quote(pki.sgx(guest).unwrap()), with(false), "mrenclave"),
        (Technology::Tdx, Evidence::Quote(pki.tdx(guest).unwrap()), with(true), "mrtd"),
        (Technology::Nitro, Evidence::Nitro(pki.nitro(guest, None, now).unwrap()), none(), "pcr0"),
        (Technology::Tpm, Evidence::Tpm(pki.tpm(&registers, guest.report_data).unwrap()), none(), "pcr.sha256.14"),
    ];
    for product in [Product::Milan, Product::Genoa, Product::Turin] {
        all.push((Technology::Snp, Evidence::Snp(pki.snp(guest, product).unwrap()), none(), "measurement"));
    }
    all
}

fn policy(claims: &Claims, pin: &str) -> Policy {
    let text = format!(
        "name = 'desk'\ntechnologies = ['{}']\ndevelopment = true\n[measurements]\n'{pin}' = ['{}']\n{}",
        claims.technology.name(),
        claims.executables.measurements[pin],
        if claims.technology == Technology::Snp { "[minimum]\nsnp = 3\n" } else { "" }
    );
    Policy::parse(&text).unwrap()
}

fn appraise(policy: &Policy, claims: &Claims, at: Time) -> Vec<String> {
    let expected = Expected { report_data: Some(&CHALLENGE), ..Expected::default() };
    let appraisal = policy.appraise(claims, &expected, at);
    let mut refused: Vec<String> = appraisal.refusals().map(|check| check.check.clone()).collect();
    refused.dedup();
    refused
}

#[test]
fn every_kind_needs_the_flag_and_a_policy_that_says_development() {
    let now = time(NOW);
    for (technology, evidence, with, pin) in every_kind(&guest()) {
        let claims =
            validate(&evidence, &with, &development_roots(), now).unwrap_or_else(|e| panic!("{technology:?}: {e}"));
        assert_eq!((claims.technology, claims.root), (technology, Root::Development));
        let policy = policy(&claims, pin);
        assert_eq!(appraise(&policy, &claims, now), [""; 0], "{technology:?}");
        let production = Policy { development: false, ..policy };
        let refused = appraise(&production, &claims, now);
        assert!(refused.contains(&"root".to_owned()), "{technology:?}: {refused:?}");
        // Without the flag nothing but the vendors' roots counts.
        match validate(&evidence, &with, &roots(), now) {
            Ok(claims) => assert_eq!((technology, claims.root), (Technology::Tpm, Root::None)),
            Err(error) => assert!(
                matches!(error, Error::Chain { .. } | Error::Intel { .. } | Error::Signature { .. }),
                "{technology:?}: {error}"
            ),
        }
        let other = roots().with_insecure_development_roots(DevelopmentPki::from_seed([8; 32]).roots().unwrap());
        let other = validate(&evidence, &with, &other, now);
        assert!(other.is_err() || technology == Technology::Tpm, "{technology:?}: the roots of another seed");
    }
}

#[test]
fn debug_is_refused_for_every_kind_that_has_it() {
    let now = time(NOW);
    let debugged = Guest { debug: true, ..guest() };
    for (technology, evidence, with, pin) in every_kind(&debugged).into_iter().filter(|row| row.0 != Technology::Tpm) {
        let claims = validate(&evidence, &with, &development_roots(), now).unwrap();
        let mut policy = policy(&claims, pin);
        // A Nitro enclave in debug mode has no measurement to pin.
        policy.tolerate.unpinned = technology == Technology::Nitro;
        assert_eq!(appraise(&policy, &claims, now), ["debug"], "{technology:?}");
        policy.tolerate.debug = true;
        assert_eq!(appraise(&policy, &claims, now), [""; 0], "{technology:?}");
    }
}

#[test]
fn each_default_refusal_has_its_own_reason_and_its_own_tolerance() {
    let now = time(NOW);
    for (technology, evidence, with, pin) in every_kind(&guest()) {
        let claims = validate(&evidence, &with, &development_roots(), now).unwrap();
        let good = policy(&claims, pin);

        let mut unpinned = good.clone();
        unpinned.measurements.clear();
        assert_eq!(appraise(&unpinned, &claims, now), ["pinned"], "{technology:?}");
        unpinned.tolerate.unpinned = true;
        assert_eq!(appraise(&unpinned, &claims, now), [""; 0], "{technology:?}");

        let mut other_code = good.clone();
        other_code.measurements.insert(pin.into(), vec![measurement(b"other", Hash::Sha384).into()]);
        assert_eq!(appraise(&other_code, &claims, now), ["measurement"], "{technology:?}");

        let mut unknown = good.clone();
        unknown.measurements.insert("no-such-register".into(), vec![[0].into()]);
        assert_eq!(appraise(&unknown, &claims, now), ["measurement"], "{technology:?}");

        let expected = Expected { report_data: Some(&[1; 32]), ..Expected::default() };
        let wrong = good.appraise(&claims, &expected, now);
        assert_eq!(wrong.refusals().map(|c| c.check.as_str()).collect::<Vec<_>>(), ["report-data", "freshness"]);
        let missing = good.appraise(&claims, &Expected::default(), now);
        assert_eq!(missing.refusals().map(|c| c.check.as_str()).collect::<Vec<_>>(), ["freshness"], "{technology:?}");

        let mut elsewhere = good.clone();
        elsewhere.technologies = vec![Technology::AzureTdx];
        assert_eq!(appraise(&elsewhere, &claims, now), ["technology"], "{technology:?}");
    }
}

#[test]
fn firmware_that_is_out_of_date_says_which_component_is_short() {
    let now = time(NOW);
    let old = Guest { firmware: 2, ..guest() };
    for (technology, evidence, with, pin) in every_kind(&old) {
        if !matches!(technology, Technology::Sgx | Technology::Tdx) {
            continue;
        }
        let claims = validate(&evidence, &with, &development_roots(), now).unwrap();
        assert_eq!(claims.hardware.tcb.status, TcbStatus::OutOfDate);
        let mut policy = policy(&claims, pin);
        let appraisal = policy.appraise(&claims, &Expected::default(), now);
        let status = appraisal.checks.iter().find(|check| check.check == "tcb-status").unwrap();
        assert!(status.finding.contains("pce-svn has 2, needs 3"), "{}", status.finding);
        assert!(status.finding.contains("sgx-0 has 2, needs 3"), "{}", status.finding);
        assert_eq!(appraise(&policy, &claims, now), ["tcb-status", "advisory"]);
        policy.tolerate.tcb = vec![TcbStatus::OutOfDate];
        assert_eq!(appraise(&policy, &claims, now), ["advisory"]);
        policy.tolerate.advisories = vec!["DEVELOPMENT-SA-00001".into()];
        assert_eq!(appraise(&policy, &claims, now), [""; 0]);
    }
}

#[test]
fn revoked_firmware_and_firmware_below_every_level_cannot_be_tolerated() {
    let now = time(NOW);
    for (firmware, revoked) in [(1, true), (0, false)] {
        let old = Guest { firmware, ..guest() };
        for (technology, evidence, with, _) in every_kind(&old) {
            if !matches!(technology, Technology::Sgx | Technology::Tdx) {
                continue;
            }
            let error = validate(&evidence, &with, &development_roots(), now).unwrap_err();
            match error {
                Error::Intel { why } if revoked => assert!(why.contains("Revoked"), "{why}"),
                Error::BelowEveryTcbLevel { short, .. } if !revoked => {
                    assert!(short.contains("pce-svn has 0, needs 1"), "{short}");
                }
                other => panic!("{technology:?} {firmware}: {other}"),
            }
        }
    }
}

#[test]
fn an_old_snp_firmware_fails_the_minimum_of_the_policy() {
    let now = time(NOW);
    for product in [Product::Milan, Product::Genoa, Product::Turin] {
        let current = validate_snp(&guest(), product, now);
        let old = validate_snp(&Guest { firmware: 2, ..guest() }, product, now);
        let policy = policy(&current, "measurement");
        assert_eq!(appraise(&policy, &old, now), ["tcb-minimum"], "{product:?}");
        assert_eq!(old.hardware.tcb.components.iter().any(|c| c.name == "fmc"), product == Product::Turin);
    }
}

fn validate_snp(guest: &Guest<'_>, product: Product, at: Time) -> Claims {
    let evidence = Evidence::Snp(pki().snp(guest, product).unwrap());
    validate(&evidence, &Endorsements::none(), &development_roots(), at).unwrap()
}

#[test]
fn stale_collateral_is_refused_unless_the_policy_tolerates_that_many_seconds() {
    let now = time(NOW);
    let late = now.plus(30 * 86_400 + 100);
    for (technology, evidence, with, pin) in every_kind(&guest()) {
        if !matches!(technology, Technology::Sgx | Technology::Tdx) {
            continue;
        }
        let claims = validate(&evidence, &with, &development_roots(), late).unwrap();
        assert_eq!(claims.stale_since, Some(now.plus(30 * 86_400)));
        let mut policy = policy(&claims, pin);
        assert_eq!(appraise(&policy, &claims, late), ["collateral"], "{technology:?}");
        policy.tolerate.stale_collateral_seconds = 99;
        assert_eq!(appraise(&policy, &claims, late), ["collateral"], "{technology:?}");
        policy.tolerate.stale_collateral_seconds = 100;
        assert_eq!(appraise(&policy, &claims, late), [""; 0], "{technology:?}");
        let early = validate(&evidence, &with, &development_roots(), Time::from_unix(now.unix() - 1));
        assert!(matches!(early, Err(Error::NotYetValid { .. })), "{technology:?}: {early:?}");
    }
}

#[test]
fn of_several_collaterals_the_current_one_is_used() {
    let now = time(NOW);
    let evidence = Evidence::Quote(pki().tdx(&guest()).unwrap());
    let mut with = Endorsements::none();
    let earlier = Time::from_unix(now.unix() - 40 * 86_400);
    let other_pki = DevelopmentPki::from_seed([9; 32]);
    with.intel.push(other_pki.intel_collateral(true, now).unwrap());
    with.intel.push(pki().intel_collateral(true, earlier).unwrap());
    with.intel.push(pki().intel_collateral(false, now).unwrap());
    with.intel.push(pki().intel_collateral(true, now).unwrap());
    let claims = validate(&evidence, &with, &development_roots(), now).unwrap();
    assert_eq!((claims.stale_since, claims.valid.from), (None, now));
}

#[test]
fn an_appraisal_expires_with_its_policy_or_its_endorsements() {
    let now = time(NOW);
    let evidence = Evidence::Quote(pki().tdx(&guest()).unwrap());
    let mut with = Endorsements::none();
    with.intel.push(pki().intel_collateral(true, now).unwrap());
    let claims = validate(&evidence, &with, &development_roots(), now).unwrap();
    let mut policy = policy(&claims, "mrtd");
    let expected = Expected { report_data: Some(&CHALLENGE), ..Expected::default() };
    let accepted = policy.appraise(&claims, &expected, now).accept().unwrap();
    assert!(accepted.holds_at(now.plus(3600)) && !accepted.holds_at(now.plus(3601)));
    policy.lifetime_seconds = u64::MAX;
    let accepted = policy.appraise(&claims, &expected, now).accept().unwrap();
    assert_eq!(accepted.record().expires, claims.valid.until);
    // Claims are not taken back in time.
    let early = policy.appraise(&claims, &expected, Time::from_unix(now.unix() - 1));
    assert!(!early.accepted);
    let refused = policy.appraise(&claims, &Expected::default(), now).accept().unwrap_err();
    assert!(refused.to_string().contains("may be a replay"), "{refused}");
}

#[test]
fn appraisals_have_a_json_form_that_reads_back() {
    let now = time(NOW);
    let claims = validate_snp(&guest(), Product::Turin, now);
    let expected = Expected { report_data: Some(&CHALLENGE), ..Expected::default() };
    let appraisal = policy(&claims, "measurement").appraise(&claims, &expected, now);
    let record: attest::Record = serde_json::from_str(&appraisal.to_json()).unwrap();
    assert_eq!(record, *appraisal);
    assert!(record.development);
    assert!(record.checks.iter().any(|check| check.check == "root" && check.outcome == Outcome::Tolerated));
}

#[test]
fn a_nonce_of_its_own_is_compared_where_there_is_one_and_refused_where_it_must_be_hashed_in() {
    let now = time(NOW);
    let nonce = [9; 16];
    let evidence = Evidence::Nitro(pki().nitro(&guest(), Some(&nonce), now).unwrap());
    let nitro = validate(&evidence, &Endorsements::none(), &development_roots(), now).unwrap();
    let snp = validate_snp(&guest(), Product::Milan, now);
    let both = Expected { report_data: Some(&CHALLENGE), nonce: Some(&nonce), ..Expected::default() };
    assert!(policy(&nitro, "pcr0").appraise(&nitro, &both, now).accepted);
    assert!(!policy(&snp, "measurement").appraise(&snp, &both, now).accepted);
    let other = Expected { nonce: Some(&[8; 16]), ..Expected::default() };
    assert!(!policy(&nitro, "pcr0").appraise(&nitro, &other, now).accepted);
}

#[test]
fn revoked_certificates_are_refused() {
    let now = time(NOW);
    for (tdx, evidence) in [(false, pki().sgx(&guest()).unwrap()), (true, pki().tdx(&guest()).unwrap())] {
        let validate_revoking = |firmware: u8| {
            let mut with = Endorsements::none();
            with.intel.push(pki().intel_collateral_revoking(tdx, now, &[firmware]).unwrap());
            validate(&Evidence::Quote(evidence.clone()), &with, &development_roots(), now)
        };
        assert!(validate_revoking(2).is_ok(), "another platform's certificate is revoked");
        let refused = validate_revoking(3).unwrap_err();
        assert!(refused.to_string().contains("CertRevoked"), "{refused}");
    }
    for product in [Product::Milan, Product::Genoa, Product::Turin] {
        let evidence = Evidence::Snp(pki().snp(&guest(), product).unwrap());
        let validate_with = |crl: Vec<u8>, at: Time| {
            let mut with = Endorsements::none();
            assert_eq!(with.add(&crl), attest::Added::Crl);
            validate(&evidence, &with, &development_roots(), at)
        };
        assert!(validate_with(pki().amd_crl((product, 2), now).unwrap(), now).is_ok());
        let crl = pki().amd_crl((product, 3), now).unwrap();
        assert!(matches!(validate_with(crl.clone(), now), Err(Error::Revoked { .. })));
        assert!(matches!(validate_with(crl.clone(), now.plus(31 * 86_400)), Err(Error::Expired { .. })));
        let mut altered = crl;
        let end = altered.len() - 5;
        altered[end] ^= 1;
        assert!(matches!(validate_with(altered, now), Err(Error::Signature { .. })), "{product:?}");
    }
}

#[test]
fn a_register_that_was_never_extended_or_can_be_reset_pins_nothing() {
    let now = time(NOW);
    let registers = [(4, [1; 32]), (5, [0; 32]), (16, [7; 32]), (23, [7; 32])];
    let evidence = Evidence::Tpm(pki().tpm(&registers, &CHALLENGE).unwrap());
    let claims = validate(&evidence, &Endorsements::none(), &development_roots(), now).unwrap();
    assert_eq!(appraise(&policy(&claims, "pcr.sha256.4"), &claims, now), [""; 0]);
    for pin in ["pcr.sha256.5", "pcr.sha256.16", "pcr.sha256.23"] {
        assert_eq!(appraise(&policy(&claims, pin), &claims, now), ["pinned"], "{pin}");
    }
}

#[test]
fn a_policy_survives_its_text_and_its_digest_names_it() {
    let now = time(NOW);
    let claims = validate_snp(&guest(), Product::Genoa, now);
    let policy = policy(&claims, "measurement");
    let again = Policy::parse(&policy.to_toml().unwrap()).unwrap();
    assert_eq!(again, policy);
    assert_eq!(again.digest(), policy.digest());
    let mut other = policy.clone();
    other.tolerate.debug = true;
    assert_ne!(other.digest(), policy.digest());
    for bad in [
        "name = 'p'\ntechnologies = []",
        "name = 'p'\ntechnologies = ['sgx']\n[measurements]\nmrenclave = []",
        "name = 'p'\ntechnologies = ['sgx']\ntolerates = 1",
        "name = 'p'\ntechnologies = ['abacus']",
        "name = 'p'\ntechnologies = ['sgx']\n[tolerate]\ntcb = ['Revoked']",
    ] {
        assert!(matches!(Policy::parse(bad), Err(Error::Verifier { .. })), "{bad}");
    }
}

#[test]
fn certificates_in_a_hosts_table_are_found() {
    let evidence = pki().snp(&guest(), Product::Turin).unwrap();
    let vcek = &evidence.certificates[0];
    let mut table = vec![0x63; 16];
    table.extend(48u32.to_le_bytes());
    table.extend((vcek.len() as u32).to_le_bytes());
    table.extend([0; 24]);
    table.extend(&**vcek);
    assert_eq!(attest::snp::parse_certificate_table(&table).unwrap(), std::slice::from_ref(vcek));
    table.truncate(table.len() - 1);
    assert!(attest::snp::parse_certificate_table(&table).is_err());
}

#[test]
fn a_policy_that_pins_a_machine_accepts_it_and_no_other() {
    let now = time(NOW);
    let other = Guest::new(b"worker 0.2", &CHALLENGE);
    for ((technology, evidence, with, _), (_, changed, _, _)) in
        every_kind(&guest()).into_iter().zip(every_kind(&other))
    {
        let claims = validate(&evidence, &with, &development_roots(), now).unwrap();
        let policy = Policy::pinning("this machine", &claims);
        assert_eq!(appraise(&policy, &claims, now), [""; 0], "{technology:?}");
        if technology != Technology::Tpm {
            let changed = validate(&changed, &with, &development_roots(), now).unwrap();
            assert_eq!(appraise(&policy, &changed, now), ["measurement"], "{technology:?}");
        }
    }
}
