//! What monitoring and pull requests read: `-o prometheus`, `-o nagios`, `-o markdown`. Each must say what the NDJSON of
//! the same run says, and those who read them for a living must find nothing wrong with them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

use crate::support::{Report, Server, Step, TempDir, Upcheck, has_program, refused_address, skipped};

/// A name that would be something else than a name wherever it is shown.
const HOSTILE: &str = "a|b `c` <script>x</script> <http://x.test> [l](javascript:x) ![i](y) **b** &amp; \"q\" \\ \
                       @user #1 www.x.test $y$ \u{1b}[31m\u{202e}end\nof line";

/// One run as each format tells it.
struct Run {
    ndjson: Report,
    prometheus: String,
    nagios: String,
    markdown: String,
    /// A target that is in the list twice.
    twice: String,
}

/// A run with targets of every verdict and kind. What is unknown waits for its end, so it is made once.
static RUN: LazyLock<Run> = LazyLock::new(|| {
    let server = Server::answering(|request| match request.path().split('?').next().unwrap_or_default() {
        "/503" => vec![Step::send("HTTP/1.0 503 |`<b>\r\nContent-Length: 4\r\n\r\nsick")],
        "/hostile" => {
            let body = "<i>|`@user` https://x.test \u{1b}[31m";
            vec![Step::send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))]
        }
        "/moved" => vec![Step::send("HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n")],
        "/hang" => vec![Step::Hang],
        _ => vec![Step::ok()],
    });
    let (url, gone) = (server.url(""), refused_address());
    let twice = server.url("/ok?twice");
    let list = format!(
        "{url}/ok name=plain label.team=pay label.app.kubernetes.io/name=api label.phase=moon label.__x=y label.0=z\n\
         {url}/ok?named name=${{HOSTILE}} label.said=${{HOSTILE}} label.empty=\n\
         {url}/moved location name=moved\n\
         {url}/ok?warned warn='status == 201'\n\
         {url}/503?a|b name=sick\n\
         {url}/hostile expect='body contains \"fine\"'\n\
         {twice}\n{twice}\n\
         http://{gone}/ label.team=${{HOSTILE}}\n\
         tcp://{gone}\n\
         tcp://{}\n\
         {url}/hang name=late timeout=60s\n",
        server.address()
    );
    let folder = TempDir::new();
    let mut command = Upcheck::new().args(["-f", "-", "--deadline", "3s"]).env("HOSTILE", HOSTILE).stdin(list);
    for format in ["ndjson", "prometheus", "nagios", "markdown"] {
        command = command.arg("-o").arg(format!("{format}={}", folder.path(format).display()));
    }
    let output = command.run();
    assert_eq!((output.expect_code(1).out(), output.err()), ("", ""));
    let read = |name: &str| fs::read_to_string(folder.path(name)).expect("it was written");
    let ndjson = Report::parse(read("ndjson").as_bytes());
    for (verdict, count) in [("up", 6), ("degraded", 1), ("down", 4), ("unknown", 1)] {
        assert_eq!(ndjson.summary[verdict], count, "{verdict}: {:#?}", ndjson.checks);
    }
    Run { ndjson, prometheus: read("prometheus"), nagios: read("nagios"), markdown: read("markdown"), twice }
});

/// Runs a program on this input; `None` where it is not installed.
fn judged_by(program: &str, arguments: &[&str], input: &str) -> Option<Output> {
    if !has_program(program) {
        skipped!("no {program} on this machine");
        return None;
    }
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is installed");
    let mut pipe = child.stdin.take().expect("a pipe of ours");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || pipe.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("a child of ours");
    // Who does not read to the end has said why.
    let _ = writer.join().expect("the writer does not panic");
    Some(output)
}

/// The samples of one family: labels and value.
type Samples = Vec<(BTreeMap<String, String>, String)>;

/// Reads the text format, as far as the texts of this run make use of it: none has a `",` of its own.
fn samples(text: &str, family: &str) -> Samples {
    let lines = text.lines().filter_map(|line| line.strip_prefix(family)?.strip_prefix('{'));
    let label = |label: &str| {
        let (name, value) = label.split_once("=\"").expect("a label");
        (name.to_owned(), value.to_owned())
    };
    lines
        .map(|line| {
            let (labels, value) = line.rsplit_once("\"} ").expect("labels and a value");
            (labels.split("\",").map(label).collect(), value.to_owned())
        })
        .collect()
}

/// A text as the value of a label.
fn as_value(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    escaped.replace('\u{1b}', "\\\\u{1b}").replace('\u{202e}', "\\\\u{202e}")
}

/// The value of the only sample of this target, by its name and the number of its copy; `None` when there is none.
fn value_of(samples: &Samples, check: &Value, copy: usize, own: Option<(&str, &str)>) -> Option<f64> {
    let wanted = |labels: &&(BTreeMap<String, String>, String)| {
        let label = |name: &str| labels.0.get(name).map(String::as_str);
        label("target") == check["target"].as_str()
            && label("name") == check["name"].as_str().map(as_value).as_deref()
            && label("copy").map_or(1, |copy| copy.parse().expect("a number")) == copy
            && own.is_none_or(|(name, value)| label(name) == Some(value))
    };
    let found: Vec<_> = samples.iter().filter(wanted).collect();
    assert!(found.len() <= 1, "{found:?}");
    found.first().map(|(_, value)| value.parse().expect("a number"))
}

#[test]
fn prometheus_says_what_ndjson_says() {
    let Run { ndjson, prometheus, .. } = &*RUN;
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for check in &ndjson.checks {
        let target = check["target"].as_str().expect("a text");
        let copy = seen.entry(target).and_modify(|count| *count += 1).or_insert(1);
        let value = |family: &str| value_of(&samples(prometheus, family), check, *copy, None);
        let verdict = check["verdict"].as_str().expect("a word");
        let is_up = match verdict {
            "up" | "degraded" => Some(1.0),
            "down" => Some(0.0),
            _ => None,
        };
        assert_eq!(value("probe_success"), is_up, "{check}");
        let reason = ("reason", check["reason"].as_str().expect("a word"));
        let reasons = samples(prometheus, "upcheck_target_reason");
        assert_eq!(value_of(&reasons, check, *copy, Some(reason)), Some(1.0), "{check}");
        assert_eq!(value_of(&reasons, check, *copy, None), Some(1.0), "{check}");
        let is_probed = verdict != "unknown";
        let number = |value: &Value| Some(value.as_f64().unwrap_or(0.0)).filter(|_| is_probed);
        assert_eq!(value("probe_duration_seconds"), number(&check["seconds"]["total"]), "{check}");
        assert_eq!(value("probe_dns_lookup_time_seconds"), number(&check["seconds"]["dns"]), "{check}");
        let over_ipv4 = Some(4.0).filter(|_| is_probed && check["address"].is_string());
        assert_eq!(value("probe_ip_protocol"), over_ipv4, "{check}");
        let over_http = |value: &Value| number(value).filter(|_| !target.starts_with("tcp"));
        assert_eq!(value("probe_http_status_code"), over_http(&check["status"]), "{check}");
        assert_eq!(value("probe_http_redirects"), over_http(&check["redirects"]), "{check}");
        assert_eq!(value("probe_http_uncompressed_body_length"), over_http(&check["body_bytes"]), "{check}");
        let version = check["http_version"].as_str().map_or(0.0, |version| version.parse().expect("a number"));
        assert_eq!(value("probe_http_version"), over_http(&version.into()), "{check}");
        assert_eq!(value("probe_http_ssl"), over_http(&Value::Null), "{check}");
        let phases = samples(prometheus, "probe_http_duration_seconds");
        for (word, ours) in
            [("resolve", "dns"), ("connect", "connect"), ("tls", "tls"), ("processing", "wait"), ("transfer", "body")]
        {
            let phase = value_of(&phases, check, *copy, Some(("phase", word)));
            assert_eq!(phase, over_http(&check["seconds"][ours]), "{word}: {check}");
        }
    }
    for verdict in ["up", "degraded", "down", "unknown"] {
        let line = format!("upcheck_targets{{verdict=\"{verdict}\"}} {}\n", ndjson.summary[verdict]);
        assert!(prometheus.contains(&line), "{line}: {prometheus}");
    }
    let wall = prometheus.lines().find_map(|line| line.strip_prefix("upcheck_run_duration_seconds "));
    assert_eq!(wall.and_then(|wall| wall.parse().ok()), ndjson.summary["seconds"]["wall"].as_f64());
}

#[test]
fn labels_of_prometheus_are_those_of_the_list_under_names_that_it_takes() {
    let Run { prometheus, twice, .. } = &*RUN;
    let labels_of = |path: &str| -> Vec<String> {
        let successes = prometheus.lines().filter(|line| line.starts_with("probe_success{"));
        successes.filter(|line| line.contains(path)).map(str::to_owned).collect()
    };
    let plain = &labels_of("name=\"plain\"")[0];
    let expected =
        r#",name="plain",_0="z",app_kubernetes_io_name="api",label___x="y",label_phase="moon",team="pay"} 1"#;
    assert!(plain.ends_with(expected), "{plain}");
    let hostile = as_value(HOSTILE);
    let named = &labels_of("?named")[0];
    assert!(named.ends_with(&format!("?named\",name=\"{hostile}\",said=\"{hostile}\"}} 1")), "{named}");
    let copies = ["", ",copy=\"2\""].map(|copy| format!("probe_success{{target=\"{twice}\"{copy}}} 1"));
    assert_eq!(labels_of("?twice"), copies);
    assert!(!prometheus.contains(|c: char| c.is_control() && c != '\n'), "{prometheus:?}");
}

#[test]
fn promtool_finds_nothing_wrong() {
    let Some(output) = judged_by("promtool", &["check", "metrics"], &RUN.prometheus) else { return };
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.is_empty(), "{said}\n{}", RUN.prometheus);
}

#[test]
fn nagios_says_what_ndjson_says() {
    let Run { ndjson, nagios, .. } = &*RUN;
    let (first, below) = nagios.split_once('\n').expect("a line");
    let summary = &ndjson.summary;
    let (text, data) = first.split_once(" | ").expect("performance data");
    assert_eq!(text, "UPCHECK CRITICAL - 6 of 12 up, 1 degraded, 4 down, 1 unknown");
    let max = summary["seconds"]["max"].as_f64().expect("a number");
    assert_eq!(data, format!("time={max:.6}s;;;0; total=12 up=6 degraded=1 down=4 unknown=1"));
    assert!(!below.contains(|c: char| c == '|' || c.is_control() && c != '\n'), "{below:?}");
    let words: Vec<&str> = below.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(words, ["down", "down", "down", "down", "unknown", "degraded"]);
    for check in ndjson.not("up") {
        let target = check["target"].as_str().expect("a text").replace('|', "\u{a6}");
        let line = below.lines().find(|line| line.split("  ").any(|word| word == target)).expect("its line");
        let reason = format!("  {}: ", check["reason"].as_str().expect("a word"));
        assert!(line.starts_with(check["verdict"].as_str().expect("a word")) && line.contains(&reason), "{line}");
    }
}

#[test]
fn the_plugin_library_reads_the_performance_data() {
    const READ: &str = "-MMonitoring::Plugin::Performance";
    let installed = judged_by("perl", &[READ, "-e", "1"], "");
    if !installed.is_some_and(|output| output.status.success()) {
        skipped!("no Monitoring::Plugin for Perl on this machine");
        return;
    }
    let script = "$_ = <STDIN>; s/.* \\| //; for my $p (Monitoring::Plugin::Performance->parse_perfstring($_)) \
                  { printf \"%s %.6f %s\\n\", $p->label, $p->value, $p->uom }";
    let output = judged_by("perl", &[READ, "-e", script], &RUN.nagios).expect("it was there a moment ago");
    let max = RUN.ndjson.summary["seconds"]["max"].as_f64().expect("a number");
    let counts = [("total", 12), ("up", 6), ("degraded", 1), ("down", 4), ("unknown", 1)];
    let counts = counts.map(|(label, count)| format!("{label} {count}.000000 \n")).concat();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("time {max:.6} s\n{counts}"));
}

#[test]
fn nagios_on_standard_output_has_its_own_exit_status() {
    let server = Server::answering(|request| match request.path() {
        "/hang" => vec![Step::Hang],
        _ => vec![Step::ok()],
    });
    let (up, hang, gone) = (server.url("/"), server.url("/hang"), format!("http://{}/", refused_address()));
    let warned: &[&str] = &["-w", "status == 201", &up];
    let unknown: &[&str] = &["--deadline", "500ms", &hang];
    let worst: &[&str] = &["--deadline", "500ms", &hang, &gone];
    let folder = TempDir::new();
    let file = format!("nagios={}", folder.path("nagios").display());
    for (arguments, word, status, own) in [
        (&[&*up][..], "OK", 0, 0),
        (warned, "WARNING", 1, 0),
        (&[&gone], "CRITICAL", 2, 1),
        (unknown, "UNKNOWN", 3, 1),
        (worst, "CRITICAL", 2, 1),
    ] {
        let output = Upcheck::new().args(["-o", "nagios"]).args(arguments).run();
        assert!(output.expect_code(status).out().starts_with(&format!("UPCHECK {word} - ")), "{output:?}");
        // In a file it is one report of several, and the program's own status stands.
        Upcheck::new().args(["-o", &file]).args(arguments).run().expect_code(own);
        let written = fs::read_to_string(folder.path("nagios")).expect("it was written");
        assert!(written.starts_with(&format!("UPCHECK {word} - ")), "{written}");
        Upcheck::new().args(["-o", &file, "-o", "ndjson"]).args(arguments).run().expect_code(own);
    }
}

#[test]
fn markdown_says_what_ndjson_says() {
    let Run { ndjson, markdown, .. } = &*RUN;
    let lines: Vec<&str> = markdown.lines().collect();
    assert_eq!(lines[0], "## upcheck: 6 of 12 up, 1 degraded, 4 down, 1 unknown");
    let rows: Vec<&str> = lines.iter().skip(4).take_while(|line| line.starts_with("| ")).copied().collect();
    let verdicts: Vec<&str> = rows.iter().map(|row| row.split(' ').nth(1).unwrap_or_default()).collect();
    let expected = [vec!["down"; 4], vec!["unknown", "degraded"], vec!["up"; 6]].concat();
    assert_eq!(verdicts, expected, "{markdown}");
    for check in &ndjson.checks {
        let target = check["target"].as_str().expect("a text").replace('|', "`&#124;`");
        let row = rows.iter().find(|row| row.contains(&format!("`{target}` |"))).expect("its row");
        let status = check["status"].as_u64().map_or("-".to_owned(), |status| status.to_string());
        let beginning = format!("| {} | {status} | ", check["verdict"].as_str().expect("a word"));
        assert!(row.starts_with(&beginning), "{row}: {check}");
        assert!(row.contains(&format!(" | {}", check["reason"].as_str().expect("a word"))), "{row}: {check}");
        assert_eq!(row.matches('|').count(), 6, "{row}");
    }
    assert!(lines.last().is_some_and(|line| line.starts_with("Answers: p50 ")), "{markdown}");
    assert!(!markdown.contains(|c: char| c.is_control() && c != '\n'), "{markdown:?}");
}

#[test]
fn a_reader_of_markdown_sees_text_and_code_and_nothing_else() {
    let gfm = ["-e", "table", "-e", "autolink", "-e", "strikethrough", "-t", "xml"];
    for (program, arguments) in [("cmark", &["-t", "xml"][..]), ("cmark-gfm", &gfm)] {
        let Some(output) = judged_by(program, arguments, &RUN.markdown) else { continue };
        let tree = String::from_utf8_lossy(&output.stdout);
        for node in ["html", "link", "image", "emph", "strong", "strikethrough", "list"] {
            assert!(!tree.contains(&format!("<{node}")), "{program}: {node}: {tree}");
        }
        for check in &RUN.ndjson.checks {
            // What is in code is there letter for letter; where it cannot be, it is in pieces.
            for piece in check["target"].as_str().expect("a text").split('|') {
                let piece = piece.replace('&', "&amp;");
                assert!(tree.contains(&format!("<code xml:space=\"preserve\">{piece}</code>")), "{piece}: {tree}");
            }
        }
        assert!(program == "cmark" || tree.matches("<table_row").count() == 12, "{tree}");
        assert!(program == "cmark" || tree.matches("<table_cell").count() == 13 * 5, "{tree}");
    }
}
