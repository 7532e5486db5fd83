//! What the configuration may see of the machine.

use std::io;
use std::path::{Path, PathBuf};

/// The variables and files that decide where a registry is. Tests make their own; [`ProcessEnvironment`] is the real one.
pub trait Environment {
    /// All variables, in any order.
    fn variables(&self) -> Vec<(String, String)>;

    /// The text of a file.
    ///
    /// # Errors
    /// What the file system answers.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// Whether something is at this path.
    fn exists(&self, path: &Path) -> bool;

    /// Whether a directory is at this path.
    fn is_directory(&self, path: &Path) -> bool;

    /// The working directory, absolute.
    ///
    /// # Errors
    /// What the file system answers.
    fn working_directory(&self) -> io::Result<PathBuf>;

    /// One variable; a variable that is set and empty counts as not set.
    fn variable(&self, name: &str) -> Option<String> {
        self.variables().into_iter().find(|(other, value)| other == name && !value.is_empty()).map(|(_, value)| value)
    }

    /// The first of these variables that is set, with its name.
    fn first_of<'a>(&self, names: &[&'a str]) -> Option<(&'a str, String)> {
        names.iter().find_map(|name| self.variable(name).map(|value| (*name, value)))
    }
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variables(&self) -> Vec<(String, String)> {
        std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn working_directory(&self) -> io::Result<PathBuf> {
        std::env::current_dir()
    }
}

#[cfg(test)]
pub(super) mod fake {
    //! An environment that is a value, and what tests ask of a configuration.
    #![expect(clippy::panic, reason = "a test fails by panicking")]

    use super::super::resolve::{Overrides, Resolved, resolve};
    use super::*;
    use crate::error::Result;
    use crate::storage::location::Store;

    /// Resolves a configuration file, `/etc/r.yml`, under these variables.
    pub(in crate::config) fn read(text: &str, variables: &[(&str, &str)]) -> Result<Resolved> {
        read_with(text, variables, &Overrides::default())
    }

    pub(in crate::config) fn read_with(text: &str, vars: &[(&str, &str)], overrides: &Overrides) -> Result<Resolved> {
        let fake = Fake::new().file("/etc/r.yml", text);
        let fake = vars.iter().fold(fake, |fake, (name, value)| fake.variable(name, value));
        resolve(Some("/etc/r.yml"), overrides, &fake)
    }

    /// What was resolved.
    pub(in crate::config) fn ok(result: Result<Resolved>) -> Resolved {
        result.unwrap_or_else(|error| panic!("refused: {error} ({:?})", error.hint()))
    }

    /// The whole text of a refusal.
    pub(in crate::config) fn refused(result: Result<Resolved>) -> String {
        match result {
            Ok(resolved) => panic!("not refused: {resolved:?}"),
            Err(error) => format!("{:?}: {error} -> {}", error.kind(), error.hint().unwrap_or("nothing to do")),
        }
    }

    /// The prefix of a bucket, or the directory.
    pub(in crate::config) fn root(resolved: &Resolved) -> String {
        match &resolved.location.store {
            Store::Directory(directory) => directory.root.display().to_string(),
            Store::S3(s3) => s3.prefix.clone(),
            Store::Gcs(gcs) => gcs.prefix.clone(),
            Store::Azure(azure) => azure.prefix.clone(),
        }
    }

    /// Files, directories and variables; the working directory is `/work`.
    #[derive(Default)]
    pub(in crate::config) struct Fake {
        variables: Vec<(String, String)>,
        files: Vec<(PathBuf, String)>,
        directories: Vec<PathBuf>,
    }

    impl Fake {
        pub(in crate::config) fn new() -> Self {
            Self::default()
        }

        pub(in crate::config) fn variable(mut self, name: &str, value: &str) -> Self {
            self.variables.push((name.into(), value.into()));
            self
        }

        pub(in crate::config) fn file(mut self, path: &str, text: &str) -> Self {
            self.files.push((path.into(), text.into()));
            self
        }

        pub(in crate::config) fn directory(mut self, path: &str) -> Self {
            self.directories.push(path.into());
            self
        }
    }

    impl Environment for Fake {
        fn variables(&self) -> Vec<(String, String)> {
            self.variables.clone()
        }

        fn read(&self, path: &Path) -> io::Result<String> {
            let file = self.files.iter().find(|(name, _)| name == path);
            file.map(|(_, text)| text.clone()).ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn exists(&self, path: &Path) -> bool {
            self.is_directory(path) || self.files.iter().any(|(name, _)| name == path)
        }

        fn is_directory(&self, path: &Path) -> bool {
            self.directories.iter().any(|directory| directory.starts_with(path))
        }

        fn working_directory(&self) -> io::Result<PathBuf> {
            Ok("/here".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::resolve::{Overrides, resolve};
    use super::fake::{ok, root};
    use super::*;

    #[test]
    fn the_environment_of_this_process_reads_files() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/configs/v2-filesystem.yml");
        let resolved = ok(resolve(Some(file), &Overrides::default(), &ProcessEnvironment));
        assert_eq!(root(&resolved), "/var/lib/registry");
        assert!(ProcessEnvironment.is_directory(Path::new("/")) && !ProcessEnvironment.exists(Path::new("/none/x")));
        assert!(ProcessEnvironment.working_directory().is_ok_and(|directory| directory.is_absolute()));
    }
}
