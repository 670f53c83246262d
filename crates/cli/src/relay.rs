//! `privity relay`: a meeting place for workers that cannot be dialled.

use privity::agreement::Roster;
use privity::net::Identity;
use privity::net::relay::{Limits, Relay};
use tokio::net::TcpListener;

use crate::Failure;
use crate::args;

pub(crate) fn relay(a: &args::Relay) -> Result<(), Failure> {
    crate::serve::log(a.log_json);
    let mut allowed: Vec<Identity> = a.allow.clone();
    for file in &a.roster {
        let roster = Roster::read(file).map_err(|e| Failure::input(e.code(), e.to_string(), e.help()))?;
        allowed.extend(roster.iter().map(|(_, member)| member.identity));
    }
    let system = |what: String| Failure::input("relay.system", what, "see whether the address is free and permitted");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| system(e.to_string()))?;
    runtime.block_on(async {
        let listening = |e: std::io::Error| system(format!("listening at {}: {e}", a.listen));
        let listener = TcpListener::bind(a.listen).await.map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        tracing::info!(%address, identities = allowed.len(), "relaying");
        Relay::new(move |identity| allowed.contains(identity), Limits::default()).serve(listener).await;
        Ok(())
    })
}
