//! What several outlets show alike.

use super::money;
use super::report::Report;
use crate::cli::words::{number, printable, size};
use crate::collect::audit::class::Class;
use crate::collect::audit::report::After;
use crate::collect::blobs::Tally;
use crate::collect::money::bill::OldVersions;
use crate::model::Timestamp;
use crate::retention::duration::written;
use std::time::Duration;

/// What a class is, for people.
pub(super) fn words(class: Class) -> &'static str {
    match class {
        Class::TaggedUnshared => "needed by tags, of one repository",
        Class::TaggedShared => "needed by tags, shared",
        Class::UntaggedUnshared => "needed by untagged manifests only, of one repository",
        Class::UntaggedShared => "needed by untagged manifests only, shared",
        Class::KeptForSafety => "kept for safety",
        Class::Young => "young",
        Class::Pending => "unreferenced, waiting to be deleted",
        Class::Unreferenced => "unreferenced",
        Class::Links => "links",
        Class::OrphanLayerLinks => "orphan layer links",
        Class::TagHistory => "tag history",
        Class::DanglingLinks => "links to what is gone",
        Class::UploadsActive => "uploads, active",
        Class::UploadsStale => "uploads, stale",
        Class::PartsActive => "multipart uploads, active",
        Class::PartsStale => "multipart uploads, stale",
        Class::Aside => "moved aside by regsweep",
        Class::RegsweepState => "state of regsweep",
        Class::Unrecognized => "not recognized",
        Class::Foreign => "not the registry's",
    }
}

/// The classes that there is anything of.
pub(super) fn classes(report: &Report) -> Vec<(&'static str, Tally)> {
    let of = |class: Class| report.findings.classes.get(class.name()).copied().unwrap_or_default();
    let all = Class::ALL.iter().map(|class| (words(*class), of(*class)));
    all.filter(|(_, tally)| tally.count > 0).collect()
}

/// What could be done: its name in reports, and the command.
pub(super) const KINDS: [(&str, &str); 3] =
    [("collection", "regsweep gc"), ("collection_untagged", "regsweep gc -m"), ("policy", "regsweep prune --policy")];

/// What could be done, and what would come of it.
pub(super) fn after(report: &Report) -> Vec<(&'static str, &After)> {
    KINDS.into_iter().filter_map(|(kind, words)| Some((words, report.findings.after.get(kind)?))).collect()
}

/// What stands above that: what is young now can go as well one day, and is not among it.
pub(super) fn freeable(min_age: Duration) -> String {
    let of_what =
        if min_age.is_zero() { String::new() } else { format!(" of what is older than {}", written(min_age)) };
    format!("what can be freed{of_what}, once it has waited")
}

/// What the store does with what is deleted, unless all of it is free at once.
pub(super) fn kept(report: &Report) -> Option<String> {
    let keeps = &report.store_keeps;
    Some(match (keeps.known, keeps.how) {
        (true, None) => return None,
        (true, Some(how)) => {
            let until =
                keeps.days.map_or_else(|| "until it is removed there".into(), |days| format!("for {days} days"));
            format!("the store keeps what is deleted {until} ({}): it is not free before", how.words())
        }
        (false, _) => {
            let why = keeps.why.as_deref().unwrap_or("it was not told");
            format!("not known: whether the store keeps what is deleted; {}", printable(why))
        }
    })
}

/// What was counted by, if not by a listing of now.
pub(super) fn counted_by(report: &Report) -> Option<String> {
    let listing = report.listing.as_ref()?;
    let when = Timestamp::parse_rfc3339(&listing.created).map(Timestamp::to_minute).unwrap_or_default();
    Some(format!("counted by the {} of {when}: what was pushed or deleted since is not in it", listing.what))
}

/// What stands beside all that, as no listing shows it.
pub(super) fn beside(report: &Report) -> Option<String> {
    let hidden = &report.findings.not_listed;
    let (versions, markers) = (hidden.noncurrent_versions?, hidden.delete_markers?);
    (versions.count + markers.count > 0).then(|| {
        format!(
            "beside all this, and not in any sum: {} ({}{}) and {}, which the store keeps of what was deleted or written over; \
             `regsweep gc --purge-versions` removes them",
            number(versions.count, "old version"),
            size(versions.bytes),
            of_old_versions(report).map(|cost| format!(", {}", cost.sentence())).unwrap_or_default(),
            number(markers.count, "delete marker"),
        )
    })
}

/// What old versions cost each month.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OldCost {
    /// So much, with its currency.
    Known(String),
    /// None of them has a price.
    NotKnown,
}

impl OldCost {
    /// For people, after what there is of them.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Known(cost) => format!("{cost} a month"),
            Self::NotKnown => "and what they cost is not known".to_owned(),
        }
    }
}

/// What old versions cost each month, if there are any that cost something. What has no price may cost anything.
pub(super) fn of_old_versions(report: &Report) -> Option<OldCost> {
    let money = report.money.as_ref()?;
    old_cost(money.old_versions.as_ref()?, &money.currency)
}

fn old_cost(old: &OldVersions, currency: &str) -> Option<OldCost> {
    if old.unpriced_bytes == 0 && old.per_month < Some(money::LEAST) {
        return None;
    }
    let cost = money::amount_known(old.per_month, old.unpriced_bytes);
    Some(cost.map_or(OldCost::NotKnown, |cost| OldCost::Known(format!("{cost} {currency}"))))
}

/// A share of the whole, in percent.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    let thousandths = u128::from(part) * 1000 / u128::from(whole);
    match thousandths {
        0 if part > 0 => "<0.1%".to_owned(),
        thousandths => format!("{}.{}%", thousandths / 10, thousandths % 10),
    }
}

/// The whole in one line.
pub(super) fn sum(report: &Report) -> String {
    let findings = &report.findings;
    format!("{} in {}", size(findings.bytes), number(findings.objects, "object"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::money::amount::Amount;

    #[test]
    fn what_is_too_young_to_go_is_not_promised() {
        assert_eq!(freeable(Duration::ZERO), "what can be freed, once it has waited");
        let of_a_week = freeable(Duration::from_hours(168));
        assert_eq!(of_a_week, "what can be freed of what is older than 7d, once it has waited");
    }

    #[test]
    fn old_versions_without_a_price_are_not_passed_over() {
        let cost = |millionths: Option<u64>, unpriced_bytes| {
            let per_month = millionths.map(Amount::from_millionths);
            old_cost(&OldVersions { per_month, unpriced_bytes }, "EUR").map(|cost| cost.sentence())
        };
        let not_known = Some("and what they cost is not known".to_owned());
        assert_eq!((cost(None, 1 << 40), cost(Some(0), 1)), (not_known.clone(), not_known));
        assert_eq!(cost(Some(2_500_000), 0).as_deref(), Some("2.50 EUR a month"));
        assert_eq!(cost(Some(2_500_000), 9).as_deref(), Some("over 2.50 EUR a month"));
        assert_eq!((cost(Some(0), 0), cost(None, 0)), (None, None));
    }

    #[test]
    fn shares_are_told_as_they_are() {
        for (part, whole, expected) in
            [(0, 0, ""), (0, 5, "0.0%"), (1, 10_000, "<0.1%"), (1, 3, "33.3%"), (u64::MAX, u64::MAX, "100.0%")]
        {
            assert_eq!(percent(part, whole), expected);
        }
    }
}
