//! Where a listing is among names: what stands beside and behind it has to be asked for.

use std::collections::VecDeque;

/// Names beside each other, with all that is below them.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// Those that the listing has not come to, as prefixes that end in a slash, in order.
    pub(super) to_come: VecDeque<String>,
    /// How many of them the listing has come to since they were told, and in how many pages.
    passed: usize,
    pages: u32,
    /// Prefixes behind the last of them that may divide what else there is: the store named no more.
    pub(super) beyond: Vec<String>,
}

impl Names {
    /// Takes an answer of the store in, of one level, for a stretch from here to there.
    pub(super) fn told(
        level: &str,
        mut names: Vec<String>,
        is_complete: bool,
        (cursor, end): (&str, Option<&str>),
    ) -> Self {
        names.sort();
        let beyond = match (names.first(), names.last()) {
            (Some(first), Some(last)) if !is_complete => ladder(level, first, last),
            _ => Vec::new(),
        };
        let inside = |name: &str| end.is_none_or(|end| name < end);
        let to_come = names.into_iter().filter(|name| name.as_str() > cursor && inside(name)).collect();
        let beyond = beyond.into_iter().filter(|cut| cut.as_str() > cursor && inside(cut)).collect();
        Self { to_come, beyond, passed: 0, pages: 0 }
    }

    /// How many pages one takes, as far as pages have shown.
    pub(super) fn pages_each(&self) -> Option<f64> {
        let passed = self.passed as f64 + 0.5;
        (self.pages > 0).then(|| f64::from(self.pages) / passed)
    }

    /// Counts a page that ended here; tells whether it has come to any of them.
    pub(super) fn page(&mut self, cursor: &str) -> bool {
        let before = self.to_come.len();
        self.pass(cursor);
        let passed = before - self.to_come.len();
        if before > 0 {
            self.passed += passed;
            self.pages += 1;
        }
        passed > 0
    }

    fn pass(&mut self, cursor: &str) {
        while self.to_come.front().is_some_and(|name| name.as_str() <= cursor) {
            self.to_come.pop_front();
        }
        self.beyond.retain(|cut| cut.as_str() > cursor);
    }

    /// Those behind this place.
    pub(super) fn behind(&self, cut: &str) -> Self {
        let mut rest = self.clone();
        rest.pass(cut);
        rest
    }

    /// Forgets what lies at this end and behind it.
    pub(super) fn end_at(&mut self, end: &str) {
        self.to_come.retain(|name| name.as_str() < end);
        self.beyond.retain(|cut| cut.as_str() < end);
    }
}

/// The levels on which names may stand beside a key, outermost first: those of repositories, and that of the tags of one.
/// Below a name that begins with `_` stands nothing else that is worth a question.
pub(super) fn levels<'k>(prefix: &str, key: &'k str) -> Vec<&'k str> {
    let Some(rest) = key.strip_prefix(prefix) else { return Vec::new() };
    let mut levels = Vec::new();
    let mut is_inside = prefix.contains("/_");
    let mut at = prefix.len();
    for part in rest.split_inclusive('/') {
        let level = &key[..at];
        is_inside |= part.starts_with('_');
        if part.ends_with('/') && (!is_inside || level.ends_with("/_manifests/tags/")) {
            levels.push(level);
        }
        at += part.len();
    }
    levels
}

/// Where to cut behind the last name that a store told, when it told no more: at each letter of it, the next of its kind
/// and one in the middle of what follows. `svc-0024/` gives `svc-0025`, `svc-003`, `svc-006`, `svc-01`, `svc-05`, ...
fn ladder(level: &str, first: &str, last: &str) -> Vec<String> {
    let (Some(first), Some(name)) = (first.strip_prefix(level), last.strip_prefix(level)) else { return Vec::new() };
    let name = name.trim_end_matches('/');
    let differs = first.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    let mut cuts = Vec::new();
    for at in (0..=differs.min(name.len().saturating_sub(1))).rev() {
        let (Some(before), Some(&letter)) = (name.get(..at), name.as_bytes().get(at)) else { continue };
        let top = match letter {
            b'0'..=b'9' => b'9',
            b'a'..=b'z' => b'z',
            b'A'..=b'Z' => b'Z',
            _ => continue,
        };
        let mut add = |letter: u8| cuts.push(format!("{level}{before}{}", char::from(letter)));
        if letter < top {
            add(letter + 1);
        }
        let middle = letter + (top - letter).div_ceil(2);
        if middle > letter + 1 {
            add(middle);
        }
    }
    cuts.sort();
    cuts.dedup();
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPOSITORIES: &str = "r/";

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn names_stand_beside_repositories_and_beside_tags() {
        let of = |key| levels(REPOSITORIES, key);
        assert_eq!(of("r/a/b/_layers/sha256/00/link"), ["r/", "r/a/"]);
        assert_eq!(of("r/a/_manifests/tags/v1/current/link"), ["r/", "r/a/_manifests/tags/"]);
        assert_eq!(of("elsewhere/a"), Vec::<&str>::new());
        assert_eq!(levels("r/a/_layers/", "r/a/_layers/sha256/00/link"), Vec::<&str>::new());
        assert_eq!(levels("r/a/_manifests/", "r/a/_manifests/tags/v1/x"), ["r/a/_manifests/tags/"]);
    }

    #[test]
    fn what_lies_behind_a_name_is_cut_at_each_letter() {
        let cuts = ladder("r/", "r/svc-0000/", "r/svc-0024/");
        let expected = ["svc-003", "svc-006", "svc-01", "svc-05", "svc-1", "svc-5", "svd", "svo", "sw", "sx", "t", "w"];
        assert_eq!(cuts, expected.map(|cut| format!("r/{cut}")));
        assert!(cuts.iter().all(|cut| cut.as_str() > "r/svc-0024/"), "{cuts:?}");
        assert_eq!(ladder("r/", "r/zz/", "r/zz/"), Vec::<String>::new());
        assert_eq!(ladder("r/", "r/é/", "r/é/"), Vec::<String>::new());
    }

    #[test]
    fn an_answer_is_what_is_to_come_and_how_long_one_takes() {
        let names = owned(&["r/d/", "r/a/", "r/b/", "r/c/"]);
        let told = Names::told("r/", names.clone(), true, ("r/b/x", Some("r/d/")));
        assert_eq!(told.to_come, ["r/c/"]);
        assert_eq!(told.pages_each(), None, "no page has come since");
        assert_eq!(told.beyond, Vec::<String>::new());
        let cut_off = Names::told("r/", names, false, ("r/b/x", None));
        assert!(cut_off.beyond.iter().all(|cut| cut.as_str() > "r/d/"), "{cut_off:?}");
        assert!(!cut_off.beyond.is_empty());
    }

    #[test]
    fn what_the_listing_has_come_to_is_forgotten() {
        let mut names = Names { to_come: owned(&["r/a/", "r/b/", "r/c/"]).into(), ..Names::default() };
        names.pass("r/a/x");
        assert_eq!(names.to_come, ["r/b/", "r/c/"]);
        assert_eq!(names.behind("r/b/").to_come, ["r/c/"]);
        names.end_at("r/c/");
        assert_eq!(names.to_come, ["r/b/"]);
    }
}
