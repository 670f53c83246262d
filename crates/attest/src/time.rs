//! Points in time, given by the caller: this crate reads no clock.

use std::{fmt, str::FromStr, time::Duration};

use der::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// Seconds since 1970-01-01T00:00:00Z. Its text is RFC 3339 in UTC (`2026-11-21T09:00:00Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The greatest time that has a text form: the end of year 9999.
    pub const MAX: Self = Self(253_402_300_799);

    /// From seconds since the Unix epoch; later than year 9999 is cut to [`Time::MAX`].
    pub fn from_unix(seconds: u64) -> Self {
        Self(seconds.min(Self::MAX.0))
    }

    pub(crate) const fn at(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since the Unix epoch.
    pub fn unix(self) -> u64 {
        self.0
    }

    /// This time plus a number of seconds, at most [`Time::MAX`].
    pub fn plus(self, seconds: u64) -> Self {
        Self::from_unix(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this time; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_unix_duration(Duration::from_secs(self.0)) {
            Ok(date) => write!(f, "{date}"),
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

impl FromStr for Time {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let date: DateTime = text
            .parse()
            .map_err(|_| Error::verifier("time", format!("`{text}` is not of the form 2026-11-21T09:00:00Z")))?;
        Ok(Self(date.unix_duration().as_secs()))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The time in which a set of endorsements holds; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Window {
    /// The latest start of what it is made of.
    pub from: Time,
    /// The earliest end of what it is made of.
    pub until: Time,
}

impl Window {
    /// All of time: the neutral element of [`Window::meet`].
    pub const ALWAYS: Self = Self { from: Time(0), until: Time::MAX };

    /// The time in both windows.
    pub fn meet(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.min(other.until) }
    }

    /// Refuses a time outside, naming what would have had to be valid.
    pub(crate) fn check(self, what: &str, at: Time) -> Result<()> {
        if at < self.from {
            return Err(Error::NotYetValid { what: what.to_owned(), not_before: self.from, at });
        }
        if at > self.until {
            return Err(Error::Expired { what: what.to_owned(), not_after: self.until, at });
        }
        Ok(())
    }
}
