//! Secure aggregation: a client of a service.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aggregator::{Aggregate, Client, Error, Input, Terms};
use numpy::{PyArray1, PyReadonlyArray1, ToPyArray};
use privity::net::KeyPair;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use tokio::runtime::Runtime;

use crate::error;
use crate::run::wait_for;

/// A published sum: round, contributions, sum, mean, total weight, noise.
/// Round, contributions, sum, mean, weight, noise, and who was left out.
type Published<'py> =
    (u64, u32, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, Option<f64>, Option<f64>, Vec<String>);

/// One client of one set of terms.
#[pyclass(frozen)]
pub(crate) struct AggregationClient {
    client: Arc<Client>,
    runtime: Arc<Runtime>,
}

#[pymethods]
impl AggregationClient {
    #[new]
    fn new(
        py: Python<'_>,
        terms: &str,
        key: PathBuf,
        at: Option<String>,
        resume: Option<PathBuf>,
        ledger: Option<(PathBuf, f64)>,
        vendors: (Vec<PathBuf>, Vec<PathBuf>),
    ) -> PyResult<AggregationClient> {
        let failed = |e: &Error| error::of_aggregation(py, e);
        let terms = Terms::parse(terms).map_err(|e| failed(&e.into()))?;
        let key = KeyPair::load(&key).map_err(|e| failed(&e.into()))?;
        let mut client = Client::new(terms, key, at).map_err(|e| failed(&e))?;
        if let Some(file) = resume {
            client = client.resuming(&file);
        }
        if let Some((file, budget)) = ledger {
            client = client.within(budget, &file).map_err(|e| failed(&e))?;
        }
        if !client.terms().machines().is_empty() {
            let appraiser = worker::appraiser_for(client.terms(), &vendors.0, &vendors.1).map_err(|e| failed(&e))?;
            client = client.appraising(appraiser);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|e| PyOSError::new_err(e.to_string()))?;
        Ok(AggregationClient { client: Arc::new(client), runtime: Arc::new(runtime) })
    }

    /// Of the terms: length, clip, greatest weight, minimum.
    fn terms(&self) -> (u32, f64, Option<u32>, u32) {
        let draft = self.client.terms().draft();
        (draft.length, draft.clip, draft.weights, draft.minimum)
    }

    /// The aggregators whose machines were appraised and accepted, as of now, with the record of each in JSON.
    fn appraise(&self, py: Python<'_>) -> PyResult<Vec<(String, String)>> {
        let proved = self.wait(py, |_, client| client.appraise())?;
        Ok(proved.into_iter().map(|of| (of.aggregator, String::from_utf8_lossy(&of.record).into_owned())).collect())
    }

    /// Contributes, and gives the round.
    fn contribute(
        &self,
        py: Python<'_>,
        values: PyReadonlyArray1<'_, f64>,
        weight: Option<u32>,
        round: Option<u64>,
        patience: f64,
    ) -> PyResult<u64> {
        let values = values.as_array().to_vec();
        let until = until(patience)?;
        self.wait(py, move |runtime, client| {
            let input = Input { values: &values, weight };
            runtime.block_on(client.contribute(&input, round, until))
        })
    }

    /// The sum of a round, once it is published.
    fn result<'py>(&self, py: Python<'py>, round: u64, patience: f64) -> PyResult<Published<'py>> {
        let until = until(patience)?;
        let published = self.wait(py, move |runtime, client| runtime.block_on(client.result(round, until)))?;
        let Aggregate { round, contributions, sum, mean, weight, noise, left_out } = published;
        let left_out = left_out.iter().map(ToString::to_string).collect();
        Ok((round, contributions, sum.to_pyarray(py), mean.to_pyarray(py), weight, noise, left_out))
    }

    /// How a round stands: round, phase, messages of the phase, how many there can be, why it failed.
    fn standing(&self, py: Python<'_>, round: Option<u64>, patience: f64) -> PyResult<(u64, String, u64, u64, String)> {
        let until = until(patience)?;
        let standing = self.wait(py, move |runtime, client| runtime.block_on(client.standing(round, until)))?;
        Ok((standing.round, standing.phase, standing.have, standing.of, standing.reason))
    }
}

impl AggregationClient {
    fn wait<T: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Runtime, &Client) -> Result<T, Error> + Send + 'static,
    ) -> PyResult<T> {
        let (client, runtime) = (Arc::clone(&self.client), Arc::clone(&self.runtime));
        wait_for(py, None, move |_| work(&runtime, &client))?.map_err(|e| error::of_aggregation(py, &e))
    }
}

fn until(patience: f64) -> PyResult<Instant> {
    let patience = Duration::try_from_secs_f64(patience);
    let until = patience.ok().and_then(|patience| Instant::now().checked_add(patience));
    until.ok_or_else(|| PyValueError::new_err("patience is a number of seconds"))
}
