//! Policies and fixtures from files.

use crate::collect::keep_from::KeepFrom;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;
use crate::retention::fault::Faults;
use crate::retention::fixture::{self, Fixture};
use crate::retention::images;
use crate::retention::parse::{Parsed, parse};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

/// The text of a file; `-` is stdin.
///
/// # Errors
/// If it cannot be read.
pub(in crate::cli) fn text(doing: &str, file: &Path) -> Result<String> {
    let read = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let failed = |error| Error::new(ErrorKind::Usage, doing).on(file.display().to_string()).caused_by(error);
    read.map_err(|error| failed(error).next("name a file of text that this user may read"))
}

/// A policy that is right, with what is strange in it.
///
/// # Errors
/// If it cannot be read, or if anything in it is wrong.
pub fn policy(file: &Path) -> Result<Parsed> {
    checked(file)?.map_err(|faults| wrong("read the policy", file, &faults))
}

/// A policy, or all that is wrong with it.
///
/// # Errors
/// If it cannot be read.
pub(super) fn checked(file: &Path) -> Result<Result<Parsed, Faults>> {
    let text = text("read the policy", file)?;
    Ok(parse(&text, &mut |named| in_use(file, named)))
}

/// The images of a file that is named from where the policy stands.
pub(in crate::cli) fn in_use(policy: &Path, named: &str) -> Result<Vec<KeepFrom>, String> {
    let file = policy.parent().unwrap_or(Path::new("")).join(named);
    let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
    images::parse(&text)
}

/// A fixture.
///
/// # Errors
/// If it cannot be read, or if anything in it is wrong.
pub(super) fn fixture(file: &Path, clock: Timestamp) -> Result<Fixture> {
    let text = text("read the fixture", file)?;
    fixture::parse(&text, clock).map_err(|faults| wrong("read the fixture", file, &faults))
}

/// One error for all that is wrong with a file.
pub(in crate::cli) fn wrong(doing: &str, file: &Path, faults: &Faults) -> Error {
    let mut why = faults.iter().next().map(ToString::to_string).unwrap_or_default();
    if faults.len() > 1 {
        let _ = write!(why, " (and {} more)", faults.len() - 1);
    }
    let next = "`regsweep policy check` tells all that is wrong with a policy";
    let error = Error::new(ErrorKind::Usage, doing).on(file.display().to_string()).because(why);
    if doing.ends_with("policy") { error.next(next) } else { error.next("mend that line") }
}
