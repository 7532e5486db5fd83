//! The tree of one image, for people.

use super::words::{artifact, day, short_text, what};
use crate::cli::columns::{Columns, shortened};
use crate::cli::words::{number, printable, size, wrapped};
use crate::collect::list::tree::{Node, Role, State, Tree};
use crate::model::Timestamp;
use crate::retention::facts::OLDEST;

pub(super) fn text(tree: &Tree, width: Option<usize>) -> String {
    let digest = tree.digest.as_ref().map(ToString::to_string).unwrap_or_default();
    let name = match &tree.tag {
        Some(tag) => format!("{}:{tag}  {digest}\n", tree.repository),
        None => format!("{}@{digest}\n", tree.repository),
    };
    let mut text = printable(name.trim_end()) + "\n";
    let mut says: Vec<String> = Vec::new();
    if tree.facts.problem.is_none() {
        says.push(printable(&what(&tree.facts)));
    }
    says.extend(tree.facts.bytes.map(size));
    says.extend(tree.pushed.map(|time| format!("pushed {}", Timestamp::to_minute(time))));
    says.extend(
        tree.facts.created.filter(|time| *time >= OLDEST).map(|time| format!("created {}", Timestamp::to_minute(time))),
    );
    says.extend(tree.facts.referrers.filter(|count| *count > 0).map(|count| number(count, "referrer")));
    says.retain(|word| !word.is_empty());
    text += &wrapped(&says.join("; "), "  ");
    let others: Vec<&str> =
        tree.tags.iter().map(String::as_str).filter(|tag| Some(*tag) != tree.tag.as_deref()).collect();
    if !others.is_empty() {
        let (some, more) = others.split_at(others.len().min(10));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        text += &wrapped(
            &format!("{} {}{more}", if tree.tag.is_some() { "also tagged" } else { "tagged" }, some.join(", ")),
            "  ",
        );
    }
    if let Some(subject) = &tree.about {
        text += &wrapped(&format!("about {subject}"), "  ");
    }
    if let Some(problem) = &tree.facts.problem {
        text += &wrapped(&printable(&problem.message), "  ! ");
    }
    for (state, meaning) in [
        (State::Missing, "not there: it cannot be pulled; push it again"),
        (State::NotLinked, "not linked in this repository: the registry does not serve it; push it again"),
    ] {
        let count = tree.digests_with(state).len() as u64;
        if count > 0 && tree.facts.problem.is_none() {
            let verb = if count == 1 { "is" } else { "are" };
            text += &wrapped(&format!("{} {verb} {meaning}", number(count, "part")), "  ! ");
        }
    }
    if let Some(root) = &tree.root {
        text.push('\n');
        text += &parts(root, width);
    }
    text
}

/// How digests are shown, and how much of the words: from everything to what 80 columns hold.
const FORMS: [(bool, usize); 4] = [(true, usize::MAX), (false, usize::MAX), (false, 44), (false, 32)];

fn parts(root: &Node, width: Option<usize>) -> String {
    let mut lines = Vec::new();
    let below = root.parts.iter().map(|node| (node, 0)).collect();
    collect(below, &mut lines);
    about(root, 0, &mut lines);
    let mut table = Columns::default();
    for (full, longest) in FORMS {
        table = Columns::default().left("").left("").right("").left("");
        for line in &lines {
            let digest = if full { line.digest.to_owned() } else { short_text(line.digest).to_owned() };
            let what = format!("{:indent$}{}", "", printable(&line.what), indent = 2 * (line.depth + 1));
            let size = line.size.map(size).unwrap_or_default();
            table.row(vec![shortened(&what, longest), digest, size, line.note.clone()]);
        }
        if width.is_none_or(|width| table.width() <= width) {
            break;
        }
    }
    table.text()
}

struct Line<'a> {
    depth: usize,
    what: String,
    digest: &'a str,
    size: Option<u64>,
    note: String,
}

fn collect<'a>(nodes: Vec<(&'a Node, usize)>, lines: &mut Vec<Line<'a>>) {
    for (node, depth) in nodes {
        lines.push(Line {
            depth,
            what: name(node),
            digest: &node.digest,
            size: node.bytes.or(node.size),
            note: note(node),
        });
        collect(node.parts.iter().map(|part| (part, depth + 1)).collect(), lines);
        about(node, depth + 1, lines);
    }
}

fn about<'a>(node: &'a Node, depth: usize, lines: &mut Vec<Line<'a>>) {
    if !node.referrers.is_empty() {
        lines.push(Line { depth, what: "about it".into(), digest: "", size: None, note: String::new() });
        collect(node.referrers.iter().map(|referrer| (referrer, depth + 1)).collect(), lines);
    }
}

fn name(node: &Node) -> String {
    let kind = node.artifact_type.as_deref().map(artifact);
    match node.role {
        Role::Config => "config".into(),
        Role::Layer => "layer".into(),
        Role::Blob => node.media_type.as_deref().map_or_else(|| "blob".into(), artifact),
        Role::Referrer => kind.or(node.platform.clone()).unwrap_or_else(|| "manifest".into()),
        Role::Manifest => match (&node.platform, kind) {
            (Some(platform), Some(kind)) if platform == "unknown/unknown" => kind,
            (Some(platform), None) => platform.clone(),
            (Some(platform), Some(kind)) => format!("{platform} {kind}"),
            (None, kind) => kind.unwrap_or_else(|| "manifest".into()),
        },
    }
}

fn note(node: &Node) -> String {
    let state = match node.state {
        None => None,
        Some(State::Missing) => Some("! missing"),
        Some(State::NotLinked) => Some("! not linked here"),
        Some(State::Absent) => Some("not in this repository"),
        Some(State::Foreign) => Some("had elsewhere"),
        Some(State::Unreadable) => Some("! unreadable"),
        Some(State::Above) => Some("shown above"),
        Some(State::TooDeep) => Some("nested too deep to show"),
    };
    let created = node
        .created
        .filter(|time| node.role == Role::Manifest && *time >= OLDEST)
        .map(|time| format!("created {}", day(Some(time))));
    let by_tag = node.tag.is_some().then(|| "by its tag".to_owned());
    state.map(str::to_owned).into_iter().chain(created).chain(by_tag).collect::<Vec<_>>().join(", ")
}
