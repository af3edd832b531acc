//! Targets as Prometheus' file_sd has them: `[{"targets": ["10.0.0.7:8080"], "labels": {"env": "prod"}}]`, turned into the
//! lines of a file of targets, a line a target. So whatever holds for lines holds for them.
//!
//! `__scheme__`, `__metrics_path__` and `__param_NAME` make the URL, as they do there; other labels that begin with two
//! underscores are for relabelling and dropped.

use std::fmt::Write;

use super::expect::clip;
use super::target::{QUOTED_MAX, is_label_byte};
use crate::proto::json;

/// The most of such a file that is read, in bytes: it is kept whole until its end is there.
pub const MAX: usize = 64 * 1024 * 1024;

/// UTF-8's byte order mark, which some editors put before a text.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a file that begins so is one: `[`, and then `{` or `]`. `None`: that cannot be told yet.
pub fn is_one(start: &[u8]) -> Option<bool> {
    if MARK.starts_with(start) {
        return None;
    }
    let start = start.strip_prefix(MARK).unwrap_or(start);
    let mut visible = start.iter().filter(|b| !b.is_ascii_whitespace());
    match (visible.next(), visible.next()) {
        (None, _) => None,
        (Some(b'['), None) => None,
        (Some(b'['), Some(b'{' | b']')) => Some(true),
        _ => Some(false),
    }
}

/// The lines that come of it.
///
/// # Errors
/// What is wrong, behind its place.
pub fn lines(text: &[u8]) -> Result<String, String> {
    let text = text.strip_prefix(MARK).unwrap_or(text);
    json::find_all(text, &[]).map_err(|error| format!("{}:{}: {error}", error.line, error.column))?;
    // It has just been found to be JSON.
    let text = std::str::from_utf8(text).map_err(|_| "1:1: the file is not UTF-8".to_owned())?;
    let mut lines = String::new();
    for (index, group) in json::elements(text).enumerate() {
        push_group(group, &mut lines).map_err(|what| format!("1:1: group {}: {what}", index + 1))?;
    }
    Ok(lines)
}

fn push_group(group: &str, lines: &mut String) -> Result<(), String> {
    if !group.starts_with('{') {
        return Err("it is not an object".to_owned());
    }
    let (mut targets, mut labels) = (Vec::new(), Vec::new());
    for (key, value) in json::members(group) {
        match &*key {
            "targets" if value.starts_with('[') => {
                for target in json::elements(value) {
                    targets.push(string(target).ok_or("'targets' holds something that is no string")?);
                }
            }
            "labels" if value.starts_with('{') => {
                for (label, value) in json::members(value) {
                    let shown = || clip(&label.escape_debug().to_string(), QUOTED_MAX);
                    // It stands in the line without quotes, so it must be what it is.
                    if label.is_empty() || !label.bytes().all(is_label_byte) {
                        return Err(format!("'{}' is not the name of a label", shown()));
                    }
                    let value = string(value).ok_or_else(|| format!("the label '{}' is no string", shown()))?;
                    labels.push((label.into_owned(), value));
                }
            }
            "targets" => return Err("'targets' is not a list".to_owned()),
            "labels" => return Err("'labels' is not an object".to_owned()),
            other => {
                let shown = clip(&other.escape_debug().to_string(), QUOTED_MAX);
                return Err(format!("there is nothing called '{shown}' in it"));
            }
        }
    }
    let said = |name: &str| labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str());
    let scheme = said("__scheme__").unwrap_or("http");
    let path = said("__metrics_path__").unwrap_or("/");
    let (mut query, mut options) = (String::new(), String::new());
    for (label, value) in &labels {
        if let Some(name) = label.strip_prefix("__param_") {
            query.push(if query.is_empty() && !path.contains('?') { '?' } else { '&' });
            push_encoded(name, &mut query);
            query.push('=');
            push_encoded(value, &mut query);
        } else if !label.starts_with("__") {
            // Writing to a String cannot fail, here and below.
            let _ = write!(options, " label.{label}=");
            push_quoted(value, &mut options);
        }
    }
    for target in targets {
        let url = match target.contains("://") {
            true => target,
            false => format!("{scheme}://{target}{path}{query}"),
        };
        push_quoted(&url, lines);
        lines.push_str(&options);
        lines.push('\n');
    }
    Ok(())
}

fn string(value: &str) -> Option<String> {
    json::read_string(value).ok().map(|(text, _)| text.into_owned())
}

/// Appends it in quotes, in which nothing means anything but itself.
fn push_quoted(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' | '"' => out.push('\\'),
            '$' if rest.as_str().starts_with('{') => out.push('$'),
            _ => {}
        }
        // A line end would end the line; it has no place in a URL, and in a label it is as good as a space.
        out.push(if matches!(c, '\n' | '\r') { ' ' } else { c });
    }
    out.push('"');
}

/// As a query has it (RFC 3986, 3.4).
fn push_encoded(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_by_its_first_two_characters() {
        for (start, is) in [
            (&b""[..], None),
            (b" \n[", None),
            (b"\xef\xbb", None),
            (b"\xef\xbbx", Some(false)),
            (b"[ {", Some(true)),
            (b"\xef\xbb\xbf\n[\t]", Some(true)),
            (b"[::1]:80", Some(false)),
            (b"http://h/", Some(false)),
            (b"{", Some(false)),
        ] {
            assert_eq!(is_one(start), is, "{start:?}");
        }
    }

    #[test]
    fn groups_become_lines() {
        let text = r#"[
            {"targets": ["10.0.0.7:8080", "[::1]:9"], "labels": {"env": "prod", "a": "x \"y\" ${HOME} \\",
             "__scheme__": "https", "__metrics_path__": "/health", "__param_a": "1&2", "__param_b": "ü", "__meta_x": "z"}},
            {"labels": {}, "targets": ["http://whole/x", "h"]}, {}
        ]"#;
        let options = r#" label.env="prod" label.a="x \"y\" $${HOME} \\""#;
        let expected = format!(
            "\"https://10.0.0.7:8080/health?a=1%262&b=%C3%BC\"{options}\n\
             \"https://[::1]:9/health?a=1%262&b=%C3%BC\"{options}\n\"http://whole/x\"\n\"http://h/\"\n"
        );
        assert_eq!(lines(text.as_bytes()), Ok(expected));
        assert_eq!(lines(b" [ ] "), Ok(String::new()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, told) in [
            ("[{\"targets\": [\"a\"],}]", "1:20: "),
            ("[{\"targets\": \"a\"}]", "1:1: group 1: 'targets' is not a list"),
            ("[{}, {\"targets\": [1]}]", "1:1: group 2: 'targets' holds something that is no string"),
            ("[{\"labels\": {\"a\": 1}}]", "1:1: group 1: the label 'a' is no string"),
            ("[{\"target\": []}]", "1:1: group 1: there is nothing called 'target' in it"),
            ("[{\"labels\": {\"a\\nhttp://h/\": \"\"}}]", "1:1: group 1: 'a\\nhttp://h/' is not the name of a label"),
            ("[{\"labels\": {\"a=b\": \"\"}}]", "1:1: group 1: 'a=b' is not the name of a label"),
            ("[{}, 7]", "1:1: group 2: it is not an object"),
        ] {
            let error = lines(text.as_bytes()).unwrap_err();
            assert!(error.starts_with(told), "{text}: {error}");
        }
    }
}
