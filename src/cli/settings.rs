//! What was typed, resolved: environment and files are read here, once.

use super::args::{AsideWhen, Common, Deciding};
use crate::collect::keep_from::KeepFrom;
use crate::collect::options::{Aside, Mode, Options};
use crate::collect::sealed::Named;
use crate::config::{DescriptorCache, Overrides, ProcessEnvironment, Resolved, resolve, resolve_from};
use crate::error::{Error, ErrorKind, Result};
use std::io::Read;
use std::path::Path;

/// The registry that was named: as operand, with `-R`, or by the environment.
///
/// # Errors
/// If two were named, or the one cannot be understood.
pub fn registry(operand: Option<&str>, common: &Common) -> Result<Resolved> {
    let named = match (operand, common.registry.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(Error::new(ErrorKind::Usage, "find the registry")
                .because("it is named twice: as operand and with --registry"));
        }
        (operand, option) => operand.or(option),
    };
    let overrides = Overrides {
        region: common.region.clone(),
        endpoint_url: common.endpoint_url.clone(),
        profile: common.profile.clone(),
    };
    resolve(named, &overrides, &ProcessEnvironment)
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
pub fn registry_of(plan: Option<&Named>, common: &Common) -> Result<Resolved> {
    let Some(named) = plan.filter(|_| common.registry.is_none()) else { return registry(None, common) };
    let overrides = Overrides {
        region: common.region.clone().or_else(|| named.region.clone()),
        endpoint_url: common.endpoint_url.clone().or_else(|| named.endpoint_url.clone()),
        profile: common.profile.clone().or_else(|| named.profile.clone()),
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
        delete_untagged: deciding.delete_untagged,
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
        repositories: deciding.repository.clone(),
        keep_from,
        max_delete_percent: deciding.max_delete_percent.or(if asked { None } else { Some(UNASKED_PERCENT) }),
        allow: deciding.allow.clone(),
    })
}

/// Whether the registry may go on claiming what is gone, and cannot be told.
fn remembers(cache: &DescriptorCache) -> bool {
    match cache {
        DescriptorCache::InMemory | DescriptorCache::Unknown => true,
        DescriptorCache::None | DescriptorCache::Redis(_) => false,
    }
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
