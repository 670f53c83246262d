//! Links inside one process: frames change hands without being encoded or copied.

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{Link, LinkError, LinkReceive, LinkSend};
use crate::exchange::{Exchange, Options};
use crate::frame::Frame;
use crate::player::PlayerId;

/// Writes that may wait in a direction before the sender has to.
const WRITES_IN_FLIGHT: usize = 64;

/// Two ends of one link.
pub fn pair() -> (Link, Link) {
    let (to_b, from_a) = mpsc::channel(WRITES_IN_FLIGHT);
    let (to_a, from_b) = mpsc::channel(WRITES_IN_FLIGHT);
    (end(to_b, from_b), end(to_a, from_a))
}

fn end(sender: mpsc::Sender<Vec<Frame>>, receiver: mpsc::Receiver<Vec<Frame>>) -> Link {
    Link {
        sender: Box::new(MemorySender { channel: Some(sender) }),
        receiver: Box::new(MemoryReceiver { channel: receiver, batch: Vec::new().into_iter() }),
    }
}

/// The exchanges of all `names`, each linked in memory to each. Call it inside a tokio runtime.
pub fn world(names: &[&str], options: &Options) -> Vec<Exchange> {
    let mut links: Vec<Vec<(PlayerId, Link)>> = names.iter().map(|_| Vec::new()).collect();
    for (a, id_a) in (0..names.len()).zip((0..).map(PlayerId)) {
        for (b, id_b) in (0..a).zip((0..).map(PlayerId)) {
            let (end_a, end_b) = pair();
            links[a].push((id_b, end_a));
            links[b].push((id_a, end_b));
        }
    }
    (0..)
        .map(PlayerId)
        .zip(links)
        .map(|(me, links)| Exchange::new(me, names, links, options.clone()).expect("a full mesh has every player once"))
        .collect()
}

struct MemorySender {
    channel: Option<mpsc::Sender<Vec<Frame>>>,
}

#[async_trait]
impl LinkSend for MemorySender {
    async fn send(&mut self, frames: Vec<Frame>) -> Result<(), LinkError> {
        let channel = self.channel.as_ref().ok_or(LinkError::Closed)?;
        channel.send(frames).await.map_err(|_| LinkError::Closed)
    }

    async fn close(&mut self) -> Result<(), LinkError> {
        self.channel = None;
        Ok(())
    }

    /// Cutting would only cost a copy at the other end.
    fn chunk(&self) -> usize {
        usize::MAX
    }
}

struct MemoryReceiver {
    channel: mpsc::Receiver<Vec<Frame>>,
    batch: std::vec::IntoIter<Frame>,
}

#[async_trait]
impl LinkReceive for MemoryReceiver {
    async fn receive(&mut self) -> Result<Option<Frame>, LinkError> {
        loop {
            if let Some(frame) = self.batch.next() {
                return Ok(Some(frame));
            }
            match self.channel.recv().await {
                Some(frames) => self.batch = frames.into_iter(),
                None => return Ok(None),
            }
        }
    }
}
