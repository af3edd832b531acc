//! `upcheck mock --tls`: as other people's clients see it, and as upcheck itself does.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use crate::mock::Mock;
use crate::support::{Authority, Identity, PATIENCE, TempDir, Upcheck, has_program, ms, skipped, wait_until};

/// A server with a certificate for 127.0.0.1, and the root that it hangs on.
struct Secured {
    mock: Mock,
    ca: String,
    _folder: TempDir,
}

impl Secured {
    /// With these flags besides.
    fn with(flags: &str) -> Secured {
        let folder = TempDir::new();
        let root = Authority::new("the root");
        let deputy = root.deputy("the deputy");
        let identity = deputy.issue("127.0.0.1").followed_by([deputy.pem.as_str()]);
        let (cert, key) = (folder.write("it.pem", &identity.chain), folder.write("it.key", &identity.key));
        let mock = Mock::with(&format!("--tls --cert {cert} --key {key} {flags}"));
        Secured { mock, ca: folder.write("root.pem", &root.pem), _folder: folder }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.mock.addresses[0])
    }

    /// How many connections it holds, the one that asks among them.
    fn open(&self) -> u64 {
        let output = self.openssl(&["-quiet"], "/_stats");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {output:?}"));
        let stats: serde_json::Value = serde_json::from_str(body).expect("JSON");
        stats["open"].as_u64().expect("a number")
    }

    /// A request through `openssl s_client`, which must trust the server.
    fn openssl(&self, flags: &[&str], path: &str) -> Output {
        let mut child = Command::new("openssl")
            .args(["s_client", "-connect", &self.mock.addresses[0].to_string(), "-CAfile", &self.ca])
            .args(["-verify_return_error", "-verify_ip", "127.0.0.1", "-ign_eof"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl starts");
        let mut stdin = child.stdin.take().expect("it was piped");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        // A handshake that fails may be over before this.
        let _ = stdin.write_all(request.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("it ends")
    }
}

#[test]
fn openssl_is_served() {
    if !has_program("openssl") {
        skipped!("no openssl on this machine");
        return;
    }
    let server = Secured::with("--latency 0");
    for version in ["1_2", "1_3"] {
        let output = server.openssl(&[&format!("-tls{version}"), "-alpn", "h2,http/1.1"], "/health");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        assert!(text.contains("HTTP/1.1 200 OK\r\n") && text.contains("{\"status\": \"ok\"}"), "{text}");
        assert!(text.contains("ALPN protocol: http/1.1") && text.contains("Verification: OK"), "{text}");
    }
    let output = server.openssl(&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "/health");
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("SSL alert"), "{output:?}");
    wait_until("all have gone", || server.open() == 1);
}

#[test]
fn pythons_client_gets_whole_bodies_and_a_close_notify() {
    const CLIENT: &str = r#"
import socket, ssl, sys, time
address, port, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=ca)

def connect():
    return context.wrap_socket(socket.create_connection((address, port)), server_hostname=address,
                               suppress_ragged_eofs=False)

def ask(stream, path, connection, body=b""):
    stream.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s" % (path, len(body), connection, body))

def answer(stream):
    text = b""
    while b"\r\n\r\n" not in text:
        text += stream.recv(1)
    length = int(text.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    body = b""
    while len(body) < length:
        body += stream.recv(length - len(body))
    return text, body

stream = connect()
for size in [0, 1, 100_000, 1_000_000]:
    ask(stream, b"/status/404", b"keep-alive", b"x" * size)
    assert answer(stream)[0].startswith(b"HTTP/1.1 404 "), size
# Two in one record, and a reader who lets the server's buffers fill.
ask(stream, b"/health", b"keep-alive")
ask(stream, b"/bytes/9000000", b"close")
assert answer(stream)[1] == b'{"status": "ok"}'
time.sleep(0.3)
assert len(answer(stream)[1]) == 9_000_000
# An end without close_notify would be an exception.
assert stream.recv(1) == b""

stream = connect()
ask(stream, b"/chunked/70000", b"close")
text = b""
while piece := stream.recv(65536):
    text += piece
assert text.endswith(b"\r\n0\r\n\r\n")
print("well")
"#;
    if !has_program("python3") {
        skipped!("no Python on this machine");
        return;
    }
    let server = Secured::with("--latency 0");
    let address = server.mock.addresses[0];
    let output = Command::new("python3")
        .args(["-c", CLIENT, &address.ip().to_string(), &address.port().to_string(), &server.ca])
        .output()
        .expect("Python starts");
    assert_eq!(output.stdout, b"well\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_path_means_over_tls_what_it_means_in_the_clear() {
    let server = Secured::with("--latency 20ms");
    let cases = [
        ("/health", "ok"),
        ("/delay/100", "ok"),
        ("/bytes/300000", "ok"),
        ("/chunked/300000", "ok"),
        ("/drip/3/20", "ok"),
        ("/redirect/1", "ok"),
        ("/status/503", "status"),
        ("/hang", "response_timeout"),
        ("/reset", "reset"),
        ("/close", "closed"),
        ("/truncate", "closed"),
        ("/garbage", "malformed"),
        ("/endless-head", "too_large"),
        ("/endless-body", "too_large"),
    ];
    let list: String = cases
        .iter()
        .map(|(path, reason)| {
            let timeout = if *reason == "response_timeout" { "2s" } else { "25s" };
            format!("{} timeout={timeout} expect='body.bytes >= 0'\n", server.url(path))
        })
        .collect();
    let report = Upcheck::new().args(["--cacert", &server.ca, "-f", "-"]).stdin(list).report();
    for (path, reason) in cases {
        let check = report.target(&server.url(path));
        assert_eq!(check["reason"], reason, "{check:#}");
        assert_eq!(check["tls"]["version"], "1.3", "{check:#}");
    }
}

#[test]
fn hundreds_of_handshakes_at_once() {
    const CLIENTS: usize = 300;
    let server = Secured::with("--latency 500ms");
    let targets = (0..CLIENTS).map(|number| server.url(&format!("/{number}")));
    let report = Upcheck::new().args(["-t", "25", "--cacert", &server.ca]).args(targets).report();
    assert_eq!(report.summary["up"], CLIENTS, "{:#?}", report.not("up").first());
}

#[test]
fn handshakes_fail_as_asked() {
    let cases = [
        ("stall", "tls_timeout", "no TLS handshake within 500 ms"),
        ("garbage", "tls_failed", "what came is not TLS"),
        ("close", "closed", "in the middle of the TLS handshake"),
    ];
    for (fault, reason, words) in cases {
        let server = Secured::with(&format!("--tls-fault {fault}"));
        let timeout = if fault == "stall" { "500ms" } else { "25s" };
        let report = Upcheck::new().args(["-k", "-t", timeout]).args([server.url("/a"), server.url("/b")]).report();
        for check in &report.checks {
            assert_eq!(check["reason"], reason, "{check:#}");
            assert!(check["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{check:#}");
        }
        if has_program("openssl") && fault != "stall" {
            let output = server.openssl(&[], "/");
            assert!(!output.status.success(), "{fault}: {output:?}");
        }
    }
}

#[test]
fn who_does_not_speak_tls_is_sent_away() {
    let server = Secured::with("--latency 0 --idle-timeout 300ms");
    let connect = || {
        let stream = TcpStream::connect(server.mock.addresses[0]).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        stream
    };
    for words in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\x16\x03\x01\xff\xff", &[0xff; 20_000], b"\x16\x03"] {
        let mut stream = connect();
        // It may be sent away before it has said all.
        let _ = stream.write_all(words);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{}", answer.escape_ascii());
    }
    // Who says nothing at all is sent away, too, and others are served meanwhile.
    let idle = connect();
    let report = Upcheck::new().args(["-t", "20", "--cacert", &server.ca]).arg(server.url("/")).report();
    assert_eq!(report.single()["reason"], "ok");
    let mut rest = Vec::new();
    assert!((&idle).read_to_end(&mut rest).is_ok_and(|length| length == 0), "{rest:?}");
}

#[test]
fn a_certificate_of_no_use_is_said_before_anything_is_served() {
    let folder = TempDir::new();
    let [one, two] = ["one", "two"].map(Identity::self_signed);
    let cert = folder.write("one.pem", &one.chain);
    let [key, other] = [folder.write("one.key", &one.key), folder.write("two.key", &two.key)];
    let cases: [(&[&str], &str); 6] = [
        (&["--tls"], "--tls needs a certificate: --cert FILE"),
        (&["--tls", "--cert", "/nowhere"], "/nowhere"),
        (&["--tls", "--cert", &cert], "private key: no PEM section"),
        (&["--tls", "--cert", &key, "--key", &key], "certificate: no PEM section"),
        (&["--tls", "--cert", &cert, "--key", &other], "private key: it does not belong to the certificate"),
        (&["--cert", &cert, "--key", &key], "--cert says nothing without --tls"),
    ];
    for (flags, message) in cases {
        let output = Upcheck::new().args(["mock", "--listen", "127.0.0.1:0"]).args(flags).limit(ms(20_000)).run();
        output.expect_code(3);
        assert!(output.err().contains(message) && output.out().is_empty(), "{message}: {output:?}");
    }
    let output = Upcheck::new().args(["mock", "--help"]).run();
    assert!(output.out().contains("--tls-fault FAULT") && output.out().contains("--key FILE"), "{output:?}");
}
