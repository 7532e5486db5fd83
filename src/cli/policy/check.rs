//! `policy check`: all that is wrong with a policy, with line and column.

use super::command::{head, show};
use super::read;
use crate::cli::args::Common;
use crate::cli::args::policy::Check;
use crate::cli::exit;
use crate::cli::words::{number, printable};
use crate::error::Result;
use crate::retention::fault::Faults;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;

/// Runs it to its exit code.
///
/// # Errors
/// If a policy cannot be read.
pub fn run(args: &Check, common: &Common) -> Result<u8> {
    let (mut files, mut text, mut code) = (Vec::new(), String::new(), exit::DONE);
    for file in &args.policies {
        let name = file.display().to_string();
        let (parsed, faults) = match read::checked(file)? {
            Ok(parsed) => (parsed, Faults::default()),
            Err(faults) => (crate::retention::parse::Parsed::default(), faults),
        };
        for (what, faults) in [("error", &faults), ("warning", &parsed.warnings)] {
            for fault in faults.iter() {
                // An expression stands on lines of its own, with a mark where it goes wrong.
                let text = format!("{name}: {fault}");
                let lines: Vec<String> = text.lines().map(printable).collect();
                let _ = writeln!(anstream::stderr(), "{what}: {}", lines.join("\n"));
            }
        }
        if faults.is_empty() {
            let rules = number(parsed.policy.rules.len() as u64, "rule");
            let said = match parsed.warnings.len() as u64 {
                0 => "nothing wrong".to_owned(),
                warnings => number(warnings, "warning"),
            };
            let _ = writeln!(text, "{}: {rules}, {said}", printable(&name));
        } else {
            let wrong = if faults.len() == 1 { "1 thing is".into() } else { format!("{} things are", faults.len()) };
            let _ = writeln!(text, "{}: {wrong} wrong", printable(&name));
            code = exit::USAGE;
        }
        let rules: Vec<Value> = parsed
            .policy
            .rules
            .iter()
            .map(|rule| {
                let repositories: Vec<String> = rule.repositories.iter().map(ToString::to_string).collect();
                json!({"name": rule.name, "line": rule.line, "repositories": repositories})
            })
            .collect();
        let (faults, warnings) = (rows(&faults), rows(&parsed.warnings));
        files.push(json!({"file": name, "rules": rules, "faults": faults, "warnings": warnings}));
    }
    let mut object = head("policy check", code);
    object["files"] = json!(files);
    Ok(show(common, &object, &text, code))
}

fn rows(faults: &Faults) -> Vec<Value> {
    let row = |fault: &crate::retention::fault::Fault| {
        json!({
            "line": fault.place.line,
            "column": fault.place.column,
            "path": fault.path,
            "message": fault.message,
        })
    };
    faults.iter().map(row).collect()
}
