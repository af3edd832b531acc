//! One bar a check on one axis of time, so that it is seen how they overlap.
//!
//! ```text
//!     http://127.0.0.1:40001/health  |-=========================#  |   203 ms
//!   x http://127.0.0.1:1/            |- connect_refused            |   1.2 ms
//!                                    0                       214 ms
//! ```
//!
//! Of more than sixty it shows what failed, what was slowest, and how many of the rest were under way at each time.

use std::time::Duration;

use super::human::{COLUMNS, Human};
use super::record::Record;
use super::text::{push_folded, put, short_time, shown, without_middle};
use super::{Look, Sink, Summary};
use crate::check::expect::clip;
use crate::check::outcome::{Reason, Verdict};

/// So many are shown one by one.
const ALL_MAX: usize = 60;

/// Of more, so many of those that failed, and so many of the slowest.
const FAILED_MAX: usize = 20;
const SLOWEST_MAX: usize = 10;

/// The narrowest that makes sense.
const COLUMNS_MIN: usize = 32;

/// Beside the bar stand a mark, a title, two edges, and a time.
const TIME_COLUMNS: usize = 9;

/// The phases in their order, each with the letter that it is drawn with, and its colour (SGR).
const PHASES: [(&str, u8, &str); 5] =
    [("dns", b':', "35"), ("connect", b'-', "34"), ("tls", b'%', "36"), ("wait", b'=', "32"), ("body", b'#', "33")];

/// How many at once, from none to the most.
const DENSITY: &[u8] = b" .:-=+*%@#";

/// The format: it keeps a bar of each check, and draws them all on one axis in the end.
#[derive(Debug)]
pub struct Waterfall {
    look: Look,
    /// Those that are shown one by one as long as they are few.
    first: Vec<WaterfallBar>,
    failed: Vec<WaterfallBar>,
    /// The slowest first.
    slowest: Vec<WaterfallBar>,
    /// When each began and how long it took.
    spans: Vec<Span>,
}

/// A check that is shown by itself.
#[derive(Clone, Debug)]
struct WaterfallBar {
    title: Box<str>,
    reason: Reason,
    span: Option<Span>,
    /// In the order of [`PHASES`].
    phases: [Duration; PHASES.len()],
}

/// From when, since the Unix epoch, and for how long.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: Duration,
    micros: u32,
}

impl Span {
    fn end(self) -> Duration {
        self.start + Duration::from_micros(u64::from(self.micros))
    }
}

impl WaterfallBar {
    fn of(record: &Record<'_>, span: Option<Span>) -> WaterfallBar {
        // More than a line of a terminal is of no use.
        let title = clip(record.title(), 256).into();
        WaterfallBar {
            title,
            reason: record.reason,
            span,
            phases: record.phases.named().map(|(_, phase)| phase.unwrap_or_default()),
        }
    }

    fn micros(&self) -> u32 {
        self.span.map_or(0, |span| span.micros)
    }
}

impl Waterfall {
    /// Quiet, it shows only what is not up.
    pub fn new(look: Look) -> Waterfall {
        Waterfall { look, first: Vec::new(), failed: Vec::new(), slowest: Vec::new(), spans: Vec::new() }
    }
}

impl Sink for Waterfall {
    fn record(&mut self, record: &Record<'_>, _: &mut Vec<u8>) {
        // `started` is told to the millisecond, and no more is used of it.
        let start = Duration::from_millis(u64::try_from(record.started.as_millis()).unwrap_or(u64::MAX));
        let span =
            record.total().map(|total| Span { start, micros: u32::try_from(total.as_micros()).unwrap_or(u32::MAX) });
        self.spans.extend(span);
        let is_bad = record.verdict() != Verdict::Up;
        if self.first.len() <= ALL_MAX {
            self.first.push(WaterfallBar::of(record, span));
        }
        if is_bad && self.failed.len() <= FAILED_MAX {
            self.failed.push(WaterfallBar::of(record, span));
        }
        let micros = span.map_or(0, |span| span.micros);
        if !is_bad
            && (self.slowest.len() < SLOWEST_MAX || self.slowest.last().is_some_and(|last| last.micros() < micros))
        {
            let at = self.slowest.partition_point(|bar| bar.micros() >= micros);
            self.slowest.insert(at, WaterfallBar::of(record, span));
            self.slowest.truncate(SLOWEST_MAX);
        }
    }

    fn end(&mut self, summary: &Summary, out: &mut Vec<u8>) {
        if self.look.quiet && self.failed.is_empty() {
            return;
        }
        let shows_all = self.first.len() <= ALL_MAX && !self.look.quiet;
        let (bars, slowest) = match (shows_all, self.look.quiet) {
            (true, _) => (&self.first[..], &[][..]),
            (false, true) => (&self.failed[..], &[][..]),
            (false, false) => (&self.failed[..self.failed.len().min(FAILED_MAX)], &self.slowest[..]),
        };
        let canvas = Canvas::new(&self.look, bars.iter().chain(slowest), &self.spans);
        canvas.push_legend(out);
        bars.iter().for_each(|bar| canvas.push_bar(bar, out));
        let failed = summary.tally.total() - summary.tally.verdict(Verdict::Up);
        if !shows_all && failed > bars.len() as u64 {
            put(format!("  and {} more that are not up\n", failed - bars.len() as u64).as_bytes(), out);
        }
        if !slowest.is_empty() {
            put(format!("  the slowest {}:\n", slowest.len()).as_bytes(), out);
            slowest.iter().for_each(|bar| canvas.push_bar(bar, out));
        }
        if !shows_all && !self.look.quiet {
            canvas.push_density(&self.spans, out);
        }
        canvas.push_axis(out);
        Human::new(self.look).push_summary(summary, out);
    }
}

/// Where what is drawn.
struct Canvas {
    color: bool,
    columns: usize,
    title: usize,
    width: usize,
    from: Duration,
    /// What all of the width stands for. Never zero.
    micros: u128,
}

impl Canvas {
    fn new<'b>(look: &Look, bars: impl Iterator<Item = &'b WaterfallBar>, spans: &[Span]) -> Canvas {
        // A line that fills the last column makes some terminals begin another.
        let columns = look.columns.unwrap_or(COLUMNS).max(COLUMNS_MIN) - 1;
        let longest = bars.map(|bar| bar.title.chars().count()).max().unwrap_or(0);
        let title = longest.clamp(8, columns * 2 / 5);
        let from = spans.iter().map(|span| span.start).min().unwrap_or_default();
        let to = spans.iter().map(|span| span.end()).max().unwrap_or_default();
        let micros = (to - from).as_micros().max(1);
        Canvas { color: look.color, columns, title, width: columns - title - TIME_COLUMNS - 5, from, micros }
    }

    /// The column of a time.
    fn column(&self, at: Duration) -> usize {
        // No more than the width, which is a number of columns.
        (at.saturating_sub(self.from).as_micros() * self.width as u128 / self.micros).min(self.width as u128) as usize
    }

    fn push_title(&self, mark: char, title: &str, out: &mut Vec<u8>) {
        let shown = shown(title);
        let shown = without_middle(&shown, self.title);
        put(format!("{mark} {shown:width$} |", width = self.title).as_bytes(), out);
    }

    fn push_bar(&self, bar: &WaterfallBar, out: &mut Vec<u8>) {
        let verdict = bar.reason.verdict();
        let mark = match verdict {
            Verdict::Up => ' ',
            Verdict::Degraded => '~',
            Verdict::Down => 'x',
            Verdict::Unknown => '?',
        };
        self.push_title(mark, &bar.title, out);
        let mut cells = vec![b' '; self.width];
        let mut filled = 0..0;
        if let Some(span) = bar.span {
            // Every check has a cell, however short it was.
            let start = self.column(span.start).min(self.width - 1);
            let mut at = span.start;
            for ((_, letter, _), phase) in PHASES.iter().zip(bar.phases) {
                let (from, to) = (self.column(at), self.column(at + phase));
                cells[from.min(self.width)..to].fill(*letter);
                at += phase;
            }
            let end = self.column(at).max(start + 1);
            if cells[start] == b' ' {
                let longest = PHASES.iter().zip(bar.phases).max_by_key(|(_, phase)| *phase);
                cells[start] = longest.map_or(b'-', |((_, letter, _), _)| *letter);
            }
            filled = start..end;
        }
        if verdict != Verdict::Up {
            write_over(&mut cells, filled, bar.reason.as_str());
        }
        self.push_cells(&cells, out);
        let time = bar.span.map_or("-".to_owned(), |span| short_time(span.end() - span.start));
        put(format!("|{time:>TIME_COLUMNS$}\n").as_bytes(), out);
    }

    /// How many of all were under way in each column.
    fn push_density(&self, spans: &[Span], out: &mut Vec<u8>) {
        let mut changes = vec![0i64; self.width + 1];
        for span in spans {
            let start = self.column(span.start).min(self.width - 1);
            changes[start] += 1;
            changes[self.column(span.end()).max(start + 1)] -= 1;
        }
        let counts: Vec<i64> = changes[..self.width]
            .iter()
            .scan(0, |count, change| {
                *count += change;
                Some(*count)
            })
            .collect();
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let steps = DENSITY.len() as i64 - 1;
        // One at all is seen.
        let cells: Vec<u8> = counts.iter().map(|count| DENSITY[((count * steps + most - 1) / most) as usize]).collect();
        self.push_title(' ', &format!("all {}", spans.len()), out);
        put(&cells, out);
        put(format!("|{:>TIME_COLUMNS$}\n", format!("{most} max")).as_bytes(), out);
    }

    fn push_cells(&self, cells: &[u8], out: &mut Vec<u8>) {
        for piece in cells.chunk_by(|a, b| a == b) {
            let color = PHASES.iter().find(|(_, letter, _)| *letter == piece[0] && self.color);
            match color {
                Some((_, _, color)) => {
                    put(format!("\x1b[{color}m").as_bytes(), out);
                    put(piece, out);
                    put(b"\x1b[0m", out);
                }
                None => put(piece, out),
            }
        }
    }

    fn push_legend(&self, out: &mut Vec<u8>) {
        let mut legend = b" ".to_vec();
        for (name, letter, _) in PHASES {
            put(b" ", &mut legend);
            self.push_cells(&[letter], &mut legend);
            put(format!(" {name} ").as_bytes(), &mut legend);
        }
        push_folded(String::from_utf8_lossy(&legend).trim_end(), self.columns, 2, out);
        out.push(b'\n');
    }

    fn push_axis(&self, out: &mut Vec<u8>) {
        let end = short_time(Duration::from_micros(u64::try_from(self.micros).unwrap_or(u64::MAX)));
        let room = self.width.saturating_sub(1);
        put(format!("{:title$}0{end:>room$}\n", "", title = self.title + 4).as_bytes(), out);
    }
}

/// Writes a word where the bar leaves room for it, else over its middle.
fn write_over(cells: &mut [u8], bar: std::ops::Range<usize>, word: &str) {
    let word: String = if cells.len() < word.len() + 2 { String::new() } else { format!(" {word} ") };
    let at = match () {
        () if bar.end + word.len() <= cells.len() => bar.end,
        () if word.len() <= bar.start => bar.start - word.len(),
        () => (cells.len() - word.len()) / 2,
    };
    cells[at..at + word.len()].copy_from_slice(word.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::{Micros, Phases};
    use crate::report::testing::{STARTED, all_kinds, failed, hostile, up, with_text, written};

    fn look(columns: usize) -> Look {
        Look { columns: Some(columns), ..Look::default() }
    }

    fn picture(look: Look, records: &[Record<'_>]) -> String {
        let text = written(&mut Waterfall::new(look), records);
        let (picture, _) = text.split_once("\n\n").expect("a summary below");
        picture.to_owned()
    }

    fn later(record: Record<'_>, ms: u64) -> Record<'_> {
        Record { started: STARTED + Duration::from_millis(ms), ..record }
    }

    #[test]
    fn bars_stand_on_one_axis() {
        let ms = |ms| Some(Micros::of(Duration::from_millis(ms)));
        let whole =
            Phases { dns: ms(40), connect: ms(40), tls: ms(40), wait: ms(40), body: ms(40), ..Phases::default() };
        let records = [
            Record { phases: whole, ..up("http://whole/") },
            later(Record { phases: Phases { wait: ms(100), ..Phases::default() }, ..up("http://late/") }, 100),
            later(failed("http://no/", Reason::Status, "no"), 0),
            Record { attempts: 0, ..failed("http://never/", Reason::Deadline, "never") },
        ];
        let expected = "  \
: dns  - connect  % tls  = wait  # body
  http://whole/ |::::::------%%%%%%=======###### |   200 ms
  http://late/  |               ================ |   100 ms
x http://no/    |============ status ===========#|   203 ms
? http://never/ | deadline                       |        -
                 0                         203 ms";
        assert_eq!(picture(look(60), &records), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut records = all_kinds();
        let texts = hostile();
        records.extend(texts.iter().flat_map(|text| with_text(text)));
        for columns in [44, 60, 80, 200] {
            for line in picture(look(columns), &records).lines() {
                assert!(line.chars().count() < columns, "{columns}: {line}");
            }
        }
        assert!(picture(look(1), &records).lines().all(|line| line.chars().count() < COLUMNS_MIN));
    }

    #[test]
    fn many_are_grouped() {
        let targets: Vec<String> = (0..100).map(|number| format!("http://h{number}/")).collect();
        let mut records: Vec<Record> = targets
            .iter()
            .zip(0..)
            .map(|(target, number)| {
                let phases =
                    Phases { wait: Some(Micros::of(Duration::from_millis(100 + number))), ..Phases::default() };
                later(Record { phases, ..up(target) }, number)
            })
            .collect();
        records.extend((0..25).map(|_| failed("http://bad/", Reason::Reset, "reset")));
        let picture = picture(look(80), &records);
        assert_eq!(picture.matches("http://bad/").count(), 20);
        assert!(picture.contains("  and 5 more that are not up\n  the slowest 10:\n  http://h99/"), "{picture}");
        let density = picture.lines().find(|line| line.contains("all 125")).expect("a row for all");
        assert!(density.ends_with("125 max") && density.contains('#'), "{density}");
        assert_eq!(picture.lines().count(), 1 + 20 + 1 + 1 + 10 + 1 + 1);
    }

    #[test]
    fn quiet_is_nothing_where_all_is_well() {
        let quiet = Look { quiet: true, ..look(80) };
        assert_eq!(written(&mut Waterfall::new(quiet), &[up("http://h/")]), "");
        let text =
            written(&mut Waterfall::new(quiet), &[up("http://h/"), failed("http://no/", Reason::Reset, "reset")]);
        assert!(text.contains("x http://no/") && !text.contains("http://h/"), "{text}");
    }

    #[test]
    fn colour_changes_nothing_else() {
        let color = Look { color: true, ..look(80) };
        let mut plain = written(&mut Waterfall::new(color), &all_kinds());
        for code in ["31", "32", "33", "34", "35", "36", "0"] {
            plain = plain.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(plain, written(&mut Waterfall::new(look(80)), &all_kinds()));
    }
}
