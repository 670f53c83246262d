//! Policies in words: what people read before they sign that a machine has to be so.

use crate::bytes::Hex;
use crate::policy::{Policy, Value};

impl Policy {
    /// What it asks of a machine and what it tolerates, a line each.
    pub fn in_words(&self) -> Vec<String> {
        let technologies: Vec<&str> = self.technologies.iter().map(|t| t.name()).collect();
        let mut lines =
            vec![format!("policy `{}`, digest {}; by {}", self.name, self.digest(), technologies.join(" or "))];
        lines.extend(self.measurements.iter().map(|(name, values)| format!("{name} is {}", any(values))));
        lines.extend(self.minimum.iter().map(|(name, least)| format!("{name} is at least {least}")));
        lines.extend(self.require.iter().map(|(name, value)| match value {
            Value::Flag(on) => format!("{name} is {on}"),
            Value::Number(n) => format!("{name} is {n}"),
        }));
        lines.extend(self.boot.iter().map(|(kind, values)| format!("booted {kind}: {}", values.join(" or "))));
        if !self.trust.attestation_keys.is_empty() {
            lines.push(format!("signed by the attestation key {}", any(&self.trust.attestation_keys)));
        }
        if !self.trust.roots.is_empty() {
            lines.push(format!("also under the root {}", any(&self.trust.roots)));
        }
        lines.extend(self.tolerated().iter().map(|what| format!("TOLERATED: {what}")));
        lines.push(format!("proved anew after {} s at most", self.lifetime_seconds));
        lines
    }

    fn tolerated(&self) -> Vec<String> {
        let t = &self.tolerate;
        let mut found = Vec::new();
        if t.debug {
            found.push("debug mode: its operator can read and change everything".to_owned());
        }
        if t.unpinned {
            found.push("any code".to_owned());
        }
        found.extend(t.tcb.iter().map(|status| format!("firmware that is {status:?}")));
        found.extend(t.advisories.iter().map(|name| format!("the advisory {name}")));
        if t.stale_collateral_seconds > 0 {
            found.push(format!("vendor's statements that ran out up to {} s ago", t.stale_collateral_seconds));
        }
        if t.missing_freshness {
            found.push("evidence that may be a replay".to_owned());
        }
        found
    }
}

fn any(values: &[Hex]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}
