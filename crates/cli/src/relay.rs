//! `privity relay`: a meeting place for workers that cannot be dialled.

use std::collections::HashSet;

use privity::agreement::Roster;
use privity::net::Identity;
use privity::net::relay::{Limits, Relay, SCHEME};
use tokio::net::TcpListener;

use crate::Failure;
use crate::args;

pub(crate) fn relay(a: &args::Relay) -> Result<(), Failure> {
    crate::serve::log(a.log_json);
    let by_hand: Vec<Identity> = a.allow.clone();
    // Under the name that a roster gives it: what a worker signed for another relay is of no use here.
    let mut named: HashSet<(Identity, String)> = HashSet::new();
    for file in &a.roster {
        let roster = Roster::read(file).map_err(|e| Failure::input(e.code(), e.to_string(), e.help()))?;
        named.extend(roster.iter().filter_map(|(_, member)| {
            let endpoint = member.endpoint.as_ref()?.to_string();
            Some((member.identity, endpoint.strip_prefix(SCHEME)?.to_owned()))
        }));
    }
    let identities = by_hand.len() + named.len();
    let allowed = move |identity: &Identity, name: &str| {
        by_hand.contains(identity) || named.contains(&(*identity, name.to_owned()))
    };
    let system = |what: String| Failure::input("relay.system", what, "see whether the address is free and permitted");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| system(e.to_string()))?;
    runtime.block_on(async {
        let listening = |e: std::io::Error| system(format!("listening at {}: {e}", a.listen));
        let listener = TcpListener::bind(a.listen).await.map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        tracing::info!(%address, identities, "relaying");
        Relay::new(allowed, Limits::default()).serve(listener).await;
        Ok(())
    })
}
