//! What several targets need: places to cut at, XML as it is written, and how long a message may be.

use std::fmt::Write as _;

/// A place in a text of this length, the same for the same text: where it is cut, for example. Never its end.
pub fn place(text: &[u8]) -> usize {
    // FNV-1a: any function that looks at every byte does.
    let hash = text
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    usize::try_from(hash % text.len().max(1) as u64).unwrap_or_default()
}

/// Text as it may stand in XML: letters and digits as they are, everything else by its number.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            // No number can stand for it.
            '\0' => escaped.push(letter),
            _ if letter.is_ascii_alphanumeric() => escaped.push(letter),
            _ => {
                let _ = write!(escaped, "&#{};", u32::from(letter));
            }
        }
    }
    escaped
}

/// What is shown to people is short, however long what was read is: one message fills neither memory nor a log.
pub fn is_for_people(text: &str) {
    let letters = text.chars().count();
    assert!(letters <= 1000, "{letters} letters for one message");
}
