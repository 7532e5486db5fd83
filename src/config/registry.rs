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
            std::io::ErrorKind::NotFound | std::io::ErrorKind::InvalidData | std::io::ErrorKind::IsADirectory => {
                ErrorKind::Configuration
            }
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
    // What the command line says needs no configuration that can be understood.
    let descriptor_cache = match &context.overrides.descriptor_cache {
        Some(cache) => cache.clone(),
        None => services::descriptor_cache(sections, from_file, &mut notes)?,
    };
    Ok(Resolved {
        location,
        descriptor_cache,
        readonly: services::readonly(sections)?,
        harbor: services::is_harbor(sections),
        notes,
    })
}

#[cfg(test)]
mod tests {

    use proptest::prelude::*;

    use super::super::environment::fake::{Fake, ok, read, refused, root};
    use super::super::resolve::{Overrides, resolve};

    #[test]
    fn the_files_of_both_images_are_read() {
        let v2 = ok(read(include_str!("../../testdata/configs/v2-filesystem.yml"), &[]));
        assert_eq!(root(&v2), "/var/lib/registry");
        assert_eq!(v2.location.named_by, "`storage.filesystem.rootdirectory` (line 10 of /etc/r.yml)");
        assert!(v2.location.from_configuration && !v2.readonly && !v2.harbor && v2.notes.is_empty());
        let v3 = ok(read(include_str!("../../testdata/configs/v3-filesystem.yml"), &[]));
        assert_eq!(root(&v3), "/srv/registry");
        assert!(v3.readonly && !v3.harbor && v3.notes.is_empty());
    }

    #[test]
    fn no_secret_of_any_sample_shows() {
        for text in [
            include_str!("../../testdata/configs/v2-azure.yml"),
            include_str!("../../testdata/configs/v3-azure.yml"),
            include_str!("../../testdata/configs/v3-filesystem.yml"),
            include_str!("../../testdata/configs/v3-gcs.yml"),
            include_str!("../../testdata/configs/v3-s3.yml"),
            include_str!("../../testdata/configs/harbor.yml"),
        ] {
            let resolved = ok(read(text, &[]));
            let shown = format!("{resolved:?} {resolved:#?} {} {:?}", resolved.location, resolved.notes);
            assert!(text.contains("must-not-show") && !shown.contains("must-not-show"), "{shown}");
        }
    }

    #[test]
    fn the_version_must_be_0_1() {
        let storage = "storage: filesystem\n";
        for version in ["version: 0.1", "version: '0.1'", "version: &v 0.1", "version: \"0.1\"  # the only one"] {
            assert_eq!(root(&ok(read(&format!("{version}\n{storage}"), &[]))), "/var/lib/registry", "{version}");
        }
        for version in ["version: 0.2", "version: 0.10", "version: 1", "version:", "version: [0.1]"] {
            let error = refused(read(&format!("{version}\n{storage}"), &[]));
            assert!(error.contains("`version` (line 1 of /etc/r.yml): is not 0.1, the only"), "{version}: {error}");
        }
        assert_eq!(
            refused(read(storage, &[("REGISTRY_VERSION", "0.1")])),
            "Configuration: read the registry's configuration: `version` (in /etc/r.yml): there is no version, so it \
             is no registry's configuration -> name the registry's config.yml; it begins with `version: 0.1`"
        );
    }

    #[test]
    fn json_is_yaml() {
        let text = "{\n  \"version\": \"0.1\",\n  \"storage\": {\n    \"filesystem\": {\n      \"rootdirectory\": \
                    null\n    }\n  }\n}\n";
        assert!(refused(read(text, &[])).contains("`storage.filesystem.rootdirectory` (line 5 of /etc/r.yml)"));
    }

    #[test]
    fn a_file_that_is_no_configuration_is_refused() {
        let error = refused(read("version: 0.1\nstorage: [\n", &[]));
        assert!(error.contains(" of /etc/r.yml: it is not YAML: "), "{error}");
        let error = refused(read("version: 0.1\nstorage:\n  s3:\n    secretkey: *hunter2\n", &[]));
        assert!(error.contains("line 4 of /etc/r.yml: it is not YAML: unknown anchor"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        for text in ["", "text", "[a]", "# nothing\n"] {
            assert!(refused(read(text, &[])).contains("/etc/r.yml: it is no mapping"), "{text:?}");
        }
    }

    #[test]
    fn a_configured_file_that_is_absent_is_refused() {
        let fake = Fake::new().variable("REGISTRY_CONFIGURATION_PATH", "/none.yml");
        let error = refused(resolve(None, &Overrides::default(), &fake));
        assert!(error.starts_with("Configuration: read the registry's configuration: /none.yml: "), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in "(?s)(version: 0\\.1\nstorage:\n)?[ -~\n\u{e9}]{0,120}", value in "\\PC{0,40}") {
            drop(read(&text, &[("REGISTRY_STORAGE_S3_BUCKET", &value), ("REGISTRY_STORAGE", &value)]));
        }

        #[test]
        fn no_operand_is_a_panic(operand in "((s3|gs|az|file)://)?\\PC{0,40}") {
            let fake = Fake::new().variable("AZURE_STORAGE_ACCOUNT", "a");
            drop(resolve(Some(&operand), &Overrides::default(), &fake));
        }
    }
}
