//! Records for the tests of all formats: one of each kind, and texts that a hostile server or file could put into one.

use std::borrow::Cow;
use std::time::Duration;

use super::record::Record;
use super::{Sink, Summary};
use crate::check::expect::Mismatch;
use crate::check::outcome::{CertificateSeen, Micros, Phases, Reason, TlsSeen};
use crate::check::tally::Tally;

/// 2026-11-22T16:40:00.123Z.
pub(crate) const STARTED: Duration = Duration::from_millis(1_795_365_600_123);

const fn ms(milliseconds: u64) -> Option<Micros> {
    Some(Micros::of(Duration::from_millis(milliseconds)))
}

/// A check that was up: answered in 203 ms.
pub(crate) fn up(target: &str) -> Record<'_> {
    Record {
        target: target.into(),
        name: None,
        labels: Cow::Borrowed(&[]),
        reason: Reason::Ok,
        detail: None,
        failed: Cow::Borrowed(&[]),
        status: Some(200),
        address: Some(([127, 0, 0, 1], 8000).into()),
        http_version: Some("1.1"),
        body_bytes: 16,
        phases: Phases { connect: ms(1), wait: ms(200), body: ms(2), ..Phases::default() },
        tls: None,
        attempts: 1,
        redirects: 0,
        reused: false,
        started: STARTED,
        note: None,
        socket: None,
    }
}

/// One that failed for this reason.
pub(crate) fn failed<'a>(target: &'a str, reason: Reason, detail: &'a str) -> Record<'a> {
    Record { reason, detail: Some(detail.into()), status: None, http_version: None, body_bytes: 0, ..up(target) }
}

/// A record of each verdict, over HTTP, TLS and plain TCP, with names, labels, and expectations that did not hold.
pub(crate) fn all_kinds() -> Vec<Record<'static>> {
    let label = |name: &str, value: &str| (Box::from(name), Box::from(value));
    let certificate = CertificateSeen {
        subject: "CN=api.example.com".into(),
        issuer: "CN=Example CA".into(),
        names: vec!["api.example.com".into(), "192.0.2.7".into()],
        not_before: 1_790_000_000,
        not_after: 1_798_761_600,
        fingerprint: [0xab; 32],
    };
    let tls = TlsSeen {
        version: Some("1.3"),
        cipher: Some("TLS13_AES_128_GCM_SHA256".into()),
        certificate: Some(certificate),
        resumed: false,
    };
    let mismatch = |got: &str, expected: &str| Mismatch { got: got.into(), expected: expected.into() };
    vec![
        up("http://127.0.0.1:8000/health"),
        Record {
            name: Some("api".into()),
            labels: vec![label("team", "pay"), label("app.kubernetes.io/name", "x y")].into(),
            address: Some(([192, 0, 2, 7], 443).into()),
            phases: Phases {
                dns: ms(4),
                connect: ms(11),
                tls: ms(25),
                wait: ms(150),
                body: ms(1),
                queue: Micros::ZERO,
            },
            tls: Some(Cow::Owned(tls)),
            redirects: 1,
            ..up("https://api.example.com/health")
        },
        Record {
            failed: vec![mismatch("total was 320 ms", "total < 300ms")].into(),
            phases: Phases { wait: ms(320), ..Phases::default() },
            reused: true,
            ..failed("http://slow/", Reason::Warn, "total was 320 ms, expected total < 300ms")
        },
        Record {
            status: Some(503),
            http_version: Some("1.0"),
            attempts: 3,
            failed: vec![mismatch("status was 503", "status in 200-399"), mismatch("no x", "header.x exists")].into(),
            ..failed("http://sick/", Reason::Status, "status was 503, expected status in 200-399 (and 1 more)")
        },
        Record {
            address: None,
            phases: Phases { connect: Some(Micros::of(Duration::from_micros(734))), ..Phases::default() },
            ..failed("tcp://127.0.0.1:1", Reason::ConnectRefused, "127.0.0.1:1 refused the connection")
        },
        Record {
            address: None,
            attempts: 0,
            phases: Phases { queue: Micros::of(Duration::from_secs(2)), ..Phases::default() },
            ..failed("http://late/", Reason::Deadline, "the run's time was over (--deadline)")
        },
    ]
}

/// Texts that try to be something else than text wherever they end up.
pub(crate) fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "\u{1b}[31mred\u{7}\u{0}\u{9b}31m\u{7f}",
        "line\nline\r\nline\u{2028}line",
        "\"quotes' and \\backslashes\\",
        "]]> <!-- --> <script>alert(1)</script> &amp; &#0; <![CDATA[",
        "a|b|c `code` **bold** [link](javascript:x) ![i](x) # * _ ~ $",
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-1-1",
        "@SUM(1)",
        "\t=1",
        "left \u{202e}thgir\u{202c} \u{200b}hidden\u{feff}",
        "not \u{fffd} UTF-8",
        "100% 'a'=1;2;3;4;5 {} ${HOME} \\x",
        "ok 1 - # TODO # SKIP\n...\n---\n1..9",
        "\u{ffff}\u{fffe}\u{1ffff}",
        "",
        " ",
    ]
    .map(str::to_owned)
    .into();
    texts.push("x".repeat(64 * 1024));
    texts
}

/// Records that have this text wherever a text can stand.
pub(crate) fn with_text(text: &str) -> [Record<'_>; 2] {
    let failed_so = Mismatch { got: text.into(), expected: text.into() };
    let record = Record {
        name: Some(text.into()),
        labels: vec![("label".into(), text.into())].into(),
        failed: vec![failed_so].into(),
        ..failed(text, Reason::Body, text)
    };
    [Record { name: None, ..record.clone() }, record]
}

/// The summary of a run of these.
pub(crate) fn summary(records: &[Record<'_>]) -> Summary {
    let mut tally = Tally::default();
    records.iter().for_each(|record| tally.add(record.reason, &record.phases));
    Summary {
        tally,
        wall: Duration::from_millis(214),
        most_in_flight: records.len(),
        cpu: Duration::from_millis(9),
        peak_memory: 3 << 20,
        turns: 12,
        longest_turn: Duration::from_micros(900),
        shard: None,
    }
}

/// What is appended.
pub(crate) fn pushed(push: impl Fn(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    push(&mut out);
    String::from_utf8(out).expect("reports are UTF-8")
}

/// All that the format writes of these.
pub(crate) fn written(format: &mut dyn Sink, records: &[Record<'_>]) -> String {
    let mut out = Vec::new();
    format.begin(&mut out);
    records.iter().for_each(|record| format.record(record, &mut out));
    format.end(&summary(records), &mut out);
    while format.more(&mut out) {}
    String::from_utf8(out).expect("reports are UTF-8")
}
