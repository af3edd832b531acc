//! Documents, whole and cut anywhere, good and bad.

use super::*;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn get<'a>(text: &'a str, at: &str) -> Option<JsonFound<'a>> {
    find(text.as_bytes(), &path(at)).unwrap()
}

fn string(text: &str) -> Option<JsonFound<'_>> {
    Some(JsonFound::String(text.into()))
}

fn is_json(text: &[u8]) -> bool {
    find(text, &path(".x")).is_ok()
}

fn error(text: &[u8]) -> JsonError {
    find(text, &path(".x")).unwrap_err()
}

const DOCUMENT: &str = "{\"name\": \"caf\u{e9} \\ud83d\\ude00 \\n\",\r\n\t\"list\": [1, -2.5e+3, true, false, null, \
                        {\"odd name\": [[], {}]}], \"z\u{1f600}\": 0}";

#[test]
fn finds_values_of_every_type() {
    let text = r#"{"s":"a\"b","n":-1.50e2,"t":true,"f":false,"z":null,"a":[ 1 ],"o":{"k" : 2}}"#;
    assert_eq!(get(text, ".s"), string("a\"b"));
    assert_eq!(get(text, ".n"), Some(JsonFound::Number("-1.50e2")));
    assert_eq!(get(text, ".t"), Some(JsonFound::Bool(true)));
    assert_eq!(get(text, ".f"), Some(JsonFound::Bool(false)));
    assert_eq!(get(text, ".z"), Some(JsonFound::Null));
    assert_eq!(get(text, ".a"), Some(JsonFound::Array("[ 1 ]")));
    assert_eq!(get(text, ".o"), Some(JsonFound::Object(r#"{"k" : 2}"#)));
}

#[test]
fn follows_paths() {
    assert_eq!(get(DOCUMENT, ".name"), string("caf\u{e9} \u{1f600} \n"));
    assert_eq!(get(DOCUMENT, ".list[1]"), Some(JsonFound::Number("-2.5e+3")));
    let inner = ".list[5][\"odd name\"]";
    assert_eq!(get(DOCUMENT, inner), Some(JsonFound::Array("[[], {}]")));
    assert_eq!(get(DOCUMENT, &format!("{inner}[1]")), Some(JsonFound::Object("{}")));
    assert_eq!(get(DOCUMENT, "[\"z\\ud83d\\ude00\"]"), Some(JsonFound::Number("0")));
    assert_eq!(get("[[7]]", "[0][0]"), Some(JsonFound::Number("7")));
    assert_eq!(get("[[7]]", ".[0].[0]"), Some(JsonFound::Number("7")));
    assert_eq!(get(r#"{"\u0061":1}"#, ".a"), Some(JsonFound::Number("1")));
    assert_eq!(get(r#"{"":1}"#, r#"[""]"#), Some(JsonFound::Number("1")));
}

#[test]
fn what_is_absent_is_none() {
    for absent in [".nope", ".list[6]", ".list.name", ".name[0]", ".name.x", "[0]", ".list[5].odd", ".Name"] {
        assert_eq!(get(DOCUMENT, absent), None, "{absent}");
    }
    assert_eq!(get("5", ".x"), None);
}

#[test]
fn the_last_of_equal_names_wins() {
    let text = r#"{"a":{"b":1},"a":{"b":2,"\u0062":3}}"#;
    assert_eq!(get(text, ".a.b"), Some(JsonFound::Number("3")));
    assert_eq!(get(r#"{"a":{"b":1},"a":{}}"#, ".a.b"), None);
    assert_eq!(get(r#"{"a":{"b":1},"a":2}"#, ".a.b"), None);
    assert_eq!(get(r#"{"a":1,"a":null}"#, ".a"), Some(JsonFound::Null));
}

#[test]
fn accepts_what_the_grammar_accepts() {
    for good in [
        "0",
        "-0",
        "0.0",
        "1e5",
        "1E+5",
        "1e-05",
        "123.456e7",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "\"\"",
        " \t\r\n[ ] ",
        "[1,2]",
        "[ 1 , 2 ]",
        "{\"a\":1,\"b\":[]}",
        r#""\"\\\/\b\f\n\r\t\u00e9\u00E9""#,
        "\"\u{7f}\u{2028}\"",
        r#""\u0000""#,
        r#""\ud800""#,
        "\u{feff}{}",
    ] {
        assert!(is_json(good.as_bytes()), "{good:?}");
    }
}

#[test]
fn says_where_and_why_a_text_is_not_json() {
    #[rustfmt::skip]
    let table: &[(&[u8], usize, usize, usize, &str)] = &[
        (b"", 0, 1, 1, "expected a value, found the end of the input"),
        (b" \n ", 3, 2, 2, "expected a value, found the end of the input"),
        (b"\xef\xbb\xbf", 3, 1, 1, "expected a value, found the end of the input"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", 3, 1, 1, "expected a value, found '\\u{feff}'"),
        (b"<html>", 0, 1, 1, "expected a value, found '<'"),
        (b"{\"ok\" true}", 6, 1, 7, "expected ':', found 't'"),
        (b"{\n  \"a\": 1,\n}", 12, 3, 1, "expected a name in double quotes, found '}'"),
        (b"{", 1, 1, 2, "expected a name in double quotes, found the end of the input"),
        (b"{'a':1}", 1, 1, 2, "expected a name in double quotes, found '\\''"),
        (b"{\"a\":1 \"b\":2}", 7, 1, 8, "expected ',' or '}', found '\"'"),
        (b"[1 2]", 3, 1, 4, "expected ',' or ']', found '2'"),
        (b"[1,]", 3, 1, 4, "expected a value, found ']'"),
        (b"[1}", 2, 1, 3, "expected ',' or ']', found '}'"),
        (b"]", 0, 1, 1, "expected a value, found ']'"),
        (b"{} x", 3, 1, 4, "expected the end, found 'x'"),
        (b"{}\0", 2, 1, 3, "expected the end, found '\\0'"),
        (b"1 2", 2, 1, 3, "expected the end, found '2'"),
        (b"01", 1, 1, 2, "a number has no leading zero"),
        (b"-", 1, 1, 2, "expected a digit, found the end of the input"),
        (b"-x", 1, 1, 2, "expected a digit, found 'x'"),
        (b"+1", 0, 1, 1, "expected a value, found '+'"),
        (b".5", 0, 1, 1, "expected a value, found '.'"),
        (b"1.", 2, 1, 3, "expected a digit, found the end of the input"),
        (b"1.e5", 2, 1, 3, "expected a digit, found 'e'"),
        (b"1e", 2, 1, 3, "expected a digit, found the end of the input"),
        (b"1e+-2", 3, 1, 4, "expected a digit, found '-'"),
        (b"0x1", 1, 1, 2, "expected the end, found 'x'"),
        (b"NaN", 0, 1, 1, "expected a value, found 'N'"),
        (b"nul", 3, 1, 4, "expected `null`, found the end of the input"),
        (b"nil", 1, 1, 2, "expected `null`, found 'i'"),
        (b"tRue", 1, 1, 2, "expected `true`, found 'R'"),
        (b"falsy", 4, 1, 5, "expected `false`, found 'y'"),
        (b"truex", 4, 1, 5, "expected the end, found 'x'"),
        (b"\"a", 2, 1, 3, "expected '\"' at the end of the string, found the end of the input"),
        (b"\"\\", 2, 1, 3, "expected one of \"\\/bfnrtu after '\\', found the end of the input"),
        (b"\"\\x\"", 2, 1, 3, "expected one of \"\\/bfnrtu after '\\', found 'x'"),
        (b"\"\\u12g4\"", 5, 1, 6, "expected four hexadecimal digits after '\\u', found 'g'"),
        (b"\"\\u12\"", 5, 1, 6, "expected four hexadecimal digits after '\\u', found '\"'"),
        (b"\"a\nb\"", 2, 1, 3, "a control character in a string is escaped"),
        (b"\"\x1f\"", 1, 1, 2, "a control character in a string is escaped"),
        (b"/* */ 1", 0, 1, 1, "expected a value, found '/'"),
        (b"\xff", 0, 1, 1, "expected a value, found a byte that is not UTF-8"),
        (b"{}\xff", 2, 1, 3, "expected the end, found a byte that is not UTF-8"),
        (b"{}\xc3", 2, 1, 3, "expected the end, found a character cut short by the end of the input"),
        (b"\"\xc3\xa9\xe9\"", 3, 1, 3, "expected '\"' at the end of the string, found a byte that is not UTF-8"),
        (b"\"\xc3", 1, 1, 2, "expected '\"' at the end of the string, found a character cut short by the end of the input"),
        (b"\"\xed\xa0\x80\"", 1, 1, 2, "expected '\"' at the end of the string, found a byte that is not UTF-8"),
        (b"\"\xc0\x80\"", 1, 1, 2, "expected '\"' at the end of the string, found a byte that is not UTF-8"),
        (b"<p>caf\xe9", 0, 1, 1, "expected a value, found '<'"),
        (b"\xc3\xa9", 0, 1, 1, "expected a value, found '\u{e9}'"),
    ];
    for (text, at, line, column, what) in table {
        let wanted = JsonError { at: *at, line: *line, column: *column, what: what.to_string() };
        assert_eq!(error(text), wanted, "{:?}", String::from_utf8_lossy(text));
    }
}

#[test]
fn an_error_reads_as_a_place_and_a_reason() {
    let shown = error(b"{\"ok\"  true}").to_string();
    assert_eq!(shown, "line 1, column 8: expected ':', found 't'");
}

#[test]
fn every_proper_prefix_of_a_document_is_an_error_at_its_end_or_before() {
    assert!(is_json(DOCUMENT.as_bytes()));
    for end in 0..DOCUMENT.len() {
        let part = &DOCUMENT.as_bytes()[..end];
        assert!(error(part).at <= end, "{end}");
    }
}

#[test]
fn nesting_is_read_to_its_limit() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let deepest = "[0]".repeat(MAX_DEPTH - 1);
    assert_eq!(get(&nested(MAX_DEPTH), &deepest), Some(JsonFound::Array("[]")));
    let too_deep = error(nested(MAX_DEPTH + 1).as_bytes());
    assert_eq!(too_deep.what, "nested deeper than 128");
    assert_eq!(too_deep.at, MAX_DEPTH);
    // Depth is of one place, not a count of all brackets.
    assert!(is_json(format!("[{}]", vec!["[{}]"; 500].join(",")).as_bytes()));
    assert!(!is_json("{\"a\":".repeat(100_000).as_bytes()));
    assert!(!is_json("[".repeat(100_000).as_bytes()));
}

#[test]
fn reads_escapes_and_surrogates() {
    let bad = char::REPLACEMENT_CHARACTER;
    for (raw, value) in [
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t".to_string()),
        (r#""\u0041\u00e9\u20AC""#, "A\u{e9}\u{20ac}".into()),
        (r#""\ud83d\ude00!""#, "\u{1f600}!".into()),
        (r#""\u0000""#, "\0".into()),
        (r#""\ud800""#, format!("{bad}")),
        (r#""\udc00""#, format!("{bad}")),
        (r#""\ud800x""#, format!("{bad}x")),
        (r#""\ud800\n""#, format!("{bad}\n")),
        (r#""\ud800\u0041""#, format!("{bad}A")),
        (r#""\ud800\ud83d\ude00""#, format!("{bad}\u{1f600}")),
        (r#""\ude00\ud83d""#, format!("{bad}{bad}")),
        (r#""\\u0041""#, "\\u0041".into()),
    ] {
        let read = read_string(raw).unwrap();
        assert_eq!(read, (Cow::Borrowed(value.as_str()), ""), "{raw}");
    }
}

#[test]
fn reads_a_string_and_leaves_the_rest() {
    let (value, rest) = read_string("\"a\" b").unwrap();
    assert_eq!((value.as_ref(), rest), ("a", " b"));
    assert_eq!(read_string("a").unwrap_err().what, "expected '\"', found 'a'");
    assert_eq!(read_string("\"a").unwrap_err().at, 2);
}

#[test]
fn knows_a_number() {
    for good in ["0", "-0", "10", "1.5", "1e9", "-1.25E-3"] {
        assert!(is_number(good), "{good}");
    }
    for bad in ["", "-", "01", "1.", ".5", "1e", "+1", " 1", "1 ", "0x1", "1,5", "\u{661}"] {
        assert!(!is_number(bad), "{bad}");
    }
}

/// A small generator (xorshift64), so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn mutated_documents_do_not_break_the_reader() {
    const SEED: u64 = 0x5eed_0006;
    const BYTES: &[u8] = b"{}[]\",:\\u0d-+.eE truefalsn\n\x00\x1f\x80\xc3\xff";
    let mut random = Random(SEED);
    let paths = [path(".list[5][\"odd name\"][0]"), path(".name")];
    for round in 0..20_000 {
        let mut text = DOCUMENT.as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(text.len());
            match random.below(3) {
                0 => text[at] = BYTES[random.below(BYTES.len())],
                1 => text.insert(at, BYTES[random.below(BYTES.len())]),
                _ => drop(text.remove(at)),
            }
        }
        let answers = paths.each_ref().map(|path| find(&text, path));
        // Whether a text is JSON does not depend on the path, and not on what is around it.
        assert_eq!(answers[0].as_ref().err(), answers[1].as_ref().err(), "seed {SEED:#x}, round {round}");
        let wrapped = [b"[", text.as_slice(), b"]"].concat();
        if answers[0].is_ok() {
            assert!(is_json(&wrapped), "seed {SEED:#x}, round {round}");
        } else if let Err(error) = &answers[0] {
            assert!(error.at <= text.len(), "seed {SEED:#x}, round {round}");
        }
    }
}

/// Many paths in one pass, against another reader: documents made up from a seed, equal names among them.
#[test]
fn many_paths_at_once_are_found_as_another_reader_finds_them() {
    fn document(random: &mut impl FnMut(u64) -> u64, depth: u32, out: &mut String) {
        match random(if depth > 3 { 4 } else { 7 }) {
            0 => out.push_str(["null", "true", "false"][random(3) as usize]),
            1 => out.push_str(&random(1000).to_string()),
            2 => out.push_str("\"a\\n\\u00e9\\\"b\""),
            3 => out.push_str("\"plain \u{e9}\""),
            4 => {
                out.push('[');
                for index in 0..random(4) {
                    out.push_str(if index > 0 { " , " } else { "" });
                    document(random, depth + 1, out);
                }
                out.push(']');
            }
            _ => {
                out.push('{');
                for index in 0..random(5) {
                    out.push_str(if index > 0 { "," } else { "" });
                    out.push_str(["\"a\":", "\"b\" : ", "\"\\u0061\":", "\"c\":"][random(4) as usize]);
                    document(random, depth + 1, out);
                }
                out.push('}');
            }
        }
    }
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let texts = ["a", "b", "c", "a.a", "a.b", "b[0]", "a[1]", "a.b.c", "c[2].a", "a.a[0].b", "b.b", "a"];
    let paths: Vec<Path> = texts.iter().map(|text| path(&format!(".{text}"))).collect();
    let mut seen = 0;
    for _ in 0..3000 {
        let mut text = String::new();
        document(&mut random, 0, &mut text);
        let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
        let found = find_all(text.as_bytes(), &paths.iter().collect::<Vec<_>>()).unwrap();
        for (path, (found, name)) in paths.iter().zip(found.iter().zip(texts)) {
            let pointer = format!("/{}", name.replace(['.', '['], "/").replace(']', ""));
            let expected = expected.pointer(&pointer);
            let same = match (found, expected) {
                (None, None) => true,
                (Some(JsonFound::Null), Some(serde_json::Value::Null)) => true,
                (Some(JsonFound::Bool(a)), Some(serde_json::Value::Bool(b))) => a == b,
                (Some(JsonFound::Number(a)), Some(serde_json::Value::Number(b))) => *a == b.to_string(),
                (Some(JsonFound::String(a)), Some(serde_json::Value::String(b))) => a == b,
                (Some(JsonFound::Array(raw)), Some(b @ serde_json::Value::Array(_)))
                | (Some(JsonFound::Object(raw)), Some(b @ serde_json::Value::Object(_))) => {
                    serde_json::from_str::<serde_json::Value>(raw).unwrap() == *b
                }
                _ => false,
            };
            assert!(same, "{name} in {text}: {found:?}, {expected:?}");
            seen += usize::from(found.is_some());
            assert_eq!(find(text.as_bytes(), path).unwrap(), *found, "one path alone");
        }
    }
    assert!(seen > 1000, "{seen} values were found at all");
}
