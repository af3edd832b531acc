//! `tcp://` and `tls://`: services that speak no HTTP. What is said to them and what is expected of them is the user's.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

#[cfg(feature = "tls")]
use crate::support::{Authority, Demands, TempDir, TlsPeer, has_program, skipped};
use crate::support::{Proxy, Upcheck};

/// A service that waits for a line if it is to, says this in pieces, and then leaves or stays until the client goes.
fn service(waits: bool, says: &'static [&'static str], leaves: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            stream.set_nodelay(true).expect("an open socket");
            let mut buffer = [0; 1024];
            if waits && stream.read(&mut buffer).is_err() {
                continue;
            }
            for piece in says {
                if stream.write_all(piece.as_bytes()).is_err() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            // Until the client goes.
            while !leaves && stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
        }
    });
    address
}

fn check(address: SocketAddr, flags: &[&str]) -> serde_json::Value {
    Upcheck::new().args(["-t", "3s"]).args(flags).arg(format!("tcp://{address}")).report().single().clone()
}

#[test]
fn what_comes_back_is_the_body() {
    let redis = service(true, &["+PO", "NG\r\n"], false);
    let pong = check(redis, &["--send", "PING\\r\\n", "-e", "body == \"+PONG\\r\\n\""]);
    assert_eq!(pong["verdict"], "up", "as soon as all of it is there: {pong}");
    assert_eq!((&pong["body_bytes"], &pong["status"], &pong["http_version"]), (&7.into(), &().into(), &().into()));
    assert!(pong["seconds"]["wait"].is_number(), "{pong}");
    // A word is enough where nothing is expected.
    assert_eq!(check(redis, &["--send", "PING\\r\\n"])["verdict"], "up");
    // What it says first is heard without asking.
    let mail = service(false, &["220 mail.test ESMTP\r\n"], false);
    assert_eq!(check(mail, &["-e", "body starts \"220 \""])["verdict"], "up");
    assert_eq!(check(mail, &[])["body_bytes"], 0, "nobody wants to know");
}

#[test]
fn what_does_not_come_or_is_something_else_says_why() {
    let other = service(true, &["-ERR unknown\r\n"], false);
    let said = check(other, &["-t", "300ms", "--send", "PING\\r\\n", "-e", "body contains \"PONG\""]);
    assert_eq!(said["reason"], "body", "{said}");
    assert!(said["detail"].as_str().is_some_and(|detail| detail.contains("-ERR unknown")), "{said}");
    let leaves = service(true, &["-ERR unknown\r\n"], true);
    assert_eq!(check(leaves, &["--send", "x", "-e", "body contains \"PONG\""])["reason"], "body");
    let silent = service(true, &[], false);
    assert_eq!(check(silent, &["-t", "300ms", "--send", "x"])["reason"], "response_timeout");
    let gone = service(true, &[], true);
    assert_eq!(check(gone, &["--send", "x"])["reason"], "closed");
    let endless = service(true, &["0123456789"; 10], false);
    let large = check(endless, &["--send", "x", "--max-body", "25", "-e", "body contains \"never\""]);
    assert_eq!(large["reason"], "too_large", "{large}");
}

#[test]
fn it_goes_through_a_tunnel() {
    let proxy = Proxy::start(None);
    let redis = service(true, &["+PONG\r\n"], false);
    let through = format!("http://{}", proxy.address());
    let pong = check(redis, &["-x", &through, "--send", "PING\\r\\n", "-e", "body starts \"+PONG\""]);
    assert_eq!(pong["verdict"], "up", "{pong}");
    let mail = service(false, &["220 mail.test ESMTP\r\n"], false);
    assert_eq!(check(mail, &["-x", &through, "-e", "body starts \"220 \""])["verdict"], "up");
}

#[test]
fn a_text_to_send_has_its_escapes_and_its_targets() {
    for (text, at) in [("a\\q", "--send"), ("\\x4", "--send"), ("end\\", "--send")] {
        let output = Upcheck::new().args(["--send", text, "tcp://127.0.0.1:1"]).run();
        assert!(output.expect_code(3).err().contains(at), "{output:?}");
    }
    let output = Upcheck::new().args(["--send", "x", "http://127.0.0.1:1"]).run();
    assert!(output.expect_code(3).err().contains("'send' is for tcp:// and tls://"), "{output:?}");
    let output = Upcheck::new().args(["tcp://127.0.0.1:1/path"]).run();
    assert!(output.expect_code(3).err().contains("have no path"), "{output:?}");
    // In a line of a file, with its quotes.
    let redis = service(true, &["+PONG\r\n"], false);
    let line = format!("tcp://{redis} send='PING\\x0d\\n' expect='body contains \"PONG\"'\n");
    let report = Upcheck::new().args(["-f", "-"]).stdin(line).report();
    assert_eq!(report.single()["verdict"], "up", "{}", report.single());
}

#[cfg(feature = "tls")]
#[test]
fn a_certificate_is_checked_without_http() {
    if !has_program("openssl") {
        skipped!("no openssl on this machine");
        return;
    }
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let peer = TlsPeer::openssl(&folder, &root.issue("127.0.0.1"), Demands::default());
    let target = peer.url("/").replace("https://", "tls://");
    let target = target.trim_end_matches('/');
    let ca = folder.write("root.pem", &root.pem);
    let run = |flags: &[&str]| Upcheck::new().args(["-t", "5s"]).args(flags).arg(target).report().single().clone();
    let up = run(&["--cacert", &ca, "-e", "cert.days > 1", "-e", "tls.version == \"1.3\""]);
    assert_eq!(up["verdict"], "up", "{up}");
    assert!(up["seconds"]["tls"].is_number() && up["tls"]["not_after"].is_string(), "{up}");
    assert_eq!((&up["seconds"]["wait"], &up["status"]), (&().into(), &().into()));
    assert_eq!(run(&[])["reason"], "tls_untrusted");
    assert_eq!(run(&["--cacert", &ca, "-e", "cert.days > 100000"])["reason"], "cert");
    // It speaks HTTP in there, and may be asked by hand.
    let asked = run(&["--cacert", &ca, "--send", "GET / HTTP/1.0\\r\\n\\r\\n", "-e", "body starts \"HTTP/1.0 200\""]);
    assert_eq!(asked["verdict"], "up", "{asked}");
    let plain = service(false, &["220 no TLS here\r\n"], false);
    let report = Upcheck::new().args(["-t", "3s"]).arg(format!("tls://{plain}")).report();
    assert_eq!(report.single()["reason"], "tls_failed", "{}", report.single());
}
