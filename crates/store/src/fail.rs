//! Named points between durable steps, at which tests kill the process. Outside of this crate's tests they do nothing.

#[cfg(not(test))]
pub(crate) fn point(_name: &str) {}

#[cfg(test)]
pub(crate) use tests::point;

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// How many points a child passes before it stops at one.
    pub(crate) const VARIABLE: &str = "PRIVITY_STORE_STOP_AFTER";
    /// What it prints there.
    pub(crate) const STOPPED: &str = "stopped at";

    /// Stops at the n-th point and waits to be killed, if the environment says so.
    pub(crate) fn point(name: &str) {
        static PASSED: AtomicU64 = AtomicU64::new(0);
        let Some(after) = std::env::var(VARIABLE).ok().and_then(|n| n.parse::<u64>().ok()) else { return };
        if PASSED.fetch_add(1, Ordering::Relaxed) == after {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{STOPPED} {name}").and_then(|()| out.flush());
            loop {
                std::thread::park();
            }
        }
    }
}
