//! What a store says of an object's content, without a string where it is what nearly all are.

use super::entry::md5_in;
use crate::model::digest::hex;
use std::borrow::Cow;
use std::fmt;

/// A store's `ETag`, letter for letter. That of an object which S3 or GCS took in one request is an MD5 in quotes, and takes
/// no more than that.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Etag(Kept);

/// The same text is always kept in the same form.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Kept {
    /// In lower case and in quotes.
    Md5([u8; 16]),
    Text(Box<str>),
}

impl Etag {
    /// Its text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Kept::Md5(md5) => Cow::Owned(quoted(md5)),
            Kept::Text(text) => Cow::Borrowed(text),
        }
    }

    /// The MD5 that it is, if it is one, however it is written.
    #[must_use]
    pub fn md5(&self) -> Option<[u8; 16]> {
        match &self.0 {
            Kept::Md5(md5) => Some(*md5),
            Kept::Text(text) => md5_in(text),
        }
    }

    /// The MD5 that it is, if it is written as S3 and GCS do.
    #[must_use]
    pub fn usual(&self) -> Option<[u8; 16]> {
        match &self.0 {
            Kept::Md5(md5) => Some(*md5),
            Kept::Text(_) => None,
        }
    }
}

/// Whether it is the MD5 of what an object holds, as S3 and GCS write it: in lower case and in quotes.
pub(super) fn is_usual(etag: &str) -> bool {
    let bare = etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"'));
    bare.is_some_and(|bare| bare.len() == 32 && bare.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')))
}

fn quoted(md5: &[u8; 16]) -> String {
    format!("\"{}\"", hex(md5))
}

impl From<&str> for Etag {
    fn from(text: &str) -> Self {
        let md5 = Some(text).filter(|text| is_usual(text)).and_then(md5_in);
        Self(md5.map_or_else(|| Kept::Text(text.into()), Kept::Md5))
    }
}

impl From<String> for Etag {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<[u8; 16]> for Etag {
    /// That of an object which S3 or GCS took in one request.
    fn from(md5: [u8; 16]) -> Self {
        Self(Kept::Md5(md5))
    }
}

impl fmt::Debug for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etag_is_told_letter_for_letter_and_its_md5_however_it_is_written() {
        let md5 = [0x5a; 16];
        let bare = "5a".repeat(16);
        let upper = bare.to_uppercase();
        for (text, is_md5, is_usual) in [
            (format!("\"{bare}\""), true, true),
            (bare.clone(), true, false),
            (format!("\"{upper}\""), true, false),
            (format!("W/\"{bare}\""), true, false),
            (format!("\"{bare}-2\""), false, false),
            (format!("\"{}g\"", &bare[1..]), false, false),
            (format!("\"{}\"", &bare[2..]), false, false),
            ("\"0x8DE\"".to_owned(), false, false),
            (String::new(), false, false),
        ] {
            let etag = Etag::from(text.as_str());
            assert_eq!(etag.text(), text);
            assert_eq!(etag.md5(), is_md5.then_some(md5), "{text}");
            assert_eq!((etag.usual(), super::is_usual(&text)), (is_usual.then_some(md5), is_usual), "{text}");
            assert_eq!(etag == Etag::from(md5), is_usual, "{text}");
            assert_eq!(etag, Etag::from(text.clone()));
            assert_eq!(format!("{etag:?}"), format!("{text:?}"));
        }
        assert_eq!(size_of::<Option<Etag>>(), 24);
    }
}
