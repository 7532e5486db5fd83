//! What was typed for `restore` and `pending`.

use crate::collect::image_pattern::ImagePattern;
use crate::layout::state;
use crate::model::Digest;
use clap::Args;

/// Options of `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// The registry: its config.yml, a storage URL, or a directory
    #[arg(value_name = "REGISTRY")]
    pub operand: Option<String>,
    /// What to restore.
    #[command(flatten)]
    pub what: What,
    /// Show what would be written, and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// What to restore.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct What {
    /// Everything that can be, also of images that cannot be whole any more
    #[arg(long)]
    pub all: bool,
    /// What this run took away, as its report and `pending` call it; repeatable
    #[arg(long, value_name = "RUN", value_parser = run_name)]
    pub run: Vec<String>,
    /// These images: `REPOSITORY`, `REPOSITORY:TAG` or `REPOSITORY@DIGEST`; each side a glob, or re: and a regular
    /// expression; repeatable
    #[arg(long, value_name = "IMAGE")]
    pub image: Vec<ImagePattern>,
    /// Whatever names this digest, with all that it needs; repeatable
    #[arg(long, value_name = "DIGEST")]
    pub digest: Vec<Digest>,
    /// Only what something that is there needs now, as every collection does first
    #[arg(long)]
    pub needed: bool,
}

/// Options of `pending`.
#[derive(Debug, Args)]
pub struct Pending {
    /// The registry: its config.yml, a storage URL, or a directory
    #[arg(value_name = "REGISTRY")]
    pub operand: Option<String>,
}

fn run_name(text: &str) -> Result<String, String> {
    if state::is_run(text) { Ok(text.to_owned()) } else { Err("`regsweep pending` names the runs".into()) }
}

#[cfg(test)]
mod tests {
    use super::super::args::Cli;
    use super::*;
    use clap::Parser;

    #[test]
    fn restore_wants_to_know_what_and_takes_one_kind_of_it() {
        let parse = |line: &str| Cli::try_parse_from(format!("regsweep restore {line}").split(' '));
        let digest = Digest::of(b"x");
        for line in ["--all", "--needed", "--run 20261121T191005Z-0a1b2c3d", "--image app:v1 --image re:^b$:*"] {
            assert!(parse(&format!("{line} registry")).is_ok(), "{line}");
        }
        assert!(parse(&format!("--digest {digest} --digest {digest}")).is_ok());
        for line in [
            "registry",
            "--all --needed",
            "--run a --digest b",
            "--run ../../x",
            "--digest sha256:12",
            "--image app@v1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
