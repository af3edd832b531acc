//! NDJSON: one object a line as each check finishes, then one summary. All keys are always there; times are in seconds.

use std::time::Duration;

use super::record::Record;
use super::text::{
    Timestamps, push_address, push_date, push_hex, push_json, push_json_or_null, push_number, push_seconds,
    push_seconds_or_null,
};
use super::{Sink, Summary};
use crate::check::expect::Mismatch;
use crate::check::outcome::{TlsSeen, Verdict};

/// The format.
#[derive(Debug, Default)]
pub struct Ndjson {
    timestamps: Timestamps,
}

impl Sink for Ndjson {
    fn record(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        push_check(record, &mut self.timestamps, out);
        out.push(b'\n');
    }

    fn end(&mut self, summary: &Summary, out: &mut Vec<u8>) {
        push_summary(summary, out);
        out.push(b'\n');
    }
}

/// Appends the object of one check. What stands between two values is written in one piece: this is done for every check.
pub(super) fn push_check(record: &Record<'_>, timestamps: &mut Timestamps, out: &mut Vec<u8>) {
    let phases = &record.phases;
    out.extend_from_slice(b"{\"schema\":1,\"type\":\"check\",\"target\":");
    push_json(&record.target, out);
    match &record.name {
        Some(name) => {
            out.extend_from_slice(b",\"name\":");
            push_json(name, out);
            out.extend_from_slice(b",\"labels\":{");
        }
        None => out.extend_from_slice(b",\"name\":null,\"labels\":{"),
    }
    // Most have none, and a call is more than a look.
    if !record.labels.is_empty() {
        push_labels(&record.labels, out);
    }
    // Words from our own lists need no escaping.
    out.extend_from_slice(b"},\"verdict\":\"");
    out.extend_from_slice(record.verdict().as_str().as_bytes());
    out.extend_from_slice(b"\",\"reason\":\"");
    out.extend_from_slice(record.reason.as_str().as_bytes());
    out.extend_from_slice(b"\",\"detail\":");
    push_json_or_null(record.detail.as_deref(), out);
    out.extend_from_slice(b",\"failed\":[");
    if !record.failed.is_empty() {
        push_failed(&record.failed, out);
    }
    out.extend_from_slice(b"],\"status\":");
    match record.status {
        Some(status) => push_number(u64::from(status), out),
        None => out.extend_from_slice(b"null"),
    }
    match record.address {
        Some(address) => {
            out.extend_from_slice(b",\"address\":\"");
            push_address(address, out);
            out.extend_from_slice(b"\",\"http_version\":");
        }
        None => out.extend_from_slice(b",\"address\":null,\"http_version\":"),
    }
    match record.http_version {
        Some(version) => {
            out.push(b'"');
            out.extend_from_slice(version.as_bytes());
            out.extend_from_slice(b"\",\"body_bytes\":");
        }
        None => out.extend_from_slice(b"null,\"body_bytes\":"),
    }
    push_number(record.body_bytes, out);
    out.extend_from_slice(b",\"seconds\":{\"queue\":");
    push_seconds(phases.queue, out);
    for (key, phase) in [
        (&b",\"dns\":"[..], phases.dns),
        (b",\"connect\":", phases.connect),
        (b",\"tls\":", phases.tls),
        (b",\"wait\":", phases.wait),
        (b",\"body\":", phases.body),
    ] {
        out.extend_from_slice(key);
        push_seconds_or_null(phase, out);
    }
    out.extend_from_slice(b",\"total\":");
    push_seconds(phases.total(), out);
    match &record.tls {
        Some(tls) => {
            out.extend_from_slice(b"},\"tls\":");
            push_tls(tls, record.started, out);
            out.extend_from_slice(b",\"attempts\":");
        }
        None => out.extend_from_slice(b"},\"tls\":null,\"attempts\":"),
    }
    push_number(u64::from(record.attempts), out);
    out.extend_from_slice(b",\"redirects\":");
    push_number(u64::from(record.redirects), out);
    out.extend_from_slice(match record.reused {
        true => b",\"reused\":true,\"started\":\"",
        false => b",\"reused\":false,\"started\":\"",
    });
    timestamps.push(record.started, out);
    out.extend_from_slice(b"\"}");
}

/// Appends what stands between the braces of the labels' object.
pub(super) fn push_labels(labels: &[(Box<str>, Box<str>)], out: &mut Vec<u8>) {
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_json(name, out);
        out.push(b':');
        push_json(value, out);
    }
}

/// Appends what stands between the brackets of the list of what did not hold.
pub(super) fn push_failed(failed: &[Mismatch], out: &mut Vec<u8>) {
    for (index, mismatch) in failed.iter().enumerate() {
        out.extend_from_slice(if index > 0 { b",{\"expected\":" } else { b"{\"expected\":" });
        push_json(&mismatch.expected, out);
        out.extend_from_slice(b",\"got\":");
        push_json(&mismatch.got, out);
        out.push(b'}');
    }
}

/// Appends what stands between the brackets of the list of a certificate's names.
pub(super) fn push_names(names: &[Box<str>], out: &mut Vec<u8>) {
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_json(name, out);
    }
}

/// Appends what TLS showed. `wall` is when: the days left are counted from it.
fn push_tls(tls: &TlsSeen, wall: Duration, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"version\":");
    push_json_or_null(tls.version, out);
    out.extend_from_slice(b",\"cipher\":");
    push_json_or_null(tls.cipher.as_deref(), out);
    out.extend_from_slice(b",\"resumed\":");
    out.extend_from_slice(if tls.resumed { b"true" } else { b"false" });
    let Some(certificate) = &tls.certificate else {
        out.extend_from_slice(
            b",\"subject\":null,\"issuer\":null,\"names\":null,\"not_before\":null,\"not_after\":null,",
        );
        out.extend_from_slice(b"\"days_left\":null,\"sha256\":null}");
        return;
    };
    out.extend_from_slice(b",\"subject\":");
    push_json(&certificate.subject, out);
    out.extend_from_slice(b",\"issuer\":");
    push_json(&certificate.issuer, out);
    out.extend_from_slice(b",\"names\":[");
    push_names(&certificate.names, out);
    out.extend_from_slice(b"],\"not_before\":\"");
    push_date(certificate.not_before, out);
    out.extend_from_slice(b"\",\"not_after\":\"");
    push_date(certificate.not_after, out);
    out.extend_from_slice(b"\",\"days_left\":");
    out.extend_from_slice(certificate.days_left(wall).to_string().as_bytes());
    out.extend_from_slice(b",\"sha256\":\"");
    push_hex(&certificate.fingerprint, out);
    out.extend_from_slice(b"\"}");
}

/// Appends the object of the whole run.
pub(super) fn push_summary(summary: &Summary, out: &mut Vec<u8>) {
    let tally = &summary.tally;
    out.extend_from_slice(b"{\"schema\":1,\"type\":\"summary\",\"total\":");
    push_number(tally.total(), out);
    for verdict in Verdict::ALL {
        out.push(b',');
        push_json(verdict.as_str(), out);
        out.push(b':');
        push_number(tally.verdict(verdict), out);
    }
    out.extend_from_slice(b",\"reasons\":{");
    for (index, (reason, count)) in tally.reasons().into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_json(reason.as_str(), out);
        out.push(b':');
        push_number(count, out);
    }
    out.extend_from_slice(b"},\"seconds\":{");
    let times = tally.times();
    for (key, time) in [
        (&b"\"p50\":"[..], times.percentile(50)),
        (b",\"p90\":", times.percentile(90)),
        (b",\"p99\":", times.percentile(99)),
        (b",\"max\":", times.max()),
        (b",\"wall\":", Some(summary.wall)),
    ] {
        out.extend_from_slice(key);
        push_seconds_or_null(time, out);
    }
    out.extend_from_slice(b"},\"most_in_flight\":");
    push_number(summary.most_in_flight as u64, out);
    out.extend_from_slice(b",\"cpu_seconds\":");
    push_seconds(summary.cpu, out);
    out.extend_from_slice(b",\"peak_memory_bytes\":");
    push_number(summary.peak_memory, out);
    out.extend_from_slice(b",\"threads\":1,\"loop\":{\"turns\":");
    push_number(summary.turns, out);
    out.extend_from_slice(b",\"longest_turn_seconds\":");
    push_seconds(summary.longest_turn, out);
    out.extend_from_slice(b"}}");
}
