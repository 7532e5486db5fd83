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
        Error::new(ErrorKind::Io, "find the working directory").because(error.to_string()).caused_by(error)
    })
}

#[cfg(test)]
mod tests {}
