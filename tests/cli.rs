//! The command line: flags, environment, help, exit codes, errors.

use crate::support::{Server, Step, TempDir, Upcheck, ms, refused_address};
#[cfg(feature = "reports")]
use crate::support::{has_program, skipped};

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
    let all = ["Usage:", "--timeout", "--concurrency", "--file", "--output", "--deadline", "UPCHECK_"];
    let most = ["Usage:", "--timeout", "--concurrency", "--file", "--output", "upcheck --help"];
    for (flag, words) in [("--help", &all[..]), ("-h", &most)] {
        let output = Upcheck::new().arg(flag).run();
        output.expect_code(0);
        assert_eq!(output.err(), "");
        for word in words {
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
fn a_short_help_is_a_screen_and_a_whole_one_is_no_wider_than_is_good_to_read() {
    let mut commands = vec!["check"];
    commands.extend(["mock", "demo"].into_iter().filter(|_| cfg!(feature = "mock")));
    commands.extend(["compare"].into_iter().filter(|_| cfg!(feature = "compare")));
    commands.extend(["report"].into_iter().filter(|_| cfg!(feature = "reports")));
    for command in commands {
        let help = |flag: &str| Upcheck::new().args([command, flag]).run().expect_code(0).out().to_owned();
        let (short, whole) = (help("-h"), help("--help"));
        assert!(short.lines().count() <= 24 && short.lines().all(|line| line.len() <= 80), "{command}: {short}");
        assert!(whole.lines().all(|line| line.len() <= 100), "{command}: {whole}");
        assert!(short.contains("Usage: upcheck") && whole.contains("Usage: upcheck"), "{command}: {short}");
        assert!(whole.lines().count() >= short.lines().count(), "{command}: {whole}");
    }
}

#[test]
fn what_is_not_built_in_is_named_with_its_feature_and_offered_nowhere() {
    let (has_mock, has_compare) = (cfg!(feature = "mock"), cfg!(feature = "compare"));
    let help = Upcheck::new().arg("--help").run();
    let completions = cfg!(feature = "reports").then(|| Upcheck::new().args(["--generate", "bash"]).run());
    for (command, feature, is_built_in) in [
        ("demo", "mock", has_mock),
        ("mock", "mock", has_mock),
        ("compare", "compare", has_compare),
        ("report", "reports", cfg!(feature = "reports")),
    ] {
        assert_eq!(help.out().contains(&format!("\n  {command} ")), is_built_in, "{help:?}");
        if let Some(completions) = &completions {
            let offered = completions.out().split([' ', '\'', '\n']).any(|word| word == command);
            assert_eq!(offered, is_built_in, "{completions:?}");
        }
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
    ]
    .into_iter()
    .filter(|(word, _)| *word != "completions" || cfg!(feature = "reports"))
    {
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
fn what_was_meant_is_suggested() {
    let cases: &[(&[&str], &str)] = &[
        (&["--color=allways"], "did you mean 'always'?"),
        (&["-o", "ndjsn"], "did you mean 'ndjson'?"),
        #[cfg(feature = "reports")]
        (&["--generate", "zhs"], "did you mean 'zsh'?"),
        (&["--max-tme=3s"], "did you mean '--max-time'?"),
        (&["--ndjson"], "did you mean '-o ndjson'?"),
    ];
    for (flags, hint) in cases {
        let output = Upcheck::new().args(*flags).arg("http://127.0.0.1:1/").run();
        output.expect_code(3);
        assert!(output.err().contains(hint), "{flags:?}: {output:?}");
    }
    for (line, hint) in [
        ("http://127.0.0.1:1/ expct=1", "there is no option 'expct' for a target; did you mean 'expect'?"),
        ("http://127.0.0.1:1/ nmae=x", "did you mean 'name'?"),
    ] {
        let output = Upcheck::new().args(["-f", "-"]).stdin(line).run();
        output.expect_code(3);
        assert!(output.err().contains(hint), "{line}: {output:?}");
    }
    for flags in [["-o", "yaml"], ["--color", "blue"]] {
        let output = Upcheck::new().args(flags).arg("http://127.0.0.1:1/").run();
        assert!(!output.expect_code(3).err().contains("did you mean"), "nothing is near: {output:?}");
    }
}

#[test]
fn who_types_what_curl_takes_is_told_what_to_say_here() {
    let server = Server::ok();
    let url = server.url("/");
    let cases: &[(&[&str], &str)] = &[
        (&["-fsS"], "'-fsS' is curl's; here say 'upcheck -s URL'"),
        (&["-sSf"], "say 'upcheck -s URL'"),
        (&["-sS"], "say 'upcheck -s URL'"),
        (&["-S"], "say 'upcheck -s URL'"),
        (&["--fail"], "say 'upcheck -s URL'"),
        (&["-f"], "it needs no -f (which is not curl's --fail)"),
        (&["-sf"], "it needs no -f (which is not curl's --fail)"),
        (&["-i"], "'-i' is curl's"),
        (&["-w", "%{http_code}"], "-w is --warn"),
        (&["-s", "-o", "/dev/null"], "say -s for no output"),
    ];
    for (flags, hint) in cases {
        let output = Upcheck::new().args(*flags).arg(&url).run();
        output.expect_code(3);
        assert!(output.err().contains(hint), "{flags:?}: {output:?}");
        assert!(output.err().lines().count() <= 2, "{flags:?}: {output:?}");
    }
    assert_eq!(server.accepted(), 0);
    // What is wrong for another reason is not curl's.
    let output = Upcheck::new().args(["-s", "-t", "soon", &url]).run();
    assert!(!output.expect_code(3).err().contains("curl"), "{output:?}");
}

#[test]
fn a_variable_that_is_nearly_one_of_ours_is_named() {
    let server = Server::ok();
    let url = server.url("/");
    for (name, meant) in [
        ("UPCHECK_TIMEOUTT", "UPCHECK_TIMEOUT"),
        ("UPCHECK_CONECT_TIMEOUT", "UPCHECK_CONNECT_TIMEOUT"),
        ("UPCHECK_MAX_TIME", "UPCHECK_TIMEOUT"),
        ("UPCHECK_RETRYS", "UPCHECK_RETRY"),
    ] {
        let output = Upcheck::new().env(name, "3").arg(&url).run();
        let told = format!("upcheck: {name} is none of this program's variables; did you mean {meant}?\n");
        assert_eq!(output.expect_code(0).err(), told, "once, and no error");
    }
    // A cluster's, for a service of this name; other commands'; a script's own.
    let links = ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP", "PORT_80_TCP_ADDR"];
    let help = |command: &str| Upcheck::new().args([command, "--help"]).run().out().to_owned();
    let ours = help("check");
    let others: String = ["mock", "compare", "report"].map(help).concat();
    let long = |line: &str| Some(line.get(6..)?.strip_prefix("--")?.split(' ').next()?.to_owned());
    let of_others: Vec<String> =
        others.lines().filter_map(long).filter(|long| !ours.contains(&format!("--{long} "))).collect();
    assert!(!cfg!(feature = "mock") || of_others.contains(&"seed".to_owned()), "{of_others:?}");
    let mut run = Upcheck::new().arg(&url).env("UPCHECK_VERSION", "1").env("UPCHECK_TARGET", "x");
    for name in links.map(str::to_owned).into_iter().chain(of_others) {
        run = run.env(&format!("UPCHECK_{}", name.to_uppercase().replace('-', "_")), "tcp://10.0.0.1:80");
    }
    assert_eq!(run.run().expect_code(0).err(), "");
}

#[test]
fn a_dry_run_that_could_not_write_what_was_asked_for_says_so() {
    let flags: &[&str] = if cfg!(feature = "reports") { &["--trace", "x"] } else { &["-o", "ndjson=x"] };
    let output = Upcheck::new().args(["--dry-run", "http://127.0.0.1:1/"]).args(flags).run();
    output.expect_code(3);
    assert!(output.err().contains("--dry-run prints to standard output, not to x"), "{output:?}");
}

#[cfg(feature = "reports")]
#[test]
fn a_dry_run_has_two_formats_and_refuses_others() {
    let dry = |format: &str| Upcheck::new().args(["--dry-run", "http://127.0.0.1:1/", "-o", format]).run();
    for format in ["csv", "json", "waterfall", "nagios"] {
        let output = dry(format);
        output.expect_code(3);
        let expected = format!("upcheck: --dry-run prints lines, or objects with -o ndjson, but no {format}\n");
        assert_eq!((output.out(), output.err()), ("", &*expected));
    }
    assert_eq!(dry("human").expect_code(0).out(), "http://127.0.0.1:1/\n");
    assert!(dry("ndjson").expect_code(0).out().starts_with("{\"schema\":1,\"type\":\"target\""));
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

#[cfg(feature = "reports")]
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
