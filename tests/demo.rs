//! `upcheck demo`: it runs anywhere, tells the truth, and leaves nothing behind.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use crate::support::{Upcheck, ms, wait_until};

/// Where the services were, by the lines of the checks.
fn addresses(out: &str) -> Vec<SocketAddr> {
    let urls = out.lines().filter_map(|line| line.split_once("http://")?.1.split_once('/'));
    urls.map(|(address, _)| address.parse().expect("an address and a port")).collect()
}

#[test]
fn a_hundred_services_at_once() {
    // What the environment says of a mock is not said of this one.
    let output = Upcheck::new().env("UPCHECK_STATUS", "500").env("UPCHECK_LATENCY", "1h").arg("demo").run();
    output.expect_code(0);
    let out = output.out();
    assert!(out.contains("100 checked: 100 up"), "{out}");
    let words = out.rsplit("\n\n").next().expect("the last paragraph");
    for part in ["100 services take 200 ms each", "one by one that is 20.0 s", "up to 100 in flight", "of CPU time"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert_eq!(words.trim().lines().count(), 3, "{words}");
    assert_eq!(output.err(), "");
    // It fits a screen, and its lines fit a terminal.
    assert!(out.lines().count() <= 24 && out.lines().all(|line| line.len() < 80), "{out}");
    assert!(out.contains(" 100 max"), "the bars overlap: {out}");
    let services = addresses(out);
    assert_eq!(services.len(), 10, "the slowest");
    assert!(TcpStream::connect(services[0]).is_err(), "the services end with the demo");
}

#[test]
fn a_signal_ends_the_services_too() {
    let running = Upcheck::new().arg("demo").spawn();
    let pid = running.pid();
    let children = || std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    wait_until("the services run", || !children().is_empty());
    let service = children().trim().to_owned();
    wait_until("it catches SIGTERM", || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).map(str::trim);
        caught.is_some_and(|mask| u64::from_str_radix(mask, 16).is_ok_and(|mask| mask & 1 << 14 != 0))
    });
    running.signal("TERM");
    let output = running.finish();
    // On a machine that is held up for all of the 200 ms, it is over before the signal comes.
    assert!(matches!(output.code, Some(143 | 0)), "{output:?}");
    assert!(!Path::new(&format!("/proc/{service}")).exists(), "ended, and waited for");
}

#[test]
fn it_takes_no_arguments() {
    for (argument, message) in [("http://127.0.0.1/", "demo takes no arguments"), ("-q", "there is no flag '-q'")] {
        let output = Upcheck::new().args(["demo", argument]).run();
        output.expect_code(3);
        assert!(output.err().contains(message), "{output:?}");
    }
    let help = Upcheck::new().args(["demo", "--help"]).run();
    assert!(help.expect_code(0).out().contains("Usage: upcheck demo"));
}

#[test]
fn the_first_lesson_is_a_dozen_services_and_names_the_files() {
    let output = Upcheck::new().args(["demo", "--explain"]).run();
    output.expect_code(0);
    assert!(output.out().contains("12 checked: 12 up"), "{output:?}");
    let err = output.err();
    for file in ["src/reactor/mod.rs", "engine/connecting.rs", "proto/http/response.rs"] {
        assert!(err.contains(file), "{file}: {err}");
    }
    for n in 1..=12 {
        let told = err.lines().filter(|line| line.starts_with(&format!("    #{n} http://127.0.0.1:"))).count();
        assert!(told >= 2, "#{n}: {err}");
    }
    assert!(err.lines().all(|line| line.chars().count() <= 120), "{err}");
}

#[test]
fn the_trap_shows_as_a_long_turn_and_blames_no_service() {
    let output = Upcheck::new().args(["demo", "--blocking"]).run();
    output.expect_code(0);
    let out = output.out();
    assert!(out.contains("100 checked: 100 up"), "{out}");
    let words = out.rsplit("\n\n").next().expect("the last paragraph");
    let longest = words.split("The longest turn took ").nth(1).expect("it is told").split(':').next();
    let longest = longest.expect("a time");
    // A hundred calls of 20 ms stand one behind the other, most of them in few turns.
    let (number, unit) = longest.split_once(' ').expect("a number and its unit");
    let number: f64 = number.parse().expect("a number");
    assert!(unit == "s" || unit == "ms" && number >= 20.0, "{words}");
    assert!(output.wall >= ms(2_000), "the calls were made: {output:?}");
}
