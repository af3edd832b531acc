//! One check, seen from both of its ends: what goes over the wire, and what is said about the answer.

use std::net::{Ipv6Addr, TcpListener};

use crate::support::{Server, Step, Upcheck, ms, refused_address, skipped};

/// Answers that are right, each in another way: name, bytes, the bytes in the body.
const GOOD_ANSWERS: &[(&str, &str, u64)] = &[
    ("length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 5),
    ("no-body", "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 0\r\n\r\n", 0),
    (
        "chunked",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nDigest: z\r\n\r\n",
        15,
    ),
    ("until-close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall that comes", 14),
    (
        "interim",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        2,
    ),
    ("no-reason", "HTTP/1.1 200\r\ncontent-LENGTH:\t3 \r\n\r\nyes", 3),
];

#[test]
fn answers_are_the_same_however_they_are_cut() {
    // The path says which answer, and where to cut it: a TCP segment before, a moment, a segment after.
    let server = Server::answering(|request| {
        let (name, at) = request.path()[1..].split_once('/').expect("a name and an offset");
        let (_, bytes, _) = GOOD_ANSWERS.iter().find(|(n, ..)| *n == name).expect("our own name");
        let bytes = bytes.as_bytes().to_vec();
        vec![Step::SplitSend { bytes, at: at.parse().expect("a number") }]
    });
    let mut targets = Vec::new();
    for (name, bytes, _) in GOOD_ANSWERS {
        for at in 0..=bytes.len() {
            targets.push(server.url(&format!("/{name}/{at}")));
        }
    }
    let report = Upcheck::new().args(["-c", "50", "-t", "20"]).args(&targets).report();
    assert_eq!(report.checks.len(), targets.len());
    for check in &report.checks {
        let target = check["target"].as_str().expect("a string");
        let (_, _, body) =
            GOOD_ANSWERS.iter().find(|(name, ..)| target.contains(&format!("/{name}/"))).expect("our own name");
        assert_eq!(check["reason"], "ok", "{check}");
        assert_eq!(check["status"], 200, "{check}");
        assert_eq!(check["body_bytes"], *body, "{check}");
        assert_eq!(check["http_version"], "1.1", "{check}");
    }
}

#[test]
fn a_response_that_is_whole_is_not_waited_upon() {
    // The server keeps the connection open: the end is where the framing says it is.
    let cases = [
        ("length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("204", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 400\r\n\r\n"),
    ];
    for (name, answer) in cases {
        let server = Server::answering(move |_| vec![Step::send(answer), Step::Hang]);
        let report = Upcheck::new().args(["-t", "20"]).arg(server.url("/")).report();
        assert_eq!(report.single()["reason"], "ok", "{name}: {}", report.single());
    }
}

#[test]
fn http_1_0_ends_with_its_connection() {
    let server = Server::answering(|_| vec![Step::send("HTTP/1.0 200 OK\r\n\r\nold but well")]);
    let report = Upcheck::new().arg(server.url("/")).report();
    let check = report.single();
    assert_eq!(check["verdict"], "up", "{check}");
    assert_eq!(check["http_version"], "1.0", "{check}");
    assert_eq!(check["body_bytes"], 12, "{check}");
}

#[test]
fn the_status_decides() {
    let server = Server::answering(|request| {
        let status = &request.path()[1..];
        vec![Step::send(format!("HTTP/1.1 {status} Word\r\nContent-Length: 0\r\nLocation: /elsewhere\r\n\r\n"))]
    });
    let cases = [
        (200, "up"),
        (204, "up"),
        (301, "up"),
        (399, "up"),
        (400, "down"),
        (404, "down"),
        (500, "down"),
        (503, "down"),
        (999, "down"),
    ];
    let targets = cases.map(|(status, _)| server.url(&format!("/{status}")));
    let output = Upcheck::new().args(&targets).args(["-o", "ndjson"]).run();
    let report = output.expect_code(1).report();
    for (status, verdict) in cases {
        let check = report.target(&server.url(&format!("/{status}")));
        assert_eq!(check["verdict"], verdict, "{check}");
        assert_eq!(check["status"], status, "{check}");
        let reason = if verdict == "up" { "ok" } else { "status" };
        assert_eq!(check["reason"], reason, "{check}");
        if verdict == "down" {
            let detail = check["detail"].as_str().expect("what came");
            assert!(detail.contains(&status.to_string()), "{check}");
        }
    }
}

#[test]
fn the_request_is_what_a_server_expects() {
    let server = Server::ok();
    let url = server.url("/health?deep=1#fragment");
    Upcheck::new().arg(&url).run().expect_code(0);
    let request = server.request();
    assert!(request.head.starts_with("GET /health?deep=1 HTTP/1.1\r\n"), "{request:?}");
    let host = server.address().to_string();
    assert_eq!(request.header("host"), Some(host.as_str()));
    let agent = request.header("user-agent").expect("servers' logs want one");
    assert!(agent.starts_with("upcheck/"), "{agent}");
    assert!(request.body.is_empty(), "{request:?}");
}

#[test]
fn standard_streams_that_are_closed_are_nobodys_numbers() {
    // Whatever is opened next would get the number of the first that is closed: the loop's own descriptor, or a connection.
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
        let server = Server::ok();
        let urls = [server.url("/"), format!("http://{}/", refused_address())];
        let script = format!("exec \"$0\" \"$@\" {closed}");
        let output = Upcheck::in_shell(&script).args(["-v", "-o", "human", "--wait", "1s"]).args(&urls).run();
        assert_eq!((output.code, server.requests().len()), (Some(124), 1), "{closed}: {}", output.err());
        let output =
            Upcheck::in_shell(&script).args(["-v", "-f", "-"]).arg(&urls[0]).stdin(format!("{}\n", urls[0])).run();
        let expected = if closed.contains('<') { 1 } else { 2 };
        assert_eq!((output.code, server.requests().len()), (Some(0), 1 + expected), "{closed}: {}", output.err());
    }
}

#[test]
fn a_target_without_scheme_or_path_is_http_and_a_slash() {
    let server = Server::ok();
    Upcheck::new().arg(server.address().to_string()).run().expect_code(0);
    assert_eq!(server.request().path(), "/");
}

#[test]
fn the_request_flags_shape_the_request() {
    let server = Server::ok();
    Upcheck::new()
        .args(["-X", "PUT", "-d", "a=1", "-A", "probe/9", "-H", "X-One: 1", "-H", "X-Two:2"])
        .args(["-u", "user:pass"])
        .arg(server.url("/put"))
        .run()
        .expect_code(0);
    let request = server.request();
    assert_eq!(request.method(), "PUT");
    assert_eq!(request.body, b"a=1");
    assert_eq!(request.header("content-length"), Some("3"));
    assert_eq!(request.header("user-agent"), Some("probe/9"));
    assert_eq!(request.header("x-one"), Some("1"));
    assert_eq!(request.header("x-two"), Some("2"));
    assert_eq!(request.header("authorization"), Some("Basic dXNlcjpwYXNz"));
}

#[test]
fn data_alone_makes_a_post() {
    let server = Server::ok();
    Upcheck::new().args(["-d", "a=1"]).arg(server.url("/")).run().expect_code(0);
    let request = server.request();
    assert_eq!(request.method(), "POST");
    // As curl does, and as servers expect of `-d`.
    let form = "application/x-www-form-urlencoded";
    assert_eq!(request.header("content-type"), Some(form));
}

#[test]
fn a_header_given_replaces_the_one_that_would_be_sent() {
    let server = Server::ok();
    Upcheck::new()
        .args(["-H", "Host: virtual.example", "-H", "user-agent: mine"])
        .arg(server.url("/"))
        .run()
        .expect_code(0);
    let request = server.request();
    assert_eq!(request.header("host"), Some("virtual.example"));
    assert_eq!(request.header("user-agent"), Some("mine"));
}

#[test]
fn a_head_request_has_an_answer_without_body() {
    let server = Server::answering(|_| vec![Step::send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"), Step::Hang]);
    let report = Upcheck::new().args(["-I", "-t", "20"]).arg(server.url("/")).report();
    assert_eq!(report.single()["reason"], "ok", "{}", report.single());
    assert_eq!(report.single()["body_bytes"], 0, "{}", report.single());
    assert_eq!(server.request().method(), "HEAD");
}

#[test]
fn credentials_in_a_target_are_sent_and_never_printed() {
    let server = Server::answering(|_| vec![Step::send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")]);
    let url = format!("http://user:s3cret@{}/", server.address());
    for format in ["human", "ndjson"] {
        let output = Upcheck::new().args(["-v", "-o", format]).arg(&url).run();
        output.expect_code(1);
        assert!(!output.out().contains("s3cret"), "{output:?}");
        assert!(!output.err().contains("s3cret"), "{output:?}");
    }
    for request in server.requests() {
        assert_eq!(request.header("authorization"), Some("Basic dXNlcjpzM2NyZXQ="));
        let host = server.address().to_string();
        assert_eq!(request.header("host"), Some(host.as_str()));
    }
}

#[test]
fn tcp_targets_are_connected_to_and_no_more() {
    let server = Server::playing(vec![Step::Hang]);
    let open = format!("tcp://{}", server.address());
    let closed = format!("tcp://{}", refused_address());
    let report = Upcheck::new().args([&open, &closed]).report();
    let up = report.target(&open);
    assert_eq!(up["reason"], "ok", "{up}");
    assert!(up["status"].is_null(), "{up}");
    assert!(up["seconds"]["connect"].is_number(), "{up}");
    assert!(up["seconds"]["wait"].is_null(), "{up}");
    assert_eq!(report.target(&closed)["reason"], "connect_refused");
}

#[test]
fn localhost_is_a_name_like_any_other() {
    let server = Server::ok();
    let port = server.address().port();
    let report = Upcheck::new().arg(format!("http://LocalHost:{port}/")).report();
    assert_eq!(report.single()["verdict"], "up", "{}", report.single());
    let host = format!("localhost:{port}");
    assert_eq!(server.request().header("host"), Some(host.as_str()), "lower case");
}

#[test]
fn an_ipv6_literal_stands_in_brackets() {
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        skipped!("no ::1 on this machine");
        return;
    };
    let server = Server::answering_on(listener, |_| vec![Step::ok()]);
    let report = Upcheck::new().arg(server.url("/")).report();
    let check = report.single();
    assert_eq!(check["verdict"], "up", "{check}");
    let address = server.address().to_string();
    assert_eq!(check["address"], address, "{check}");
    assert_eq!(server.request().header("host"), Some(address.as_str()));
}

#[test]
fn an_answer_in_many_small_pieces_is_one_answer() {
    let server = Server::answering(|_| {
        let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        bytes.iter().flat_map(|byte| [Step::send([*byte]), Step::Pause(ms(1))]).collect()
    });
    let report = Upcheck::new().args(["-t", "20"]).arg(server.url("/")).report();
    assert_eq!(report.single()["reason"], "ok", "{}", report.single());
    assert_eq!(report.single()["body_bytes"], 3, "{}", report.single());
}

#[test]
fn an_answer_that_comes_before_the_request_is_sent_whole_counts() {
    // A server may answer early and close: 413 is the usual case. The check must not call that a broken pipe.
    let server = Server::answering(|_| vec![Step::send("HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\n")]);
    let body = "x".repeat(64 << 10);
    let report = Upcheck::new().args(["-d", &body]).arg(server.url("/")).report();
    assert_eq!(report.single()["reason"], "status", "{}", report.single());
    assert_eq!(report.single()["status"], 413, "{}", report.single());
}
