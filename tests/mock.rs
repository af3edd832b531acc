//! `upcheck mock`: every answer and fault as the bytes that a plain socket gets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use crate::support::{Lines, Output, PATIENCE, Running, Upcheck, ms, wait_until};

const OK: &str = "{\"status\": \"ok\"}";

/// A mock under way on a port of its own.
pub(crate) struct Mock {
    running: Running,
    pub(crate) addresses: Vec<SocketAddr>,
    lines: Lines,
}

impl Mock {
    /// Without latency.
    fn start() -> Mock {
        Mock::with("--latency 0")
    }

    /// With these flags, separated by spaces.
    pub(crate) fn with(flags: &str) -> Mock {
        Mock::on(1, Upcheck::new(), flags)
    }

    fn on(ports: usize, program: Upcheck, flags: &str) -> Mock {
        let mut running = program.args(["mock", "--listen", "127.0.0.1:0"]).args(flags.split_whitespace()).spawn();
        let mut lines = running.lines();
        let addresses = (0..ports).map(|_| address(&lines.next())).collect();
        Mock { running, addresses, lines }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addresses[0]).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        stream
    }

    /// Sends these bytes, and reads to the end: what came, and the error that ended it, if one did.
    fn ask(&self, request: &str) -> (Vec<u8>, Option<ErrorKind>) {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("it takes a request");
        read_all(stream)
    }

    /// What a GET without keep-alive brings, as text.
    fn get(&self, path: &str) -> String {
        let (bytes, error) = self.ask(&get(path, "close"));
        assert_eq!(error, None, "{path}");
        String::from_utf8(bytes).expect("text")
    }

    fn stats(&self) -> serde_json::Value {
        let answer = self.get("/_stats");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        serde_json::from_str(body).expect("JSON")
    }

    fn stop(self, signal: &str) -> Output {
        self.running.signal(signal);
        self.running.finish()
    }
}

fn address(line: &str) -> SocketAddr {
    let (_, address) = line.split_once("://").expect("a URL");
    assert!(["listening on http", "listening on https"].contains(&&line[..line.len() - address.len() - 3]), "{line}");
    address.parse().expect("an address and a port")
}

fn get(path: &str, connection: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: mock\r\nConnection: {connection}\r\n\r\n")
}

fn read_all(mut stream: TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).err().map(|error| error.kind());
    (bytes, error)
}

/// Reads exactly one answer with a length.
fn read_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the whole answer");
        bytes.push(byte[0]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
            if body.len() == length.parse::<usize>().expect("a number") {
                return text.into_owned();
            }
        }
    }
}

fn status(answer: &str) -> &str {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).expect("a status line")
}

#[test]
fn ordinary_answers() {
    let mock = Mock::start();
    let expected = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{OK}"
    );
    for path in ["/", "/health", "/health?deep=1", "/anything/else", "/redirect/0", "/delay/0"] {
        assert_eq!(mock.get(path), expected, "{path}");
    }
}

#[test]
fn what_is_answered_can_be_said() {
    let mock = Mock::with("--latency 0 --status 404 --body nobody");
    let answer = mock.get("/");
    assert_eq!(status(&answer), "404");
    assert!(answer.ends_with("\r\n\r\nnobody"), "{answer}");
}

#[test]
fn faults_that_are_answers() {
    let mock = Mock::start();
    assert_eq!(status(&mock.get("/status/503")), "503");
    assert!(mock.get("/status/204").ends_with("Connection: close\r\n\r\n"));
    assert_eq!(status(&mock.get("/status/x")), "400");
    let (head, body) = split(&mock.get("/bytes/100000"));
    assert!(head.contains("\r\nContent-Length: 100000\r\n"), "{head}");
    assert_eq!(body.len(), 100_000);
    let (head, body) = split(&mock.get("/chunked/100000"));
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
    assert_eq!(unchunked(&body), 100_000);
    let answer = mock.get("/redirect/2");
    assert_eq!(status(&answer), "302");
    assert!(answer.contains("\r\nLocation: /redirect/1\r\n"), "{answer}");
    assert!(mock.get("/redirect/1").contains("\r\nLocation: /health\r\n"));
}

fn split(answer: &str) -> (String, String) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (format!("{head}\r\n"), body.to_owned())
}

/// The length of a chunked body, whose form is checked.
fn unchunked(mut body: &str) -> usize {
    let mut total = 0;
    loop {
        let (size, rest) = body.split_once("\r\n").expect("a chunk size");
        let size = usize::from_str_radix(size, 16).expect("hexadecimal");
        body = rest[size..].strip_prefix("\r\n").expect("the end of the chunk");
        total += size;
        if size == 0 {
            assert_eq!(body, "");
            return total;
        }
    }
}

#[test]
fn faults_that_are_none() {
    let mock = Mock::start();
    assert_eq!(mock.ask(&get("/close", "keep-alive")), (Vec::new(), None));
    assert_eq!(mock.ask(&get("/reset", "keep-alive")), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    let (head, body) = split(&mock.get("/truncate"));
    assert!(head.contains("\r\nContent-Length: 1000\r\n"), "{head}");
    assert_eq!(body.len(), 500);
    let (bytes, error) = mock.ask(&get("/garbage", "close"));
    assert!(error.is_none() && !bytes.is_empty() && !bytes.starts_with(b"HTTP"), "{bytes:?}");
}

#[test]
fn the_endless_go_on() {
    const MUCH: usize = 3_000_000;
    let mock = Mock::start();
    for (path, has_head) in [("/endless-head", false), ("/endless-body", true)] {
        let mut stream = mock.connect();
        stream.write_all(get(path, "close").as_bytes()).expect("it takes a request");
        let mut bytes = vec![0; MUCH];
        stream.read_exact(&mut bytes).expect("as much as anybody wants");
        assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert_eq!(bytes.windows(4).any(|window| window == b"\r\n\r\n"), has_head, "{path}");
        // Others are served meanwhile.
        assert_eq!(status(&mock.get("/")), "200");
    }
}

#[test]
fn a_hang_is_never_answered_and_ends_with_its_client() {
    let mock = Mock::start();
    let mut stream = mock.connect();
    stream.write_all(get("/hang", "close").as_bytes()).expect("it takes a request");
    wait_until("it hangs", || mock.stats()["in_flight"] == 1);
    stream.set_read_timeout(Some(ms(300))).expect("a timeout above zero");
    assert_eq!(stream.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
    drop(stream);
    // The one that is open is the one that asks.
    wait_until("it is let go", || mock.stats()["in_flight"] == 0 && mock.stats()["open"] == 1);
}

#[test]
fn latency_comes_before_the_first_byte() {
    let mock = Mock::with("--latency 300ms");
    for (path, least, most) in
        [("/", 300, 5000), ("/status/500", 300, 5000), ("/delay/600", 600, 5000), ("/_stats", 0, 290)]
    {
        let started = Instant::now();
        mock.get(path);
        let took = started.elapsed();
        assert!(took >= ms(least) && took < ms(most), "{path}: {took:?}");
    }
    let started = Instant::now();
    mock.ask(&get("/reset", "close"));
    assert!(started.elapsed() >= ms(300));
}

#[test]
fn a_drip_comes_a_byte_at_a_time() {
    let mock = Mock::start();
    let mut stream = mock.connect();
    let started = Instant::now();
    stream.write_all(get("/drip/4/100", "close").as_bytes()).expect("it takes a request");
    let mut pieces = Vec::new();
    let mut buffer = [0; 1000];
    loop {
        match stream.read(&mut buffer).expect("no error") {
            0 => break,
            read => pieces.push(read),
        }
    }
    assert!(started.elapsed() >= ms(400));
    let body = &pieces[1..];
    assert_eq!(body.iter().sum::<usize>(), 4, "the head, then the body: {pieces:?}");
    // A machine under load may deliver two at once, but hardly all.
    assert!(body.len() > 1, "{pieces:?}");
}

#[test]
fn connections_are_kept_or_closed_as_the_request_asks() {
    let mock = Mock::start();
    let mut stream = mock.connect();
    for path in ["/", "/status/503", "/bytes/70000", "/delay/20"] {
        stream.write_all(get(path, "keep-alive").as_bytes()).expect("it is still open");
        assert!(read_answer(&mut stream).contains("\r\nConnection: keep-alive\r\n"));
    }
    stream.write_all(get("/", "close").as_bytes()).expect("it is still open");
    let (bytes, error) = read_all(stream);
    assert!(error.is_none() && String::from_utf8_lossy(&bytes).contains("\r\nConnection: close\r\n"));

    let (bytes, error) = mock.ask("GET / HTTP/1.0\r\n\r\n");
    assert!(error.is_none() && bytes.ends_with(OK.as_bytes()), "an old client expects a close");
    let mut stream = mock.connect();
    stream.write_all(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").expect("it takes a request");
    assert!(read_answer(&mut stream).contains("\r\nConnection: keep-alive\r\n"));
    assert_eq!(mock.stats()["accepted"], 4);
    assert_eq!(mock.stats()["requests"], 7, "those for the figures are not counted");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mock = Mock::with("--latency 20ms");
    let requests: String =
        [200, 404, 500, 503].map(|n| get(&format!("/status/{n}"), "keep-alive")).concat() + &get("/", "close");
    let (bytes, error) = mock.ask(&requests);
    assert_eq!(error, None);
    let text = String::from_utf8(bytes).expect("text");
    let statuses: Vec<&str> = text.match_indices("HTTP/1.1 ").map(|(at, _)| status(&text[at..])).collect();
    assert_eq!(statuses, ["200", "404", "500", "503", "200"]);
}

#[test]
fn what_comes_after_the_last_request_does_not_destroy_its_answer() {
    let mock = Mock::start();
    let (bytes, error) = mock.ask(&(get("/bytes/50000", "close") + &get("/", "close")));
    assert_eq!(error, None);
    assert_eq!(split(&String::from_utf8(bytes).expect("text")).1.len(), 50_000);
}

#[test]
fn a_request_may_come_in_any_pieces() {
    let mock = Mock::start();
    let mut stream = mock.connect();
    stream.set_nodelay(true).expect("a socket");
    for byte in get("/status/299", "close").bytes() {
        stream.write_all(&[byte]).expect("it reads on");
        std::thread::sleep(ms(1));
    }
    assert_eq!(status(&String::from_utf8(read_all(stream).0).expect("text")), "299");
}

#[test]
fn a_client_that_has_said_all_is_still_answered() {
    let mock = Mock::with("--latency 50ms");
    let mut stream = mock.connect();
    stream.write_all(get("/", "keep-alive").as_bytes()).expect("it takes a request");
    stream.shutdown(std::net::Shutdown::Write).expect("a socket");
    let (bytes, error) = read_all(stream);
    assert!(error.is_none() && bytes.ends_with(OK.as_bytes()));
}

#[test]
fn head_gets_no_body() {
    let mock = Mock::start();
    let requests = ["/", "/drip/9/1000"].map(|path| get(path, "keep-alive")).concat() + &get("/chunked/9", "close");
    let (bytes, error) = mock.ask(&requests.replace("GET ", "HEAD "));
    assert_eq!(error, None);
    let text = String::from_utf8(bytes).expect("text");
    assert_eq!(text.matches("\r\n\r\n").count(), 3);
    assert!(text.contains("Content-Length: 16\r\n") && text.contains("Content-Length: 9\r\n"), "{text}");
    assert!(text.ends_with("Connection: close\r\n\r\n"), "{text}");
}

#[test]
fn bodies_of_requests_are_dropped() {
    let mock = Mock::start();
    let mut stream = mock.connect();
    for size in [1, 100, 1_000_000] {
        let head = format!("POST / HTTP/1.1\r\nHost: mock\r\nContent-Length: {size}\r\n\r\n");
        let body = "GET /status/500 HTTP/1.1\r\n\r\n".repeat(size / 20 + 1);
        stream.write_all(head.as_bytes()).expect("it takes a head");
        stream.write_all(&body.as_bytes()[..size]).expect("it takes a body");
        assert_eq!(status(&read_answer(&mut stream)), "200");
    }
}

#[test]
fn what_is_no_request_is_refused_and_the_connection_closed() {
    let mock = Mock::start();
    let large = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let cases = [
        ("\x16\x03\x01 hello\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: mock\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501"),
        (large.as_str(), "431"),
    ];
    for (request, expected) in cases {
        let (bytes, error) = mock.ask(request);
        assert_eq!(error, None, "{expected}");
        assert_eq!(status(&String::from_utf8(bytes).expect("text")), expected);
    }
    // And who leaves in the middle of one leaves nothing behind.
    drop(mock.connect());
    mock.connect().write_all(b"GET / HT").expect("it listens");
    wait_until("they are let go", || mock.stats()["open"] == 1);
    assert_eq!(mock.stats()["in_flight"], 0);
}

#[test]
fn a_request_whose_end_nobody_can_tell_is_refused_with_all_behind_it() {
    let mock = Mock::start();
    let behind = get("/status/503", "close");
    let cases = [
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\nContent-Length: 0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: cow\r\n\r\n",
        "POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nX: a\r\n folded\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nX: a\rY: b\r\n\r\n",
        "GET /a HTTP/1.1\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x y\r\n\r\n",
    ];
    for request in cases {
        let (bytes, error) = mock.ask(&format!("{request}{behind}"));
        assert_eq!(error, None, "{request:?}");
        let answer = String::from_utf8(bytes).expect("text");
        assert_eq!(status(&answer), "400", "{request:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "what stands behind it is no request: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
    assert_eq!(mock.stats()["requests"], 0, "none of them was one");
}

#[test]
fn a_slow_reader_gets_all_and_holds_up_nobody() {
    const SIZE: usize = 20_000_000;
    let mock = Mock::start();
    let mut slow = mock.connect();
    slow.write_all(get(&format!("/bytes/{SIZE}"), "close").as_bytes()).expect("it takes a request");
    // More than the kernel's buffers hold: the rest waits.
    std::thread::sleep(ms(300));
    assert_eq!(mock.stats()["in_flight"], 1);
    assert_eq!(status(&mock.get("/")), "200");
    let (bytes, error) = read_all(slow);
    assert_eq!(error, None);
    let body = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    assert_eq!(bytes.len() - body, SIZE);
    let line = &bytes[body..body + 64];
    assert!(bytes[body..].chunks(64).all(|piece| line.starts_with(piece)), "nothing twice, nothing left out");
}

#[test]
fn hundreds_at_once_on_one_thread() {
    const CLIENTS: usize = 400;
    let mock = Mock::with("--latency 1s");
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| mock.connect()).collect();
    for client in &mut clients {
        client.write_all(get("/", "close").as_bytes()).expect("it takes a request");
    }
    for client in clients {
        assert!(read_all(client).0.ends_with(OK.as_bytes()));
    }
    let stats = mock.stats();
    assert_eq!(stats["requests"], CLIENTS);
    assert_eq!(stats["most_in_flight"], CLIENTS);
    let threads = std::fs::read_dir(format!("/proc/{}/task", mock.running.pid())).expect("it runs").count();
    assert_eq!(threads, 1);
    let output = mock.stop("TERM");
    assert!(output.err().contains(&format!("{CLIENTS} requests (most in flight: {CLIENTS})")), "{output:?}");
}

#[test]
fn without_descriptors_clients_wait_their_turn() {
    const CLIENTS: usize = 60;
    let mock = Mock::on(1, Upcheck::with_descriptors(30), "--latency 100ms");
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| mock.connect()).collect();
    for client in &mut clients {
        client.write_all(get("/", "close").as_bytes()).expect("the kernel takes it");
    }
    for client in clients {
        assert!(read_all(client).0.ends_with(OK.as_bytes()));
    }
    let output = mock.stop("INT");
    assert_eq!(output.err().matches("wait until others close").count(), 1, "said, and said once: {output:?}");
}

#[test]
fn idle_connections_are_closed() {
    let mock = Mock::with("--latency 500ms --idle-timeout 100ms");
    let idle = mock.connect();
    let mut half = mock.connect();
    half.write_all(b"GET / HTTP/1.1\r\n").expect("it listens");
    assert_eq!(read_all(idle), (Vec::new(), None));
    assert_eq!(read_all(half), (Vec::new(), None));
    assert_eq!(status(&mock.get("/")), "200", "who waits for an answer is not idle");
    let mut kept = mock.connect();
    kept.write_all(get("/", "keep-alive").as_bytes()).expect("it takes a request");
    assert_eq!(status(&read_answer(&mut kept)), "200");
    assert_eq!(read_all(kept), (Vec::new(), None));
}

#[test]
fn a_seed_makes_failures_repeat() {
    let failures = |seed: u32| -> Vec<bool> {
        let mock = Mock::with(&format!("--latency 0 --fail-rate 30% --seed {seed}"));
        (0..60).map(|_| status(&mock.get("/")) == "503").collect()
    };
    let first = failures(1);
    assert!(first.contains(&true) && first.contains(&false));
    assert_eq!(failures(1), first);
    assert_ne!(failures(2), first);
}

#[test]
fn ports_are_opened_and_printed() {
    let mock = Mock::on(5, Upcheck::new(), "--ports 5 --latency 0");
    for address in &mock.addresses {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(get("/", "close").as_bytes()).expect("it takes a request");
        assert!(read_all(stream).0.ends_with(OK.as_bytes()), "{address}");
    }
    let mut ports: Vec<u16> = mock.addresses.iter().map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 5);
}

#[test]
fn signals_end_it() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mock = Mock::start();
        let mut client = mock.connect();
        client.write_all(get("/hang", "close").as_bytes()).expect("it takes a request");
        wait_until("it hangs", || mock.stats()["in_flight"] == 1);
        let output = mock.stop(signal);
        output.expect_code(code);
        assert!(output.err().starts_with("upcheck: ") && output.err().lines().count() == 1, "{output:?}");
        let quiet = Mock::with("-q");
        let output = quiet.stop(signal);
        assert_eq!(output.expect_code(code).err(), "");
    }
}

#[test]
fn a_reader_of_its_ports_may_leave() {
    let Mock { running, addresses, lines } = Mock::start();
    drop(lines);
    let mut stream = TcpStream::connect(addresses[0]).expect("it listens");
    stream.write_all(get("/", "close").as_bytes()).expect("it takes a request");
    assert!(read_all(stream).0.ends_with(OK.as_bytes()));
    running.signal("TERM");
    running.finish().expect_code(143);
}

#[test]
fn what_cannot_be_done_is_said() {
    let cases = [
        ("--listen nowhere", "--listen: 'nowhere' is not an address and a port"),
        ("--latencey 1s", "did you mean '--latency'?"),
        ("--fail-rate 200%", "--fail-rate: '200%' is not a percentage"),
        ("--latency", "--latency needs a value"),
        ("http://example.com", "mock takes flags only"),
    ];
    for (flags, message) in cases {
        let output = Upcheck::new().arg("mock").args(flags.split(' ')).run();
        output.expect_code(3);
        assert!(output.err().contains(message) && output.out().is_empty(), "{output:?}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let output = Upcheck::new().args(["mock", "--listen", &address]).run();
    output.expect_code(3);
    assert!(output.err().contains(&format!("cannot listen on {address}: ")), "{output:?}");
}

#[test]
fn help_is_help() {
    let output = Upcheck::new().args(["mock", "--help"]).run();
    output.expect_code(0);
    assert!(output.out().contains("--fail-rate PERCENT") && output.out().contains("/endless-head"), "{output:?}");
}
