//! Prometheus' text format 0.0.4, for node_exporter's textfile collector, with blackbox_exporter's names: its alerts and
//! dashboards go on working, with a `target` label where they had one scrape a target.
//!
//! ```text
//!     # HELP probe_success Whether the target was up, 1, or down, 0; none where that is unknown.
//!     # TYPE probe_success gauge
//!     probe_success{target="http://127.0.0.1:8000/health"} 1
//! ```
//!
//! As with blackbox_exporter a phase that did not happen is 0 seconds, and so is the status of who did not answer. What is
//! `unknown` has no `probe_` series at all: a 0 there would page somebody for a target that may be well.
//!
//! All series of a family stand together, so each target's labels and figures are kept until the end.

use std::collections::HashMap;
use std::time::Duration;

use super::record::Record;
use super::text::{push_number, push_seconds, push_shown, put};
use super::{PIECE, Sink, Summary};
use crate::check::outcome::{Reason, Verdict};

/// The format: it keeps the figures of each target, since all samples of a metric stand together.
#[derive(Debug, Default)]
pub struct Prometheus {
    rows: Vec<Row>,
    /// The next family to be written, the next row of it, and whether it has been begun.
    family: usize,
    row: usize,
    begun: bool,
    /// The families of the whole run, which come last.
    run: Vec<u8>,
}

/// What is kept of a target.
#[derive(Debug)]
struct Row {
    /// As they stand between the braces, in one order whatever the order in which they were given.
    labels: Box<[u8]>,
    /// It is the first with these labels, or the second, ...
    copy: u32,
    reason: Reason,
    is_http: bool,
    /// The final response came over TLS.
    over_tls: bool,
    /// 4 or 6, where an address is known.
    ip_protocol: Option<u8>,
    status: u16,
    redirects: u32,
    body_bytes: u64,
    /// What stands behind the point of `1.0` and `1.1`, and of `1.2` and `1.3`.
    http_minor: Option<u8>,
    tls_minor: Option<u8>,
    /// Of the server's own certificate, Unix time.
    not_after: Option<i64>,
    /// Name lookup, connect, TLS, wait, body, in microseconds.
    phases: [u64; 5],
}

impl Row {
    fn of(record: &Record<'_>) -> Row {
        let tls = record.tls.as_deref();
        Row {
            labels: labels(record),
            copy: 1,
            reason: record.reason,
            is_http: record.is_http(),
            over_tls: tls.is_some() && record.status.is_some(),
            ip_protocol: record.address.map(|address| if address.is_ipv4() { 4 } else { 6 }),
            status: record.status.unwrap_or(0),
            redirects: record.redirects,
            body_bytes: record.body_bytes,
            http_minor: record.http_version.and_then(minor),
            tls_minor: tls.and_then(|tls| tls.version).and_then(minor),
            not_after: tls.and_then(|tls| Some(tls.certificate.as_ref()?.not_after)),
            phases: record.phases.named().map(|(_, phase)| phase.unwrap_or_default().as_micros() as u64),
        }
    }

    /// Itself, if blackbox_exporter would say anything of it: whether it is up is known.
    fn probed(&self) -> Option<&Row> {
        (self.reason.verdict() != Verdict::Unknown).then_some(self)
    }

    /// The same for what is said of HTTP.
    fn http(&self) -> Option<&Row> {
        self.probed().filter(|row| row.is_http)
    }
}

/// The last digit of a version.
fn minor(version: &str) -> Option<u8> {
    version.bytes().last()
}

/// The value of a sample, in a form that Go's `ParseFloat` takes.
enum SampleValue {
    Number(u64),
    Micros(u64),
    Text(&'static str),
}

use SampleValue::{Micros, Number, Text};

/// A family whose series have no label but the target's: its name, its help, and a target's value.
type Plain = (&'static str, &'static str, fn(&Row) -> Option<SampleValue>);

/// A family whose series have one more: its name, its help, the label, and a target's values of label and sample.
type Labelled = (&'static str, &'static str, &'static str, fn(&Row) -> Vec<(&'static str, SampleValue)>);

const PLAIN: &[Plain] = &[
    ("probe_success", "Whether the target was up, 1, or down, 0; none where that is unknown.", |row| {
        Some(Number(row.probed()?.reason.verdict().is_healthy().into()))
    }),
    ("probe_duration_seconds", "How long the attempt took that decided.", |row| {
        Some(Micros(row.probed()?.phases.iter().sum()))
    }),
    ("probe_dns_lookup_time_seconds", "How long the lookup of the name took.", |row| {
        Some(Micros(row.probed()?.phases[0]))
    }),
    ("probe_ip_protocol", "Whether it was connected to over IPv4 or IPv6.", |row| {
        Some(Number(row.probed()?.ip_protocol?.into()))
    }),
    ("probe_http_status_code", "The status of the final response, 0 without one.", |row| {
        Some(Number(row.http()?.status.into()))
    }),
    ("probe_http_version", "The version of HTTP of the final response, 0 without one.", |row| {
        Some(Text(match row.http()?.http_minor {
            Some(b'0') => "1.0",
            Some(_) => "1.1",
            None => "0",
        }))
    }),
    ("probe_http_redirects", "How many redirects were followed.", |row| Some(Number(row.http()?.redirects.into()))),
    ("probe_http_ssl", "Whether the final response came over TLS.", |row| Some(Number(row.http()?.over_tls.into()))),
    // Its content_length is what the header promised; this is what was read.
    ("probe_http_uncompressed_body_length", "How many bytes of the response's body came.", |row| {
        Some(Number(row.http()?.body_bytes))
    }),
    ("probe_ssl_earliest_cert_expiry", "When the server's own certificate ends, Unix time.", |row| {
        Some(Number(row.probed()?.not_after?.try_into().unwrap_or(0)))
    }),
];

const LABELLED: &[Labelled] = &[
    ("probe_http_duration_seconds", "How long each phase of the HTTP request took.", "phase", |row| {
        let Some(row) = row.http() else { return Vec::new() };
        ["resolve", "connect", "tls", "processing", "transfer"].into_iter().zip(row.phases.map(Micros)).collect()
    }),
    ("probe_tls_version_info", "The version of TLS that was spoken.", "version", |row| {
        let version = match row.probed().and_then(|row| row.tls_minor) {
            Some(b'3') => "TLS 1.3",
            Some(b'2') => "TLS 1.2",
            _ => return Vec::new(),
        };
        vec![(version, Number(1))]
    }),
    ("upcheck_target_reason", "Why the target's verdict is what it is.", "reason", |row| {
        vec![(row.reason.as_str(), Number(1))]
    }),
];

impl Sink for Prometheus {
    fn record(&mut self, record: &Record<'_>, _: &mut Vec<u8>) {
        self.rows.push(Row::of(record));
    }

    fn end(&mut self, summary: &Summary, _: &mut Vec<u8>) {
        number_copies(&mut self.rows);
        push_run(summary, &mut self.run);
    }

    fn more(&mut self, out: &mut Vec<u8>) -> bool {
        if self.family == PLAIN.len() + LABELLED.len() {
            return false;
        }
        let enough = out.len() + PIECE;
        while out.len() < enough {
            let Some(row) = self.rows.get(self.row) else {
                (self.family, self.row, self.begun) = (self.family + 1, 0, false);
                if self.family < PLAIN.len() + LABELLED.len() && !self.rows.is_empty() {
                    continue;
                }
                out.append(&mut self.run);
                return false;
            };
            self.row += 1;
            let (name, help) = match PLAIN.get(self.family) {
                Some((name, help, _)) => (name, help),
                None => LABELLED.get(self.family - PLAIN.len()).map_or((&"", &""), |(name, help, ..)| (name, help)),
            };
            let before = out.len();
            if !self.begun {
                push_head(name, help, out);
            }
            let head_end = out.len();
            push_samples(self.family, row, out);
            // A family without samples is not there at all.
            match out.len() == head_end {
                true => out.truncate(before),
                false => self.begun = true,
            }
        }
        true
    }
}

/// Appends what a family has of this target.
fn push_samples(family: usize, row: &Row, out: &mut Vec<u8>) {
    if let Some((name, _, value)) = PLAIN.get(family) {
        value(row).into_iter().for_each(|value| push_sample(name, row, None, &value, out));
    } else if let Some((name, _, label, values)) = LABELLED.get(family - PLAIN.len()) {
        values(row).iter().for_each(|(text, value)| push_sample(name, row, Some((label, text)), value, out));
    }
}

/// Tells those apart whose labels are the same.
fn number_copies(rows: &mut [Row]) {
    let mut seen: HashMap<&[u8], u32> = HashMap::new();
    for Row { labels, copy, .. } in rows {
        let count = seen.entry(labels).or_default();
        *count += 1;
        *copy = *count;
    }
}

fn push_head(name: &str, help: &str, out: &mut Vec<u8>) {
    for piece in ["# HELP ", name, " ", help, "\n# TYPE ", name, " gauge\n"] {
        put(piece.as_bytes(), out);
    }
}

fn push_sample(name: &str, row: &Row, label: Option<(&str, &str)>, value: &SampleValue, out: &mut Vec<u8>) {
    put(name.as_bytes(), out);
    out.push(b'{');
    put(&row.labels, out);
    if row.copy > 1 {
        put(b",copy=\"", out);
        push_number(row.copy.into(), out);
        out.push(b'"');
    }
    if let Some((label, text)) = label {
        out.push(b',');
        push_label(label, text, out);
    }
    put(b"} ", out);
    push_value(value, out);
}

fn push_value(value: &SampleValue, out: &mut Vec<u8>) {
    match value {
        Number(number) => push_number(*number, out),
        Micros(micros) => push_seconds(Duration::from_micros(*micros), out),
        Text(text) => put(text.as_bytes(), out),
    }
    out.push(b'\n');
}

/// Appends the families of the whole run.
fn push_run(summary: &Summary, out: &mut Vec<u8>) {
    push_head("upcheck_targets", "How many targets got this verdict.", out);
    for verdict in Verdict::ALL {
        put(b"upcheck_targets{", out);
        push_label("verdict", verdict.as_str(), out);
        put(b"} ", out);
        push_value(&Number(summary.tally.verdict(verdict)), out);
    }
    let micros = |time: Duration| Micros(time.as_micros() as u64);
    let most = Number(summary.most_in_flight as u64);
    for (name, help, value) in [
        ("upcheck_run_duration_seconds", "From the run's start to its end.", micros(summary.wall)),
        ("upcheck_run_cpu_seconds", "User and system time of the run.", micros(summary.cpu)),
        ("upcheck_run_peak_memory_bytes", "The most memory that the run held.", Number(summary.peak_memory)),
        ("upcheck_run_most_in_flight", "The most checks under way at once.", most),
    ] {
        push_head(name, help, out);
        put(name.as_bytes(), out);
        out.push(b' ');
        push_value(&value, out);
    }
}

/// Labels that are ours, here or in what `upcheck watch` serves, and those that mean something in histograms and summaries.
const OURS: &[&str] =
    &["target", "name", "copy", "phase", "version", "reason", "verdict", "state", "cipher", "le", "quantile"];

/// What stands between the braces for this target. A label without a value is no label to Prometheus, so it is left out.
fn labels(record: &Record<'_>) -> Box<[u8]> {
    let mut own: Vec<(String, &str)> = Vec::new();
    for (name, value) in record.labels.iter().filter(|(_, value)| !value.is_empty()) {
        let mut name = plain_name(name);
        while OURS.contains(&&*name) || name.starts_with("__") || own.iter().any(|(other, _)| *other == name) {
            name.insert_str(0, "label_");
        }
        let place = own.partition_point(|(other, _)| *other < name);
        own.insert(place, (name, value));
    }
    let mut out = Vec::new();
    push_label("target", &record.target, &mut out);
    let name = record.name.as_deref().filter(|name| !name.is_empty()).map(|name| ("name", name));
    for (name, value) in name.into_iter().chain(own.iter().map(|(name, value)| (&**name, *value))) {
        out.push(b',');
        push_label(name, value, &mut out);
    }
    out.into()
}

/// The name of a label in letters that Prometheus takes: `[a-zA-Z_][a-zA-Z0-9_]*`.
fn plain_name(name: &str) -> String {
    let begins_well = name.starts_with(|c: char| !c.is_ascii_digit());
    let plain = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    (!begins_well).then_some('_').into_iter().chain(plain).collect()
}

/// Appends a label and its value. What a terminal would obey is shown by its number.
fn push_label(name: &str, value: &str, out: &mut Vec<u8>) {
    put(name.as_bytes(), out);
    put(b"=\"", out);
    let mut shown = Vec::new();
    for (index, line) in value.split('\n').enumerate() {
        if index > 0 {
            put(b"\\n", out);
        }
        push_shown(line, &mut shown);
        for byte in shown.drain(..) {
            if matches!(byte, b'\\' | b'"') {
                out.push(b'\\');
            }
            out.push(byte);
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
