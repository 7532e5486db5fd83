//! `show`: checks a saved plan and prints what it would do. The storage is not touched, and need not be within reach.

use super::args::{Common, Format, Show};
use super::engine::{print, told, written};
use super::{exit, json, machine, plan_file, plan_text};
use crate::collect::sealed::Sealed;
use crate::collect::sealed::summary::Summary;
use crate::retention::parse::parse;
use std::io::{BufWriter, Write};

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Show, common: &Common) -> u8 {
    told("show", common, || {
        args.outlets.check()?;
        let lists = common.verbose && common.format == Format::Text && !common.quiet;
        let (mut summary, mut lines) = (Summary::default(), Vec::new());
        // Nothing is shown of a plan before all of it was seen: the seal comes last.
        let sealed = plan_file::read(&args.plan, |line| {
            summary.see(&line);
            if lists {
                lines.push(line);
            }
        })?;
        let report = summary.finish(&args.plan.display().to_string(), &sealed, &rules(&sealed), machine::clock());
        let shown = match (common.format, common.quiet) {
            (Format::Json, _) => print(&json::text(&report)),
            (Format::Text, true) => true,
            (Format::Text, false) => {
                let mut out = BufWriter::new(anstream::stdout());
                let listed = lines.iter().try_for_each(|line| plan_text::line(&mut out, line));
                written(listed.and_then(|()| out.flush())) && print(&plan_text::report(&report, &sealed.header.options))
            }
        };
        let written = args.outlets.write(|| json::text(&report));
        Ok(if shown && written { exit::DONE } else { exit::FAILED })
    })
}

/// The names of the rules that a plan was made by. Whether they can be applied is for `apply` to say.
fn rules(sealed: &Sealed) -> Vec<String> {
    let Some(rules) = &sealed.header.options.rules else { return Vec::new() };
    let images = |file: &str| rules.images.get(file).cloned().ok_or_else(|| "not in the plan".to_owned());
    let parsed = parse(&rules.text, &mut { images });
    parsed.map_or_else(|_| Vec::new(), |parsed| parsed.policy.rules.into_iter().map(|rule| rule.name).collect())
}
