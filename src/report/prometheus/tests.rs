//! The format against its description: what it writes of each kind of record, and of hostile ones.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::*;
use crate::report::testing::{all_kinds, hostile, up, with_text, written};

fn labelled(target: &'static str, labels: &[(&str, &str)]) -> Record<'static> {
    let labels = labels.iter().map(|(name, value)| (Box::from(*name), Box::from(*value))).collect::<Vec<_>>();
    Record { labels: Cow::Owned(labels), ..up(target) }
}

fn labels_of(labels: &[(&str, &str)]) -> String {
    let text = String::from_utf8(super::labels(&labelled("http://h/", labels)).into()).unwrap();
    text.strip_prefix("target=\"http://h/\"").unwrap().to_owned()
}

/// A sample: its family, its labels in order, its value.
type Sample<'a> = (&'a str, Vec<(&'a str, String)>, f64);

/// Reads the format as strictly as its description has it, apart from what this writer never makes use of.
fn parsed(text: &str) -> Vec<Sample<'_>> {
    let mut samples = Vec::new();
    let (mut family, mut families) = ("", BTreeSet::new());
    let mut lines = text.strip_suffix('\n').expect("a whole line").split('\n');
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split(' ').next().unwrap();
            assert_eq!(lines.next(), Some(&*format!("# TYPE {family} gauge")));
            assert!(families.insert(family), "{family} stands in one place");
            continue;
        }
        let rest = line.strip_prefix(family).unwrap_or_else(|| panic!("of {family}: {line}"));
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => label_set(rest),
            None => (Vec::new(), rest),
        };
        let value = value.strip_prefix(' ').and_then(|value| value.parse().ok());
        samples.push((family, labels, value.unwrap_or_else(|| panic!("a number: {line}"))));
    }
    samples
}

/// The labels up to the closing brace, and what is behind it.
fn label_set(mut rest: &str) -> (Vec<(&str, String)>, &str) {
    let mut labels = Vec::new();
    loop {
        let (name, mut value) = rest.split_once("=\"").expect("a label");
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(name.starts_with(|c: char| !c.is_ascii_digit()) && name.chars().all(is_name), "{name:?}");
        let mut text = String::new();
        loop {
            let c = value.chars().next().expect("a closing quote");
            value = &value[c.len_utf8()..];
            match c {
                '"' => break,
                '\\' => {
                    assert!(value.starts_with(['\\', '"', 'n']), "an escape: {value}");
                    text.push(if value.starts_with('n') { '\n' } else { value.chars().next().unwrap() });
                    value = &value[1..];
                }
                c => text.push(c),
            }
        }
        labels.push((name, text));
        match value.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (labels, value.strip_prefix('}').expect("a closing brace")),
        }
    }
}

#[test]
fn all_kinds_of_records() {
    let expected = r#"# HELP probe_success Whether the target was up, 1, or down, 0; none where that is unknown.
# TYPE probe_success gauge
probe_success{target="http://127.0.0.1:8000/health"} 1
probe_success{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay"} 1
probe_success{target="http://slow/"} 1
probe_success{target="http://sick/"} 0
probe_success{target="tcp://127.0.0.1:1"} 0
# HELP probe_duration_seconds How long the attempt took that decided.
# TYPE probe_duration_seconds gauge
probe_duration_seconds{target="http://127.0.0.1:8000/health"} 0.203000
probe_duration_seconds{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay"} 0.191000
probe_duration_seconds{target="http://slow/"} 0.320000
probe_duration_seconds{target="http://sick/"} 0.203000
probe_duration_seconds{target="tcp://127.0.0.1:1"} 0.000734
# HELP probe_dns_lookup_time_seconds How long the lookup of the name took.
# TYPE probe_dns_lookup_time_seconds gauge
probe_dns_lookup_time_seconds{target="http://127.0.0.1:8000/health"} 0.000000
probe_dns_lookup_time_seconds{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay"} 0.004000
probe_dns_lookup_time_seconds{target="http://slow/"} 0.000000
probe_dns_lookup_time_seconds{target="http://sick/"} 0.000000
probe_dns_lookup_time_seconds{target="tcp://127.0.0.1:1"} 0.000000
# HELP probe_ip_protocol Whether it was connected to over IPv4 or IPv6.
# TYPE probe_ip_protocol gauge
probe_ip_protocol{target="http://127.0.0.1:8000/health"} 4
probe_ip_protocol{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay"} 4
probe_ip_protocol{target="http://slow/"} 4
probe_ip_protocol{target="http://sick/"} 4
# HELP probe_http_status_code The status of the final response, 0 without one.
# TYPE probe_http_status_code gauge
probe_http_status_code{target="http://127.0.0.1:8000/health"} 200
probe_http_status_code{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay"} 200
probe_http_status_code{target="http://slow/"} 0
probe_http_status_code{target="http://sick/"} 503
# HELP probe_http_version The version of HTTP of the final response, 0 without one.
# TYPE probe_http_version gauge
probe_http_version{target="http://127.0.0.1:8000/health"} 1.1
probe_http_version{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay"} 1.1
probe_http_version{target="http://slow/"} 0
probe_http_version{target="http://sick/"} 1.0
# HELP probe_http_redirects How many redirects were followed.
# TYPE probe_http_redirects gauge
probe_http_redirects{target="http://127.0.0.1:8000/health"} 0
probe_http_redirects{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay"} 1
probe_http_redirects{target="http://slow/"} 0
probe_http_redirects{target="http://sick/"} 0
# HELP probe_http_ssl Whether the final response came over TLS.
# TYPE probe_http_ssl gauge
probe_http_ssl{target="http://127.0.0.1:8000/health"} 0
probe_http_ssl{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay"} 1
probe_http_ssl{target="http://slow/"} 0
probe_http_ssl{target="http://sick/"} 0
# HELP probe_http_uncompressed_body_length How many bytes of the response's body came.
# TYPE probe_http_uncompressed_body_length gauge
probe_http_uncompressed_body_length{target="http://127.0.0.1:8000/health"} 16
probe_http_uncompressed_body_length{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay"} 16
probe_http_uncompressed_body_length{target="http://slow/"} 0
probe_http_uncompressed_body_length{target="http://sick/"} 0
# HELP probe_ssl_earliest_cert_expiry When the server's own certificate ends, Unix time.
# TYPE probe_ssl_earliest_cert_expiry gauge
probe_ssl_earliest_cert_expiry{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay"} 1798761600
# HELP probe_http_duration_seconds How long each phase of the HTTP request took.
# TYPE probe_http_duration_seconds gauge
probe_http_duration_seconds{target="http://127.0.0.1:8000/health",phase="resolve"} 0.000000
probe_http_duration_seconds{target="http://127.0.0.1:8000/health",phase="connect"} 0.001000
probe_http_duration_seconds{target="http://127.0.0.1:8000/health",phase="tls"} 0.000000
probe_http_duration_seconds{target="http://127.0.0.1:8000/health",phase="processing"} 0.200000
probe_http_duration_seconds{target="http://127.0.0.1:8000/health",phase="transfer"} 0.002000
probe_http_duration_seconds{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay",phase="resolve"} 0.004000
probe_http_duration_seconds{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay",phase="connect"} 0.011000
probe_http_duration_seconds{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay",phase="tls"} 0.025000
probe_http_duration_seconds{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay",phase="processing"} 0.150000
probe_http_duration_seconds{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay",phase="transfer"} 0.001000
probe_http_duration_seconds{target="http://slow/",phase="resolve"} 0.000000
probe_http_duration_seconds{target="http://slow/",phase="connect"} 0.000000
probe_http_duration_seconds{target="http://slow/",phase="tls"} 0.000000
probe_http_duration_seconds{target="http://slow/",phase="processing"} 0.320000
probe_http_duration_seconds{target="http://slow/",phase="transfer"} 0.000000
probe_http_duration_seconds{target="http://sick/",phase="resolve"} 0.000000
probe_http_duration_seconds{target="http://sick/",phase="connect"} 0.001000
probe_http_duration_seconds{target="http://sick/",phase="tls"} 0.000000
probe_http_duration_seconds{target="http://sick/",phase="processing"} 0.200000
probe_http_duration_seconds{target="http://sick/",phase="transfer"} 0.002000
# HELP probe_tls_version_info The version of TLS that was spoken.
# TYPE probe_tls_version_info gauge
probe_tls_version_info{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay",version="TLS 1.3"} 1
# HELP upcheck_target_reason Why the target's verdict is what it is.
# TYPE upcheck_target_reason gauge
upcheck_target_reason{target="http://127.0.0.1:8000/health",reason="ok"} 1
upcheck_target_reason{target="https://api.example.com/health",name="api",app_kubernetes_io_name="x y",team="pay",reason="ok"} 1
upcheck_target_reason{target="http://slow/",reason="warn"} 1
upcheck_target_reason{target="http://sick/",reason="status"} 1
upcheck_target_reason{target="tcp://127.0.0.1:1",reason="connect_refused"} 1
upcheck_target_reason{target="http://late/",reason="deadline"} 1
# HELP upcheck_targets How many targets got this verdict.
# TYPE upcheck_targets gauge
upcheck_targets{verdict="up"} 2
upcheck_targets{verdict="degraded"} 1
upcheck_targets{verdict="down"} 2
upcheck_targets{verdict="unknown"} 1
# HELP upcheck_run_duration_seconds From the run's start to its end.
# TYPE upcheck_run_duration_seconds gauge
upcheck_run_duration_seconds 0.214000
# HELP upcheck_run_cpu_seconds User and system time of the run.
# TYPE upcheck_run_cpu_seconds gauge
upcheck_run_cpu_seconds 0.009000
# HELP upcheck_run_peak_memory_bytes The most memory that the run held.
# TYPE upcheck_run_peak_memory_bytes gauge
upcheck_run_peak_memory_bytes 3145728
# HELP upcheck_run_most_in_flight The most checks under way at once.
# TYPE upcheck_run_most_in_flight gauge
upcheck_run_most_in_flight 6
"#;
    assert_eq!(written(&mut Prometheus::default(), &all_kinds()), expected);
}

#[test]
fn labels_are_named_as_prometheus_wants() {
    assert_eq!(labels_of(&[("app.kubernetes.io/name", "x"), ("a", "y")]), r#",a="y",app_kubernetes_io_name="x""#);
    assert_eq!(labels_of(&[("0day", "x"), ("é", "y")]), r#",_="y",_0day="x""#);
    assert_eq!(labels_of(&[("", "x")]), r#",_="x""#);
    for ours in OURS {
        assert_eq!(labels_of(&[(ours, "x")]), format!(",label_{ours}=\"x\""));
    }
    assert_eq!(labels_of(&[("__name__", "x"), ("..", "y")]), r#",label___="y",label___name__="x""#);
    let clashing = [("a-b", "1"), ("a.b", "2"), ("a/b", "3"), ("label_a_b", "4")];
    let renamed = r#",a_b="1",label_a_b="2",label_label_a_b="3",label_label_label_a_b="4""#;
    assert_eq!(labels_of(&clashing), renamed);
    assert_eq!(labels_of(&[("env", "")]), "", "to Prometheus it is not there");
    assert_eq!(labels_of(&[("a", "q\"b\\n\nt\t")]), ",a=\"q\\\"b\\\\n\\nt\\\\u{9}\"");
}

#[test]
fn no_series_comes_twice() {
    let twice = [
        labelled("http://a/", &[("x", "1"), ("y", "2")]),
        labelled("http://b/", &[]),
        labelled("http://a/", &[("y", "2"), ("x", "1")]),
        labelled("http://a/", &[("x", "1"), ("y", "2"), ("z", "")]),
        labelled("http://a/", &[("copy", "2")]),
        Record { name: Some("".into()), ..up("http://b/") },
        Record { name: Some("b".into()), ..up("http://b/") },
    ];
    let text = written(&mut Prometheus::default(), &twice);
    let successes: Vec<&str> = text.lines().filter(|line| line.starts_with("probe_success{")).collect();
    assert_eq!(
        successes,
        [
            r#"probe_success{target="http://a/",x="1",y="2"} 1"#,
            r#"probe_success{target="http://b/"} 1"#,
            r#"probe_success{target="http://a/",x="1",y="2",copy="2"} 1"#,
            r#"probe_success{target="http://a/",x="1",y="2",copy="3"} 1"#,
            r#"probe_success{target="http://a/",label_copy="2"} 1"#,
            r#"probe_success{target="http://b/",copy="2"} 1"#,
            r#"probe_success{target="http://b/",name="b"} 1"#,
        ]
    );
}

#[test]
fn whatever_a_text_holds_is_a_value() {
    for text in hostile() {
        let records = with_text(&text);
        let written = written(&mut Prometheus::default(), &[records.clone(), records].concat());
        assert!(!written.contains(|c: char| c.is_control() && c != '\n'), "{written:?}");
        let samples = parsed(&written);
        let keys: BTreeSet<_> = samples.iter().map(|(family, labels, _)| (family, labels)).collect();
        assert_eq!(keys.len(), samples.len(), "no series comes twice: {written}");
        let of = |family: &str| samples.iter().filter(|sample| sample.0 == family).count();
        assert_eq!((of("probe_success"), of("upcheck_target_reason"), of("upcheck_targets")), (4, 4, 4));
        // As it was, where it has nothing that a terminal obeys.
        if !text.contains(|c: char| c.is_control() && c != '\n' || !c.is_ascii()) {
            assert!(samples.iter().any(|(_, labels, _)| labels.contains(&("target", text.clone()))), "{text}");
        }
    }
}

#[test]
fn a_target_costs_less_than_three_hundred_bytes_until_the_end() {
    const TARGETS: usize = 10_000;
    let mut format = Prometheus::default();
    for n in 0..TARGETS {
        let target = format!("https://service-{n:05}.example.com:8443/api/v1/health/ready.x");
        assert_eq!(target.len(), 60);
        format.record(&up(&target), &mut Vec::new());
    }
    let texts: usize = format.rows.iter().map(|row| row.labels.len()).sum();
    let bytes = texts + format.rows.capacity() * size_of::<Row>();
    assert!(bytes < 300 * TARGETS, "{bytes}");
    let mut out = Vec::new();
    format.end(&Summary::default(), &mut out);
    assert_eq!(out.len(), 0, "nothing is there twice");
    while format.more(&mut out) {}
    assert_eq!(out.windows(14).filter(|window| window == b"probe_success{").count(), TARGETS);
}
