//! Connections of browsers: how many, from where, and for how long.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use net::network::{LINK, network};
use net::tls::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Page;
use crate::service::Shared;

/// Connections in all, and from one network: strangers may come here.
const MOST: usize = 1024;
const MOST_OF_ONE: usize = 128;
/// How long one may last. A browser makes another one, without anybody noticing.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// How long one that ends may take for what it was asked before.
const FAREWELL: Duration = Duration::from_secs(60);
/// A short rest when the system has no more sockets to give.
const REST: Duration = Duration::from_millis(50);
/// Requests that one connection may have open, and bytes that it may send ahead of being read.
const STREAMS: u32 = 8;
const WINDOW: u32 = 256 << 10;
const HEADERS: u32 = 8 << 10;
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Serves browsers for ever.
pub(in crate::service) async fn serve(listener: TcpListener, page: Page, shared: Arc<Shared>) {
    let (page, places) = (Arc::new(page), Arc::new(Places::default()));
    // They end with this task.
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, from)) => match Places::take(&places, from) {
                Some(place) => drop(open.spawn(connection(stream, place, Arc::clone(&page), Arc::clone(&shared)))),
                None => tracing::debug!(%from, "a browser was refused: too many connections"),
            },
            Err(error) => {
                tracing::warn!(%error, "the page's port could not accept a connection");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, place: Place, page: Arc<Page>, shared: Arc<Shared>) {
    let _place = place;
    match page.acceptor.accept(stream).await {
        Ok(stream) => converse(stream, page, shared).await,
        Err(error) => tracing::debug!(%error, "a browser's handshake failed"),
    }
}

async fn converse(stream: Stream, page: Arc<Page>, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let (page, shared) = (Arc::clone(&page), Arc::clone(&shared));
        async move { Ok::<_, Infallible>(page.respond(&shared, request).await) }
    });
    let conversation = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(HEADERS)
        .keep_alive_interval(Some(KEEPALIVE))
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(conversation);
    let ended = tokio::select! {
        ended = &mut conversation => Some(ended),
        () = tokio::time::sleep(LIFE) => {
            conversation.as_mut().graceful_shutdown();
            tokio::time::timeout(FAREWELL, conversation).await.ok()
        }
    };
    if let Some(Err(error)) = ended {
        tracing::debug!(%error, "a browser's connection ended");
    }
}

/// Connections that are open, by network.
#[derive(Default)]
struct Places(Mutex<HashMap<IpAddr, usize>>);

/// One of them, until it is dropped.
struct Place {
    of: Arc<Places>,
    network: IpAddr,
}

impl Places {
    fn take(places: &Arc<Places>, from: SocketAddr) -> Option<Place> {
        let network = network(from.ip(), LINK);
        let mut taken = places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let mine = taken.get(&network).copied().unwrap_or(0);
        if all >= MOST || mine >= MOST_OF_ONE {
            return None;
        }
        taken.insert(network, mine + 1);
        Some(Place { of: Arc::clone(places), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.network) {
            Some(mine) if *mine > 1 => *mine -= 1,
            _ => drop(taken.remove(&self.network)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_come_back() {
        let (places, from) = (Arc::new(Places::default()), |host: u8| SocketAddr::from(([192, 0, 2, host], 1)));
        let mine: Vec<_> = (0..MOST_OF_ONE).map(|_| Places::take(&places, from(1)).unwrap()).collect();
        assert!(Places::take(&places, from(1)).is_none() && Places::take(&places, from(2)).is_some());
        drop(mine);
        assert!(Places::take(&places, from(1)).is_some());
        let all: Vec<_> = (0..=255).filter_map(|host| Places::take(&places, from(host))).collect();
        let more: Vec<_> = (0..=255).flat_map(|host| (0..9).map(move |_| from(host))).collect();
        let more: Vec<_> = more.into_iter().filter_map(|from| Places::take(&places, from)).collect();
        assert_eq!(all.len() + more.len(), MOST);
        drop((all, more));
        assert!(places.0.lock().unwrap().is_empty());
    }
}
