//! Bits as words that can be read out: 16 bits a word, consonants and vowels in turn (proquints, Wilkerson 2009).

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";

/// Eight bytes as four words, as `lusab-babad-gutih-tugad`.
pub(crate) fn print(bytes: [u8; 8]) -> String {
    let word = |pair: &[u8]| {
        let n = usize::from(u16::from_be_bytes([pair[0], pair[1]]));
        let letters =
            [CONSONANTS[n >> 12], VOWELS[n >> 10 & 3], CONSONANTS[n >> 6 & 15], VOWELS[n >> 4 & 3], CONSONANTS[n & 15]];
        letters.map(char::from).iter().collect::<String>()
    };
    bytes.chunks(2).map(word).collect::<Vec<_>>().join("-")
}

/// Reads four words, and only those.
pub(crate) fn parse(text: &str) -> Option<[u8; 8]> {
    let mut bytes = [0; 8];
    let words: Vec<&str> = text.split('-').collect();
    if words.len() != 4 {
        return None;
    }
    for (word, pair) in words.iter().zip(bytes.chunks_mut(2)) {
        let [a, b, c, d, e] = *word.as_bytes() else { return None };
        let consonant = |letter| CONSONANTS.iter().position(|c| *c == letter);
        let vowel = |letter| VOWELS.iter().position(|v| *v == letter);
        let n = consonant(a)? << 12 | vowel(b)? << 10 | consonant(c)? << 6 | vowel(d)? << 4 | consonant(e)?;
        pair.copy_from_slice(&u16::try_from(n).ok()?.to_be_bytes());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_words_of_the_source_are_its_bits() {
        // From the proposal: 127.0.0.1 is lusab-babad, 63.84.220.193 is gutih-tugad.
        assert_eq!(print([127, 0, 0, 1, 63, 84, 220, 193]), "lusab-babad-gutih-tugad");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(bytes: [u8; 8]) {
            prop_assert_eq!(parse(&print(bytes)), Some(bytes));
        }

        #[test]
        fn nothing_else_is_read(text in "[a-z-]{0,30}") {
            prop_assert!(parse(&text).is_none_or(|bytes| print(bytes) == text));
        }
    }
}
