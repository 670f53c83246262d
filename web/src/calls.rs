//! What the page can ask.

use identity::{Identity, Invitation, KeyText};
use secagg::{Signer, Stream};
use serde_json::json;
use terms::{Aggregate, Credential, Input, Protocol, Terms};
use zeroize::Zeroizing;

/// Why a call was not answered, for people.
pub(crate) struct Error {
    code: &'static str,
    message: String,
    help: &'static str,
}

impl Error {
    /// The script called what there is not.
    pub(crate) fn misuse() -> Self {
        let help = "load the page again; if that does not help, its parts are of different versions";
        Self { code: "page.misuse", message: "the page's script and module do not fit each other".into(), help }
    }

    fn key(message: impl Into<String>) -> Self {
        Self { code: "page.key", message: message.into(), help: "give a file that `privity keygen` or this page wrote" }
    }

    pub(crate) fn json(&self) -> String {
        json!({ "code": self.code, "message": self.message, "help": self.help }).to_string()
    }
}

impl From<terms::Error> for Error {
    fn from(error: terms::Error) -> Self {
        Self { code: error.code(), message: error.to_string(), help: error.help() }
    }
}

impl From<secagg::Error> for Error {
    fn from(error: secagg::Error) -> Self {
        terms::Error::from(error).into()
    }
}

/// Function and arguments to an answer.
pub(crate) fn run(function: u32, arguments: &[&[u8]]) -> Result<Vec<u8>, Error> {
    match (function, arguments) {
        (0, [terms]) => describe(&read(terms)?).map(String::into_bytes),
        (1, [seed]) => Ok(make_key(&array(seed)?).as_bytes().to_vec()),
        (2, [key]) => Ok(open(key)?.1.to_string().into_bytes()),
        (3, [key, challenge, method, target]) => {
            let credential = Credential::sign(&open(key)?.0, &array(challenge)?, text(method)?, text(target)?);
            Ok(credential.to_string().into_bytes())
        }
        (4, [terms, key, seed, round, weight, values]) => {
            let weight = if weight.is_empty() { None } else { Some(u32::from_le_bytes(array(weight)?)) };
            let (numbers, []) = values.as_chunks::<8>() else { return Err(Error::misuse()) };
            let values = Zeroizing::new(numbers.iter().map(|number| f64::from_le_bytes(*number)).collect::<Vec<_>>());
            let mut rng = Stream::new("privity page v1 randomness of one contribution", &array::<32>(seed)?);
            let (terms, signer, round) = (read(terms)?, open(key)?.0, number(round)?);
            contribute(&terms, &signer, round, &Input { values: &values, weight }, &mut rng)
        }
        (5, [terms, round, result]) => outcome(&read(terms)?, number(round)?, result).map(String::into_bytes),
        (6, [code]) => Ok(make_key(&invited(code)?.seed()).as_bytes().to_vec()),
        _ => Err(Error::misuse()),
    }
}

/// What somebody should know who is about to contribute.
fn describe(terms: &Terms) -> Result<String, Error> {
    let draft = terms.draft();
    let aggregators = draft.committee.iter().flat_map(|committee| &committee.aggregators).zip(terms.holders());
    let aggregators: Vec<_> =
        aggregators.map(|(of, who)| json!({ "name": of.name, "identity": who.to_string() })).collect();
    let enroller = Identity::from_bytes(terms.enroller()?.identity().0);
    let described = json!({
        "digest": hex::encode(terms.digest()),
        "name": draft.name,
        "length": draft.length,
        "clip": draft.clip,
        "minimum": draft.minimum,
        "most": draft.most,
        "weights": draft.weights,
        "rounds": draft.rounds,
        "share": draft.share,
        "readers": draft.readers,
        "enroller": enroller.to_string(),
        "service": draft.service.identity,
        "aggregators": aggregators,
        "assumption": terms.assumption(),
        "published": draft.shares.is_none(),
        "impossible": impossible(terms),
    });
    Ok(described.to_string())
}

/// Why a page cannot contribute; nothing if it can.
fn impossible(terms: &Terms) -> Option<&'static str> {
    match terms.protocol() {
        Protocol::Committee(_) if terms.machines().is_empty() => None,
        Protocol::Committee(_) => Some("a page cannot appraise the machine of an aggregator"),
        _ => Some("a page takes part in committee sums only"),
    }
}

fn make_key(seed: &[u8; 32]) -> Zeroizing<String> {
    let identity = Identity::from_bytes(Signer::from_bytes(seed).identity().0);
    KeyText { identity, seed: Zeroizing::new(*seed) }.write()
}

/// The invitation of a text.
fn invited(code: &[u8]) -> Result<Invitation, Error> {
    text(code)?.parse().map_err(|e: identity::InvitationError| Error {
        code: "page.invitation",
        message: e.to_string(),
        help: "compare it with the code that you were given, letter by letter",
    })
}

/// The key of a key file's text, and whose it is.
fn open(key: &[u8]) -> Result<(Signer, Identity), Error> {
    let key = KeyText::read(text(key)?).map_err(|e| Error::key(e.to_string()))?;
    let signer = Signer::from_bytes(&key.seed);
    match signer.identity().0 == *key.identity.as_bytes() {
        true => Ok((signer, key.identity)),
        false => Err(Error::key("its secret does not belong to its identity: it was damaged or edited")),
    }
}

fn contribute(
    terms: &Terms,
    signer: &Signer,
    round: u64,
    input: &Input<'_>,
    rng: &mut Stream,
) -> Result<Vec<u8>, Error> {
    let committee = match (terms.protocol(), impossible(terms)) {
        (Protocol::Committee(committee), None) => committee,
        (_, why) => return Err(terms::Error::Terms { what: why.unwrap_or_default().into() }.into()),
    };
    // The service does not choose rounds that nobody agreed to.
    if !(1..=terms.draft().rounds).contains(&round) {
        return Err(terms::Error::Answer { what: format!("it speaks of round {round}") }.into());
    }
    let vector = terms.encode(input, rng)?;
    Ok(secagg::committee::contribute(&terms.task(round), committee, signer, &vector, rng)?)
}

fn outcome(terms: &Terms, round: u64, result: &[u8]) -> Result<String, Error> {
    let Aggregate { round, contributions, sum, mean, weight, noise, .. } = Aggregate::decode(terms, round, result)?;
    let outcome = json!({
        "round": round, "contributions": contributions, "sum": sum, "mean": mean, "weight": weight, "noise": noise,
    });
    Ok(outcome.to_string())
}

fn read(terms: &[u8]) -> Result<Terms, Error> {
    Ok(Terms::parse(text(terms)?)?)
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::misuse())
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Error> {
    bytes.try_into().map_err(|_| Error::misuse())
}

fn number(bytes: &[u8]) -> Result<u64, Error> {
    array(bytes).map(u64::from_le_bytes)
}
