//! The sum under a joint key: one plaintext of 8192 elements, two holders.

use secagg::bfv::{Accepted, AwaitCommitments, Bfv, Collecting, Collector, Combiner, HolderSecret, Memory, contribute};
use secagg::testing::{World, task};
use secagg::{Error, PublicKey, Signer, Vector};

use crate::cost::timed;

const ELEMENTS: u32 = 8192;
const CLIENTS: usize = 20;

/// CPU of one client's encryption, of adding it at a holder and at the combiner, of a decryption share, and of the end.
pub(crate) fn show() -> Result<(), Error> {
    let mut world = World::with_seed(1, CLIENTS);
    let signers: Vec<Signer> = (0..2).map(|_| Signer::generate(&mut world.rng)).collect();
    let secrets = keys(&signers, &mut world)?;
    let task = task(64, ELEMENTS, 2);
    let parameters = Bfv { key: secrets.1, most: 1000 };
    let mut collector = Collector::new(task, parameters.clone(), &world.enrolled)?;
    let (mut encrypt, mut add, mut combine, mut share, mut end) = (0, 0, 0, 0, 0);
    let (mut messages, mut deposits) = (vec![], vec![]);
    for client in &world.clients {
        let input = Vector::zeros(task.ring, ELEMENTS as usize);
        let message = timed(&mut encrypt, || contribute(&task, &parameters, client, &input, &mut world.rng))?;
        if let Accepted::New { deposits: mut new, .. } = collector.accept(&message)? {
            deposits.extend(new.pop());
        }
        messages.push(message);
    }
    let mut closed = collector.close()?;
    let (mut frozen, mut waiting) = (None, vec![]);
    for (signer, secret) in signers.iter().zip(&secrets.0) {
        let memory = Memory::default();
        let mut side = Collecting::new(task, parameters.clone(), signer.clone(), secret, &world.enrolled, memory)?;
        for deposit in &deposits {
            side.deposit(deposit)?;
        }
        let approved = side.check_proposal(&closed.proposal())?;
        let (next, _, vote) = side.vote(approved);
        frozen = closed.vote(&vote)?.or(frozen);
        waiting.push(next);
    }
    let frozen = frozen.ok_or(Error::Misuse { what: "nobody voted" })?;
    let bytes = frozen.encode(&task, &parameters);
    let mut combiner = Combiner::new(task, parameters, frozen)?;
    for message in &messages {
        timed(&mut combine, || combiner.contribution(message))?;
    }
    for side in waiting {
        let mut summing = side.frozen(&bytes)?;
        for deposit in &deposits {
            timed(&mut add, || summing.deposit(deposit))?;
        }
        let (_, answer) = timed(&mut share, || summing.answer())?;
        combiner.answer(&answer)?;
    }
    timed(&mut end, || combiner.finish())?;
    let ms = |total: u64, count: usize| total as f64 / 1e6 / count as f64;
    println!(
        "joint key of 2, 8192 elements, ms: encryption {:.2}, addition at a holder {:.2} and at the combiner {:.2}, \
         decryption share {:.2}, decoding {:.2}",
        ms(encrypt, CLIENTS),
        ms(add, 2 * CLIENTS),
        ms(combine, CLIENTS),
        ms(share, 2),
        ms(end, 1),
    );
    Ok(())
}

/// The holders' secrets and their joint key.
fn keys(signers: &[Signer], world: &mut World) -> Result<(Vec<HolderSecret>, secagg::bfv::JointKey), Error> {
    let holders: Vec<PublicKey> = signers.iter().map(Signer::public).collect();
    let (mut states, mut commitments) = (vec![], vec![]);
    for signer in signers {
        let (state, message) = AwaitCommitments::new([1; 32], holders.clone(), signer.clone(), &mut world.rng)?;
        states.push(state);
        commitments.push(message);
    }
    let (mut next, mut shares) = (vec![], vec![]);
    for state in states {
        let (state, message) = state.commitments(&commitments)?;
        next.push(state);
        shares.push(message);
    }
    let (mut secrets, mut confirmations) = (vec![], vec![]);
    for state in next {
        let (secret, message) = state.shares(&shares)?;
        secrets.push(secret);
        confirmations.push(message);
    }
    let key = secrets[0].confirmed(&confirmations)?;
    Ok((secrets, key))
}
