//! Many at once: how many, with how few means, and what one does to the others.

use std::fs;

use crate::support::{Healthy, Server, Step, TempDir, Upcheck, ms, refused_address, wait_until};

#[test]
fn a_hundred_and_fifty_sockets_are_open_at_once_in_one_thread() {
    const TARGETS: usize = 150;
    let server = Server::answering(|_| vec![Step::Gate, Step::ok()]);
    let targets: Vec<String> = (0..TARGETS).map(|n| server.url(&format!("/{n}"))).collect();
    let running = Upcheck::new().args(["-t", "25", "-o", "ndjson"]).args(&targets).spawn();
    // Nobody is answered before all have asked: one at a time would wait here for ever.
    wait_until("every request arrives", || server.requests().len() == TARGETS);
    let threads = fs::read_dir(format!("/proc/{}/task", running.pid())).expect("the process is alive").count();
    server.release();
    let report = running.finish().expect_code(0).report();
    assert_eq!(threads, 1);
    assert_eq!(server.most_open(), TARGETS);
    assert_eq!(report.summary["up"], TARGETS, "{:#?}", report.not("up"));
    assert_eq!(report.summary["most_in_flight"], TARGETS, "{}", report.summary);
    assert_eq!(report.summary["threads"], 1, "{}", report.summary);
}

#[test]
fn the_cap_is_never_passed_and_is_used_up() {
    for flag in ["-c", "--concurrency", "--parallel-max"] {
        let server = Server::answering(|_| vec![Step::Gate, Step::ok()]);
        let targets = (0..40).map(|n| server.url(&format!("/{n}")));
        let running = Upcheck::new().args([flag, "7", "-t", "20", "-o", "ndjson"]).args(targets).spawn();
        wait_until("the cap is used up", || server.requests().len() == 7);
        std::thread::sleep(ms(200));
        assert_eq!(server.accepted(), 7, "{flag}: nobody was answered yet");
        server.release();
        let report = running.finish().expect_code(0).report();
        assert_eq!(report.summary["up"], 40, "{:#?}", report.not("up"));
        assert_eq!(report.summary["most_in_flight"], 7, "{flag}: {}", report.summary);
    }
}

#[test]
fn few_descriptors_make_checks_wait_not_fail() {
    const TARGETS: usize = 2000;
    let server = Healthy::start();
    let folder = TempDir::new();
    let list: String = (0..TARGETS).map(|n| server.url(&format!("/{n}\n"))).collect();
    let file = folder.write("targets", list);
    let output = Upcheck::with_descriptors(64).args(["-t", "20", "-o", "ndjson", "-f", &file]).run();
    let report = output.expect_code(0).report();
    assert_eq!(report.summary["up"], TARGETS, "{:#?}", report.not("up").first());
    let most = report.summary["most_in_flight"].as_u64().expect("a number");
    assert!((10..64).contains(&most), "{}", report.summary);
    assert_eq!(server.served(), TARGETS);
}

#[test]
fn hardly_any_descriptors_are_never_the_targets_fault() {
    let server = Healthy::start();
    for limit in 3..14 {
        let output = Upcheck::with_descriptors(limit)
            .args(["-t", "20", "-o", "ndjson"])
            .args([server.url("/1"), server.url("/2")])
            .run();
        output.expect_no_crash();
        match output.code {
            // With so few, the loader may not even start the program, or the program its loop.
            Some(3 | 126 | 127) => assert!(!output.stderr.is_empty(), "says why: {output:?}"),
            _ => assert_eq!(output.report().summary["down"], 0, "{output:?}"),
        }
    }
}

#[test]
fn a_list_may_be_far_longer_than_the_cap() {
    const TARGETS: usize = 3000;
    let server = Healthy::start();
    let list: String = (0..TARGETS).map(|n| server.url(&format!("/{n}\n"))).collect();
    let report = Upcheck::new().args(["-c", "64", "-t", "20", "-f", "-"]).stdin(list).report();
    assert_eq!(report.summary["total"], TARGETS);
    assert_eq!(report.summary["up"], TARGETS, "{:#?}", report.not("up").first());
    assert_eq!(server.served(), TARGETS);
}

/// Checks a pipe of `lines` targets that are all up, and gives the peak memory that the program reports of itself.
fn peak_memory(servers: &[Healthy], lines: usize) -> u64 {
    let list: String = (0..lines).map(|n| servers[n % servers.len()].url(&format!("/{n}\n"))).collect();
    let report = Upcheck::new().args(["-c", "200", "-t", "25", "-f", "-"]).stdin(list).limit(ms(120_000)).report();
    assert_eq!(report.summary["up"], lines, "{:#?}", report.not("up").first());
    report.summary["peak_memory_bytes"].as_u64().expect("a number")
}

#[test]
fn memory_does_not_grow_with_the_length_of_a_pipe() {
    // A million lines is the figure that the program is held to; here the same slope on a shorter run. What one line
    // left behind, were it 16 bytes only, would show as more than the slack.
    const FEW: usize = 2000;
    const MANY: usize = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
    // Several servers: one address has 28,000 ports to offer, and each rests for a minute after its use.
    let servers: Vec<Healthy> = (0..8).map(|_| Healthy::start()).collect();
    let few = peak_memory(&servers, FEW);
    let many = peak_memory(&servers, MANY);
    let slack = 1 << 20;
    assert!(many <= few + slack, "{FEW} lines: {few} bytes, {MANY} lines: {many} bytes");
}

#[test]
fn the_sick_do_not_harm_the_healthy() {
    const NEIGHBOURS: usize = 2000;
    let healthy = Healthy::start();
    let sick = Server::answering(|request| match request.path() {
        "/reset" => vec![Step::Reset],
        "/reset-inside" => {
            vec![Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), Step::Pause(ms(50)), Step::Reset]
        }
        "/hang" => vec![Step::Hang],
        "/drip" => vec![Step::DripForever { bytes: b"HTTP/1.1 200 OK\r\nX-Slow: xx".to_vec(), every: ms(1000) }],
        "/endless-head" => vec![Step::EndlessHead],
        "/endless-body" => vec![Step::EndlessBody],
        "/garbage" => vec![Step::send(vec![0xa5; 3000]), Step::Close],
        "/empty" => vec![Step::Close],
        "/closed-in-head" => vec![Step::send("HTTP/1.1 200 OK\r\nContent-Le"), Step::Close],
        "/closed-in-body" => vec![Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), Step::Close],
        "/closed-in-chunk" => {
            vec![Step::send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"), Step::Close]
        }
        other => panic!("not in the list: {other}"),
    });
    let banner = Server::playing(vec![Step::send("SSH-2.0-OpenSSH_9.9\r\n"), Step::Hang]);
    let early_reset = Server::playing(vec![Step::Reset]);
    let bad = [
        (format!("http://{}/", refused_address()), "connect_refused"),
        (early_reset.url("/"), "reset"),
        (sick.url("/reset"), "reset"),
        (sick.url("/reset-inside"), "reset"),
        (sick.url("/hang"), "response_timeout"),
        (sick.url("/drip"), "response_timeout"),
        (sick.url("/endless-head"), "too_large"),
        (sick.url("/endless-body"), "too_large"),
        (sick.url("/garbage"), "malformed"),
        (banner.url("/"), "malformed"),
        (sick.url("/empty"), "closed"),
        (sick.url("/closed-in-head"), "closed"),
        (sick.url("/closed-in-body"), "closed"),
        (sick.url("/closed-in-chunk"), "closed"),
    ];
    // The sick stand at even distances among the healthy, so that they are in flight together.
    let mut list = String::new();
    for n in 0..NEIGHBOURS {
        if n % 100 == 0
            && let Some((target, _)) = bad.get(n / 100)
        {
            list += &format!("{target} name=bad-{} timeout=3s expect='body.bytes >= 0'\n", n / 100);
        }
        list += &healthy.url(&format!("/{n} timeout=25s\n"));
    }
    let folder = TempDir::new();
    let file = folder.write("targets", list);
    let output = Upcheck::new().args(["-o", "ndjson", "-f", &file]).run();
    let report = output.expect_code(1).report();
    for (n, (target, reason)) in bad.iter().enumerate() {
        let check = report.named(&format!("bad-{n}"));
        assert_eq!(check["reason"], *reason, "{check}");
        assert_eq!(check["verdict"], "down", "{check}");
        assert_eq!(check["target"], *target, "{check}");
        assert!(check["detail"].is_string(), "{check}");
        let total = check["seconds"]["total"].as_f64().expect("a number");
        assert!(total < 10.0, "its timeout is 3 s: {check}");
    }
    assert_eq!(report.not("up").len(), bad.len(), "{:#?}", report.not("up"));
    assert_eq!(report.summary["total"], NEIGHBOURS + bad.len());
    assert_eq!(report.summary["up"], NEIGHBOURS);
    assert_eq!(report.summary["down"], bad.len());
}

#[test]
fn one_slow_target_does_not_hold_up_the_results_of_the_others() {
    let server = Server::answering(|request| match request.path() {
        "/slow" => vec![Step::Gate, Step::ok()],
        _ => vec![Step::ok()],
    });
    let mut running = Upcheck::new()
        .args(["-t", "25", "-o", "ndjson"])
        .arg(server.url("/slow"))
        .args((0..5).map(|n| server.url(&format!("/{n}"))))
        .spawn();
    let mut lines = running.lines();
    for _ in 0..5 {
        let line = lines.next();
        assert!(!line.contains("/slow"), "{line}");
    }
    server.release();
    assert!(lines.next().contains("/slow"));
    assert!(lines.next().contains("summary"));
    running.finish().expect_code(0);
}
