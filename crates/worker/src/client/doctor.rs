//! Examining the ways between all workers of a roster, in both directions.

use std::path::Path;

use agreement::Roster;
use futures::future::join_all;
use net::{Credentials, Dialer, KeyPair};

use super::contact::Contact;
use crate::error::ClientError;
use crate::examine::{Finding, examine};
use crate::proto;

/// Examines the ways from here to every worker of a roster, and asks each that answers to examine the ways to all
/// others. Blocks. What cannot be found out is a finding, too.
///
/// # Errors
/// Files that cannot be read.
pub fn examine_roster(roster: &Path, key: &Path) -> Result<Vec<Finding>, ClientError> {
    let key = KeyPair::load(key)?;
    let roster = Roster::read(roster)?;
    let dialer = Dialer::new(Credentials::new(key)?);
    super::runtime()?.block_on(async {
        let mut findings = Vec::new();
        // One after another: ways that are measured at once would share their bandwidth.
        for (player, member) in roster.iter() {
            findings.extend(examine(&dialer, "", player, member).await);
        }
        let reached = join_all(roster.iter().map(|(player, member)| {
            let endpoint = member.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
            let dialer = &dialer;
            async move { Contact::reach(dialer, player, &endpoint, member.identity).await.ok() }
        }));
        for contact in reached.await.into_iter().flatten() {
            match contact.worker.clone().examine(proto::ExamineRequest {}).await {
                Ok(reply) => {
                    let theirs = reply.into_inner().findings.into_iter();
                    findings.extend(theirs.map(|f| Finding::from_proto(&contact.player, f)));
                }
                Err(status) => findings.push(refused(&contact, &contact.failed(&status))),
            }
        }
        Ok(findings)
    })
}

fn refused(contact: &Contact, error: &ClientError) -> Finding {
    Finding {
        from: contact.player.clone(),
        to: "the others".into(),
        check: "examination".into(),
        ok: false,
        found: error.to_string(),
        help: error.help().unwrap_or_default(),
    }
}
