//! Patterns for repositories: they read back as they were written, and match what they say, as a second and simpler
//! reading of them does.

use regsweep::collect::pattern::Pattern;
use regsweep::model::RepositoryName;

/// Expressions are the business of another crate, which is fuzzed by itself; long ones take a millisecond each.
const LONGEST_EXPRESSION: usize = 8;

/// A pattern on the first line, names on the others.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let written = lines.next().unwrap_or_default();
    let expression = written.strip_prefix("re:");
    if expression.is_some_and(|expression| expression.len() > LONGEST_EXPRESSION || expression.contains('{')) {
        return;
    }
    let Ok(pattern) = written.parse::<Pattern>() else { return };
    assert_eq!(pattern.to_string(), written);
    for name in lines.chain(["a", "a/b", written]) {
        let matches = pattern.matches(name);
        if expression.is_none() {
            glob(written, name, matches);
        }
    }
}

fn glob(written: &str, name: &str, matches: bool) {
    // Neither classes nor alternatives.
    let is_plain = !written.contains(['[', ']', '{', '}', '\\']);
    let is_flat = is_plain && !written.contains("**");
    if is_flat && matches {
        assert_eq!(written.matches('/').count(), name.matches('/').count(), "{written:?} reaches {name:?}");
    }
    let parts: Vec<&str> = written.split('/').collect();
    if is_plain && !parts.contains(&"") && RepositoryName::new(name).is_some() {
        let names: Vec<&str> = name.split('/').collect();
        assert_eq!(matches, plainly(&parts, &names), "{written:?}, {name:?}");
    }
}

/// Two stars stand for any number of directories, and at the end for what is in one.
fn plainly(parts: &[&str], names: &[&str]) -> bool {
    match parts {
        [] => names.is_empty(),
        ["**"] => !names.is_empty(),
        ["**", rest @ ..] => (0..=names.len()).any(|skipped| plainly(rest, &names[skipped..])),
        [part, rest @ ..] => names
            .split_first()
            .is_some_and(|(name, names)| within(part.as_bytes(), name.as_bytes()) && plainly(rest, names)),
    }
}

/// Which beginnings of the name a beginning of the part matches, letter by letter.
fn within(part: &[u8], name: &[u8]) -> bool {
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for letter in part {
        if *letter == b'*' {
            for at in 0..name.len() {
                reached[at + 1] |= reached[at];
            }
        } else {
            for at in (0..name.len()).rev() {
                reached[at + 1] = reached[at] && (*letter == b'?' || *letter == name[at]);
            }
            reached[0] = false;
        }
    }
    reached[name.len()]
}
