//! A whole round of pairwise masking.

use secagg::Error;
use secagg::pairwise::{CollectKeys, Letters, Pairwise, Published, start};
use secagg::testing::{World, task};

use crate::cost::{Cost, Expected, timed};

/// One pairwise round of which the first `dropped` clients (by identity) vanish after sharing.
pub(crate) fn round(n: usize, len: u32, dropped: usize, parameters: Pairwise) -> Result<Cost, Error> {
    let mut world = World::with_seed(1, n);
    world.clients.sort_by_key(secagg::Signer::identity);
    let task = task(32, len, 2);
    let mut expected = Expected::new(&task, n);
    let World { mut rng, clients: signers, enrolled } = world;
    let mut cost = Cost { clients: vec![0; n], rounds: 5, ..Cost::default() };
    let mut server = CollectKeys::new(task, parameters, enrolled.clone())?;
    let mut clients = vec![];
    for (signer, spent) in signers.iter().zip(&mut cost.clients) {
        let (client, keys) = timed(spent, || start(task, parameters, signer.clone(), &mut rng))?;
        cost.server.does(|| server.keys(&keys))?;
        clients.push(client);
        cost.up = keys.len();
    }
    let (mut server, letters) = cost.server.does(|| server.close(&mut rng))?;
    let down = |letters: &Letters| letters.iter().map(|(_, letter)| letter.len()).max().unwrap_or(0);
    cost.down += down(&letters);
    let mut next = vec![];
    for ((client, (_, letter)), spent) in clients.into_iter().zip(&letters).zip(&mut cost.clients) {
        let (client, shares) = timed(spent, || client.neighbours(letter, &enrolled, &mut rng))?;
        cost.server.does(|| server.shares(&shares))?;
        next.push(client);
        cost.up += usize::from(next.len() == 1) * shares.len();
    }
    cost.server.does(|| drop(letters));
    let (mut server, letters) = cost.server.does(|| server.close())?;
    cost.down += down(&letters);
    let mut clients = vec![];
    for (i, (client, (_, letter))) in next.into_iter().zip(&letters).enumerate().skip(dropped) {
        let input = expected.input(i)?;
        let (client, masked) = timed(&mut cost.clients[i], || client.delivered(letter, &input))?;
        cost.server.does(|| server.masked(&masked))?;
        clients.push(client);
        cost.up += usize::from(clients.len() == 1) * masked.len();
    }
    cost.server.does(|| drop(letters));
    let (mut server, letters) = cost.server.does(|| server.close())?;
    cost.down += down(&letters);
    let mut next = vec![];
    for ((client, (_, letter)), spent) in clients.into_iter().zip(&letters).zip(&mut cost.clients[dropped..]) {
        let (client, agreed) = timed(spent, || client.survivors(letter))?;
        cost.server.does(|| server.agreed(&agreed))?;
        next.push(client);
        cost.up += usize::from(next.len() == 1) * agreed.len();
    }
    cost.server.does(|| drop(letters));
    let (mut server, letters) = cost.server.does(|| server.close())?;
    cost.down += down(&letters);
    for (j, (client, (_, letter))) in next.into_iter().zip(&letters).enumerate() {
        let reveal = timed(&mut cost.clients[dropped + j], || client.agreements(letter))?;
        cost.server.does(|| server.reveal(&reveal))?;
        cost.up += usize::from(j == 0) * reveal.len();
    }
    cost.server.does(|| drop(letters));
    let Published { sum, .. } = cost.server.does(|| server.finish())?;
    expected.check(&sum);
    cost.clients.drain(..dropped);
    Ok(cost)
}
