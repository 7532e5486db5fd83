//! `ListObjectsV2` of a computed registry, as S3 writes it.

use std::fmt::Write as _;

use super::digests::push_hex;
use super::keys::{Computed, Item};

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Question<'a> {
    pub(super) prefix: &'a str,
    pub(super) delimiter: Option<&'a str>,
    /// Behind this key.
    pub(super) after: &'a str,
    pub(super) limit: usize,
}

/// One page of a listing.
pub(super) fn page(computed: &Computed, bucket: &str, question: &Question<'_>) -> String {
    let mut out = String::with_capacity(450 * question.limit.min(1000) + 1000);
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    write!(out, "<Name>{bucket}</Name><Prefix>{}</Prefix><MaxKeys>{}</MaxKeys>", question.prefix, question.limit)
        .unwrap();
    let next = match question.delimiter {
        Some(delimiter) => by_level(computed, question, delimiter, &mut out),
        None => flat(computed, question, &mut out),
    };
    if let Some(next) = &next {
        write!(out, "<NextContinuationToken>{next}</NextContinuationToken>").unwrap();
    }
    write!(out, "<IsTruncated>{}</IsTruncated></ListBucketResult>", next.is_some()).unwrap();
    out
}

/// The token is the last key: it can be passed behind.
fn flat(computed: &Computed, question: &Question<'_>, out: &mut String) -> Option<String> {
    let (from, itself) = begin(question);
    let (mut left, mut last, mut next) = (question.limit, String::new(), None);
    let mut times = Times::default();
    computed.behind(from, itself, &mut |item| {
        if !item.key.starts_with(question.prefix) {
            return false;
        }
        if left == 0 {
            next = Some(std::mem::take(&mut last));
            return false;
        }
        left -= 1;
        object(&item, &mut times, out);
        if left == 0 {
            item.key.clone_into(&mut last);
        }
        true
    });
    next
}

fn by_level(computed: &Computed, question: &Question<'_>, delimiter: &str, out: &mut String) -> Option<String> {
    let (from, mut itself) = begin(question);
    let mut from = from.to_owned();
    let (mut left, mut times) = (question.limit, Times::default());
    loop {
        let mut found = None;
        computed.behind(&from, itself, &mut |item| {
            let rest = item.key.strip_prefix(question.prefix);
            found = rest.map(|rest| {
                if let Some(end) = rest.find(delimiter) {
                    return (item.key[..question.prefix.len() + end + delimiter.len()].to_owned(), true);
                }
                object(&item, &mut times, out);
                (item.key.to_owned(), false)
            });
            false
        });
        let (name, is_common) = found?;
        if is_common {
            write!(out, "<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>").unwrap();
        }
        // No key holds this letter: it stands behind everything below the name.
        from = if is_common { format!("{name}\u{7f}") } else { name };
        itself = false;
        left -= 1;
        if left == 0 {
            return Some(from);
        }
    }
}

fn begin<'a>(question: &Question<'a>) -> (&'a str, bool) {
    if question.after > question.prefix { (question.after, false) } else { (question.prefix, true) }
}

/// Times in text: few differ from their neighbours' day.
#[derive(Default)]
struct Times {
    day: Option<(i64, String)>,
}

fn object(item: &Item<'_>, times: &mut Times, out: &mut String) {
    let (day, second) = (item.time.div_euclid(86_400), item.time.rem_euclid(86_400));
    if times.day.as_ref().is_none_or(|(known, _)| *known != day) {
        let date = chrono::DateTime::from_timestamp(day * 86_400, 0).unwrap();
        times.day = Some((day, date.format("%Y-%m-%dT").to_string()));
    }
    out.push_str("<Contents><Key>");
    out.push_str(item.key);
    out.push_str("</Key><LastModified>");
    out.push_str(times.day.as_ref().map_or("", |(_, date)| date));
    for (number, end) in [(second / 3600, ':'), (second / 60 % 60, ':'), (second % 60, '.')] {
        for digit in [number / 10, number % 10] {
            out.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
        }
        out.push(end);
    }
    out.push_str("000Z</LastModified><ETag>&quot;");
    push_hex(out, &item.etag);
    out.push_str(
        "&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>",
    );
    write!(out, "{}", item.size).unwrap();
    out.push_str("</Size><StorageClass>STANDARD</StorageClass></Contents>");
}
