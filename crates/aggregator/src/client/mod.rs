//! A client: one vector into one round, through crashes of the service, and of its own in the committee sum.

pub(crate) mod api;
mod pairwise;
mod resume;
mod spending;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use net::KeyPair;
use net::tls::Appraiser;
use secagg::{Signer, Task, Vector, committee, pairwise as protocol, validated};
use terms::{Aggregate, Input, Machine, Protocol, Terms};

use crate::enrolment::Enrolled;
use crate::error::Error;
use crate::keys;
use crate::random::fresh;
use crate::round::{Stage, phases};
use crate::service::Standing;

use self::spending::Spending;

pub use api::Api;

/// One client of one set of terms.
pub struct Client {
    api: Api,
    terms: Terms,
    key: KeyPair,
    resume: Option<PathBuf>,
    spending: Option<Spending>,
    appraiser: Option<Arc<dyn Appraiser>>,
}

/// What was found of an aggregator's machine, which may get a contribution.
#[derive(Clone, Debug)]
pub struct Proved {
    /// The aggregator's name.
    pub aggregator: String,
    /// The record of the appraisal, as whoever made it writes it.
    pub record: Vec<u8>,
}

impl Client {
    /// A client with this key. `address` overrides that of the terms.
    ///
    /// # Errors
    /// [`Error::Net`] if no certificate can be made for the key.
    pub fn new(terms: Terms, key: KeyPair, address: Option<String>) -> Result<Self, Error> {
        let api = Api::new(&terms, &key, address)?;
        Ok(Self { api, terms, key, resume: None, spending: None, appraiser: None })
    }

    /// Keeps what is sent to a round of the committee sum in this file, so that a client that is started again sends the
    /// very same, whatever its input is then: a second, different contribution would be refused. The file holds what the
    /// service sees, nothing more, and is written anew for the next round.
    #[must_use]
    pub fn resuming(mut self, file: &Path) -> Self {
        self.resume = Some(file.to_owned());
        self
    }

    /// Contributes only while all its contributions, to whatever terms, lose no more than this together. What each of them
    /// loses is written into the file before it leaves, and never comes back. Terms without noise are refused.
    /// The budget is the ρ of zero-concentrated differential privacy.
    ///
    /// # Errors
    /// [`Error::Terms`] unless it is a number above zero.
    pub fn within(mut self, budget: f64, file: &Path) -> Result<Self, Error> {
        self.spending = Some(Spending::new(file, budget)?);
        Ok(self)
    }

    /// Appraises the machines of aggregators by this. Without it, nothing is contributed where terms ask for machines that prove
    /// themselves.
    #[must_use]
    pub fn appraising(mut self, appraiser: Arc<dyn Appraiser>) -> Self {
        self.appraiser = Some(appraiser);
        self
    }

    /// Appraises the machines of all aggregators that have to prove them: evidence of the terms, by policies of the terms, as of
    /// now. Contributing does so each time, before anything is sealed.
    ///
    /// # Errors
    /// [`Error::Unproved`] for the first that is refused, and without anybody to [appraise](Self::appraising) it.
    pub fn appraise(&self) -> Result<Vec<Proved>, Error> {
        let one = |machine: &Machine| {
            let appraiser = self.appraiser.as_ref().ok_or_else(|| "nobody appraises it here".to_owned());
            let appraise = |by: &Arc<dyn Appraiser>| {
                by.appraise(&machine.identity, machine.evidence.as_bytes(), &machine.report_data)
            };
            let aggregator = machine.name.clone();
            match appraiser.and_then(appraise) {
                Ok(record) => Ok(Proved { aggregator, record }),
                Err(why) => Err(Error::Unproved { aggregator, why }),
            }
        };
        self.terms.machines().iter().map(one).collect()
    }

    /// Its terms.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// How a round stands; `None` is the current one.
    ///
    /// # Errors
    /// What the service refused, or [`Error::Timeout`].
    pub async fn standing(&self, round: Option<u64>, until: Instant) -> Result<Standing, Error> {
        self.api.standing(round, None, until).await
    }

    /// Contributes to a round, `None` being the first one that takes contributions, and gives its number when the service
    /// has accepted it. Values are rounded, masked and sealed here; nothing else leaves.
    ///
    /// Committee and validated sums are done with this one message. Of pairwise masking this takes all five, and ends when the round
    /// does.
    ///
    /// # Errors
    /// [`Error::Unproved`] for a machine that does not prove what it has to, before anything leaves;
    /// [`Error::Late`] as the service says it, what it refused otherwise, one over the [budget](Self::within), or [`Error::Timeout`].
    pub async fn contribute(&self, input: &Input<'_>, round: Option<u64>, until: Instant) -> Result<u64, Error> {
        match self.terms.protocol() {
            Protocol::Committee(committee) => {
                let make = |task: &Task, signer: &Signer, vector: &Vector| {
                    Ok(committee::contribute(task, committee, signer, vector, &mut fresh()?)?)
                };
                self.speak_once(input, round, until, make).await
            }
            Protocol::Validated(validation) => {
                let make = |task: &Task, signer: &Signer, vector: &Vector| {
                    Ok(validated::contribute(task, validation, signer, vector, &mut fresh()?)?)
                };
                self.speak_once(input, round, until, make).await
            }
            Protocol::Pairwise(parameters) => {
                let round = self.open_round(round, phases::KEYS, until).await?;
                let enrolled = Enrolled::parse(&self.terms, &self.api.enrolment(until).await?)?;
                let start = || -> Result<_, Error> {
                    let signer = keys::signer(&self.key);
                    Ok(protocol::start(self.terms.task(round), *parameters, signer, &mut fresh()?)?)
                };
                let clients = enrolled.of_round(&self.terms, round);
                let vector = self.terms.encode(input, &mut fresh()?)?;
                self.charge(round)?;
                pairwise::take_part(&self.api, round, start()?, &clients, &vector, until).await?;
                Ok(round)
            }
        }
    }

    /// Contributes with the one message that this makes of a vector.
    async fn speak_once(
        &self,
        input: &Input<'_>,
        round: Option<u64>,
        until: Instant,
        make: impl FnOnce(&Task, &Signer, &Vector) -> Result<Vec<u8>, Error>,
    ) -> Result<u64, Error> {
        let round = self.open_round(round, phases::COLLECT, until).await?;
        // Waiting may have taken long, and what was proved does not hold for ever.
        self.appraise()?;
        let message = match self.resumed(round)? {
            Some(message) => message,
            None => make(&self.terms.task(round), &keys::signer(&self.key), &self.terms.encode(input, &mut fresh()?)?)?,
        };
        self.charge(round)?;
        if let Some(file) = &self.resume {
            resume::keep(file, &self.terms, round, &message)?;
        }
        self.api.post(round, Stage::Contribution, &message, until).await?;
        Ok(round)
    }

    /// The published sum of a round, once it is there.
    ///
    /// # Errors
    /// [`Error::RoundFailed`], [`Error::Kept`] once it is there but kept as shares, what the service refused, or [`Error::Timeout`].
    pub async fn result(&self, round: u64, until: Instant) -> Result<Aggregate, Error> {
        let mut after = None;
        let left_out = loop {
            let standing = self.api.standing(Some(round), after.as_deref(), until).await?;
            match phases::named(&standing.phase) {
                Some(phases::PUBLISHED) => break standing.left_out,
                Some(phases::KEPT) => return Err(Error::Kept { name: self.terms.kept_name(round) }),
                Some(phases::FAILED) => return Err(Error::RoundFailed { round, reason: standing.reason }),
                _ => after = Some(standing.phase),
            }
        };
        let left_out = left_out.iter().map(|who| who.parse()).collect::<Result<_, _>>();
        let left_out = left_out.map_err(|_| Error::Answer { what: "somebody left out who is no identity".into() })?;
        let aggregate = Aggregate::decode(&self.terms, round, &self.api.result(round, until).await?)?;
        Ok(Aggregate { left_out, ..aggregate })
    }

    /// The number of the round that is asked for, or of the current one, as soon as it is open.
    async fn open_round(&self, asked: Option<u64>, takes: crate::board::Phase, until: Instant) -> Result<u64, Error> {
        let mut after = None;
        loop {
            let standing = self.api.standing(asked, after.as_deref(), until).await?;
            let phase = phases::named(&standing.phase);
            let open = matches!(phase, Some(phases::WAITING)) || phase == Some(takes);
            // A round that was asked for by number may have been contributed to before: the service says what became of it.
            if open || asked.is_some() {
                return Ok(standing.round);
            }
            if standing.is_over() && standing.round >= self.terms.draft().rounds {
                return Err(Error::Late { what: "contributions: all rounds are over" });
            }
            after = Some(standing.phase);
        }
    }

    fn charge(&self, round: u64) -> Result<(), Error> {
        let owner = secagg::Identity(*self.key.identity().as_bytes());
        self.spending.as_ref().map_or(Ok(()), |spending| spending.charge(owner, &self.terms, round))
    }

    fn resumed(&self, round: u64) -> Result<Option<Vec<u8>>, Error> {
        match &self.resume {
            Some(file) => resume::kept(file, &self.terms, round),
            None => Ok(None),
        }
    }
}
