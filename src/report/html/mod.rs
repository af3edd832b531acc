//! HTML: one page for a person who was not there. Counts, reasons, a histogram, the waterfall, and a table with the
//! problems first, in one file without script that asks for nothing.
//!
//! ```text
//!     page         the head with all of its style, texts, bars
//!     svg          pieces of pictures, axes
//!     histogram    how long the answers took
//!     waterfall    what went on at the same time
//!     table        a row a check
//! ```
//!
//! Of every check it keeps when it went on: 16 bytes. Rows it keeps as many as a reader can look at, the worst, written as
//! they come.

mod histogram;
pub mod page;
pub mod svg;
mod table;
mod waterfall;

use std::collections::BinaryHeap;
use std::time::Duration;

use super::record::Record;
use super::rows::WORST_FIRST;
use super::text::{fixed, push_date, short_time};
use super::{Sink, Summary};
use crate::check::outcome::{Phases, Verdict};
use page::{PageBar, joined, push, push_bar, push_count, push_text};

/// The most checks with a row and a bar of their own.
const LISTED_MAX: usize = 2000;

/// The most bytes of all rows: what a server says may be longer than it should.
const LISTED_BYTES_MAX: usize = 1 << 20;

/// The format: it keeps a short row of each check, and writes the page in the end.
#[derive(Debug, Default)]
pub struct Html {
    /// All checks, in the order in which they finished.
    timed: Vec<Timed>,
    /// The worst of them. On top is the one that would go next.
    listed: BinaryHeap<Listed>,
    /// What their texts take.
    listed_bytes: usize,
    /// The worst that had to go. What is not worse has no place either.
    cut: Option<TableOrder>,
}

/// When a check went on.
#[derive(Clone, Copy, Debug)]
struct Timed {
    /// In milliseconds since the Unix epoch.
    started: u64,
    /// In microseconds. An hour and more is an hour.
    total: u32,
    verdict: Verdict,
    kind: RowKind,
}

/// How far a check came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowKind {
    /// The check never began, so it has no bar.
    Unbegun,
    /// It began, and got no whole answer.
    Unanswered,
    /// It got a whole answer, good or not.
    Answered,
}

/// Where a check stands in the table: by its verdict, the longest first, then as they came.
type TableOrder = (u8, u32, u32);

/// A check with a row and a bar of its own.
#[derive(Debug)]
struct Listed {
    place: TableOrder,
    timed: Timed,
    phases: Phases,
    /// Its row of the table.
    row: Box<[u8]>,
    /// What it is called, as HTML.
    title: Box<[u8]>,
}

impl Listed {
    fn bytes(&self) -> usize {
        self.row.len() + self.title.len()
    }
}

impl Ord for Listed {
    fn cmp(&self, other: &Listed) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

impl PartialOrd for Listed {
    fn partial_cmp(&self, other: &Listed) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Listed {
    fn eq(&self, other: &Listed) -> bool {
        self.place == other.place
    }
}

impl Eq for Listed {}

impl Timed {
    fn of(record: &Record<'_>) -> Timed {
        let kind = match record.attempts {
            0 => RowKind::Unbegun,
            _ if record.reason.is_of_an_answer() => RowKind::Answered,
            _ => RowKind::Unanswered,
        };
        Timed {
            started: record.started.as_millis() as u64,
            total: micros(record.total().unwrap_or_default()),
            verdict: record.verdict(),
            kind,
        }
    }

    fn began(&self) -> bool {
        self.kind != RowKind::Unbegun
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

impl Sink for Html {
    fn record(&mut self, record: &Record<'_>, _out: &mut Vec<u8>) {
        let timed = Timed::of(record);
        let rank = WORST_FIRST.iter().position(|verdict| *verdict == timed.verdict).unwrap_or_default();
        let index = u32::try_from(self.timed.len()).unwrap_or(u32::MAX);
        let place = (rank as u8, u32::MAX - timed.total, index);
        self.timed.push(timed);
        if self.cut.is_some_and(|cut| cut < place) {
            return;
        }
        let (mut row, mut title) = (Vec::new(), Vec::new());
        table::push_row(record, &mut row);
        push_text(record.title(), table::TITLE_MAX, &mut title);
        let listed = Listed { place, timed, phases: record.phases, row: row.into(), title: title.into() };
        self.listed_bytes += listed.bytes();
        self.listed.push(listed);
        while self.listed.len() > LISTED_MAX || self.listed_bytes > LISTED_BYTES_MAX {
            let Some(last) = self.listed.pop() else { return };
            self.listed_bytes -= last.bytes();
            self.cut = Some(last.place);
        }
    }

    fn end(&mut self, summary: &Summary, out: &mut Vec<u8>) {
        let listed = std::mem::take(&mut self.listed).into_sorted_vec();
        let headline = headline(summary);
        page::push_head(&joined(&["upcheck: ", &headline]), out);
        push(out, "<header>\n<p class=\"kicker\">upcheck");
        if let Some(first) = self.timed.iter().map(|timed| timed.started).min() {
            push(out, " · ");
            push_date((first / 1000) as i64, out);
        }
        push(out, "</p>\n<h1>");
        push_text(&headline, usize::MAX, out);
        push(out, "</h1>\n");
        push_counts(summary, out);
        push(out, "</header>\n<main>\n");
        push_figures(summary, out);
        if summary.tally.reasons().is_empty() {
            push(out, "<section>\n");
            histogram::push_histogram(&self.timed, summary, out);
            push(out, "</section>\n");
        } else {
            push(out, "<div class=\"two\">\n<section>\n");
            push_reasons(summary, out);
            push(out, "</section>\n<section>\n");
            histogram::push_histogram(&self.timed, summary, out);
            push(out, "</section>\n</div>\n");
        }
        push(out, "<section>\n");
        waterfall::push_waterfall(&self.timed, &listed, summary, out);
        push(out, "</section>\n<section>\n");
        table::push_table(&listed, summary, out);
        push(out, "</section>\n</main>\n");
        page::push_foot(out);
    }
}

/// `All 100 are up`, or the counts.
fn headline(summary: &Summary) -> String {
    let tally = &summary.tally;
    let counts = Verdict::ALL.map(|verdict| (tally.verdict(verdict), verdict.as_str()));
    match tally.total() {
        0 => "Nothing was checked".to_owned(),
        1 => counts.into_iter().find(|(count, _)| *count > 0).map_or("", |(_, word)| word).to_owned(),
        total if total == counts[0].0 => joined(&["All ", &total.to_string(), " are up"]),
        total => {
            let parts = counts.into_iter().filter(|(count, _)| *count > 0);
            let parts: Vec<String> = parts.map(|(count, word)| joined(&[&count.to_string(), " ", word])).collect();
            joined(&[&parts.join(", "), " of ", &total.to_string()])
        }
    }
}

/// A card a verdict, and how they share the whole.
fn push_counts(summary: &Summary, out: &mut Vec<u8>) {
    let counts = Verdict::ALL.map(|verdict| (verdict.as_str(), summary.tally.verdict(verdict)));
    push(out, "<ul class=\"counts\">\n");
    for (word, count) in counts {
        push(out, if count == 0 { "<li class=\"none " } else { "<li class=\"" });
        push(out, word);
        push(out, "\"><strong>");
        push_count(count, out);
        push(out, "</strong><span class=\"v\">");
        push(out, word);
        push(out, "</span></li>\n");
    }
    push(out, "</ul>\n<div class=\"share\">");
    for (word, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        push(out, "<i class=\"");
        push(out, word);
        push(out, "\" style=\"flex:");
        push_decimal_share(count, summary.tally.total(), out);
        push(out, "\"></i>");
    }
    push(out, "</div>\n");
}

fn push_decimal_share(count: u64, total: u64, out: &mut Vec<u8>) {
    page::push_decimal(count as f64 * 100.0 / total.max(1) as f64, out);
}

fn push_reasons(summary: &Summary, out: &mut Vec<u8>) {
    let reasons = summary.tally.reasons();
    let most = reasons.first().map_or(1, |(_, count)| *count);
    push(out, "<h2>Reasons</h2>\n<p>Why a check was not simply up.</p>\n<table class=\"bars\">\n");
    for (reason, count) in reasons {
        let bar = PageBar {
            class: reason.verdict().as_str(),
            label: reason.as_str(),
            label_note: reason.explain(),
            share: count as f64 / most as f64,
            value: &count.to_string(),
            value_note: reason.verdict().as_str(),
        };
        push_bar(&bar, out);
    }
    push(out, "</table>\n");
}

/// What the run took.
fn push_figures(summary: &Summary, out: &mut Vec<u8>) {
    push(out, "<section>\n<h2>The run</h2>\n<dl class=\"figures\">\n");
    push_figure("wall", &run_time(summary.wall), out);
    push_figure("most in flight", &summary.most_in_flight.to_string(), out);
    push_figure("threads", "1", out);
    push_figure("CPU", &run_time(summary.cpu), out);
    push_figure("peak memory", &mebibytes(summary.peak_memory), out);
    push_figure("turns of the loop", &summary.turns.to_string(), out);
    push_figure("longest turn", &run_time(summary.longest_turn), out);
    push(out, "</dl>\n</section>\n");
}

#[inline(never)]
fn push_figure(name: &str, value: &str, out: &mut Vec<u8>) {
    push(out, "<div><dt>");
    push(out, name);
    push(out, "</dt><dd>");
    push(out, value);
    push(out, "</dd></div>\n");
}

/// A time of the run, of whole microseconds: what was read back from NDJSON is to look the same.
fn run_time(time: Duration) -> String {
    short_time(Duration::from_micros(time.as_micros() as u64))
}

/// `3.1 MiB`.
pub fn mebibytes(bytes: u64) -> String {
    fixed(bytes as f64 / 1_048_576.0, 1) + " MiB"
}

#[cfg(test)]
pub(crate) mod tests;
