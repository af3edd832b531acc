//! The page as a whole: what is in it, in which order, how large it becomes.

use super::*;
use crate::check::outcome::{Micros, Reason};
use crate::report::testing::{all_kinds, failed, hostile, summary, up, with_text, written};

fn page(records: &[Record<'_>]) -> String {
    written(&mut Html::default(), records)
}

/// Panics unless every tag is closed in its order, and nothing is in the page that could act or ask.
#[track_caller]
pub(crate) fn expect_sound(page: &str) {
    const VOID: [&str; 2] = ["meta", "br"];
    let body = page.strip_prefix("<!doctype html>\n").expect("a doctype");
    let mut open = Vec::new();
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).expect("a tag has a name");
        assert!(!["script", "link", "img", "iframe", "object", "form", "base"].contains(&name), "<{tag}>");
        assert!(![" href", " src", " on", "javascript:", "url("].iter().any(|word| tag.contains(word)), "<{tag}>");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> in its place");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn all_kinds_have_their_place() {
    let page = page(&all_kinds());
    expect_sound(&page);
    let rows: Vec<&str> =
        page.lines().filter(|line| line.starts_with("<tr class=") && line.contains("<code>")).collect();
    let expected = [
        "down\"><td class=\"v\">down</td><td class=\"n\">503</td><td class=\"n\">203 ms",
        "down\"><td class=\"v\">down</td><td class=\"n\"></td><td class=\"n\">734 us",
        "unknown\"><td class=\"v\">unknown</td><td class=\"n\"></td><td class=\"n\"></td>",
        "degraded\"><td class=\"v\">degraded</td><td class=\"n\"></td><td class=\"n\">320 ms",
        "up\"><td class=\"v\">up</td><td class=\"n\">200</td><td class=\"n\">203 ms",
        "up\"><td class=\"v\">up</td><td class=\"n\">200</td><td class=\"n\">191 ms",
    ];
    assert_eq!(rows.len(), expected.len(), "{rows:#?}");
    for (row, start) in rows.iter().zip(expected) {
        assert!(row.starts_with(&format!("<tr class=\"{start}")), "{row}");
    }
    for part in [
        "<title>upcheck: 2 up, 1 degraded, 2 down, 1 unknown of 6</title>",
        "<p class=\"kicker\">upcheck · 2026-11-22T16:40:00Z</p>",
        "<b>api</b><code>https://api.example.com/health</code><br><span>team=pay</span>",
        "<b>status</b> status was 503, expected status in 200-399 (and 1 more) (3 attempts)",
        "<small><i>dns 4.0 ms</i>, <i>connect 11 ms</i>, <i>tls 25 ms</i>, <i>wait 150 ms</i>, <i>body 1.0 ms</i></small>",
        "<dt>wall</dt><dd>214 ms</dd>",
        "<dt>peak memory</dt><dd>3.0 MiB</dd>",
        "<th scope=\"row\"><b>connect_refused</b> <small>nothing listens on that port</small></th>",
        " 1 never began.",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
}

#[test]
fn few_and_none() {
    let none = page(&[]);
    expect_sound(&none);
    assert!(none.contains("<title>upcheck: Nothing was checked</title>") && none.contains("Nothing answered."));
    let one = page(&[up("a")]);
    assert!(one.contains("<h1>up</h1>") && one.contains("<b>203 ms</b> of checking"));
    assert!(page(&[up("a"), up("b")]).contains("<h1>All 2 are up</h1>"));
    let unanswered = page(&[failed("a", Reason::ConnectTimeout, "no")]);
    assert!(unanswered.contains("Nothing answered.") && unanswered.contains("Waterfall of 1"));
}

#[test]
fn hostile_texts_are_texts() {
    for text in hostile() {
        let page = page(&with_text(&text));
        expect_sound(&page);
        assert!(page.len() < 64 * 1024, "long texts are clipped");
    }
}

/// So many checks, ten in a hundred of them down, as fast as they can be started.
fn crowd(count: usize, detail: &str) -> Vec<Record<'_>> {
    let record = |index: usize| {
        let record = match index % 10 {
            3 => failed("https://service.example.com/health/of/one?of=many", Reason::Status, detail),
            _ => up("https://service.example.com/health/of/one?of=many"),
        };
        let wait = Some(Micros::of(Duration::from_micros(200_000 + index as u64 % 977)));
        let started = record.started + Duration::from_millis(index as u64 / 10);
        Record { started, phases: Phases { wait, ..record.phases }, ..record }
    };
    (0..count).map(record).collect()
}

#[test]
fn ten_thousand_checks_stay_under_three_mebibytes() {
    for detail in ["status was 503, expected status in 200-399", &"<".repeat(1000)] {
        for count in [LISTED_MAX, LISTED_MAX + 1, 10_000] {
            let page = page(&crowd(count, detail));
            expect_sound(&page);
            assert!(page.len() < 3 << 20, "{count}: {}", page.len());
            assert_eq!(page.contains("and without a row: "), page.contains("<h3>The worst"), "{count}");
        }
    }
    let page = page(&crowd(10_000, "sick"));
    assert!(page.contains("and without a row: 8\u{202f}000 up</td>"));
    assert_eq!(page.matches("<tr class=\"down\"><td").count(), 1000, "what failed is there");
}

#[test]
fn a_check_takes_at_most_300_bytes() {
    let long = "x".repeat(1000);
    let records = crowd(20_000, &long);
    let mut html = Html::default();
    records.iter().for_each(|record| html.record(record, &mut Vec::new()));
    let rows = html.listed.capacity() * size_of::<Listed>() + html.listed.iter().map(Listed::bytes).sum::<usize>();
    assert!(rows <= LISTED_BYTES_MAX + 4 * LISTED_MAX * size_of::<Listed>(), "{rows}");
    let each = html.timed.capacity() * size_of::<Timed>() / records.len();
    assert!(each <= 64 && rows / records.len() + each < 300, "{each}, and {rows} for all");
    assert_eq!(html.listed.len(), html.listed.iter().filter(|listed| listed.timed.verdict == Verdict::Down).count());
}

#[test]
fn the_worst_have_their_rows_whatever_the_order() {
    let mut records = crowd(5000, "sick");
    let table = |records: &[Record<'_>]| {
        let mut out = Vec::new();
        let mut html = Html::default();
        records.iter().for_each(|record| html.record(record, &mut out));
        html.end(&summary(records), &mut out);
        let page = String::from_utf8(out).unwrap();
        page.lines()
            .filter(|line| line.starts_with("<tr class=\"") && line.contains("</code>"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let forth = table(&records);
    records.reverse();
    assert!(forth == table(&records) && forth.len() == LISTED_MAX);
}
