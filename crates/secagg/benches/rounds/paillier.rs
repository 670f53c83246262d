//! Paillier, one operation at a time.

use secagg::paillier::{Collector, Encryptor, KeyHolder, Paillier, PaillierSecret, contribute};
use secagg::testing::{World, task};
use secagg::{Error, Vector};

use crate::cost::timed;

/// CPU of one encryption and one decryption, 2048 bits.
pub(crate) fn show() -> Result<(), Error> {
    let mut world = World::with_seed(1, 2);
    let secret = PaillierSecret::generate(&mut world.rng);
    let mut tables = 0;
    let encryptor = timed(&mut tables, || Encryptor::new(secret.public()));
    // One element of 64 bits and a carry: 31 to a plaintext, so that this makes 100 of them.
    let task = task(64, 3100, 2);
    let parameters = Paillier { key: secret.public(), most: 2 };
    let mut collector = Collector::new(task, parameters.clone(), &world.enrolled)?;
    let (mut encrypt, mut add, mut decrypt) = (0, 0, 0);
    for client in &world.clients {
        let input = Vector::zeros(task.ring, 3100);
        let message =
            timed(&mut encrypt, || contribute(&task, &parameters, &encryptor, client, &input, &mut world.rng))?;
        timed(&mut add, || collector.accept(&message))?;
    }
    let (_, request) = collector.close(&encryptor, &mut world.rng)?;
    let holder = KeyHolder::new(task, &parameters, &secret, None)?;
    timed(&mut decrypt, || holder.decrypt(&request))?;
    let ms = |total: u64, count: f64| total as f64 / 1e6 / count;
    println!(
        "Paillier-2048, ms: encryption {:.3} ({:.0}/s), addition {:.4}, decryption {:.2} ({:.0}/s), tables {:.0}",
        ms(encrypt, 200.0),
        1e3 / ms(encrypt, 200.0),
        ms(add, 200.0),
        ms(decrypt, 100.0),
        1e3 / ms(decrypt, 100.0),
        ms(tables, 1.0),
    );
    Ok(())
}
