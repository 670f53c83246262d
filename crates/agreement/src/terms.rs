//! Terms: when an agreement may be run, how often, and over which kind of network.
//!
//! Times are arguments and text, RFC 3339 in UTC with whole seconds; nothing here reads a clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::AgreementError;

/// The last second of the year 9999: RFC 3339 has four digits for a year.
const LAST: u64 = 253_402_300_799;

/// A moment, in whole seconds since 1970 (UTC). Its text is `2026-11-21T12:00:00Z` and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From seconds since 1970; `None` after the year 9999.
    pub fn from_seconds(seconds: u64) -> Option<Timestamp> {
        (seconds <= LAST).then_some(Timestamp(seconds))
    }

    /// The second that a time in milliseconds since 1970 is in; the last one for what is beyond it.
    pub fn from_ms(ms: u64) -> Timestamp {
        Timestamp((ms / 1000).min(LAST))
    }

    /// Seconds since 1970.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = OffsetDateTime::from_unix_timestamp(self.0.cast_signed()).map_err(|_| fmt::Error)?;
        f.write_str(&time.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

/// A text that is no time in the one form that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a time as 2026-11-21T12:00:00Z")]
pub struct TimeError;

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Timestamp, TimeError> {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimeError)?;
        let seconds = u64::try_from(time.unix_timestamp()).map_err(|_| TimeError)?;
        let timestamp = Timestamp::from_seconds(seconds).ok_or(TimeError)?;
        if timestamp.to_string() == text { Ok(timestamp) } else { Err(TimeError) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        crate::id::as_text::deserialize(deserializer)
    }
}

/// Which kind of network protocols are chosen for: it decides between fewer bytes and fewer rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Workers near each other: fewer bytes.
    #[default]
    Lan,
    /// Workers far apart: fewer rounds.
    Wan,
}

impl Profile {
    /// Its name, as in the text.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Lan => "lan",
            Profile::Wan => "wan",
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Profile, String> {
        [Profile::Lan, Profile::Wan]
            .into_iter()
            .find(|p| p.name() == text)
            .ok_or_else(|| format!("`{text}` is no profile; write lan or wan"))
    }
}

/// When an agreement may be run, how often, and over which kind of network.
///
/// A run is one session. A session that is resumed after a failure, as a further attempt, counts once; how often that may be is
/// the session's affair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The first second in which a session may begin; at once if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The last second in which a session, or an attempt to resume it, may begin; for ever if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// How many sessions it may have, at least 1.
    pub uses: u64,
    /// Which kind of network protocols are chosen for.
    pub profile: Profile,
}

impl Default for Terms {
    /// Once, at any time, between workers near each other.
    fn default() -> Terms {
        Terms { not_before: None, not_after: None, uses: 1, profile: Profile::Lan }
    }
}

impl Terms {
    /// Whether they can be kept at all.
    pub(crate) fn check(&self) -> Result<(), AgreementError> {
        if let (Some(not_before), Some(not_after)) = (self.not_before, self.not_after)
            && not_after < not_before
        {
            return Err(AgreementError::Window { not_before, not_after });
        }
        // TOML integers are signed.
        if self.uses == 0 || i64::try_from(self.uses).is_err() {
            return Err(AgreementError::Uses { uses: self.uses });
        }
        Ok(())
    }

    /// Whether a session may begin at a time, in milliseconds since 1970 (UTC).
    ///
    /// # Errors
    /// [`AgreementError::NotYet`] and [`AgreementError::Expired`], each with both times.
    pub fn check_time(&self, now_ms: u64) -> Result<(), AgreementError> {
        let now = Timestamp::from_ms(now_ms);
        match (self.not_before, self.not_after) {
            (Some(not_before), _) if now < not_before => Err(AgreementError::NotYet { not_before, now }),
            (_, Some(not_after)) if now > not_after => Err(AgreementError::Expired { not_after, now }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_have_one_text() {
        let noon: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        assert_eq!((noon.seconds(), noon), (1_795_262_400, Timestamp::from_ms(1_795_262_400_999)));
        for other in [
            "2026-11-21T12:00:00+00:00",
            "2026-11-21T13:00:00+01:00",
            "2026-11-21T12:00:00.0Z",
            "2026-11-21T12:00:00.5Z",
            "2026-11-21t12:00:00z",
            "2026-11-21 12:00:00Z",
            "2026-11-21T12:00:60Z",
            "1969-12-31T23:59:59Z",
            "2026-02-30T12:00:00Z",
            "2026-11-21",
            "",
        ] {
            assert_eq!(other.parse::<Timestamp>(), Err(TimeError), "{other}");
        }
        assert_eq!(Timestamp::from_seconds(LAST).unwrap().to_string(), "9999-12-31T23:59:59Z");
        assert_eq!((Timestamp::from_seconds(LAST + 1), Timestamp::from_ms(u64::MAX).seconds()), (None, LAST));
    }

    proptest! {
        #[test]
        fn every_time_reads_back(seconds in 0..=LAST) {
            let time = Timestamp::from_seconds(seconds).unwrap();
            prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
        }
    }
}
