//! How others lost images by retention rules, one test each.

use super::{NOW, days_ago, dropped, policy, repository, tag};
use regsweep::model::{Digest, Timestamp};
use regsweep::retention::facts::{TagFacts, UntaggedFacts};
use regsweep::retention::judge::judge;
use regsweep::retention::verdict::Verdict;

/// snok/container-retention-policy 67 and 68: "keep N" was counted over other images than those that the filters chose, and
/// 25 images were lost.
#[test]
fn keep_n_counts_the_set_that_the_rule_is_about() {
    let policy = policy("rules: [{repositories: [app], delete: {tags: [\"pr-*\"]}, keep: {last: 2}}]");
    let releases = (0..50).map(|at| tag(&format!("v{at}"), days_ago(at)));
    let builds = (0..5).map(|at| tag(&format!("pr-{at}"), days_ago(100 + at)));
    assert_eq!(dropped(&policy, &repository("app", releases.chain(builds))), ["pr-2", "pr-3", "pr-4"]);
}

/// The same, turned round: what stays anyway must not use up what is counted.
#[test]
fn keep_n_does_not_count_what_stays_anyway() {
    let policy =
        policy("rules: [{repositories: [app], delete: {older_than: 1d}, keep: {last: 3, tags: [\"v*\", latest]}}]");
    let stay = ["latest", "v1", "v2", "v3"].map(|name| tag(name, days_ago(2)));
    let builds = (0..4).map(|at| tag(&format!("b{at}"), days_ago(10 + at)));
    assert_eq!(dropped(&policy, &repository("app", stay.into_iter().chain(builds))), ["b3"]);
}

/// gitlab 377417: older tags were kept and newer ones removed.
#[test]
fn keep_n_keeps_the_newest_whatever_their_names_and_their_order() {
    let policy = policy("rules: [{repositories: [app], delete: {tags: [\"*\"]}, keep: {last: 2}}]");
    let mut tags = vec![tag("z", days_ago(9)), tag("10", days_ago(1)), tag("9", days_ago(2)), tag("a", days_ago(8))];
    for _ in 0..tags.len() {
        tags.rotate_left(1);
        let mut gone = dropped(&policy, &repository("app", tags.clone()));
        gone.sort();
        assert_eq!(gone, ["a", "z"]);
    }
}

/// gitlab 325429: a broken expression matched everything, and all images went. Here it is an error, and no policy.
#[test]
fn broken_expression_is_no_expression() {
    for text in ["re:(", "re:[a-", "re:(?<n", "re:*", "a[", ""] {
        let text = format!("rules: [{{repositories: [app], delete: {{tags: [\"{text}\"]}}}}]");
        let faults = regsweep::retention::parse::parse(&text, &mut |_| Err(String::new())).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults}");
    }
}

/// harbor 10295, 18479, 11837: a time that was not known sorted as the oldest, and fresh images went. gcr-cleaner: images
/// built reproducibly say that they are of 1970 or 1980.
#[test]
fn odd_times_never_make_anything_old() {
    let odd = [
        None,
        Some(Timestamp::from_days(0)),
        Some(Timestamp::from_days(3_652)),
        days_ago(0).map(|_| Timestamp::from_days(30_000)),
    ];
    for (at, time) in odd.into_iter().enumerate() {
        let fresh = TagFacts { created: time, ..tag("fresh", time) };
        let old = TagFacts { created: days_ago(99), ..tag("old", days_ago(99)) };
        let facts = repository("app", [fresh, old]);
        for rule in [
            "delete: {older_than: 30d}",
            "delete: {created_older_than: 30d}",
            "delete: {tags: [\"*\"]}, keep: {last: 1}",
            "delete: {tags: [\"*\"]}, keep: {younger_than: 7d}",
            "delete: {tags: [\"*\"]}, keep: {daily: 1, younger_than: 7d}",
            "delete: {tags: [\"*\"]}, keep: {last_per: {pattern: \"(?<all>)\", count: 1}}",
        ] {
            let gone = dropped(&policy(&format!("rules: [{{repositories: [app], {rule}}}]")), &facts);
            assert!(!gone.contains(&"fresh".to_owned()), "{at}: {rule}: {gone:?}");
        }
    }
}

fn untagged(name: &str, belongs_to: &[Digest]) -> UntaggedFacts {
    let digest = Digest::of(name.as_bytes());
    UntaggedFacts { digest, pushed: days_ago(999), lost: None, belongs_to: belongs_to.to_vec() }
}

/// acr-cli 131 and many others: the children of an index have no tag of their own. ghcr-cleanup-action 104: nor has what is
/// said of such a child.
#[test]
fn untagged_is_not_unreferenced() {
    let policy = policy("rules: [{repositories: [app], delete: {older_than: 30d}, untagged: {older_than: 1d}}]");
    let child = Digest::of(b"amd64");
    let index = TagFacts { parts: vec![child.clone(), Digest::of(b"nested")], ..tag("v1", days_ago(1)) };
    let mut facts = repository("app", [index]);
    facts.untagged = vec![
        untagged("amd64", &[]),
        untagged("nested", &[Digest::of(b"v1")]),
        untagged("sbom of amd64", &[child]),
        untagged("signature of the sbom", &[Digest::of(b"sbom of amd64")]),
        untagged("garbage", &[]),
    ];
    let fates: Vec<bool> = judge(&policy, &facts, NOW).untagged.iter().map(Verdict::drops).collect();
    assert_eq!(fates, [false, false, false, false, true]);
}

/// Azure/acr 577: `--untagged` was read as a filter and acted as an addition; the tags went too.
#[test]
fn what_is_said_of_untagged_manifests_is_not_said_of_tags() {
    let policy = policy("rules: [{repositories: [\"**\"], untagged: {older_than: 1d}}]");
    let mut facts = repository("app", [tag("v1", days_ago(999)), tag("latest", None)]);
    facts.untagged = vec![untagged("garbage", &[])];
    assert_eq!(dropped(&policy, &facts), [""; 0]);
    assert!(judge(&policy, &facts, NOW).untagged[0].drops());
}

/// The same, turned round: what is said of tags lets no untagged manifest go.
#[test]
fn what_is_said_of_tags_is_not_said_of_untagged_manifests() {
    let policy = policy("rules: [{repositories: [\"**\"], delete: {tags: [\"*\"]}}]");
    let mut facts = repository("app", [tag("v1", days_ago(999))]);
    facts.untagged = vec![untagged("garbage", &[])];
    assert_eq!(dropped(&policy, &facts), ["v1"]);
    assert!(!judge(&policy, &facts, NOW).untagged[0].drops());
}

/// supabase/storage 830: a clean-up of `images` also emptied `images2`.
#[test]
fn name_is_no_prefix() {
    let by_repository = policy("rules: [{repositories: [images, \"ci/*\"], delete: {tags: [\"*\"]}}]");
    for other in ["images2", "my/images", "images/thumb", "ci", "ci/a/b", "xci/a"] {
        assert_eq!(dropped(&by_repository, &repository(other, [tag("v1", days_ago(9))])), [""; 0], "{other}");
    }
    assert_eq!(dropped(&by_repository, &repository("ci/a", [tag("v1", days_ago(9))])), ["v1"]);
    let by_tag = policy("rules: [{repositories: [\"**\"], delete: {tags: [v1, \"pr-*\"]}}]");
    let tags = ["v1", "v10", "v1.1", "av1", "pr-", "pr-1", "xpr-1", "pr"].map(|name| tag(name, days_ago(9)));
    assert_eq!(dropped(&by_tag, &repository("app", tags)), ["v1", "pr-", "pr-1"]);
}

/// registry-cli, and the demonstration of tumblr's pruner: a digest that a kept tag names was deleted with the other tag. Here
/// only the tag goes; that its manifest stays is decided by the marks.
#[test]
fn shared_digest_costs_the_kept_tag_nothing() {
    let policy = policy("rules: [{repositories: [app], delete: {tags: [\"*\"]}, keep: {tags: [stable]}}]");
    let digest = Some(Digest::of(b"one image"));
    let tags = ["stable", "build-7"].map(|name| TagFacts { digest: digest.clone(), ..tag(name, days_ago(9)) });
    assert_eq!(dropped(&policy, &repository("app", tags)), ["build-7"]);
}

/// Keep-N pooled over repositories would empty the quiet ones.
#[test]
fn each_repository_is_counted_by_itself() {
    let policy = policy("rules: [{repositories: [\"**\"], delete: {tags: [\"*\"]}, keep: {last: 1}}]");
    for (name, age) in [("busy", 0), ("quiet", 2000)] {
        assert_eq!(dropped(&policy, &repository(name, [tag("v1", days_ago(age))])), [""; 0], "{name}");
    }
}

/// A signature is pushed after its image, and has a tag of its own: counted as an image it would push out a real one.
#[test]
fn signatures_use_up_no_place() {
    let policy = policy("rules: [{repositories: [app], delete: {tags: [\"*\"]}, keep: {last: 2}}]");
    let signed = |name: &str, days: u32| {
        let signature = format!("{}.sig", Digest::of(name.as_bytes()).to_string().replace(':', "-"));
        [tag(name, days_ago(days)), tag(&signature, days_ago(days))]
    };
    let facts = repository("app", signed("new", 1).into_iter().chain(signed("older", 2)).chain(signed("oldest", 3)));
    let gone = dropped(&policy, &facts);
    assert_eq!(gone.len(), 2, "{gone:?}");
    assert!(gone[0] == "oldest" && gone[1].starts_with("sha256-"), "{gone:?}");
}
