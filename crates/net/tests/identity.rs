//! Keys, their text form and their files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use net::identity::{IdentityError, KeyFileFault, PublicKey};
use net::{Identity, KeyPair, NetError};
use proptest::prelude::*;

fn fault(error: NetError) -> KeyFileFault {
    assert_eq!(error.code(), "net.key-file");
    assert!(!error.help().is_empty());
    match error {
        NetError::KeyFile { fault, .. } => fault,
        other => panic!("{other}"),
    }
}

#[test]
fn the_text_form_is_stable() {
    let identity = KeyPair::from_seed(&[7; 32]).identity();
    let text = identity.to_string();
    assert_eq!(text, "prv1-bby7hkv4-e3sfqlcq-rl24aoee-42uw6cmj-2hoyz62j-zul62jlz-eqz6d6tx");
    assert_eq!(text.parse(), Ok(identity));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn every_identity_reads_back(bytes: [u8; 32]) {
        let identity = Identity::from_bytes(bytes);
        prop_assert_eq!(identity.to_string().parse(), Ok(identity));
    }

    #[test]
    fn any_changed_character_is_refused(bytes: [u8; 32], at in 0usize..67, to in "[a-z0-9A-Z-]") {
        let text = Identity::from_bytes(bytes).to_string();
        let mut changed = text.clone();
        changed.replace_range(at..at + 1, &to);
        if changed != text {
            // A checksum of 24 bits misses one in 16 million.
            prop_assert!(changed.parse::<Identity>().is_err());
        }
    }

    #[test]
    fn any_text_is_no_panic(text in ".{0,80}") {
        let _ = text.parse::<Identity>();
    }
}

#[test]
fn only_the_canonical_text_is_an_identity() {
    let text = KeyPair::from_seed(&[7; 32]).identity().to_string();
    for wrong in [text.to_uppercase(), text.replace('-', ""), format!(" {text}"), format!("{text}-"), String::new()] {
        assert_eq!(wrong.parse::<Identity>(), Err(IdentityError::Form), "{wrong}");
    }
}

#[test]
fn signatures_hold_in_their_context_only() {
    let key = KeyPair::generate().unwrap();
    let signature = key.sign("privity ratification", b"agreement");
    let public = PublicKey::from_bytes(&key.public().to_bytes()).unwrap();
    assert_eq!(public.identity(), key.identity());
    public.verify("privity ratification", b"agreement", &signature).unwrap();
    assert!(public.verify("privity receipt", b"agreement", &signature).is_err());
    // Moving the border between context and message makes another message.
    assert!(public.verify("privity ratificationa", b"greement", &signature).is_err());
    assert!(KeyPair::generate().unwrap().public().verify("privity ratification", b"agreement", &signature).is_err());
    let mut bent = signature;
    bent[0] ^= 1;
    assert!(public.verify("privity ratification", b"agreement", &bent).is_err());
}

#[test]
fn weak_public_keys_are_refused() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert!(PublicKey::from_bytes(&neutral).is_err());
    assert!(PublicKey::from_bytes(&[0; 32]).is_err());
}

#[test]
fn a_key_survives_its_file_and_nobody_else_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.key");
    let key = KeyPair::generate().unwrap();
    key.save(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(KeyPair::load(&path).unwrap().identity(), key.identity());
    assert_eq!(fault(KeyPair::generate().unwrap().save(&path).unwrap_err()), KeyFileFault::Exists);

    for mode in [0o640, 0o604, 0o660, 0o620] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(fault(KeyPair::load(&path).unwrap_err()), KeyFileFault::Mode(mode));
    }
}

#[test]
fn damaged_key_files_are_refused_without_showing_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.key");
    let (one, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    one.save(&path).unwrap();
    let content = fs::read_to_string(&path).unwrap();
    let secret = content.lines().nth(2).unwrap().strip_prefix("secret ").unwrap().to_owned();
    let flipped = content.replacen(&secret[..1], if secret.starts_with('a') { "b" } else { "a" }, usize::MAX);
    let swapped = content.replace(&one.identity().to_string(), &other.identity().to_string());
    for (content, expected) in [
        (swapped, KeyFileFault::Damaged),
        (content.replace(&secret, &secret[..40]), KeyFileFault::Damaged),
        (format!("{content}more\n"), KeyFileFault::Form),
        (String::new(), KeyFileFault::Form),
        ("x".repeat(5000), KeyFileFault::Form),
    ] {
        fs::write(&path, content).unwrap();
        assert_eq!(fault(KeyPair::load(&path).unwrap_err()), expected);
    }
    fs::write(&path, flipped).unwrap();
    let error = KeyPair::load(&path).unwrap_err();
    assert!(!format!("{error} {error:?} {} {one:?}", error.help()).contains(&secret[1..20]));
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert_eq!(fault(KeyPair::load(&path).unwrap_err()), KeyFileFault::Form);
    assert!(matches!(fault(KeyPair::load(&folder.path().join("none")).unwrap_err()), KeyFileFault::Io(_)));
}
