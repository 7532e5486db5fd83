//! `policy test`: what a policy would do to tags and dates in a file.

use super::command::{head, show};
use super::read;
use super::rows::{Judged, Row};
use crate::cli::args::Common;
use crate::cli::args::policy::Test;
use crate::cli::words::{number, printable};
use crate::cli::{exit, machine};
use crate::error::Result;
use crate::retention::coverage::Coverage;
use crate::retention::verdict::Decision;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;

/// Runs it to its exit code: 1 if a verdict is not what was expected.
///
/// # Errors
/// If the policy or a fixture cannot be read or understood.
pub fn run(args: &Test, common: &Common) -> Result<u8> {
    let parsed = read::policy(&args.policy)?;
    let clock = machine::clock();
    let (mut text, mut files) = (String::new(), Vec::new());
    let (mut kept, mut dropped, mut expected, mut unexpected) = (0, 0, 0, 0);
    let mut coverage = Coverage::new(&parsed.policy);
    let mut cautions = Vec::new();
    for file in &args.fixtures {
        let fixture = read::fixture(file, clock)?;
        let at = args.at.map_or(fixture.now, |at| at.of(fixture.now));
        let mut repositories: Vec<Value> = Vec::new();
        for case in &fixture.cases {
            let judged = Judged::new(&parsed.policy, case, at);
            coverage.see(&case.facts);
            judged.write(&mut text);
            text.push('\n');
            kept += judged.count(Decision::Keep);
            dropped += judged.count(Decision::Drop);
            expected += judged.rows.iter().filter(|row| row.expected.is_some()).count();
            unexpected += judged.rows.iter().filter(|row| row.differs()).count();
            cautions.extend(judged.cautions());
            let of_kind = |tagged: bool| judged.rows.iter().filter(move |row| row.tagged == tagged).map(Row::json);
            repositories.push(json!({
                "name": case.facts.name.as_str(),
                "tags": of_kind(true).collect::<Vec<_>>(),
                "untagged": of_kind(false).collect::<Vec<_>>(),
            }));
        }
        files.push(json!({"file": file.display().to_string(), "at": at.to_rfc3339(), "repositories": repositories}));
    }
    let mut warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    warnings.extend(coverage.warnings());
    for warning in &warnings {
        let _ = writeln!(anstream::stderr(), "warning: {}", printable(warning));
    }
    for caution in &cautions {
        let _ = writeln!(text, "! {caution}");
    }
    let _ = writeln!(text, "{kept} would stay, {dropped} would go");
    if expected > 0 {
        let verdicts = number(expected as u64, "verdict");
        let _ = writeln!(text, "{verdicts} expected, {unexpected} of them different");
    }
    let code = if unexpected > 0 { exit::FAILED } else { exit::DONE };
    let mut object = head("policy test", code);
    object["files"] = json!(files);
    object["kept"] = json!(kept);
    object["dropped"] = json!(dropped);
    object["expected"] = json!(expected);
    object["unexpected"] = json!(unexpected);
    object["cautions"] = json!(cautions);
    object["warnings"] = json!(warnings);
    Ok(show(common, &object, &text, code))
}
