//! A text as a tree whose every value knows its line and column: YAML 1.2, and JSON, which is a part of it.
//!
//! The only place that knows the parser. The registry's own configuration is read elsewhere, as its YAML 1.1 library
//! reads it; a policy is ours, and read strictly: no key twice, no merges, no types of the reader's own.

use super::fault::Faults;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Where something stands, both counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a value is. What a scalar means is for its reader to say: `1.10` may be a number or a tag.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text, a number, a boolean or nothing.
    Scalar {
        /// As it was written, without quotes.
        text: String,
        /// Whether it stands without quotes.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order it was written; no key is in it twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

impl Node {
    /// Whether nothing was written: an empty value, `~` or `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What kind of value it is, for errors.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { text, plain: true } if text.parse::<i64>().is_ok() => "a whole number",
            Value::Scalar { text, plain: true } if text.parse::<f64>().is_ok() => "a number",
            Value::Scalar { text, plain: true } if text == "true" || text == "false" => "a boolean",
            Value::Scalar { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Nobody writes deeper, and the tree is built, read and dropped by recursion.
const DEEPEST: usize = 64;
/// What aliases may add up to: a text of a kilobyte can otherwise name itself to any size.
const MOST_COPIED: usize = 100_000;

/// Reads a text. What is wrong is added to `faults`; without a tree there is always something.
pub fn parse(text: &str, faults: &mut Faults) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { parser: Parser::new_from_str(text), faults, anchors: BTreeMap::new(), copied: 0 };
    match builder.document() {
        Ok(node) => Some(node),
        Err(Broken { place, why }) => {
            builder.faults.add(place, "", why);
            None
        }
    }
}

struct Builder<'a, 'f> {
    parser: Parser<'a, StrInput<'a>>,
    faults: &'f mut Faults,
    anchors: BTreeMap<usize, Node>,
    copied: usize,
}

struct Broken {
    place: Place,
    why: String,
}

type Built<T> = Result<T, Broken>;

fn begin(span: Span) -> Place {
    Place { line: span.start.line().max(1), column: span.start.col() + 1 }
}

impl<'a> Builder<'a, '_> {
    fn next(&mut self) -> Built<(Event<'a>, Place)> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, begin(span))),
            Some(Err(error)) => {
                let place = begin(Span::empty(*error.marker()));
                Err(Broken { place, why: format!("no valid YAML: {}", error.info()) })
            }
            None => Ok((Event::StreamEnd, Place { line: 1, column: 1 })),
        }
    }

    fn document(&mut self) -> Built<Node> {
        let mut document = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, place) => {
                    let nothing = || Node { place, value: Value::Scalar { text: String::new(), plain: true } };
                    return Ok(document.unwrap_or_else(nothing));
                }
                (Event::DocumentStart(_), place) if document.is_some() => {
                    return Err(Broken { place, why: "a second document: only one is read".into() });
                }
                (Event::DocumentStart(_) | Event::DocumentEnd | Event::StreamStart | Event::Nothing, _) => {}
                (event, place) => document = Some(self.node(event, place, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, place: Place, depth: usize) -> Built<Node> {
        if depth > DEEPEST {
            return Err(Broken { place, why: format!("more than {DEEPEST} levels") });
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_ref(), place);
                (anchor, Value::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_ref(), place);
                (anchor, Value::List(self.list(depth)?))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_ref(), place);
                (anchor, Value::Map(self.map(depth)?))
            }
            Event::Alias(anchor) => return self.copy_of(anchor, place),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(Broken { place, why: "no valid YAML: a value is missing".into() }),
        };
        let node = Node { place, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Built<Vec<Node>> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(list),
                (event, place) => list.push(self.node(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Built<Vec<(Key, Node)>> {
        let mut map: Vec<(Key, Node)> = Vec::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        loop {
            let (key, place) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(map),
                (event, place) => (self.node(event, place, depth + 1)?, place),
            };
            let (event, at) = self.next()?;
            let node = self.node(event, at, depth + 1)?;
            let Value::Scalar { text, .. } = key.value else {
                self.faults.add(place, "", "a key is a list or a mapping: expected a word");
                continue;
            };
            if seen.insert(text.clone()) {
                map.push((Key { text, place }, node));
                continue;
            }
            let first = map.iter().find(|(key, _)| key.text == text).map_or(place.line, |(key, _)| key.place.line);
            self.faults.add(place, "", format!("`{text}` is there twice: the first is in line {first}"));
        }
    }

    /// What an anchor stands for, where the alias stands.
    fn copy_of(&mut self, anchor: usize, place: Place) -> Built<Node> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Broken { place, why: "an alias inside of what it names".into() });
        };
        self.copied += size(node);
        if self.copied > MOST_COPIED {
            return Err(Broken { place, why: "aliases add up to too much".into() });
        }
        Ok(Node { place, value: node.value.clone() })
    }

    fn refuse_tag(&mut self, tag: Option<&Cow<'_, Tag>>, place: Place) {
        if let Some(tag) = tag {
            self.faults.add(
                place,
                "",
                format!("tags such as `{}{}` are not read: leave it out", tag.handle, tag.suffix),
            );
        }
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::List(list) => list.iter().map(size).sum(),
        Value::Map(map) => map.iter().map(|(_, node)| size(node)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn show(node: &Node) -> String {
        match &node.value {
            Value::Scalar { text, plain: true } => text.clone(),
            Value::Scalar { text, plain: false } => format!("{text:?}"),
            Value::List(list) => format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(", ")),
            Value::Map(map) => {
                let entries: Vec<_> = map.iter().map(|(key, node)| format!("{}: {}", key.text, show(node))).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn read(text: &str) -> String {
        let mut faults = Faults::default();
        let node = parse(text, &mut faults);
        match (node, faults.is_empty()) {
            (Some(node), true) => show(&node),
            (_, false) => faults.to_string(),
            (None, true) => "neither a tree nor a fault".into(),
        }
    }

    #[test]
    fn values_are_as_they_were_written() {
        assert_eq!(read("a: 1.10\nb: [x, 'y', \"z\"]\nc:\n"), "{a: 1.10, b: [x, \"y\", \"z\"], c: }");
        assert_eq!(
            read("{\"a\": {\"b\": [1, null, true]},\n\t\"c\": \"\\u00e9\\/\"}"),
            "{a: {b: [1, null, true]}, c: \"é/\"}"
        );
        assert_eq!(read("\u{feff}---\na: 1\n...\n"), "{a: 1}");
        assert_eq!(read(""), "");
        assert_eq!(read("# nothing\n"), "");
    }

    #[test]
    fn json_as_tools_print_it_is_read() {
        let two =
            "{\n    \"rules\": [\n        {\n            \"a\": 1\n        },\n        {\"a\": -2.5e3}\n    ]\n}\n";
        assert_eq!(read(two), "{rules: [{a: 1}, {a: -2.5e3}]}");
        assert_eq!(read(&two.replace("    ", "\t")), "{rules: [{a: 1}, {a: -2.5e3}]}");
        assert_eq!(read("{\"a\":{\"b\":\"c: d # e\"},\"f\":[]}"), "{a: {b: \"c: d # e\"}, f: []}");
    }

    #[test]
    fn every_value_knows_its_place() {
        let mut faults = Faults::default();
        let root = parse("rules:\n  - name: é\n    keep: {last: 3}\n", &mut faults);
        let Some(Value::Map(map)) = root.map(|root| root.value) else { unreachable!("no mapping") };
        let Value::List(rules) = &map[0].1.value else { unreachable!("no list") };
        let Value::Map(rule) = &rules[0].value else { unreachable!("no rule") };
        assert_eq!(rule[0].1.place, Place { line: 2, column: 11 });
        assert_eq!(rule[1].0.place, Place { line: 3, column: 5 });
        let Value::Map(keep) = &rule[1].1.value else { unreachable!("no keep") };
        assert_eq!((keep[0].0.place.column, keep[0].1.place.column), (12, 18));
    }

    #[test]
    fn a_key_that_is_there_twice_is_told_with_both_lines() {
        assert_eq!(read("a: 1\nb: 2\na: 3\n"), "line 3, column 1: `a` is there twice: the first is in line 1");
    }

    #[test]
    fn what_is_no_plain_tree_is_told() {
        assert!(read("a: 1\n---\nb: 2\n").contains("a second document"), "{}", read("a: 1\n---\nb: 2\n"));
        assert!(read("a: !!str 1").contains("tags such as"), "{}", read("a: !!str 1"));
        assert!(read("? [a]\n: 1\n").contains("a key is a list"));
        assert!(read("a: [1\n").contains("no valid YAML"));
        assert!(read("a: b: c").starts_with("line 1, column "));
        assert!(read("a: *nobody").contains("no valid YAML"));
    }

    #[test]
    fn aliases_are_followed_within_reason() {
        assert_eq!(read("x: &x {a: 1}\ny: *x\n"), "{x: {a: 1}, y: {a: 1}}");
        assert!(read("x: &x [*x]\n").contains("inside of what it names"), "{}", read("x: &x [*x]\n"));
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..9 {
            let items = vec![format!("*a{}", level - 1); 10].join(",");
            let _ = writeln!(bomb, "a{level}: &a{level} [{items}]");
        }
        assert!(read(&bomb).contains("too much") || read(&bomb).contains("no valid YAML"));
    }

    #[test]
    fn deep_and_odd_texts_end_in_words() {
        for text in ["[".repeat(100_000), "- ".repeat(5_000), "a: ".repeat(1000), "{a: ".repeat(10_000)] {
            assert!(!read(&text).is_empty());
        }
        assert_eq!(read(&("[".repeat(60) + &"]".repeat(60))).len(), 120);
        assert!(read(&("[".repeat(70) + &"]".repeat(70))).contains("more than 64 levels"));
        for text in [":", "\"", "'a", "é: ü", "\t: :\n :", "%YAML 9\n---\n", "|", "&", "*", "!", "\0"] {
            let _ = read(text);
        }
    }
}
