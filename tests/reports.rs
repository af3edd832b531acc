//! What a run says: on standard output, in files, to a terminal, and what its numbers add up to.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::{
    Healthy, Report, Server, Step, TempDir, Upcheck, has_program, ms, refused_address, skipped, wait_until,
};

/// A server with an answer of each kind, and targets for them: up, down by status, down by timeout, down by close.
fn mixed() -> (Server, Vec<String>) {
    let server = Server::answering(|request| match request.path() {
        "/ok" => vec![Step::ok()],
        "/503" => vec![Step::send("HTTP/1.1 503 Out\r\nContent-Length: 4\r\n\r\nsick")],
        "/hang" => vec![Step::Hang],
        _ => vec![Step::Close],
    });
    let mut targets: Vec<String> = ["/ok", "/503", "/hang", "/close"].iter().map(|path| server.url(path)).collect();
    targets.push(format!("http://{}/", refused_address()));
    targets.push(format!("tcp://{}", server.address()));
    (server, targets)
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn every_key_is_in_every_line() {
    let (_server, targets) = mixed();
    let report = Upcheck::new().args(["-t", "1"]).args(&targets).report();
    assert_eq!(report.checks.len(), targets.len());
    let check_keys = BTreeSet::from([
        "schema",
        "type",
        "target",
        "name",
        "labels",
        "verdict",
        "reason",
        "detail",
        "failed",
        "status",
        "address",
        "http_version",
        "body_bytes",
        "seconds",
        "tls",
        "attempts",
        "redirects",
        "reused",
        "started",
    ]);
    let phases = BTreeSet::from(["queue", "dns", "connect", "tls", "wait", "body", "total"]);
    for check in &report.checks {
        assert_eq!(keys(check), check_keys, "{check}");
        assert_eq!(keys(&check["seconds"]), phases, "{check}");
        assert_eq!(check["schema"], 1);
        assert_eq!(check["attempts"], 1, "{check}");
        assert_eq!(check["redirects"], 0, "{check}");
        assert_eq!(check["reused"], false, "{check}");
        assert!(check["labels"].is_object() && check["failed"].is_array(), "{check}");
        assert!(check["tls"].is_null(), "{check}");
    }
    let summary_keys = BTreeSet::from([
        "schema",
        "type",
        "total",
        "up",
        "degraded",
        "down",
        "unknown",
        "reasons",
        "seconds",
        "most_in_flight",
        "cpu_seconds",
        "peak_memory_bytes",
        "shard",
        "threads",
        "loop",
    ]);
    assert_eq!(keys(&report.summary), summary_keys);
    assert_eq!(keys(&report.summary["seconds"]), BTreeSet::from(["p50", "p90", "p99", "max", "wall"]));
    assert_eq!(keys(&report.summary["loop"]), BTreeSet::from(["turns", "longest_turn_seconds"]));
}

#[test]
fn the_phases_add_up_to_the_total() {
    let (_server, targets) = mixed();
    let report = Upcheck::new().args(["-t", "1"]).args(&targets).report();
    for check in &report.checks {
        let seconds = &check["seconds"];
        let total = seconds["total"].as_f64().expect("a number");
        let sum: f64 = ["dns", "connect", "tls", "wait", "body"]
            .iter()
            .filter_map(|phase| seconds[phase].as_f64())
            .inspect(|phase| assert!(*phase >= 0.0, "{check}"))
            .sum();
        // Each may be rounded to a microsecond.
        assert!((sum - total).abs() < 6e-6, "{sum} is not the total of {check}");
    }
    let ok = report.target(&targets[0]);
    for phase in ["queue", "connect", "wait", "body"] {
        assert!(ok["seconds"][phase].is_number(), "{phase}: {ok}");
    }
    for phase in ["dns", "tls"] {
        assert!(ok["seconds"][phase].is_null(), "{phase} did not happen: {ok}");
    }
}

#[test]
fn the_summary_counts_what_the_lines_say() {
    let (_server, targets) = mixed();
    let output = Upcheck::new().args(["-t", "1", "-o", "ndjson"]).args(&targets).run();
    let report = output.expect_code(1).report();
    let summary = &report.summary;
    assert_eq!(summary["total"], report.checks.len());
    for verdict in ["up", "degraded", "down", "unknown"] {
        let count = report.checks.iter().filter(|check| check["verdict"] == verdict).count();
        assert_eq!(summary[verdict], count, "{verdict}: {summary}");
    }
    let reasons = summary["reasons"].as_object().expect("an object");
    for reason in ["status", "response_timeout", "closed", "connect_refused"] {
        assert_eq!(reasons.get(reason), Some(&Value::from(1)), "{reason}: {summary}");
    }
    assert_eq!(reasons.len(), 4, "{summary}");
    let seconds = &summary["seconds"];
    let [p50, p90, p99, max, wall] =
        ["p50", "p90", "p99", "max", "wall"].map(|key| seconds[key].as_f64().expect("a number"));
    assert!(p50 <= p90 && p90 <= p99 && p99 <= max && max <= wall, "{summary}");
    assert!(wall <= output.wall.as_secs_f64(), "{summary}");
    assert!(summary["loop"]["turns"].as_u64() > Some(0), "{summary}");
    assert!(summary["peak_memory_bytes"].as_u64() > Some(100_000), "{summary}");
    assert_eq!(summary["threads"], 1);
}

#[test]
fn the_facts_of_a_check_are_in_its_line() {
    let (server, targets) = mixed();
    let report = Upcheck::new().args(["-t", "1"]).args(&targets).report();
    let address = server.address().to_string();
    let ok = report.target(&targets[0]);
    assert_eq!(ok["verdict"], "up");
    assert_eq!(ok["address"], address);
    assert_eq!(ok["http_version"], "1.1");
    assert_eq!(ok["body_bytes"], 2);
    assert!(ok["detail"].is_null(), "{ok}");
    let started = ok["started"].as_str().expect("a time");
    assert_eq!(started.len(), "2026-11-22T16:40:00.123Z".len(), "{started}");
    assert!(started.starts_with("20") && started.ends_with('Z'), "{started}");
    let refused = report.target(&targets[4]);
    assert!(refused["status"].is_null() && refused["http_version"].is_null(), "{refused}");
    assert!(!targets.iter().any(|target| report.target(target)["target"] != **target));
}

#[test]
fn human_is_a_line_a_target_and_a_summary() {
    let (_server, targets) = mixed();
    let output = Upcheck::new().args(["-t", "1"]).args(&targets).run();
    output.expect_code(1);
    let verdicts = ["up", "down", "down", "down", "down", "up"];
    for (target, verdict) in targets.iter().zip(verdicts) {
        let lines: Vec<&str> =
            output.out().lines().filter(|line| line.split_whitespace().any(|word| word == *target)).collect();
        assert_eq!(lines.len(), 1, "{target}: {output:?}");
        let first = lines[0].split_whitespace().next().expect("a word");
        assert_eq!(first.to_lowercase(), verdict, "{output:?}");
    }
    assert!(output.out().contains("503"), "{output:?}");
    for fact in ["1 thread", "p50", "p90", "p99", "max", "response_timeout", "connect_refused"] {
        assert!(output.out().contains(fact), "{fact}: {output:?}");
    }
    assert_eq!(output.err(), "", "no progress line on a pipe");
}

#[test]
fn quiet_shows_counts_and_what_is_not_up_and_nothing_where_all_is_well() {
    let (_server, targets) = mixed();
    let output = Upcheck::new().args(["-q", "-t", "1"]).args(&targets).run();
    output.expect_code(1);
    let shown = |target: &str| output.out().split_whitespace().any(|word| word == target);
    let seen: Vec<bool> = targets.iter().map(|target| shown(target)).collect();
    assert_eq!(seen, [false, true, true, true, true, false], "{output:?}");
    // The counts come first: who keeps but a few kilobytes has them.
    assert!(output.out().starts_with("6 checked: 2 up, 4 down ("), "{output:?}");
    assert_eq!(output.out().lines().count(), 5, "{output:?}");
    let well = Upcheck::new().args(["-q", &targets[0]]).run();
    assert_eq!((well.expect_code(0).out(), well.err()), ("", ""));
    // What a machine reads is always whole.
    let output = Upcheck::new().args(["-q", "-t", "1", "-o", "ndjson"]).args(&targets).run();
    assert_eq!(output.expect_code(1).report().checks.len(), targets.len());
    // Of very many not all are held back.
    let many: String = "http://127.0.0.1:1/\n".repeat(1500);
    let output = Upcheck::new().args(["-q", "-f", "-"]).stdin(many).run();
    let lines: Vec<&str> = output.expect_code(1).out().lines().collect();
    assert_eq!(lines.len(), 1501);
    assert!(lines.iter().any(|line| line.starts_with("1500 checked: 1500 down (connect_refused 1500)")), "{output:?}");
}

#[test]
fn silent_leaves_the_exit_code() {
    let (_server, targets) = mixed();
    let up = Upcheck::new().arg("-s").arg(&targets[0]).run();
    assert_eq!((up.code, up.out(), up.err()), (Some(0), "", ""));
    let down = Upcheck::new().arg("--silent").arg(&targets[1]).run();
    assert_eq!((down.code, down.out(), down.err()), (Some(1), "", ""));
}

#[test]
fn verbose_names_the_longest_turn_of_the_loop() {
    let server = Server::ok();
    let output = Upcheck::new().arg("-v").arg(server.url("/")).run();
    output.expect_code(0);
    let said = format!("{}{}", output.out(), output.err());
    assert!(said.contains("longest turn"), "{output:?}");
    assert!(said.contains("event"), "{output:?}");
    let plain = Upcheck::new().arg(server.url("/")).run();
    assert!(!plain.out().contains("longest turn"), "{plain:?}");
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let server = Server::ok();
    let escapes = |flags: &[&str]| {
        let output = Upcheck::new().args(flags).arg(server.url("/")).run();
        output.expect_code(0);
        output.stdout.contains(&0x1b) || output.stderr.contains(&0x1b)
    };
    assert!(!escapes(&[]));
    assert!(!escapes(&["--color", "auto"]));
    assert!(!escapes(&["--color", "never"]));
    assert!(escapes(&["--color", "always"]));
    assert!(!escapes(&["--color", "always", "-o", "ndjson"]), "data is never coloured");
}

#[test]
fn a_terminal_gets_colour_unless_told_otherwise() {
    if !has_program("script") {
        skipped!("`script` makes the terminal");
        return;
    }
    let server = Server::ok();
    let url = server.url("/");
    let run = |flags: &str, name: &str, value: &str| {
        let output = Upcheck::on_terminal(&format!("{flags} {url}")).env(name, value).run();
        assert!(output.out().contains(&url), "{output:?}");
        output.out().contains("\x1b[3") || output.out().contains("\x1b[1;3") || output.out().contains("\x1b[9")
    };
    assert!(run("", "UNRELATED", "1"));
    assert!(run("", "NO_COLOR", ""), "an empty NO_COLOR says nothing");
    assert!(!run("", "NO_COLOR", "1"));
    assert!(!run("", "TERM", "dumb"));
    assert!(!run("--color never", "UNRELATED", "1"));
}

#[test]
fn the_progress_line_is_for_terminals_and_leaves_nothing_behind() {
    if !has_program("script") {
        skipped!("`script` makes the terminal");
        return;
    }
    let server = Server::answering(|_| vec![Step::Pause(ms(700)), Step::ok()]);
    let url = server.url("/");
    let run = |flags: &str| Upcheck::on_terminal(&format!("{flags} -t 20 {url}")).run();
    let output = run("");
    let (progress, result) = output.out().split_once(&url).expect("the result comes after the progress");
    assert!(progress.contains("in flight"), "{output:?}");
    assert!(progress.contains("\r\x1b[K") && !result.contains("\x1b[K"), "wiped before the result: {output:?}");
    assert!(!run("--no-progress").out().contains("\x1b[K"));
    assert!(!run("-s").out().contains("\x1b[K"));
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let server = Server::answering(|_| vec![Step::Gate, Step::ok()]);
    let folder = TempDir::new();
    let file = folder.write("results", "yesterday's");
    let before = fs::metadata(&file).expect("it is there").ino();
    let running = Upcheck::new().args(["-t", "25", "-o", &format!("ndjson={file}")]).arg(server.url("/")).spawn();
    wait_until("the request arrives", || server.requests().len() == 1);
    let meanwhile = fs::read_to_string(&file).expect("it is there");
    assert_eq!(meanwhile, "yesterday's", "a reader sees the old file until the new one is whole");
    server.release();
    let output = running.finish();
    assert_eq!(output.expect_code(0).out(), "", "only a file was asked for");
    let report = Report::parse(&fs::read(&file).expect("it is there"));
    assert_eq!(report.single()["verdict"], "up");
    assert_ne!(fs::metadata(&file).expect("it is there").ino(), before, "renamed into place");
    assert_eq!(folder.names(), ["results"], "nothing is left beside it");
}

/// A named pipe, and its reading end, which is there before anybody writes.
fn named_pipe(folder: &TempDir) -> (PathBuf, fs::File) {
    let path = folder.path("fifo");
    let made = Command::new("mkfifo").arg(&path).status().expect("`mkfifo` is on every Unix");
    assert!(made.success());
    // Opened both ways it waits for nobody, and so does whoever opens it for reading meanwhile.
    let both = fs::File::options().read(true).write(true).open(&path).expect("a FIFO of our own");
    let reader = fs::File::open(&path).expect("a FIFO of our own");
    drop(both);
    (path, reader)
}

#[test]
fn a_pipe_is_written_as_it_is() {
    // Far more than a pipe holds, to a reader who takes his time.
    const CHECKS: usize = 1000;
    let gone = refused_address();
    let targets: String = (0..CHECKS).map(|n| format!("http://{gone}/{n}\n")).collect();
    let folder = TempDir::new();
    let (fifo, mut reader) = named_pipe(&folder);
    let reader = std::thread::spawn(move || {
        std::thread::sleep(ms(300));
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("a FIFO of our own");
        bytes
    });
    let output = Upcheck::new().args(["-f", "-", "-o"]).arg(format!("ndjson={}", fifo.display())).stdin(targets).run();
    let kind = fs::metadata(&fifo).expect("it is there").file_type();
    assert!(kind.is_fifo(), "not replaced by a file");
    output.expect_code(1);
    let bytes = reader.join().expect("it ends");
    assert!(bytes.len() > 3 * 64 * 1024, "{} bytes", bytes.len());
    assert_eq!(Report::parse(&bytes).checks.len(), CHECKS, "nothing is lost");
}

#[test]
fn a_pipe_that_nobody_reads_is_an_error_at_once() {
    let server = Server::ok();
    let folder = TempDir::new();
    let (fifo, reader) = named_pipe(&folder);
    drop(reader);
    let output = Upcheck::new().arg("-o").arg(format!("ndjson={}", fifo.display())).arg(server.url("/")).run();
    let told = format!("upcheck: {}: nobody reads this named pipe\n", fifo.display());
    assert_eq!(output.expect_code(3).err(), told);
    assert_eq!(server.accepted(), 0, "before anything is checked");
}

#[test]
fn a_link_leads_to_the_file_that_is_written() {
    let server = Server::ok();
    let folder = TempDir::new();
    folder.write("real", "yesterday's");
    let link = folder.path("link");
    std::os::unix::fs::symlink("real", &link).expect("a folder of our own");
    Upcheck::new().arg("-o").arg(format!("ndjson={}", link.display())).arg(server.url("/")).run().expect_code(0);
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink(), "not replaced by a file");
    let report = Report::parse(&fs::read(folder.path("real")).expect("it is there"));
    assert_eq!(report.single()["verdict"], "up");
}

#[test]
fn several_outputs_are_written_at_once() {
    let (_server, targets) = mixed();
    let folder = TempDir::new();
    let lines = folder.path("lines");
    let words = folder.path("words");
    let output = Upcheck::new()
        .args(["-t", "1", "-o", "ndjson", "-o"])
        .arg(format!("human={}", words.display()))
        .arg("-o")
        .arg(format!("ndjson={}", lines.display()))
        .args(&targets)
        .run();
    output.expect_code(1);
    let written = fs::read(&lines).expect("it is there");
    assert_eq!(output.stdout, written, "the same format says the same");
    assert_eq!(Report::parse(&written).checks.len(), targets.len());
    let words = fs::read_to_string(&words).expect("it is there");
    assert!(targets.iter().all(|target| words.contains(target.as_str())), "{words}");
    assert!(!words.contains('\x1b'), "a file is no terminal: {words}");
}

#[test]
fn an_output_that_cannot_be_written_stops_the_run_before_it_starts() {
    let server = Server::ok();
    let folder = TempDir::new();
    let missing = folder.path("no/such/folder/results");
    for output in [format!("ndjson={}", missing.display()), "ndjson=".into(), "nosuchformat".into(), String::new()] {
        let result = Upcheck::new().args(["-o", &output]).arg(server.url("/")).run();
        result.expect_code(3);
        assert!(!result.stderr.is_empty() && result.stdout.is_empty(), "{output}: {result:?}");
    }
    assert_eq!(server.accepted(), 0);
}

#[test]
fn a_device_that_is_full_is_an_error_and_no_crash() {
    let server = Server::ok();
    let output = Upcheck::new().args(["-o", "ndjson=/dev/full"]).arg(server.url("/")).run();
    output.expect_code(3);
    assert!(output.err().contains("/dev/full"), "{output:?}");
}

#[test]
fn results_come_as_they_finish() {
    let server = Server::answering(|request| match request.path() {
        "/slow" => vec![Step::Gate, Step::ok()],
        _ => vec![Step::ok()],
    });
    for format in ["human", "ndjson"] {
        let mut running =
            Upcheck::new().args(["-t", "25", "-o", format]).args([server.url("/slow"), server.url("/fast")]).spawn();
        let first = running.lines().next();
        assert!(first.contains("/fast"), "{format}: {first}");
    }
}

/// The program where a file of this folder is mounted at another place of it, in a folder that can be written or not.
fn with_mounted(folder: &TempDir, is_writable: bool) -> Upcheck {
    folder.write("mounted", "yesterday's, which was longer than what comes now by all that is said here".repeat(40));
    std::fs::create_dir(folder.path("out")).expect("a folder of our own");
    let set_up = "mount -t tmpfs none out && touch out/file && mount --bind mounted out/file && \
                  if [ -n \"$FIXED\" ]; then mount -o remount,ro out; fi && exec \"$0\" \"$@\"";
    Upcheck::in_shell("cd \"$FOLDER\" && exec unshare -rm sh -c \"$SET_UP\" \"$0\" \"$@\"")
        .env("FOLDER", folder.path("").to_str().expect("a UTF-8 name"))
        .env("SET_UP", set_up)
        .env("FIXED", if is_writable { "" } else { "1" })
}

#[test]
fn a_file_that_cannot_be_renamed_over_is_written_in_its_place() {
    let server = Server::ok();
    for is_writable in [true, false] {
        let folder = TempDir::new();
        let output = with_mounted(&folder, is_writable).args(["-v", "-o", "ndjson=out/file", &server.url("/")]).run();
        if crate::dns::cannot_mount(&output.stderr) {
            return;
        }
        output.expect_code(0);
        assert!(output.err().contains("out/file was written in its place"), "{output:?}");
        let report = Report::parse(&fs::read(folder.path("mounted")).expect("it is there"));
        assert_eq!(report.single()["verdict"], "up", "whole, and nothing of what was there before");
        assert_eq!(folder.names(), ["mounted", "out"]);
    }
}

#[test]
fn the_latencies_are_those_of_the_server() {
    let server = Server::answering(|_| {
        vec![
            Step::Pause(ms(300)),
            Step::send("HTTP/1.1 200 OK\r\n"),
            Step::Pause(ms(100)),
            Step::send("Content-Length: 2\r\n\r\n"),
            Step::Pause(ms(200)),
            Step::send("ok"),
        ]
    });
    let report = Upcheck::new().args(["-t", "20"]).arg(server.url("/")).report();
    let seconds = &report.single()["seconds"];
    let at_least = |phase: &str, least: f64| {
        let value = seconds[phase].as_f64().expect("a number");
        // What an answer may have waited for this program to look is not charged to the server; a busy machine makes it wait.
        assert!(value >= least - 0.1, "{phase}: {seconds}");
    };
    at_least("total", 0.6);
    at_least("body", 0.2);
    at_least("wait", 0.3);
}

#[test]
fn many_results_have_sound_percentiles() {
    // 90 answer at once, 10 after 700 ms: the p99 is among the slow, the p50 is not.
    let server = Healthy::start();
    let slow = Server::answering(|_| vec![Step::Pause(ms(700)), Step::ok()]);
    let targets = (0..100).map(|n| if n % 10 == 0 { slow.url("/") } else { server.url("/") });
    let report = Upcheck::new().args(["-t", "20"]).args(targets).report();
    let seconds = &report.summary["seconds"];
    let [p50, p99, max] = ["p50", "p99", "max"].map(|key| seconds[key].as_f64().expect("a number"));
    assert!(p99 >= 0.69 && max >= 0.7, "{seconds}");
    let mut totals: Vec<f64> =
        report.checks.iter().map(|check| check["seconds"]["total"].as_f64().expect("a number")).collect();
    totals.sort_by(f64::total_cmp);
    // Between its neighbours in rank, with room for buckets of a few percent.
    assert!(p50 >= totals[48] * 0.9 && p50 <= totals[51] * 1.1, "{p50}: {totals:?}");
    assert!((max - totals[99]).abs() < 1e-5, "{max}: {totals:?}");
}
