//! Other tools' patterns as ours.

/// Text that stands for itself in a glob.
pub(super) fn escaped(text: &str) -> String {
    let special = |letter: char| matches!(letter, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | '!');
    text.chars().flat_map(|letter| special(letter).then_some('\\').into_iter().chain([letter])).collect()
}

/// A glob for names that begin so. Tags have no `/`, so one star is enough.
pub(super) fn beginning_with(prefix: &str) -> String {
    escaped(prefix) + "*"
}

/// A glob in which only the star is special.
pub(super) fn with_stars(text: &str) -> String {
    text.split('*').map(escaped).collect::<Vec<_>>().join("*")
}

/// The whole of a glob for tags (`*`, `**`, `?`, `{a,b}`) as part of a regular expression.
pub(super) fn as_regex(glob: &str) -> String {
    let mut regex = String::from("^");
    let mut depth = 0_u32;
    let mut letters = glob.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => {
                while letters.next_if_eq(&'*').is_some() {}
                regex.push_str(".*");
            }
            '?' => regex.push('.'),
            '{' => {
                depth += 1;
                regex.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                regex.push(')');
            }
            ',' if depth > 0 => regex.push('|'),
            letter => regex.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex
}

/// An expression under which all tags that match any of these are of one stream.
pub(super) fn one_stream(expressions: &[String]) -> Result<regex::Regex, String> {
    let any: Vec<String> = expressions.iter().map(|expression| format!("(?:{expression})")).collect();
    regex::Regex::new(&format!(
        "(?<stream>){}",
        if any.len() == 1 { any.concat() } else { format!("(?:{})", any.join("|")) }
    ))
    .map_err(|error| format!("no regular expression: {error}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::pattern::Pattern;

    fn matches(glob: &str, name: &str) -> bool {
        glob.parse::<Pattern>().unwrap().matches(name)
    }

    #[test]
    fn texts_stand_for_themselves() {
        assert!(matches(&escaped("a*[b]{c}?\\!"), "a*[b]{c}?\\!"));
        assert!(matches(&beginning_with("v1."), "v1.2") && !matches(&beginning_with("v1."), "v12"));
        assert!(matches(&with_stars("*test?"), "mytest?") && !matches(&with_stars("*test?"), "mytestx"));
    }

    #[test]
    fn globs_become_expressions() {
        let regex = |glob: &str| regex::Regex::new(&as_regex(glob)).unwrap();
        assert!(regex("v*").is_match("v1.0") && !regex("v*").is_match("av1"));
        assert!(regex("**").is_match("anything"));
        assert!(
            regex("{a,b?}-x").is_match("a-x")
                && regex("{a,b?}-x").is_match("bc-x")
                && !regex("{a,b?}-x").is_match("c-x")
        );
        assert!(regex("1.0").is_match("1.0") && !regex("1.0").is_match("1x0") && regex("a,b}").is_match("a,b}"));
    }

    #[test]
    fn one_stream_is_one_whatever_matched() {
        let regex = one_stream(&["^v1".into(), "x$".into()]).unwrap();
        assert!(regex.is_match("v1.0") && regex.is_match("ax") && !regex.is_match("b"));
        assert!(regex.capture_names().flatten().eq(["stream"]));
        assert!(one_stream(&["(".into()]).is_err());
        assert_eq!(one_stream(&["a".into()]).unwrap().as_str(), "(?<stream>)(?:a)");
    }
}
