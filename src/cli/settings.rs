//! What was typed, resolved: environment and files are read here, once.

use super::args::{self, AsideWhen, Common, Deciding, Scope};
use crate::collect::keep_from::KeepFrom;
use crate::collect::options::{Aside, Mode, Options};
use crate::collect::sealed::Named;
use crate::config::{
    DescriptorCache, Overrides, ProcessEnvironment, Resolved, descriptor_cache, resolve, resolve_from,
};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;
use crate::run::Bounds;
use crate::storage::location::{Secret, Store};
use crate::storage::pace::Limits;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// The registry that was named: as operand, with `-R`, or by the environment.
///
/// # Errors
/// If two were named, or the one cannot be understood.
pub fn registry(operand: Option<&str>, common: &Common) -> Result<Resolved> {
    registry_with(operand, common, None)
}

/// The registry that was named, for a command that deletes: what was said of its descriptor cache counts.
///
/// # Errors
/// As [`registry`], and if what was said of the cache cannot be understood.
pub fn registry_to_change(operand: Option<&str>, common: &Common, deciding: &Deciding) -> Result<Resolved> {
    registry_with(operand, common, deciding.descriptor_cache.as_ref().map(descriptor_cache).transpose()?)
}

fn registry_with(operand: Option<&str>, common: &Common, cache: Option<DescriptorCache>) -> Result<Resolved> {
    let named = match (operand, common.registry.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(Error::new(ErrorKind::Usage, "find the registry")
                .because("it is named twice: as operand and with --registry"));
        }
        (operand, option) => operand.or(option),
    };
    resolve(named, &overrides(common, cache), &ProcessEnvironment)
}

/// Another storage than the registry's, reached in the same way.
///
/// # Errors
/// If it cannot be understood.
pub(super) fn named_alone(url: &str, common: &Common) -> Result<Resolved> {
    resolve(Some(url), &overrides(common, None), &ProcessEnvironment)
}

fn overrides(common: &Common, cache: Option<DescriptorCache>) -> Overrides {
    Overrides {
        region: common.region.clone(),
        endpoint_url: common.endpoint_url.clone(),
        profile: common.profile.clone(),
        descriptor_cache: cache,
    }
}

/// How the registry was named, as a plan remembers it: so that it is found again from another directory.
#[must_use]
pub fn named(operand: Option<&str>, common: &Common) -> Option<Named> {
    let operand = operand.or(common.registry.as_deref())?;
    let path = || std::path::absolute(operand).map_or_else(|_| operand.into(), |path| path.display().to_string());
    Some(Named {
        registry: if operand.contains("://") { operand.to_owned() } else { path() },
        region: common.region.clone(),
        profile: common.profile.clone(),
        endpoint_url: common.endpoint_url.clone(),
    })
}

/// The registry that a plan is applied to: the one that is named now, or else the one that was named when it was made.
/// Whether it is the same place is found out when it is open.
///
/// # Errors
/// As [`registry`].
pub fn registry_of(plan: Option<&Named>, common: &Common, cache: Option<&Secret>) -> Result<Resolved> {
    let descriptor_cache = cache.map(descriptor_cache).transpose()?;
    let Some(named) = plan.filter(|_| common.registry.is_none()) else {
        return registry_with(None, common, descriptor_cache);
    };
    let overrides = Overrides {
        region: common.region.clone().or_else(|| named.region.clone()),
        endpoint_url: common.endpoint_url.clone().or_else(|| named.endpoint_url.clone()),
        profile: common.profile.clone().or_else(|| named.profile.clone()),
        descriptor_cache,
    };
    resolve_from("the plan", &named.registry, &overrides, &ProcessEnvironment)
        .map_err(|error| error.next("name the registry with -R, as this machine sees it"))
}

/// All that decides. `asked`: a person will be asked before anything goes.
///
/// # Errors
/// If a keep-from list cannot be read or understood.
pub fn options(deciding: &Deciding, cache: &DescriptorCache, asked: bool) -> Result<Options> {
    let mode = if deciding.offline { Mode::Offline } else { Mode::Live };
    let mut keep_from = Vec::new();
    for file in &deciding.keep_from {
        keep_from.extend(read_keep_from(file)?);
    }
    Ok(Options {
        mode,
        delete_untagged: false,
        min_age: deciding.min_age.unwrap_or(mode.default_min_age()),
        defer: deciding.defer.unwrap_or(mode.default_defer(remembers(cache))),
        settle: deciding.settle.unwrap_or(mode.default_settle()),
        aside: match deciding.aside {
            AsideWhen::Auto => Aside::Auto,
            AsideWhen::Always => Aside::Always,
            AsideWhen::Never => Aside::Never,
        },
        max_scan_age: deciding.max_scan_age,
        uploads_older_than: deciding.uploads_older_than.0,
        repositories: Vec::new(),
        keep_from,
        max_delete_percent: deciding.max_delete_percent.or(if asked { None } else { Some(UNASKED_PERCENT) }),
        allow: deciding.allow.clone(),
        images: Vec::new(),
        collects: true,
        rules: None,
        repair: None,
    })
}

/// The same, of a part of the registry.
#[must_use]
pub fn within(scope: &Scope, options: Options) -> Options {
    Options { delete_untagged: scope.delete_untagged, repositories: scope.repository.clone(), ..options }
}

/// Whether the registry may go on claiming what is gone, and cannot be told.
/// How long a version must have been old. What a stopped registry has deleted may be missed as well when it runs again.
#[must_use]
pub fn old_versions(deciding: &Deciding, cache: &DescriptorCache) -> Duration {
    deciding.defer.unwrap_or(Mode::Live.default_defer(remembers(cache)))
}

fn remembers(cache: &DescriptorCache) -> bool {
    match cache {
        DescriptorCache::InMemory | DescriptorCache::Unknown => true,
        DescriptorCache::None | DescriptorCache::Redis(_) => false,
    }
}

/// When the session keys in the environment end, where they say so: `aws configure export-credentials` and most sign-in
/// helpers do. Such keys cannot be renewed.
#[must_use]
pub fn session_end(registry: &Resolved) -> Option<Timestamp> {
    let Store::S3(s3) = &registry.location.store else { return None };
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if s3.keys.is_some() || s3.profile.is_some() {
        return None;
    }
    set("AWS_ACCESS_KEY_ID").and(set("AWS_SESSION_TOKEN"))?;
    Timestamp::parse_rfc3339(&set("AWS_CREDENTIAL_EXPIRATION")?)
}

/// So long before its keys end a run stops: a request on its way must still be accepted.
const BEFORE_SESSION_ENDS: Duration = Duration::from_mins(1);

/// The bounds of a run whose keys end at this time, and what to say if that is earlier than asked for.
#[must_use]
pub fn within_session(bounds: Bounds, end: Option<Timestamp>, now: Timestamp) -> (Bounds, Option<String>) {
    let Some(end) = end else { return (bounds, None) };
    let left = now.plus(BEFORE_SESSION_ENDS).until(end);
    if bounds.duration.is_some_and(|duration| duration <= left) {
        return (bounds, None);
    }
    let note = format!(
        "the session keys in the environment end at {end} and cannot be renewed: the run stops a minute before; what is left goes with the next"
    );
    (Bounds { duration: Some(left), ..bounds }, Some(note))
}

/// How fast the store may be asked.
#[must_use]
pub fn limits(common: &Common) -> Limits {
    Limits { concurrency: usize::from(common.concurrency), per_second: common.max_requests_per_second }
}

/// What bounds a run.
#[must_use]
pub fn bounds(bounds: &args::Bounds) -> Bounds {
    Bounds { duration: bounds.max_duration, objects: bounds.max_objects, bytes: bounds.max_bytes }
}

/// Whether the run keeps lease, journal and the list of what waits in the storage.
///
/// # Errors
/// If content would wait, and nothing would be kept that says since when.
pub fn keeps_state(bounds: &args::Bounds, options: &Options) -> Result<bool> {
    if bounds.no_state && options.mode == Mode::Live && !options.defer.is_zero() {
        return Err(Error::new(ErrorKind::Usage, "run without keeping anything in the storage")
            .because("content waits before it goes, and nothing would say since when")
            .next("add --offline (the registry is stopped or read-only), or --defer 0s"));
    }
    Ok(!bounds.no_state)
}

/// The largest share of the bytes that goes when nobody is asked.
const UNASKED_PERCENT: u8 = 75;

fn read_keep_from(file: &Path) -> Result<Vec<KeepFrom>> {
    let failed = |why: String| {
        let error = Error::new(ErrorKind::Usage, "read the list of what to keep").on(file.display().to_string());
        error.because(why).next("one digest (sha256:...) or image (repository:tag, repository@digest) a line")
    };
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
        text
    } else {
        std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?
    };
    match KeepFrom::parse_list(&text) {
        // What was to fill it has failed, perhaps; then nothing of it would be kept.
        Ok(list) if list.is_empty() => Err(failed("there is nothing in it".into())),
        list => list.map_err(|error| failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_days(20_000);

    #[test]
    fn keys_that_end_sooner_bound_the_run() {
        let asked = Bounds { duration: Some(Duration::from_hours(1)), ..Bounds::default() };
        let soon = NOW.plus(Duration::from_mins(31));
        for bounds in [asked, Bounds::default()] {
            let (bounds, note) = within_session(bounds, Some(soon), NOW);
            assert_eq!(bounds.duration, Some(Duration::from_mins(30)));
            assert!(note.is_some_and(|note| note.contains(&soon.to_rfc3339())));
        }
        let over = within_session(asked, Some(NOW), NOW);
        assert_eq!(over.0.duration, Some(Duration::ZERO));
    }

    #[test]
    fn keys_that_last_longer_or_do_not_say_change_nothing() {
        let asked = Bounds { duration: Some(Duration::from_hours(1)), ..Bounds::default() };
        for end in [None, Some(NOW.plus(Duration::from_hours(2)))] {
            let (bounds, note) = within_session(asked, end, NOW);
            assert_eq!((bounds.duration, note), (asked.duration, None));
        }
    }
}
