//! The filesystem driver (`registry/storage/driver/filesystem`): a directory.

use std::path::Path;

use super::resolve::Context;
use super::root;
use super::section::Section;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::location::{DirectoryLocation, Location, Store};

/// Where the driver looks when `rootdirectory` is absent.
const DEFAULT: &str = "/var/lib/registry";

/// From `storage.filesystem`. The default counts only if the parameter is absent; an empty text is `/`.
pub(super) fn from_section(section: &Section<'_>, context: &mut Context<'_>) -> Result<Location> {
    context.refuse_overrides(&["--region", "--endpoint-url", "--profile"], "a directory")?;
    section.refuse_null(
        "rootdirectory",
        "is empty (null), which the registry takes for a directory named `<nil>` in its working directory",
        "write the directory behind `rootdirectory:`, or remove the line for the default /var/lib/registry",
    )?;
    let configured = section.text("rootdirectory")?;
    let root = match configured.as_deref() {
        None => DEFAULT,
        Some("") => "/",
        Some(root) => root,
    };
    let working_directory = working_directory(context)?;
    let directory = root::directory(&working_directory, Path::new(root));
    if Path::new(root).is_relative() {
        let setting = section.setting("rootdirectory");
        let directory = directory.display();
        context.note(format!("{setting} is relative; taken from the working directory of regsweep, it is {directory}"));
    }
    context.note_all(section.misspelt(&["rootdirectory", "maxthreads"]));
    let named_by = match configured {
        Some(_) => section.setting("rootdirectory"),
        None => format!("{}, whose default it is", section.name()),
    };
    Ok(Location { store: Store::Directory(DirectoryLocation { root: directory }), named_by, from_configuration: true })
}

/// From a directory the user named; one inside `docker/registry/v2` is mapped back to the root above it.
pub(super) fn from_path(path: &Path, named_by: &str, context: &mut Context<'_>) -> Result<Location> {
    context.refuse_overrides(&["--region", "--endpoint-url", "--profile"], "a directory")?;
    let given = root::directory(&working_directory(context)?, path);
    let holds_layout = context.env.is_directory(&given.join("docker/registry/v2"));
    let parts: Vec<_> = given.iter().collect();
    let root = match root::above_layout(&parts).filter(|_| !holds_layout) {
        Some(above) => above.iter().collect(),
        None => unfinished_layout(&given, holds_layout, context),
    };
    if root != given {
        context.note(format!("{} is inside a registry whose root is {}", given.display(), root.display()));
    }
    let store = Store::Directory(DirectoryLocation { root });
    Ok(Location { store, named_by: named_by.into(), from_configuration: false })
}

/// The root above `docker` or `docker/registry`, if the rest of the layout is really there.
fn unfinished_layout(given: &Path, holds_layout: bool, context: &Context<'_>) -> std::path::PathBuf {
    let above = [("docker", "registry/v2"), ("docker/registry", "v2")].into_iter().find_map(|(end, rest)| {
        let inside = !holds_layout && given.ends_with(end) && context.env.is_directory(&given.join(rest));
        inside.then(|| given.ancestors().nth(Path::new(end).iter().count())).flatten()
    });
    above.unwrap_or(given).to_path_buf()
}

fn working_directory(context: &Context<'_>) -> Result<std::path::PathBuf> {
    context.env.working_directory().map_err(|error| {
        Error::new(ErrorKind::Io, "find the working directory")
            .because(error.to_string())
            .next("go to a directory that exists")
    })
}

#[cfg(test)]
mod tests {

    use super::super::environment::fake::{Fake, ok, read, refused, root};
    use super::super::resolve::{Overrides, resolve};

    fn with(line: &str) -> String {
        format!("version: 0.1\nstorage:\n  filesystem:\n    maxthreads: 100\n    {line}\n")
    }

    #[test]
    fn rootdirectory_is_joined_and_cleaned() {
        let cases = [
            ("", "/var/lib/registry"),
            ("rootdirectory: ''", "/"),
            ("rootdirectory: /", "/"),
            ("rootdirectory: /prefix", "/prefix"),
            ("rootdirectory: prefix/", "/here/prefix"),
            ("rootdirectory: /a//b", "/a/b"),
            ("rootdirectory: /a/../b", "/b"),
            ("rootdirectory: 2024", "/here/2024"),
            ("rootdirectory: 0755", "/here/493"),
            ("rootdirectory: '0755'", "/here/0755"),
        ];
        for (line, directory) in cases {
            assert_eq!(root(&ok(read(&with(line), &[]))), directory, "{line:?}");
        }
    }

    #[test]
    fn the_driver_alone_means_the_default_root() {
        for storage in ["storage: filesystem", "storage:\n  filesystem:", "storage: {filesystem: {}}"] {
            let resolved = ok(read(&format!("version: 0.1\n{storage}\n"), &[]));
            assert_eq!(root(&resolved), "/var/lib/registry");
            assert!(resolved.location.named_by.ends_with(", whose default it is"), "{}", resolved.location.named_by);
        }
    }

    #[test]
    fn null_rootdirectory_names_the_line() {
        for null in ["rootdirectory:", "rootdirectory: ~", "rootdirectory: null # nothing"] {
            assert_eq!(
                refused(read(&with(null), &[])),
                "Configuration: read the registry's configuration: `storage.filesystem.rootdirectory` (line 5 of \
                 /etc/r.yml): is empty (null), which the registry takes for a directory named `<nil>` in its working \
                 directory -> write the directory behind `rootdirectory:`, or remove the line for the default \
                 /var/lib/registry"
            );
        }
    }

    #[test]
    fn an_empty_variable_is_null_and_names_the_variable() {
        let error = refused(read(&with(""), &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "")]));
        assert!(error.contains(": `REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY`: is empty (null)"), "{error}");
    }

    #[test]
    fn a_relative_root_is_noted() {
        let resolved = ok(read(&with("rootdirectory: data"), &[]));
        assert_eq!(
            resolved.notes,
            [
                "`storage.filesystem.rootdirectory` (line 5 of /etc/r.yml) is relative; taken from the working directory \
              of regsweep, it is /here/data"
            ]
        );
    }

    #[test]
    fn a_parameter_in_another_case_is_noted() {
        let resolved = ok(read(&with("rootDirectory: /data"), &[]));
        assert_eq!(root(&resolved), "/var/lib/registry");
        assert_eq!(
            resolved.notes,
            ["`storage.filesystem.rootDirectory` (line 5 of /etc/r.yml) is ignored, as by the registry: parameters \
              are in lower case"]
        );
    }

    #[test]
    fn a_path_inside_the_layout_leads_back_to_the_root() {
        let fake = Fake::new().directory("/srv/docker/registry/v2/blobs/sha256").directory("/plain/docker");
        for path in [
            "/srv",
            "/srv/",
            "/srv/docker",
            "/srv/docker/registry",
            "/srv/docker/registry/v2",
            "/srv/docker/registry/v2/blobs",
            "file:///srv/docker/registry/v2/blobs/sha256/",
        ] {
            assert_eq!(root(&ok(resolve(Some(path), &Overrides::default(), &fake))), "/srv", "{path}");
        }
        assert_eq!(root(&ok(resolve(Some("/plain/docker"), &Overrides::default(), &fake))), "/plain/docker");
    }

    #[test]
    fn a_root_named_like_the_layout_stays() {
        let fake = Fake::new().directory("/mnt/docker/registry/v2/docker/registry/v2/blobs");
        for path in ["/mnt/docker/registry/v2", "/mnt/docker/registry/v2/docker/registry/v2/blobs"] {
            let resolved = ok(resolve(Some(path), &Overrides::default(), &fake));
            assert_eq!(root(&resolved), "/mnt/docker/registry/v2", "{path}");
        }
    }

    #[test]
    fn a_flag_of_a_cloud_has_no_meaning() {
        let fake = Fake::new().directory("/srv");
        let overrides = Overrides { region: Some("r".into()), ..Overrides::default() };
        assert_eq!(
            refused(resolve(Some("/srv"), &overrides, &fake)),
            "Usage: understand which registry is meant: --region: it has no meaning for a directory -> leave it out"
        );
    }
}
