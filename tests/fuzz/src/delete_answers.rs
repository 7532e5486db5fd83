//! Answers to deletes of many keys: nothing counts as deleted that the store did not say, and if it says two things of a
//! key, the worse counts.

use super::text;
use regsweep::storage::sweep::answer::{self, Answer, Said};
use regsweep::storage::xml::Element;
use std::collections::BTreeSet;

/// Any bytes as an answer of S3, and of Azure.
pub fn check(data: &[u8]) {
    let answer = answer::parse(data);
    cut(data, &answer);
    // Whatever follows upon the first element is read as well, but for what stands behind an end too many.
    let is_whole = !data.windows(5).any(|part| part == b"</all");
    if let Some(all) = Element::parse(&[b"<all>", data, b"</all>"].concat()).filter(|_| is_whole) {
        said(&all, &answer);
    }
    written(&answer);
    azure(data);
}

/// What comes later adds keys, and makes none of them better.
fn cut(data: &[u8], whole: &Answer) {
    let begun = answer::parse(&data[..text::place(data)]);
    for (key, said) in &begun.keys {
        let later = whole.keys.get(key);
        assert!(later.is_some(), "{key:?} is forgotten");
        assert!(*said == Said::Deleted || later != Some(&Said::Deleted), "{key:?} is deleted all the same");
    }
    assert!(whole.leaves_markers || !begun.leaves_markers);
}

/// The same, read as a tree: each key that counts as deleted stands in an element that says so.
fn said(root: &Element, answer: &Answer) {
    let (mut deleted, mut refused) = (BTreeSet::new(), BTreeSet::new());
    collect(root, "Deleted", &mut deleted);
    collect(root, "Error", &mut refused);
    for (key, said) in &answer.keys {
        let among = if *said == Said::Deleted { &deleted } else { &refused };
        assert!(among.contains(key.as_str()), "{key:?} is {said:?}, and the store did not say so");
    }
    let mut errors = BTreeSet::new();
    plain_errors(root, &mut errors);
    for key in errors {
        assert_ne!(answer.keys.get(key), Some(&Said::Deleted), "{key:?} is deleted, and the store says it is not");
    }
}

/// The keys of errors of the usual form: one key each, and nothing within what is in it.
fn plain_errors<'a>(element: &'a Element, into: &mut BTreeSet<&'a str>) {
    let mut keys = element.children.iter().filter(|child| child.name == "Key");
    if let (true, Some(key), None) = (element.name == "Error", keys.next(), keys.next())
        && element.children.iter().all(|child| child.children.is_empty())
    {
        into.insert(&key.text);
    }
    element.children.iter().for_each(|child| plain_errors(child, into));
}

/// The texts of all keys within elements of that name.
fn collect<'a>(element: &'a Element, name: &str, into: &mut BTreeSet<&'a str>) {
    fn keys<'a>(element: &'a Element, into: &mut BTreeSet<&'a str>) {
        for child in &element.children {
            if child.name == "Key" {
                into.insert(&child.text);
            }
            keys(child, into);
        }
    }
    if element.name == name {
        keys(element, into);
    }
    element.children.iter().for_each(|child| collect(child, name, into));
}

fn written(answer: &Answer) {
    let mut body = "<DeleteResult>".to_owned();
    for (key, said) in &answer.keys {
        let key = text::escaped(key);
        body += &match said {
            Said::Deleted => format!("<Deleted><Key>{key}</Key></Deleted>"),
            Said::Error { code, message } => {
                let (code, message) = (text::escaped(code), text::escaped(message));
                format!("<Error><Key>{key}</Key><Code>{code}</Code><Message>{message}</Message></Error>")
            }
        };
    }
    if answer.leaves_markers {
        body += "<Deleted><DeleteMarker>true</DeleteMarker></Deleted>";
    }
    body += "</DeleteResult>";
    let again = answer::parse(body.as_bytes());
    assert!(again.keys == answer.keys && again.leaves_markers == answer.leaves_markers, "{body}");
}

/// Of the parts of an answer the worst counts, wherever it stands.
fn azure(data: &[u8]) {
    let whole = answer::is_kept_by_azure(data);
    let place = text::place(data);
    if let Some(end) = data[place..].iter().position(|byte| *byte == b'\n') {
        let (begin, rest) = data.split_at(place + end + 1);
        assert_eq!(whole, answer::is_kept_by_azure(begin).max(answer::is_kept_by_azure(rest)));
    }
    let kept = [data, b"\nx-ms-delete-type-permanent: false\r\n"].concat();
    assert_eq!(answer::is_kept_by_azure(&kept), Some(true));
}
