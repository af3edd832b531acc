//! TAP version 13 (<https://testanything.org>), which every harness reads: a test a check, and a YAML block of what is not
//! simply up. `prove -e cat report.tap` reads it.
//!
//! ```text
//!     TAP version 13
//!     ok 1 - http://127.0.0.1:8000/health
//!     not ok 2 - api
//!       ---
//!       verdict: down
//!       reason: connect_refused
//!       ...
//!     1..2
//! ```
//!
//! The plan stands at the end, as results come before their number is known. The YAML keeps to what the readers of Perl's
//! Test::Harness know: blocks, no flow; `~` for null; strings of one line in double quotes, none of them longer than 64 KiB.

use super::record::Record;
use super::text::{DETAIL_MAX, push, push_json, push_number, push_seconds, shown};
use super::{Sink, Summary};
use crate::check::expect::clip;
use crate::check::outcome::Verdict;

/// The format: the number of the line that comes next is all that it keeps.
#[derive(Debug, Default)]
pub struct Tap {
    /// The number of the last test.
    count: u64,
}

impl Sink for Tap {
    fn begin(&mut self, out: &mut Vec<u8>) {
        push(out, "TAP version 13\n");
    }

    fn record(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.count += 1;
        push(out, if record.verdict().is_healthy() { "ok " } else { "not ok " });
        push_number(self.count, out);
        push(out, " - ");
        push_title(record.title(), out);
        out.push(b'\n');
        if record.verdict() != Verdict::Up {
            push_block(record, out);
        }
    }

    fn end(&mut self, _summary: &Summary, out: &mut Vec<u8>) {
        push(out, "1..");
        push_number(self.count, out);
        out.push(b'\n');
    }
}

/// Appends a title of one line. A bare `#` would begin a directive: `# TODO` makes a failure none.
fn push_title(title: &str, out: &mut Vec<u8>) {
    for byte in shown(title).bytes() {
        if matches!(byte, b'#' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

fn push_block(record: &Record<'_>, out: &mut Vec<u8>) {
    push(out, "  ---\n  verdict: ");
    push(out, record.verdict().as_str());
    push(out, "\n  reason: ");
    push(out, record.reason.as_str());
    push(out, "\n  detail: ");
    match &record.detail {
        Some(detail) => push_string(detail, out),
        None => out.push(b'~'),
    }
    push(out, "\n  target: ");
    // Whole, since people join by it. It has at most 8 KiB.
    push_json(&shown(&record.target), out);
    push(out, "\n  labels:");
    if record.labels.is_empty() {
        push(out, " {}");
    }
    for (name, value) in record.labels.iter() {
        push(out, "\n    ");
        push_string(name, out);
        push(out, ": ");
        push_string(value, out);
    }
    push(out, "\n  status: ");
    match record.status {
        Some(status) => push_number(status.into(), out),
        None => out.push(b'~'),
    }
    let phases = &record.phases;
    let (queue, total) = (("queue", Some(phases.queue.time())), ("total", Some(phases.total().time())));
    for (key, phase) in [queue].into_iter().chain(phases.named()).chain([total]) {
        let Some(phase) = phase else { continue };
        push(out, "\n  ");
        push(out, key);
        push(out, ": ");
        push_seconds(phase, out);
    }
    push(out, "\n  failed:");
    if record.failed.is_empty() {
        push(out, " []");
    }
    for mismatch in record.failed.iter() {
        push(out, "\n    - expected: ");
        push_string(&mismatch.expected, out);
        push(out, "\n      got: ");
        push_string(&mismatch.got, out);
    }
    push(out, "\n  ...\n");
}

/// Appends a YAML string, cut at [`DETAIL_MAX`]. Of shown text nothing but `"` and `\` is left to escape, which is all that
/// YAML, JSON and Perl's YAMLish escape alike.
fn push_string(text: &str, out: &mut Vec<u8>) {
    push_json(&clip(&shown(text), DETAIL_MAX), out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::Reason;
    use crate::report::testing::{all_kinds, failed, hostile, up, with_text, written};

    #[test]
    fn all_kinds_of_tests() {
        let expected = r#"TAP version 13
ok 1 - http://127.0.0.1:8000/health
ok 2 - api
ok 3 - http://slow/
  ---
  verdict: degraded
  reason: warn
  detail: "total was 320 ms, expected total < 300ms"
  target: "http://slow/"
  labels: {}
  status: ~
  queue: 0.000000
  wait: 0.320000
  total: 0.320000
  failed:
    - expected: "total < 300ms"
      got: "total was 320 ms"
  ...
not ok 4 - http://sick/
  ---
  verdict: down
  reason: status
  detail: "status was 503, expected status in 200-399 (and 1 more)"
  target: "http://sick/"
  labels: {}
  status: 503
  queue: 0.000000
  connect: 0.001000
  wait: 0.200000
  body: 0.002000
  total: 0.203000
  failed:
    - expected: "status in 200-399"
      got: "status was 503"
    - expected: "header.x exists"
      got: "no x"
  ...
not ok 5 - tcp://127.0.0.1:1
  ---
  verdict: down
  reason: connect_refused
  detail: "127.0.0.1:1 refused the connection"
  target: "tcp://127.0.0.1:1"
  labels: {}
  status: ~
  queue: 0.000000
  connect: 0.000734
  total: 0.000734
  failed: []
  ...
not ok 6 - http://late/
  ---
  verdict: unknown
  reason: deadline
  detail: "the run's time was over (--deadline)"
  target: "http://late/"
  labels: {}
  status: ~
  queue: 2.000000
  total: 0.000000
  failed: []
  ...
1..6
"#;
        assert_eq!(written(&mut Tap::default(), &all_kinds()), expected);
        assert_eq!(written(&mut Tap::default(), &[]), "TAP version 13\n1..0\n");
        let api = all_kinds().swap_remove(1);
        let block = written(&mut Tap::default(), &[Record { reason: Reason::Retried, ..api }]);
        let named = "  detail: ~\n  target: \"https://api.example.com/health\"\n  labels:\n    \"team\": \"pay\"\n    \
                     \"app.kubernetes.io/name\": \"x y\"\n";
        assert!(block.starts_with("TAP version 13\nok 1 - api\n") && block.contains(named), "{block}");
    }

    #[test]
    fn no_text_leaves_its_line_or_becomes_a_directive() {
        let shape = |text: &str| -> Vec<String> {
            let tap = written(&mut Tap::default(), &with_text(text));
            for line in tap.lines().filter(|line| line.contains(" - ") && !line.starts_with(' ')) {
                let escaped = line.replace(r"\\", "").replace(r"\#", "");
                assert!(!escaped.contains(['#', '\\']), "{line}");
            }
            // Each line's own beginning, and how often it has quotes that are not escaped.
            let beginning = |line: &str| line.split_inclusive([':', '-']).next().unwrap_or_default().to_owned();
            let quotes = |line: &str| line.replace(r"\\", "").replace("\\\"", "").matches('"').count();
            let lines = tap.lines().map(|line| match line.starts_with(' ') {
                true => format!("{} {}", beginning(line), quotes(line)),
                false => beginning(line),
            });
            lines.collect()
        };
        let plain = shape("plain");
        assert_eq!(plain.len(), 1 + 2 * 18 + 1);
        for text in hostile() {
            assert_eq!(shape(&text), plain, "{text:?}");
        }
    }

    #[test]
    fn a_title_is_escaped_and_a_detail_is_cut() {
        let record = failed(r"http://h/\#TODO", Reason::Body, "");
        assert!(written(&mut Tap::default(), &[record]).contains("\nnot ok 1 - http://h/\\\\\\#TODO\n"));
        let named = Record { name: Some("\u{1b}# SKIP".into()), ..up("http://h/") };
        assert!(written(&mut Tap::default(), &[named]).contains("\nok 1 - \\\\u{1b}\\# SKIP\n"));
        let long = "\u{e4}".repeat(DETAIL_MAX + 1);
        let tap = written(&mut Tap::default(), &[failed("http://h/", Reason::Body, &long)]);
        assert!(tap.contains(&format!("  detail: \"{}...\"\n", "\u{e4}".repeat(DETAIL_MAX - 3))));
    }
}
