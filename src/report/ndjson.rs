//! NDJSON: one object a line as each check finishes, then one summary. All keys are always there; times are in seconds.

use std::time::Duration;

use super::record::Record;
use super::text::{
    Timestamps, push_address, push_date, push_hex, push_json, push_json_or_null, push_micros, push_number,
    push_seconds, push_seconds_or_null, put,
};
use super::{Sink, Summary};
use crate::check::expect::Mismatch;
use crate::check::outcome::{TlsSeen, Verdict};

/// The format. It keeps no check, only the date of the last.
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
    push_micros(phases.queue, out);
    for (key, phase) in [
        (&b",\"dns\":"[..], phases.dns),
        (b",\"connect\":", phases.connect),
        (b",\"tls\":", phases.tls),
        (b",\"wait\":", phases.wait),
        (b",\"body\":", phases.body),
    ] {
        out.extend_from_slice(key);
        match phase {
            Some(phase) => push_micros(phase, out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(b",\"total\":");
    push_micros(phases.total(), out);
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
    put(b"{\"version\":", out);
    push_json_or_null(tls.version, out);
    put(b",\"cipher\":", out);
    push_json_or_null(tls.cipher.as_deref(), out);
    put(b",\"resumed\":", out);
    put(if tls.resumed { b"true" } else { b"false" }, out);
    let Some(certificate) = &tls.certificate else {
        put(b",\"subject\":null,\"issuer\":null,\"names\":null,\"not_before\":null,\"not_after\":null,", out);
        put(b"\"days_left\":null,\"sha256\":null}", out);
        return;
    };
    put(b",\"subject\":", out);
    push_json(&certificate.subject, out);
    put(b",\"issuer\":", out);
    push_json(&certificate.issuer, out);
    put(b",\"names\":[", out);
    push_names(&certificate.names, out);
    put(b"],\"not_before\":\"", out);
    push_date(certificate.not_before, out);
    put(b"\",\"not_after\":\"", out);
    push_date(certificate.not_after, out);
    put(b"\",\"days_left\":", out);
    put(certificate.days_left(wall).to_string().as_bytes(), out);
    put(b",\"sha256\":\"", out);
    push_hex(&certificate.fingerprint, out);
    put(b"\"}", out);
}

/// Appends the object of the whole run.
pub(super) fn push_summary(summary: &Summary, out: &mut Vec<u8>) {
    let tally = &summary.tally;
    put(b"{\"schema\":1,\"type\":\"summary\",\"total\":", out);
    push_number(tally.total(), out);
    for verdict in Verdict::ALL {
        out.push(b',');
        push_json(verdict.as_str(), out);
        out.push(b':');
        push_number(tally.verdict(verdict), out);
    }
    put(b",\"reasons\":{", out);
    for (index, (reason, count)) in tally.reasons().into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_json(reason.as_str(), out);
        out.push(b':');
        push_number(count, out);
    }
    put(b"},\"seconds\":{", out);
    let times = tally.times();
    for (key, time) in [
        (&b"\"p50\":"[..], times.percentile(50)),
        (b",\"p90\":", times.percentile(90)),
        (b",\"p99\":", times.percentile(99)),
        (b",\"max\":", times.max()),
        (b",\"wall\":", Some(summary.wall)),
    ] {
        put(key, out);
        push_seconds_or_null(time, out);
    }
    put(b"},\"most_in_flight\":", out);
    push_number(summary.most_in_flight as u64, out);
    put(b",\"cpu_seconds\":", out);
    push_seconds(summary.cpu, out);
    put(b",\"peak_memory_bytes\":", out);
    push_number(summary.peak_memory, out);
    put(b",\"threads\":1,\"loop\":{\"turns\":", out);
    push_number(summary.turns, out);
    put(b",\"longest_turn_seconds\":", out);
    push_seconds(summary.longest_turn, out);
    match summary.shard {
        Some(shard) => {
            put(b"},\"shard\":{\"index\":", out);
            push_number(u64::from(shard.index), out);
            put(b",\"count\":", out);
            push_number(u64::from(shard.count), out);
            put(b"}}", out);
        }
        None => put(b"},\"shard\":null}", out),
    }
}
