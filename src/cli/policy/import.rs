//! `policy import`: another tool's rules as a policy.

use super::command::{head, show};
use super::read;
use crate::cli::args::Common;
use crate::cli::args::policy::{Import, Source};
use crate::cli::exit;
use crate::cli::words::printable;
use crate::error::{Error, ErrorKind, Result};
use crate::retention::fault::Faults;
use crate::retention::import::{artifact_registry, cleanup_script, ecr, harbor, zot};
use serde_json::json;
use std::io::Write as _;
use std::path::Path;

/// Runs it to its exit code. The policy goes to stdout; what has no equal to stderr, and into the policy as comments.
///
/// # Errors
/// If the rules cannot be read or understood.
pub fn run(args: &Import, common: &Common) -> Result<u8> {
    let file = args.file.as_deref().unwrap_or(Path::new("-"));
    let imported = match (args.from, &args.file) {
        (Source::RegistryCleanup, None) => cleanup_script::import(&environment(), &args.repository),
        (from, _) => {
            let text = read::text("read the rules to import", file)?;
            match from {
                Source::RegistryCleanup => cleanup_script::import_lines(&text, &args.repository),
                Source::Ecr => ecr::import(&text, &args.repository),
                Source::ArtifactRegistry => artifact_registry::import(&text, &args.repository),
                Source::Zot => zot::import(&text, &args.repository),
                Source::Harbor => harbor::import(&text, &args.repository),
            }
        }
    };
    let imported = imported.map_err(|faults| wrong(args, file, &faults))?;
    for more in &imported.drops_more {
        let _ = writeln!(anstream::stderr(), "warning: DROPS MORE: {}", printable(more));
    }
    for note in &imported.notes {
        let _ = writeln!(anstream::stderr(), "note: {}", printable(note));
    }
    let text = imported.yaml();
    let mut object = head("policy import", exit::DONE);
    object["policy"] = json!(text);
    object["notes"] = json!(imported.notes);
    object["drops_more"] = json!(imported.drops_more);
    object["exact"] = json!(imported.is_exact());
    Ok(show(common, &object, &text, exit::DONE))
}

/// The variables of the script that are set; no other is looked at.
fn environment() -> Vec<(String, String)> {
    let set = |name: &&str| std::env::var(name).ok().map(|value| ((*name).to_owned(), value));
    cleanup_script::VARIABLES.iter().filter_map(set).collect()
}

fn wrong(args: &Import, file: &Path, faults: &Faults) -> Error {
    let name = if args.file.is_none() && args.from == Source::RegistryCleanup {
        "the environment".to_owned()
    } else if file == Path::new("-") {
        "stdin".to_owned()
    } else {
        file.display().to_string()
    };
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Error::new(ErrorKind::Usage, "import the rules")
        .on(name)
        .because(all.join("; "))
        .next("check that these are the rules of the tool that was named, as it writes them")
}
