//! What is explored: where it begins, what the clients do, how the collector is told to run, and what is assumed.

use crate::assumptions::Assumptions;
use crate::names::{Digest, Kind, Links, NAMES, REPOSITORIES, Repository, TAGS, Tag};
use crate::protocol::Protocol;
use crate::state::{At, Request, State};
use std::fmt;

/// One request of a client, or the few that bring one blob there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// HEAD; if it is not there a mount, if there is something to mount from; if that fails an upload.
    Blob { repository: Repository, digest: Digest, from: Option<Repository> },
    /// PUT of a manifest by a tag.
    Put { repository: Repository, manifest: Digest, tag: Tag },
    /// DELETE of a tag.
    Untag { repository: Repository, tag: Tag },
    /// DELETE of a manifest by its digest, which takes its tags along.
    Delete { repository: Repository, manifest: Digest },
}

/// The registry's descriptor cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CacheKind {
    #[default]
    None,
    /// Forgets nothing until the registry is restarted.
    Memory,
    /// Forgets what a collector evicts.
    Redis,
}

/// One exploration.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    pub begin: State,
    pub programs: [Vec<Op>; 2],
    pub protocol: Protocol,
    pub cache: CacheKind,
    /// `--min-age 0`, or one that is longer than a run.
    pub with_min_age: bool,
    /// Tags that the run was told to remove, as it finds them.
    pub removes: Links,
    /// How many collectors there are; with two they compete for the lease.
    pub collectors: u8,
    /// Whether a repository is listed in two parts, layers and revisions first and tags later.
    pub lists_in_parts: bool,
    /// Whether a refused client begins again, once.
    pub retries: bool,
    /// Whether the last run begins when all clients have ended. Only then, and only at its end, are images looked at.
    pub closing_run: bool,
    /// Whether what was promised before the second look at the repositories must pull at every moment after it.
    pub watches_recheck: bool,
    /// Whether every manifest that is listed must pull at every moment.
    pub watches_listed: bool,
    pub assumptions: Assumptions,
}

impl Scenario {
    /// Whether there is nothing left that pusher `index` does.
    pub fn is_done(&self, state: &State, index: usize) -> bool {
        let pusher = state.pushers[index];
        pusher.at == Request::Refused || usize::from(pusher.request) >= self.programs[index].len()
    }

    /// Whether the run was told to remove this tag.
    pub fn tells(&self, repository: Repository, tag: Tag) -> bool {
        !self.removes.get(repository, Kind::Current(tag)).is_empty()
    }

    pub fn all_done(&self, state: &State) -> bool {
        (0..2).all(|index| self.is_done(state, index))
    }

    /// What is wrong in this state, if anything is.
    pub fn wrong(&self, state: &State) -> Option<Wrong> {
        let at_rest = !state.interrupted && state.collectors.iter().all(|collector| collector.at == At::Idle);
        let is_judged = at_rest && (!self.closing_run || state.runs_left == 0 && self.all_done(state));
        let tags = if is_judged { state.promised } else { state.always };
        let tag = state.broken(tags).map(|(repository, tag)| Wrong::Tag(repository, tag));
        let listed = || state.dangling().map(|(repository, digest)| Wrong::Listed(repository, digest));
        tag.or_else(|| if self.watches_listed { listed() } else { None })
    }
}

/// What must not be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// A tag that was promised does not pull.
    Tag(Repository, Tag),
    /// A manifest that its repository lists does not pull.
    Listed(Repository, Digest),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Tag(repository, tag) => {
                write!(f, "{}:{} does not pull", REPOSITORIES[*repository as usize], TAGS[*tag as usize])
            }
            Wrong::Listed(repository, digest) => {
                write!(f, "{}@{} does not pull", REPOSITORIES[*repository as usize], NAMES[*digest as usize])
            }
        }
    }
}

/// Who takes a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Pusher(usize),
    Collector(usize),
    World,
}

/// One step, as a trace tells of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    pub who: Who,
    pub what: &'static str,
    pub digest: Option<Digest>,
    pub repository: Option<Repository>,
    pub tag: Option<Tag>,
}

impl Step {
    pub fn new(who: Who, what: &'static str) -> Step {
        Step { who, what, digest: None, repository: None, tag: None }
    }
    pub fn of(self, digest: Digest) -> Step {
        Step { digest: Some(digest), ..self }
    }
    pub fn within(self, repository: Repository) -> Step {
        Step { repository: Some(repository), ..self }
    }
    pub fn tagged(self, tag: Tag) -> Step {
        Step { tag: Some(tag), ..self }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.who {
            Who::Pusher(index) => write!(f, "client {}      ", index + 1)?,
            Who::Collector(index) => write!(f, "    regsweep {}  ", index + 1)?,
            Who::World => write!(f, "        ")?,
        }
        write!(f, "{}", self.what)?;
        if let Some(digest) = self.digest {
            write!(f, " {}", NAMES[digest as usize])?;
        }
        if let Some(repository) = self.repository {
            write!(f, " in {}", REPOSITORIES[repository as usize])?;
        }
        if let Some(tag) = self.tag {
            write!(f, " tag {}", TAGS[tag as usize])?;
        }
        Ok(())
    }
}
