//! Links inside one process that are as slow as a network: every frame arrives a fixed time after it left, and no
//! faster than a bandwidth lets it. In real time, for measuring; for testing what can go wrong see [`sim`](super::sim).

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{CHUNK, Link, LinkError, LinkReceive, LinkSend};
use crate::frame::Frame;

/// How far away the other end is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// The time that a frame takes one way: half of a round trip.
    pub latency: Duration,
    /// Bytes a second in each direction.
    pub bandwidth: f64,
}

/// Two ends of one link.
pub fn pair(distance: Distance) -> (Link, Link) {
    let (to_b, from_a) = mpsc::unbounded_channel();
    let (to_a, from_b) = mpsc::unbounded_channel();
    (end(distance, to_b, from_b), end(distance, to_a, from_a))
}

/// A frame, and when it arrives.
type Arriving = (Instant, Frame);

fn end(
    distance: Distance,
    sender: mpsc::UnboundedSender<Arriving>,
    channel: mpsc::UnboundedReceiver<Arriving>,
) -> Link {
    Link {
        sender: Box::new(DistantSender { distance, channel: Some(sender), free: Instant::now() }),
        receiver: Box::new(DistantReceiver { channel, next: None }),
    }
}

struct DistantSender {
    distance: Distance,
    channel: Option<mpsc::UnboundedSender<Arriving>>,
    /// When the line has taken everything before.
    free: Instant,
}

#[async_trait]
impl LinkSend for DistantSender {
    async fn send(&mut self, frames: Vec<Frame>) -> Result<(), LinkError> {
        let channel = self.channel.as_ref().ok_or(LinkError::Closed)?;
        for frame in frames {
            let busy = Duration::from_secs_f64(frame.encoded_len() as f64 / self.distance.bandwidth);
            self.free = self.free.max(Instant::now()) + busy;
            channel.send((self.free + self.distance.latency, frame)).map_err(|_| LinkError::Closed)?;
        }
        // A socket's buffer is small: whoever has more to say waits for the line.
        sleep_until(self.free).await;
        Ok(())
    }

    async fn close(&mut self) -> Result<(), LinkError> {
        self.channel = None;
        Ok(())
    }

    fn chunk(&self) -> usize {
        CHUNK / 16
    }
}

struct DistantReceiver {
    channel: mpsc::UnboundedReceiver<Arriving>,
    next: Option<Arriving>,
}

#[async_trait]
impl LinkReceive for DistantReceiver {
    async fn receive(&mut self) -> Result<Option<Frame>, LinkError> {
        if self.next.is_none() {
            self.next = self.channel.recv().await;
        }
        let Some((at, _)) = &self.next else { return Ok(None) };
        // Cancelled here, nothing is lost.
        sleep_until(*at).await;
        Ok(self.next.take().map(|(_, frame)| frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn frames_arrive_after_the_latency_and_no_faster_than_the_bandwidth() {
        let distance = Distance { latency: Duration::from_millis(20), bandwidth: 1e6 };
        let (mut a, mut b) = pair(distance);
        let begun = Instant::now();
        let frame = Frame::Heartbeat { received: 7, taken: 0 };
        let size = frame.encoded_len();
        let count = 1_000_000 / size;
        let sending = async {
            a.sender.send(vec![frame.clone(); count]).await.unwrap();
            a.sender.close().await.unwrap();
        };
        let receiving = async {
            assert_eq!(b.receiver.receive().await.unwrap(), Some(frame.clone()));
            let first = begun.elapsed();
            let mut more = 0;
            while b.receiver.receive().await.unwrap().is_some() {
                more += 1;
            }
            (first, more)
        };
        let ((), (first, more)) = tokio::join!(sending, receiving);
        assert!(first >= Duration::from_millis(20) && first < Duration::from_millis(25), "{first:?}");
        assert_eq!(more, count - 1);
        let all = begun.elapsed();
        assert!(all > Duration::from_millis(1000) && all < Duration::from_millis(1040), "{all:?}");
    }
}
