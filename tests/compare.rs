//! `upcheck compare`: every strategy makes every check, with the threads it says, and what cannot be is said.
//!
//! Counts, threads and verdicts are exact; of times only what must hold on a machine that is busy with other things.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::dns::{cannot_mount, with_etc};
use crate::support::{Healthy, TempDir, Upcheck, refused_address, wait_until};

/// Runs a comparison with `-o json`, and reads it.
#[track_caller]
fn compare(arguments: &str) -> Value {
    let output = Upcheck::new().arg("compare").args(arguments.split_whitespace()).args(["-o", "json"]).run();
    output.expect_code(0);
    assert_eq!(output.err(), "", "nothing to say where nobody watches");
    serde_json::from_str(output.out()).expect("a JSON document")
}

/// The strategies of the first case.
fn strategies(document: &Value) -> &Vec<Value> {
    document["cases"][0]["strategies"].as_array().expect("strategies")
}

/// The processes that a process has started and not waited for.
fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// What `/proc` says of a process under a name.
fn status(pid: u32, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(text.lines().find_map(|line| line.strip_prefix(name))?.trim().to_owned())
}

#[test]
fn every_strategy_makes_every_check_with_its_threads() {
    let document = compare(
        "--count 20 --latency 20ms --repeat 2 --strategies sequential,threads:5,threads:40,loop,loop-blocking:1ms",
    );
    assert_eq!((&document["type"], &document["repeat"]), (&"compare".into(), &2.into()));
    let expected = [
        ("sequential", 1, 1),
        ("threads:5", 5, 5),
        ("threads:40", 20, 20),
        ("loop", 1, 20),
        ("loop-blocking:1ms", 1, 20),
    ];
    for (strategy, (name, threads, in_flight)) in strategies(&document).iter().zip(expected) {
        assert_eq!(strategy["strategy"], name);
        assert_eq!((&strategy["runs"], &strategy["not_measured"]), (&2.into(), &Value::Null), "{name}");
        for end in ["min", "max"] {
            assert_eq!(strategy["up"][end], 20, "{name}");
            assert_eq!(strategy["down"][end], 0, "{name}");
            assert_eq!(strategy["services_requests"][end], 20, "{name}: counted by the services");
            let most = strategy["peak_threads"][end].as_u64().expect("a number");
            // Of 20 threads with a check each, the first may be done before a machine that is held up starts the last.
            assert!(most == threads || name == "threads:40" && most < threads, "{name}: {most}");
        }
        // A machine that is held up may answer the first before the last has asked.
        let seen = strategy["services_most_in_flight"]["max"].as_u64().expect("a number");
        assert!((1..=in_flight).contains(&seen), "{name}: {seen}");
        assert_eq!(strategy["longest_turn_seconds"].is_null(), !name.starts_with("loop"), "{name}");
        for figure in ["wall_seconds", "peak_memory_bytes", "p50_seconds", "voluntary_switches"] {
            assert!(strategy[figure]["median"].as_f64().expect("a number") > 0.0, "{name}: {figure}");
        }
        // No strategy can be faster than the service.
        assert!(strategy["p50_seconds"]["min"].as_f64().expect("a number") >= 0.020, "{name}");
    }
    let wall = |index: usize| strategies(&document)[index]["wall_seconds"]["min"].as_f64().expect("a number");
    assert!(wall(0) >= 20.0 * 0.020, "one by one");
    assert!(wall(1) >= 4.0 * 0.020, "four rounds of five");
    let blocking = &strategies(&document)[4];
    assert!(wall(4) >= 0.020 + 20.0 * 0.001, "every check blocked the others");
    assert!(blocking["longest_turn_seconds"]["min"].as_f64().expect("a number") >= 0.001);
    assert!(document["notes"].to_string().contains("loop-blocking:1ms blocked its loop"), "{}", document["notes"]);
}

#[test]
fn proc_agrees_on_the_threads() {
    let mut running = Upcheck::new()
        .args("compare --count 12 --latency 400ms --repeat 1 --strategies threads:6 -o json".split(' '))
        .spawn();
    let mut most = 0;
    while !running.has_ended() {
        let threads = children(running.pid()).into_iter().filter_map(|child| status(child, "Threads:")?.parse().ok());
        most = most.max(threads.max().unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let output = running.finish();
    let document: Value = serde_json::from_str(output.expect_code(0).out()).expect("a JSON document");
    assert_eq!((most, &strategies(&document)[0]["peak_threads"]["median"]), (6, &6.into()));
}

#[test]
fn what_would_take_too_long_is_estimated() {
    let document = compare("--count 100 --latency 100ms --repeat 1 --max 5s --strategies sequential,loop --budget 2s");
    let [sequential, alone] = strategies(&document).as_slice() else { panic!("{document}") };
    assert_eq!((&sequential["runs"], &sequential["estimate_seconds"]), (&0.into(), &10.0.into()));
    assert_eq!(sequential["not_measured"], "it would take longer than 5.00 s (--max)");
    assert!(sequential["wall_seconds"].is_null() && sequential["in_budget"].is_null());
    assert_eq!((&alone["runs"], &alone["estimate_seconds"]), (&1.into(), &Value::Null));
}

#[test]
fn what_takes_too_long_is_ended() {
    // By its latency it should not take long, but what it waits for never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
    let folder = TempDir::new();
    let file = folder.write("targets", format!("http://{}/", silent.local_addr().expect("its address")));
    let document = compare(&format!("-f {} --max 300ms --strategies sequential,loop", file));
    for strategy in strategies(&document) {
        assert_eq!(strategy["not_measured"], "it was ended when it took longer than 300 ms (--max)");
    }
}

#[test]
fn the_budget_marks_who_keeps_it() {
    let arguments = "--count 10 --latency 100ms --repeat 1 --strategies sequential,loop --budget 900ms";
    let document = compare(arguments);
    let [sequential, alone] = strategies(&document).as_slice() else { panic!("{document}") };
    assert_eq!(sequential["in_budget"], false);
    let wall = alone["wall_seconds"]["max"].as_f64().expect("a number");
    assert_eq!(alone["in_budget"], wall <= 0.9, "{wall}");
    let output = Upcheck::new().arg("compare").args(arguments.split(' ')).run();
    let out = output.expect_code(0).out();
    assert!(out.contains("10 checks: wall time, within 900 ms?") && out.contains("in budget"), "{out}");
    assert!(!out.contains('\u{1b}') && output.err().is_empty(), "{output:?}");
}

#[test]
fn too_few_descriptors_are_no_crash() {
    let arguments = "compare --count 60 --latency 50ms --repeat 1 --strategies threads:60,loop -o json";
    let output = Upcheck::with_descriptors(40).args(arguments.split(' ')).run();
    // The services need one for each, too: with 40 they cannot even listen.
    output.expect_code(3);
    assert!(output.err().contains("the services did not start"), "{output:?}");

    let service = Healthy::start();
    let folder = TempDir::new();
    let file = folder.write("targets", format!("{}\n", service.url("/")).repeat(60));
    let arguments = format!("compare -f {} --repeat 1 --strategies threads:60,loop -o json", file);
    let output = Upcheck::with_descriptors(40).args(arguments.split(' ')).run();
    let document: Value = serde_json::from_str(output.expect_code(0).out()).expect("a JSON document");
    let [pool, alone] = strategies(&document).as_slice() else { panic!("{document}") };
    assert_eq!(pool["not_measured"], "60 threads need more open files than 40, the limit (ulimit -n)");
    assert_eq!(
        (&alone["runs"], &alone["up"]["median"]),
        (&1.into(), &60.into()),
        "the loop makes do with what is there"
    );
}

#[test]
fn too_few_threads_are_no_crash() {
    // So little memory may be mapped that there is none for so many stacks.
    let arguments = "compare --count 400 --latency 50ms --repeat 1 --strategies threads:400,loop -o json";
    let output = Upcheck::in_shell("ulimit -v 400000; exec \"$0\" \"$@\"").args(arguments.split(' ')).run();
    let document: Value = serde_json::from_str(output.expect_code(0).out()).expect("a JSON document");
    let [pool, alone] = strategies(&document).as_slice() else { panic!("{document}") };
    let why = pool["not_measured"].as_str().expect("a reason");
    // The next stack, or what a thread that has begun wants to allocate, which ends the process it is in.
    let ends = ["of 400 could not be started", "its process ended without a result"];
    assert!(ends.iter().any(|end| why.contains(end)), "{why}");
    assert_eq!((&pool["runs"], &pool["estimate_seconds"]), (&0.into(), &0.05.into()));
    assert_eq!((&alone["runs"], &alone["up"]["median"]), (&1.into(), &400.into()));
}

#[test]
fn own_targets_come_from_a_file() {
    let service = Healthy::start();
    let folder = TempDir::new();
    let lines = format!(
        "# mine\ndefault timeout=2s\n{}  name=a\n\nhttp://{}/ name=b\ntcp://{}\n",
        service.url("/"),
        refused_address(),
        service.url("").trim_start_matches("http://"),
    );
    let file = folder.write("targets", lines);
    let arguments = format!("compare -f {} --repeat 2 --strategies threads:2,loop -o json", file);
    let output = Upcheck::new().args(arguments.split(' ')).run();
    let document: Value = serde_json::from_str(output.expect_code(1).out()).expect("a JSON document");
    assert!(document["services"].is_null());
    for strategy in strategies(&document) {
        assert_eq!((&strategy["up"]["min"], &strategy["down"]["max"]), (&2.into(), &1.into()), "{strategy}");
        assert!(strategy["services_requests"].is_null());
    }

    let file = folder.write("wrong", "http://a/\nhttps://b/\nftp://c/\n");
    let output = Upcheck::new().args(["compare", "-f"]).arg(&file).run();
    let err = output.expect_code(3).err();
    let no_tls = if cfg!(feature = "tls") { "compare has no TLS" } else { "this upcheck was built without TLS" };
    assert!(err.contains(&format!("wrong:2:1: {no_tls}")) && err.contains("wrong:3:1: the scheme"), "{err}");
    assert!(err.ends_with("nothing was compared\n"), "{err}");
}

#[test]
fn names_lead_every_strategy_to_the_same() {
    let service = Healthy::start();
    let folder = TempDir::new();
    let url = |host: &str| service.url("/").replace("127.0.0.1", host);
    // 127.0.0.2 is an address of this machine at which nobody listens.
    let hosts = "127.0.0.2 both.test down.test\n127.0.0.1 both.test\n0.0.0.0 blocked.test\n";
    let lines = ["both.test", "localhost", "down.test", "blocked.test"].map(url);
    let file = folder.write("targets", lines.join("\n"));
    let arguments = format!("compare -f {file} --repeat 1 --strategies sequential,threads:2,loop -o json");
    let output = with_etc("hosts", &folder.write("hosts", hosts)).args(arguments.split(' ')).run();
    if cannot_mount(&output.stderr) {
        return;
    }
    let document: Value = serde_json::from_str(output.expect_code(1).out()).expect("a JSON document");
    for strategy in strategies(&document) {
        assert_eq!((&strategy["up"]["median"], &strategy["down"]["median"]), (&2.into(), &2.into()), "{strategy}");
    }
}

#[test]
fn a_sweep_shows_how_each_grows() {
    let arguments = "compare --sweep 2,6 --latency 5ms --repeat 1 --strategies sequential,loop";
    let folder = TempDir::new();
    let file = folder.path("out.md");
    let output = Upcheck::new()
        .args(arguments.split(' '))
        .args(["-o", "json", "-o"])
        .arg(format!("markdown={}", file.display()))
        .run();
    let document: Value = serde_json::from_str(output.expect_code(0).out()).expect("a JSON document");
    let counts: Vec<&Value> = document["cases"].as_array().expect("cases").iter().map(|case| &case["count"]).collect();
    assert_eq!(counts, [2, 6]);
    assert_eq!(document["cases"][1]["strategies"][0]["services_requests"]["median"], 6);
    let markdown = fs::read_to_string(file).expect("the other report");
    assert!(markdown.contains("**Memory at most**\n\n| strategy | 2 | 6 |\n| --- | ---: | ---: |\n| sequential |"));
}

#[test]
fn a_signal_ends_all_processes_and_shows_what_there_is() {
    let running = Upcheck::new()
        .args("compare --count 2 --latency 20s --repeat 1 --max 10m --strategies loop".split(' '))
        .spawn();
    let pid = running.pid();
    // The services, and the process that is measured.
    wait_until("both run", || children(pid).len() == 2);
    let children = children(pid);
    running.signal("INT");
    let output = running.finish();
    output.expect_code(130);
    assert!(output.out().contains("interrupted before it was complete"), "{output:?}");
    for child in children {
        assert!(!Path::new(&format!("/proc/{child}")).exists(), "ended, and waited for");
    }
}

#[test]
fn progress_only_where_somebody_watches() {
    if !crate::support::has_program("script") {
        crate::support::skipped!("there is no `script`");
        return;
    }
    let arguments = "compare --count 4 --latency 50ms --repeat 1 --strategies sequential,loop";
    let output = Upcheck::on_terminal(arguments).run();
    let out = output.expect_code(0).out();
    assert!(out.contains("sequential, run 1 of 1: 0.0 s of about 200 ms"), "{out}");
    assert!(out.contains("\u{1b}[32m#"), "{out}");
}

#[test]
fn what_is_wrong_is_exit_3() {
    let cases = [
        ("--strategies loop,magic", "'magic' is not a strategy: sequential, threads:N, loop, loop-blocking:TIME"),
        ("--cuont 3", "there is no flag '--cuont'; did you mean '--count'?"),
        ("http://127.0.0.1/", "compare takes flags only"),
        ("-f /nowhere/x", "/nowhere/x: No such file"),
        ("-f x --latency 1s", "--latency is about compare's own services"),
        ("-o json -o markdown", "two reports cannot go to one place"),
    ];
    for (arguments, message) in cases {
        let output = Upcheck::new().arg("compare").args(arguments.split(' ')).run();
        output.expect_code(3);
        assert!(output.err().contains(message) && output.out().is_empty(), "{arguments}: {output:?}");
    }
    let help = Upcheck::new().args(["compare", "--help"]).run();
    let help = help.expect_code(0).out();
    for part in ["--sweep N,N,...", "loop-blocking:TIME", "It does not show"] {
        assert!(help.contains(part), "{part}: {help}");
    }
}
