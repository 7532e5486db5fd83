//! The answer, for people.

use super::report::{ChainRow, LinkRow, Report, StepRow};
use crate::cli::columns::{Columns, shortened};
use crate::cli::words::{number, printable, size, wrapped};
use crate::collect::explain::anchors::By;
use crate::collect::explain::chains::Keeps;
use crate::collect::explain::links::Pointer;
use crate::collect::explain::verdict::State;
use crate::model::Timestamp;
use std::fmt::Write as _;

/// So many links are told; JSON has them all.
const LINKS: usize = 20;
const WIDTH: usize = 80;

pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    if report.asked != report.digest {
        text += &wrapped(&printable(&report.asked), "");
    }
    let mut what = vec![kind(report.kind).to_owned()];
    what.extend(report.size.map(size));
    what.extend(report.last_modified.as_deref().map(|time| format!("written {}", minute(time))));
    let _ = writeln!(text, "{}\n  {}", report.digest, what.join(", "));
    text.push('\n');
    text += &wrapped(&verdict(report), "");
    for chain in &report.kept_by.chains {
        text += &self::chain(chain);
    }
    if report.kept_by.more > 0 {
        let _ = writeln!(text, "  and {} more", report.kept_by.more);
    }
    if report.verdict.only_without_delete_untagged {
        text += &wrapped("no tag needs it: a collection with -m (--delete-untagged) lets it go", "  ");
    }
    text += &links(report);
    text += &freed(report);
    text
}

fn kind(kind: &str) -> &str {
    match kind {
        "schema1" => "image of schema 1",
        "unreadable" => "manifest that cannot be read",
        other => other,
    }
}

fn minute(time: &str) -> String {
    Timestamp::parse_rfc3339(time).map_or_else(|| time.to_owned(), Timestamp::to_minute)
}

fn verdict(report: &Report) -> String {
    let verdict = &report.verdict;
    let until = verdict.not_before.as_deref().map(minute).unwrap_or_default();
    match verdict.state {
        State::Kept => match (report.kept_by.tags, report.kept_by.chains.is_empty()) {
            (0, true) => "it stays: something that was named to be kept needs it".into(),
            (0, false) => "it stays, though no tag needs it".into(),
            (tags, _) => format!("it stays: {} {} it", number(tags, "tag"), if tags == 1 { "needs" } else { "need" }),
        },
        State::KeptElsewhere => "its links here go; its content stays, as another repository needs it".into(),
        State::Young => format!("nothing needs it, and it is too young to go: not before {until}"),
        State::Waits => match &verdict.since {
            Some(since) => format!(
                "nothing needs it: it waits since {}, and goes with the first collection after {until}",
                minute(since)
            ),
            None => format!(
                "nothing needs it: it begins to wait with the next collection, and goes after that, not before {until}"
            ),
        },
        State::Goes => "nothing needs it: it goes with the next collection".into(),
        State::Stays => "nothing needs it, and it stays: it lies outside the root, or is no concern of a collection".into(),
        State::Missing => {
            "its content is not there: what needs it cannot be pulled; pushing it again, or `regsweep restore` if a run has taken it away, mends that".into()
        }
    }
}

fn short(digest: &str) -> &str {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    hex.get(..12).unwrap_or(hex)
}

fn chain(chain: &ChainRow) -> String {
    let name = &chain.repository;
    let tag = chain.tag.as_deref().unwrap_or_default();
    let until = chain.until.as_deref().map(|time| format!(", until {}", minute(time))).unwrap_or_default();
    let top = match chain.by {
        By::Tag => format!("{name}:{tag}"),
        By::KeepFrom => "--keep-from".into(),
        By::BrokenTag => format!("{name}:{tag}, though its revision link is missing"),
        By::UnreadableTag => format!("{name}:{tag}, which cannot be read and may mean it"),
        By::UnknownLink => format!("a link in {name} of a shape that no registry writes"),
        By::Damage => format!("{name}, in which something cannot be read: it keeps everything"),
        By::YoungManifest => format!("{name}: a young manifest{until}"),
        By::YoungLayerLink => format!("{name}: a young layer link{until}"),
        By::YoungHistory => format!("{name}:{tag} named it until a moment ago{until}"),
        By::OutsideRoot => format!("a link in {name} that lies outside the root"),
        By::Manifest => format!("{name}: a manifest, as all of these stay without -m"),
        By::Other => format!("{name}, by the word of an earlier run"),
    };
    let mut line = top;
    let mut above: Option<&StepRow> = None;
    for (number, step) in chain.steps.iter().enumerate() {
        let what = if number + 1 == chain.steps.len() && number > 0 { "this " } else { "" };
        let platform = step.platform.as_deref().map(|platform| format!(" {platform}")).unwrap_or_default();
        let how = match above.and_then(|above| above.keeps) {
            Some(Keeps::IsSubjectOf) => "subject of ",
            Some(Keeps::StandsFor) => "another name of ",
            Some(Keeps::IsCalled) => "which calls its subject ",
            Some(Keeps::IsLinkedIn) => "as linked in ",
            Some(Keeps::Names) | None => "",
        };
        let place = if how.starts_with("as linked") { format!("{} ", step.repository) } else { String::new() };
        let _ = write!(line, " -> {how}{place}{what}{}{platform} {}", kind(step.kind), short(&step.digest));
        above = Some(step);
    }
    let text = wrapped(&printable(&line), "    ");
    format!("  {}", text.trim_start())
}

fn links(report: &Report) -> String {
    if report.links.is_empty() {
        return "\nno repository links it\n".into();
    }
    let mut text = String::from("\nlinked by\n");
    for longest in [usize::MAX, 40, 24, 16] {
        let mut table = Columns::default().left("").left("REPOSITORY").left("AS").left("SINCE (UTC)").left("");
        for row in report.links.iter().take(LINKS) {
            table.row(vec![
                String::new(),
                shortened(&printable(&row.repository), longest),
                shortened(&printable(&role(row)), longest),
                minute(&row.last_modified).trim_end_matches(" UTC").to_owned(),
                if row.goes.is_some() { "goes" } else { "stays" }.to_owned(),
            ]);
        }
        if table.width() <= WIDTH || longest == 16 {
            text += &table.text();
            break;
        }
    }
    if report.links.len() > LINKS {
        let _ = writeln!(text, "  and {} more", report.links.len() - LINKS);
    }
    let mut told: Vec<String> = Vec::new();
    for row in report.links.iter().filter(|row| row.goes.is_some()) {
        let why = row.rule.clone().unwrap_or_else(|| reason(row.goes.unwrap_or_default()).to_owned());
        if !told.contains(&why) {
            text += &wrapped(&printable(&format!("goes: {why}")), "  ");
            told.push(why);
        }
    }
    text
}

fn role(row: &LinkRow) -> String {
    let tag = row.tag.as_deref().unwrap_or_default();
    match row.link {
        Pointer::Tag => format!("tag {tag}"),
        Pointer::Revision => "manifest".into(),
        Pointer::LayerLink => "layer".into(),
        Pointer::Signature => "signature".into(),
        Pointer::TagHistory => format!("once tag {tag}"),
    }
}

fn reason(word: &str) -> &str {
    match word {
        "stale_tag_history" => "a tag's history names it, and its repository needs it no more",
        "untagged_manifest" => "no tag needs this manifest (-m)",
        "unneeded_layer_link" => "no manifest of its repository needs it",
        other => other,
    }
}

fn freed(report: &Report) -> String {
    let freed = &report.freed_with_it;
    let line = match (report.verdict.state, freed.count) {
        (_, 0) => "nothing would be freed with it: something else needs all of it".into(),
        (State::Goes | State::Waits | State::Young, _) => {
            format!("{} {} freed with it, in {}", size(freed.bytes), "will be", number(freed.count, "blob"))
        }
        _ => format!(
            "{} would be freed if it went, in {}: what nothing else keeps",
            size(freed.bytes),
            number(freed.count, "blob")
        ),
    };
    format!("\n{}", wrapped(&line, ""))
}
