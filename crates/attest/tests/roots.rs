//! The pinned roots are those that their vendors publish.

use attest::{Certificate, Roots};

const FINGERPRINTS: [(&str, &str); 11] = [
    ("aws-nitro-root-g1.der", "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"),
    ("genoa-ark.der", "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1"),
    ("genoa-ask.der", "5464738c1546aed5f2cecf1dc98c5c960a92e8913238a61711bc90ec6e828521"),
    ("genoa-asvk.der", "197e610743a917d6b9bb982a5a9226ccc0a15b611be0619e626aca9151457372"),
    ("intel-sgx-root.der", "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"),
    ("milan-ark.der", "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd"),
    ("milan-ask.der", "67d303bd3905fd38db8b20e0793699870e7fa612eaad5dec358293fd8c0bac1b"),
    ("milan-asvk.der", "c5e081f59b7efab1fe2f8b505e159704e72f29cab7ef7cf628a05a42439082f5"),
    ("turin-ark.der", "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a"),
    ("turin-ask.der", "5b77ef5fe7a7a004fd9032668fba9d0fda22f88c4442069a479636a6ae3b3185"),
    ("turin-asvk.der", "104e10a8bd060a3c20a434261a57d0588fd65a88915b4f65b08bdecaf8df1a3c"),
];

#[test]
fn roots_have_their_fingerprints_and_parse() {
    Roots::production().unwrap();
    for (file, fingerprint) in FINGERPRINTS {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("roots").join(file);
        let certificate = Certificate::parse(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(certificate.fingerprint().to_string(), fingerprint, "{file}");
        assert!(certificate.subject() == certificate.issuer() || certificate.issuer().contains("ARK-"), "{file}");
    }
}
