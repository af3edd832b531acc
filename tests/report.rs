//! `upcheck report`, `--shard` and `--baseline`: results that are read again are what they were, of one run, of many, and of
//! two days.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

use crate::support::{Healthy, Output, Report, Server, Step, TempDir, Upcheck, has_program, refused_address, skipped};

/// The names of all formats, as the help has them.
fn formats() -> Vec<String> {
    let help = Upcheck::new().args(["report", "--help"]).run();
    let (_, list) = help.expect_code(0).out().split_once("Formats of -o:\n").expect("a list of formats");
    let names: Vec<String> =
        list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert!(names.contains(&"human".to_owned()) && names.contains(&"ndjson".to_owned()), "{names:?}");
    names
}

fn report(arguments: &[&str]) -> Output {
    Upcheck::new().arg("report").args(arguments).run()
}

/// A place in the folder, as text.
fn path(folder: &TempDir, name: &str) -> String {
    folder.path(name).to_str().expect("UTF-8").to_owned()
}

/// The lines of one run of these targets.
fn results(targets: &[String]) -> String {
    Upcheck::new().args(["-t", "2", "-o", "ndjson"]).args(targets).run().out().to_owned()
}

#[test]
fn every_format_of_a_run_is_the_same_again() {
    let server = Server::answering(|request| match request.path() {
        "/503" => vec![Step::send("HTTP/1.1 503 Out\r\nContent-Length: 4\r\n\r\nsick")],
        "/close" => vec![Step::Close],
        _ => vec![Step::send("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<\"|'&\\=1;]]>")],
    });
    let at = server.address();
    let folder = TempDir::new();
    let list = folder.write(
        "list",
        format!(
            "http://{at}/ok name='a \"b\" <c> | d' label.team=pay label.k8s.io/x='=1+1'\n{at}/ok\n\
             {at}/503 label.team=\"x\\\\y\" retry=1 retry-delay=1ms\n{at}/close\n\
             {at}/warn warn='total < 1us' expect='body contains \"<\"'\n\
             {at}/body expect='body == \"x|y\"' expect='header.x exists'\ntcp://{} name=tcp\n",
            refused_address()
        ),
    );
    let names = formats();
    let outputs = names.iter().map(|name| format!("--output={name}={}", path(&folder, &format!("run.{name}"))));
    Upcheck::new().args(["-t", "5", "-f", &list]).args(outputs).run().expect_code(1);
    let run = path(&folder, "run.ndjson");
    let outputs = names.iter().map(|name| format!("--output={name}={}", path(&folder, &format!("again.{name}"))));
    let again = Upcheck::new().args(["report", &run]).args(outputs).run();
    assert_eq!((again.expect_code(1).out(), again.err()), ("", ""));
    for name in names {
        let read = |file: String| fs::read_to_string(path(&folder, &file)).expect("it was written");
        let (run, again) = (read(format!("run.{name}")), read(format!("again.{name}")));
        assert!(run.contains("503"), "{name}: {run}");
        assert_eq!(run, again, "{name}");
    }
}

#[test]
fn shares_are_the_list_and_are_joined_again() {
    let server = Healthy::start();
    let targets: Vec<String> = (0..60).map(|number| server.url(&format!("/?n={number}"))).collect();
    let folder = TempDir::new();
    let list = folder.write("list", targets.join("\n"));
    let mut union = BTreeSet::new();
    let mut files = Vec::new();
    for index in 1..=4 {
        let file = path(&folder, &format!("{index}.ndjson"));
        let shard = format!("{index}/4");
        Upcheck::new().args(["-f", &list, "--shard", &shard, "-o", &format!("ndjson={file}")]).run().expect_code(0);
        let share = Report::parse(&fs::read(&file).expect("it was written"));
        assert_eq!(share.summary["shard"], serde_json::json!({"index": index, "count": 4}));
        assert!((5..30).contains(&share.checks.len()), "{}", share.checks.len());
        for check in share.checks {
            assert!(union.insert(check["target"].as_str().expect("a string").to_owned()), "none twice");
        }
        files.push(file);
    }
    assert_eq!(union, targets.iter().cloned().collect());

    let all = Upcheck::new().args(["report", "-o", "ndjson"]).args(&files).run();
    let joined = all.expect_code(0).report();
    assert_eq!(
        (joined.checks.len(), &joined.summary["up"], &joined.summary["shard"]),
        (60, &60.into(), &serde_json::Value::Null)
    );
    let three = Upcheck::new().args(["report", "-s"]).args(&files[1..]).run();
    assert!(three.expect_code(1).err().contains("missing: share 1/4"), "{three:?}");
    let twice = Upcheck::new().args(["report", "-s", &files[0]]).args(&files).run();
    assert!(twice.expect_code(3).err().contains("share 1/4 was given twice"), "{twice:?}");

    // Whatever the order, through a pipe, and as a scheduler numbers it.
    let mut reversed = targets.clone();
    reversed.reverse();
    let piped = Upcheck::new()
        .args(["-f", "-", "--shards", "4", "-o", "ndjson"])
        .env("JOB_COMPLETION_INDEX", "1")
        .stdin(reversed.join("\n"))
        .run();
    let second = Report::parse(&fs::read(&files[1]).expect("it was written"));
    assert_eq!(piped.expect_code(0).report().checks.len(), second.checks.len());
    let nobody = Upcheck::new().args(["--shards", "4", &targets[0]]).run();
    assert!(nobody.expect_code(3).err().contains("JOB_COMPLETION_INDEX"), "{nobody:?}");
}

#[test]
fn gnu_parallel_runs_the_shares() {
    if !has_program("parallel") {
        skipped!("no GNU parallel on this machine");
        return;
    }
    let server = Server::ok();
    let folder = TempDir::new();
    let list: Vec<String> = (0..40).map(|number| server.url(&format!("/{number}"))).collect();
    let list = folder.write("list", list.join("\n"));
    let script = format!(
        "cd {} && seq 4 | HOME=. parallel \"$0\" -f {list} --shard {{}}/4 -o ndjson={{}}.ndjson && \"$0\" report [1-4].ndjson",
        folder.path("").display()
    );
    let output = Upcheck::in_shell(&script).run();
    assert!(output.expect_code(0).out().contains("40 checked: 40 up"), "{output:?}");
}

#[test]
fn a_share_may_be_empty_and_a_list_may_not() {
    let server = Server::ok();
    let run =
        |index: u32| Upcheck::new().args(["--shard", &format!("{index}/64"), "-o", "ndjson", &server.url("/")]).run();
    let counts: Vec<usize> = (1..=64).map(|index| run(index).expect_code(0).report().checks.len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 1);
    let empty = Upcheck::new().args(["--shard", "1/2", "-f", "-"]).run();
    assert!(empty.expect_code(3).err().contains("no targets"), "{empty:?}");
    for wrong in ["0/2", "3/2", "x", "1/"] {
        assert!(Upcheck::new().args(["--shard", wrong, "h"]).run().expect_code(3).err().contains("I/N"));
    }
    let dry = |shard: &str| Upcheck::new().args(["--dry-run", "--shard", shard, "http://a/", "http://b/"]).run();
    let lines: Vec<usize> =
        ["1/2", "2/2"].iter().map(|shard| dry(shard).expect_code(0).out().lines().count()).collect();
    assert_eq!(lines.iter().sum::<usize>(), 2);
}

#[test]
fn what_is_damaged_or_cut_is_named() {
    let server = Server::ok();
    let good = results(&[server.url("/a"), server.url("/b")]);
    let lines: Vec<&str> = good.lines().collect();
    let folder = TempDir::new();
    let cut = folder.write("cut", format!("{}\n", lines[0]));
    let output = report(&[&cut]);
    let told = format!("upcheck: {cut}: cut short: 1 check and no summary\n");
    assert_eq!(output.expect_code(1).err(), told);
    assert!(output.out().contains("1 checked: 1 up"), "{output:?}");

    let damaged = folder.write("damaged", format!("{}\n\n{{\"schema\":1,\n{}\n{}\n", lines[0], lines[1], lines[2]));
    let output = report(&[&damaged]);
    assert!(output.expect_code(1).err().contains(&format!("{damaged}:3: damaged: column 13")), "{output:?}");
    assert!(output.err().contains("1 damaged line"), "{output:?}");
    let lost = folder.write("lost", format!("{}\n{}\n", lines[0], lines[2]));
    assert!(report(&[&lost]).expect_code(1).err().contains(&format!("{lost}:2: 1 check stands before a summary")));
    let noise = folder.write("noise", "x\n".repeat(1000));
    let output = report(&["-q", &noise]);
    assert_eq!(output.expect_code(1).err().lines().count(), 20 + 1 + 1, "{output:?}");
    assert!(output.err().contains("1000 damaged lines"), "{output:?}");
    assert_eq!(report(&[&folder.write("good", &good)]).expect_code(0).err(), "");
    // Results of a run whose reader was a pipe.
    let piped = Upcheck::new().args(["report", "-"]).stdin(good).run();
    assert!(piped.expect_code(0).out().contains("2 checked: 2 up"), "{piped:?}");
}

#[test]
fn a_reader_who_leaves_ends_it() {
    let line = results(&[Server::ok().url("/")]).lines().next().expect("a check").to_owned();
    // It would be told that they were cut short, had it read on until they end.
    let script = "{ timeout 20 yes \"$LINE\" 2>/dev/null | \"$0\" \"$@\"; echo \"ended with $?\" >&2; } | head -n 1";
    let output = Upcheck::in_shell(script).env("LINE", &line).args(["report", "-o", "ndjson", "-"]).run();
    assert_eq!((output.out(), output.err()), (&*format!("{line}\n"), "ended with 1\n"));
}

#[test]
fn what_cannot_be_read_is_said() {
    for (arguments, told) in [
        (&["report"][..], "report needs the results"),
        (&["report", "/no/such/file"], "/no/such/file: No such file"),
        (&["report", "/"], "/: "),
        (&["report", "-o", "nosuch", "x"], "'nosuch' is not a format"),
        (&["report", "--slower", "x", "x"], "--slower: 'x' is not a number"),
        (&["report", "--baseline", "a", "-o", "csv", "b"], "--baseline"),
        (&["report", "--timeout", "1", "x"], "there is no flag '--timeout'"),
    ] {
        let output = Upcheck::new().args(arguments).run();
        assert!(output.expect_code(3).err().contains(told), "{output:?}");
    }
}

#[test]
fn what_has_changed_since_yesterday() {
    let server = Server::answering(|request| match request.path() {
        "/sick" => vec![Step::send("HTTP/1.1 503 Out\r\nContent-Length: 0\r\n\r\n")],
        _ => vec![Step::ok()],
    });
    let folder = TempDir::new();
    let run = |name: &str, list: &str| {
        let list = list.replace("AT", &server.address().to_string());
        let file = path(&folder, name);
        Upcheck::new().args(["-f", "-", "-o", &format!("ndjson={file}")]).stdin(list).run();
        file
    };
    let old = run("old", "AT/ name=falls\nAT/sick name=rises\nAT/sick name=stays\nAT/ name=same\nAT/gone\n");
    let worse = run("worse", "AT/sick name=falls\nAT/ name=rises\nAT/sick name=stays\nAT/ name=same\nAT/new\n");
    let output = report(&["--baseline", &old, "--slower", "100000%", &worse]);
    let out = output.expect_code(1).out();
    for line in ["newly down  falls  status, was ok: ", "still down  stays  ", "recovered   rises  ok, was status"] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(out.contains("1 newly down, 1 still down, 1 recovered, 1 new, 1 gone, 1 unchanged\n"), "{out}");
    let objects = report(&["--baseline", &old, "--slower", "100000%", "-o", "ndjson", &worse]);
    let last: serde_json::Value =
        objects.out().lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap();
    assert_eq!((&last["type"], &last["newly_down"], &last["gone"]), (&"differences".into(), &1.into(), &1.into()));
    // What was down before is no reason to stop a deployment.
    report(&["--baseline", &worse, "--slower", "100000%", &worse]).expect_code(0);
    let new_and_down = run("bad", "AT/sick name=falls\nAT/ name=rises\nAT/sick name=stays\nAT/sick name=fresh\n");
    report(&["--baseline", &worse, &new_and_down]).expect_code(1);
    // A run that was cut short is no baseline.
    let cut = folder.write("cut", fs::read_to_string(&worse).unwrap().lines().next().unwrap());
    report(&["--baseline", &cut, &worse]).expect_code(1);
}

#[test]
fn a_signal_ends_it_and_leaves_nothing_half_written() {
    let server = Server::ok();
    let good = results(&[server.url("/a")]);
    let folder = TempDir::new();
    let file = path(&folder, "report");
    let mut running = Upcheck::new().args(["report", "-o", "human", "-o", &format!("ndjson={file}"), "-"]).spawn();
    let mut input = running.stdin.take().expect("not taken yet");
    input.write_all(good.as_bytes()).expect("it reads");
    assert!(running.lines().next().contains("up"), "it has been read");
    running.signal("INT");
    running.finish().expect_code(130);
    drop(input);
    assert_eq!(fs::read_dir(folder.path("")).expect("it is there").count(), 0);
}
