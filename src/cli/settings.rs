//! What was typed, resolved: environment and files are read here, once.

use super::args::{Common, Deciding};
use crate::collect::keep_from::KeepFrom;
use crate::collect::options::{Mode, Options};
use crate::config::{DescriptorCache, Overrides, ProcessEnvironment, Resolved, descriptor_cache, resolve};
use crate::error::{Error, ErrorKind, Result};
use serde_json::json;
use std::io::Read;
use std::path::Path;

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
    let overrides = Overrides {
        region: common.region.clone(),
        endpoint_url: common.endpoint_url.clone(),
        profile: common.profile.clone(),
        descriptor_cache: cache,
    };
    resolve(named, &overrides, &ProcessEnvironment)
}

/// All that decides. `asked`: a person will be asked before anything goes.
///
/// # Errors
/// If a keep-from list cannot be read or understood.
pub fn options(deciding: &Deciding, asked: bool) -> Result<Options> {
    let mode = if deciding.offline { Mode::Offline } else { Mode::Live };
    let mut keep_from = Vec::new();
    for file in &deciding.keep_from {
        keep_from.extend(read_keep_from(file)?);
    }
    Ok(Options {
        mode,
        delete_untagged: deciding.delete_untagged,
        min_age: deciding.min_age.unwrap_or(mode.default_min_age()),
        uploads_older_than: deciding.uploads_older_than.0,
        repositories: deciding.repository.clone(),
        keep_from,
        max_delete_percent: deciding.max_delete_percent.or(if asked { None } else { Some(UNASKED_PERCENT) }),
        allow: deciding.allow.clone(),
    })
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

/// The deciding options as reports and plans show them.
#[must_use]
pub fn shown(options: &Options) -> serde_json::Value {
    let duration = |duration| humantime::format_duration(duration).to_string();
    json!({
        "delete_untagged": options.delete_untagged,
        "min_age": duration(options.min_age),
        "uploads_older_than": options.uploads_older_than.map_or_else(|| "off".into(), duration),
        "repositories": options.repositories.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "keep_from": options.keep_from.len(),
        "max_delete_percent": options.max_delete_percent,
    })
}
