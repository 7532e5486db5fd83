//! What was typed, exactly. No environment, no files, no meaning yet: that is [`settings`](super::settings).

use crate::storage::location::Secret;
mod about_itself;
mod audit;
mod explain;
mod fsck;
mod ls;
mod outlets;
mod plan;
pub mod policy;
pub mod prune;
mod removing;
mod saved;
mod undo;

pub use about_itself::{Completions, Man};
pub use audit::Audit;
pub use explain::Explain;
pub use fsck::Fsck;
pub use ls::{List, Sort};
pub use outlets::{JsonOutlet, Outlets};
pub use plan::Plan;
pub use prune::Prune;
pub use removing::Remove;
pub use saved::{Apply, Show};
pub use undo::{Restore, Waiting, What};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

/// Collects the garbage of a container registry straight from its storage: a directory, S3, GCS or Azure.
///
/// Exit codes: 0 done, 1 failed before the first delete or the answer was no, 2 wrong usage or configuration, 3 refused,
/// 4 something failed after the first delete, or fsck found damage, 5 there is something to delete (only `plan --detailed-exitcode`),
/// 130 interrupted.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Removes what nothing needs
    ///
    /// The registry's own collector demands a stopped or read-only registry; its equal is
    /// `regsweep garbage-collect --offline config.yml`.
    #[command(visible_alias = "gc")]
    GarbageCollect(GarbageCollect),
    /// Drops tags by retention rules, then what only they kept, then collects
    ///
    /// The rules come from a file, or one rule from flags. `latest` is a tag like any other: name what must stay.
    Prune(Prune),
    /// Removes what is named: tags, manifests, repositories
    ///
    /// A manifest goes with its last tag, and with it the children of an index and what is about it (signatures, SBOMs),
    /// as far as nothing else needs them. Content stays until `garbage-collect`, or goes with --gc.
    Rm(Remove),
    /// Shows, or with -o saves, what garbage-collect would remove
    Plan(Plan),
    /// Checks a saved plan and prints what it would do, without touching the storage
    Show(Show),
    /// Carries out a saved plan, after checking every entry again
    ///
    /// The options that decide are the plan's. What is no longer as the plan saw it, and what is needed now, stays.
    Apply(Apply),
    /// Lists what is there: all repositories, the tags of one, the tree of one image
    ///
    /// It reads only, and of one repository only that. The registry is named with -R, or by the environment.
    Ls(List),
    /// Where the bytes are: every object in its class, every repository with its share, and what would free how much
    ///
    /// It reads only: it needs the right to list and to read, takes no lease, and can run beside a live registry.
    Audit(Audit),
    /// Tells who keeps something, or why it would go and when
    ///
    /// The shortest chains from a tag down to it, every repository that links it, and what would be freed with it.
    Explain(Explain),
    /// Looks for damage: what is broken, what that means, and what mends it
    ///
    /// It changes nothing without --repair, and ends with 4 where there is damage.
    Fsck(Fsck),
    /// Undo: writes back what a run has taken away, as long as its content waits
    ///
    /// A pointer is written where there is none now and where what it names is still there; a tag that names something
    /// else by now is left alone.
    Restore(Restore),
    /// Shows what waits to be deleted and can still be undone: since when, until when, how much
    Pending(Waiting),
    /// Retention rules without a registry: check, test, explain, import
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Prints completions for a shell
    Completions(Completions),
    /// Prints the manual page, or with a directory writes those of all commands
    Man(Man),
}

/// Each stands under a title of its own: clap would mix them with those of the command.
const PLACE: &str = "Where the registry is";
const EVERYWHERE: &str = "Options of every command";

/// Options of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// The registry: its config.yml, a storage URL (`s3://bucket[/root]`, gs://, az://, file://), or a directory
    #[arg(short = 'R', long, value_name = "REGISTRY", global = true, help_heading = PLACE)]
    pub registry: Option<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text, global = true, help_heading = EVERYWHERE)]
    pub format: Format,
    /// Print nothing on stdout but what --format json asks for
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    pub quiet: bool,
    /// Print the registry's other lines too, and each delete
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    pub verbose: bool,
    /// When to use colours
    #[arg(long, value_enum, default_value_t = Colour::Auto, global = true, help_heading = EVERYWHERE)]
    pub color: Colour,
    /// Show no progress
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub no_progress: bool,
    /// How many requests are in flight at most
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024), global = true, help_heading = EVERYWHERE)]
    pub concurrency: u16,
    /// How many requests are sent in a second at most; a store that refuses some is asked more slowly by itself
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), global = true, help_heading = EVERYWHERE)]
    pub max_requests_per_second: Option<u32>,
    /// Remember what manifests name in this directory, so that the next run need not read them; any number of registries
    /// and of runs can share it, and it can be deleted at any time
    #[arg(long, value_name = "DIR", global = true, help_heading = EVERYWHERE)]
    pub cache_dir: Option<PathBuf>,
    /// Certificates to trust beside the system's (PEM)
    #[arg(long, value_name = "FILE", global = true, help_heading = PLACE)]
    pub ca_file: Option<PathBuf>,
    /// The region of the bucket (S3)
    #[arg(long, value_name = "REGION", global = true, help_heading = PLACE)]
    pub region: Option<String>,
    /// The profile of the shared configuration (S3)
    #[arg(long, value_name = "NAME", global = true, help_heading = PLACE)]
    pub profile: Option<String>,
    /// The store's endpoint, where it is not the cloud's own
    #[arg(long, value_name = "URL", global = true, help_heading = PLACE)]
    pub endpoint_url: Option<String>,
}

/// How to print the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Options of `garbage-collect`.
#[derive(Debug, Args)]
pub struct GarbageCollect {
    /// The registry: its config.yml, a storage URL, or a directory
    #[arg(value_name = "REGISTRY")]
    pub operand: Option<String>,
    /// Do everything but delete
    #[arg(short = 'd', long, short_alias = 'n')]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Afterwards, and with a question of its own, remove for good what a versioned bucket keeps of what was deleted or
    /// written over longer ago than --defer [default here: as without --offline]
    #[arg(long, conflicts_with_all = ["output", "repository"])]
    pub purge_versions: bool,
    /// What bounds the run.
    #[command(flatten)]
    pub bounds: Bounds,
    /// What of the registry.
    #[command(flatten)]
    pub scope: Scope,
    /// What decides.
    #[command(flatten)]
    pub deciding: Deciding,
    /// Files.
    #[command(flatten)]
    pub outlets: Outlets,
}

/// What of the registry a collection is about.
#[derive(Debug, Args)]
pub struct Scope {
    /// Remove manifests that no tag needs
    #[arg(short = 'm', long)]
    pub delete_untagged: bool,
    /// Only these repositories lose something: a glob, or re: and a regular expression; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub repository: Vec<crate::collect::pattern::Pattern>,
}

/// Options that change what goes.
#[derive(Debug, Args)]
pub struct Deciding {
    /// The registry is stopped or read-only, and stays so until regsweep ends
    #[arg(long)]
    pub offline: bool,
    /// Keep what is younger, with all it needs [default: 24h; 0s with --offline]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub min_age: Option<Duration>,
    /// Let content wait so long after its last pointer went; until then `restore` brings it back [default: 24h; 7d if
    /// the registry may remember in memory what is gone; 0s with --offline]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub defer: Option<Duration>,
    /// How long a push that began before may take to write its links [default: 120s; 0s with --offline]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub settle: Option<Duration>,
    /// Move content aside before it is deleted for good: where that is free (a directory), always (a copy in a bucket)
    /// or never
    #[arg(long, value_enum, default_value_t = AsideWhen::Auto)]
    pub aside: AsideWhen,
    /// Look at the repositories again before content goes on the word of an older listing
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub max_scan_age: Duration,
    /// Remove uploads that have shown no sign of life for so long; `off` keeps all
    #[arg(long, value_name = "DURATION|off", default_value = "168h", value_parser = duration_or_off)]
    pub uploads_older_than: Limit,
    /// Refuse to remove a larger share of the bytes, if it is more than 1 GiB [default: 75 when
    /// nobody is asked]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub max_delete_percent: Option<u8>,
    /// Go on in spite of this refusal; repeatable
    #[arg(long, value_name = "CODE")]
    pub allow: Vec<crate::collect::refusal::Allowed>,
    /// Keep these digests and images, one a line, whatever the storage says; `-` reads stdin
    #[arg(long, value_name = "FILE|-")]
    pub keep_from: Vec<PathBuf>,
    /// What the registry remembers blobs in, where its configuration does not say: none, inmemory, or
    /// `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]` (rediss:// with TLS)
    #[arg(long, value_name = "CACHE", value_parser = secret)]
    pub descriptor_cache: Option<Secret>,
    /// Save the plan instead of acting; `.gz` compresses
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options that bound what one run does.
#[derive(Debug, Args)]
pub struct Bounds {
    /// Stop in time to end within this time, with a report of what is left
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub max_duration: Option<Duration>,
    /// Delete so many objects at most
    #[arg(long, value_name = "N")]
    pub max_objects: Option<u64>,
    /// Delete so many bytes at most
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub max_bytes: Option<u64>,
    /// Keep no lease, journal or list of what waits in the storage: needs no right to write, and cannot be undone
    #[arg(long)]
    pub no_state: bool,
}

/// When content is moved aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AsideWhen {
    /// Where moving costs nothing.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A duration, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

/// Takes any text: where it is understood and may be refused, it is not repeated, as it would be here.
#[expect(clippy::unnecessary_wraps, reason = "a value parser returns a result")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write 90s, 15m, 36h, 7d, 2w, or several of these"))
}

fn bytes(text: &str) -> Result<u64, String> {
    text.parse::<bytesize::ByteSize>()
        .map(|size| size.0)
        .map_err(|error| format!("{error}; write 500MB, 10GiB, or bytes"))
}

fn duration_or_off(text: &str) -> Result<Limit, String> {
    if text == "off" { Ok(Limit(None)) } else { duration(text).map(|limit| Limit(Some(limit))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_of_the_registry_keep_their_meaning() {
        for line in [
            "garbage-collect -d -m -q config.yml",
            "gc --dry-run --delete-untagged --quiet config.yml",
            "gc -n -m -q config.yml",
        ] {
            let cli = Cli::try_parse_from(format!("regsweep {line}").split(' '));
            let Ok(Cli { command: Command::GarbageCollect(gc), common }) = cli else { unreachable!("{line}: {cli:?}") };
            assert!(gc.dry_run && gc.scope.delete_untagged && common.quiet, "{line}");
            assert_eq!(gc.operand.as_deref(), Some("config.yml"));
        }
    }

    #[test]
    fn no_mistake_shows_the_password_of_a_cache() {
        let url = "redis://:hunter2@h";
        let cli = Cli::try_parse_from(["regsweep", "gc", "--descriptor-cache", url]);
        assert!(cli.is_ok() && !format!("{cli:?}").contains("hunter2"), "{cli:?}");
        let with_equals = format!("--descriptor-cache={url}");
        for line in [
            vec!["gc", "--descriptor-cache", url, "--descriptor-cache", url],
            vec!["gc", &with_equals, "--min-age", "7"],
            vec!["gc", &with_equals, "a", "b"],
            vec!["--descriptor-cache", url, "gc"],
            vec!["gc", "--descriptor-cach", url],
            vec!["gc", &format!("--descriptor-cach={url}")],
        ] {
            let Err(error) = Cli::try_parse_from([&["regsweep"], line.as_slice()].concat()) else {
                unreachable!("{line:?}")
            };
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{line:?}: {error}");
        }
    }

    #[test]
    fn durations_are_those_of_the_manual() {
        assert_eq!(duration("1d12h"), Ok(Duration::from_hours(36)));
        assert_eq!(duration("2w"), Ok(Duration::from_hours(14 * 24)));
        assert_eq!(duration_or_off("off"), Ok(Limit(None)));
        assert!(duration("off").is_err());
        assert!(duration("7").is_err());
    }

    #[test]
    fn restore_wants_to_know_what_and_takes_one_kind_of_it() {
        let parse = |line: &str| Cli::try_parse_from(format!("regsweep restore {line}").split(' '));
        let digest = crate::model::Digest::of(b"x");
        for line in ["--all", "--needed", "--run 20261121T191005Z-0a1b2c3d", "--image app:v1 --image re:^b$:*"] {
            assert!(parse(&format!("{line} registry")).is_ok(), "{line}");
        }
        assert!(parse(&format!("--digest {digest} --digest {digest}")).is_ok());
        for line in [
            "registry",
            "--all --needed",
            "--run a --digest b",
            "--run ../../x",
            "--digest sha256:12",
            "--image app@v1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
