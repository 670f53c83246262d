//! Terms: what everyone who takes part in an aggregation agrees on, in one TOML file.
//!
//! Its digest is in everything that anyone signs or seals: parties with different terms do not understand each other. It is
//! taken over the values, so that comments and order do not matter.

use identity::Identity;
use secagg::committee::Committee;
use secagg::fixed::FixedPoint;
use secagg::pairwise::{Graph, Pairwise, Server};
use secagg::quantise::Quantiser;
use secagg::validated::Validation;
use secagg::{Ring, Task};

use crate::draft::{AggregatorDraft, Draft, ServerDraft, SharesDraft};
use crate::error::Error;
use crate::keys;
use crate::machine::Machine;
use crate::noise::Noise;
use crate::validated::Whole;

/// The most numbers of all contributions together that are kept each: an aggregator has them in memory twice, at 8 bytes.
pub const MOST_NUMBERS: u64 = 1 << 22;

/// Who sends the messages of a stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// An enrolled client.
    Client,
    /// An aggregator of the committee.
    Aggregator,
}

/// How contributions are masked.
#[derive(Clone)]
pub enum Protocol {
    /// The committee sum.
    Committee(Committee),
    /// Pairwise masking.
    Pairwise(Pairwise),
    /// The validated sum.
    Validated(Box<Validation>),
}

/// How values become what is summed.
#[derive(Clone, Copy)]
pub enum Encoding {
    /// For sums that are published.
    Levels(Quantiser),
    /// For sums that are kept as shares.
    Fixed(FixedPoint),
    /// For validated sums.
    Whole(Whole),
}

impl Encoding {
    /// The ring that sums are taken in.
    #[must_use]
    pub fn ring(&self) -> Ring {
        match self {
            Self::Levels(quantiser) => quantiser.ring(),
            Self::Fixed(fixed) => fixed.ring(),
            Self::Whole(whole) => whole.ring(),
        }
    }

    fn of(draft: &Draft) -> Result<Self, Error> {
        if let Some(validated) = &draft.validated {
            return validated.encoding(draft).map(Self::Whole);
        }
        match (&draft.shares, draft.precision, draft.weights) {
            (None, Some(precision), weights) => {
                let quantiser = Quantiser::new(draft.clip, precision, draft.most)?;
                Ok(Self::Levels(weights.map_or(Ok(quantiser), |greatest| quantiser.weighted(greatest))?))
            }
            (Some(_), ..) if draft.noise.is_some() => {
                Err(Error::terms("[shares] with [noise]: let the computation that goes on with the sum add it"))
            }
            (Some(shares), None, None) => Ok(Self::Fixed(FixedPoint::new(draft.clip, shares.fraction, draft.most)?)),
            (None, None, _) => Err(Error::terms("no `precision`: to how many levels are values rounded?")),
            (Some(_), Some(_), _) => Err(Error::terms("[shares] say the precision, as their `fraction`")),
            (Some(_), _, Some(_)) => Err(Error::terms(
                "[shares] have no weights: contribute values times weight, and the weight as one more",
            )),
        }
    }
}

/// Terms that can be run. Made from text only.
#[derive(Clone)]
pub struct Terms {
    draft: Draft,
    digest: [u8; 32],
    encoding: Encoding,
    noise: Option<Noise>,
    protocol: Protocol,
    machines: Vec<Machine>,
    service: Identity,
    readers: Vec<Identity>,
}

impl Terms {
    /// Reads and checks the text of a file.
    ///
    /// # Errors
    /// [`Error::Terms`] or [`Error::Protocol`] for what cannot be run, or would let one party be two.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let draft: Draft = toml::from_str(text).map_err(|e| Error::terms(e.to_string()))?;
        Self::check(draft)
    }

    /// A text that [`parse`](Self::parse) makes the same terms of, without the comments of a file.
    ///
    /// # Errors
    /// None for terms that were checked.
    pub fn text(&self) -> Result<String, Error> {
        toml::to_string(&self.draft).map_err(|e| Error::terms(e.to_string()))
    }

    /// Checks terms that a program made.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn check(draft: Draft) -> Result<Self, Error> {
        let canonical = serde_json::to_vec(&draft).map_err(|e| Error::terms(e.to_string()))?;
        let digest = blake3::derive_key("privity aggregator v1 digest of terms", &canonical);
        let (encoding, noise) = with_noise(&draft, Encoding::of(&draft)?)?;
        let service = identity(&draft.service.identity)?;
        let readers = draft.readers.iter().map(|text| identity(text)).collect::<Result<_, _>>()?;
        let (protocol, machines) = (protocol(&draft)?, machines(&draft)?);
        let terms = Self { draft, digest, encoding, noise, protocol, machines, service, readers };
        terms.check_numbers()?;
        terms.check_roles()?;
        terms.check_shares()?;
        terms.check_agreement()?;
        match &terms.protocol {
            Protocol::Validated(validation) => validation.check(&terms.task(1))?,
            Protocol::Committee(_) | Protocol::Pairwise(_) => terms.task(1).check()?,
        }
        Ok(terms)
    }

    fn check_numbers(&self) -> Result<(), Error> {
        let draft = &self.draft;
        if draft.weights.is_some() && draft.length == u32::MAX {
            return Err(Error::terms("no room for the weight beside so many values"));
        }
        if draft.minimum > draft.most {
            return Err(Error::terms(format!("a minimum of {} above a most of {}", draft.minimum, draft.most)));
        }
        if draft.rounds == 0 {
            return Err(Error::terms("there is at least one round"));
        }
        if !(draft.share > 0.0 && draft.share <= 1.0) {
            return Err(Error::terms("the share of clients in a round lies in (0, 1]"));
        }
        let seconds = |seconds: f64| (0.001..=1e9).contains(&seconds);
        if !seconds(draft.collect_seconds) || !seconds(draft.answer_seconds) {
            return Err(Error::terms("a stage takes from a millisecond to 1e9 seconds"));
        }
        Ok(())
    }

    /// The enroller is neither the service nor an aggregator: they could fill the minimum with clients of their own making.
    /// Nor is the service an aggregator.
    fn check_roles(&self) -> Result<(), Error> {
        let enroller = self.enroller()?.identity();
        if enroller.0 == *self.service.as_bytes() {
            return Err(Error::terms("the enroller is the service: it could enrol clients of its own making"));
        }
        for member in self.members() {
            if member == enroller {
                return Err(Error::terms("the enroller is an aggregator: it could enrol clients of its own making"));
            }
            if member.0 == *self.service.as_bytes() {
                return Err(Error::terms("the service is an aggregator; give it a key of its own"));
            }
        }
        Ok(())
    }

    /// Shares are those of a replicated placement, so the committee has to fit one; or the whole is kept inside one machine.
    fn check_shares(&self) -> Result<(), Error> {
        let Some(shares) = &self.draft.shares else { return Ok(()) };
        if !matches!(&self.protocol, Protocol::Committee(committee) if committee.keeps()) {
            return Err(Error::terms("[shares] need a committee of three aggregators with a threshold of two"));
        }
        // What a machine has in its memory has no name that a program could load.
        if self.is_kept_whole() && self.draft.agreement.is_none() {
            return Err(Error::terms("what one aggregator keeps alone is for an [agreement]"));
        }
        if shares.name.trim().is_empty() {
            return Err(Error::terms("[shares] need a name"));
        }
        if shares.each {
            self.check_each()?;
        }
        self.owner().map(drop)
    }

    /// Each contribution is kept only for a program that says what is done with it, and all have to fit into memory.
    fn check_each(&self) -> Result<(), Error> {
        let (length, most) = (self.draft.length, self.draft.most);
        if self.draft.agreement.is_none() {
            return Err(Error::terms("[shares] of `each` contribution are for an [agreement]"));
        }
        if u64::from(length) * u64::from(most) > MOST_NUMBERS {
            return Err(Error::terms(format!(
                "[shares] of `each` contribution: {most} of {length} numbers are more than {MOST_NUMBERS} together"
            )));
        }
        Ok(())
    }

    /// An agreement is for one round, and goes on with shares. Names of other sums cannot be taken for theirs.
    fn check_agreement(&self) -> Result<(), Error> {
        let Some(agreement) = &self.draft.agreement else {
            let quoted = self.draft.shares.as_ref().is_some_and(|shares| shares.name.contains('"'));
            return if quoted { Err(Error::terms("the name of [shares] has a quotation mark")) } else { Ok(()) };
        };
        if hex::decode(&agreement.digest).map_or(0, |bytes| bytes.len()) != 32 {
            return Err(Error::terms(format!("`{}` is no digest of 64 hexadecimal digits", agreement.digest)));
        }
        if self.draft.shares.is_none() || self.draft.rounds != 1 {
            return Err(Error::terms("an [agreement] has one round, whose sum is kept as [shares]"));
        }
        if self.enroller()?.identity().0 != self.owner()?.map_or([0; 32], |owner| *owner.as_bytes()) {
            return Err(Error::terms("of a sum for an [agreement] the enroller is the owner"));
        }
        Ok(())
    }

    /// Who has to agree to what is released of sums that are kept as shares; `None` if they are published.
    ///
    /// # Errors
    /// None for terms that were checked.
    pub fn owner(&self) -> Result<Option<Identity>, Error> {
        self.draft.shares.as_ref().map(|shares| identity(&shares.owner)).transpose()
    }

    /// What the sum of a round is called in the aggregators' stores; empty where sums are published.
    #[must_use]
    pub fn kept_name(&self, round: u64) -> String {
        let name = |shares: &SharesDraft| match self.draft.agreement {
            Some(_) => shares.name.clone(),
            None => format!("{}-{round}", shares.name),
        };
        self.draft.shares.as_ref().map_or(String::new(), name)
    }

    /// Whether the aggregator is one alone, and keeps what it unmasks in the memory of the machine that it proved.
    #[must_use]
    pub fn is_kept_whole(&self) -> bool {
        self.draft.shares.is_some() && self.members().count() == 1
    }

    /// Whether the aggregators keep each contribution as shares, and not their sum.
    #[must_use]
    pub fn keeps_each(&self) -> bool {
        self.draft.shares.as_ref().is_some_and(|shares| shares.each)
    }

    /// The digest of the terms, which is what the protocols call the agreement.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// What was written.
    #[must_use]
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// How values are rounded and summed.
    #[must_use]
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// The noise that contributors add, if they do.
    #[must_use]
    pub fn noise(&self) -> Option<&Noise> {
        self.noise.as_ref()
    }

    /// How contributions are masked.
    #[must_use]
    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// The machines of aggregators that have to prove themselves to each client, before it contributes.
    #[must_use]
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// Who runs the rounds.
    #[must_use]
    pub fn service(&self) -> Identity {
        self.service
    }

    /// Who says who may contribute.
    ///
    /// # Errors
    /// None for terms that were checked.
    pub fn enroller(&self) -> Result<secagg::PublicKey, Error> {
        keys::public_key(&self.draft.enroller)
    }

    /// Who may read results besides clients and aggregators.
    #[must_use]
    pub fn may_read(&self, who: &secagg::Identity) -> bool {
        self.members().any(|member| member == *who) || self.readers.iter().any(|reader| *reader.as_bytes() == who.0)
    }

    /// The aggregators' identities, in their order.
    pub fn members(&self) -> impl Iterator<Item = secagg::Identity> + '_ {
        let members = match &self.protocol {
            Protocol::Committee(committee) => committee.members(),
            Protocol::Validated(validation) => validation.aggregators(),
            Protocol::Pairwise(_) => &[],
        };
        members.iter().map(|member| member.key.identity())
    }

    /// The aggregators, in their order, as the network knows them.
    #[must_use]
    pub fn holders(&self) -> Vec<Identity> {
        self.members().map(|member| Identity::from_bytes(member.0)).collect()
    }

    /// One round, as the protocols know it. With weights, vectors are one element longer.
    #[must_use]
    pub fn task(&self, round: u64) -> Task {
        Task {
            agreement: self.digest,
            round,
            ring: self.encoding.ring(),
            len: self.draft.length + u32::from(self.draft.weights.is_some()),
            minimum: self.draft.minimum,
        }
    }

    /// More bytes than any message of these terms has that such a sender sends.
    #[must_use]
    pub fn longest_message(&self, sender: Sender) -> usize {
        let vector = self.encoding.ring().packed_bytes(self.task(1).len as usize);
        match (&self.protocol, sender) {
            // A masked vector and sealed seeds.
            (Protocol::Committee(committee), Sender::Client) => vector + committee.members().len() * 4096 + 4096,
            // Sums of at most 64 sets, and reviews that name every client.
            (Protocol::Committee(committee), Sender::Aggregator) => {
                let sets = if committee.threshold() == committee.members().len() { 1 } else { 64 };
                vector * sets + 32 * self.draft.most as usize + 4096
            }
            // Checked when the terms were made: both have a length.
            (Protocol::Validated(validation), Sender::Client) => {
                validation.bytes(&self.task(1)).map_or(0, |(contribution, _)| contribution)
            }
            // Verifier shares, reviews that name every client, and field elements of 16 bytes.
            (Protocol::Validated(validation), Sender::Aggregator) => {
                let verifier = validation.bytes(&self.task(1)).map_or(0, |(_, verifier)| verifier);
                verifier.max(32) * self.draft.most as usize + 16 * self.draft.length as usize + 4096
            }
            (Protocol::Pairwise(pairwise), _) => vector + 256 * pairwise.degree(pairwise.most) as usize + 4096,
        }
    }

    /// What protects a contribution and until when, in words.
    #[must_use]
    pub fn assumption(&self) -> String {
        let assumption = match &self.protocol {
            Protocol::Committee(committee) => committee.assumption(),
            Protocol::Pairwise(pairwise) => pairwise.assumption(),
            Protocol::Validated(validation) => validation.assumption().to_owned(),
        };
        let names: Vec<&str> = self.machines.iter().map(|machine| machine.name.as_str()).collect();
        let proved = match names[..] {
            [] => String::new(),
            _ => format!("; before it contributes, each client appraises the machine of {}", names.join(" and of ")),
        };
        let assumption = assumption + &proved;
        match &self.draft.shares {
            None => assumption + &self.noise.map_or(String::new(), |noise| noise.words()),
            Some(shares) => {
                let what = if shares.each { "each contribution" } else { "them" };
                let kept = match self.is_kept_whole() {
                    true => format!(
                        "it keeps {what} in its memory, and {} has to agree to what is released of it",
                        shares.owner
                    ),
                    false => format!(
                        "the three keep {what} as shares, and {} has to agree to what is released of what they compute",
                        shares.owner
                    ),
                };
                format!("{assumption}; sums are not published: {kept}")
            }
        }
    }
}

/// The noise of a draft, and an encoding with room for it.
fn with_noise(draft: &Draft, encoding: Encoding) -> Result<(Encoding, Option<Noise>), Error> {
    let Encoding::Levels(quantiser) = encoding else { return Ok((encoding, None)) };
    match Noise::of(draft, &quantiser)? {
        Some(noise) => Ok((Encoding::Levels(noise.room(quantiser)?), Some(noise))),
        None => Ok((encoding, None)),
    }
}

fn identity(text: &str) -> Result<Identity, Error> {
    text.parse().map_err(|e| Error::terms(format!("`{text}`: {e}")))
}

/// The machines of all aggregators that have to prove them.
fn machines(draft: &Draft) -> Result<Vec<Machine>, Error> {
    let committee = draft.committee.iter().flat_map(|committee| &committee.aggregators);
    let validated = draft.validated.iter().flat_map(|validated| &validated.aggregators);
    committee.chain(validated).filter_map(|aggregator| Machine::of(aggregator).transpose()).collect()
}

fn protocol(draft: &Draft) -> Result<Protocol, Error> {
    match (&draft.committee, &draft.pairwise, &draft.validated) {
        (Some(committee), None, None) => {
            let member = |of: &AggregatorDraft| keys::member(&of.key, &of.seal);
            let mut members = committee.aggregators.iter().map(member).collect::<Result<Vec<_>, _>>()?;
            let thresholds = (committee.threshold, committee.quorum, committee.corrupt);
            if let ([one], (1, 1, 0)) = (&committee.aggregators[..], thresholds) {
                // What it unmasks it could read: only its machine keeps it from that.
                Machine::of(one)?.ok_or_else(|| {
                    Error::terms(
                        "a committee of one aggregator needs its `policy` and `evidence`: a machine that proves itself",
                    )
                })?;
                return Ok(Protocol::Committee(Committee::alone(members.remove(0))));
            }
            let (threshold, quorum, corrupt) = thresholds;
            Ok(Protocol::Committee(Committee::new(members, threshold, quorum, corrupt)?))
        }
        (None, Some(pairwise), None) => {
            let graph = pairwise.degree.map_or(Graph::Complete, |degree| Graph::Regular { degree });
            let server = match pairwise.server {
                ServerDraft::Curious => Server::Curious,
                ServerDraft::SemiMalicious => Server::SemiMalicious,
            };
            let pairwise = Pairwise { graph, threshold: pairwise.threshold, most: draft.most, server };
            pairwise.check()?;
            Ok(Protocol::Pairwise(pairwise))
        }
        (None, None, Some(validated)) => Ok(Protocol::Validated(Box::new(validated.validation()?))),
        _ => Err(Error::terms("terms have either a [committee], [pairwise] or [validated]")),
    }
}
