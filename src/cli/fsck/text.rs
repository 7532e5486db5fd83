//! What was found, for people: the worst first.

use super::report::{FindingRow, KindRow, Report};
use crate::cli::words::{number, printable, size, wrapped};
use crate::collect::fsck::code::Level;
use std::fmt::Write as _;

/// So many findings of a kind are told; JSON tells more.
const TOLD: usize = 10;

pub(super) fn text(report: &Report) -> String {
    let checked = &report.checked;
    let mut text = format!("{}\n", printable(&report.location));
    let what = [
        number(checked.repositories, "repository"),
        number(checked.tags, "tag"),
        number(checked.manifests, "manifest"),
        number(checked.layer_links, "layer link"),
        number(checked.uploads, "upload"),
        format!("{} ({})", number(checked.blobs.count, "blob"), size(checked.blobs.bytes)),
    ];
    text += &wrapped(&format!("checked {}", what.join(", ")), "");
    if let Some(content) = &checked.content {
        let line = format!(
            "content of {} ({}) compared with its digest: {} % of all, --seed {}",
            number(content.count, "blob"),
            size(content.bytes),
            content.percent,
            content.seed
        );
        text += &wrapped(&line, "");
    }
    for (level, title) in [
        (Level::Damage, "damage"),
        (Level::Young, "perhaps a push that is under way"),
        (Level::Litter, "litter: it does no harm"),
        (Level::Note, "notes: as it may be"),
    ] {
        let kinds: Vec<&KindRow> = report.kinds.iter().filter(|kind| kind.level == level).collect();
        if !kinds.is_empty() {
            let _ = write!(text, "\n{title}\n");
        }
        for row in kinds {
            text += &kind(row, report);
        }
    }
    text.push('\n');
    text += &wrapped(&verdict(report), "");
    text
}

fn verdict(report: &Report) -> String {
    match report.counts.damage {
        0 => "no damage".into(),
        1 => "1 finding of damage".into(),
        many => format!("{many} findings of damage"),
    }
}

fn kind(row: &KindRow, report: &Report) -> String {
    let mut text = format!("  {}: {}\n", row.code.name(), row.count);
    text += &wrapped(row.consequence, "    ");
    if row.level != Level::Note {
        text += &wrapped(&format!("-> {}", row.remedy), "    ");
    }
    let findings = report.findings.iter().filter(|finding| finding.code == row.code && finding.level == row.level);
    // Of what is as it may be, the number says enough.
    let told = if row.level == Level::Note { 0 } else { TOLD };
    for finding in findings.take(told) {
        text += &self::finding(finding);
    }
    let more = row.count.saturating_sub(told as u64);
    if more > 0 && told > 0 {
        let _ = writeln!(text, "      and {more} more");
    }
    text
}

fn finding(finding: &FindingRow) -> String {
    let mut text = wrapped(&printable(&finding.key), "      ");
    text += &finding.detail.as_ref().map(|detail| wrapped(&printable(detail), "        ")).unwrap_or_default();
    if !finding.images.is_empty() {
        let more = finding.images_in_all.saturating_sub(finding.images.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        text += &wrapped(&printable(&format!("{}{more}", finding.images.join(", "))), "        ");
    }
    text
}
