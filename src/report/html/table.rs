//! A row a check, the problems first. A row is written as its check comes, before it is known whether it has a place.

use super::page::{push, push_count, push_text};
use super::{Listed, WORST_FIRST};
use crate::report::Summary;
use crate::report::record::Record;
use crate::report::text::{push_number, short_time};

/// The most characters of a target or a name where it stands beside its bar.
pub(super) const TITLE_MAX: usize = 80;

/// The most characters of a target.
const TARGET_MAX: usize = 300;

/// Of a name, and of a label with its name.
const NAME_MAX: usize = 100;

/// The most labels of a target that its row shows.
const LABELS_MAX: usize = 8;

/// The most characters of a detail.
const DETAIL_MAX: usize = 300;

/// Appends the row of one check.
pub(super) fn push_row(record: &Record<'_>, out: &mut Vec<u8>) {
    let verdict = record.verdict();
    push(out, "<tr class=\"");
    push(out, verdict.as_str());
    push(out, "\"><td class=\"v\">");
    push(out, verdict.as_str());
    push(out, "</td><td class=\"n\">");
    if let Some(status) = record.status {
        push_number(u64::from(status), out);
    }
    push(out, "</td><td class=\"n\">");
    if let Some(total) = record.total() {
        push(out, &short_time(total));
    }
    push(out, "</td><th scope=\"row\">");
    if let Some(name) = &record.name {
        push(out, "<b>");
        push_text(name, NAME_MAX, out);
        push(out, "</b>");
    }
    push(out, "<code>");
    push_text(&record.target, TARGET_MAX, out);
    push(out, "</code>");
    push_labels(record, out);
    push(out, "</th><td class=\"why\">");
    push_why(record, out);
    push(out, "</td><td class=\"p\">");
    push_phases(record, out);
    push(out, "</td></tr>\n");
}

fn push_labels(record: &Record<'_>, out: &mut Vec<u8>) {
    if !record.labels.is_empty() {
        push(out, "<br>");
    }
    for (name, value) in record.labels.iter().take(LABELS_MAX) {
        push(out, "<span>");
        push_text(name, NAME_MAX, out);
        push(out, "=");
        push_text(value, NAME_MAX, out);
        push(out, "</span>");
    }
    if record.labels.len() > LABELS_MAX {
        push(out, "<span>…</span>");
    }
}

fn push_why(record: &Record<'_>, out: &mut Vec<u8>) {
    if let Some(detail) = &record.detail {
        push(out, "<b>");
        push(out, record.reason.as_str());
        push(out, "</b> ");
        push_text(detail, DETAIL_MAX, out);
    }
    if record.attempts > 1 {
        push(out, " (");
        push_number(u64::from(record.attempts), out);
        push(out, " attempts)");
    }
}

fn push_phases(record: &Record<'_>, out: &mut Vec<u8>) {
    let phases = &record.phases;
    let mut before = "<small>";
    for (name, phase) in phases.named() {
        let Some(phase) = phase else { continue };
        push(out, before);
        // A phase and its time stay together: no line ends within the tag.
        push(out, "<i>");
        push(out, name);
        push(out, " ");
        push(out, &short_time(phase));
        push(out, "</i>");
        before = ", ";
    }
    if before == ", " {
        push(out, "</small>");
    }
}

/// Appends the table with its heading.
pub(super) fn push_table(listed: &[Listed], summary: &Summary, out: &mut Vec<u8>) {
    push(out, "<h2>Checks</h2>\n");
    if summary.tally.total() == 0 {
        return push(out, "<p>There were none.</p>\n");
    }
    push(out, "<p>Problems first, then the slowest.</p>\n<table class=\"list\">\n<thead><tr>");
    for head in ["verdict", "status", "time", "target", "reason", "phases"] {
        push(
            out,
            if matches!(head, "status" | "time") { "<th scope=\"col\" class=\"n\">" } else { "<th scope=\"col\">" },
        );
        push(out, head);
        push(out, "</th>");
    }
    push(out, "</tr></thead>\n<tbody>\n");
    let mut shown = [0; WORST_FIRST.len()];
    for listed in listed {
        out.extend_from_slice(&listed.row);
        shown[listed.timed.verdict as usize] += 1;
    }
    let rest =
        WORST_FIRST.map(|verdict| (verdict, summary.tally.verdict(verdict).saturating_sub(shown[verdict as usize])));
    if rest.iter().any(|(_, count)| *count > 0) {
        push(out, "<tr><td class=\"rest\" colspan=\"6\">and without a row: ");
        let mut before = "";
        for (verdict, count) in rest.into_iter().filter(|(_, count)| *count > 0) {
            push(out, before);
            push_count(count, out);
            push(out, " ");
            push(out, verdict.as_str());
            before = ", ";
        }
        push(out, "</td></tr>\n");
    }
    push(out, "</tbody>\n</table>\n");
}
