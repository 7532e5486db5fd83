//! Reports in files, beside what is shown.

use super::args::{JsonOutlet, Outlets};
use super::{file, words};
use crate::error::{Error, ErrorKind, Result};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A report in every form.
pub(super) trait Forms {
    /// As JSON.
    fn json(&self) -> String;
    /// A row for each repository.
    fn csv(&self) -> String;
    /// A summary.
    fn markdown(&self) -> String;
    /// Figures.
    fn openmetrics(&self) -> String;
}

impl Outlets {
    /// All files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.json, &self.csv, &self.markdown, &self.openmetrics].into_iter().flatten()
    }

    /// Finds out what cannot be written before anything is done: a scan may take an hour.
    pub(super) fn check(&self) -> Result<()> {
        check(self.paths())
    }

    /// Writes all of them; tells whether that went well. What could not be written does not keep the others from it.
    pub(super) fn write(&self, report: &impl Forms) -> bool {
        let forms: [(&[PathBuf], &dyn Fn() -> String); 4] = [
            (&self.json, &|| report.json() + "\n"),
            (&self.csv, &|| report.csv()),
            (&self.markdown, &|| report.markdown()),
            (&self.openmetrics, &|| report.openmetrics()),
        ];
        forms.iter().fold(true, |well, (paths, form)| written(paths, form) && well)
    }
}

impl JsonOutlet {
    /// As [`Outlets::check`].
    pub(super) fn check(&self) -> Result<()> {
        check(self.json.iter())
    }

    /// As [`Outlets::write`].
    pub(super) fn write(&self, text: impl Fn() -> String) -> bool {
        written(&self.json, || text() + "\n")
    }
}

/// Finds out which of these files cannot be written.
pub(super) fn check<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<()> {
    let mut seen: Vec<&Path> = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let error = Error::new(ErrorKind::Usage, "write the report").because("- names no file");
            return Err(error.next("name a file; with --quiet, /dev/stdout is one"));
        }
        if seen.contains(&path.as_path()) && !path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(Error::new(ErrorKind::Usage, "write the report")
                .on(path.display().to_string())
                .because("it is named for two reports, and only the last would be left"));
        }
        seen.push(path);
        file::check(path)?;
    }
    Ok(())
}

/// Writes a report in one form; tells whether that went well.
pub(super) fn written(paths: &[PathBuf], form: impl Fn() -> String) -> bool {
    if paths.is_empty() {
        return true;
    }
    let text = form();
    let mut well = true;
    for path in paths {
        if let Err(error) = file::write(path, &text) {
            let _ = writeln!(anstream::stderr(), "{}", words::error(&error));
            well = false;
        }
    }
    well
}
