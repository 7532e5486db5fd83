//! Lists of what to keep, and words on the command line: a list that is understood is understood to its last line, and
//! everything reads back as what it was.

use super::text;
use regsweep::collect::keep_from::KeepFrom;
use regsweep::collect::options::{Aside, Mode};
use regsweep::collect::refusal::Allowed;
use regsweep::model::Digest;

/// Any text as a list, and as the value of an option.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines: Vec<&str> = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).collect();
    match KeepFrom::parse_list(&text) {
        Ok(list) => {
            let filled: Vec<&&str> = lines.iter().filter(|line| !line.is_empty()).collect();
            assert_eq!(list.len(), filled.len(), "a line is passed over");
            list.iter().zip(filled).for_each(|(entry, line)| one(entry, line));
            let written: String = list.iter().map(|entry| format!("{entry}\n")).collect();
            assert_eq!(KeepFrom::parse_list(&written).as_ref(), Ok(&list), "written anew it is another");
        }
        Err(why) => {
            assert_eq!(lines[why.line - 1], why.text);
            assert!(why.text.parse::<KeepFrom>().is_err());
            text::is_for_people(&why.to_string());
        }
    }
    words(&text);
}

fn one(entry: &KeepFrom, line: &str) {
    let digest = line.rsplit_once('@').map_or(line, |(_, digest)| digest).parse::<Digest>().ok();
    match entry {
        KeepFrom::Digest(kept) | KeepFrom::Image(_, kept) => assert_eq!(Some(kept), digest.as_ref()),
        KeepFrom::Tag(_, tag) => {
            assert!(digest.is_none() && (line.ends_with(tag.as_str()) || tag.as_str() == "latest"));
        }
    }
    let is_image = !matches!(entry, KeepFrom::Digest(_));
    assert_eq!(!entry.repositories().is_empty(), is_image, "{entry} means no repository");
    assert_eq!(entry.to_string().parse::<KeepFrom>().as_ref(), Ok(entry));
}

fn words(text: &str) {
    assert!(
        text.parse::<Allowed>().is_ok_and(|allowed| allowed.to_string() == text) || text.parse::<Allowed>().is_err()
    );
    assert!(text.parse::<Mode>().is_ok_and(|mode| mode.name() == text) || text.parse::<Mode>().is_err());
    assert!(text.parse::<Aside>().is_ok_and(|aside| aside.name() == text) || text.parse::<Aside>().is_err());
}
