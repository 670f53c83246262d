//! Whether one worker can be reached from here, and how well: name, port, key, version, clock, round trip, bandwidth.

use std::time::{Duration, Instant};

use agreement::Member;
use net::{Dialer, NetError};

use crate::client::Contact;
use crate::clock::now_ms;
use crate::error::ClientError;
use crate::proto;

/// Echoes that the round trip is the median of.
const ECHOES: usize = 5;
/// Bytes of the echo that bandwidth is measured by, each way.
pub(crate) const MEASURED: usize = 1 << 20;
/// Clocks that differ by more make agreements' validity windows unreliable.
const CLOCKS: Duration = Duration::from_secs(30);

/// What was found of one thing, on the way from one worker to another.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// From where; empty for where the command runs.
    pub from: String,
    /// To whose worker.
    pub to: String,
    /// `name`, `port`, `key`, `version`, `clock`, `round trip` or `bandwidth`.
    pub check: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, in words or with its unit.
    pub found: String,
    /// What to do about it; empty if nothing.
    pub help: String,
}

/// Examines the way to one worker. Takes two echoes of a megabyte and a few small ones. What depends on what failed
/// is left out.
pub(crate) async fn examine(dialer: &Dialer, from: &str, to: &str, member: &Member) -> Vec<Finding> {
    let mut report = Report { from, to, findings: Vec::new() };
    let Some(endpoint) = &member.endpoint else { return report.findings };
    let relayed = if endpoint.is_relayed() { " (the relay)" } else { "" };
    match tokio::net::lookup_host((endpoint.host(), endpoint.port())).await.map(|mut found| found.next()) {
        Ok(Some(address)) => report.good("name", format!("{}{relayed}", address.ip())),
        Ok(None) | Err(_) => {
            report.bad(
                "name",
                format!("{} has no address", endpoint.host()),
                "mend the roster, or the name's DNS record",
            );
            return report.findings;
        }
    }
    let contact = match Contact::reach(dialer, to, &endpoint.to_string(), member.identity).await {
        Ok(contact) => contact,
        Err(error) => {
            report.unreached(&error);
            return report.findings;
        }
    };
    report.good("port", format!("{endpoint} answers"));
    report.good("key", member.identity.short());
    report.good("version", contact.version.clone());
    report.clock(&contact);
    if let Err(error) = report.speed(contact).await {
        report.bad("bandwidth", error.to_string(), &error.help().unwrap_or_default());
    }
    report.findings
}

struct Report<'a> {
    from: &'a str,
    to: &'a str,
    findings: Vec<Finding>,
}

impl Report<'_> {
    fn good(&mut self, check: &str, found: String) {
        self.tell(check, true, found, "");
    }

    fn bad(&mut self, check: &str, found: String, help: &str) {
        self.tell(check, false, found, help);
    }

    fn tell(&mut self, check: &str, ok: bool, found: String, help: &str) {
        let (from, to) = (self.from.to_owned(), self.to.to_owned());
        self.findings.push(Finding { from, to, check: check.into(), ok, found, help: help.into() });
    }

    /// An error names what it was that failed; what comes before that was good.
    fn unreached(&mut self, error: &ClientError) {
        let check = match error {
            ClientError::Net(NetError::Unreachable { .. }) => "port",
            ClientError::Version { .. } | ClientError::Net(NetError::PeerIncompatible { .. }) => "version",
            _ => "key",
        };
        self.bad(check, error.to_string(), &error.help().unwrap_or_default());
    }

    fn clock(&mut self, contact: &Contact) {
        let Some(ahead) = contact.ahead_ms else { return };
        let found = format!("{:+.1} s", ahead as f64 / 1000.0);
        if ahead.unsigned_abs() <= CLOCKS.as_millis() as u64 {
            self.good("clock", found);
        } else {
            self.bad("clock", found, "set both clocks by NTP: agreements are valid by the clock");
        }
    }

    async fn speed(&mut self, contact: Contact) -> Result<(), ClientError> {
        let mut times = Vec::new();
        for _ in 0..ECHOES {
            times.push(echo(&contact, 0).await?);
        }
        times.sort();
        let trip = times[ECHOES / 2];
        self.good("round trip", format!("{:.1} ms", trip.as_secs_f64() * 1e3));
        // The first megabyte opens the connection's window.
        echo(&contact, MEASURED).await?;
        let whole = echo(&contact, MEASURED).await?;
        // On a busy machine the echoes before may have taken longer than this one.
        let time = whole.saturating_sub(trip).max(whole / 4).max(Duration::from_micros(1));
        self.good("bandwidth", format!("{:.0} Mbit/s", 2.0 * MEASURED as f64 * 8.0 / 1e6 / time.as_secs_f64()));
        Ok(())
    }
}

/// Sends bytes there and back.
async fn echo(contact: &Contact, bytes: usize) -> Result<Duration, ClientError> {
    let begun = Instant::now();
    let request = proto::EchoRequest { payload: vec![0x5a; bytes] };
    let reply = contact.worker.clone().echo(request).await.map_err(|s| contact.failed(&s))?.into_inner();
    match reply.payload.len() == bytes {
        true => Ok(begun.elapsed()),
        false => Err(ClientError::BadOutput { player: contact.player.clone() }),
    }
}

/// By how many milliseconds a clock is ahead of ours, if it said `theirs` between two moments of ours.
pub(crate) fn ahead(before_ms: u64, theirs: u64) -> i64 {
    let middle = before_ms.midpoint(now_ms());
    i64::try_from(theirs).unwrap_or(i64::MAX).saturating_sub(i64::try_from(middle).unwrap_or(i64::MAX))
}

impl From<Finding> for proto::Finding {
    fn from(f: Finding) -> proto::Finding {
        proto::Finding { to: f.to, check: f.check, ok: f.ok, found: f.found, help: f.help }
    }
}

impl Finding {
    pub(crate) fn from_proto(from: &str, f: proto::Finding) -> Finding {
        Finding { from: from.to_owned(), to: f.to, check: f.check, ok: f.ok, found: f.found, help: f.help }
    }
}
