//! What names a registry on the command line: storage URLs and paths, with the clouds' variables beside them.

use super::machine::{self, Machine, SECRET};
use regsweep::config::{Overrides, Resolved, resolve};
use regsweep::error::Result;
use regsweep::storage::location::Store;
use std::fmt::Write as _;

/// Flags and variables on the first lines, the operand behind them.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (mut machine, mut overrides) = (Machine::default(), Overrides::default());
    let operand = machine::begin(&text, &mut machine, &mut overrides);
    let found = resolve(Some(operand), &overrides, &machine);
    machine::sound(&found);
    machine::shows_no_credential(&text, &found);
    if let Some((_, rest)) = operand.split_once("://") {
        let is_secret = rest.matches(SECRET).count() == 1 && text.matches(SECRET).count() == 1;
        assert!(found.is_ok() || !is_secret || !machine::shown(&found).contains(SECRET), "{}", machine::shown(&found));
    }
    let from_environment = machine.variables.iter().any(|(_, value)| value.contains(SECRET));
    // A scheme is repeated, in small letters.
    if found.is_err() && from_environment && !operand.to_ascii_lowercase().contains(SECRET) {
        assert!(!machine::shown(&found).contains(SECRET), "{}", machine::shown(&found));
    }
    if let Ok(resolved) = &found {
        named_again(resolved, &overrides, &machine);
    }
}

/// The URL of what was found leads to it again.
fn named_again(resolved: &Resolved, overrides: &Overrides, machine: &Machine) {
    let (scheme, bucket, prefix) = match &resolved.location.store {
        Store::Directory(_) => return,
        Store::S3(s3) => ("s3", &s3.bucket, &s3.prefix),
        Store::Gcs(gcs) => ("gs", &gcs.bucket, &gcs.prefix),
        Store::Azure(azure) => ("az", &azure.container, &azure.prefix),
    };
    // A root within another registry's layout leads back to that one's.
    if format!("/{prefix}").contains("/docker/registry/v2/") {
        return;
    }
    let mut url = format!("{scheme}://{bucket}/");
    for byte in prefix.bytes() {
        let _ = if byte == b'/' { write!(url, "/") } else { write!(url, "%{byte:02x}") };
    }
    let again: Result<Resolved> = resolve(Some(&url), overrides, machine);
    assert_eq!(again.map(|again| again.location).ok().as_ref(), Some(&resolved.location), "{url}");
}
