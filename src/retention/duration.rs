//! Durations as policies have them: `90s`, `15m`, `36h`, `7d`, `2w`, and several of these.

use crate::error::quoted;
use std::fmt::Write as _;
use std::time::Duration;

const UNITS: [(char, u64); 5] = [('w', 7 * 86_400), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// Reads a duration. Months and years have no fixed length, so they are none; `m` is a minute.
///
/// # Errors
/// If it is none; the error says what is expected.
pub fn parse(text: &str) -> Result<Duration, String> {
    let expected = || format!("{} is no duration: expected 90s, 15m, 36h, 7d, 2w, or several of these", quoted(text));
    let (mut rest, mut seconds) = (text.trim(), 0_u64);
    if rest.is_empty() {
        return Err(expected());
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().map_err(|_| expected())?;
        let Some(letter) = rest[digits..].chars().next() else {
            return Err(format!("{} has no unit: expected 90s, 15m, 36h, 7d or 2w", quoted(text)));
        };
        let behind = rest[digits + letter.len_utf8()..].trim_start();
        let known = UNITS.iter().find(|(unit, _)| *unit == letter).map(|(_, length)| *length);
        let length = known.filter(|_| behind.is_empty() || behind.starts_with(|next: char| next.is_ascii_digit()));
        let length = length.ok_or_else(expected)?;
        let sum = number.checked_mul(length).and_then(|more| seconds.checked_add(more));
        seconds = sum.ok_or_else(|| format!("{} is too long", quoted(text)))?;
        rest = behind;
    }
    Ok(Duration::from_secs(seconds))
}

/// A duration as it would be written: `30d`, `1d12h`.
#[must_use]
pub fn written(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut text = String::new();
    for (unit, length) in UNITS.iter().filter(|(unit, _)| *unit != 'w') {
        if left >= *length {
            let _ = write!(text, "{}{unit}", left / length);
            left %= length;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// An age for people: in whole days from two days on, then in hours, minutes, seconds. Never more than it is.
#[must_use]
pub fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7_199 => format!("{}m", seconds / 60),
        7_200..=172_799 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_the_manual() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("36h", 129_600),
            ("7d", 604_800),
            ("2w", 1_209_600),
            ("1d12h", 129_600),
            ("1d 12h", 129_600),
            (" 0s ", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_told() {
        for text in ["", " ", "d", "7", "7 d", "7days", "-7d", "1.5d", "3M", "1y", "7d-", "soon", "7d é", "7é"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("7").is_err_and(|error| error.contains("no unit")));
        assert!(parse("3M").is_err_and(|error| error.contains("36h")));
        assert!(parse("99999999999999999w").is_err_and(|error| error.contains("too long")));
        assert!(parse("18446744073709551615s1s").is_err_and(|error| error.contains("too long")));
    }

    #[test]
    fn what_is_written_reads_back() {
        for (seconds, text) in [(0, "0s"), (90, "1m30s"), (2_592_000, "30d"), (129_600, "1d12h"), (1_209_600, "14d")] {
            assert_eq!(written(Duration::from_secs(seconds)), text);
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn ages_are_rounded_down() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (259_199, "2d"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), text, "{seconds}");
        }
    }
}
