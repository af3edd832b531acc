//! `-o html`, of `check` and of `compare`: the figures are those of the same run's NDJSON, the page is sound and asks for
//! nothing, and a browser shows it on a phone and on a desk without a bar to scroll sideways.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use upcheck::check::units::short_time;

use crate::support::{Report, Server, Step, TempDir, Upcheck, has_program, ms, refused_address, skipped};

/// The longest that a browser may take for one page.
const BROWSER_MAX: Duration = Duration::from_secs(60);

/// A server with an answer of each kind.
fn server() -> Server {
    Server::answering(|request| match request.path().split('?').next().unwrap_or_default() {
        "/503" => vec![Step::send("HTTP/1.1 503 Out\r\nContent-Length: 4\r\n\r\nsick")],
        "/close" => vec![Step::Close],
        "/garbage" => vec![Step::send("<script>alert(1)</script>\u{1b}[31m\r\n\r\n")],
        _ => vec![Step::ok()],
    })
}

/// Targets of each kind, names and labels that would be something else than text, and what is too long.
fn targets(server: &Server) -> String {
    let url = |path: &str| server.url(path);
    let mut lines = vec![
        format!("{} name=plain label.team=pay", url("/ok")),
        format!("{} name='<b>bold</b> & \"quoted\"' label.x='\"><script>alert(1)</script>'", url("/503")),
        format!("{} name=closed", url("/close")),
        format!("{} name=garbage retry=1", url("/garbage")),
        format!("{} expect='body contains \"{}\"'", url("/long"), "x".repeat(2000)),
        format!("{} warn='total < 1us'", url("/warned")),
        format!("http://{}/{}", refused_address(), "a-long-path".repeat(100)),
        format!("tcp://{}", server.address()),
    ];
    lines.extend((0..90).map(|index| format!("{} name=service-{index}", url("/many"))));
    lines.join("\n")
}

/// The page and the NDJSON of one run.
fn run(folder: &TempDir, targets: &str) -> (String, Report) {
    let file = folder.write("targets", targets);
    let page = folder.path("report.html");
    let report = Upcheck::new()
        .args(["-f", &file, "-o", &format!("html={}", page.display())])
        .args(["--retry-delay", "10ms", "-o", "ndjson"])
        .run()
        .expect_code(1)
        .report();
    (fs::read_to_string(page).expect("a page"), report)
}

/// The text that stands between these two, the first time.
#[track_caller]
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before:?} in the page"));
    rest.split_once(after).unwrap_or_else(|| panic!("no {after:?} behind {before:?}")).0
}

/// Panics unless its tags are nested, and none could act, or ask somebody for something.
#[track_caller]
fn expect_sound(page: &str) {
    assert!(page.starts_with("<!doctype html>\n") && page.ends_with("</html>\n"), "whole");
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""), "a policy");
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(2) {
        let tag = tag.split_once('>').expect("a tag ends").0;
        let name = tag.trim_matches('/').split(' ').next().expect("a tag has a name");
        assert!(
            !["script", "link", "img", "iframe", "object", "embed", "form", "base", "a"].contains(&name),
            "<{tag}>"
        );
        assert!(!["href=", "src=", "url(", "http:", "https:", " on"].iter().any(|word| tag.contains(word)), "<{tag}>");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes what is open");
        } else if !tag.ends_with('/') && !["meta", "br"].contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} are never closed");
    assert!(!page.contains(|c: char| c.is_control() && c != '\n'), "no control character");
}

/// A time as the page shows it.
fn shown(seconds: &Value) -> String {
    let micros = (seconds.as_f64().expect("a number") * 1e6).round() as u64;
    short_time(Duration::from_micros(micros))
}

#[test]
fn the_figures_are_those_of_the_same_run() {
    let (server, folder) = (server(), TempDir::new());
    let (page, report) = run(&folder, &targets(&server));
    expect_sound(&page);
    let summary = &report.summary;
    for verdict in ["up", "degraded", "down", "unknown"] {
        let counted = format!("{verdict}\"><strong>{}</strong><span class=\"v\">{verdict}</span>", summary[verdict]);
        assert!(page.contains(&counted), "{counted}");
    }
    for (reason, count) in summary["reasons"].as_object().expect("reasons") {
        let row = between(&page, &format!("<b>{reason}</b> <small>"), "</tr>");
        assert!(row.ends_with(&format!("<b>{count}</b></td>")), "{row}");
    }
    for mark in ["p50", "p90", "p99"] {
        assert!(page.contains(&format!(">{mark} {}</text>", shown(&summary["seconds"][mark]))), "{mark}");
    }
    let figures = [
        ("wall", shown(&summary["seconds"]["wall"])),
        ("most in flight", summary["most_in_flight"].to_string()),
        ("CPU", shown(&summary["cpu_seconds"])),
        ("turns of the loop", summary["loop"]["turns"].to_string()),
        ("longest turn", shown(&summary["loop"]["longest_turn_seconds"])),
        ("threads", summary["threads"].to_string()),
    ];
    for (name, value) in figures {
        assert_eq!(between(&page, &format!("<dt>{name}</dt><dd>"), "</dd>"), value, "{name}");
    }
    // A row each, with its status and its time, in the order of verdicts.
    let rows: Vec<&str> = page.lines().filter(|line| line.contains("<code>")).collect();
    assert_eq!(rows.len(), report.checks.len());
    for check in &report.checks {
        let Some(name) = check["name"].as_str().filter(|name| !name.contains('<')) else { continue };
        let row = rows.iter().find(|row| row.contains(&format!("<b>{name}</b><code>"))).expect("a row of this name");
        let (verdict, status) = (check["verdict"].as_str().expect("a word"), &check["status"]);
        let status = if status.is_null() { String::new() } else { status.to_string() };
        let time = shown(&check["seconds"]["total"]);
        let cells = format!("<td class=\"v\">{verdict}</td><td class=\"n\">{status}</td><td class=\"n\">{time}</td>");
        assert!(row.contains(&cells), "{cells}\n{row}");
    }
    let order = ["down", "unknown", "degraded", "up"];
    let ranks = rows.iter().map(|row| order.iter().position(|word| row.contains(&format!("class=\"{word}\"><td"))));
    assert!(ranks.is_sorted(), "problems first");
}

#[test]
fn texts_from_outside_are_texts() {
    let (server, folder) = (server(), TempDir::new());
    let (page, _) = run(&folder, &targets(&server));
    for text in [
        "<b>&lt;b&gt;bold&lt;/b&gt; &amp; &quot;quoted&quot;</b>",
        "<span>x=&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</span>",
        "<span>team=pay</span>",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("<script") && !page.contains(&"x".repeat(400)), "long details are cut");
    assert!(page.len() < 256 * 1024, "{} bytes", page.len());
}

#[test]
fn many_thousands_are_one_page_of_bounded_size() {
    let (server, folder) = (server(), TempDir::new());
    let line = |index: usize| {
        let path = if index.is_multiple_of(50) { "/503" } else { "/ok" };
        format!("{}?with=a-query-that-is-as-long-as-they-are&index={index} label.team=t{index}", server.url(path))
    };
    let lines: Vec<String> = (0..2500).map(line).collect();
    let (page, report) = run(&folder, &lines.join("\n"));
    expect_sound(&page);
    assert!(page.len() < 3 << 20, "{} bytes", page.len());
    let rows = page.lines().filter(|line| line.contains("<code>")).count();
    let down = page.lines().filter(|line| line.starts_with("<tr class=\"down\"><td class=\"v\">")).count();
    assert!((500..=2000).contains(&rows), "{rows}");
    assert_eq!(down as u64, report.summary["down"].as_u64().expect("a count"), "none that failed is left out");
    let rest: usize = between(&page, "and without a row: ", "</td>")
        .replace(['\u{202f}', ' '], "")
        .replace("up", "")
        .parse()
        .expect("a count");
    assert_eq!(rows + rest, 2500);
}

#[test]
fn a_comparison_is_a_page_too() {
    let folder = TempDir::new();
    let page = folder.path("compare.html");
    let output = Upcheck::new()
        .args(["compare", "--sweep", "5,10", "--latency", "10ms", "--repeat", "1", "-o", "json"])
        .args(["--strategies", "sequential,threads:5,loop", "-o", &format!("html={}", page.display())])
        .run();
    output.expect_code(0);
    let document: Value = serde_json::from_str(output.out()).expect("a JSON document");
    let page = fs::read_to_string(page).expect("a page");
    expect_sound(&page);
    for case in document["cases"].as_array().expect("cases") {
        let checks = between(&page, &format!("<h2>{} checks</h2>", case["count"]), "CPU time");
        for strategy in case["strategies"].as_array().expect("strategies") {
            let row = between(checks, &format!("<b>{}</b>", strategy["strategy"].as_str().expect("a name")), "</tr>");
            let value = format!("<b>{}</b></td>", shown(&strategy["wall_seconds"]["median"]));
            assert!(row.ends_with(&value), "{value}\n{row}");
        }
    }
    for note in document["notes"].as_array().expect("notes") {
        assert!(page.contains(note.as_str().expect("a sentence")), "{note}");
    }
    assert_eq!(page.matches("role=\"img\"").count(), 4, "lines over the sweep");
    let help = Upcheck::new().args(["compare", "--help"]).run();
    assert!(help.out().contains("html"), "said in the help");
}

/// How wide the content of a page is in a window this wide, as a browser says. `None` where there is no browser.
#[track_caller]
fn content_width(folder: &TempDir, page: &Path, width: u32) -> Option<u32> {
    if !has_program("chromium") {
        skipped!("chromium is not installed");
        return None;
    }
    let frame = format!(
        "<!doctype html><title>waiting</title><iframe src=\"file://{}\" style=\"width:{width}px;height:800px;border:0\" \
         onload=\"const d=this.contentDocument.documentElement;document.title='content '+d.scrollWidth+' end'\"></iframe>",
        page.display()
    );
    let wrapper = folder.write("frame.html", frame);
    let mut browser = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path("browser").display()))
        .arg(format!("file://{wrapper}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromium starts");
    let mut stdout = browser.stdout.take().expect("piped");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.read_to_string(&mut text);
        text
    });
    let started = Instant::now();
    while browser.try_wait().expect("a child of ours").is_none() && started.elapsed() < BROWSER_MAX {
        std::thread::sleep(ms(20));
    }
    let _ = browser.kill();
    let _ = browser.wait();
    let text = reader.join().expect("the reader does not panic");
    let width = text.split_once("<title>content ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    if width.is_none() {
        skipped!("chromium did not show the page: {text:?}");
    }
    width
}

#[test]
fn a_browser_shows_it_on_a_phone_and_on_a_desk() {
    let (server, folder) = (server(), TempDir::new());
    run(&folder, &targets(&server));
    let compare = folder.path("compare.html");
    let arguments =
        ["compare", "--sweep", "2,4", "--latency", "1ms", "--repeat", "1", "--strategies", "loop,loop-blocking:1ms"];
    Upcheck::new().args(arguments).args(["-o", &format!("html={}", compare.display())]).run().expect_code(0);
    // One that does not fit, to see that it is measured.
    folder.write("wide.html", "<!doctype html><div style=\"width:2000px\">wide</div>");
    let Some(2000..) = content_width(&folder, &folder.path("wide.html"), 390) else { return };
    for page in [&folder.path("report.html"), &compare] {
        for width in [360, 390, 1280] {
            let Some(content) = content_width(&folder, page, width) else { return };
            assert!(content <= width, "{}: {content} in a window of {width}", page.display());
        }
    }
}
