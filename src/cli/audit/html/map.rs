//! The map of repositories: what stands where, in which colour and with which words.

use super::treemap::squarified;
use crate::cli::audit::report::Report;
use crate::cli::audit::tables::percent;
use crate::cli::words::{printable, size};
use crate::collect::audit::report::Row;

/// So many repositories have a part of their own; the rest share one.
const PARTS: usize = 300;

/// A map for one width of screen.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) class: &'static str,
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) tiles: Vec<Tile>,
}

/// One repository.
#[derive(Debug)]
pub(super) struct Tile {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) text_x: String,
    pub(super) text_y: String,
    pub(super) size_y: String,
    pub(super) label: String,
    pub(super) size: String,
    pub(super) title: String,
    pub(super) colour: u8,
}

/// What a colour stands for.
pub(super) const LEGEND: [(u8, &str); 5] =
    [(0, "under 10%"), (1, "10% and more"), (2, "25% and more"), (3, "50% and more"), (4, "75% and more")];

/// What one part of the map is about.
struct Part {
    name: String,
    share: u64,
    freed: u64,
}

/// The maps: one for wide screens and paper, one for narrow ones.
pub(super) fn maps(report: &Report, kind: &str) -> Vec<Map> {
    let parts = parts(report, kind);
    if parts.is_empty() {
        return Vec::new();
    }
    let map =
        |class, width, height| Map { class, width, height, tiles: tiles(&parts, report.findings.bytes, width, height) };
    vec![map("wide", 1080, 420), map("tall", 360, 440)]
}

fn parts(report: &Report, kind: &str) -> Vec<Part> {
    let freed = |row: &Row| row.freed_bytes.get(kind).copied().unwrap_or(0);
    let findings = &report.findings;
    let part = |row: &Row| Part { name: printable(&row.name), share: row.fair_share_bytes, freed: freed(row) };
    let rows = || findings.repositories.iter().filter(|row| row.fair_share_bytes > 0);
    let mut parts: Vec<Part> = rows().take(PARTS).map(part).collect();
    let rest: Vec<&Row> = rows().skip(PARTS).collect();
    if !rest.is_empty() {
        let sum = |of: &dyn Fn(&Row) -> u64| rest.iter().map(|row| of(row)).fold(0, u64::saturating_add);
        let name = format!("{} smaller ones", rest.len());
        parts.push(Part { name, share: sum(&|row| row.fair_share_bytes), freed: sum(&freed) });
    }
    parts.extend(Some(part(&findings.nobody)).filter(|part| part.share > 0));
    parts.sort_by_key(|part| std::cmp::Reverse(part.share));
    parts
}

#[expect(clippy::cast_precision_loss, reason = "areas on a screen")]
fn tiles(parts: &[Part], all: u64, width: u16, height: u16) -> Vec<Tile> {
    let weights: Vec<f64> = parts.iter().map(|part| part.share as f64).collect();
    let rects = squarified(&weights, f64::from(width), f64::from(height));
    let tile = |(part, rect): (&Part, super::treemap::Rect)| {
        let (share, freed) = (size(part.share), size(part.freed));
        let freed_share = percent(part.freed, part.share);
        let has_label = rect.width > 44.0 && rect.height > 20.0;
        let has_size = has_label && rect.height > 38.0 && rect.width > 66.0;
        Tile {
            x: format!("{:.1}", rect.x),
            y: format!("{:.1}", rect.y),
            width: format!("{:.1}", rect.width),
            height: format!("{:.1}", rect.height),
            text_x: format!("{:.1}", rect.x + 6.0),
            text_y: format!("{:.1}", rect.y + 15.0),
            size_y: format!("{:.1}", rect.y + 30.0),
            label: if has_label { fitted(&part.name, rect.width - 12.0) } else { String::new() },
            size: if has_size { share.clone() } else { String::new() },
            title: format!(
                "{}: {share} ({} of all), of which {freed} ({freed_share}) can go",
                part.name,
                percent(part.share, all)
            ),
            colour: colour(part.freed, part.share),
        }
    };
    parts.iter().zip(rects).map(tile).collect()
}

/// As much of the end of a name as fits, from the beginning of a part of it if that is possible: what tells repositories
/// apart stands at their end.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred letters")]
fn fitted(name: &str, width: f64) -> String {
    const LETTER: f64 = 7.2;
    let room = (width / LETTER).max(1.0) as usize;
    let fits = |text: &&str| text.chars().count() <= room;
    if fits(&name) {
        return name.to_owned();
    }
    let parts = name.char_indices().filter(|(_, letter)| *letter == '/').map(|(at, _)| &name[at + 1..]);
    if let Some(part) = parts.filter(|part| !part.is_empty()).find(fits) {
        return part.to_owned();
    }
    let end: String = name.chars().skip(name.chars().count() - room.saturating_sub(1).max(1)).collect();
    format!("\u{2026}{end}")
}

fn colour(freed: u64, share: u64) -> u8 {
    let percent = u128::from(freed) * 100 / u128::from(share.max(1));
    match percent {
        0..10 => 0,
        10..25 => 1,
        25..50 => 2,
        50..75 => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_legend() {
        for (freed, expected) in [(0, 0), (9, 0), (10, 1), (25, 2), (50, 3), (75, 4), (100, 4)] {
            assert_eq!(colour(freed, 100), expected, "{freed}");
        }
        assert_eq!(colour(0, 0), 0);
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(fitted("team/web", 100.0), "team/web");
        assert_eq!(fitted("a-very-long-team/web", 40.0), "web");
        assert_eq!(fitted("a/long-team/web", 100.0), "long-team/web");
        assert_eq!(fitted("team/a-very-long-name-7", 40.0), "\u{2026}me-7");
        assert_eq!(fitted("é\u{1f600}", 1.0), "\u{2026}\u{1f600}");
    }
}
