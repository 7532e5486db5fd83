//! When a run must not go on: the storage looks like something else than a registry that can be collected.

use super::graph::{Graph, Node};
use super::inventory::{Inventory, Repository, Target};
use super::mark::Marks;
use super::options::Options;
use crate::model::Digest;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a run is refused. Scripts rely on the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalCode {
    /// There are blobs, but no repositories.
    NoRepositories,
    /// There are tags or revisions, but nothing was marked.
    NothingMarked,
    /// Reading and listing contradict each other.
    Holes,
    /// There are keys both with and without a leading slash (Azure).
    BothKeyForms,
    /// A metadata database, not the storage, says what is live (GitLab).
    Database,
    /// The registry is a pull-through cache, whose manifests are often untagged.
    PullThroughCache,
    /// The tags live in another database (Harbor).
    TagsElsewhere,
    /// Too large a share of the bytes would go.
    Percent,
    /// The clocks of this machine and of the storage are too far apart.
    Clock,
}

impl RefusalCode {
    const ALL: [Self; 9] = [
        Self::NoRepositories,
        Self::NothingMarked,
        Self::Holes,
        Self::BothKeyForms,
        Self::Database,
        Self::PullThroughCache,
        Self::TagsElsewhere,
        Self::Percent,
        Self::Clock,
    ];

    /// The word in reports and for `--allow`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoRepositories => "no-repositories",
            Self::NothingMarked => "nothing-marked",
            Self::Holes => "holes",
            Self::BothKeyForms => "both-key-forms",
            Self::Database => "database",
            Self::PullThroughCache => "pull-through-cache",
            Self::TagsElsewhere => "tags-elsewhere",
            Self::Percent => "percent",
            Self::Clock => "clock",
        }
    }

    /// Whether `--allow` must repeat the location: a script that is pointed elsewhere must not bring its permission along.
    #[must_use]
    pub fn wants_location(self) -> bool {
        matches!(self, Self::NoRepositories | Self::NothingMarked | Self::Database)
    }
}

/// One `--allow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    code: RefusalCode,
    location: Option<String>,
}

/// The text allows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAllowed(String);

impl FromStr for Allowed {
    type Err = NotAllowed;

    fn from_str(text: &str) -> Result<Self, NotAllowed> {
        let (name, location) = match text.split_once('=') {
            Some((name, location)) => (name, Some(location.to_owned())),
            None => (text, None),
        };
        let Some(code) = RefusalCode::ALL.into_iter().find(|code| code.name() == name) else {
            let names = RefusalCode::ALL.map(RefusalCode::name).join(", ");
            return Err(NotAllowed(format!("there is no refusal {name:?}; there are {names}")));
        };
        if code.wants_location() && location.as_deref().is_none_or(str::is_empty) {
            return Err(NotAllowed(format!(
                "write --allow {name}=LOCATION, with the location as the report prints it"
            )));
        }
        Ok(Self { code, location })
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.name())?;
        self.location.as_ref().map_or(Ok(()), |location| write!(f, "={location}"))
    }
}

impl Allowed {
    fn covers(&self, refusal: &Refusal) -> bool {
        self.code == refusal.code && self.location.as_ref().is_none_or(|location| *location == refusal.location)
    }
}

/// A refusal: its code, and what was seen, what would have been lost, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: RefusalCode,
    /// What was seen, and what would have been lost.
    pub message: String,
    location: String,
}

impl Refusal {
    /// The argument that allows it.
    #[must_use]
    pub fn allow(&self) -> String {
        let name = self.code.name();
        if self.code.wants_location() { format!("--allow {name}={}", self.location) } else { format!("--allow {name}") }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code.name())
    }
}

/// What a run has learned that may speak against going on.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
pub struct Findings {
    /// The location, as the report prints it.
    pub location: String,
    /// How many repositories there are, whatever is in them.
    pub repositories: u64,
    /// How many blobs.
    pub blobs: u64,
    /// How many tags and revisions.
    pub tags_and_revisions: u64,
    /// How many revisions and tagged manifests were marked.
    pub marked_manifests: u64,
    /// Repositories with manifests.
    pub repositories_with_manifests: u64,
    /// Of these, how many have no tag.
    pub of_these_untagged: u64,
    /// GitLab's lock file is there.
    pub database_lock: bool,
    /// A pull-through cache's state is there.
    pub scheduler_state: bool,
    /// Keys in both forms are there.
    pub both_key_forms: bool,
    /// The configuration is Harbor's.
    pub harbor: bool,
    /// What a GET found and the listing did not, or the reverse.
    pub holes: Vec<String>,
    /// Bytes below the root.
    pub bytes: u64,
    /// Bytes that would go.
    pub planned_bytes: u64,
    /// Whether nothing at all would go.
    pub nothing_goes: bool,
    /// How far the clocks are apart, if the storage tells its time.
    pub clock_difference: Option<Duration>,
}

impl Findings {
    /// Takes in what a listing of repositories told.
    pub fn count(&mut self, inventory: &Inventory) {
        let repositories = &inventory.repositories;
        self.repositories = repositories.len() as u64 + u64::from(!inventory.strangers.is_empty());
        let counted = |repository: &Repository| (repository.current_tags().count() + repository.revisions.len()) as u64;
        self.tags_and_revisions = repositories.iter().map(counted).sum();
        let with_manifests = repositories.iter().filter(|repository| !repository.revisions.is_empty());
        let untagged = with_manifests.clone().filter(|repository| repository.current_tags().next().is_none());
        self.of_these_untagged = untagged.count() as u64;
        self.repositories_with_manifests = with_manifests.count() as u64;
    }
}

/// How many revisions and tagged manifests the marks keep: what `nothing-marked` is judged by.
#[must_use]
pub fn marked_manifests(inventory: &Inventory, graph: &Graph, marks: &Marks) -> u64 {
    let mut marked = 0;
    for (at, repository) in inventory.repositories.iter().enumerate() {
        let tagged = repository.current_tags().filter_map(|(_, current)| match current.target {
            Target::Digest(digest) => Some(digest),
            Target::Unreadable(_) | Target::Unread => None,
        });
        let is_kept = |digest: &Digest| {
            let is_there = graph.node_of(digest) != Node::Missing;
            is_there && marks.in_repository(at, graph.id(digest)).is_some()
        };
        marked += repository.revisions.names().filter(is_kept).count() as u64;
        marked += tagged.filter(is_kept).count() as u64;
    }
    marked
}

/// The limit below which a share of bytes says nothing.
const SMALL_REGISTRY: u64 = 1 << 30;
/// How far clocks may be apart.
pub const CLOCK_TOLERANCE: Duration = Duration::from_mins(5);

/// All that speaks against going on and was not allowed.
#[must_use]
pub fn refusals(findings: &Findings, options: &Options) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut refuse = |code, message: String| {
        refusals.push(Refusal { code, message, location: findings.location.clone() });
    };
    let Findings { blobs, repositories, tags_and_revisions, .. } = *findings;
    if findings.both_key_forms {
        let message = "there are keys both with and without a leading slash: a migration between registry versions that was not finished; each form hides the other, so what one needs would be taken from the other";
        refuse(RefusalCode::BothKeyForms, message.into());
    }
    if findings.database_lock {
        let message = "a metadata database is in use by this registry (docker/registry/lockfiles/database-in-use): the storage does not say what is live, and every image would be lost; use that registry's own collector";
        refuse(RefusalCode::Database, message.into());
    }
    if blobs > 0 && repositories == 0 {
        let message = format!(
            "there are {blobs} blobs, but not a single repository: all of them would be lost; is this the right bucket and root directory, and may it be listed completely?"
        );
        refuse(RefusalCode::NoRepositories, message);
    }
    if tags_and_revisions > 0 && findings.marked_manifests == 0 {
        let message = format!(
            "there are {tags_and_revisions} tags and manifests, but nothing keeps any of them: every image would be lost"
        );
        refuse(RefusalCode::NothingMarked, message);
    }
    if let Some(first) = findings.holes.first() {
        let message = format!(
            "the listing of this storage is not to be trusted: {first} ({} such objects); what it leaves out would be lost",
            findings.holes.len()
        );
        refuse(RefusalCode::Holes, message);
    }
    // What tags say decides nothing where nothing goes.
    if options.trusts_tags() && !findings.nothing_goes {
        let way = if options.rules.is_some() { "run `regsweep gc` without -m" } else { "run without -m" };
        refuse_untagged(findings, way, &mut refuse);
    }
    refuse_percent(findings, options, &mut refuse);
    if let Some(difference) = findings.clock_difference.filter(|difference| *difference > CLOCK_TOLERANCE) {
        let difference = humantime::format_duration(Duration::from_secs(difference.as_secs()));
        let message = format!("this machine's clock and the storage's are {difference} apart: ages cannot be judged");
        refuse(RefusalCode::Clock, message);
    }
    refusals.retain(|refusal| !options.allow.iter().any(|allowed| allowed.covers(refusal)));
    refusals
}

fn refuse_untagged(findings: &Findings, way: &str, refuse: &mut impl FnMut(RefusalCode, String)) {
    if findings.scheduler_state {
        let message = format!(
            "this registry is a pull-through cache (scheduler-state.json): its manifests are often untagged, and all of these would be lost; {way}"
        );
        refuse(RefusalCode::PullThroughCache, message);
    }
    let (all, untagged) = (findings.repositories_with_manifests, findings.of_these_untagged);
    if findings.harbor {
        let message = format!(
            "this is Harbor's registry: its tags live in Harbor's database, and every artifact would be lost; {way}"
        );
        refuse(RefusalCode::TagsElsewhere, message);
    } else if untagged * 2 > all {
        let message = format!(
            "{untagged} of {all} repositories with manifests have no tag at all: the tags seem to live elsewhere (a database), and these manifests would be lost; {way}"
        );
        refuse(RefusalCode::TagsElsewhere, message);
    }
}

fn refuse_percent(findings: &Findings, options: &Options, refuse: &mut impl FnMut(RefusalCode, String)) {
    let Some(limit) = options.max_delete_percent else { return };
    let share = u128::from(findings.planned_bytes) * 100;
    if findings.bytes >= SMALL_REGISTRY && share > u128::from(findings.bytes) * u128::from(limit) {
        let percent = share / u128::from(findings.bytes);
        let message = format!(
            "{percent} % of the bytes would go, and the limit is {limit} %: is this the right registry? (--max-delete-percent)"
        );
        refuse(RefusalCode::Percent, message);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::options::{Aside, Mode};
    use crate::collect::scene::{self, Storage, name, of};
    use crate::layout;

    #[test]
    fn repositories_tags_and_revisions_are_counted() {
        let counted = |storage: &Storage| {
            let mut findings = Findings::default();
            findings.count(&storage.inventory(&scene::options()));
            let Findings { repositories, tags_and_revisions, of_these_untagged, repositories_with_manifests, .. } =
                findings;
            [repositories, tags_and_revisions, repositories_with_manifests, of_these_untagged]
        };
        let mut storage = Storage::default();
        assert_eq!(counted(&storage), [0; 4]);
        let image = storage.index("tagged", &[]);
        storage.tag("tagged", "v1", &image);
        storage.tag("tagged", "v2", &image);
        storage.index("tagged", &[&image]);
        assert_eq!(counted(&storage), [1, 4, 1, 0]);
        storage.index("untagged", &[]);
        storage.put(layout::tag_history(&name("untagged"), &scene::tag("v1"), &image));
        storage.layer("layers", "layer");
        assert_eq!(counted(&storage), [3, 5, 2, 1]);
        // Links under a name that no registry accepts are one more that is not empty.
        storage.put(layout::layer_link(&name("x"), &image).replace("/x/", "/X/"));
        assert_eq!(counted(&storage), [4, 5, 2, 1]);
    }

    fn options(delete_untagged: bool, allow: &[&str]) -> Options {
        Options {
            mode: Mode::Offline,
            delete_untagged,
            min_age: Duration::ZERO,
            defer: Duration::ZERO,
            settle: Duration::ZERO,
            aside: Aside::Auto,
            max_scan_age: Duration::from_mins(5),
            uploads_older_than: None,
            repositories: Vec::new(),
            keep_from: Vec::new(),
            max_delete_percent: Some(75),
            allow: allow.iter().map(|text| text.parse().unwrap()).collect(),
            images: Vec::new(),
            collects: true,
            rules: None,
            repair: None,
        }
    }

    fn healthy() -> Findings {
        Findings {
            location: "s3://b/r".into(),
            repositories: 3,
            blobs: 9,
            tags_and_revisions: 5,
            marked_manifests: 4,
            repositories_with_manifests: 3,
            of_these_untagged: 1,
            bytes: 4 << 30,
            planned_bytes: 3 << 30,
            clock_difference: Some(CLOCK_TOLERANCE),
            ..Findings::default()
        }
    }

    fn codes(findings: &Findings, options: &Options) -> Vec<&'static str> {
        refusals(findings, options).iter().map(|refusal| refusal.code.name()).collect()
    }

    #[test]
    fn healthy_registry_is_not_refused() {
        assert_eq!(codes(&healthy(), &options(true, &[])), Vec::<&str>::new());
        assert_eq!(codes(&Findings::default(), &options(true, &[])), Vec::<&str>::new());
    }

    #[test]
    fn registry_whose_last_image_was_deleted_is_not_refused() {
        let last =
            Findings { repositories: 1, blobs: 3, bytes: 61 << 20, planned_bytes: 61 << 20, ..Findings::default() };
        assert_eq!(codes(&last, &options(true, &[])), Vec::<&str>::new());
    }

    #[test]
    fn each_refusal_has_its_finding() {
        let nothing = || Findings { marked_manifests: 0, ..healthy() };
        for (findings, code) in [
            (Findings { repositories: 0, ..healthy() }, "no-repositories"),
            (nothing(), "nothing-marked"),
            (Findings { holes: vec!["x".into()], ..healthy() }, "holes"),
            (Findings { both_key_forms: true, ..healthy() }, "both-key-forms"),
            (Findings { database_lock: true, ..healthy() }, "database"),
            (Findings { scheduler_state: true, ..healthy() }, "pull-through-cache"),
            (Findings { harbor: true, ..healthy() }, "tags-elsewhere"),
            (Findings { of_these_untagged: 2, ..healthy() }, "tags-elsewhere"),
            (Findings { planned_bytes: (3 << 30) + 1, ..healthy() }, "percent"),
            (Findings { clock_difference: Some(CLOCK_TOLERANCE * 2), ..healthy() }, "clock"),
        ] {
            assert_eq!(codes(&findings, &options(true, &[])), [code]);
        }
        assert_eq!(
            codes(&Findings { scheduler_state: true, harbor: true, ..healthy() }, &options(false, &[])),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn permission_for_another_location_is_none() {
        let empty = Findings { repositories: 0, ..healthy() };
        assert_eq!(codes(&empty, &options(false, &["no-repositories=s3://b/r"])), Vec::<&str>::new());
        assert_eq!(codes(&empty, &options(false, &["no-repositories=s3://other"])), ["no-repositories"]);
        assert_eq!(codes(&empty, &options(false, &["percent"])), ["no-repositories"]);
        assert!("no-repositories".parse::<Allowed>().unwrap_err().to_string().contains("=LOCATION"));
        assert!("no-repositories=".parse::<Allowed>().is_err());
        assert!("everything".parse::<Allowed>().unwrap_err().to_string().contains("there are no-repositories"));
    }

    #[test]
    fn share_of_a_small_registry_says_nothing() {
        let small = Findings { bytes: (1 << 30) - 1, planned_bytes: (1 << 30) - 1, ..healthy() };
        assert_eq!(codes(&small, &options(false, &[])), Vec::<&str>::new());
    }

    #[test]
    fn refusal_tells_its_code_and_how_to_allow_it() {
        let told = |findings: Findings| {
            let refusal = refusals(&findings, &options(true, &[])).remove(0);
            (refusal.to_string(), refusal.allow())
        };
        let (text, allow) = told(Findings { planned_bytes: 4 << 30, ..healthy() });
        assert!(text.starts_with("100 % of the bytes would go, and the limit is 75 %"), "{text}");
        assert!(text.ends_with("(percent)"), "{text}");
        assert_eq!(allow, "--allow percent");
        let (text, allow) = told(Findings { repositories: 0, ..healthy() });
        assert!(text.starts_with("there are 9 blobs") && text.ends_with("(no-repositories)"), "{text}");
        assert_eq!(allow, "--allow no-repositories=s3://b/r");
    }

    #[test]
    fn permission_reads_back_as_it_was_written_and_only_the_worst_want_the_location() {
        for code in RefusalCode::ALL {
            let worst =
                [RefusalCode::NoRepositories, RefusalCode::NothingMarked, RefusalCode::Database].contains(&code);
            assert_eq!(code.wants_location(), worst);
            assert_eq!(code.name().parse::<Allowed>().is_err(), worst, "{}", code.name());
            for text in [format!("{}=s3://b/r", code.name()), code.name().to_owned()] {
                if let Ok(allowed) = text.parse::<Allowed>() {
                    assert_eq!((allowed.code, allowed.to_string()), (code, text));
                }
            }
        }
    }

    /// A percentage of what is small says nothing, from a gigabyte on it does.
    #[test]
    fn share_of_a_gigabyte_counts() {
        let large = Findings { bytes: 1 << 30, planned_bytes: 1 << 30, ..healthy() };
        assert_eq!(codes(&large, &options(false, &[])), ["percent"]);
        assert_eq!(codes(&large, &options(false, &["percent"])), Vec::<&str>::new());
        assert_eq!(codes(&large, &options(false, &["holes"])), ["percent"]);
        assert_eq!(codes(&large, &options(false, &["percent=s3://other"])), ["percent"]);
        let no_limit = Options { max_delete_percent: None, ..options(false, &[]) };
        assert_eq!(codes(&large, &no_limit), Vec::<&str>::new());
    }

    /// A job that runs every night must not fail once there is nothing left to do.
    #[test]
    fn what_tags_say_matters_only_where_anything_goes() {
        let odd = Findings { harbor: true, scheduler_state: true, of_these_untagged: 3, ..healthy() };
        assert_eq!(codes(&odd, &options(true, &[])), ["pull-through-cache", "tags-elsewhere"]);
        let nothing = Findings { nothing_goes: true, ..odd };
        assert_eq!(codes(&nothing, &options(true, &[])), Vec::<&str>::new());
    }

    #[test]
    fn half_of_the_repositories_may_be_without_a_tag() {
        let untagged =
            |all, untagged| Findings { repositories_with_manifests: all, of_these_untagged: untagged, ..healthy() };
        for (all, without, refused) in [(4, 2, false), (4, 3, true), (1, 1, true), (2, 1, false), (3, 0, false)] {
            assert_eq!(!codes(&untagged(all, without), &options(true, &[])).is_empty(), refused, "{without} of {all}");
            assert!(codes(&untagged(all, without), &options(false, &[])).is_empty(), "{without} of {all}");
        }
    }

    #[test]
    fn only_manifests_that_are_there_and_needed_are_marked() {
        let mut storage = Storage::default();
        let marked = |storage: &Storage| {
            let (scan, _) = storage.scan(&scene::options());
            marked_manifests(&scan.inventory, &scan.graph, &scan.marks)
        };
        assert_eq!(marked(&storage), 0);
        storage.index("a", &[]);
        assert_eq!(marked(&storage), 0, "nothing needs it");
        let image = storage.index("a", &[&of("x")]);
        storage.tag("a", "v1", &image);
        assert_eq!(marked(&storage), 2, "the revision, and what the tag names");
        storage.tag("b", "v1", &of("not there"));
        storage.put(layout::revision_link(&name("b"), &of("not there")));
        assert_eq!(marked(&storage), 2, "a link of nothing");
        storage.objects.remove(&layout::revision_link(&name("a"), &image));
        assert_eq!(marked(&storage), 1);
    }
}
