//! The fuzzers' bodies, run briefly: good inputs, the same with mistakes, and noise. A seed decides it all, so that what fails
//! here fails again. What they do, and how to let them run for longer, stands in [`bodies`].
//!
//! `UPCHECK_FUZZ_ROUNDS=1000000 cargo test --release fuzz` runs them for longer without libFuzzer.

mod bodies;

use crate::support::SplitMix;

/// What all inputs are made from.
const SEED: u64 = 1;

/// How many inputs each body gets in a plain `cargo test`.
const ROUNDS: u64 = 20_000;

/// The longest input that is made, in bytes.
const INPUT_MAX: usize = 4 * 1024;

/// The most mistakes in one input.
const MISTAKES_MAX: u64 = 6;

/// Gives `body` its seeds as they are, then inputs that are made of them. `words` are what a mistake may be made with.
fn run(body: fn(&[u8]), seeds: &[&[u8]], words: &[&[u8]]) {
    let rounds = std::env::var("UPCHECK_FUZZ_ROUNDS").map_or(ROUNDS, |text| text.parse().expect("a number"));
    seeds.iter().for_each(|seed| run_one(body, seed));
    let mut random = SplitMix(SEED);
    for _ in 0..rounds {
        run_one(body, &input(&mut random, seeds, words));
    }
}

fn run_one(body: fn(&[u8]), input: &[u8]) {
    let _teller = InputTeller(input);
    body(input);
}

/// Says which input it was when a body panics.
struct InputTeller<'a>(&'a [u8]);

impl Drop for InputTeller<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input was b\"{}\"", self.0.escape_ascii());
        }
    }
}

/// A seed with mistakes; now and then nothing but noise.
fn input(random: &mut SplitMix, seeds: &[&[u8]], words: &[&[u8]]) -> Vec<u8> {
    if random.one_in(16) {
        return noise(random, 64);
    }
    let mut bytes = random.pick(seeds).to_vec();
    for _ in 0..=random.below(MISTAKES_MAX) {
        spoil(random, &mut bytes, seeds, words);
    }
    bytes.truncate(INPUT_MAX);
    bytes
}

fn noise(random: &mut SplitMix, length_max: u64) -> Vec<u8> {
    (0..random.below(length_max)).map(|_| random.next() as u8).collect()
}

/// Makes one mistake.
fn spoil(random: &mut SplitMix, bytes: &mut Vec<u8>, seeds: &[&[u8]], words: &[&[u8]]) {
    let at = random.index(bytes.len() + 1);
    let range = at..(at + random.index(16)).min(bytes.len());
    match random.below(8) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(range)),
        2 => bytes.extend_from_within(range),
        3 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        4 if at < bytes.len() => bytes[at] = *random.pick(&[0, 1, b'\n', b'\r', b' ', b'"', 0x7f, 0x80, 0xc0, 0xff]),
        5 if !words.is_empty() => drop(bytes.splice(at..at, random.pick(words).iter().copied())),
        6 => {
            let other = random.pick(seeds);
            let part = random.index(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[part..]);
        }
        _ => drop(bytes.splice(at..at, noise(random, 8))),
    }
}

#[test]
fn response() {
    let words = [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 103 X\r\n\r\n",
        "Content-Length: 3\r\n",
        "content-length: 18446744073709551616\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        " folded\r\n",
        "\r\n\r\n",
        "\n\n",
        "\n\r\n",
    ];
    let seeds: [&[u8]; 8] = [
        b"\x00\x05HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"\x00\x30HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
        b"\x02\x20HTTP/1.0 200 OK\n\nuntil the end of the stream",
        b"\x01\x07HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n",
        b"\x00\x11HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        b"\x12\x01HTTP/1.1 503 \r\nA: b\r\n c\r\nContent-Length: 2, 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
        b"\x00\x03SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\x03\x15\x03\x01\x00\x02\x02\x46",
    ];
    run(bodies::response, &seeds, &words.map(str::as_bytes));
}

#[test]
fn chunked() {
    // As long as an extension may be, and one more.
    let extended = [1023, 1024].map(|length| format!("1;{}\r\nx\r\n0\r\n\r\n", "x".repeat(length)));
    let seeds: [&[u8]; 7] = [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"00A;name=\"value\"\r\n0123456789\r\n1 \r\nx\r\n0\r\nDigest: z\r\nOther: y\r\n\r\nmore",
        b"0\r\n\r\n",
        b"ffffffffffffffff\r\nabc",
        b"3\r\nabc\r\n3\r\nabc\r\n",
        extended[0].as_bytes(),
        extended[1].as_bytes(),
    ];
    let words = ["\r\n", "0\r\n\r\n", "1\r\nx\r\n", "00000000000000000", "+1", ";x\r\n", "\n"];
    run(bodies::chunked, &seeds, &words.map(str::as_bytes));
}

#[test]
fn request_head() {
    let seeds: [&[u8]; 4] = [
        b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST / HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\na=1",
        b"\r\nPUT * HTTP/1.1\nConnection: close, x\n\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    let words = ["\r\n", "\n\n", "Content-Length: 7\r\n", " HTTP/1.1", "Connection: close\r\n"];
    run(bodies::request_head, &seeds, &words.map(str::as_bytes));
}

#[test]
fn url() {
    let seeds: [&[u8]; 8] = [
        b"http://example.com/path?query#fragment",
        b"HTTPS://User:p%40ss@Example.COM:8443/a/../b",
        b"tcp://redis.internal:6379",
        b"10.0.0.7:8080/healthz",
        b"http://[2001:db8::1]:8080/",
        b"http://[::ffff:10.0.0.7]/",
        "http://h/ü?ö#ä".as_bytes(),
        b"localhost",
    ];
    let words = ["://", "@", "[::1]", ":65535", ":0", "%", "%2", "?", "#", "/", "..", "xn--", "0x7f.1", "0X7F", "ß"];
    run(bodies::url, &seeds, &words.map(str::as_bytes));
}

#[test]
fn target_line() {
    let seeds: [&[u8]; 6] = [
        b"default timeout=2s label.env=prod\r\nhttps://h/health  name=api header='Authorization: Bearer ${TOKEN}'\r\n",
        b"10.0.0.7:8080/healthz max-body=64KiB connect-timeout=250ms # a comment\n\n",
        b"h request=PUT data=\"a=\\\"1\\\"\" data=b user=me:you user-agent='probe 9' head\n",
        b"tcp://redis.internal:6379 name=redis label.a=$${TOKEN}",
        b"http://a:b@h/ header=Host: header='Host: other' header=X; insecure cacert=ab servername=x",
        b"h header='X: ${CRLF}'\nh header='X: y",
    ];
    let words = [
        "default ",
        "${TOKEN}",
        "${CRLF}",
        "${",
        "$${",
        "'",
        "\"",
        "\\",
        "\t",
        " header=",
        "Host:",
        "X: y",
        " data=",
        " user=",
        " request=",
        " timeout=",
        "name=",
        "label.x=",
        "#",
        "\r\n",
    ];
    run(bodies::target_line, &seeds, &words.map(str::as_bytes));
}

#[cfg(feature = "reports")]
#[test]
fn results() {
    let seeds: [&[u8]; 3] = [
        b"{\"schema\":1,\"type\":\"check\",\"target\":\"http://h/\",\"name\":null,\"labels\":{\"a\":\"b\"},\"verdict\":\"up\",\
          \"reason\":\"ok\",\"detail\":null,\"failed\":[],\"status\":200,\"address\":\"127.0.0.1:80\",\"http_version\":\"1.1\",\
          \"body_bytes\":16,\"seconds\":{\"queue\":0.000010,\"dns\":null,\"connect\":0.000100,\"tls\":null,\"wait\":0.200000,\
          \"body\":0.000010,\"total\":0.200110},\"tls\":null,\"attempts\":1,\"redirects\":0,\"reused\":false,\
          \"started\":\"2026-11-22T16:40:00.123Z\"}",
        b"{\"schema\":1,\"type\":\"check\",\"target\":\"https://h/\",\"name\":\"a\\u001b\",\"reason\":\"status\",\"detail\":\"d\",\
          \"failed\":[{\"expected\":\"e\",\"got\":\"g\"}],\"tls\":{\"version\":\"1.3\",\"cipher\":\"c\",\"resumed\":false,\
          \"subject\":\"CN=h\",\"issuer\":\"CN=i\",\"names\":[\"h\"],\"not_before\":\"2026-01-01T00:00:00Z\",\
          \"not_after\":\"2027-01-01T00:00:00Z\",\"days_left\":40,\"sha256\":\
          \"abababababababababababababababababababababababababababababababab\"},\"attempts\":3}",
        b"{\"schema\":1,\"type\":\"summary\",\"total\":1,\"up\":1,\"seconds\":{\"p50\":0.2,\"wall\":1.000000},\"most_in_flight\":1,\
          \"cpu_seconds\":0.001000,\"peak_memory_bytes\":1,\"threads\":1,\"loop\":{\"turns\":1,\"longest_turn_seconds\":0.001},\
          \"shard\":{\"index\":3,\"count\":8}}",
    ];
    let words = [
        "null",
        "{}",
        "[]",
        "\"",
        "\\u0000",
        "\\",
        ",",
        ":",
        "0",
        "99999999999",
        "-1",
        "1e9",
        "0.0000001",
        "\"tls\":",
        "\n",
        "Z",
    ];
    run(bodies::results, &seeds, &words.map(str::as_bytes));
}

#[test]
fn discovery() {
    let seeds: [&[u8]; 4] = [
        b"[{\"targets\": [\"10.0.0.7:8080\", \"[::1]:9\"], \"labels\": {\"env\": \"a \\\"b\\\" ${HOME} $${X}\"}}]",
        b"\xef\xbb\xbf [ {\"labels\": {\"__scheme__\": \"https\", \"__metrics_path__\": \"/x\"}, \"targets\": [\"h\"]}, {}]",
        b"[{\"targets\": [\"http://h/x#y\", \"\", \"default\", \"#\"], \"labels\": {\"__param_a\": \"1&2\", \"__x\": \"\"}}]",
        b"[ ]",
    ];
    let words = [
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\n",
        "\\u0000",
        "\\\"",
        "\\\\",
        "'",
        "${",
        "$",
        "=",
        " label.a=",
        ",",
        ":",
        "\"targets\": [\"",
        "\"labels\": {\"",
        "://",
    ];
    run(bodies::discovery, &seeds, &words.map(str::as_bytes));
}

#[test]
fn expectation() {
    let seeds: [&[u8]; 9] = [
        b"status in 200-299,301,!204\n\x01\x20\x32",
        b"json.a[0][\"odd name\"] == \"ok\"\n\x3f\x00\x32\x01\x01\x01\x01\x01\x01\x01\x01{\"a\": [{\"odd name\": \"ok\"}]}",
        b"header.x-y not contains \"b\"\n\x3f\x1a\x32\x01\x01\x01\x01\x01\x01\x01\x01HTTP/1.1 200 OK\r\nX-Y: abc\r\n\r\nbody",
        b"total < 300ms\n\x3f\x00\x32\x40",
        b"body like \"*a?c*\"\n\x1f\x00\x32\x01\x01\x01\x01\x01\x01\x01\x01xxabcxx",
        b"cert.days >= 14\n\x3f",
        b"body.bytes <= 1MiB\n\x3f",
        b"tls.version == \"1.3\"\n\x08",
        b"json.a != null\n\x3f\x00\x32\x01\x01\x01\x01\x01\x01\x01\x01{\"a\": 1e400",
    ];
    let words = [
        "status",
        "body",
        "header.a",
        "json",
        ".a",
        "[0]",
        "redirects",
        "http.version",
        "dns",
        "connect",
        "tls",
        "wait",
        "address",
        " not ",
        " == ",
        " != ",
        " <= ",
        " > ",
        " in ",
        " contains ",
        " starts ",
        " ends ",
        " like ",
        "\"",
        "\\u",
        "\\",
        "5s",
        "1KiB",
        "200-399",
        "!",
        ",",
        "*",
        "?",
        "null",
        "true",
        "é",
        "\u{9b}",
    ];
    run(bodies::expectation, &seeds, &words.map(str::as_bytes));
}

#[test]
fn check_machine() {
    // Start, Resolved, Connected, Secured, Shown, Eof, Deadline, Failed, Bytes: each with the time that it took.
    let seeds: [&[u8]; 5] = [
        b"\x00\x00\x01\x02\x05\x03\x0a\x0b\x10\x29HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel\x0b\x05\x02lo\x06\x01",
        b"\x09\x00\x01\x02\x05\x03\x0a\x05\x01\x04\x20\x0b\x10\x1bHTTP/1.1 200 OK\r\n\r\nhi there\x07\x01",
        b"\x02\x00\x01\x02\x05\x03\x0a",
        b"\x33\x00\x01\x03\x05\x0b\x0a\x1aHTTP/1.1 503 No\r\nA: b\r\n\r\n\x08\xff",
        b"\x04\x00\x00\x03\x01\x09\x01",
    ];
    let words = [
        "\0\x01",
        "\x02\x01",
        "\x03\x01",
        "\x04\x01",
        "\x05\x01",
        "\x06\x01",
        "\x07\x01",
        "\x08\x01",
        "\x09\x01",
        "\x0a\x01",
        "\x0b\x01\x13HTTP/1.1 200 OK\r\n\r\n",
    ];
    run(bodies::check_machine, &seeds, &words.map(str::as_bytes));
}

/// Records: an address, an alias, an authority that says how long nothing may be remembered, an extended error.
const RECORDS: [&[u8]; 5] = [
    b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01",
    b"\xc0\x0c\0\x1c\0\x01\0\0\0\x3c\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
    b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01w\xc0\x10",
    b"\xc0\x10\0\x06\0\x01\0\0\0\x3c\0\x16\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x05",
    b"\0\0\x29\x04\xd0\x01\0\0\0\0\0",
];

/// A server's answer as the bodies want it: flags, how many records are in each section, and the records.
fn answer(flags: &[u8; 2], counts: &[u8; 3], records: &[usize]) -> Vec<u8> {
    let records: Vec<_> = records.iter().flat_map(|index| RECORDS[*index]).copied().collect();
    [&flags[..], counts, &records].concat()
}

#[test]
fn dns_message() {
    let message = |how: u8, rest: Vec<u8>| [&[how], &rest[..]].concat();
    let seeds = [
        message(0, answer(b"\x81\x80", &[1, 0, 0], &[0])),
        message(1, answer(b"\x81\x80", &[2, 0, 1], &[1, 1, 4])),
        message(2, answer(b"\x81\x80", &[2, 1, 0], &[2, 0, 3])),
        message(0, answer(b"\x81\x83", &[0, 1, 1], &[3, 4])),
        message(1, answer(b"\x83\x80", &[0, 0, 0], &[])),
        message(4, b"\x5e\xed\x81\x80\0\x01\0\0\0\0\0\0\x03www\0\0\x01\0\x01".to_vec()),
    ];
    let words = [&RECORDS[..], &[b"\xc0\x0c", b"\xc0\x10", b"\xc0\x21", b"\x3f", b"\0\x01\0\x01"]].concat();
    run(bodies::dns_message, &seeds.each_ref().map(|seed| &seed[..]), &words);
}

#[test]
fn dns_lookup() {
    /// Something happens after 25 ms: see the body for what the first byte means.
    fn step(what: u8, answer: Option<Vec<u8>>) -> Vec<u8> {
        let length = answer.iter().map(|answer| answer.len() as u8);
        [what, 1].into_iter().chain(length).chain(answer.iter().flatten().copied()).collect()
    }
    let start = || step(15, None);
    let a = || answer(b"\x81\x80", &[1, 0, 0], &[0]);
    let aaaa = || answer(b"\x81\x80", &[1, 0, 0], &[1]);
    let alias = || answer(b"\x81\x80", &[1, 0, 0], &[2]);
    let nothing = || answer(b"\x81\x83", &[0, 1, 0], &[3]);
    let cut = || answer(b"\x83\x80", &[0, 0, 0], &[]);
    let failed = || answer(b"\x81\x82", &[0, 0, 0], &[]);
    let lookup = |flags: u8, steps: &[Vec<u8>]| [&[flags], &steps.concat()[..]].concat();
    let seeds = [
        lookup(0, &[start(), step(0, Some(a())), step(0x10, Some(aaaa()))]),
        lookup(
            0x80,
            &[start(), step(0, Some(nothing())), step(0x10, Some(nothing())), step(0, Some(a())), step(14, None)],
        ),
        lookup(1, &[start(), step(0, Some(cut())), step(8, Some(a()))]),
        lookup(2, &[start(), step(0x10, Some(failed())), step(0x30, Some(failed())), step(0x1b, None), step(14, None)]),
        lookup(0, &[start(), step(0, Some(alias())), step(0, Some(alias())), step(12, None), step(0x2c, None)]),
        lookup(0, &[start(), step(14, None), step(14, None), step(13, None), step(11, None)]),
    ];
    let words =
        [start(), step(14, None), step(0, Some(a())), step(0x30, Some(cut())), step(8, Some(a())), step(11, None)];
    let words = words.each_ref().map(|word| &word[..]);
    run(bodies::dns_lookup, &seeds.each_ref().map(|seed| &seed[..]), &words);
}

/// The certificate's key, and so some of its bytes, are others every time: the input that is printed is what counts.
#[test]
fn x509() {
    let certificate = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
        let mut params = rcgen::CertificateParams::new(names).expect("names");
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Åkeri, Söner & Co");
        let key = rcgen::KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    };
    let seeds = [certificate(&["a.example", "*.b.example", "10.0.0.7", "2001:db8::1"]), certificate(&[])];
    let words: [&[u8]; 8] = [
        b"\x30\x80",
        b"\x30\x82\xff\xff",
        b"\x84\xff\xff\xff\xff",
        b"\x82",
        b"\x87\x04",
        b"\x17\x0d",
        b"\xa3",
        b"\x06\x03",
    ];
    run(bodies::x509, &seeds.each_ref().map(|seed| &seed[..]), &words);
}

#[test]
fn dns_config() {
    let seeds: [&[u8]; 3] = [
        b"db\nnameserver 10.0.0.1\nnameserver fe80::1%2\nsearch a.example b.example\noptions ndots:2 timeout:1 attempts:3 rotate\n",
        b"web.local.\n127.0.0.1 localhost # this\n10.0.0.7\tweb web.local WEB\n::1 localhost ip6-localhost\n",
        b"localhost\n; a comment\ndomain example.com\noptions ndots:99999999999 attempts:0\nnameserver 0.0.0.0\n",
    ];
    let words = [
        "nameserver ",
        "search ",
        "domain ",
        "options ",
        "ndots:",
        "timeout:",
        "attempts:",
        "rotate",
        "\n",
        ".",
        "%",
        "::",
    ];
    run(bodies::dns_config, &seeds, &words.map(str::as_bytes));
}

#[test]
fn json() {
    let seeds: [&[u8]; 6] = [
        b".a[0].b\n{\"a\": [{\"b\": -1.5e+3}, null, true], \"c\": \"\\ud83d\\ude00\\n\"}",
        b"[1]\n[[], [1, 2, {}], \"x\"]",
        b"[\"odd name\"]\n{\"odd name\": {\"a\": \"\\u00e9\"}}",
        b".a\n\xef\xbb\xbf{\"a\": 1, \"a\": 123456789012345678901234567890}",
        b".[0]\n\"a string \\\" and more\"",
        b"10.50e1\n{\"a\": 1}",
    ];
    let words =
        ["{", "}", "[", "]", "\"", "\\", "\\u", "\\ud800", ":", ",", "1e999999999", "-0", "0.1", "null", "é", "[[[["];
    run(bodies::json, &seeds, &words.map(str::as_bytes));
}
