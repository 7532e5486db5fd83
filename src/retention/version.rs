//! Tags as versions. The only place that knows the library.
//!
//! A version is what semver.org calls one: three numbers, and perhaps a pre-release, with or without a leading `v`. `1.2` is
//! none, nor is `20260101`: a rule that took a build number for a version would judge tags that nobody meant.

use std::fmt;
use std::str::FromStr;

/// The version that a tag names, if it names one.
#[must_use]
pub fn of_tag(tag: &str) -> Option<semver::Version> {
    semver::Version::parse(tag.strip_prefix(['v', 'V']).unwrap_or(tag)).ok()
}

/// A range of versions: `>=1.0.0`, `>=1.2, <2`, `~1.4`.
///
/// What follows a dash is a pre-release to semver.org and a variant to many who tag images (`1.2.3-alpine`). In doubt a tag
/// stays: what keeps looks at the three numbers as well, what deletes takes a range as Cargo does, where a pre-release is in
/// it only if the range itself names one of the same version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    text: String,
    range: semver::VersionReq,
}

impl Range {
    /// Whether a tag is a version in this range.
    #[must_use]
    pub fn holds(&self, tag: &str) -> bool {
        of_tag(tag).is_some_and(|version| self.range.matches(&version))
    }

    /// Whether a tag is a version in this range, or would be without what follows its dash.
    #[must_use]
    pub fn keeps(&self, tag: &str) -> bool {
        self.holds(tag)
            || of_tag(tag).is_some_and(|version| {
                self.range.matches(&semver::Version::new(version.major, version.minor, version.patch))
            })
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a range of versions such as \">=1.0.0\" or \">=1.2, <2\"";
        let range = semver::VersionReq::parse(text).map_err(|error| format!("{error}: {expected}"))?;
        Ok(Self { text: text.to_owned(), range })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, tag: &str) -> bool {
        range.parse::<Range>().is_ok_and(|range| range.holds(tag))
    }

    #[test]
    fn three_numbers_make_a_version_with_or_without_v() {
        for tag in ["1.0.0", "v1.0.0", "V1.0.0", "1.0.10", "10.0.0"] {
            assert!(holds(">=1.0.0", tag), "{tag}");
        }
        for tag in
            ["0.9.9", "1.0", "1", "v1", "latest", "20260101", "1.0.0.0", "01.0.0", "vv1.0.0", "x1.0.0", "release-1.0.0"]
        {
            assert!(!holds(">=1.0.0", tag), "{tag}");
        }
    }

    #[test]
    fn order_is_of_numbers_not_of_letters() {
        assert!(holds(">=1.9.0", "1.10.0") && !holds("<1.9.0", "1.10.0"));
        assert!(holds(">=1.2, <2", "1.99.0") && !holds(">=1.2, <2", "2.0.0"));
    }

    #[test]
    fn pre_release_is_in_a_range_only_by_name() {
        assert!(!holds(">=1.0.0", "2.0.0-rc1") && holds(">=2.0.0-rc0", "2.0.0-rc1"));
        assert!(!holds("<1.0.0", "1.0.0-rc1"));
    }

    /// `1.2.3-alpine` is a release to whoever pushed it: a rule that keeps releases must not lose it.
    #[test]
    fn variant_is_kept_and_not_selected() {
        let range: Range = ">=1.0.0".parse().unwrap_or_else(|error| unreachable!("{error}"));
        assert!(range.keeps("1.2.3-alpine") && range.keeps("1.0.0-rc1") && range.keeps("v1.2.3"));
        assert!(!range.keeps("0.9.0-alpine") && !range.keeps("alpine") && !range.holds("1.2.3-alpine"));
        let exactly: Range = "=2.0.0-rc1".parse().unwrap_or_else(|error| unreachable!("{error}"));
        assert!(exactly.keeps("2.0.0-rc1") && !exactly.keeps("2.0.0-rc2") && !exactly.keeps("2.0.0"));
    }

    #[test]
    fn what_is_no_range_is_told() {
        for text in ["", "one", ">=1.0.0 <2.0.0", ">>1"] {
            assert!(text.parse::<Range>().is_err_and(|error| error.contains("expected a range")), "{text}");
        }
    }
}
