//! The little XML a bucket writes and reads.

use std::fmt::Write as _;

/// Text inside an element, escaped as S3 does: `&quot;` for quotes, `&#x9;` for what XML 1.0 cannot hold.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => write!(out, "&#x{:x};", c as u32).unwrap(),
            c if (c as u32) < 0x20 => write!(out, "&#x{:x};", c as u32).unwrap(),
            c => out.push(c),
        }
    }
    out
}

/// The texts of all elements of that name, unescaped; `None` where one is not closed or not understood.
pub(super) fn texts(xml: &str, name: &str) -> Option<Vec<String>> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once(&open) {
        let (text, after) = after.split_once(&close)?;
        found.push(unescape(text)?);
        rest = after;
    }
    Some(found)
}

/// As an XML processor reads text: line ends normalised, references resolved.
fn unescape(text: &str) -> Option<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, after) = after.split_once(';')?;
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            name => {
                let digits = name.strip_prefix('#')?;
                let code = match digits.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => digits.parse().ok()?,
                };
                char::from_u32(code)?
            }
        });
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// The body of an error.
pub(super) fn error(code: &str, message: &str, resource: &str, request_id: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{}</Message>\
         <Resource>{}</Resource><RequestId>{request_id}</RequestId><HostId>lab</HostId></Error>",
        escape(message),
        escape(resource),
    )
}
