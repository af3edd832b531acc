//! At a terminal: what is printed fits its width, and stands where it is looked for. In a pipe lines are whole.

use crate::support::{Server, Step, Upcheck, has_program, refused_address, skipped};

/// What a terminal of so many columns shows in the end: without colours and what was wiped, a line a line. `None`: there is
/// nothing here that makes one.
fn shown(columns: u32, arguments: &str) -> Option<Vec<String>> {
    if !has_program("script") || !has_program("stty") {
        skipped!("`script` and `stty` make the terminal");
        return None;
    }
    let output = Upcheck::on_terminal_of(columns, arguments).run();
    output.expect_no_crash();
    let mut text = String::new();
    for part in output.out().split("\x1b[") {
        // What stands before the letter that ends it is the escape's own.
        let plain = part.split_once(|c: char| c.is_ascii_alphabetic()).map_or(part, |(_, plain)| plain);
        text.push_str(if text.is_empty() && !output.out().starts_with('\x1b') { part } else { plain });
    }
    Some(text.lines().map(|line| line.rsplit('\r').next().unwrap_or_default().to_owned()).collect())
}

/// The lines that are too wide for so many columns, the last of which is left free.
fn too_wide(lines: &[String], columns: u32) -> Vec<&String> {
    lines.iter().filter(|line| line.chars().count() >= columns as usize).collect()
}

#[test]
fn results_fit_the_width() {
    let server = Server::answering(|request| match request.path() {
        "/ok" => vec![Step::ok()],
        _ => vec![Step::send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")],
    });
    let long = server.url(&format!("/sick/{}/end", "x".repeat(100)));
    let targets = format!("{} {long} http://{}/", server.url("/ok"), refused_address());
    for columns in [40, 80, 120] {
        let waterfall = if cfg!(feature = "reports") { "-o waterfall" } else { "" };
        for flags in ["", "-v", "-q", waterfall] {
            let Some(lines) = shown(columns, &format!("{flags} {targets}")) else { return };
            assert_eq!(too_wide(&lines, columns), [""; 0], "{columns} {flags}: {lines:#?}");
            for word in ["connect_refused", "status", if flags == "-o waterfall" { "wait" } else { "/end" }] {
                assert!(lines.iter().any(|line| line.contains(word)), "{columns} {flags}: {word}: {lines:#?}");
            }
        }
    }
    let output = Upcheck::new().args(targets.split(' ')).run();
    let whole = output.out().lines().find(|line| line.contains(&long)).expect("a line for it");
    assert!(whole.ends_with("  status: status was 503, expected status in 200-399"), "{whole}");
}

#[test]
fn the_reason_stands_under_a_target_that_leaves_it_no_room() {
    let address = refused_address();
    let Some(lines) = shown(80, &format!("http://{address}/{}", "x".repeat(20))) else { return };
    assert!(lines[0].starts_with("down        - ") && lines[0].ends_with("xxxx"), "{lines:#?}");
    assert_eq!(lines[1], format!("         connect_refused: {address} refused the connection"));
    let Some(lines) = shown(80, &format!("http://{address}/ http://{address}/{}", "x".repeat(200))) else { return };
    assert!(lines.iter().any(|line| line.contains("http://") && line.contains("...")), "cut in its middle: {lines:#?}");
}

#[test]
fn what_a_run_came_to_stands_last() {
    let server = Server::ok();
    let Some(lines) = shown(80, &format!("-v {}", server.url("/"))) else { return };
    let at = |word: &str| lines.iter().position(|line| line.contains(word)).unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(at("upcheck: the loop:") < at("1 checked: 1 up"), "{lines:#?}");
    assert!(lines.last().is_some_and(|last| last.starts_with("run: ")), "{lines:#?}");
}

#[test]
fn messages_fit_the_width() {
    for columns in [40, 80] {
        let Some(lines) = shown(columns, "-w nosuch==1 http://127.0.0.1:1/") else { return };
        assert!(lines.len() > 1 && too_wide(&lines, columns).is_empty(), "{lines:#?}");
        assert!(lines[1].starts_with("         "), "{lines:#?}");
    }
}

#[test]
fn the_loop_is_explained_without_a_word_of_the_explaining() {
    let server = Server::ok();
    let Some(lines) = shown(80, &format!("--explain {0} {0}", server.url("/"))) else { return };
    let turns = lines.iter().filter(|line| line.starts_with("turn ")).count();
    assert!((1..20).contains(&turns), "{turns}: {lines:#?}");
    assert_eq!(too_wide(&lines, 80), [""; 0], "{lines:#?}");
}

#[test]
fn the_help_fits_the_width() {
    for command in ["", "mock", "compare", "report", "demo"] {
        let Some(lines) = shown(80, &format!("{command} --help")) else { return };
        assert_eq!(too_wide(&lines, 80), [""; 0], "{command}");
    }
}

#[cfg(feature = "mock")]
#[test]
fn the_demo_fits_the_width() {
    for arguments in ["demo", "demo --explain"] {
        let Some(lines) = shown(80, arguments) else { return };
        assert_eq!(too_wide(&lines, 80), [""; 0], "{arguments}: {lines:#?}");
    }
}

#[cfg(feature = "compare")]
#[test]
fn a_comparison_fits_the_width() {
    let arguments = "compare --count 4 --latency 20ms --repeat 1 --budget 1s";
    let Some(lines) = shown(80, arguments) else { return };
    assert_eq!(too_wide(&lines, 80), [""; 0], "{lines:#?}");
    for word in ["in budget", "longest turn", "voluntary switches", "services, of a core"] {
        assert!(lines.iter().any(|line| line.contains(word)), "{word}: {lines:#?}");
    }
    let whole = Upcheck::new().args(arguments.split(' ')).run();
    let head = whole.out().lines().find(|line| line.contains("voluntary switches")).expect("a table of costs");
    assert!(head.contains("CPU time") && head.ends_with("services, of a core"), "one table in a pipe: {head}");
}
