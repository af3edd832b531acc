//! Connections that are used again, and those that must not be.

use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{
    Proxy, Report, Server, Step, TempDir, Upcheck, has_program, ms, nginx, refused_address, skipped, wait_until,
};

/// Answers every request of a connection with `answer`.
fn answering_all(answer: &'static str) -> Server {
    Server::answering(move |_| vec![Step::send(answer), Step::ReadRequest])
}

const KEPT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// One check after the other.
fn one_by_one() -> Upcheck {
    Upcheck::new().args(["--keepalive", "-c", "1", "-v", "-t", "20"])
}

/// How many of the checks went over a connection that was there.
pub(crate) fn reused(report: &Report) -> usize {
    report.checks.iter().filter(|check| check["reused"] == true).count()
}

#[test]
fn ten_checks_over_one_connection() {
    let server = answering_all(KEPT);
    let output = one_by_one().args(["-o", "ndjson"]).args((0..10).map(|n| server.url(&format!("/{n}")))).run();
    let report = output.expect_code(0).report();
    assert_eq!((report.summary["up"].as_u64(), reused(&report), server.accepted()), (Some(10), 9, 1));
    let last = &report.checks[9];
    assert_eq!(last["address"], server.address().to_string(), "{last}");
    assert!(last["seconds"]["connect"].is_null() && last["seconds"]["wait"].is_number(), "{last}");
    assert!(report.checks[0]["seconds"]["connect"].is_number());
    for request in server.requests() {
        assert_eq!(request.header("Connection"), None, "{request:?}");
    }
    assert!(
        output.err().contains("connections were used again 9 times; closed instead of kept: none"),
        "{}",
        output.err()
    );
}

#[test]
fn without_the_flag_nothing_is_kept() {
    let server = answering_all(KEPT);
    let report = Upcheck::new().args(["-c", "1"]).args((0..3).map(|_| server.url("/"))).report();
    assert_eq!((report.summary["up"].as_u64(), reused(&report), server.accepted()), (Some(3), 0, 3));
    assert_eq!(server.requests()[2].header("Connection"), Some("close"));
}

#[test]
fn many_at_once_share_what_there_is() {
    let server = answering_all(KEPT);
    let targets = (0..400).map(|n| server.url(&format!("/{n}")));
    let report = Upcheck::new().args(["--keepalive", "-c", "20", "-t", "20"]).args(targets).report();
    assert_eq!(report.summary["up"], 400, "{:#?}", report.not("up").first());
    assert!(server.accepted() <= 20, "{} connections", server.accepted());
    assert_eq!(reused(&report), 400 - server.accepted());
}

#[test]
fn a_redirect_to_the_same_origin_stays_on_the_connection() {
    let server = Server::answering(|request| {
        let answer = match request.path() {
            "/here" => "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 3\r\n\r\nbye",
            _ => KEPT,
        };
        vec![Step::send(answer), Step::ReadRequest]
    });
    let report = one_by_one().args(["-L", &server.url("/here")]).report();
    let check = report.single();
    assert_eq!((&check["status"], &check["redirects"], &check["reused"]), (&200.into(), &1.into(), &true.into()));
    assert_eq!(server.accepted(), 1);
}

#[test]
fn why_a_connection_is_not_kept() {
    let cases = [
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "the server said Connection: close"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.0 without keep-alive"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", "sent more than its answer"),
    ];
    for (answer, why) in cases {
        let server = answering_all(answer);
        let output = one_by_one().args([server.url("/1"), server.url("/2")]).run();
        output.expect_code(0);
        assert_eq!(server.accepted(), 2, "{why}");
        assert!(output.err().contains("0 times; closed instead of kept: 2 ("), "{}", output.err());
        assert!(output.err().contains(why), "{}", output.err());
    }
    let until_close = Server::answering(|_| vec![Step::send("HTTP/1.1 200 OK\r\n\r\nok"), Step::Close]);
    let output = one_by_one().arg(until_close.url("/")).run();
    assert!(output.expect_code(0).err().contains("only the end of the connection"), "{}", output.err());
    let server = answering_all(KEPT);
    let own = one_by_one().args(["-H", "Connection: close", &server.url("/1"), &server.url("/2")]).run();
    assert!(own.expect_code(0).err().contains("2 (the request said Connection: close)"), "{}", own.err());
    assert_eq!(server.requests()[0].header("Connection"), Some("close"));
}

#[test]
fn a_connection_that_ended_while_it_was_idle_is_not_used() {
    for end in [Step::Close, Step::Reset] {
        let server = Server::answering(move |request| match request.path() {
            "/1" => vec![Step::send(KEPT), end.clone()],
            _ => vec![Step::send(KEPT), Step::ReadRequest],
        });
        // By the time that this one has answered, the connection to the other has ended.
        let slow = Server::answering(|_| vec![Step::Pause(ms(100)), Step::ok()]);
        let output = one_by_one().args([server.url("/1"), slow.url("/"), server.url("/2")]).run();
        output.expect_code(0);
        assert!(output.err().contains("(the server closed it while it was idle)"), "{}", output.err());
        assert_eq!((server.accepted(), server.requests().len()), (2, 2));
    }
}

#[test]
fn a_request_that_met_the_end_is_made_once_more_over_a_fresh_connection() {
    for end in [Step::Close, Step::Reset] {
        let served = AtomicUsize::new(0);
        let server = Server::answering(move |request| match (request.path(), served.fetch_add(1, Ordering::SeqCst)) {
            // The second request is read, and all that follows is the end.
            ("/2", 1) => vec![end.clone()],
            _ => vec![Step::send(KEPT), Step::ReadRequest],
        });
        let output = one_by_one().args(["-o", "ndjson", &server.url("/1"), &server.url("/2")]).run();
        let report = output.expect_code(0).report();
        let second = report.target(&server.url("/2"));
        assert_eq!((second["reused"].as_bool(), second["attempts"].as_u64()), (Some(false), Some(1)), "{second}");
        let seconds = &second["seconds"];
        assert!(seconds["connect"].is_number() && seconds["wait"].is_number(), "{second}");
        let paths: Vec<String> = server.requests().iter().map(|request| request.path().to_owned()).collect();
        assert_eq!((server.accepted(), paths), (2, vec!["/1".to_owned(), "/2".to_owned(), "/2".to_owned()]));
    }
}

#[test]
fn a_fresh_connection_that_ends_is_the_servers_failure() {
    for (end, reason) in [(Step::Close, "closed"), (Step::Reset, "reset")] {
        let server = Server::answering(move |request| match request.path() {
            "/1" => vec![Step::send(KEPT), Step::ReadRequest],
            _ => vec![end.clone()],
        });
        let report = one_by_one().args([server.url("/1"), server.url("/2")]).report();
        assert_eq!(report.target(&server.url("/2"))["reason"], reason);
        let asked = server.requests().iter().filter(|request| request.path() == "/2").count();
        assert_eq!((asked, server.accepted()), (2, 2), "once over each connection");
    }
}

#[test]
fn what_must_not_be_made_twice_gets_its_own_connection() {
    let server = answering_all(KEPT);
    let report = one_by_one().args(["-d", "a=1", &server.url("/1"), &server.url("/2")]).report();
    assert_eq!((report.summary["up"].as_u64(), reused(&report), server.accepted()), (Some(2), 0, 2));
    let server = answering_all(KEPT);
    let report = one_by_one().args(["-e", "connect < 10s", &server.url("/1"), &server.url("/2")]).report();
    assert_eq!((report.summary["up"].as_u64(), reused(&report), server.accepted()), (Some(2), 0, 2));
}

#[test]
fn another_origin_is_another_connection() {
    let (one, two) = (answering_all(KEPT), answering_all(KEPT));
    let proxy = Proxy::start(None);
    let lines = format!("{0}\n{1}\n{0}\n{0} proxy={2}\n{0} name=x\n", one.url("/"), two.url("/"), proxy.address());
    let report = one_by_one().args(["-f", "-"]).stdin(lines).report();
    assert_eq!(report.summary["up"], 5, "{report:#?}");
    let flags: Vec<bool> = report.checks.iter().filter_map(|check| check["reused"].as_bool()).collect();
    assert_eq!(flags, [false, false, true, false, true]);
    assert_eq!((one.accepted(), two.accepted(), proxy.heads().len()), (2, 1, 1));
}

#[test]
fn idle_connections_give_their_descriptors_back() {
    let servers: Vec<Server> = (0..30).map(|_| answering_all(KEPT)).collect();
    let targets = servers.iter().map(|server| server.url("/"));
    let output =
        Upcheck::with_descriptors(26).args(["--keepalive", "-v", "-t", "20", "-o", "ndjson"]).args(targets).run();
    let report = output.expect_code(0).report();
    assert_eq!(report.summary["up"], 30, "{report:#?}");
    assert!(output.err().contains("(it had to make room for another)"), "{}", output.err());
}

#[test]
fn nginx_keeps_connections() {
    if !has_program("nginx") {
        skipped!("no nginx on this machine");
        return;
    }
    let folder = TempDir::new();
    folder.write("page.html", "<p>a page</p>\n");
    folder.write("included.html", "<!--#echo var=\"DOCUMENT_URI\" -->\n");
    let address = refused_address();
    let server = format!("listen {address}; location = /included.html {{ ssi on; }} location = /cut {{ return 444; }}");
    let _peer = nginx(&folder, &format!("keepalive_requests 4; server {{ {server} }}"));
    wait_until("nginx listens", || TcpStream::connect(address).is_ok());
    // A body with a length, one in chunks, an error page: each ends where it says.
    let paths = ["page.html", "included.html", "missing", "page.html?x"];
    let targets = (0..20).map(|n| format!("http://{address}/{}", paths[n % paths.len()]));
    let report = one_by_one().args(["-e", "status in 200,404"]).args(targets).report();
    assert_eq!(report.summary["up"], 20, "{:#?}", report.not("up").first());
    // Four requests each.
    assert_eq!(reused(&report), 15, "{report:#?}");
    let cut = one_by_one().args([format!("http://{address}/page.html"), format!("http://{address}/cut")]).report();
    assert_eq!(cut.checks[1]["reason"], "closed", "{:#?}", cut.checks[1]);
}

#[cfg(feature = "tls")]
mod over_tls {
    use std::os::unix::net::UnixStream;

    use super::{one_by_one, reused};
    use crate::support::{TempDir, has_program, nginx, skipped, wait_until};

    #[test]
    fn nginx_keeps_connections_and_resumes_sessions() {
        if !has_program("nginx") {
            skipped!("no nginx on this machine");
            return;
        }
        let folder = TempDir::new();
        let own = rcgen::generate_simple_self_signed(["app.example".to_owned()]).expect("a certificate can be made");
        folder.write("cert.pem", own.cert.pem());
        folder.write("key.pem", own.signing_key.serialize_pem());
        folder.write("page.html", "<p>a page</p>\n");
        let path = folder.path("");
        let path = path.display();
        let socket = format!("{path}/nginx.sock");
        let _peer = nginx(
            &folder,
            &format!(
                "keepalive_requests 4;
                 server {{
                     listen unix:{socket} ssl;
                     ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {path}/cert.pem; ssl_certificate_key {path}/key.pem;
                     location = /bare {{ keepalive_timeout 0; return 204; }}
                 }}"
            ),
        );
        wait_until("nginx listens", || UnixStream::connect(&socket).is_ok());
        let run = || one_by_one().args(["-k", "--unix-socket", &socket]);

        let pages = (0..10).map(|n| format!("https://app.example/page.html?{n}"));
        let report = run().args(["-e", "body.bytes == 14", "-e", "cert.days > 1"]).args(pages).report();
        assert_eq!(report.summary["up"], 10, "{:#?}", report.not("up").first());
        // Four requests each: 4 + 4 + 2.
        assert_eq!(reused(&report), 7, "{report:#?}");
        for check in &report.checks {
            assert_eq!(check["tls"]["version"], "1.3", "{check}");
            assert_eq!(check["seconds"]["tls"].is_null(), check["reused"] == true, "{check}");
        }

        let bare = (0..3).map(|n| format!("https://app.example/bare?{n}"));
        let report = run().args(bare).report();
        let resumed: Vec<_> = report.checks.iter().filter_map(|check| check["tls"]["resumed"].as_bool()).collect();
        assert_eq!((reused(&report), resumed), (0, vec![false, true, true]), "{report:#?}");
    }
}
