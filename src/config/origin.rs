//! Where a value came from, so that an error can name the line or the variable to change.

use std::fmt;
use std::sync::Arc;

/// The file or variable a value was written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A configuration file, with the line where that is known (it is not for flow style within one value).
    File { path: Arc<str>, line: Option<usize> },
    /// A `REGISTRY_*` variable.
    Variable(Arc<str>),
}

impl Origin {
    /// A whole file.
    pub(super) fn file(path: &str) -> Self {
        Self::File { path: path.into(), line: None }
    }

    /// A variable.
    pub(super) fn variable(name: &str) -> Self {
        Self::Variable(name.into())
    }

    /// The same origin at a line of it; a variable has no lines.
    pub(super) fn at(&self, line: usize) -> Self {
        match self {
            Self::File { path, .. } => Self::File { path: Arc::clone(path), line: Some(line) },
            Self::Variable(_) => self.clone(),
        }
    }

    /// How to call the setting `path` (`storage.s3.bucket`) that was written here.
    pub(super) fn setting(&self, path: &str) -> String {
        match self {
            Self::Variable(name) if **name == format!("REGISTRY_{}", path.replace('.', "_").to_uppercase()) => {
                format!("`{name}`")
            }
            _ => format!("`{path}` ({self})"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "line {line} of {path}"),
            Self::File { path, line: None } => write!(f, "in {path}"),
            Self::Variable(name) => write!(f, "from `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_called_by_what_the_user_wrote() {
        let file = Origin::file("/etc/r.yml");
        assert_eq!(file.setting("storage.s3"), "`storage.s3` (in /etc/r.yml)");
        assert_eq!(file.at(6).setting("storage.s3"), "`storage.s3` (line 6 of /etc/r.yml)");
        let variable = Origin::variable("REGISTRY_STORAGE_S3");
        assert_eq!(variable.setting("storage.s3"), "`REGISTRY_STORAGE_S3`");
        assert_eq!(variable.at(2).setting("storage.s3.bucket"), "`storage.s3.bucket` (from `REGISTRY_STORAGE_S3`)");
    }
}
