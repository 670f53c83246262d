//! Meetings over TLS on 127.0.0.1: how they end well, and how they must not.

use std::future::ready;

use agreement::Roster;
use meet::{Code, Invitation, MeetError, Met, invite, join};
use net::KeyPair;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

type Outcome = (Result<Roster, MeetError>, Option<String>);

/// A host that waits for `guests`, and confirms as told. With its code.
async fn host(seed: u8, guests: usize, agrees: bool) -> (Code, JoinHandle<Outcome>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let code = Code::new(at.parse().unwrap(), [seed; 8]);
    let invitation = Invitation {
        code: code.clone(),
        guests,
        name: "clinic".into(),
        endpoint: "clinic.example:7700".parse().unwrap(),
        key: key(seed),
        nonce: [seed; 32],
    };
    let task = tokio::spawn(async move {
        let (tell, told) = oneshot::channel();
        let confirm = move |met: Met| {
            tell.send(met.phrase).unwrap();
            ready(agrees)
        };
        let result = invite(invitation, listener, |_, _| (), confirm).await;
        (result, told.await.ok())
    });
    (code, task)
}

async fn guest(code: &Code, name: &str, seed: u8, agrees: bool) -> Outcome {
    let endpoint = format!("{name}.example:7700").parse().unwrap();
    let (tell, told) = oneshot::channel();
    let confirm = move |met: Met| {
        tell.send(met.phrase).unwrap();
        ready(agrees)
    };
    let result = join(code, name, endpoint, &key(seed), [seed; 32], |_| (), confirm).await;
    (result, told.await.ok())
}

#[tokio::test]
async fn everybody_has_one_roster_and_one_phrase() {
    let (code, hosting) = host(1, 3, true).await;
    let code: Code = code.to_string().parse().unwrap();
    let (a, b, c) = tokio::join!(
        guest(&code, "laboratory", 2, true),
        guest(&code, "registry", 3, true),
        guest(&code, "analyst", 4, true)
    );
    let (roster, phrase) = hosting.await.unwrap();
    let roster = roster.unwrap();
    assert_eq!(phrase.as_ref().unwrap().split('-').count(), 4);
    for (theirs, said) in [a, b, c] {
        assert_eq!((theirs.unwrap(), said), (roster.clone(), phrase.clone()));
    }
    let names: Vec<&str> = roster.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["analyst", "clinic", "laboratory", "registry"]);
    assert_eq!(roster.get("registry").unwrap().identity, key(3).identity());
}

#[tokio::test]
async fn one_no_is_a_no_for_all() {
    for who in ["clinic", "laboratory", "registry"] {
        let (code, hosting) = host(1, 2, who != "clinic").await;
        let (a, b) = tokio::join!(
            guest(&code, "laboratory", 2, who != "laboratory"),
            guest(&code, "registry", 3, who != "registry")
        );
        for (result, _) in [hosting.await.unwrap(), a, b] {
            assert!(matches!(&result, Err(MeetError::Declined(by)) if by == who), "{result:?}");
        }
    }
}

#[tokio::test]
async fn who_was_not_invited_or_takes_a_name_is_turned_away_and_the_meeting_goes_on() {
    let (code, hosting) = host(1, 1, true).await;
    let wrong = Code::new(code.endpoint.clone(), [9; 8]);
    let (refused, _) = guest(&wrong, "mallory", 6, true).await;
    assert!(matches!(refused, Err(MeetError::Refused(_))), "{refused:?}");
    let (refused, _) = guest(&code, "clinic", 6, true).await;
    assert!(matches!(&refused, Err(MeetError::NameTaken(name)) if name == "clinic"), "the host's name: {refused:?}");
    let (refused, _) = guest(&code, "twin", 1, true).await;
    assert!(matches!(refused, Err(MeetError::KeyTaken(_))), "the host's key: {refused:?}");
    let garbage = tokio::net::TcpStream::connect(code.endpoint.to_string()).await.unwrap();
    drop(garbage);
    let (welcome, _) = guest(&code, "laboratory", 2, true).await;
    assert_eq!(welcome.unwrap(), hosting.await.unwrap().0.unwrap());
}

#[tokio::test]
async fn idle_strangers_keep_nobody_out() {
    let (code, hosting) = host(1, 1, true).await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(tokio::net::TcpStream::connect(code.endpoint.to_string()).await.unwrap());
    }
    let coming = guest(&code, "laboratory", 2, true);
    let (welcome, _) = tokio::time::timeout(std::time::Duration::from_secs(5), coming).await.expect("it is let in");
    assert_eq!(welcome.unwrap(), hosting.await.unwrap().0.unwrap());
}

/// Mallory stands between: a host of its own for the guest, a guest of its own at the host. Names and endpoints are
/// those of the honest parties; the keys cannot be.
#[tokio::test]
async fn who_stands_between_cannot_make_the_phrases_agree() {
    let (real, hosting) = host(1, 1, true).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let false_code = Code::new(listener.local_addr().unwrap().to_string().parse().unwrap(), [1; 8]);
    let invitation = Invitation {
        code: false_code.clone(),
        guests: 1,
        name: "clinic".into(),
        endpoint: "clinic.example:7700".parse().unwrap(),
        key: key(6),
        nonce: [6; 32],
    };
    let between = tokio::spawn(invite(invitation, listener, |_, _| (), |_| ready(true)));
    let (honest, forged) = tokio::join!(guest(&false_code, "laboratory", 2, true), guest(&real, "laboratory", 6, true));
    between.await.unwrap().unwrap();
    let at_host = hosting.await.unwrap().1.unwrap();
    assert_ne!(honest.1.unwrap(), at_host, "the two who compare see it");
    assert_eq!(forged.1.unwrap(), at_host);
}

#[tokio::test]
async fn a_guest_that_goes_ends_it_for_all() {
    let (code, hosting) = host(1, 2, true).await;
    // The first guest is dropped while it is asked for its confirmation.
    let (asked, reached) = oneshot::channel();
    let leaving = {
        let code = code.clone();
        tokio::spawn(async move {
            let confirm = move |_: Met| {
                asked.send(()).unwrap();
                std::future::pending::<bool>()
            };
            let endpoint = "laboratory.example:7700".parse().unwrap();
            join(&code, "laboratory", endpoint, &key(2), [2; 32], |_| (), confirm).await
        })
    };
    let staying = tokio::spawn(async move { guest(&code, "registry", 3, true).await });
    reached.await.unwrap();
    leaving.abort();
    let (result, _) = hosting.await.unwrap();
    assert!(matches!(&result, Err(MeetError::Lost(who)) if who == "laboratory"), "{result:?}");
    let (result, _) = staying.await.unwrap();
    assert!(matches!(&result, Err(MeetError::Declined(by)) if by == "laboratory"), "{result:?}");
}

#[test]
fn only_codes_are_codes() {
    for text in [
        "",
        "x",
        "clinic.example:7700",
        "clinic.example:7700/",
        "clinic.example/lusab-babad-gutih-tugad",
        "relay://relay.example:7800/lusab-babad-gutih-tugad",
        "clinic.example:7700/lusab-babad-gutih-tugaf-x",
    ] {
        let error = text.parse::<Code>().unwrap_err();
        assert_eq!(error.code(), "meet.code", "{text}");
    }
    let code: Code = " clinic.example:7700/lusab-babad-gutih-tugad\n".parse().unwrap();
    assert_eq!(code.to_string(), "clinic.example:7700/lusab-babad-gutih-tugad");
    assert!(!format!("{code:?}").contains("lusab"));
}
