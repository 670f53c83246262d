//! The page in a real browser (Debian's Chromium, unpacked below `target`): people fill in its form and press its button.

mod common;
mod https;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aggregator::board::{Board, InMemory, RoundId, Slot, Step};
use aggregator::{Enrolled, Input, Member, Memories, Page, Rounds, Service, enrol, phases};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use common::{World, soon};
use https::Certificate;
use net::Identity;
use serde_json::Value;
use testkit::{Chromium, Tab};

/// Besides its digit everybody contributes a number of their own; these are what no one else may see.
const PRIVATE: [f64; 6] = [0.25, -0.5, 0.125, 0.618_033_98, -0.271_828_18, 0.314_159_26];
const PLACES: usize = 7;

/// What somebody contributes: a one at its own place, and its own number in the last one.
fn values(client: usize) -> Vec<f64> {
    let mut values = vec![0.0; PLACES];
    values[client] = 1.0;
    values[PLACES - 1] = PRIVATE[client];
    values
}

fn typed(client: usize) -> String {
    values(client).iter().map(f64::to_string).collect::<Vec<_>>().join(", ")
}

/// A service with a page, at the same addresses over restarts.
struct Site<'a> {
    world: &'a World,
    board: Arc<InMemory>,
    folder: &'a Path,
    files: &'a Path,
    certificate: &'a Certificate,
    ports: Option<(SocketAddr, SocketAddr)>,
    enrolled: Enrolled,
}

impl Site<'_> {
    async fn serve(&mut self, enrolled: &[Identity]) -> Service {
        let world = self.world;
        let list = enrol(&world.terms, &world.enroller, enrolled).unwrap();
        self.enrolled = Enrolled::parse(&world.terms, &list).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (at, page_at) = self.ports.unwrap_or((any, any));
        let page = || Page::read(self.files, &self.certificate.chain, &self.certificate.key).unwrap();
        // The ports are free as soon as the service that had them is gone.
        loop {
            let rounds = Rounds::new(world.terms.clone(), self.enrolled.clone(), self.board.clone()).unwrap();
            let started = Service::start(world.service_key.clone(), at, None, vec![rounds]).await;
            if let Ok(mut service) = started
                && let Ok(page_at) = service.serve_page(page(), page_at).await
            {
                self.ports = Some((service.address(), page_at));
                return service;
            }
            assert!(self.ports.is_some(), "a service starts");
            tokio::task::yield_now().await;
        }
    }

    /// Starts the aggregators, who have the same list.
    fn start_members(&self) {
        for (i, key) in self.world.members.iter().enumerate() {
            let (terms, list) = (self.world.terms.clone(), self.enrolled.clone());
            let (own, at) = (self.folder.join(i.to_string()), self.ports.unwrap().0.to_string());
            let member = Member::new(terms, list, key.clone(), Memories::in_folder(&own).unwrap(), Some(at)).unwrap();
            tokio::spawn(async move { member.run().await });
        }
    }

    fn address(&self) -> String {
        format!("https://{}/#{}", self.ports.unwrap().1, hex::encode(self.world.terms.digest()))
    }

    /// Ends the time for contributions, as any process that shares the board does when it is up.
    async fn close(&self) {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let step = Step { from: phases::COLLECT, to: phases::CHECK, now_ms, reason: "", document: None, erase: &[] };
        let id = RoundId { task: self.world.terms.digest(), round: 1 };
        assert!(self.board.advance(id, step).await.unwrap());
    }

    /// All bytes that the service keeps of the round.
    async fn kept(&self) -> Vec<u8> {
        let id = RoundId { task: self.world.terms.digest(), round: 1 };
        let mut all = vec![];
        for slot in 0..1000 {
            for (_, message) in self.board.page(id, Slot(slot), None, usize::MAX).await.unwrap() {
                all.extend(message);
            }
        }
        all
    }
}

fn contribute(browser: &mut Chromium, tab: &Tab, text: &str) -> (bool, String) {
    browser.evaluate(tab, "document.querySelector('#values').value = ''").unwrap();
    browser.write(tab, "#values", text).unwrap();
    browser.click(tab, "#contribute").unwrap();
    let said = "['accepted', 'refused'].includes(document.querySelector('#said').className)";
    browser.wait(tab, said).unwrap();
    let accepted = browser.evaluate(tab, "document.querySelector('#said').className").unwrap() == "accepted";
    let text = browser.text(tab, "#said").unwrap();
    (accepted, text)
}

/// What a page sent, in the clear: addresses, headers and bodies, as text and as bytes; and that it went to its own server.
fn sent(browser: &mut Chromium, tab: &Tab, own: &str) -> Vec<u8> {
    let mut all = vec![];
    for event in browser.events(tab) {
        let method = event["method"].as_str().unwrap_or_default();
        assert!(
            method != "Runtime.exceptionThrown" && !event.to_string().contains("Content Security Policy"),
            "{event}"
        );
        if !method.starts_with("Network.request") {
            continue;
        }
        if let Some(url) = event["params"]["request"]["url"].as_str() {
            assert!(url.starts_with(own) || url.starts_with("blob:"), "{url}");
        }
        all.extend(event.to_string().into_bytes());
        let entries = event["params"]["request"]["postDataEntries"].as_array().cloned().unwrap_or_default();
        for bytes in entries.iter().filter_map(|entry| entry["bytes"].as_str()) {
            all.extend(BASE64_STANDARD.decode(bytes).unwrap());
        }
    }
    all
}

fn has(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The forms in which a number or a secret could be found.
fn forms(client: usize, key_file: &str) -> Vec<Vec<u8>> {
    let number = PRIVATE[client];
    let secret = key_file.lines().find_map(|line| line.strip_prefix("secret ")).unwrap().to_owned();
    let seed = identity::KeyText::read(key_file).unwrap().seed;
    vec![
        number.to_string().trim_start_matches('-').as_bytes().to_vec(),
        number.to_le_bytes().to_vec(),
        number.to_be_bytes().to_vec(),
        secret.into_bytes(),
        seed.to_vec(),
        hex::encode(*seed).into_bytes(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn people_contribute_from_a_page_once_each() {
    let world = World::committee(6, (3, 3), |draft| {
        draft.length = PLACES as u32;
        draft.collect_seconds = 1e6;
    });
    let folder = tempfile::tempdir().unwrap();
    let files = testkit::page().unwrap();
    let certificate = Certificate::write(folder.path());
    let board = Arc::new(InMemory::default());
    let mut site = Site {
        world: &world,
        board,
        folder: folder.path(),
        files: &files,
        certificate: &certificate,
        ports: None,
        enrolled: world.enrolled.clone(),
    };
    // The first four are known from the beginning. The last makes its key in the page.
    let mut enrolled: Vec<Identity> = world.clients[..4].iter().map(net::KeyPair::identity).collect();
    let service = site.serve(&enrolled).await;
    let mut browser = Chromium::start(&folder.path().join("profile"), &certificate.pin).unwrap();

    let new = browser.open(&site.address()).unwrap();
    browser.wait(&new, "document.querySelector('#name').innerText === 'digits'").unwrap();
    let terms = browser.text(&new, "#terms").unwrap();
    for shown in
        ["7 numbers", "from -1 to 1", "at least 3 contributions", "safe while one of the 3 aggregators is honest"]
    {
        assert!(terms.contains(shown), "{terms}");
    }
    for shown in world.members.iter().map(|member| member.identity().to_string()) {
        assert!(terms.contains(&shown), "{terms}");
    }
    browser.click(&new, "#make").unwrap();
    let own: Identity = browser.text(&new, "#identity").unwrap().parse().unwrap();
    // Nobody enrolled it: refused, with the reason.
    browser.wait(&new, "document.querySelector('#round').innerText.includes('secagg.not-enrolled')").unwrap();
    let (accepted, said) = contribute(&mut browser, &new, &typed(4));
    assert!(!accepted && said.contains("secagg.not-enrolled") && said.contains("is not enrolled"), "{said}");

    // The enroller signs a list with it, and another that comes late; the service is started again.
    let invitation = net::Invitation::new(&[5; net::Invitation::LENGTH]);
    let invited = net::KeyPair::invited(&invitation).identity();
    enrolled.extend([own, invited]);
    drop(service);
    let _service = site.serve(&enrolled).await;
    let (clients, page) = site.ports.unwrap();
    for client in 0..3 {
        let input = Input { values: &values(client), weight: None };
        world.client(client, clients).contribute(&input, None, soon()).await.unwrap();
    }
    browser.reload(&new).unwrap();
    browser.wait(&new, "document.querySelector('#round').innerText.includes('takes contributions')").unwrap();
    assert_eq!(browser.text(&new, "#identity").unwrap(), own.to_string(), "the browser kept the key");

    // One who brings a key from a file.
    let key_file = folder.path().join("mine.key");
    world.clients[3].save(&key_file).unwrap();
    let known = browser.open(&site.address()).unwrap();
    browser.wait(&known, "!document.querySelector('main').hidden").unwrap();
    browser.choose(&known, "#open", &key_file).unwrap();
    browser.wait(&known, "document.querySelector('#round').innerText.includes('takes contributions')").unwrap();
    assert_eq!(browser.text(&known, "#identity").unwrap(), world.clients[3].identity().to_string());
    // One who was invited, and only looks, for now.
    let late = browser.open(&site.address()).unwrap();
    browser.wait(&late, "!document.querySelector('main').hidden").unwrap();
    for code in ["inv1-mistaken", &*invitation.write()] {
        browser.evaluate(&late, "document.querySelector('#code').value = ''").unwrap();
        browser.write(&late, "#code", code).unwrap();
        browser.click(&late, "#invited button").unwrap();
        if code == "inv1-mistaken" {
            browser.wait(&late, "document.querySelector('#said').innerText.includes('page.invitation')").unwrap();
        }
    }
    browser.wait(&late, "document.querySelector('#round').innerText.includes('takes contributions')").unwrap();
    assert_eq!(browser.text(&late, "#identity").unwrap(), invited.to_string());

    // What is no contribution stays here.
    for (wrong, reason) in [("1, 2, three", "“three” is no number"), ("1, 2", "2 values, but the terms say 7")] {
        let (accepted, said) = contribute(&mut browser, &known, wrong);
        assert!(!accepted && said.contains(reason), "{said}");
    }
    for (tab, client) in [(&known, 3), (&new, 4)] {
        let (accepted, said) = contribute(&mut browser, tab, &typed(client));
        assert!(accepted && said.contains("Round 1 has your contribution"), "{said}");
    }
    // Another one of the same person.
    let (accepted, said) = contribute(&mut browser, &known, &typed(4));
    assert!(!accepted && said.contains("secagg.second") && said.contains("a second, different contribution"), "{said}");

    // What the service has, and what went to it.
    let kept = site.kept().await;
    let own_key = browser.evaluate(&new, "localStorage.getItem('privity key')").unwrap();
    let file = std::fs::read_to_string(&key_file).unwrap();
    let own_public = identity::KeyText::read(own_key.as_str().unwrap()).unwrap().seed;
    let own_public = net::KeyPair::from_seed(&own_public).public().to_bytes();
    let origin = format!("https://{page}/");
    for (tab, client, key) in [(&known, 3, &*file), (&new, 4, own_key.as_str().unwrap())] {
        let sent = sent(&mut browser, tab, &origin);
        assert!(has(&sent, b"/rounds/1/contribution") && has(&sent, b"Privity "), "requests were seen");
        for form in forms(client, key) {
            assert!(!has(&kept, &form) && !has(&sent, &form), "{:?}", String::from_utf8_lossy(&form));
        }
    }
    assert!(has(&kept, &own_public), "there is something to search");

    // The time is up, for one who was about to.
    site.start_members();
    site.close().await;
    let (accepted, said) = contribute(&mut browser, &late, &typed(5));
    assert!(!accepted && said.contains("aggregator.late") && said.contains("too late"), "{said}");

    // The sum, as everybody sees it.
    let sum = world.result(1, clients).await.unwrap();
    assert_eq!(sum.contributions, 5);
    let expected: Vec<f64> = (0..PLACES).map(|place| (0..5).map(|client| values(client)[place]).sum()).collect();
    for (sum, expected) in sum.sum.iter().zip(&expected) {
        assert!((sum - expected).abs() < 1e-4, "{sum} is not {expected}");
    }
    for tab in [&known, &new] {
        browser.wait(tab, "!document.querySelector('#result').hidden").unwrap();
        assert_eq!(browser.text(tab, "#result p").unwrap(), "5 contributions");
        let cells =
            "[...document.querySelectorAll('#result tbody tr td:nth-child(2)')].map((cell) => Number(cell.innerText))";
        let shown: Value = browser.evaluate(tab, cells).unwrap();
        let shown: Vec<f64> = shown.as_array().unwrap().iter().map(|cell| cell.as_f64().unwrap()).collect();
        assert_eq!(shown.len(), PLACES);
        for (shown, sum) in shown.iter().zip(&sum.sum) {
            assert!((shown - sum).abs() < 1e-6, "{shown} is not {sum}");
        }
    }
}
