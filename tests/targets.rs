//! Targets files: what a line may say, how an error is pointed at, and lists that come through a pipe.

use std::fs;
use std::io::Write;
use std::process::Command;

use crate::support::{Server, Step, TempDir, Upcheck, ms};

#[test]
fn a_file_may_come_from_any_editor() {
    let server = Server::ok();
    let url = server.url("");
    let folder = TempDir::new();
    let files = [
        ("plain", format!("{url}/1\n{url}/2\n")),
        ("no-final-newline", format!("{url}/1\n{url}/2")),
        ("crlf", format!("{url}/1\r\n{url}/2\r\n")),
        ("bom", format!("\u{feff}{url}/1\n{url}/2\n")),
        ("bom-crlf-comment", format!("\u{feff}# first\r\n{url}/1\r\n\r\n{url}/2")),
        ("comments", format!("# a comment\n\n   \n\t# another\n{url}/1\n{url}/2   # and one behind\n")),
        ("indented", format!("  {url}/1\n\t{url}/2\t\n")),
    ];
    for (name, content) in files {
        let file = folder.write(name, content);
        let report = Upcheck::new().args(["-f", &file]).report();
        assert_eq!(report.summary["up"], 2, "{name}: {report:#?}");
        assert_eq!(report.target(&format!("{url}/1"))["verdict"], "up", "{name}");
        assert_eq!(report.target(&format!("{url}/2"))["verdict"], "up", "{name}");
    }
}

#[test]
fn a_line_has_options() {
    let server = Server::answering(|request| match request.path() {
        "/hang" => vec![Step::Hang],
        _ => vec![Step::ok()],
    });
    let url = server.url("");
    let folder = TempDir::new();
    let file = folder.write(
        "targets",
        format!(
            "{url}/a name=alpha label.team=pay label.tier='two words'\n\
             {url}/b name=\"beta gamma\" header='X-Token: ${{TOKEN}}' header=\"X-Other: 1\" user-agent=probe\n\
             {url}/c name=post data='a=1' request=PUT\n\
             {url}/hang name=slow timeout=300ms\n"
        ),
    );
    let output = Upcheck::new().env("TOKEN", "s3 cret").args(["-t", "20", "-o", "ndjson", "-f", &file]).run();
    let report = output.expect_code(1).report();
    assert_eq!(report.named("alpha")["labels"]["team"], "pay");
    assert_eq!(report.named("alpha")["labels"]["tier"], "two words");
    assert_eq!(report.named("beta gamma")["labels"], serde_json::json!({}));
    assert_eq!(report.named("slow")["reason"], "response_timeout");
    let requests = server.requests();
    let request = |path: &str| requests.iter().find(|request| request.path() == path).expect("it was asked");
    assert_eq!(request("/b").header("x-token"), Some("s3 cret"));
    assert_eq!(request("/b").header("x-other"), Some("1"));
    assert_eq!(request("/b").header("user-agent"), Some("probe"));
    assert_eq!(request("/c").method(), "PUT");
    assert_eq!(request("/c").body, b"a=1");
    assert_eq!(request("/a").header("x-token"), None, "an option is for its line only");
}

#[test]
fn a_default_line_reaches_to_the_end_of_its_file() {
    let server = Server::ok();
    let url = server.url("");
    let folder = TempDir::new();
    let one = folder.write(
        "one",
        format!(
            "{url}/before\ndefault header='X-From: one' label.file=one\n{url}/after\n{url}/own header='X-Own: 1' label.file=mine\n"
        ),
    );
    let two = folder.write("two", format!("{url}/two\n"));
    let report = Upcheck::new().args(["-f", &one, "-f", &two]).arg(server.url("/argument")).report();
    assert_eq!(report.summary["up"], 5, "{report:#?}");
    let requests = server.requests();
    let from = |path: &str| {
        let request = requests.iter().find(|request| request.path() == path).expect("it was asked");
        request.header("x-from").map(str::to_owned)
    };
    assert_eq!(from("/before"), None);
    assert_eq!(from("/after").as_deref(), Some("one"));
    assert_eq!(from("/two"), None);
    assert_eq!(from("/argument"), None);
    assert_eq!(report.target(&format!("{url}/after"))["labels"]["file"], "one");
    assert_eq!(report.target(&format!("{url}/own"))["labels"]["file"], "mine");
}

#[test]
fn a_flag_reaches_every_target_and_a_line_wins_over_it() {
    let server = Server::ok();
    let url = server.url("");
    let folder = TempDir::new();
    let file = folder.write("targets", format!("{url}/flag\n{url}/line user-agent=line\n"));
    Upcheck::new().args(["-A", "flag", "-f", &file]).run().expect_code(0);
    for request in server.requests() {
        assert_eq!(request.header("user-agent"), Some(&request.path()[1..]));
    }
}

#[test]
fn files_arguments_and_standard_input_add_up() {
    let server = Server::ok();
    let url = server.url("");
    let folder = TempDir::new();
    let file = folder.write("targets", format!("{url}/file\n"));
    let report = Upcheck::new()
        .args(["-f", &file, "-f", "-", "-f", &file])
        .arg(server.url("/argument"))
        .stdin(format!("{url}/stdin\n"))
        .report();
    let mut targets: Vec<&str> =
        report.checks.iter().map(|check| check["target"].as_str().expect("a string")).collect();
    targets.sort_unstable();
    // The same file twice is its targets twice.
    let expected = ["/argument", "/file", "/file", "/stdin"].map(|path| server.url(path));
    assert_eq!(targets, expected);
}

#[test]
fn every_error_of_every_file_is_listed_with_its_place_and_nothing_is_sent() {
    let server = Server::ok();
    let url = server.url("");
    let folder = TempDir::new();
    let one = folder.write(
        "one.txt",
        format!("{url}/\nftp://host/\n\n# fine\n{url}/ tiemout=1s\nhttp://host:port/\n{url}/ timeout=banana\n"),
    );
    let two = folder
        .write("two.txt", format!("{url}/\n{url}/ header='X: ${{UPCHECK_TEST_UNSET_NAME}}'\n{url}/ name='open\n"));
    let output = Upcheck::new().args(["-f", &one, "-f", &two]).args([&server.url("/"), "bad://argument/"]).run();
    output.expect_code(3);
    assert_eq!(output.out(), "");
    let option_column = url.len() + 3;
    let places = [
        format!("{one}:2:1"),
        format!("{one}:5:{option_column}"),
        format!("{one}:6:"),
        format!("{one}:7:"),
        format!("{two}:2:"),
        format!("{two}:3:"),
        "argument 2:1".to_owned(),
    ];
    for place in places {
        assert!(output.err().contains(&place), "{place} is not named: {}", output.err());
    }
    for word in ["scheme", "tiemout", "timeout", "banana", "UPCHECK_TEST_UNSET_NAME"] {
        assert!(output.err().contains(word), "{word} is not named: {}", output.err());
    }
    assert!(!output.err().contains(&format!("{one}:1:")), "the first line is fine: {}", output.err());
    assert_eq!(server.accepted(), 0, "nothing is sent");
}

#[test]
fn the_value_of_a_variable_is_not_parsed_again() {
    let server = Server::ok();
    let folder = TempDir::new();
    let file = folder.write("targets", format!("{} header='X-Raw: ${{RAW}}'\n", server.url("/")));
    let raw = "a' name=b \"${HOME}\" #c";
    Upcheck::new().env("RAW", raw).args(["-f", &file]).run().expect_code(0);
    assert_eq!(server.request().header("x-raw"), Some(raw));
    // But it cannot add a line to the request.
    let output = Upcheck::new().env("RAW", "a\r\nX-More: 1").args(["-f", &file]).run();
    output.expect_code(3);
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_line_of_a_mebibyte_is_named_not_repeated() {
    let server = Server::ok();
    let url = server.url("/");
    let folder = TempDir::new();
    let long = format!("{url}\n{url}{}\n{url}\n", "x".repeat(1 << 20));
    let file = folder.write("long.txt", &long);
    let output = Upcheck::new().args(["-f", &file]).run();
    output.expect_code(3);
    assert!(output.err().contains(&format!("{file}:2")), "{output:?}");
    assert!(output.stderr.len() < 4096, "{} bytes of message", output.stderr.len());
    assert_eq!(server.accepted(), 0);
    // Through a pipe, too, and without its end.
    let output = Upcheck::new().args(["-f", "-"]).stdin(&long[..1 << 19]).run();
    output.expect_code(3);
    assert!(output.err().contains(":2"), "{output:?}");
}

#[test]
fn a_list_without_targets_is_an_error() {
    let folder = TempDir::new();
    for content in ["", "\n\n", "# only words\n", "\u{feff}", "default timeout=1s\n"] {
        let file = folder.write("empty", content);
        let output = Upcheck::new().args(["-f", &file]).run();
        output.expect_code(3);
        assert!(!output.err().is_empty(), "{content:?}");
        let output = Upcheck::new().args(["-f", "-"]).stdin(content).run();
        output.expect_code(3);
        assert!(!output.err().is_empty(), "{content:?}");
    }
}

#[test]
fn a_missing_file_does_not_hide_the_errors_of_the_others() {
    let folder = TempDir::new();
    let wrong = folder.write("wrong.txt", "ftp://host/\n");
    let output = Upcheck::new().arg("-f").arg(folder.path("missing.txt")).args(["-f", &wrong]).run();
    output.expect_code(3);
    assert!(output.err().contains("missing.txt"), "{output:?}");
    assert!(output.err().contains(&format!("{wrong}:1:1")), "{output:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let folder = TempDir::new();
    let missing = folder.path("missing");
    let output = Upcheck::new().arg("-f").arg(&missing).run();
    assert!(output.expect_code(3).err().contains("missing"), "{output:?}");
    let a_folder = folder.path("");
    let output = Upcheck::new().arg("-f").arg(&a_folder).run();
    output.expect_code(3).expect_no_crash();
}

#[test]
fn results_come_while_the_pipe_is_still_written() {
    let server = Server::ok();
    let mut running = Upcheck::new().args(["-f", "-", "-o", "ndjson"]).spawn();
    let mut input = running.stdin.take().expect("not taken yet");
    let mut lines = running.lines();
    for n in 0..3 {
        let url = server.url(&format!("/{n}"));
        // In two writes: the second half of a line may take its time.
        let (first, second) = url.split_at(9);
        write!(input, "{first}").expect("the program reads");
        input.flush().expect("a pipe has no buffer");
        std::thread::sleep(ms(50));
        writeln!(input, "{second}").expect("the program reads");
        let line = lines.next();
        assert!(line.contains(&url), "{line}");
    }
    // The last line needs no end.
    write!(input, "{}", server.url("/last")).expect("the program reads");
    drop(input);
    assert!(lines.next().contains("/last"));
    assert!(lines.next().contains("\"summary\""));
    running.finish().expect_code(0);
}

#[test]
fn a_named_pipe_is_read_like_standard_input() {
    let server = Server::ok();
    let folder = TempDir::new();
    let fifo = folder.path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("`mkfifo` is on every Unix");
    assert!(made.success());
    let mut running = Upcheck::new().arg("-f").arg(&fifo).args(["-o", "ndjson"]).spawn();
    let mut lines = running.lines();
    // Opening a FIFO waits for the other side: the program must have opened it by itself.
    let mut writer = fs::OpenOptions::new().write(true).open(&fifo).expect("a FIFO of our own");
    writeln!(writer, "{}", server.url("/1")).expect("the program reads");
    assert!(lines.next().contains("/1"));
    writeln!(writer, "{}", server.url("/2")).expect("the program reads");
    assert!(lines.next().contains("/2"));
    drop(writer);
    assert!(lines.next().contains("\"summary\""));
    running.finish().expect_code(0);
}

#[test]
fn an_error_late_in_a_pipe_keeps_the_results() {
    let server = Server::ok();
    let mut running = Upcheck::new().args(["-f", "-", "-o", "ndjson"]).spawn();
    let mut input = running.stdin.take().expect("not taken yet");
    let mut lines = running.lines();
    writeln!(input, "{}", server.url("/1")).expect("the program reads");
    assert!(lines.next().contains("/1"));
    writeln!(input, "ftp://host/").expect("the program reads");
    writeln!(input, "{}", server.url("/3")).expect("the program reads");
    assert!(lines.next().contains("/3"), "an error does not end the run");
    drop(input);
    let summary = lines.next();
    assert!(summary.contains("\"up\":2"), "{summary}");
    let output = running.finish();
    output.expect_code(3);
    assert!(output.err().contains(":2:"), "names the line: {output:?}");
    assert!(output.err().contains("scheme"), "{output:?}");
}

#[test]
fn a_dry_run_shows_all_and_sends_nothing() {
    let server = Server::ok();
    let list = format!(
        "default timeout=2s header='X-Env: prod'\n{0} name='the api' label.team=pay expect='body contains \"${{WORD}}\"'\n\
         http://me:s3cret@{1}/ header='Authorization: Bearer ${{TOKEN}}' timeout=9s location\n",
        server.url("/x"),
        server.address(),
    );
    let run = |format: &str| {
        Upcheck::new()
            .env("WORD", "hidden-word")
            .env("TOKEN", "hidden-token")
            .args(["--dry-run", "-u", "root:hidden-password", "-o", format, "-f", "-"])
            .stdin(list.clone())
            .run()
    };
    let shown = run("human");
    let lines: Vec<&str> = shown.expect_code(0).out().lines().collect();
    assert_eq!(lines.len(), 2, "{shown:?}");
    let first = format!(
        "{}  name='the api'  label.team=pay  user=***  timeout=2s  header='X-Env: prod'  \
         expect='body contains \"${{WORD}}\"'",
        server.url("/x")
    );
    assert_eq!(lines[0], first);
    assert!(lines[1].starts_with(&format!("http://me@{}/  user=***  timeout=9s  ", server.address())), "{shown:?}");
    let objects = run("ndjson");
    let objects: Vec<serde_json::Value> =
        objects.expect_code(0).out().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(objects[0]["settings"]["timeout"], serde_json::json!(["2s"]), "{objects:#?}");
    assert_eq!(
        objects[1]["settings"]["header"],
        serde_json::json!(["X-Env: prod", "Authorization: ***"]),
        "{objects:#?}"
    );
    for output in [run("human"), run("ndjson")] {
        assert!(!output.out().contains("hidden") && !output.out().contains("s3cret"), "{output:?}");
    }
    assert_eq!(server.accepted(), 0, "nothing was sent");
    let wrong = Upcheck::new().args(["--dry-run", "-f", "-"]).stdin("http://h/\nftp://h/\n").run();
    assert!(wrong.expect_code(3).err().contains("<stdin>:2:1: "), "{wrong:?}");
}

#[test]
fn a_file_of_prometheus_is_read_as_it_is() {
    let server = Server::ok();
    let at = server.address();
    let json = format!(
        "\u{feff} [ {{\"targets\": [\"{at}\"], \"labels\": {{\"env\": \"prod's\", \"__metrics_path__\": \"/health\", \
         \"__param_module\": \"a b\", \"__meta_kind\": \"x\"}}}},\n{{\"targets\": [\"{at}\", \"{at}\"]}} ]\n"
    );
    let folder = TempDir::new();
    let file = folder.write("targets.json", &json);
    let from_file = Upcheck::new().args(["-f", &file]).report();
    let from_pipe = Upcheck::new().args(["-f", "-"]).stdin(json.clone()).report();
    for report in [from_file, from_pipe] {
        assert_eq!((report.checks.len(), &report.summary["up"]), (3, &3.into()), "{:#?}", report.checks);
        let check = report.target(&format!("http://{at}/health?module=a%20b"));
        assert_eq!(check["labels"], serde_json::json!({"env": "prod's"}));
    }
    let before = server.accepted();
    for (wrong, told) in [
        (json.replace("\"targets\": [\"", "\"targets\": [\"ftp://x\", \""), "the scheme is not one of"),
        ("[{\"targets\": 1}]".to_owned(), "group 1: 'targets' is not a list"),
        ("[{".to_owned(), ":1:3: "),
    ] {
        let file = folder.write("wrong.json", &wrong);
        for output in
            [Upcheck::new().args(["-f", &file]).run(), Upcheck::new().args(["-f", "-"]).stdin(wrong.clone()).run()]
        {
            assert!(output.expect_code(3).err().contains(told), "{wrong}: {output:?}");
        }
    }
    assert_eq!(server.accepted(), before, "nothing was checked");
    // An IPv6 address in brackets begins like it, and is none.
    let output = Upcheck::new().args(["-f", "-", "-t", "1s", "-o", "ndjson"]).stdin("[::1]:1\n").run();
    assert_eq!(output.expect_code(1).report().single()["target"], "[::1]:1");
    let empty = Upcheck::new().args(["-f", &folder.write("empty.json", "[]")]).run();
    let empty_pipe = Upcheck::new().args(["-f", "-"]).stdin("[]").run();
    for empty in [empty, empty_pipe] {
        assert!(empty.expect_code(3).err().contains("no targets"), "{empty:?}");
    }
}
