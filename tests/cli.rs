//! The command line: flags, environment, help, exit codes, errors.

use crate::support::{Server, Step, TempDir, Upcheck, has_program, ms, refused_address, skipped};

#[test]
fn no_arguments_get_a_short_help() {
    let output = Upcheck::new().run();
    output.expect_code(3);
    let said = format!("{}{}", output.out(), output.err());
    assert!(said.contains("upcheck [FLAGS] TARGET"), "{output:?}");
    assert!(said.contains("--help"), "where to read on: {output:?}");
    assert!(said.lines().count() < 30, "short: {output:?}");
}

#[test]
fn help_and_version_go_to_standard_output() {
    for flag in ["--help", "-h"] {
        let output = Upcheck::new().arg(flag).run();
        output.expect_code(0);
        assert_eq!(output.err(), "");
        for word in ["--timeout", "--concurrency", "--file", "--output", "--deadline", "UPCHECK_"] {
            assert!(output.out().contains(word), "{word}: {output:?}");
        }
        assert!(!output.out().contains('\x1b'), "no colour on a pipe: {output:?}");
    }
    for flag in ["--version", "-V"] {
        let output = Upcheck::new().arg(flag).run();
        output.expect_code(0);
        let all = [
            ("tls", cfg!(feature = "tls")),
            ("mock", cfg!(feature = "mock")),
            ("compare", cfg!(feature = "compare")),
            ("reports", cfg!(feature = "reports")),
        ];
        let built_in: Vec<&str> =
            all.into_iter().filter_map(|(name, is_built_in)| is_built_in.then_some(name)).collect();
        let features = if built_in.is_empty() { "none".to_owned() } else { built_in.join(" ") };
        assert_eq!(output.out(), format!("upcheck {}\nfeatures: {features}\n", env!("CARGO_PKG_VERSION")));
        assert_eq!(output.err(), "");
    }
    let output = Upcheck::new().args(["check", "--help"]).run();
    assert!(output.expect_code(0).out().contains("--timeout"), "{output:?}");
}

#[test]
fn what_is_not_built_in_is_named_with_its_feature_and_offered_nowhere() {
    let (has_mock, has_compare) = (cfg!(feature = "mock"), cfg!(feature = "compare"));
    let help = Upcheck::new().arg("--help").run();
    let completions = Upcheck::new().args(["--generate", "bash"]).run();
    for (command, feature, is_built_in) in [
        ("demo", "mock", has_mock),
        ("mock", "mock", has_mock),
        ("compare", "compare", has_compare),
        ("report", "reports", cfg!(feature = "reports")),
    ] {
        assert_eq!(help.out().contains(&format!("\n    upcheck {command}")), is_built_in, "{help:?}");
        let offered = completions.out().split([' ', '\'', '\n']).any(|word| word == command);
        assert_eq!(offered, is_built_in, "{completions:?}");
        if !is_built_in {
            let output = Upcheck::new().args([command, "x"]).run();
            output.expect_code(3);
            let message = format!("'{command}' is not built into this upcheck (its feature is '{feature}')");
            assert!(output.err().contains(&message), "{output:?}");
        }
    }
    for format in ["waterfall", "json", "csv", "tap", "junit", "markdown", "nagios", "prometheus", "html"] {
        assert_eq!(help.out().contains(&format!("\n  {format:28}")), cfg!(feature = "reports"), "{format}: {help:?}");
        if !cfg!(feature = "reports") {
            let output = Upcheck::new().args(["-o", format, "http://127.0.0.1:1/"]).run();
            output.expect_code(3);
            assert!(output.err().contains("is not built into this upcheck (its feature is 'reports')"), "{output:?}");
        }
    }
    assert_eq!(help.out().contains("--trace"), cfg!(feature = "reports"), "{help:?}");
}

#[test]
fn a_bare_word_near_a_command_is_no_host_to_be_looked_up() {
    for (word, hint) in [
        ("dmeo", "did you mean 'upcheck demo'?"),
        ("dem", "did you mean 'upcheck demo'?"),
        ("comapre", "did you mean 'upcheck compare'?"),
        ("reports", "did you mean 'upcheck report'?"),
        ("chekc", "did you mean 'upcheck check'?"),
        ("mocks", "did you mean 'upcheck mock'?"),
        ("help", "did you mean 'upcheck --help'?"),
        ("version", "did you mean 'upcheck --version'?"),
        ("completions", "did you mean 'upcheck --generate bash'?"),
        ("-", "did you mean 'upcheck -f -'?"),
    ] {
        let output = Upcheck::new().arg(word).run();
        output.expect_code(3);
        assert!(output.err().contains(hint), "{word}: {output:?}");
        assert_eq!(output.out(), "", "{word}");
    }
    // These are hosts, whoever looks them up.
    for word in ["localhost", "web", "dmeo.invalid", "http://dmeo.invalid", "demo:80", "db1"] {
        let output = Upcheck::new().args([word, "--dry-run"]).run();
        output.expect_code(0);
        assert!(output.out().contains(word), "{output:?}");
    }
}

#[test]
fn what_the_environment_says_is_enough_to_run() {
    let server = Server::ok();
    let folder = TempDir::new();
    let list = folder.write("targets", format!("{}\n", server.url("/")));
    let output = Upcheck::new().env("UPCHECK_FILE", &list).run();
    output.expect_code(0);
    assert!(output.out().contains("1 checked: 1 up"), "{output:?}");
    let output = Upcheck::new().env("UPCHECK_TIMEOUT", "3s").run();
    output.expect_code(3);
    assert!(output.err().contains("no targets"), "{output:?}");
}

#[test]
fn check_is_the_default_command() {
    let server = Server::ok();
    let named = Upcheck::new().args(["check", &server.url("/"), "-o", "ndjson"]).run();
    let default = Upcheck::new().args([&server.url("/"), "-o", "ndjson"]).run();
    assert_eq!(named.expect_code(0).report().summary["up"], 1);
    assert_eq!(default.expect_code(0).report().summary["up"], 1);
}

#[test]
fn the_exit_code_is_the_verdict() {
    let server = Server::answering(|request| match request.path() {
        "/ok" => vec![Step::ok()],
        _ => vec![Step::send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")],
    });
    let (ok, sick) = (server.url("/ok"), server.url("/sick"));
    Upcheck::new().arg(&ok).run().expect_code(0);
    Upcheck::new().arg(&sick).run().expect_code(1);
    Upcheck::new().args([&ok, &sick]).run().expect_code(1);
    Upcheck::new().arg(format!("http://{}/", refused_address())).run().expect_code(1);
}

#[test]
fn a_wrong_flag_is_refused_with_its_name() {
    let server = Server::ok();
    let url = server.url("/");
    let cases: &[(&[&str], &[&str])] = &[
        (&["--timeuot", "5s"], &["--timeuot", "--timeout"]),
        (&["--concurency", "5"], &["--concurency", "--concurrency"]),
        (&["--nothing-like-it"], &["--nothing-like-it"]),
        (&["-Z"], &["-Z"]),
        (&["--timeout", "banana"], &["timeout", "banana"]),
        (&["--timeout", "5 parsecs"], &["timeout", "5 parsecs"]),
        (&["--timeout", "-1"], &["timeout"]),
        (&["--timeout="], &["timeout"]),
        (&["--concurrency", "0"], &["concurrency", "0"]),
        (&["--concurrency", "many"], &["concurrency", "many"]),
        (&["--max-body", "1XiB"], &["max-body", "1XiB"]),
        (&["--color", "blue"], &["color", "blue"]),
        (&["--quiet=yes"], &["quiet"]),
        (&["-o", "ndjsn"], &["ndjsn", "ndjson"]),
        (&["-H", "no colon"], &["-H", "header"]),
    ];
    for (flags, words) in cases {
        let output = Upcheck::new().arg(&url).args(*flags).run();
        output.expect_code(3);
        assert_eq!(output.out(), "", "{flags:?}");
        for word in *words {
            assert!(output.err().contains(word), "{flags:?}: {word:?} is missing: {output:?}");
        }
    }
    // The value that should follow is not there.
    let output = Upcheck::new().args([&url, "--timeout"]).run();
    assert!(output.expect_code(3).err().contains("timeout"), "{output:?}");
    assert_eq!(server.accepted(), 0, "nothing is sent");
}

#[test]
fn flags_can_be_written_as_people_write_them() {
    let server = Server::ok();
    let url = server.url("/");
    for flags in [
        &["-t5"][..],
        &["-t", "5"],
        &["--timeout=5s"],
        &["--timeout", "5000ms"],
        &["-m", "1m"],
        &["-qs"],
        &["--no-progress"],
        &["--no-progress"],
    ] {
        Upcheck::new().args(flags).arg(&url).run().expect_code(0);
    }
    Upcheck::new().args(["-t", "5", "--", &url]).run().expect_code(0);
    Upcheck::new().args([&url, "--max-time", "5"]).run().expect_code(0);
}

#[test]
fn every_wrong_target_is_listed_and_nothing_is_sent() {
    let server = Server::ok();
    let wrong = [
        "ftp://host/",
        "http://",
        "http://host:99999/",
        "http://host:port/",
        "http://ho st/",
        "http://[fe80::1%25eth0]/",
        "http://bücher.example/",
        "tcp://host",
    ];
    let output = Upcheck::new().arg(server.url("/")).args(wrong).run();
    output.expect_code(3);
    assert_eq!(output.out(), "");
    for n in 0..wrong.len() {
        // The first argument is the right one.
        let place = format!("argument {}:", n + 2);
        assert!(output.err().contains(&place), "{place} is not listed: {output:?}");
    }
    assert!(output.err().contains("xn--"), "the punycode form is hinted at: {output:?}");
    assert_eq!(server.accepted(), 0);
}

#[test]
fn a_target_is_at_most_eight_kibibytes() {
    let server = Server::ok();
    let base = server.url("/");
    let fits = format!("{base}{}", "x".repeat(8192 - base.len()));
    let output = Upcheck::new().args([&fits, "-o", "ndjson"]).run();
    assert_eq!(output.expect_code(0).report().single()["target"], fits);
    let output = Upcheck::new().arg(format!("{fits}x")).run();
    output.expect_code(3);
    assert!(output.stderr.len() < 4096, "the message does not repeat all of it");
}

#[test]
fn the_environment_sets_flags_and_the_command_line_wins() {
    let server = Server::answering(|request| match request.path() {
        "/ok" => vec![Step::ok()],
        _ => vec![Step::Hang],
    });
    let hang = server.url("/hang");
    let output = Upcheck::new().env("UPCHECK_TIMEOUT", "300ms").args([&hang, "-o", "ndjson"]).run();
    assert_eq!(output.expect_code(1).report().single()["reason"], "response_timeout");
    assert!(output.wall < ms(4500), "the default is 5 s: {output:?}");

    let output = Upcheck::new().env("UPCHECK_TIMEOUT", "1h").args([&hang, "-t", "300ms", "-o", "ndjson"]).run();
    assert_eq!(output.expect_code(1).report().single()["reason"], "response_timeout");

    let output = Upcheck::new().env("UPCHECK_OUTPUT", "ndjson").arg(server.url("/ok")).run();
    assert_eq!(output.expect_code(0).report().summary["up"], 1);

    let output = Upcheck::new().env("UPCHECK_CONNECT_TIMEOUT", "soon").arg(server.url("/ok")).run();
    output.expect_code(3);
    assert!(output.err().contains("UPCHECK_CONNECT_TIMEOUT"), "{output:?}");
    assert!(output.err().contains("soon"), "{output:?}");
}

#[test]
fn an_argument_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let output = Upcheck::new().arg(std::ffi::OsStr::from_bytes(b"http://\xff\xfe/")).run();
    output.expect_code(3);
    assert!(!output.err().is_empty());
}

#[test]
fn what_was_typed_is_repeated_without_its_escapes() {
    use std::os::unix::ffi::OsStrExt;
    let evil: &[u8] = b"\x1b[31m\x07red";
    for before in ["", "--", "-", "--timeout=", "-t", "--output=", "-oxxx=/no/such/", "-Hno colon ", "-c", "ftp://"] {
        for after in [&b""[..], b"\xff"] {
            let argument = [before.as_bytes(), evil, after].concat();
            let output = Upcheck::new().arg(std::ffi::OsStr::from_bytes(&argument)).arg("http://127.0.0.1:1/").run();
            output.expect_code(3);
            assert!(!output.err().is_empty(), "{output:?}");
            assert!(!output.err().chars().any(|c| c.is_control() && c != '\n'), "{output:?}");
        }
    }
}

#[test]
fn the_same_target_twice_is_checked_twice() {
    let server = Server::ok();
    let url = server.url("/");
    let report = Upcheck::new().args([&url, &url]).report();
    assert_eq!(report.summary["up"], 2);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn man_page_and_completions_are_made_of_the_flags() {
    let generated = |what: &str| {
        let output = Upcheck::new().args(["--generate", what]).run();
        output.expect_code(0).out().to_owned()
    };
    let help = Upcheck::new().arg("--help").run();
    let flags: Vec<&str> = help.out().split_whitespace().filter(|word| word.starts_with("--")).collect();
    for what in ["bash", "zsh", "fish"] {
        let script = generated(what);
        for flag in flags.iter().map(|flag| flag.trim_matches(|c: char| !c.is_ascii_alphanumeric())) {
            assert!(script.contains(flag) || ["help", "version"].contains(&flag), "{what} lacks {flag}");
        }
    }
    assert!(generated("man").contains("\\-\\-connect\\-timeout"));
    let wrong = Upcheck::new().args(["--generate", "tcsh"]).run();
    assert!(wrong.expect_code(3).err().contains("'tcsh' is none of"), "{wrong:?}");
    let run = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).output().expect("it is there");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    if has_program("bash") {
        let script = generated("bash") + "COMP_WORDS=(upcheck --conn) COMP_CWORD=1; _upcheck; echo \"${COMPREPLY[@]}\"";
        assert_eq!(run("bash", &["-c", &script]), "--connect-timeout\n");
    } else {
        skipped!("no bash on this machine");
    }
    for shell in ["zsh", "fish"] {
        match has_program(shell) {
            true => drop(run(shell, &["-n", "-c", &generated(shell)])),
            false => skipped!("no {shell} on this machine"),
        }
    }
}
