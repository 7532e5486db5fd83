//! The registry's own configuration: a file with variables over it, or variables alone.

use std::path::Path;

use super::node::{Map, Value};
use super::origin::Origin;
use super::resolve::{Context, Resolved};
use super::section::{Section, wrong};
use super::variables::Sections;
use super::{azure, filesystem, gcs, s3, services, storage, variables, yaml};
use crate::error::{Error, ErrorKind, Result};

const DOING: &str = "read the registry's configuration";

/// From a configuration file of the registry v2 or v3, with the variables applied.
pub(super) fn from_file(path: &Path, mut context: Context<'_>) -> Result<Resolved> {
    let name = path.display().to_string();
    let text = context.env.read(path).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::InvalidData => ErrorKind::Configuration,
            _ => ErrorKind::Io,
        };
        Error::new(kind, DOING).on(&name).because(error.to_string()).caused_by(error)
    })?;
    let file = Origin::file(&name);
    let document = yaml::parse(&text, &file).map_err(|malformed| {
        let at = malformed.line.map_or_else(|| file.clone(), |line| file.at(line));
        let why = format!("it is not YAML: {}", malformed.why);
        wrong(at.to_string(), why, "correct this line; the registry does not start with it either")
    })?;
    let Value::Map(document) = document.value else {
        return Err(wrong(name, "it is no mapping, so no registry's configuration", "name the registry's config.yml"));
    };
    check_version(&document, &file)?;
    let mut sections = Sections::of(&document, &file)?;
    // The registry checks the file before the variables apply, and so a variable cannot mend it.
    storage::driver(&sections.storage.map)?;
    sections.apply(&variables::of_registry(context.env), &mut context.notes)?;
    if storage::driver(&sections.storage.map)?.is_none() {
        let next = "write one of `filesystem`, `s3`, `gcs`, `azure` with its parameters below `storage`";
        return Err(wrong(sections.storage.at.setting("storage"), "no storage driver is configured", next));
    }
    resolved(&sections, true, context)
}

/// From `REGISTRY_STORAGE...` variables alone; `None` if they name no driver, as where they only override a file.
pub(super) fn from_variables(mut context: Context<'_>) -> Result<Option<Resolved>> {
    let variables = variables::of_registry(context.env);
    let nowhere = Origin::variable("REGISTRY_STORAGE");
    let mut sections = Sections::of(&Map::default(), &nowhere)?;
    sections.apply(&variables, &mut context.notes)?;
    if storage::driver(&sections.storage.map)?.is_none() {
        return Ok(None);
    }
    resolved(&sections, false, context).map(Some)
}

/// `version: 0.1`, without which the registry refuses a file.
fn check_version(document: &Map, file: &Origin) -> Result<()> {
    let next = "name the registry's config.yml; it begins with `version: 0.1`";
    let Some(version) = document.get("version") else {
        return Err(wrong(file.setting("version"), "there is no version, so it is no registry's configuration", next));
    };
    match &version.value {
        Value::Float(text) | Value::Text(text) if text == "0.1" => Ok(()),
        _ => Err(wrong(version.at.setting("version"), "is not 0.1, the only version that the registry reads", next)),
    }
}

fn resolved(sections: &Sections, from_file: bool, mut context: Context<'_>) -> Result<Resolved> {
    let Some((name, node)) = storage::driver(&sections.storage.map)? else {
        return Err(Error::new(ErrorKind::Bug, DOING).because("the storage driver is gone"));
    };
    let section = Section::new(format!("storage.{name}"), node);
    let location = match name {
        "filesystem" => filesystem::from_section(&section, &mut context)?,
        "s3" | "s3aws" => s3::from_section(&section, &mut context)?,
        "gcs" => gcs::from_section(&section, &mut context)?,
        "azure" => azure::from_section(section, &mut context)?,
        "inmemory" => {
            let why = "keeps everything in the registry's memory, where nothing can be collected";
            return Err(wrong(section.name(), why, "restart the registry, and it is empty"));
        }
        _ => {
            let why = "is no storage driver that regsweep serves";
            return Err(wrong(section.name(), why, "regsweep serves `filesystem`, `s3`, `gcs` and `azure`"));
        }
    };
    let mut notes = context.notes;
    Ok(Resolved {
        location,
        descriptor_cache: services::descriptor_cache(sections, from_file, &mut notes)?,
        readonly: services::readonly(sections)?,
        harbor: services::is_harbor(sections),
        notes,
    })
}
