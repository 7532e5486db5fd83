//! Which of the commands about rules it is.

use super::{check, explain, import, test};
use crate::cli::args::Common;
use crate::cli::args::policy::Policy;
use crate::cli::{engine, exit, json, short, words};
use crate::error::Result;
use serde_json::json;
use std::io::Write as _;

/// What the JSON of these commands is.
pub(super) const SCHEMA: &str = "regsweep.policy/1";

/// Runs it to its exit code.
#[must_use]
pub fn run(policy: &Policy, common: &Common) -> u8 {
    match policy {
        Policy::Check(args) => told("policy check", common, || check::run(args, common)),
        Policy::Test(args) => told("policy test", common, || test::run(args, common)),
        Policy::Explain(args) if common.registry.is_some() => {
            short::run(("policy explain", SCHEMA), common, async || explain::in_registry(args, common).await)
        }
        Policy::Explain(args) => told("policy explain", common, || explain::run(args, common)),
        Policy::Import(args) => told("policy import", common, || import::run(args, common)),
    }
}

/// Errors are shown here.
fn told(command: &str, common: &Common, act: impl FnOnce() -> Result<u8>) -> u8 {
    engine::choose_colours(common.color);
    act().unwrap_or_else(|error| {
        let code = exit::of_error(error.kind());
        let _ = writeln!(anstream::stderr(), "{}", words::error(&error));
        if common.format == crate::cli::args::Format::Json {
            let mut object = head(command, code);
            object["error"] = json!(json::row(&error));
            engine::print(&format!("{object:#}"));
        }
        code
    })
}

/// The fields that every object has.
pub(super) fn head(command: &str, exit_code: u8) -> serde_json::Value {
    json!({
        "schema": SCHEMA,
        "command": command,
        "version": env!("CARGO_PKG_VERSION"),
        "exit_code": exit_code,
        "error": null,
    })
}

/// Prints text or JSON, whichever was asked for.
pub(super) fn show(common: &Common, object: &serde_json::Value, text: &str, code: u8) -> u8 {
    let shown = match (common.format, common.quiet) {
        (crate::cli::args::Format::Json, _) => engine::print(&format!("{object:#}")),
        (crate::cli::args::Format::Text, true) => true,
        (crate::cli::args::Format::Text, false) => engine::print(text),
    };
    if shown { code } else { exit::FAILED }
}
