//! Reads YAML as the registry's library (yaml.v2) does: YAML 1.1, the first document, the last of two equal keys.
//!
//! The only place that knows the YAML library.

use std::fmt;

use serde::de::{DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::lines::{Lines, without_comment};
use super::node::{Map, Node, Value};
use super::origin::Origin;

/// Why a text is no YAML. It never quotes the text.
#[derive(Debug)]
pub(super) struct Malformed {
    /// The line, counted from 1.
    pub(super) line: Option<usize>,
    /// What the library says.
    pub(super) why: String,
}

/// Parses the first document; an empty text is null.
pub(super) fn parse(text: &str, origin: &Origin) -> Result<Node, Malformed> {
    let lines = Lines::scan(text);
    let seed = Seed { path: Vec::new(), at: origin.clone(), written: Some(without_comment(text)), lines: &lines };
    let nothing = Node::new(Value::Null, origin.clone());
    if text.lines().all(|line| without_comment(line).is_empty()) {
        return Ok(nothing);
    }
    match serde_yaml::Deserializer::from_str(text).next() {
        Some(document) => seed.deserialize(document).map_err(|error| malformed(&error)),
        None => Ok(nothing),
    }
}

/// The library quotes values between double quotes and back quotes; such a message is not passed on.
fn malformed(error: &serde_yaml::Error) -> Malformed {
    let message = error.to_string();
    let quotes = message.contains(['"', '`']);
    let why = if quotes { "a value does not fit its tag".into() } else { message };
    Malformed { line: error.location().map(|location| location.line()), why }
}

/// Makes a [`Node`] of what the library reports, knowing where it stands.
struct Seed<'a> {
    path: Vec<String>,
    at: Origin,
    written: Option<&'a str>,
    lines: &'a Lines,
}

impl Seed<'_> {
    fn node(self, value: Value) -> Node {
        let scalar = matches!(value, Value::Boolean(_) | Value::Integer(_) | Value::Float(_));
        // Behind an anchor or a tag stands more than the value.
        let plain = |written: &&str| !written.is_empty() && !written.contains([' ', '&', '!', '*']);
        let written = self.written.filter(|_| scalar).filter(plain).map(str::to_owned);
        Node { written, ..Node::new(value, self.at) }
    }

    /// The seed for what stands behind `key`.
    fn child(&self, key: &str) -> Self {
        let path: Vec<String> = self.path.iter().cloned().chain([key.to_owned()]).collect();
        let place = self.lines.get(&path);
        let at = place.map_or_else(|| self.at.clone(), |place| self.at.at(place.line));
        Self { path, at, written: place.map(|place| place.text.as_str()), lines: self.lines }
    }

    /// The seed for an item of a list: its line is the list's.
    fn item(&self) -> Self {
        Self { path: vec![String::new()], at: self.at.clone(), written: None, lines: self.lines }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(self.node(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(self.node(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(self.node(Value::Boolean(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(self.node(Value::Integer(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(self.node(Value::Integer(value.into())))
    }

    // Beyond 64 bits yaml.v2 knows only floating point.
    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(self.node(Value::Float(value.to_string())))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(self.node(Value::Float(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        // What is written is kept (`0.10` is another version than `0.1`), unless an anchor or a tag stands before it.
        let written = self.written.filter(|written| written.parse::<f64>().is_ok());
        let text = written.map_or_else(|| value.to_string(), str::to_owned);
        Ok(self.node(Value::Float(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        // Equal to what is written behind the key: then it is not quoted, and YAML 1.1 may see more than text in it.
        let plain = self.written == Some(text);
        let value = plain.then(|| resolve(text)).flatten().unwrap_or_else(|| Value::Text(text.to_owned()));
        Ok(self.node(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.item())? {
            list.push(item);
        }
        Ok(self.node(Value::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Map::default();
        while let Some(key) = entries.next_key::<String>()? {
            let node = entries.next_value_seed(self.child(&key))?;
            if key == "<<" {
                merge(&mut map, &node).map_err(A::Error::custom)?;
            } else {
                map.set(key, node);
            }
        }
        Ok(self.node(Value::Map(map)))
    }

    // A tag of the user's own: the value below it counts.
    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        let (_, value) = tagged.variant::<String>()?;
        value.newtype_variant_seed(self)
    }
}

/// Merges what `<<` names; of a list the first item counts most.
fn merge(map: &mut Map, node: &Node) -> Result<(), &'static str> {
    let merged = match &node.value {
        Value::Map(merged) => vec![merged],
        Value::List(list) => list.iter().rev().filter_map(Node::map).collect(),
        _ => return Err("map merge requires a map or a list of maps"),
    };
    for (key, value) in merged.into_iter().flat_map(Map::iter) {
        map.set(key, value.clone());
    }
    Ok(())
}

/// What YAML 1.1 (yaml.v2, `resolve.go`) sees in unquoted text that YAML 1.2 takes for a string.
fn resolve(text: &str) -> Option<Value> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Some(Value::Boolean(true)),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Some(Value::Boolean(false)),
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let number = text.replace('_', "");
    if let Some(integer) = integer(&number) {
        return Some(Value::Integer(integer));
    }
    let decimal = number.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    (decimal && number.parse::<f64>().is_ok()).then(|| Value::Float(text.to_owned()))
}

/// Go's `strconv.ParseInt` with base 0: a leading `0` is octal.
fn integer(number: &str) -> Option<i128> {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some(_) if lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let fits = |value: &i128| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(value);
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i128::from_str_radix(digits, base).ok().map(|value| sign * value).filter(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".into(),
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Float(value) => format!("float {value}"),
            Value::Text(value) => format!("{value:?}"),
            Value::List(list) => format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(", ")),
            Value::Map(map) => {
                let entries: Vec<_> = map.iter().map(|(key, node)| format!("{key}: {}", show(node))).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn read(text: &str) -> String {
        parse(text, &Origin::file("f"))
            .map_or_else(|error| format!("{:?} {}", error.line, error.why), |node| show(&node))
    }

    #[test]
    fn booleans_of_yaml_1_1_are_booleans_unless_quoted() {
        for word in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"] {
            assert_eq!(read(&format!("a: {word} # comment")), "{a: true}", "{word}");
            assert_eq!(read(word), "true", "{word}");
            assert_eq!(read(&format!("a: '{word}'")), format!("{{a: {word:?}}}"));
        }
        for word in ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"] {
            assert_eq!(read(&format!("a:   {word}")), "{a: false}", "{word}");
        }
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        assert_eq!(read("a: 0755"), "{a: 493}");
        assert_eq!(read("a: \"0755\""), "{a: \"0755\"}");
        assert_eq!(read("a: 1_000"), "{a: 1000}");
        assert_eq!(read("a: 0x1F"), "{a: 31}");
        assert_eq!(read("a: 0b11"), "{a: 3}");
        assert_eq!(read("a: -012"), "{a: -10}");
        assert_eq!(read("a: 012345678"), "{a: float 012345678}");
        assert_eq!(read("a: 0.10"), "{a: float 0.10}");
        assert_eq!(read("a: 1e3"), "{a: float 1e3}");
        assert_eq!(read("a: 99999999999999999999999"), "{a: float 99999999999999999999999}");
        assert_eq!(read("a: 2024-01-02"), "{a: \"2024-01-02\"}");
        assert_eq!(read("a: 10.0.0.1"), "{a: \"10.0.0.1\"}");
        assert_eq!(read("a: +-1"), "{a: \"+-1\"}");
    }

    #[test]
    fn empty_documents_and_values_are_null() {
        for text in ["", "  \n# only a comment\n", "~", "null", "---\n"] {
            assert_eq!(read(text), "null", "{text:?}");
        }
        assert_eq!(read("a:\nb: ~\nc: ''"), "{a: null, b: null, c: \"\"}");
    }

    #[test]
    fn the_last_of_two_equal_keys_and_the_first_document_count() {
        assert_eq!(read("a: 1\nb: 2\na: 3\n"), "{a: 3, b: 2}");
        assert_eq!(read("a: 1\n---\na: 2\n"), "{a: 1}");
    }

    #[test]
    fn anchors_and_merges_are_followed() {
        assert_eq!(read("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n"), "{x: {a: 1, b: 2}, y: {a: 1, b: 3}}");
        assert_eq!(read("x: &x {a: 1}\ny: &y {a: 2}\nz:\n  <<: [*x, *y]\n"), "{x: {a: 1}, y: {a: 2}, z: {a: 1}}");
        assert_eq!(read("<<: 1"), "Some(1) map merge requires a map or a list of maps");
    }

    #[test]
    fn values_know_their_line() {
        let text = "version: 0.1\nstorage:\n  s3:\n    bucket: b\n  gcs: {bucket: c}\n";
        let document = parse(text, &Origin::file("f")).ok();
        let storage = document.as_ref().and_then(Node::map).and_then(|map| map.get("storage")).and_then(Node::map);
        let line = |driver: &str| {
            let bucket = storage?.get(driver)?.map()?.get("bucket")?;
            Some(bucket.at.to_string())
        };
        assert_eq!(line("s3").as_deref(), Some("line 4 of f"));
        assert_eq!(line("gcs").as_deref(), Some("line 5 of f"));
    }

    #[test]
    fn errors_have_a_line_and_never_quote() {
        assert!(read("a: 1\nb: [\n").starts_with("Some("));
        assert!(read("a: b: c").starts_with("Some(1) mapping values are not allowed"));
        assert!(!read("a: !!int hunter2").contains("hunter2"));
        assert!(!read("a: *hunter2").contains("hunter2"));
        assert_eq!(read("a: !mine x"), "{a: \"x\"}");
    }

    #[test]
    fn hostile_documents_are_refused_quickly() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n\
                    f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
        assert!(read(bomb).contains("repetition limit exceeded"));
        assert!(read(&"[".repeat(10_000)).contains("recursion limit"));
        assert!(read(&"a: ".repeat(1000)).starts_with("Some("));
    }
}
