//! CSV (RFC 4180): a header and a row a check, one column a value, for spreadsheets and databases. No summary: whoever
//! reads rows can add them up.
//!
//! What a server or a file put into a cell is text and stays text: it is one line, holds no control characters, and where
//! a spreadsheet would take it for a formula, an apostrophe stands before it (OWASP, "CSV Injection").

use super::ndjson::{push_failed, push_labels, push_names};
use super::record::Record;
use super::text::{Timestamps, push_address, push_date, push_hex, push_micros, push_number, put, shown};
use super::{Sink, Summary};
use crate::check::outcome::{CertificateSeen, TlsSeen};

/// The format. It keeps nothing.
#[derive(Debug)]
pub struct Csv;

impl Sink for Csv {
    fn begin(&mut self, out: &mut Vec<u8>) {
        push_row(out, |(name, _), out| put(name.as_bytes(), out));
    }

    fn record(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        push_row(out, |(_, push), out| push(record, out));
    }

    fn end(&mut self, _summary: &Summary, _out: &mut Vec<u8>) {}
}

/// A column's name, and what appends its cell. A value that is not there is an empty cell.
type Column = (&'static str, fn(&Record<'_>, &mut Vec<u8>));

/// All columns, named as in NDJSON. Times are in seconds.
const COLUMNS: &[Column] = &[
    ("target", |record, out| push_text(Some(&record.target), out)),
    ("name", |record, out| push_text(record.name.as_deref(), out)),
    ("labels", |record, out| push_json(*b"{}", |out| push_labels(&record.labels, out), out)),
    ("verdict", |record, out| push_text(Some(record.verdict().as_str()), out)),
    ("reason", |record, out| push_text(Some(record.reason.as_str()), out)),
    ("detail", |record, out| push_text(record.detail.as_deref(), out)),
    ("failed", |record, out| push_json(*b"[]", |out| push_failed(&record.failed, out), out)),
    ("status", |record, out| record.status.into_iter().for_each(|status| push_number(status.into(), out))),
    ("address", |record, out| record.address.into_iter().for_each(|address| push_address(address, out))),
    ("http_version", |record, out| push_text(record.http_version, out)),
    ("body_bytes", |record, out| push_number(record.body_bytes, out)),
    ("queue", |record, out| push_micros(record.phases.queue, out)),
    ("dns", |record, out| record.phases.dns.into_iter().for_each(|time| push_micros(time, out))),
    ("connect", |record, out| record.phases.connect.into_iter().for_each(|time| push_micros(time, out))),
    ("tls", |record, out| record.phases.tls.into_iter().for_each(|time| push_micros(time, out))),
    ("wait", |record, out| record.phases.wait.into_iter().for_each(|time| push_micros(time, out))),
    ("body", |record, out| record.phases.body.into_iter().for_each(|time| push_micros(time, out))),
    ("total", |record, out| push_micros(record.phases.total(), out)),
    ("tls_version", |record, out| push_text(tls(record).and_then(|tls| tls.version), out)),
    ("tls_cipher", |record, out| push_text(tls(record).and_then(|tls| tls.cipher.as_deref()), out)),
    ("tls_resumed", |record, out| push_text(tls(record).map(|tls| yes_or_no(tls.resumed)), out)),
    ("tls_subject", |record, out| push_text(certificate(record).map(|certificate| &*certificate.subject), out)),
    ("tls_issuer", |record, out| push_text(certificate(record).map(|certificate| &*certificate.issuer), out)),
    ("tls_names", |record, out| {
        if let Some(certificate) = certificate(record) {
            push_json(*b"[]", |out| push_names(&certificate.names, out), out);
        }
    }),
    ("tls_not_before", |record, out| {
        certificate(record).into_iter().for_each(|certificate| push_date(certificate.not_before, out));
    }),
    ("tls_not_after", |record, out| {
        certificate(record).into_iter().for_each(|certificate| push_date(certificate.not_after, out));
    }),
    // A negative number is one, not a formula.
    ("tls_days_left", |record, out| {
        let days = certificate(record).map(|certificate| certificate.days_left(record.started).to_string());
        put(days.unwrap_or_default().as_bytes(), out);
    }),
    ("tls_sha256", |record, out| {
        certificate(record).into_iter().for_each(|certificate| push_hex(&certificate.fingerprint, out));
    }),
    ("attempts", |record, out| push_number(record.attempts.into(), out)),
    ("redirects", |record, out| push_number(record.redirects.into(), out)),
    ("reused", |record, out| push_text(Some(yes_or_no(record.reused)), out)),
    ("started", |record, out| Timestamps::default().push(record.started, out)),
];

fn tls<'a>(record: &'a Record<'_>) -> Option<&'a TlsSeen> {
    record.tls.as_deref()
}

fn certificate<'a>(record: &'a Record<'_>) -> Option<&'a CertificateSeen> {
    tls(record)?.certificate.as_ref()
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// Appends a cell of each column, and the end of the line.
fn push_row(out: &mut Vec<u8>, push: impl Fn(&Column, &mut Vec<u8>)) {
    for (index, column) in COLUMNS.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(column, out);
    }
    put(b"\r\n", out);
}

fn push_text(text: Option<&str>, out: &mut Vec<u8>) {
    push_cell(&shown(text.unwrap_or_default()), out);
}

/// Appends an object or a list: the brackets, and what `push` appends between them.
fn push_json([open, close]: [u8; 2], push: impl Fn(&mut Vec<u8>), out: &mut Vec<u8>) {
    let mut json = vec![open];
    push(&mut json);
    json.push(close);
    push_cell(&String::from_utf8_lossy(&json), out);
}

/// Appends a text of one line, in quotes where it needs them. A `;` ends a cell, too, where a comma is the decimal sign:
/// LibreOffice splits at it unless it is quoted, and Excel even then.
fn push_cell(text: &str, out: &mut Vec<u8>) {
    let starts_formula =
        |c: char| matches!(c, '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}');
    // Nearly all are plain.
    if !text.bytes().any(|b| matches!(b, b',' | b';' | b'"')) {
        if text.starts_with(starts_formula) {
            out.push(b'\'');
        }
        return put(text.as_bytes(), out);
    }
    out.push(b'"');
    let (mut plain_from, mut starts_cell) = (0, true);
    for (at, c) in text.char_indices() {
        let before = match c {
            '"' => Some(b'"'),
            c if starts_cell && starts_formula(c) => Some(b'\''),
            _ => None,
        };
        if let Some(before) = before {
            put(&text.as_bytes()[plain_from..at], out);
            out.push(before);
            plain_from = at;
        }
        starts_cell = c == ';';
    }
    put(&text.as_bytes()[plain_from..], out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{all_kinds, failed, hostile, up, with_text, written};

    const HEADER: &str = "target,name,labels,verdict,reason,detail,failed,status,address,http_version,body_bytes,\
                          queue,dns,connect,tls,wait,body,total,tls_version,tls_cipher,tls_resumed,tls_subject,tls_issuer,\
                          tls_names,tls_not_before,tls_not_after,tls_days_left,tls_sha256,attempts,redirects,reused,started";

    /// Reads as RFC 4180 has it, strictly.
    fn read(csv: &str) -> Vec<Vec<String>> {
        let lines = csv.strip_suffix("\r\n").expect("the last line ends, too").split("\r\n");
        lines.map(|line| read_row(line).unwrap_or_else(|| panic!("no row of CSV: {line}"))).collect()
    }

    fn read_row(mut line: &str) -> Option<Vec<String>> {
        let mut row = Vec::new();
        loop {
            let mut cell = String::new();
            if let Some(rest) = line.strip_prefix('"') {
                line = rest;
                loop {
                    let (text, rest) = line.split_once('"')?;
                    cell.push_str(text);
                    line = rest;
                    let Some(rest) = line.strip_prefix('"') else { break };
                    cell.push('"');
                    line = rest;
                }
            } else {
                let end = line.find(',').unwrap_or(line.len());
                cell.push_str(&line[..end]);
                line = &line[end..];
                assert!(!cell.contains(['"', '\r', '\n']), "{cell:?} needs quotes");
            }
            row.push(cell);
            match line.strip_prefix(',') {
                Some(rest) => line = rest,
                None => return line.is_empty().then_some(row),
            }
        }
    }

    #[test]
    fn all_kinds_of_rows() {
        let started = "2026-11-22T16:40:00.123Z";
        let expected = [
            HEADER.to_owned(),
            format!(
                "http://127.0.0.1:8000/health,,{{}},up,ok,,[],200,127.0.0.1:8000,1.1,16,0.000000,,0.001000,,0.200000,0.002000,0.203000,\
                 ,,,,,,,,,,1,0,false,{started}"
            ),
            format!(
                "https://api.example.com/health,api,\"{{\"\"team\"\":\"\"pay\"\",\"\"app.kubernetes.io/name\"\":\"\"x y\"\"}}\",up,ok,,[],\
                 200,192.0.2.7:443,1.1,16,0.000000,0.004000,0.011000,0.025000,0.150000,0.001000,0.191000,1.3,TLS13_AES_128_GCM_SHA256,\
                 false,CN=api.example.com,CN=Example CA,\"[\"\"api.example.com\"\",\"\"192.0.2.7\"\"]\",2026-09-21T14:13:20Z,\
                 2027-01-01T00:00:00Z,39,{},1,1,false,{started}",
                "ab".repeat(32)
            ),
            format!(
                "http://slow/,,{{}},degraded,warn,\"total was 320 ms, expected total < 300ms\",\
                 \"[{{\"\"expected\"\":\"\"total < 300ms\"\",\"\"got\"\":\"\"total was 320 ms\"\"}}]\",,127.0.0.1:8000,,0,0.000000,,,,\
                 0.320000,,0.320000,,,,,,,,,,,1,0,true,{started}"
            ),
            format!(
                "http://sick/,,{{}},down,status,\"status was 503, expected status in 200-399 (and 1 more)\",\
                 \"[{{\"\"expected\"\":\"\"status in 200-399\"\",\"\"got\"\":\"\"status was 503\"\"}},\
                 {{\"\"expected\"\":\"\"header.x exists\"\",\"\"got\"\":\"\"no x\"\"}}]\",503,127.0.0.1:8000,1.0,0,0.000000,,0.001000,,\
                 0.200000,0.002000,0.203000,,,,,,,,,,,3,0,false,{started}"
            ),
            format!(
                "tcp://127.0.0.1:1,,{{}},down,connect_refused,127.0.0.1:1 refused the connection,[],,,,0,0.000000,,0.000734,,,,0.000734,\
                 ,,,,,,,,,,1,0,false,{started}"
            ),
            format!(
                "http://late/,,{{}},unknown,deadline,the run's time was over (--deadline),[],,,,0,2.000000,,,,,,0.000000,\
                 ,,,,,,,,,,0,0,false,{started}"
            ),
        ];
        let csv = written(&mut Csv, &all_kinds());
        assert_eq!(csv.split("\r\n").collect::<Vec<_>>(), [&expected[..], &[String::new()]].concat());
        assert_eq!(written(&mut Csv, &[]), format!("{HEADER}\r\n"));
        assert!(read(&csv).iter().all(|row| row.len() == COLUMNS.len()));
    }

    #[test]
    fn no_text_leaves_its_cell_or_starts_a_formula() {
        for text in hostile() {
            let csv = written(&mut Csv, &with_text(&text));
            let rows = read(&csv);
            assert_eq!(rows.len(), 3, "{csv}");
            for row in &rows {
                assert_eq!(row.len(), COLUMNS.len(), "{csv}");
                for cell in row.iter().flat_map(|cell| cell.split(';')) {
                    assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
                }
            }
            let plain = &shown(&text);
            assert!(rows[1][5].trim_start_matches('\'').replace(";'", ";") == plain.replace(";'", ";"), "{csv}");
        }
    }

    #[test]
    fn formulas_in_any_width_and_behind_any_separator() {
        for start in ["=", "+", "-", "@", "\u{ff1d}", "\u{ff0b}", "\u{ff0d}", "\u{ff20}"] {
            let text = format!("{start}1;{start}2 {start}3");
            let record = Record { name: Some(text.into()), ..up("http://h/") };
            let expected = format!("'{start}1;'{start}2 {start}3");
            assert_eq!(read(&written(&mut Csv, &[record]))[1][1], expected);
        }
        for text in ["\t=1", "\r=1", "\n=1", "\0=1"] {
            let record = failed("http://h/", crate::check::outcome::Reason::Body, text);
            assert!(read(&written(&mut Csv, &[record]))[1][5].starts_with(r"\u{"));
        }
        // What ended before today has a negative number of days left, and that is a number.
        let mut expired = all_kinds().swap_remove(1);
        expired.started += std::time::Duration::from_secs(40 * 86400);
        let row = &read(&written(&mut Csv, &[expired]))[1];
        assert_eq!(row[26], "-1");
    }

    #[test]
    fn quotes_stand_only_where_they_are_needed() {
        let cell = |text: &str| {
            let mut out = Vec::new();
            push_text(Some(text), &mut out);
            String::from_utf8(out).unwrap()
        };
        for text in ["", "plain", "two words", "it's", "a=b", "[::1]:80", "\u{e4}"] {
            assert_eq!(cell(text), text);
        }
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("say \"a\""), "\"say \"\"a\"\"\"");
        assert_eq!(cell("a;b"), "\"a;b\"");
    }
}
