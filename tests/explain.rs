//! `--explain`: the loop in words.

use crate::support::{Healthy, Server, Step, Upcheck, ms};

/// What `--explain` says, without the times in it.
fn headlines(err: &str) -> Vec<&str> {
    err.lines().filter(|line| line.starts_with("turn ")).collect()
}

#[test]
fn the_loop_is_explained_a_line_a_turn_and_every_step_below_it() {
    let server = Server::answering(|request| match request.path() {
        "/late" => vec![Step::Hang],
        _ => vec![Step::Pause(ms(20)), Step::ok()],
    });
    let urls = [server.url("/a"), server.url("/late"), server.url("/b")];
    let output = Upcheck::new().args(["-t", "300ms", "--explain"]).args(&urls).run();
    output.expect_code(1);
    let err = output.err();
    assert!(err.starts_with("One thread, one loop"), "{err}");
    let turns = headlines(err);
    assert!(
        turns.len() >= 2 && turns.iter().all(|turn| turn.contains(" ready") && turn.contains("worked for ")),
        "{err}"
    );
    let numbers: Vec<u64> =
        turns.iter().filter_map(|turn| turn["turn ".len()..].split(':').next()?.parse().ok()).collect();
    assert!(numbers.is_sorted() && numbers.len() == turns.len(), "{err}");
    for (n, url) in urls.iter().enumerate() {
        let told = err.matches(&format!("    #{} {url}\n", n + 1)).count();
        assert!(told >= 2, "it begins and it ends: {url}: {err}");
    }
    assert_eq!(
        err.matches("  the time is over: it ends (check/machine.rs): down, response_timeout\n").count(),
        1,
        "{err}"
    );
    assert!(err.contains("the whole answer is read (proto/http/response.rs) and judged; up\n"), "{err}");
    assert!(output.out().contains("3 checked: 2 up, 1 down"), "what else is printed is as ever: {output:?}");
}

#[test]
fn many_steps_are_summed_up_and_names_are_part_of_it() {
    let server = Healthy::start();
    let port = server.url("/").rsplit_once(':').expect("a port").1.trim_end_matches('/').to_owned();
    let targets: Vec<String> = (0..300).map(|n| format!("http://localhost:{port}/{n}")).collect();
    let output = Upcheck::new().args(["-c", "32", "--explain", "-o", "ndjson"]).args(&targets).run();
    output.expect_code(0);
    let err = output.err();
    let each = err.lines().filter(|line| line.starts_with("    #")).count();
    assert!((1..=200).contains(&each), "{each}: {err}");
    let summed: usize =
        err.lines().filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" checks")?.parse::<usize>().ok()).sum();
    assert!(each + summed >= 600, "each begins and each ends: {each} + {summed}");
    assert_eq!(output.report().checks.len(), 300);
}

#[test]
fn what_has_no_answer_is_not_said_to_have_been_read() {
    let server = Server::playing(vec![Step::send("220 ready\r\n")]);
    let address = server.address();
    let told = |arguments: &[String]| {
        let output = Upcheck::new().arg("--explain").args(arguments).run();
        output.expect_code(0).err().to_owned()
    };
    let connected = told(&[format!("tcp://{address}")]);
    assert!(connected.contains("the connection stands, and what is expected of it is judged"), "{connected}");
    let read = told(&[format!("tcp://{address}"), "-e".to_owned(), "body contains \"220\"".to_owned()]);
    assert!(read.contains("what has come is read (engine/exchange.rs) and judged; up"), "{read}");
    for told in [connected, read] {
        assert!(!told.contains("the whole answer") && !told.contains("response.rs"), "{told}");
    }
}
