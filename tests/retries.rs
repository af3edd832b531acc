//! Trying again: how often, when, and what is told of it. Waiting until everything is up, and what is run then.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{
    Output, Running, Server, Step, TempDir, Upcheck, has_program, ms, refused_address, skipped, wait_until,
};

fn status(status: u16) -> Vec<Step> {
    vec![Step::send(format!("HTTP/1.1 {status} Word\r\nContent-Length: 0\r\n\r\n"))]
}

fn busy(retry_after: &str) -> Vec<Step> {
    vec![Step::send(format!("HTTP/1.1 503 Busy\r\nRetry-After: {retry_after}\r\nContent-Length: 0\r\n\r\n"))]
}

/// When each request came.
#[derive(Clone, Default)]
struct Times(Arc<Mutex<Vec<Instant>>>);

impl Times {
    fn stamp(&self) {
        self.0.lock().expect("no holder panics").push(Instant::now());
    }

    /// The time between each request and the next.
    fn gaps(&self) -> Vec<Duration> {
        let times = self.0.lock().expect("no holder panics");
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

/// Plays the first script for the first request, and so on; the last one also for all that follow.
fn in_turn(scripts: Vec<Vec<Step>>) -> (Server, Times) {
    let (count, times) = (AtomicUsize::new(0), Times::default());
    let stamps = times.clone();
    let server = Server::answering(move |_| {
        stamps.stamp();
        let number = count.fetch_add(1, Ordering::SeqCst);
        scripts[number.min(scripts.len() - 1)].clone()
    });
    (server, times)
}

#[test]
fn what_passes_after_a_retry_is_degraded() {
    let (server, _) = in_turn(vec![status(503), status(500), vec![Step::ok()]]);
    let output =
        Upcheck::new().args(["--retry", "5", "--retry-delay", "20ms", "-o", "ndjson"]).arg(server.url("/")).run();
    let report = output.expect_code(0).report();
    let check = report.single();
    assert_eq!((&check["verdict"], &check["reason"]), (&"degraded".into(), &"retried".into()), "{check}");
    assert_eq!((&check["attempts"], &check["status"]), (&3.into(), &200.into()), "{check}");
    assert_eq!(check["detail"], "passed at attempt 3", "{check}");
    assert_eq!(server.requests().len(), 3);
    assert_eq!(report.summary["total"], 1, "one target, however often it was tried: {}", report.summary);
}

#[test]
fn a_warning_is_nothing_to_retry_and_outlives_a_retry() {
    let arguments = ["--retry", "2", "--retry-delay", "20ms", "-w", "body == \"x\""];
    let (server, _) = in_turn(vec![vec![Step::ok()]]);
    let report = Upcheck::new().args(arguments).arg(server.url("/")).report();
    let check = report.single();
    assert_eq!((&check["reason"], &check["attempts"]), (&"warn".into(), &1.into()), "{check}");
    let (server, _) = in_turn(vec![status(500), vec![Step::ok()]]);
    let report = Upcheck::new().args(arguments).arg(server.url("/")).report();
    let check = report.single();
    assert_eq!((&check["reason"], &check["attempts"]), (&"warn".into(), &2.into()), "{check}");
}

#[test]
fn what_never_passes_is_down_after_the_last_attempt() {
    let (server, _) = in_turn(vec![status(500), status(501), status(502)]);
    let arguments = ["--retry", "2", "--retry-delay", "20ms"];
    let output = Upcheck::new().args(arguments).arg(server.url("/")).run();
    output.expect_code(1);
    assert!(output.out().contains("status: status was 502, expected status in 200-399 (3 attempts)\n"), "{output:?}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn each_wait_is_twice_as_long_give_or_take_a_quarter() {
    let (server, times) = in_turn(vec![status(500)]);
    let report = Upcheck::new().args(["--retry", "3", "--retry-delay", "200ms"]).arg(server.url("/")).report();
    assert_eq!(report.single()["attempts"], 4, "{}", report.single());
    for (gap, delay) in times.gaps().into_iter().zip([200, 400, 800]) {
        let least = ms(delay * 3 / 4);
        // The upper bound leaves room for a busy machine.
        assert!(gap >= least - ms(5) && gap < ms(delay * 5 / 4) + ms(1000), "{:?}", times.gaps());
    }
}

#[test]
fn the_phases_are_those_of_the_attempt_that_decided() {
    let slow = [vec![Step::Pause(ms(700))], status(500)].concat();
    let (server, _) = in_turn(vec![slow, vec![Step::ok()]]);
    let report = Upcheck::new().args(["--retry", "1", "--retry-delay", "400ms"]).arg(server.url("/")).report();
    let check = report.single();
    assert_eq!(check["attempts"], 2, "{check}");
    let seconds = |key: &str| check["seconds"][key].as_f64().expect("a number");
    assert!(seconds("total") < 0.6, "not the first one's 700 ms: {check}");
    assert!(seconds("queue") < 0.25, "nor the wait before it, which was asked for: {check}");
    let sum = seconds("connect") + seconds("wait") + seconds("body");
    assert!((sum - seconds("total")).abs() < 1e-5, "{check}");
}

#[test]
fn trouble_on_the_way_is_retried() {
    let cases = [
        ("reset", vec![Step::Reset]),
        ("closed", vec![Step::Close]),
        ("response_timeout", vec![Step::Hang]),
        ("status", status(404)),
    ];
    for (reason, script) in cases {
        let (server, _) = in_turn(vec![script]);
        let report =
            Upcheck::new().args(["-t", "500ms", "--retry", "1", "--retry-delay", "10ms"]).arg(server.url("/")).report();
        let check = report.single();
        assert_eq!((&check["reason"], &check["attempts"]), (&reason.into(), &2.into()), "{check}");
    }
    let gone = format!("http://{}/", refused_address());
    let report = Upcheck::new().args(["--retry", "3", "--retry-delay", "10ms"]).arg(gone).report();
    let check = report.single();
    assert_eq!((&check["reason"], &check["attempts"]), (&"connect_refused".into(), &4.into()), "{check}");
}

#[test]
fn what_would_end_the_same_way_is_not_retried() {
    let cases = [
        ("malformed", vec![Step::send("SSH-2.0-OpenSSH_9.9\r\n"), Step::Hang]),
        ("too_large", vec![Step::EndlessHead]),
        ("redirect", vec![Step::send("HTTP/1.1 302 F\r\nLocation: ftp://h/\r\nContent-Length: 0\r\n\r\n")]),
    ];
    for (reason, script) in cases {
        let (server, _) = in_turn(vec![script]);
        let report = Upcheck::new().args(["-L", "--retry", "3", "--retry-delay", "10ms"]).arg(server.url("/")).report();
        let check = report.single();
        assert_eq!((&check["reason"], &check["attempts"]), (&reason.into(), &1.into()), "{check}");
        assert_eq!(server.accepted(), 1, "{reason}");
    }
}

#[test]
fn a_server_that_asks_for_time_gets_it() {
    let (server, times) = in_turn(vec![busy("1"), vec![Step::ok()]]);
    let report = Upcheck::new().args(["--retry", "1", "--retry-delay", "10ms"]).arg(server.url("/")).report();
    assert_eq!(report.single()["reason"], "retried", "{}", report.single());
    assert!(times.gaps()[0] >= ms(995), "{:?}", times.gaps());
    // What is no time is no wish, and only 429 and 503 have one.
    for script in [busy("soon"), vec![Step::send("HTTP/1.1 500 No\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n")]] {
        let (server, times) = in_turn(vec![script, vec![Step::ok()]]);
        let report = Upcheck::new().args(["--retry", "1", "--retry-delay", "10ms"]).arg(server.url("/")).report();
        assert_eq!(report.single()["reason"], "retried", "{}", report.single());
        assert!(times.gaps()[0] < ms(5000), "{:?}", times.gaps());
    }
}

#[test]
fn a_server_that_asks_for_too_much_time_is_down_now() {
    // Beyond the end of the run it would never be tried; without such an end a server must not keep us for an hour.
    for arguments in [&["--deadline", "20s"][..], &[]] {
        let (server, _) = in_turn(vec![busy("3600")]);
        let output = Upcheck::new().args(["--retry", "3", "-o", "ndjson"]).args(arguments).arg(server.url("/")).run();
        let report = output.expect_code(1).report();
        let check = report.single();
        assert_eq!((&check["reason"], &check["attempts"]), (&"status".into(), &1.into()), "{check}");
        assert!(output.wall < ms(10_000), "{output:?}");
    }
}

#[test]
fn a_retry_that_the_deadline_leaves_no_time_for_is_not_waited_for() {
    let (server, _) = in_turn(vec![status(500)]);
    let arguments = ["--retry", "9", "--retry-delay", "10s", "--deadline", "5s", "-o", "ndjson"];
    let output = Upcheck::new().args(arguments).arg(server.url("/")).run();
    let report = output.expect_code(1).report();
    assert_eq!(report.single()["reason"], "status", "its own reason: {}", report.single());
    assert!(output.wall < ms(4500), "{output:?}");
}

#[test]
fn others_do_not_wait_for_a_retry() {
    let server = Server::answering(|request| match request.path() {
        "/bad" => status(500),
        _ => vec![Step::ok()],
    });
    let folder = TempDir::new();
    let mut list = format!("{} retry=1 retry-delay=3s\n", server.url("/bad"));
    (0..20).for_each(|n| list += &server.url(&format!("/{n}\n")));
    // One at a time: what waits for its retry does not hold the place.
    let report = Upcheck::new().args(["-c", "1", "-f", &folder.write("targets", list)]).report();
    let last = report.checks.last().expect("21 checks");
    assert_eq!((&last["target"], &last["attempts"]), (&server.url("/bad").into(), &2.into()), "{last}");
    for check in &report.checks[..20] {
        assert_eq!((&check["verdict"], &check["attempts"]), (&"up".into(), &1.into()), "{check}");
    }
}

#[test]
fn each_address_is_retried_by_itself() {
    // A retry once brought all the other addresses again.
    let port = refused_address().port();
    let url = format!("http://many.test:{port}/");
    let addresses = format!("many.test:{port}:127.0.0.1,127.0.0.2,127.0.0.3");
    let arguments = ["--all-addresses", "--resolve", &addresses, "--retry-delay", "100ms", "-o", "ndjson"];
    for (more, code) in [(["--retry", "2"], 1), (["--wait", "800ms"], 124)] {
        let report = Upcheck::new().args(arguments).args(more).arg(&url).run().expect_code(code).report();
        let mut details: Vec<&str> = report.checks.iter().filter_map(|check| check["detail"].as_str()).collect();
        details.sort_unstable();
        let expected = [1, 2, 3].map(|n| format!("127.0.0.{n}:{port} refused the connection"));
        assert_eq!(details, expected, "{more:?}");
        assert!(report.checks.iter().all(|check| check["attempts"].as_u64() > Some(2)), "{:#?}", report.checks);
    }
}

#[test]
fn an_interrupted_retry_says_how_the_attempt_before_ended() {
    let (server, _) = in_turn(vec![status(500)]);
    let running =
        Upcheck::new().args(["--retry", "1", "--retry-delay", "60s", "-o", "ndjson"]).arg(server.url("/")).spawn();
    wait_until("the first attempt", || server.requests().len() == 1);
    std::thread::sleep(ms(200));
    running.signal("INT");
    let report = running.finish().expect_code(130).report();
    let check = report.single();
    assert_eq!((&check["reason"], &check["attempts"]), (&"interrupted".into(), &1.into()), "{check}");
    let detail = check["detail"].as_str().expect("why");
    assert_eq!(detail, "SIGINT came before it was finished; the attempt before ended as status");
}

#[test]
fn numbers_of_retries_and_times_are_looked_at() {
    for (flag, value) in [
        ("--retry", "1001"),
        ("--retry", "-1"),
        ("--retry", "many"),
        ("--retry-delay", "0"),
        ("--retry-delay", "1x"),
        ("--wait", "0"),
        ("--wait", "long"),
    ] {
        let output = Upcheck::new().arg(format!("{flag}={value}")).arg("http://127.0.0.1:1/").run();
        assert!(output.expect_code(3).err().starts_with(&format!("upcheck: {flag}: ")), "{output:?}");
    }
}

/// An address on which nothing listens yet. It lies outside the range from which systems hand out ports by themselves,
/// so it stays free.
fn address_to_come() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 20_000 + (std::process::id() % 10_000) as u16;
    let mut ports = std::iter::repeat_with(|| base + NEXT.fetch_add(1, Ordering::Relaxed));
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    SocketAddr::from(([127, 0, 0, 1], free.expect("it goes on until one is found")))
}

/// Starts a wait for an address on which nothing listens yet.
fn waiting_for_nobody(arguments: &[&str], command: &[&str]) -> (SocketAddr, Running) {
    let address = address_to_come();
    let running = Upcheck::new()
        .args(["--wait", "25s", "--retry-delay", "50ms", "-o", "ndjson"])
        .args(arguments)
        .arg(format!("http://{address}/"))
        .args(command)
        .spawn();
    (address, running)
}

/// The lines that say what is waited for.
fn told(output: &Output) -> Vec<&str> {
    output.err().lines().filter(|line| line.starts_with("upcheck: waiting for ")).collect()
}

#[test]
fn waiting_ends_when_all_are_up() {
    let early = Server::ok();
    let (late, running) = waiting_for_nobody(&[&early.url("/early")], &[]);
    std::thread::sleep(ms(400));
    let server = Server::answering_on(TcpListener::bind(late).expect("still free"), |_| vec![Step::ok()]);
    let output = running.finish();
    let report = output.expect_code(0).report();
    let check = report.target(&server.url("/"));
    assert_eq!((&check["verdict"], &check["reason"]), (&"up".into(), &"ok".into()), "it came up as wished: {check}");
    assert!(check["attempts"].as_u64().expect("a number") > 2, "{check}");
    assert_eq!(report.target(&early.url("/early"))["attempts"], 1, "who was up is left alone");
    assert_eq!(early.accepted(), 1);
    // One line, not one a try.
    let expected = format!("upcheck: waiting for http://{late}/: connect_refused: {late} refused the connection");
    assert_eq!(told(&output), [expected]);
}

#[test]
fn while_waiting_a_change_is_told_once() {
    let refusing = vec![vec![Step::Close]; 3];
    let starting = vec![status(503); 3];
    let (server, _) = in_turn([refusing, starting, vec![vec![Step::ok()]]].concat());
    let arguments = ["--wait", "25s", "--retry-delay", "20ms"];
    let output = Upcheck::new().args(arguments).arg(server.url("/")).run();
    output.expect_code(0);
    let told = told(&output);
    assert_eq!(told.len(), 2, "{output:?}");
    assert!(told[0].contains(": closed: ") && told[1].contains(": status: status was 503"), "{output:?}");
    assert!(output.out().starts_with("up "), "{output:?}");
    // Whoever wants silence gets it.
    let (server, _) = in_turn(vec![status(503), vec![Step::ok()]]);
    let output = Upcheck::new().args(arguments).arg("-s").arg(server.url("/")).run();
    output.expect_code(0);
    assert_eq!((output.out(), output.err()), ("", ""));
}

#[test]
fn a_wait_that_runs_out_names_who_was_missing() {
    let server = Server::answering(|request| match request.path() {
        "/up" => vec![Step::ok()],
        "/hang" => vec![Step::Hang],
        _ => status(500),
    });
    let gone = format!("http://{}/", address_to_come());
    let output = Upcheck::new()
        .args(["--wait", "1500ms", "--retry-delay", "100ms", "-t", "20s", "-q"])
        .args([server.url("/up"), server.url("/hang"), server.url("/bad"), gone.clone()])
        .args(["--", "echo", "not run"])
        .run();
    output.expect_code(124);
    assert!(output.wall >= ms(1400) && output.wall < ms(10_000), "{output:?}");
    let line = |url: &str| output.out().lines().find(|line| line.contains(url)).unwrap_or("").to_owned();
    assert!(line(&gone).contains("connect_refused: "), "{output:?}");
    assert!(line("/bad").contains("status: status was 500"), "{output:?}");
    assert!(line("/hang").contains("deadline: it was not up in time (--wait)"), "{output:?}");
    assert!(!output.out().contains("/up") && !output.out().contains("not run"), "{output:?}");
}

#[test]
fn a_terminal_shows_how_many_are_up() {
    if !has_program("script") {
        skipped!("no `script` to make a terminal");
        return;
    }
    let (server, _) = in_turn(vec![status(503), status(503), vec![Step::ok()]]);
    let early = Server::ok();
    let arguments = format!("--wait 20s --retry-delay 400ms '{}' '{}'", early.url("/"), server.url("/"));
    let output = Upcheck::on_terminal(&arguments).run();
    output.expect_code(0);
    assert!(output.out().contains("\r\u{1b}[K1/2 up, waiting for the others, "), "{output:?}");
    assert!(output.out().contains("2 checked: 2 "), "{output:?}");
}

#[test]
fn a_long_delay_does_not_end_a_wait_early() {
    // The next try would come after the end. There is a last one before it all the same.
    let (address, running) = waiting_for_nobody(&["--wait", "2s", "--retry-delay", "60s"], &[]);
    std::thread::sleep(ms(500));
    let _server = Server::answering_on(TcpListener::bind(address).expect("still free"), |_| vec![Step::ok()]);
    let report = running.finish().expect_code(0).report();
    assert_eq!(report.single()["verdict"], "up", "{}", report.single());
}

#[test]
fn the_pace_of_a_wait_is_the_users() {
    let (server, times) = in_turn(vec![busy("3600"), vec![Step::ok()]]);
    let arguments = ["--wait", "20s", "--retry-delay", "50ms", "-L"];
    Upcheck::new().args(arguments).arg(server.url("/")).run().expect_code(0);
    assert!(times.gaps()[0] < ms(10_000), "{:?}", times.gaps());
}

#[test]
fn a_shorter_deadline_ends_a_wait() {
    let (_, running) = waiting_for_nobody(&["--deadline", "500ms"], &["--", "echo", "not run"]);
    let output = running.finish();
    output.expect_code(124);
    assert!(output.wall < ms(10_000), "{output:?}");
    output.report();
}

#[test]
fn degraded_is_up_enough() {
    let server = Server::ok();
    let arguments = ["--wait", "20s", "-s", "-w", "status == 299"];
    let output = Upcheck::new().args(arguments).arg(server.url("/")).args(["--", "echo", "run"]).run();
    assert_eq!(output.expect_code(0).out(), "run\n");
}

#[test]
fn then_the_command_runs_in_our_place() {
    let server = Server::ok();
    let script = "echo pid $$; ulimit -n; cat; echo \"$0 $1\"; exit 7";
    let mut running = Upcheck::in_shell("ulimit -S -n 200; exec \"$0\" \"$@\"")
        .args(["--wait", "20s", "-s"])
        .arg(server.url("/"))
        .args(["--", "sh", "-c", script, "a", "--wait=b c"])
        .spawn();
    let pid = running.pid();
    let mut input = running.stdin.take().expect("not taken yet");
    std::io::Write::write_all(&mut input, b"what it was given\n").expect("it reads");
    drop(input);
    let output = running.finish();
    output.expect_code(7);
    assert_eq!(output.out(), format!("pid {pid}\n200\nwhat it was given\na --wait=b c\n"));
}

#[test]
fn a_signal_finds_the_command_as_it_would_without_us() {
    let server = Server::ok();
    let mut running = Upcheck::new()
        .args(["--wait", "20s", "-s"])
        .arg(server.url("/"))
        .args(["--", "sh", "-c", "echo on; exec sleep 60"])
        .spawn();
    let mut lines = running.lines();
    assert_eq!(lines.next(), "on");
    running.signal("TERM");
    assert_eq!(running.finish().signal, Some(15), "not our handler's exit code");
}

#[test]
fn results_are_written_before_the_command_runs() {
    let server = Server::ok();
    let folder = TempDir::new();
    let file = folder.path("results");
    let output = Upcheck::new()
        .args(["--wait", "20s", "-o", "human", "-o", &format!("ndjson={}", file.display())])
        .arg(server.url("/"))
        .arg("--")
        .args(["cat", &file.display().to_string()])
        .run();
    output.expect_code(0);
    let (before, after) = output.out().split_at(output.out().find("{\"schema\"").expect("the file's content"));
    assert!(before.ends_with("1 thread\n"), "{output:?}");
    assert_eq!(after.lines().count(), 2, "{output:?}");
}

#[test]
fn a_command_that_cannot_be_run_is_named() {
    let server = Server::ok();
    let output = Upcheck::new().args(["--wait=20s", "-s"]).arg(server.url("/")).args(["--", "no-such-program"]).run();
    assert_eq!(output.expect_code(3).err(), "upcheck: no-such-program: No such file or directory\n");
}

#[test]
fn a_signal_ends_a_wait_and_nothing_is_run() {
    let (address, running) = waiting_for_nobody(&[], &["--", "echo", "not run"]);
    std::thread::sleep(ms(300));
    running.signal("INT");
    let output = running.finish();
    let report = output.expect_code(130).report();
    assert_eq!(report.single()["reason"], "interrupted", "{}", report.single());
    assert_eq!(report.single()["target"], format!("http://{address}/"));
}

#[test]
fn without_a_wait_two_dashes_only_end_the_flags() {
    let server = Server::ok();
    let report = Upcheck::new().args(["-o", "ndjson", "--"]).arg(server.url("/")).run().expect_code(0).report();
    assert_eq!(report.single()["verdict"], "up");
    // The environment may ask for the wait, too.
    let run = Upcheck::new().env("UPCHECK_WAIT", "20s").arg("-s").arg(server.url("/")).args(["--", "echo", "run"]);
    assert_eq!(run.run().expect_code(0).out(), "run\n");
}
