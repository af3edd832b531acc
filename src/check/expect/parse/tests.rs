//! Expectations as a user writes them, and as a user miswrites them.

use std::time::Duration;

use super::*;

fn parse(text: &str) -> Expectation {
    Expectation::parse(text).unwrap_or_else(|error| panic!("{}\n{error}", error.caret(text)))
}

fn number(how: ValueComparison, text: &str) -> Test {
    Test::Number(how, text.into())
}

fn text(how: Match, text: &str) -> Test {
    Test::Text(how, text.into())
}

#[test]
fn what_can_never_hold_is_refused() {
    for (text, at) in [
        ("status == 99999", 10),
        ("status > 999", 9),
        ("status in 600-700,!600-700", 10),
        ("status not in 100-999", 14),
        ("status < 100", 9),
        ("redirects < 0", 12),
        ("redirects == -1", 13),
        ("body.bytes < 0", 13),
        ("length(body) <= -3", 16),
        ("http.version == \"7\"", 16),
        ("tls.version > 1.3", 14),
        ("tls.version == \"1.1\"", 15),
        ("total < 0s", 8),
    ] {
        let error = Expectation::parse(text).expect_err(text);
        assert!(error.message.starts_with("this can never hold: "), "{text}: {}", error.message);
        assert_eq!(error.at, at, "{text}");
    }
    for text in [
        "status == 999",
        "status != 99999",
        "status not in 600-700",
        "redirects == 0",
        "redirects >= 0",
        "body.bytes == 0",
        "length(json.x) != 0",
        "http.version == \"1.0\"",
        "tls.version >= \"1.2\"",
        "total <= 0s",
        "total > 0s",
        "cert.days < 0",
    ] {
        assert!(Expectation::parse(text).is_ok(), "{text}: {:?}", Expectation::parse(text));
    }
}

#[test]
fn lengths_and_existence() {
    for (text, at, message) in [
        ("length(status) == 3", 7, "a length is that of body, header.NAME or json.PATH"),
        ("length(json.x == 3", 14, "expected `)` behind what the length is of"),
        ("length(json.x) contains \"3\"", 15, "`length(json.x)` is a number: `contains` needs text"),
        ("status exists", 7, "`status` is a number: `exists` needs a header or a JSON path"),
        ("body absent", 5, "`body` is text: `absent` needs a header or a JSON path"),
        ("header.x exists 1", 16, "`1` stands behind the value: an expectation is one comparison"),
    ] {
        let error = Expectation::parse(text).expect_err(text);
        assert_eq!((error.at, error.message.as_str()), (at, message), "{text}");
    }
    assert_eq!(Expectation::parse("length(json[\"a)b\"]) > 1").unwrap().subject().to_string(), "length(json[\"a)b\"])");
}

#[test]
fn every_subject_with_every_operator_that_goes_with_it() {
    use ValueComparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    let comparisons = [
        ("==", Equal, false),
        ("!=", Equal, true),
        ("<", Less, false),
        ("<=", LessOrEqual, false),
        (">", Greater, false),
        (">=", GreaterOrEqual, false),
    ];
    let numeric = ["redirects", "cert.days", "body.bytes", "header.age", "json.n", "length(json.n)"];
    let timed = ["total", "dns", "connect", "tls", "wait"];
    for (symbol, how, negated) in comparisons {
        for subject in numeric {
            let parsed = parse(&format!("{subject} {symbol} 12"));
            assert_eq!(parsed.test, number(how, "12"), "{subject} {symbol}");
            assert_eq!(parsed.negated, negated);
            assert_eq!(parsed.subject().to_string(), subject);
        }
        for subject in timed {
            let parsed = parse(&format!("{subject} {symbol} 250ms"));
            assert_eq!(parsed.test, Test::Time(how, Duration::from_millis(250)));
            assert_eq!(parsed.negated, negated);
            assert_eq!(parsed.subject().to_string(), subject);
        }
    }
    let matches = [
        ("==", Match::Equal, false),
        ("!=", Match::Equal, true),
        ("contains", Match::Contains, false),
        ("starts", Match::Starts, false),
        ("ends", Match::Ends, false),
        ("like", Match::Like, false),
        ("not contains", Match::Contains, true),
        ("not starts", Match::Starts, true),
        ("not  ends", Match::Ends, true),
        ("not\tlike", Match::Like, true),
    ];
    let textual = ["body", "address", "header.x", "json.s"];
    for (operator, how, negated) in matches {
        for subject in textual {
            let parsed = parse(&format!("{subject} {operator} \"12\""));
            assert_eq!(parsed.test, text(how, "12"), "{subject} {operator}");
            assert_eq!(parsed.negated, negated);
            assert_eq!(parsed.subject().to_string(), subject);
        }
    }
    for subject in numeric {
        assert!(!parse(&format!("{subject} in 1-2")).negated);
        assert!(parse(&format!("{subject} not in 1-2")).negated);
    }
}

#[test]
fn reads_values() {
    use ValueComparison::{Equal, Greater, Less};
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    for (source, test) in [
        ("cert.days > -3", number(Greater, "-3")),
        ("body.bytes < 10KiB", number(Less, "10240")),
        ("body.bytes < 1MiB", number(Less, "1048576")),
        ("total < 5", Test::Time(Less, Duration::from_secs(5))),
        ("total < 5s", Test::Time(Less, Duration::from_secs(5))),
        ("total < 1.5s", Test::Time(Less, Duration::from_millis(1500))),
        ("total < 300us", Test::Time(Less, Duration::from_micros(300))),
        ("total < 1m", Test::Time(Less, minutes(1))),
        ("total < 2h", Test::Time(Less, minutes(120))),
        ("total < 7d", Test::Time(Less, minutes(7 * 24 * 60))),
        ("tls.version > \"1.2\"", number(Greater, "1.2")),
        ("json.n == -1.5e3", number(Equal, "-1.5e3")),
        ("json.ok == true", Test::Bool(true)),
        ("json.ok == false", Test::Bool(false)),
        ("json.x == null", Test::Null),
        (r#"json.s == "true""#, text(Match::Equal, "true")),
        (r#"body == """#, text(Match::Equal, "")),
        (r#"body == "a\"b\\ \u00e9\ud83d\ude00""#, text(Match::Equal, "a\"b\\ \u{e9}\u{1f600}")),
    ] {
        assert_eq!(parse(source).test, test, "{source}");
    }
}

#[test]
fn reads_sets() {
    let range = |excluded, low: &str, high: &str| {
        let (low, high) = (low.into(), high.into());
        Range { excluded, low, high }
    };
    let set = Test::In(vec![range(false, "200", "299"), range(false, "301", "301"), range(true, "204", "204")]);
    assert_eq!(parse("status in 200-299,301,!204").test, set);
    assert_eq!(parse("status in 200-299 , 301,\t!204 ").test, set);
    let excluded = Test::In(vec![range(true, "500", "599")]);
    assert_eq!(parse("status in !500-599").test, excluded);
}

#[test]
fn spaces_are_needed_only_between_words() {
    assert_eq!(parse("status==200").test, number(ValueComparison::Equal, "200"));
    assert!(parse("header.x!=\"a\"").negated);
    assert_eq!(parse("json.a[0]<=1").test, number(ValueComparison::LessOrEqual, "1"));
    let spaced = parse(" \t status\n == 200\r\n");
    assert_eq!(spaced.text(), "status\n == 200");
}

#[test]
fn subjects_with_a_name_keep_it() {
    let header = parse("header.X-Request.ID == \"1\"");
    assert_eq!(header.subject(), &Subject::Header("X-Request.ID".into()));
    let path = json::Path::parse(".a[0][\"odd == name\"]").unwrap();
    let at_path = parse("json.a[0][\"odd == name\"] == 1");
    assert_eq!(at_path.subject(), &Subject::Json(path));
    assert_eq!(parse("json[0] == 1").subject().to_string(), "json[0]");
}

#[test]
fn tells_what_it_needs() {
    for (source, body, headers) in [
        ("body contains \"a\"", true, false),
        ("json.a == 1", true, false),
        ("body.bytes > 1", false, false),
        ("header.a == \"1\"", false, true),
        ("status == 200", false, false),
    ] {
        let parsed = parse(source);
        assert_eq!((parsed.needs_body(), parsed.needs_headers()), (body, headers), "{source}");
    }
}

/// Each expression with a caret below the spot, and words that the message must hold.
#[test]
fn errors_point_at_the_spot_and_help() {
    #[rustfmt::skip]
    let table = [
        ("", "^", "expected an expectation such as `status == 200`"),
        ("  ",
         "  ^", "expected an expectation"),
        ("stauts == 200",
         "^", "`stauts` is not a subject: expected status, body, body.bytes,"),
        ("Status == 200",
         "^", "`Status` is not a subject"),
        ("== 200",
         "^", "expected a subject: status,"),
        ("json == 1",
         "    ^", "`json` needs a path"),
        ("header == 1",
         "      ^", "`header` needs a name"),
        ("header. == 1",
         "       ^", "expected the name of a header"),
        ("header.x(y == 1",
         "        ^", "`(` cannot stand here"),
        ("json. == 1",
         "     ^", "expected a name after `.`"),
        ("json.a..b == 1",
         "       ^", "expected a name after `.`"),
        ("json.a[x] == 1",
         "       ^", "expected an index from 0, or a name in double quotes"),
        ("json.a[\"b] == 1",
         "               ^", "expected '\"' at the end of the string"),
        ("json.a$b == 1",
         "      ^", "`$` cannot stand here: an odd name is written [\"in brackets\"]"),
        ("status",
         "      ^", "expected an operator after `status`"),
        ("status 200",
         "       ^", "`200` is not an operator: expected ==, !=, <,"),
        ("status = 200",
         "       ^", "`=` is not an operator: equality is `==`"),
        ("status ! 200",
         "       ^", "`!` is not an operator"),
        ("status is 200",
         "       ^", "`is` is not an operator"),
        ("body matches \"x\"",
         "     ^", "`matches` is not an operator"),
        ("status not == 200",
         "           ^", "`not` stands before in, contains, starts, ends or like; the opposite of `==` is `!=`"),
        ("status not",
         "          ^", "`not` stands before"),
        ("status not 200",
         "           ^", "`not` stands before"),
        ("status ==",
         "         ^", "expected a value after `==`"),
        ("status not in ",
         "              ^", "expected a value after `in`"),
        ("status contains \"x\"",
         "       ^", "`status` is a number: `contains` needs text"),
        ("status not like \"2*\"",
         "           ^", "`status` is a number: `like` needs text"),
        ("body.bytes starts \"1\"",
         "           ^", "`body.bytes` is a size: `starts` needs text"),
        ("total ends \"s\"",
         "      ^", "`total` is a duration: `ends` needs text"),
        ("total in 1-2",
         "      ^", "`total` is a duration: `in` needs a number"),
        ("body < 5",
         "     ^", "`body` is text: `<` needs a number"),
        ("body in 1-2",
         "     ^", "`body` is text: `in` needs a number"),
        ("address >= \"1\"",
         "        ^", "`address` is text: `>=` needs a number"),
        ("status == \"200\"",
         "          ^", "`status` needs a whole number (a set of them goes with `in`), found `\"200\"`"),
        ("status == 200-299",
         "          ^", "a set of them goes with `in`"),
        ("status == 200.5",
         "          ^", "`status` needs a whole number"),
        ("status == 0200",
         "          ^", "`status` needs a whole number"),
        ("status == true",
         "          ^", "`status` needs a whole number"),
        ("total < \"5s\"",
         "        ^", "'\"5s\"' is not a duration (such as 250ms, 5s, 1m, 2h, 7d)"),
        ("total < 5x",
         "        ^", "'5x' is not a duration"),
        ("total < -5s",
         "        ^", "'-5s' is not a duration"),
        ("total < 99999999999999999999s",
         "        ^", "'99999999999999999999s' is longer than ten years"),
        ("total < 9999999999999999999d",
         "        ^", "is longer than ten years"),
        ("body.bytes > 1kb",
         "             ^", "'1kb' is not a size (such as 512, 64KiB, 1MiB)"),
        ("body.bytes > 18446744073709551615MiB",
         "             ^", "'18446744073709551615MiB' is not a size"),
        ("body == ok",
         "        ^", "`body` needs text in double quotes: \"ok\""),
        ("body contains 'all good'",
         "              ^", "`body` needs text in double quotes: \"all good\""),
        ("body == 5",
         "        ^", "`body` needs text in double quotes: \"5\""),
        ("header.x == ok",
         "            ^", "`header.x` needs text in double quotes, or a number, found `ok`"),
        ("header.x < \"ok\"",
         "           ^", "`header.x` needs a number here, found `\"ok\"`"),
        ("header.x < \"1",
         "             ^", "expected '\"' at the end of the string"),
        ("tls.version >= TLSv1.2",
         "               ^", "`tls.version` needs a number here"),
        ("json.a == ok",
         "          ^", "`json.a` needs a number, text in double quotes, true, false or null, found `ok`"),
        ("json.a < \"5\"",
         "         ^", "`json.a` needs a number here, found `\"5\"`"),
        ("json.a > true",
         "         ^", "`json.a` needs a number here"),
        ("json.a contains 5",
         "                ^", "`json.a` needs text in double quotes: \"5\""),
        ("body == \"abc",
         "            ^", "expected '\"' at the end of the string, found the end of the input"),
        ("body == \"a\\x\"",
         "           ^", "expected one of \"\\/bfnrtu after '\\', found 'x'"),
        ("body == \"a\tb\"",
         "          ^", "a control character in a string is escaped"),
        ("status in \"200\"",
         "          ^", "expected whole numbers such as 200-299,301,!204"),
        ("status in 2xx",
         "          ^", "expected whole numbers"),
        ("status in 200-",
         "              ^", "expected whole numbers"),
        ("status in 200,",
         "              ^", "expected whole numbers"),
        ("status in 200,,201",
         "              ^", "expected whole numbers"),
        ("status in -5",
         "          ^", "expected whole numbers"),
        ("status in 200,!x",
         "               ^", "expected whole numbers"),
        ("status in 200,1.5",
         "              ^", "expected whole numbers"),
        ("status in 200,299-210",
         "              ^", "`299-210` is empty: 299 is above 210"),
        ("status in 200 201",
         "              ^", "`201` stands behind the value: an expectation is one comparison"),
        ("status == 200 and total < 1s",
         "              ^", "`and` stands behind the value"),
        ("body == \"a\"b",
         "           ^", "`b` stands behind the value"),
    ];
    for (source, caret, message) in table {
        let error = Expectation::parse(source).expect_err(source);
        let shown = error.caret(source);
        assert_eq!(shown.lines().nth(1), Some(caret), "{shown}\n{error}");
        assert!(error.to_string().contains(message), "{shown}\n{error}");
    }
}

#[test]
fn an_expression_and_a_pattern_have_limits() {
    let longest = format!("{:MAX_EXPRESSION$}", "status == 200");
    assert!(Expectation::parse(&longest).is_ok());
    let error = Expectation::parse(&format!("{longest} ")).unwrap_err();
    assert_eq!(error.at, MAX_EXPRESSION);
    assert_eq!(error.message, "an expectation has at most 4096 bytes");

    let like = |length| format!("body like \"{}\"", "*".repeat(length));
    assert!(Expectation::parse(&like(MAX_PATTERN)).is_ok());
    let error = Expectation::parse(&like(MAX_PATTERN + 1)).unwrap_err();
    assert_eq!(error.at, 10);
    assert_eq!(error.message, "a pattern of `like` has at most 256 bytes");
}

#[test]
fn a_message_repeats_little_and_no_control_characters() {
    let source = format!("{}\u{1b}[31m == 1", "x".repeat(3000));
    let error = Expectation::parse(&source).unwrap_err();
    assert!(error.message.len() < 300, "{error}");
    let error = Expectation::parse("status == \u{1b}[31m").unwrap_err();
    assert!(error.message.ends_with("found ` [31m`"), "{error}");
    assert!(!error.caret("\u{1b}[31m").contains('\u{1b}'));
}

#[test]
fn the_caret_stands_below_the_spot() {
    for (source, wanted) in [
        ("body\t== x", "body == x\n        ^"),
        ("body ==\nx", "body == x\n        ^"),
        ("json.\u{5b57} == x", "json.\u{5b57} == x\n           ^"),
        ("json[\"e\u{301}\"] == x", "json[\"e\u{301}\"] == x\n             ^"),
    ] {
        let error = Expectation::parse(source).unwrap_err();
        assert_eq!(error.caret(source), wanted);
    }
    // A spot behind the text, or inside a character of another text, is no reason to panic.
    let error = error_at(4, "");
    assert_eq!(error.caret("ab"), "ab\n  ^");
    assert_eq!(error.caret("a\u{1f600}"), "a\u{1f600}\n   ^");
}
