//! Markdown, for a job summary (`GITHUB_STEP_SUMMARY`) or a pull request: the counts, a table with what is not up first,
//! and the times.
//!
//! ```text
//!     ## upcheck: 1 of 2 up, 1 down
//!
//!     | verdict | status | time | target | reason |
//!     | --- | ---: | ---: | --- | --- |
//!     | down | 503 | 203 ms | `http://sick/` | status: `status was 503, expected status in 200-399` |
//! ```
//!
//! Every text from outside is code. There neither CommonMark nor what GitHub adds to it sees a link, a mention, an
//! issue's number, an emoji or a formula, which no escape prevents elsewhere: those are looked for when escapes are gone.

use super::human::times_in_words;
use super::record::Record;
use super::rows::{Rows, TEXT_MAX, WORST_FIRST, counts};
use super::text::{push_format as push, push_shown, put, short_time};
use super::{Sink, Summary};
use crate::check::expect::clip;

/// The format: it keeps the worst rows, as many as the table shows.
#[derive(Debug, Default)]
pub struct Markdown {
    rows: Rows,
}

impl Sink for Markdown {
    fn record(&mut self, record: &Record<'_>, _: &mut Vec<u8>) {
        let verdict = record.verdict();
        let Some(row) = self.rows.next(verdict) else { return };
        let status = record.status.map_or("-".to_owned(), |status| status.to_string());
        let time = record.total().map_or("-".to_owned(), short_time);
        push(row, format_args!("| {} | {status} | {time} | ", verdict.as_str()));
        if let Some(name) = &record.name {
            push_code(name, row);
            row.push(b' ');
        }
        push_code(&record.target, row);
        push(row, format_args!(" | {}", record.reason.as_str()));
        if let Some(detail) = &record.detail {
            put(b": ", row);
            push_code(detail, row);
        }
        put(b" |\n", row);
    }

    fn end(&mut self, summary: &Summary, out: &mut Vec<u8>) {
        let tally = &summary.tally;
        push(out, format_args!("## upcheck: {}\n\n", counts(tally)));
        if tally.total() > 0 {
            put(b"| verdict | status | time | target | reason |\n| --- | ---: | ---: | --- | --- |\n", out);
        }
        let rest = self.rows.push(&WORST_FIRST, tally, out);
        if !rest.is_empty() {
            push(out, format_args!("\nNot shown: {rest}.\n"));
        }
        if tally.total() > 0 {
            out.push(b'\n');
        }
        if let Some(times) = times_in_words(tally) {
            push(out, format_args!("Answers: {times}. "));
        }
        push(out, format_args!("Wall: {}.\n", short_time(summary.wall)));
    }
}

/// Appends a text as code. What would end it, or the table's cell, stands between two pieces of code as a character
/// reference, which every reader of Markdown takes for the character alone; on what a backslash means there they differ.
fn push_code(text: &str, out: &mut Vec<u8>) {
    let mut shown = Vec::new();
    push_shown(&clip(text, TEXT_MAX), &mut shown);
    let mut in_code = false;
    for byte in shown {
        let ends_code = matches!(byte, b'`' | b'|');
        if ends_code == in_code {
            out.push(b'`');
            in_code = !in_code;
        }
        match byte {
            b'`' => put(b"&#96;", out),
            b'|' => put(b"&#124;", out),
            byte => out.push(byte),
        }
    }
    if in_code {
        out.push(b'`');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::Reason;
    use crate::report::testing::{all_kinds, failed, hostile, up, with_text, written};

    #[test]
    fn a_table_with_what_is_not_up_first() {
        let expected = [
            "## upcheck: 2 of 6 up, 1 degraded, 2 down, 1 unknown",
            "",
            "| verdict | status | time | target | reason |",
            "| --- | ---: | ---: | --- | --- |",
            "| down | 503 | 203 ms | `http://sick/` | status: `status was 503, expected status in 200-399 (and 1 more)` |",
            "| down | - | 734 us | `tcp://127.0.0.1:1` | connect_refused: `127.0.0.1:1 refused the connection` |",
            "| unknown | - | - | `http://late/` | deadline: `the run's time was over (--deadline)` |",
            "| degraded | - | 320 ms | `http://slow/` | warn: `total was 320 ms, expected total < 300ms` |",
            "| up | 200 | 203 ms | `http://127.0.0.1:8000/health` | ok |",
            "| up | 200 | 191 ms | `api` `https://api.example.com/health` | ok |",
            "",
            "Answers: p50 204 ms, p90 320 ms, p99 320 ms, max 320 ms. Wall: 214 ms.",
            "",
        ];
        assert_eq!(written(&mut Markdown::default(), &all_kinds()), expected.join("\n"));
        assert_eq!(written(&mut Markdown::default(), &[]), "## upcheck: nothing was checked\n\nWall: 214 ms.\n");
    }

    #[test]
    fn of_very_many_a_hundred_are_shown_and_the_rest_counted() {
        let mut many = vec![up("http://a/"); 300];
        many.push(failed("http://gone/", Reason::Closed, "closed"));
        let written = written(&mut Markdown::default(), &many);
        assert_eq!(written.lines().filter(|line| line.starts_with("| up |")).count(), 99);
        assert!(
            written.contains("\n| --- | ---: | ---: | --- | --- |\n| down | - | 203 ms | `http://gone/`"),
            "{written}"
        );
        assert!(written.contains("|\n\nNot shown: 201 up.\n\nAnswers: "), "{written}");
    }

    #[test]
    fn a_text_is_code_whatever_it_holds() {
        let code = |text: &str| {
            let mut out = Vec::new();
            push_code(text, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(code("<b>*a* @b #1 $x$ [c](d)"), "`<b>*a* @b #1 $x$ [c](d)`");
        assert_eq!(code("a|b``c\\"), "`a`&#124;`b`&#96;&#96;`c\\`");
        assert_eq!(code("|a\n`"), "&#124;`a\\u{a}`&#96;");
        assert_eq!(code(""), "");
        assert_eq!(code(&"x".repeat(1000)).len(), TEXT_MAX + 2);
    }

    /// What stands outside of code, as a reader of CommonMark sees it.
    fn outside_code(line: &str) -> String {
        let pieces: Vec<&str> = line.split('`').collect();
        assert_eq!(pieces.len() % 2, 1, "all code ends: {line}");
        pieces.into_iter().step_by(2).collect()
    }

    #[test]
    fn no_text_leaves_its_cell() {
        for text in hostile() {
            let written = written(&mut Markdown::default(), &with_text(&text));
            let lines: Vec<&str> = written.split_terminator('\n').collect();
            assert_eq!(lines.len(), 8, "{written:?}");
            for row in &lines[4..6] {
                assert_eq!(row.matches('|').count(), 6, "{row}");
                let outside = outside_code(row).replace("&#124;", "").replace("&#96;", "");
                assert!(outside.starts_with("| down | - | 203 ms | ") && outside.ends_with("| body:  |"), "{row}");
                assert!(row.len() < 8 * 3 * TEXT_MAX, "{row}");
            }
        }
    }
}
