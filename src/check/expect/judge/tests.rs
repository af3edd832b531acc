//! What holds and what does not, and the words for it.

use super::super::MAX_GOT;
use super::*;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type:  text/html; charset=utf-8 \r\nAge: 300\r\n\
    Set-Cookie: a=1\r\nset-cookie: b=2\r\nX-Odd: \xff\x1b[31m\r\nX-Mixed: soon\r\nX-Mixed: 7\r\nX-Empty:\r\n\
    no colon\r\n\r\nX-Behind: 1\r\n";

fn seen(body: &[u8]) -> Seen<'_> {
    Seen {
        has_body: true,
        status: Some(200),
        http_version: Some("1.1"),
        headers: Headers::new(HEAD),
        body,
        watch: None,
        document: None,
        body_whole: true,
        body_bytes: body.len() as u64,
        redirects: 2,
        total: Duration::from_micros(312_457),
        dns: Some(Duration::from_millis(1)),
        connect: Some(Duration::from_millis(20)),
        tls: Some(Duration::from_millis(300)),
        wait: Some(Duration::from_secs(4)),
        cert_days: Some(-3),
        tls_version: Some("1.3"),
        address: Some("127.0.0.1:8000".parse().unwrap()),
    }
}

/// What a check of `tcp://` saw.
fn seen_nothing() -> Seen<'static> {
    Seen {
        has_body: false,
        status: None,
        http_version: None,
        headers: Headers::default(),
        body: b"",
        watch: None,
        document: None,
        body_whole: true,
        body_bytes: 0,
        redirects: 0,
        total: Duration::from_millis(5),
        dns: None,
        connect: None,
        tls: None,
        wait: None,
        cert_days: None,
        tls_version: None,
        address: None,
    }
}

fn judge(text: &str, seen: &Seen<'_>) -> Result<(), String> {
    let expectation = Expectation::parse(text).unwrap();
    expectation.judge(seen).map_err(|mismatch| {
        assert_eq!(mismatch.expected, text);
        mismatch.got
    })
}

fn holds(text: &str, seen: &Seen<'_>) {
    assert_eq!(judge(text, seen), Ok(()), "{text}");
}

fn fails(text: &str, seen: &Seen<'_>, got: &str) {
    assert_eq!(judge(text, seen), Err(got.into()), "{text}");
}

#[test]
fn every_subject_has_its_value() {
    for (good, bad, got) in [
        ("status == 200", "status != 200", "status was 200"),
        ("redirects < 3", "redirects < 2", "redirects was 2"),
        ("cert.days < 0", "cert.days > 14", "cert.days was -3"),
        ("body.bytes == 4", "body.bytes > 1KiB", "body.bytes was 4"),
        (r#"body == "body""#, r#"body == "bod""#, r#"body was "body""#),
        ("http.version == 1.1", "http.version < 1.1", "http.version was \"1.1\""),
        ("tls.version >= 1.2", "tls.version < \"1.3\"", "tls.version was \"1.3\""),
        ("total < 313ms", "total < 300ms", "total was 312 ms"),
        ("dns == 1ms", "dns > 1ms", "dns was 1.0 ms"),
        ("connect <= 20ms", "connect < 20ms", "connect was 20 ms"),
        ("tls >= 300ms", "tls != 300ms", "tls was 300 ms"),
        ("wait > 3", "wait < 3", "wait was 4.00 s"),
        (r#"address starts "127.""#, r#"address == "::1""#, r#"address was "127.0.0.1:8000""#),
        ("header.age == 300", "header.age < 60", "header.age was \"300\""),
    ] {
        holds(good, &seen(b"body"));
        fails(bad, &seen(b"body"), got);
    }
    let quick = Seen { total: Duration::from_nanos(663_999), ..seen(b"") };
    fails("total > 1ms", &quick, "total was 663 us");
    let close = Seen { total: Duration::from_micros(300_412), ..seen(b"") };
    fails("total < 300ms", &close, "total was 300.412 ms");
    holds("json.a == 1", &seen(b"{\"a\":1}"));
    fails("json.a == 2", &seen(b"{\"a\":1}"), "json.a was 1");
}

#[test]
fn compares_numbers_with_every_operator() {
    for (operator, below, equal, above) in [
        ("==", false, true, false),
        ("!=", true, false, true),
        ("<", true, false, false),
        ("<=", true, true, false),
        (">", false, false, true),
        (">=", false, true, true),
    ] {
        for (value, wanted) in [(201, below), (200, equal), (199, above)] {
            let text = format!("status {operator} {value}");
            assert_eq!(judge(&text, &seen(b"")).is_ok(), wanted, "{text}");
            let text = format!("wait {operator} {}ms", value * 20);
            assert_eq!(judge(&text, &seen(b"")).is_ok(), wanted, "{text}");
        }
    }
}

#[test]
fn compares_text_with_every_operator() {
    for (operator, hit, miss) in [
        ("==", "hello", "hell"),
        ("contains", "ell", "elo"),
        ("starts", "he", "el"),
        ("ends", "lo", "ll"),
        ("like", "h*l?", "h?l"),
    ] {
        let negation = match operator {
            "==" => "!=".to_string(),
            _ => format!("not {operator}"),
        };
        let got = "body was \"hello\"";
        holds(&format!("body {operator} \"{hit}\""), &seen(b"hello"));
        fails(&format!("body {operator} \"{miss}\""), &seen(b"hello"), got);
        holds(&format!("body {negation} \"{miss}\""), &seen(b"hello"));
        fails(&format!("body {negation} \"{hit}\""), &seen(b"hello"), got);
    }
}

#[test]
fn sets_include_and_exclude() {
    for (set, inside, outside) in [
        ("200-299,301,!204", &[200, 203, 299, 301][..], &[199, 204, 300, 302][..]),
        ("!500-599", &[200, 499, 600], &[500, 599]),
        ("!404,!410", &[200], &[404, 410]),
        ("200", &[200], &[199, 201]),
        ("!204,204-205", &[205], &[204, 200]),
    ] {
        for (statuses, wanted) in [(inside, true), (outside, false)] {
            for status in statuses {
                let seen = Seen { status: Some(*status), ..seen(b"") };
                let (plain, not) = (format!("status in {set}"), format!("status not in {set}"));
                assert_eq!(judge(&plain, &seen).is_ok(), wanted, "{plain} {status}");
                assert_eq!(judge(&not, &seen).is_ok(), !wanted, "{not} {status}");
            }
        }
    }
    holds("json.a in 1-2", &seen(br#"{"a":1.5}"#));
    holds("json.a not in 0-9", &seen(br#"{"a":1e999999999}"#));
}

#[test]
fn what_has_no_value_holds_nothing() {
    let response = "has no value: there was no HTTP response";
    for (text, why) in [
        ("status != 500", response),
        ("body not contains \"x\"", response),
        ("body.bytes >= 0", response),
        ("header.x != \"a\"", response),
        ("json.a != 1", response),
        ("http.version != 1.0", response),
        ("wait < 1s", response),
        ("dns < 1s", "has no value: no name was looked up"),
        ("connect < 1s", "has no value: no connection was made"),
        ("tls < 1s", "has no value: there was no TLS handshake"),
        ("tls.version != 1.0", "has no value: there was no TLS handshake"),
        ("cert.days != 0", "has no value: there was no certificate"),
        ("address != \"x\"", "has no value: there was no connection"),
    ] {
        let subject = text.split(' ').next().unwrap();
        fails(text, &seen_nothing(), &format!("{subject} {why}"));
    }
    holds("total < 1s", &seen_nothing());
    holds("redirects == 0", &seen_nothing());
}

#[test]
fn finds_headers() {
    let seen = seen(b"");
    holds("header.content-type == \"text/html; charset=utf-8\"", &seen);
    holds("header.CONTENT-TYPE starts \"text/html\"", &seen);
    holds("header.x-empty == \"\"", &seen);
    for missing in ["header.x != \"a\"", "header.no != \"a\"", "header.x-behind == 1"] {
        let subject = missing.split(' ').next().unwrap();
        fails(missing, &seen, &format!("{subject} is missing"));
    }
    fails("header.x-odd == \"a\"", &seen, "header.x-odd was \"\u{fffd}\\u{1b}[31m\"");
    fails(
        "header.content-type > 5",
        &seen,
        "header.content-type is the string \"text/html; charset=utf-8\", not a number",
    );
    let headers = |head| Headers::new(head).values("a").map(Cow::into_owned).collect::<Vec<_>>();
    assert_eq!(headers(b""), [b""; 0]);
    assert_eq!(headers(b"a: status line"), [b""; 0]);
    assert_eq!(headers(b"HTTP/1.1 200\nA:1\na:\t2"), [b"1", b"2"]);
    // Folded, at whatever place, and in the last line of a head that stops there.
    let folded =
        b"HTTP/1.1 200 OK\r\na:\r\n 1;\r\n\t \tx=2;\r\n  y\r\nB: 3\r\n a: no\r\nA: 4\r\n \r\n\r\na: behind\r\n";
    assert_eq!(headers(folded), [&b"1; x=2; y"[..], b"4"]);
    assert_eq!(headers(b"HTTP/1.1 200 OK\r\nA: 1\r\n 2"), [b"1 2"]);
}

#[test]
fn what_is_there_and_what_is_not() {
    let seen = seen(br#"{"a":null,"list":[1,[2,3],{"x":","}],"text":"h\u00e9!","none":[],"o":{"k":"]"}}"#);
    for there in ["header.age", "json.a", "json.list[1]"] {
        holds(&format!("{there} exists"), &seen);
        assert!(Expectation::parse(&format!("{there} absent")).unwrap().judge(&seen).is_err(), "{there}");
    }
    for missing in ["header.x-none", "json.b", "json.list[9]"] {
        holds(&format!("{missing} absent"), &seen);
        fails(&format!("{missing} exists"), &seen, &format!("{missing} is missing"));
    }
    fails("json.a absent", &seen, "json.a is there");
    for good in [
        "length(json.list) == 3",
        "length(json.list[1]) in 2,5",
        "length( json.text ) == 3",
        "length(json.none) == 0",
        "length(json.o) == 1",
        "length(header.age) == 3",
        "length(header.set-cookie) > 2",
        "length(body) > 20",
    ] {
        holds(good, &seen);
    }
    fails("length(json.list) > 3", &seen, "length(json.list) was 3");
    fails("length(json.b) > 3", &seen, "json.b is missing");
    fails("length(json.a) > 3", &seen, "json.a is null, which has no length");
    fails("length(header.age) > 3", &seen, "length(header.age) was 3");
    assert!(Expectation::parse("length(json.list) > 3").unwrap().needs_body());
}

#[test]
fn of_several_headers_one_is_enough() {
    let seen = seen(b"");
    let both = "header.set-cookie was \"a=1\" and \"b=2\"";
    holds("header.set-cookie == \"b=2\"", &seen);
    fails("header.set-cookie != \"b=2\"", &seen, both);
    fails("header.set-cookie == \"c=3\"", &seen, both);
    holds("header.set-cookie != \"c=3\"", &seen);
    holds("header.set-cookie not starts \"c\"", &seen);
    holds("header.x-mixed == 7", &seen);
    fails("header.x-mixed != 7", &seen, "header.x-mixed was \"soon\" and \"7\"");
    fails("header.x-mixed > 7", &seen, "header.x-mixed was \"soon\" and \"7\"");
    let neither = "header.set-cookie is the string \"a=1\", not a number";
    fails("header.set-cookie == 1", &seen, neither);
    fails("header.set-cookie != 1", &seen, neither);
}

#[test]
fn json_values_keep_their_types() {
    let seen = seen(br#"{"s":"5","n":5,"t":true,"z":null,"a":[1],"o":{},"big":12345678901234567890}"#);
    for text in [
        "json.s == \"5\"",
        "json.s != \"6\"",
        "json.s like \"?\"",
        "json.n == 5.0",
        "json.n >= 5",
        "json.n in 1-9",
        "json.t == true",
        "json.t != false",
        "json.z == null",
        "json.s != null",
        "json.o != null",
        "json.big == 12345678901234567890",
        "json.big != 12345678901234567891",
        "json.big < 1e999999999",
        "json.a[0] == 1",
    ] {
        holds(text, &seen);
    }
    for (text, got) in [
        ("json.s == 5", "json.s is the string \"5\", not a number"),
        ("json.s != 5", "json.s is the string \"5\", not a number"),
        ("json.s in 1-9", "json.s is the string \"5\", not a number"),
        ("json.n == \"5\"", "json.n is the number 5, not a string"),
        ("json.n == true", "json.n is the number 5, not true or false"),
        ("json.n contains \"5\"", "json.n is the number 5, not a string"),
        ("json.t == 1", "json.t is true, not a number"),
        ("json.t == false", "json.t was true"),
        ("json.z == \"\"", "json.z is null, not a string"),
        ("json.z != null", "json.z was null"),
        ("json.n == null", "json.n was 5"),
        ("json.a == 1", "json.a is an array, not a number"),
        ("json.o == \"\"", "json.o is an object, not a string"),
        ("json.a == null", "json.a was an array"),
        ("json.none == null", "json.none is missing"),
        ("json.a[1] != 1", "json.a[1] is missing"),
        ("json[0] != 1", "json[0] is missing"),
    ] {
        fails(text, &seen, got);
    }
}

#[test]
fn a_body_that_is_not_json_says_where() {
    for (body, got) in [
        (&b""[..], "line 1, column 1: expected a value, found the end of the input"),
        (b"<html>", "line 1, column 1: expected a value, found '<'"),
        (b"{\"ok\"  true}", "line 1, column 8: expected ':', found 't'"),
        (b"{\n\"ok\":", "line 2, column 6: expected a value, found the end of the input"),
        (b"\"\xff\"", "line 1, column 2: expected '\"' at the end of the string, found a byte that is not UTF-8"),
    ] {
        let got = format!("the body is not JSON ({got})");
        fails("json.ok != true", &seen(body), &got);
    }
}

#[test]
fn a_cut_body_decides_only_what_it_can() {
    let cut = Seen { body_whole: false, body_bytes: 1000, ..seen(b"hello") };
    for text in [
        "body contains \"ell\"",
        "body starts \"hell\"",
        "body starts \"hello\"",
        "body not starts \"help\"",
        "body != \"help me\"",
        "body != \"hel\"",
        "body.bytes == 1000",
    ] {
        holds(text, &cut);
    }
    for text in ["body not contains \"ell\"", "body starts \"help\"", "body == \"hel\""] {
        fails(text, &cut, "body was \"hello\"");
    }
    for text in [
        "body contains \"x\"",
        "body not contains \"x\"",
        "body starts \"hello you\"",
        "body not starts \"hello you\"",
        "body == \"hello you\"",
        "body != \"hello you\"",
        "body ends \"lo\"",
        "body not ends \"lo\"",
        "body like \"*\"",
    ] {
        fails(text, &cut, "body was cut: only its first 5 bytes were kept");
    }
    fails("json.a == 1", &cut, "the body was cut: its first 5 bytes cannot be read as JSON");
}

#[test]
fn a_body_need_not_be_text() {
    let body = b"\xff\xe9\0caf\xc3\xa9\xc3";
    holds("body contains \"caf\u{e9}\"", &seen(body));
    holds("body not contains \"\u{e9}f\"", &seen(body));
    holds("body like \"*caf?*\"", &seen(body));
    holds("body not starts \"caf\"", &seen(body));
    holds("body contains \"\"", &seen(b""));
    fails("body == \"x\"", &seen(body), "body was \"\u{fffd}\u{fffd}\\0caf\u{e9}\u{fffd}\"");
}

#[test]
fn globs() {
    for (pattern, text, wanted) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("*", "abc", true),
        ("**", "abc", true),
        ("?", "", false),
        ("?", "a", true),
        ("?", "\u{1f600}", true),
        ("?", "ab", false),
        ("a*", "abc", true),
        ("a*", "ba", false),
        ("*c", "abc", true),
        ("*c", "abcd", false),
        ("*b*", "abc", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*ab", "aab", true),
        ("*ab*ab", "abab", true),
        ("*ab*ab", "abcab", true),
        ("*ab*ab", "ab", false),
        ("a*b?d*", "axxbxbcd", true),
        ("*?", "", false),
        ("?*?", "ab", true),
        ("?*?", "a", false),
        ("[a]", "a", false),
    ] {
        assert_eq!(glob(pattern, text), wanted, "{pattern} {text}");
    }
}

#[test]
fn globs_agree_with_the_definition() {
    fn defined(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', after @ ..], _) => (0..=text.len()).any(|at| defined(after, &text[at..])),
            ([b'?', after @ ..], [_, rest @ ..]) => defined(after, rest),
            ([wanted, after @ ..], [c, rest @ ..]) => wanted == c && defined(after, rest),
            _ => false,
        }
    }
    let words = |letters: &str, length: usize| {
        (0..length).fold(vec![String::new()], |shorter, _| {
            let longer = shorter.iter().flat_map(|word| letters.chars().map(move |c| format!("{word}{c}")));
            shorter.iter().cloned().chain(longer).collect()
        })
    };
    let texts = words("ab", 5);
    for pattern in words("ab*?", 4) {
        for text in &texts {
            let wanted = defined(pattern.as_bytes(), text.as_bytes());
            assert_eq!(glob(&pattern, text), wanted, "{pattern} {text}");
        }
    }
}

#[test]
fn no_glob_is_exponential() {
    // With a retry of every star, each of these would outlive the sun.
    let text = "a".repeat(5_000);
    for pattern in ["a*".repeat(100) + "b", "*a".repeat(100) + "c", "*?a".repeat(80) + "c"] {
        assert!(!glob(&pattern, &text), "{pattern}");
    }
}

#[test]
fn what_came_is_told_in_few_words() {
    let long = "x".repeat(5_000);
    let got = judge("body == \"y\"", &seen(long.as_bytes())).unwrap_err();
    assert_eq!(got, format!("body was \"{}\"... (5000 bytes)", "x".repeat(120)));
    let pictures = "\u{1f600}".repeat(1_000);
    let got = judge("body == \"y\"", &seen(pictures.as_bytes())).unwrap_err();
    assert!(got.ends_with("\u{1f600}\"... (4000 bytes)"), "{got}");
    let controls = "\u{1b}".repeat(5_000);
    let got = judge("body == \"y\"", &seen(controls.as_bytes())).unwrap_err();
    assert_eq!(got.chars().count(), MAX_GOT);
    assert!(got.ends_with("..."));
    assert!(!got.contains('\u{1b}'));
    let digits = format!("{{\"a\":{}}}", "9".repeat(5_000));
    let got = judge("json.a == 1", &seen(digits.as_bytes())).unwrap_err();
    assert_eq!(got, format!("json.a was {}...", "9".repeat(117)));
    let short = judge("body == \"y\"", &seen(b"it's \"ok\"\n")).unwrap_err();
    assert_eq!(short, r#"body was "it's \"ok\"\n""#);
}

#[test]
fn mutated_expressions_do_not_break_the_parser_or_the_judge() {
    const SEED: u64 = 0x5eed_0016;
    const SOURCES: [&str; 8] = [
        "status in 200-299,301,!204",
        "header.content-type not starts \"text/\"",
        "json.a[0][\"odd \\u00e9 name\"] == \"caf\u{e9}\"",
        "json.n >= -12.5e3",
        "total < 250ms",
        "body.bytes <= 10KiB",
        "tls.version >= \"1.2\"",
        "body like \"*o?\u{1f600}*\"",
    ];
    const CHARS: [char; 20] = [
        '"',
        '\\',
        '[',
        ']',
        '.',
        ' ',
        '\t',
        '=',
        '!',
        '<',
        '-',
        ',',
        '*',
        '0',
        '9',
        'n',
        'u',
        '\u{0}',
        '\u{e9}',
        '\u{1f600}',
    ];
    // xorshift64: small, and the same on every machine.
    let mut state = SEED;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit as u64) as usize
    };
    let whole = seen(br#"{"a":[{"odd \u00e9 name":"caf\u00e9"}],"n":5}"#);
    let cut = Seen { body_whole: false, ..whole };
    let mut parsed = 0;
    for round in 0..20_000 {
        let mut chars: Vec<char> = SOURCES[below(SOURCES.len())].chars().collect();
        for _ in 0..=below(2) {
            let at = below(chars.len());
            match below(3) {
                0 => chars[at] = CHARS[below(CHARS.len())],
                1 => chars.insert(at, CHARS[below(CHARS.len())]),
                _ => drop(chars.remove(at)),
            }
        }
        let text: String = chars.into_iter().collect();
        match Expectation::parse(&text) {
            Ok(expectation) => {
                parsed += 1;
                for seen in [&whole, &cut, &seen_nothing()] {
                    if let Err(mismatch) = expectation.judge(seen) {
                        assert!(mismatch.got.chars().count() <= MAX_GOT, "round {round}: {text}");
                    }
                }
                let again = Expectation::parse(expectation.text());
                assert_eq!(again, Ok(expectation), "round {round}: {text}");
            }
            Err(error) => {
                assert!(text.is_char_boundary(error.at), "round {round}: {text}");
                assert_eq!(error.caret(&text).lines().count(), 2, "round {round}: {text}");
            }
        }
    }
    assert!((1_000..19_000).contains(&parsed), "{parsed} of 20000 parsed");
}
