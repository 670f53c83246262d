//! The text of an agreement: TOML in one canonical form.
//!
//! A text is accepted only if it is, byte for byte, what the parsed agreement prints as. So one agreement
//! has one text, and a digest of the text is a digest of what it says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use crate::agreement::Agreement;
use crate::dataset::Dataset;
use crate::error::AgreementError;
use crate::roster::{Endpoint, Member, RawGroup, Roster};
use crate::terms::Terms;

/// The version of the form that is read and written. The words of the disclosure are part of it.
pub(crate) const VERSION: i64 = 2;

/// The longest text that is read, in bytes: the longest program, escaped, and a roster.
const MAX_TEXT: usize = 12 << 20;

/// What the text says, before any of it is believed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Raw {
    version: i64,
    pub(crate) disclosure: String,
    pub(crate) terms: Terms,
    #[serde(default)]
    pub(crate) dims: BTreeMap<String, u64>,
    players: BTreeMap<String, RawMember>,
    #[serde(default)]
    groups: BTreeMap<String, RawGroup>,
    #[serde(default)]
    pub(crate) datasets: RawDatasets,
    pub(crate) computation: RawComputation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMember {
    #[serde(deserialize_with = "crate::id::as_text::deserialize")]
    identity: net::Identity,
    endpoint: Option<String>,
    claims: Option<Box<attest::Policy>>,
}

/// By player and name.
pub(crate) type RawDatasets = BTreeMap<String, BTreeMap<String, RawDataset>>;

#[derive(Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDataset {
    #[serde(rename = "type")]
    ty: String,
    shape: Vec<u64>,
    #[serde(default)]
    keys: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawComputation {
    #[serde(deserialize_with = "crate::id::as_text::deserialize")]
    pub(crate) digest: ir::text::Digest,
    pub(crate) text: String,
}

/// Only the version, to tell a newer form from a damaged one.
#[derive(Deserialize)]
struct AnyVersion {
    version: i64,
}

/// Parses the text into its parts.
pub(crate) fn parse(text: &str) -> Result<Raw, AgreementError> {
    if text.len() > MAX_TEXT {
        return Err(AgreementError::TooLong { bytes: text.len(), most: MAX_TEXT });
    }
    let syntax = |error: toml::de::Error| syntax(text, &error);
    let AnyVersion { version } = toml::from_str(text).map_err(syntax)?;
    if version != VERSION {
        return Err(AgreementError::Version { found: version });
    }
    let raw: Raw = toml::from_str(text).map_err(syntax)?;
    if raw.version == VERSION { Ok(raw) } else { Err(AgreementError::Version { found: raw.version }) }
}

/// What is no TOML, or says too much or too little, with its line.
pub(crate) fn syntax(text: &str, error: &toml::de::Error) -> AgreementError {
    let line = error.span().map_or(0, |s| text.bytes().take(s.start).filter(|b| *b == b'\n').count() + 1);
    AgreementError::Syntax { line, message: error.message().trim_end().replace('\n', "; ") }
}

impl Raw {
    /// The roster in it.
    pub(crate) fn roster(&mut self) -> Result<Roster, AgreementError> {
        let mut members = Vec::new();
        for (name, raw) in &self.players {
            let endpoint = raw.endpoint.as_deref().map(str::parse::<Endpoint>).transpose()?;
            members.push((name.clone(), Member { identity: raw.identity, endpoint, claims: raw.claims.clone() }));
        }
        Ok(Roster::new(members)?.with_groups(std::mem::take(&mut self.groups)))
    }
}

/// The datasets as the text states them.
pub(crate) fn raw_datasets(datasets: &[Dataset]) -> RawDatasets {
    let mut raw = RawDatasets::new();
    for d in datasets {
        let (ty, shape, keys) = (d.ty.to_string(), d.shape.clone(), d.keys.clone());
        raw.entry(d.player.clone()).or_default().insert(d.name.clone(), RawDataset { ty, shape, keys });
    }
    raw
}

/// Prints an agreement.
pub(crate) fn print(a: &Agreement) -> String {
    let mut out = format!(
        "# Privity agreement on the computation `{}`: what its parties read and sign.\nversion = {VERSION}\n\n",
        a.checked().computation().name
    );
    out += "# What each party gives, and who learns what from it. It follows from the computation below.\n";
    let _ = writeln!(out, "disclosure = {}", multi_line(&a.disclosure()));
    print_terms(&mut out, a.terms());
    out += "\n# The length of each named dimension.\n[dims]\n";
    for (name, n) in a.dims() {
        let _ = writeln!(out, "{} = {n}", key(name));
    }
    let _ = write!(out, "\n# Who plays whom.\n{}", a.roster());
    for (i, d) in a.datasets().iter().enumerate() {
        out += if i == 0 { "\n# What each player's worker must have.\n" } else { "\n" };
        let _ =
            writeln!(out, "[datasets.{}.{}]\ntype = \"{}\"\nshape = {:?}", key(&d.player), key(&d.name), d.ty, d.shape);
        let keys: Vec<String> =
            d.keys.iter().map(|(dim, column)| format!("{} = \"{}\"", key(dim), escaped(column, false))).collect();
        if !keys.is_empty() {
            let _ = writeln!(out, "keys = {{ {} }}", keys.join(", "));
        }
    }
    let text = a.checked().computation().to_string();
    let _ = write!(out, "\n# What is computed.\n[computation]\ndigest = \"{}\"\ntext = ", a.computation_digest());
    out += &multi_line(&text);
    out.push('\n');
    out
}

fn print_terms(out: &mut String, terms: &Terms) {
    *out += "\n# When a run may begin, how often there may be one (a resumed run counts once), and for which network.\n[terms]\n";
    for (name, time) in [("not_before", terms.not_before), ("not_after", terms.not_after)] {
        if let Some(time) = time {
            let _ = writeln!(out, "{name} = \"{time}\"");
        }
    }
    let _ = writeln!(out, "uses = {}\nprofile = \"{}\"", terms.uses, terms.profile.name());
}

/// A string as TOML.
pub(crate) fn string(text: &str) -> String {
    format!("\"{}\"", escaped(text, false))
}

/// A list of strings as TOML.
pub(crate) fn strings(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|s| string(s)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A TOML key: bare where TOML allows it.
pub(crate) fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { name.to_owned() } else { format!("\"{}\"", escaped(name, false)) }
}

/// A multi-line TOML string that keeps an ordinary program's text as it is.
fn multi_line(text: &str) -> String {
    format!("\"\"\"\n{}\"\"\"", escaped(text, true))
}

fn escaped(text: &str, multi_line: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out += "\\\\",
            '\n' if multi_line => out.push('\n'),
            // A single quotation mark may stand in a multi-line string, three in a row or one at its end may not.
            '"' if multi_line && !out.ends_with('"') => out.push('"'),
            '"' => out += "\\\"",
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    if multi_line && out.ends_with('"') && !out.ends_with("\\\"") {
        out.pop();
        out += "\\\"";
    }
    out
}

/// The first line, from 1, in which two texts differ.
pub(crate) fn first_difference(a: &str, b: &str) -> usize {
    let same = a.lines().zip(b.lines()).take_while(|(x, y)| x == y).count();
    same + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn escaped_strings_read_back(text in "[\"\\\\a\n\r\t\u{1}\u{7f}é ]{0,20}") {
            #[derive(Deserialize)]
            struct Both { one: String, many: String }
            let toml = format!("one = \"{}\"\nmany = {}\n", escaped(&text, false), multi_line(&text));
            let Both { one, many } = toml::from_str(&toml).unwrap();
            prop_assert_eq!(one, text.clone());
            prop_assert_eq!(many, text);
        }
    }
}
