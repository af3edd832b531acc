//! The formats that are a line or an element a check: each says the same as NDJSON, and programs that other people wrote
//! read it.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Report, Server, Step, TempDir, Upcheck, has_program, refused_address, skipped};

/// One run in every format of this file.
struct Written {
    /// The run as NDJSON.
    report: Report,
    /// The files, each named as its format.
    folder: TempDir,
    _server: Server,
}

/// What somebody could put into a name, a label or a body to have it taken for something else.
const HOSTILE: &str = "\u{1b}[31m\"]]><b>&amp;\\;=1+1, # SKIP \u{202e}";

/// A run with every verdict, names, labels, and hostile texts wherever a user or a server can put one.
fn written() -> Written {
    let server = Server::answering(|request| match request.path() {
        "/503" => vec![Step::send("HTTP/1.1 503 Out\r\nContent-Length: 4\r\n\r\nsick")],
        "/hang" => vec![Step::Hang],
        "/hostile" => vec![Step::send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n=1\n{HOSTILE}\n# TODO",
            HOSTILE.len() + 10
        ))],
        _ => vec![Step::ok()],
    });
    let (url, gone) = (server.url(""), refused_address());
    let targets = [
        format!("{url}/plain"),
        format!("{url}/named name=api label.team=pay label.app.kubernetes.io/name='x y'"),
        format!("{url}/degraded warn='body contains \"ready\"' name='=1+1;@x' label.note=\"${{HOSTILE}}\""),
        format!("{url}/degraded warn='body contains \"ready\"' warn='status == 201'"),
        format!("{url}/503 name='not ok 1 - \\ # TODO'"),
        format!("{url}/hostile expect='body contains \"ready\"' expect='header.x-none exists' name=\"${{HOSTILE}}\""),
        format!("http://{gone}/?a;b=%20&c label.a='1,2' label.b='say \"x\"'"),
        format!("tcp://{gone}"),
        format!("{url}/hang name=hangs"),
    ];
    let folder = TempDir::new();
    let list = folder.write("targets", targets.join("\n"));
    let mut run = Upcheck::new().env("HOSTILE", HOSTILE).args(["-t", "25", "-f", &list, "-o", "ndjson"]);
    for format in ["json", "csv", "tap", "junit"] {
        run = run.arg("-o").arg(format!("{format}={}", folder.path(format).display()));
    }
    let mut running = run.spawn();
    let mut lines = running.lines();
    let mut ndjson: Vec<String> = (1..targets.len()).map(|_| lines.next()).collect();
    // All but the one that hangs are over, and that one will be unknown.
    running.signal("INT");
    ndjson.extend(lines.rest());
    running.finish().expect_code(130);
    let report = Report::parse(format!("{}\n", ndjson.join("\n")).as_bytes());
    for (verdict, count) in [("up", 2), ("degraded", 2), ("down", 4), ("unknown", 1)] {
        assert_eq!(report.summary[verdict], count, "{report:#?}");
    }
    Written { report, folder, _server: server }
}

impl Written {
    fn text(&self, format: &str) -> String {
        std::fs::read_to_string(self.folder.path(format)).expect("a report was written, as UTF-8")
    }

    fn path(&self, format: &str) -> String {
        self.folder.path(format).display().to_string()
    }

    /// A count of the summary.
    fn count(&self, verdict: &str) -> u64 {
        self.report.summary[verdict].as_u64().expect("a count")
    }
}

/// What `program` says of it, as JSON.
#[track_caller]
fn read_by(program: &str, arguments: &[&str]) -> Value {
    let output = Command::new(program).args(arguments).output().expect("it is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{program}: {error}: {output:?}"))
}

/// As every format but JSON's shows a text: no control characters, no marks of direction.
fn shown(text: &str) -> String {
    let is_hidden = |c: char| c.is_control() || c == '\u{202e}';
    text.chars().map(|c| if is_hidden(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// The text at a key, as [`shown`]; empty where there is none.
fn text_of(check: &Value, key: &str) -> String {
    shown(check[key].as_str().unwrap_or_default())
}

fn title(check: &Value) -> String {
    text_of(check, if check["name"].is_null() { "target" } else { "name" })
}

fn is_healthy(check: &Value) -> bool {
    check["verdict"] == "up" || check["verdict"] == "degraded"
}

#[test]
fn no_format_lets_a_control_character_through() {
    let written = written();
    for format in ["json", "csv", "tap", "junit"] {
        let text = written.text(format);
        assert!(!text.contains(|c: char| c.is_control() && !matches!(c, '\r' | '\n')), "{format}: {text:?}");
        assert_eq!(text.contains('\r'), format == "csv", "{format}: {text:?}");
    }
}

#[test]
fn json_is_one_document_of_the_same_objects() {
    let written = written();
    let document: Value = serde_json::from_str(&written.text("json")).expect("a JSON document");
    let same = json!({"schema": 1, "checks": written.report.checks, "summary": written.report.summary});
    assert_eq!(document, same);
}

/// Whether a cell says what NDJSON does.
fn is_same(cell: &str, value: &Value) -> bool {
    // Where a formula could begin, an apostrophe stands before it.
    let cell = cell.replace(";'=", ";=").replace(";'@", ";@");
    match value {
        Value::Null => cell.is_empty(),
        Value::String(text) => cell.strip_prefix('\'').unwrap_or(&cell) == shown(text),
        Value::Number(number) => cell.parse::<f64>().ok() == number.as_f64(),
        Value::Bool(value) => cell == value.to_string(),
        Value::Array(_) | Value::Object(_) => serde_json::from_str::<Value>(&cell).ok().as_ref() == Some(value),
    }
}

#[test]
fn csv_has_a_column_a_value() {
    if !has_program("python3") {
        skipped!("no python3 to read CSV");
        return;
    }
    let written = written();
    let script = "import csv, json, sys\n\
                  print(json.dumps(list(csv.reader(open(sys.argv[1], newline='', encoding='utf-8'), strict=True))))";
    let rows = read_by("python3", &["-c", script, &written.path("csv")]);
    let rows: Vec<Vec<&str>> = rows
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row.as_array().expect("cells").iter().filter_map(Value::as_str).collect())
        .collect();
    let (header, rows) = rows.split_first().expect("a header");
    assert_eq!(rows.len(), written.report.checks.len());
    for (row, check) in rows.iter().zip(&written.report.checks) {
        assert_eq!(row.len(), header.len(), "{row:?}");
        for (name, cell) in header.iter().zip(row) {
            let value = match name.strip_prefix("tls_") {
                Some(name) => &check["tls"][name],
                None => check["seconds"].get(name).unwrap_or(&check[name]),
            };
            assert!(is_same(cell, value), "{name}: {cell:?} is not {value}");
            let starts_formula = |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
            assert!(!cell.split(';').any(starts_formula), "{name}: {cell:?}");
        }
        // Every value has its column.
        let known =
            |key: &String| header.contains(&key.as_str()) || ["schema", "type", "seconds"].contains(&key.as_str());
        assert!(check.as_object().expect("an object").keys().all(known), "{header:?}");
    }
}

#[test]
fn sqlite_imports_csv() {
    if !has_program("sqlite3") {
        skipped!("no sqlite3 to import CSV");
        return;
    }
    let written = written();
    let import = format!(".import --csv {} checks", written.path("csv"));
    let query =
        "SELECT json_group_object(verdict, n) FROM (SELECT verdict, count(*) AS n FROM checks GROUP BY verdict)";
    let counts = read_by("sqlite3", &[":memory:", &import, query]);
    for verdict in ["up", "degraded", "down", "unknown"] {
        assert_eq!(counts[verdict].as_u64(), Some(written.count(verdict)), "{counts}");
    }
    let sums = "SELECT json_array(json_extract(labels, '$.team'), total + 0) FROM checks WHERE name = 'api'";
    let api = written.report.named("api");
    assert_eq!(read_by("sqlite3", &[":memory:", &import, sums]), json!(["pay", api["seconds"]["total"]]));
}

#[test]
fn a_harness_reads_tap() {
    if !has_program("prove") {
        skipped!("no Test::Harness to read TAP");
        return;
    }
    let written = written();
    let script = r"
        use TAP::Parser; use JSON::PP;
        open my $file, '<:encoding(UTF-8)', $ARGV[0] or die $!;
        my $parser = TAP::Parser->new({ tap => do { local $/; <$file> } });
        my (@tests, @unknown);
        while (my $result = $parser->next) {
            push @tests, { ok => $result->ok, title => $result->description, directive => $result->directive } if $result->is_test;
            $tests[-1]{yaml} = $result->data if $result->is_yaml;
            push @unknown, $result->as_string if $result->is_unknown;
        }
        print encode_json({
            tests => \@tests, unknown => \@unknown, errors => [$parser->parse_errors], version => $parser->version + 0,
            plan => $parser->plan, failed => scalar($parser->failed),
        });";
    let read = read_by("perl", &["-e", script, &written.path("tap")]);
    assert_eq!((&read["unknown"], &read["errors"], &read["version"]), (&json!([]), &json!([]), &json!(13)), "{read:#}");
    assert_eq!(read["plan"], format!("1..{}", written.report.checks.len()));
    assert_eq!(read["failed"].as_u64(), Some(written.count("down") + written.count("unknown")));
    let tests = read["tests"].as_array().expect("tests");
    assert_eq!(tests.len(), written.report.checks.len());
    for (test, check) in tests.iter().zip(&written.report.checks) {
        assert_eq!(test["ok"], if is_healthy(check) { "ok" } else { "not ok" }, "{test:#}");
        assert_eq!(test["directive"], "", "{test:#}");
        let escaped = title(check).replace('\\', r"\\").replace('#', r"\#");
        assert_eq!(test["title"].as_str().map(str::trim_end), Some(format!("- {escaped}").trim_end()), "{test:#}");
        if check["verdict"] == "up" {
            assert!(test["yaml"].is_null(), "{test:#}");
        } else {
            tells_the_same(&test["yaml"], check);
        }
    }
    // The program that people run agrees with the module.
    let output = Command::new("prove").args(["-e", "cat", &written.path("tap")]).output().expect("it is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("Failed {}/{} subtests", read["failed"], tests.len())), "{said}");
}

/// Whether a block of YAML, whose scalars are all text to Perl, says what NDJSON does.
#[track_caller]
fn tells_the_same(yaml: &Value, check: &Value) {
    for key in ["verdict", "reason", "detail", "target"] {
        assert_eq!(yaml[key], text_of(check, key), "{key}: {yaml:#}");
    }
    assert_eq!(yaml["status"].as_str(), check["status"].as_u64().map(|status| status.to_string()).as_deref());
    for (key, seconds) in check["seconds"].as_object().expect("an object") {
        let told = yaml[key].as_str().map(|text| text.parse::<f64>().expect("a number"));
        assert_eq!(told, seconds.as_f64(), "{key}: {yaml:#}");
    }
    let labels = check["labels"].as_object().expect("an object").iter();
    let labels: Value =
        labels.map(|(name, value)| (name.clone(), json!(shown(value.as_str().expect("a text"))))).collect();
    assert_eq!(yaml["labels"], labels);
    let failed = check["failed"].as_array().expect("a list").iter();
    let failed: Vec<Value> =
        failed.map(|one| json!({"expected": text_of(one, "expected"), "got": text_of(one, "got")})).collect();
    assert_eq!(yaml["failed"], Value::from(failed));
}

/// What both schemas of JUnit's XML take, Jenkins' and windyroad's, in RELAX NG: of the second the order and what must be
/// there, of the first that there is nothing else.
const JUNIT: &str = r#"
<element name="testsuites" xmlns="http://relaxng.org/ns/structure/1.0" datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <element name="testsuite">
    <attribute name="id"><value>0</value></attribute>
    <attribute name="name"><data type="token"><param name="minLength">1</param></data></attribute>
    <attribute name="package"><data type="token"/></attribute>
    <attribute name="hostname"><data type="token"><param name="minLength">1</param></data></attribute>
    <attribute name="timestamp"><data type="dateTime"><param name="pattern">[0-9-]{10}T[0-9:]{8}</param></data></attribute>
    <attribute name="tests"><data type="int"/></attribute>
    <attribute name="failures"><data type="int"/></attribute>
    <attribute name="errors"><data type="int"/></attribute>
    <attribute name="skipped"><data type="int"/></attribute>
    <attribute name="time"><data type="decimal"><param name="pattern">[0-9]*(\.[0-9]{0,3})?</param></data></attribute>
    <element name="properties"><empty/></element>
    <zeroOrMore>
      <element name="testcase">
        <attribute name="classname"><data type="token"/></attribute>
        <attribute name="name"><data type="token"/></attribute>
        <attribute name="time"><data type="decimal"/></attribute>
        <optional>
          <element>
            <choice><name>failure</name><name>error</name></choice>
            <attribute name="type"/>
            <attribute name="message"/>
            <text/>
          </element>
        </optional>
      </element>
    </zeroOrMore>
    <element name="system-out"><text/></element>
    <element name="system-err"><text/></element>
  </element>
</element>
"#;

#[test]
fn junit_is_valid() {
    if !has_program("xmllint") {
        skipped!("no xmllint to look at XML");
        return;
    }
    let written = written();
    let schema = written.folder.write("junit.rng", JUNIT);
    let output =
        Command::new("xmllint").args(["--noout", "--nonet", "--relaxng", &schema, &written.path("junit")]).output();
    let output = output.expect("it is installed");
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stderr), written.text("junit"));
}

/// A Python that has this module: the system's, if not the first on the path.
fn python_with(module: &str) -> Option<&'static str> {
    let has_module = |python: &&str| {
        Path::new(python).exists()
            && Command::new(python)
                .args(["-c", &format!("import {module}")])
                .output()
                .is_ok_and(|output| output.status.success())
    };
    ["/usr/bin/python3", "/usr/local/bin/python3"].into_iter().find(has_module)
}

#[test]
fn junitparser_reads_junit() {
    let Some(python) = python_with("junitparser") else {
        skipped!("no junitparser to read JUnit's XML");
        return;
    };
    let written = written();
    let script = "import json, sys\n\
                  from junitparser import JUnitXml\n\
                  [suite] = JUnitXml.fromfile(sys.argv[1])\n\
                  result = lambda r: dict(kind=type(r).__name__, type=r.type, message=r.message, text=r.text)\n\
                  cases = [dict(name=c.name, group=c.classname, time=c.time, result=[result(r) for r in c.result]) for c in suite]\n\
                  counts = dict(tests=suite.tests, failures=suite.failures, errors=suite.errors, skipped=suite.skipped)\n\
                  out = suite._elem.find('system-out').text\n\
                  print(json.dumps(dict(counts=counts, time=suite.time, at=suite.timestamp, out=out, cases=cases)))";
    let read = read_by(python, &["-c", script, &written.path("junit")]);
    let (report, count) = (&written.report, |verdict| written.count(verdict));
    let counts = json!({"tests": count("total"), "failures": count("down"), "errors": count("unknown"), "skipped": 0});
    assert_eq!(read["counts"], counts);
    let wall = report.summary["seconds"]["wall"].as_f64().expect("a number");
    let told = read["time"].as_f64().expect("a number");
    assert!(told <= wall && wall < told + 0.001, "{told} is not {wall} in milliseconds");
    let first = report.checks.iter().filter_map(|check| check["started"].as_str()).min().expect("a check");
    assert_eq!(read["at"], first[..19]);
    let cases = read["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), report.checks.len());
    let out = read["out"].as_str().expect("a text");
    for (case, check) in cases.iter().zip(&report.checks) {
        assert_eq!((&case["name"], &case["time"]), (&title(check).into(), &check["seconds"]["total"]));
        let scheme = check["target"].as_str().and_then(|target| target.split(':').next()).expect("a scheme");
        assert!(case["group"].as_str().expect("a text").starts_with(&format!("{scheme}.127_0_0_1:")), "{case:#}");
        let (verdict, reason, detail) = (text_of(check, "verdict"), text_of(check, "reason"), text_of(check, "detail"));
        let results = case["result"].as_array().expect("a list");
        match &results[..] {
            [] => assert!(is_healthy(check), "{case:#}"),
            [result] => {
                assert_eq!(result["kind"], if verdict == "down" { "Failure" } else { "Error" }, "{case:#}");
                assert_eq!((&result["type"], &result["message"]), (&reason.clone().into(), &detail.clone().into()));
                let text = result["text"].as_str().expect("a text");
                assert!(text.starts_with(&format!("{detail}\n")), "{text}");
                for one in check["failed"].as_array().expect("a list").iter().skip(1) {
                    assert!(text.contains(&format!("\nalso: {}, expected ", text_of(one, "got"))), "{text}");
                }
            }
            _ => panic!("more than one result: {case:#}"),
        }
        let line = format!("{verdict} {}", title(check));
        let lines: Vec<&str> = out.lines().filter(|told| told.starts_with(&line)).collect();
        if verdict == "degraded" {
            let warning = format!("{reason}: {detail}");
            assert!(lines.iter().any(|line| line.ends_with(&warning)), "{warning}: {out}");
        }
        for (name, value) in check["labels"].as_object().expect("an object") {
            let label = shown(&format!("{}:{value}", json!(name)));
            assert!(lines.iter().any(|line| line.contains(&label)), "{label}: {out}");
        }
    }
}
