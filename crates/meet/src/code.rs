//! What the inviting party sends to the others.

use std::fmt;
use std::str::FromStr;

use agreement::Endpoint;
use subtle::ConstantTimeEq;

use crate::error::MeetError;
use crate::words;

/// Where to join, and a word that says that one was invited: `clinic.example:7700/lusab-babad-gutih-tugad`.
///
/// It keeps strangers out of the meeting and proves nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// Where the inviting party waits.
    pub endpoint: Endpoint,
    word: [u8; 8],
}

impl Code {
    /// A code of 8 fresh random bytes.
    #[must_use]
    pub fn new(endpoint: Endpoint, word: [u8; 8]) -> Code {
        Code { endpoint, word }
    }

    pub(crate) fn word(&self) -> [u8; 8] {
        self.word
    }

    /// Whether this is the code's word, in constant time.
    pub(crate) fn admits(&self, word: &[u8; 8]) -> bool {
        self.word.ct_eq(word).into()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.endpoint, words::print(self.word))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({}, word withheld)", self.endpoint)
    }
}

impl FromStr for Code {
    type Err = MeetError;

    fn from_str(text: &str) -> Result<Code, MeetError> {
        let (endpoint, word) = text.trim().rsplit_once('/').ok_or(MeetError::Code)?;
        let endpoint: Endpoint = endpoint.parse().map_err(|_| MeetError::Code)?;
        if endpoint.is_relayed() {
            return Err(MeetError::Code); // a relay knows workers, and there is none yet
        }
        Ok(Code { endpoint, word: words::parse(word).ok_or(MeetError::Code)? })
    }
}
