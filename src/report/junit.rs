//! JUnit's XML, which Jenkins, GitLab and nearly every other CI shows: a test case a check. What is `down` is a failure, what
//! is `unknown` an error, and what is degraded has passed.
//!
//! It is valid by the two schemas that are in use: the one of Jenkins' xUnit plugin, and windyroad's for Ant
//! (<https://github.com/windyroad/JUnit-Schema>). The second wants a fixed order, and has no place in a test case that
//! passed: warnings and labels are lines of the suite's `<system-out>`.
//!
//! Counts stand in the opening tag, so it is all kept until the end: of each check its texts, and under 300 bytes more.

use std::time::Duration;

use super::ndjson::push_labels;
use super::record::Record;
use super::text::{DETAIL_MAX, push, push_date, push_micros, push_number, push_seconds, shown};
use super::{PIECE, Sink, Summary};
use crate::check::expect::clip;
use crate::check::outcome::Verdict;

/// The format: it keeps the text of each test case, since the counts stand before them.
#[derive(Debug, Default)]
pub struct Junit {
    /// The elements of the test cases so far.
    cases: Vec<u8>,
    /// The lines of `<system-out>`.
    notes: Vec<u8>,
    /// When the first check started, since the Unix epoch.
    started: Option<Duration>,
    /// How much of the cases has been written.
    written: usize,
}

impl Sink for Junit {
    fn record(&mut self, record: &Record<'_>, _out: &mut Vec<u8>) {
        self.started = Some(self.started.map_or(record.started, |first| first.min(record.started)));
        push_case(record, &mut self.cases);
        if record.name.is_some() || !record.labels.is_empty() || record.verdict() == Verdict::Degraded {
            push_note(record, &mut self.notes);
        }
    }

    fn end(&mut self, summary: &Summary, out: &mut Vec<u8>) {
        // A record does not say on which host it was made, and for that the schema has `localhost`.
        push(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n\
             <testsuite name=\"upcheck\" package=\"upcheck\" id=\"0\" hostname=\"localhost\" timestamp=\"",
        );
        push_date(self.started.unwrap_or_default().as_secs() as i64, out);
        // The schema forbids a zone. It is UTC.
        out.pop();
        for (name, count) in [
            ("\" tests=\"", summary.tally.total()),
            ("\" failures=\"", summary.tally.verdict(Verdict::Down)),
            ("\" errors=\"", summary.tally.verdict(Verdict::Unknown)),
            ("\" skipped=\"", 0),
        ] {
            push(out, name);
            push_number(count, out);
        }
        push(out, "\" time=\"");
        push_seconds(summary.wall, out);
        // Of a suite Jenkins takes no more than milliseconds.
        out.truncate(out.len() - 3);
        push(out, "\">\n<properties/>\n");
        push(&mut self.cases, "<system-out>");
        self.cases.append(&mut self.notes);
        push(&mut self.cases, "</system-out>\n<system-err/>\n</testsuite>\n</testsuites>\n");
    }

    fn more(&mut self, out: &mut Vec<u8>) -> bool {
        let left = &self.cases[self.written..];
        let piece = &left[..left.len().min(PIECE)];
        out.extend_from_slice(piece);
        self.written += piece.len();
        !piece.is_empty()
    }
}

fn push_case(record: &Record<'_>, out: &mut Vec<u8>) {
    push(out, "<testcase classname=\"");
    push_xml(&class_name(&record.target), out);
    push(out, "\" name=\"");
    push_xml(record.title(), out);
    push(out, "\" time=\"");
    push_micros(record.phases.total(), out);
    match record.verdict() {
        Verdict::Up | Verdict::Degraded => push(out, "\"/>\n"),
        Verdict::Down => push_trouble("failure", record, out),
        Verdict::Unknown => push_trouble("error", record, out),
    }
}

/// What a test case is grouped by: the scheme and the host of a target, as in `https.api_example_com:8443`.
///
/// Jenkins takes what stands before the last dot for a package and the rest for a class, so the scheme is the one and the
/// host, without dots of its own, the other. GitLab shows all of it as the suite, and takes two cases for one that have the
/// same class and name.
fn class_name(target: &str) -> String {
    let is_scheme = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (scheme, rest) = match (target.split_once("://"), target.strip_prefix("unix:")) {
        (Some((scheme, rest)), _) if is_scheme(scheme) => (scheme, rest),
        // unix:/PATH:/URL. The socket is the host.
        (_, Some(rest)) => return format!("unix.{}", rest.split(':').next().unwrap_or_default().replace('.', "_")),
        _ => ("http", target),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}.{}", host.replace('.', "_")).to_lowercase()
}

/// Appends the end of the tag, and what went wrong: as an attribute, which Jenkins shows first, and as a text, which is all
/// that GitLab shows.
fn push_trouble(element: &str, record: &Record<'_>, out: &mut Vec<u8>) {
    let detail = clip(&shown(record.detail.as_deref().unwrap_or(record.reason.explain())), DETAIL_MAX);
    push(out, "\"><");
    push(out, element);
    push(out, " type=\"");
    push(out, record.reason.as_str());
    push(out, "\" message=\"");
    push_xml(&detail, out);
    push(out, "\">");
    push_xml(&detail, out);
    // The first is the detail.
    for mismatch in record.failed.iter().skip(1) {
        push(out, "\nalso: ");
        push_xml(&mismatch.got, out);
        push(out, ", expected ");
        push_xml(&mismatch.expected, out);
    }
    if record.name.is_some() {
        push(out, "\ntarget: ");
        push_xml(&record.target, out);
    }
    if let Some(status) = record.status {
        push(out, "\nstatus: ");
        push_number(status.into(), out);
    }
    let phases = &record.phases;
    push(out, "\nseconds: queue ");
    push_micros(phases.queue, out);
    for (name, phase) in phases.named() {
        if let Some(phase) = phase {
            push(out, ", ");
            push(out, name);
            push(out, " ");
            push_seconds(phase, out);
        }
    }
    push(out, "</");
    push(out, element);
    push(out, "></testcase>\n");
}

/// Appends a line of what a test case has no place for: verdict and title, the target of a name, labels, a warning.
fn push_note(record: &Record<'_>, out: &mut Vec<u8>) {
    push(out, record.verdict().as_str());
    push(out, " ");
    push_xml(record.title(), out);
    if record.name.is_some() {
        push(out, " ");
        push_xml(&record.target, out);
    }
    if !record.labels.is_empty() {
        let mut labels = Vec::new();
        push_labels(&record.labels, &mut labels);
        push(out, " {");
        push_xml(&String::from_utf8_lossy(&labels), out);
        push(out, "}");
    }
    if record.verdict() == Verdict::Degraded {
        push(out, " ");
        push(out, record.reason.as_str());
        push(out, ": ");
        push_xml(&clip(&shown(record.detail.as_deref().unwrap_or(record.reason.explain())), DETAIL_MAX), out);
    }
    push(out, "\n");
}

/// Appends text of one line for an element or an attribute in double quotes. No character is left that XML forbids
/// (XML 1.0, 2.2).
fn push_xml(text: &str, out: &mut Vec<u8>) {
    for byte in shown(text).bytes() {
        match byte {
            b'<' => push(out, "&lt;"),
            b'>' => push(out, "&gt;"),
            b'&' => push(out, "&amp;"),
            b'"' => push(out, "&quot;"),
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::Reason;
    use crate::report::testing::{all_kinds, failed, hostile, with_text, written};

    #[test]
    fn all_kinds_of_cases() {
        // A line that ends in `~` goes on in the next.
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
<testsuite name="upcheck" package="upcheck" id="0" hostname="localhost"~
 timestamp="2026-11-22T16:40:00" tests="6" failures="2" errors="1" skipped="0" time="0.214">
<properties/>
<testcase classname="http.127_0_0_1:8000" name="http://127.0.0.1:8000/health" time="0.203000"/>
<testcase classname="https.api_example_com" name="api" time="0.191000"/>
<testcase classname="http.slow" name="http://slow/" time="0.320000"/>
<testcase classname="http.sick" name="http://sick/" time="0.203000">~
<failure type="status" message="status was 503, expected status in 200-399 (and 1 more)">~
status was 503, expected status in 200-399 (and 1 more)
also: no x, expected header.x exists
status: 503
seconds: queue 0.000000, connect 0.001000, wait 0.200000, body 0.002000</failure></testcase>
<testcase classname="tcp.127_0_0_1:1" name="tcp://127.0.0.1:1" time="0.000734">~
<failure type="connect_refused" message="127.0.0.1:1 refused the connection">127.0.0.1:1 refused the connection
seconds: queue 0.000000, connect 0.000734</failure></testcase>
<testcase classname="http.late" name="http://late/" time="0.000000">~
<error type="deadline" message="the run's time was over (--deadline)">the run's time was over (--deadline)
seconds: queue 2.000000</error></testcase>
<system-out>up api https://api.example.com/health {&quot;team&quot;:&quot;pay&quot;,&quot;app.kubernetes.io/name&quot;:&quot;x y&quot;}
degraded http://slow/ warn: total was 320 ms, expected total &lt; 300ms
</system-out>
<system-err/>
</testsuite>
</testsuites>
"#;
        assert_eq!(written(&mut Junit::default(), &all_kinds()), expected.replace("~\n", ""));
        let none = written(&mut Junit::default(), &[]);
        assert!(
            none.contains(r#"timestamp="1970-01-01T00:00:00" tests="0" failures="0" errors="0" skipped="0""#),
            "{none}"
        );
        assert!(none.contains("<properties/>\n<system-out></system-out>\n<system-err/>\n"), "{none}");
    }

    #[test]
    fn no_text_becomes_markup_or_a_character_that_xml_forbids() {
        // The tags alone, less what stands between the quotes of an attribute.
        let tags = |text: &str| -> Vec<String> {
            let xml = written(&mut Junit::default(), &with_text(text));
            let is_forbidden = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{fffe}' | '\u{ffff}');
            assert!(!xml.contains(is_forbidden), "{xml}");
            let pieces = xml.split('<').skip(1).map(|piece| {
                let (tag, text) = piece.split_once('>').expect("a tag ends");
                assert!(!text.contains(['>', '"']), "{piece}");
                for entity in piece.split('&').skip(1) {
                    assert!(["lt;", "gt;", "amp;", "quot;"].iter().any(|known| entity.starts_with(known)), "{piece}");
                }
                tag.split('"').step_by(2).collect()
            });
            pieces.collect()
        };
        let plain = tags("plain");
        for text in hostile() {
            assert_eq!(tags(&text), plain, "{text:?}");
        }
    }

    #[test]
    fn a_detail_is_cut() {
        let long = "x".repeat(2 * DETAIL_MAX);
        let xml = written(&mut Junit::default(), &[failed("http://h/", Reason::Body, &long)]);
        assert_eq!(
            xml.matches('x').count(),
            2 * (DETAIL_MAX - 3) + "<?xml".matches('x').count() + "</testcase>".matches('x').count(),
            "{xml}"
        );
    }

    #[test]
    fn cases_are_grouped_by_scheme_and_host() {
        let cases = [
            ("http://h/", "http.h"),
            ("https://user:***@api.example.com:8443/a.b?c#d", "https.api_example_com:8443"),
            ("HTTPS://API.example.com?x@y", "https.api_example_com"),
            ("10.0.0.7:8080/healthz", "http.10_0_0_7:8080"),
            ("h/?next=http://other.example/", "http.h"),
            ("tcp://[::1]:6379", "tcp.[::1]:6379"),
            ("tls://mail.example:993", "tls.mail_example:993"),
            ("unix:/run/App.sock:/health", "unix./run/App_sock"),
            ("unix:/run/app.sock:http://h/", "unix./run/app_sock"),
            ("", "http."),
        ];
        for (target, class) in cases {
            assert_eq!(class_name(target), class, "{target}");
        }
    }
}
