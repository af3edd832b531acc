//! Other ways to a target than straight to its host: unix sockets and proxies.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::{Peer, Proxy, Server, Step, TempDir, Upcheck, has_program, refused_address, skipped, wait_until};

/// Answers each connection at this path in turn, saying back the first two lines of the request.
fn echoing(path: &str, connections: usize) -> std::thread::JoinHandle<()> {
    let listener = UnixListener::bind(path).expect("a free path");
    std::thread::spawn(move || {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().expect("a listener of our own");
            let mut head = Vec::new();
            let mut buffer = [0; 1024];
            while !head.ends_with(b"\r\n\r\n") {
                let length = stream.read(&mut buffer).expect("a whole request comes");
                assert!(length > 0, "a whole request comes");
                head.extend_from_slice(&buffer[..length]);
            }
            let head = String::from_utf8(head).expect("a request is ASCII");
            let said: Vec<&str> = head.lines().take(2).collect();
            let said = said.join("|");
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len()).expect("it reads");
        }
    })
}

fn path_in(folder: &TempDir, name: &str) -> String {
    folder.path(name).into_os_string().into_string().expect("the target folder has a UTF-8 name")
}

#[test]
fn a_unix_socket_in_all_its_spellings() {
    let folder = TempDir::new();
    let socket = path_in(&folder, "app.sock");
    let server = echoing(&socket, 4);
    let said = |line: &str| ["-e".to_owned(), format!("body == \"{line}\"")];

    let target = format!("unix:{socket}:/health?x=1");
    let report = Upcheck::new().args(said("GET /health?x=1 HTTP/1.1|Host: localhost")).arg(&target).report();
    let check = report.target(&target);
    assert_eq!((&check["reason"], &check["status"]), (&"ok".into(), &200.into()), "{check}");
    assert!(check["address"].is_null() && check["seconds"]["dns"].is_null(), "{check}");
    assert!(check["seconds"]["connect"].is_number(), "{check}");

    let there = said("GET /x HTTP/1.1|Host: api.example:8080");
    let flag = Upcheck::new().args(["--unix-socket", &socket]).args(&there).arg("http://api.example:8080/x").report();
    assert_eq!(flag.single()["reason"], "ok", "{}", flag.single());

    let line = format!("http://h/ unix-socket={socket}\nunix:{socket}:/ name=own\n");
    let file = Upcheck::new().args(["-f", "-", "-v"]).stdin(line).run();
    file.expect_code(0);
    assert_eq!(file.out().matches(&format!("{socket}: queue ")).count(), 2, "-v shows the path: {}", file.out());
    server.join().expect("all was answered");
}

#[test]
fn a_redirect_stays_on_the_socket() {
    let folder = TempDir::new();
    let socket = path_in(&folder, "app.sock");
    let listener = UnixListener::bind(&socket).expect("a free path");
    let server = std::thread::spawn(move || {
        let answers =
            ["HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"];
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("a listener of our own");
            let _ = stream.read(&mut [0; 4096]).expect("a request comes");
            stream.write_all(answer.as_bytes()).expect("it reads");
        }
    });
    let report = Upcheck::new().arg("-L").arg(format!("unix:{socket}:/here")).report();
    assert_eq!((&report.single()["status"], &report.single()["redirects"]), (&204.into(), &1.into()));
    server.join().expect("both were answered");
}

#[test]
fn a_socket_that_is_not_there_and_one_that_nobody_holds() {
    let folder = TempDir::new();
    let missing = path_in(&folder, "missing");
    let dead = path_in(&folder, "dead");
    drop(UnixListener::bind(&dead).expect("a free path"));
    let report = Upcheck::new().args([format!("unix:{missing}:/"), format!("unix:{dead}:/")]).report();
    for (path, words) in [(missing, "there is no socket at"), (dead, "refused the connection")] {
        let check = report.target(&format!("unix:{path}:/"));
        assert_eq!(check["reason"], "connect_refused", "{check}");
        let detail = check["detail"].as_str().expect("words");
        assert!(detail.contains(words) && detail.contains(&path), "{detail}");
    }
}

#[test]
fn a_full_queue_of_connections_is_waited_for() {
    let folder = TempDir::new();
    let path = path_in(&folder, "full");
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    listener.bind(&SockAddr::unix(&path).expect("a short path")).expect("a free path");
    listener.listen(0).expect("a bound socket can listen");
    // On Linux a backlog of 0 holds one.
    let held = UnixStream::connect(&path).expect("room for one");
    let report = Upcheck::new().args(["-t", "200ms"]).arg(format!("unix:{path}:/")).report();
    let check = report.single();
    assert_eq!(check["reason"], "connect_timeout", "{check}");
    assert!(check["detail"].as_str().is_some_and(|detail| detail.contains(&path)), "{check}");
    drop(held);
}

#[test]
fn pythons_server_on_a_unix_socket() {
    if !has_program("python3") {
        skipped!("no Python on this machine");
        return;
    }
    let folder = TempDir::new();
    let script = folder.write(
        "serve.py",
        "import http.server, socketserver, sys
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
Server(sys.argv[1], Handler).serve_forever()
",
    );
    let socket = path_in(&folder, "python.sock");
    let _peer = Peer::start(Command::new("python3").args([&script, &socket]).current_dir(folder.path("")));
    wait_until("Python listens", || UnixStream::connect(&socket).is_ok());
    // Its queue holds five connections, so most of these find it full.
    let targets: Vec<String> = (0..100).map(|n| format!("unix:{socket}:/serve.py?{n}")).collect();
    let report = Upcheck::new().args(["-t", "20", "-e", "body contains \"ThreadingMixIn\""]).args(&targets).report();
    assert_eq!(report.summary["up"], 100, "{:#?}", report.not("up").first());
}

#[test]
fn through_a_proxy_in_the_clear() {
    let server = Server::ok();
    let proxy = Proxy::start(Some("bWU6c2VjcmV0"));
    let url = server.url("/health");
    let through = format!("http://me:secret@{}", proxy.address());
    let output = Upcheck::new().args(["-x", &through, "-u", "you:hidden", "-o", "ndjson", &url]).run();
    let report = output.report();
    let check = report.target(&url);
    assert_eq!((&check["reason"], &check["address"]), (&"ok".into(), &proxy.address().to_string().into()), "{check}");
    assert!(!output.out().contains("secret"), "{}", output.out());
    let heads = proxy.heads();
    assert_eq!(heads.len(), 1, "{heads:#?}");
    assert!(heads[0].starts_with(&format!("GET {url} HTTP/1.1\r\nHost: {}\r\n", server.address())), "{}", heads[0]);
    let request = server.request();
    assert_eq!((request.path(), request.header("Proxy-Authorization")), ("/health", None));
    assert_eq!(request.header("Authorization"), Some("Basic eW91OmhpZGRlbg=="));
}

#[test]
fn a_connection_through_a_proxy() {
    let server = Server::ok();
    let proxy = Proxy::start(None);
    let url = format!("tcp://{}", server.address());
    let line = format!("{url} proxy={}\n{url} name=direct\n", proxy.address());
    let report = Upcheck::new().args(["-f", "-"]).stdin(line).report();
    assert_eq!(report.summary["up"], 2, "{report:#?}");
    assert_eq!(report.named("direct")["address"], server.address().to_string());
    assert!(proxy.heads()[0].starts_with(&format!("CONNECT {} HTTP/1.1\r\n", server.address())));
}

#[test]
fn the_environment_does_not_choose_the_way() {
    let server = Server::ok();
    let nowhere = format!("http://{}", refused_address());
    let run = || Upcheck::new().env("http_proxy", &nowhere).env("HTTP_PROXY", &nowhere).env("all_proxy", &nowhere);
    assert_eq!(run().arg(server.url("/")).report().single()["reason"], "ok");
    // Its own variable does, and an empty flag wins over it.
    let refused = run().env("UPCHECK_PROXY", &nowhere).arg(server.url("/")).report();
    assert_eq!(refused.single()["reason"], "connect_refused");
    let none = run().env("UPCHECK_PROXY", &nowhere).args(["-x", ""]).arg(server.url("/")).report();
    assert_eq!(none.single()["reason"], "ok");
}

#[test]
fn a_proxy_that_fails_is_named() {
    let (dead, target) = (refused_address().to_string(), refused_address().to_string());
    let strict = Proxy::start(Some("bWU6c2VjcmV0"));
    let lax = Proxy::start(None);
    let mute = Server::playing(vec![Step::Hang]);
    let rude = Server::playing(vec![Step::ReadRequest, Step::Reset]);
    let gone = Server::playing(vec![Step::ReadRequest, Step::Close]);
    let ssh = Server::playing(vec![Step::send("SSH-2.0-OpenSSH_9.2\r\n"), Step::Hang]);
    let http = format!("http://{target}/");
    let tcp = format!("tcp://{target}");
    let asked = format!(", asked for a tunnel to {target}: ");
    let cases = [
        (&http, dead.clone(), "connect_refused", format!("the proxy {dead}: {dead} refused the connection")),
        (&tcp, dead.clone(), "connect_refused", format!("the proxy {dead}: {dead} refused the connection")),
        (&tcp, strict.address().to_string(), "connect_refused", format!("{asked}status 407 (it wants a name")),
        (&http, strict.address().to_string(), "connect_refused", "through the proxy ".to_owned()),
        (&tcp, lax.address().to_string(), "connect_refused", format!("{asked}status 502")),
        (&http, lax.address().to_string(), "status", "through the proxy ".to_owned()),
        (&tcp, mute.address().to_string(), "connect_timeout", format!("{asked}no answer within ")),
        (&tcp, rude.address().to_string(), "reset", format!("{asked}it reset the connection")),
        (&tcp, gone.address().to_string(), "closed", format!("{asked}it closed the connection")),
        (&tcp, ssh.address().to_string(), "malformed", format!("{asked}not HTTP: the answer begins with \"SSH")),
    ];
    for (url, proxy, reason, words) in cases {
        let report = Upcheck::new().args(["-t", "500ms", "-x", &proxy, url]).report();
        let check = report.target(url);
        let detail = check["detail"].as_str().unwrap_or_default();
        assert_eq!(check["reason"], reason, "{check}");
        assert!(detail.contains(&words) && detail.contains(&proxy), "{words}: {detail}");
    }
}

#[test]
fn ways_that_there_are_not() {
    let long = format!("unix:/{}:/", "x".repeat(200));
    let cases = [
        (&["-x", "https://p:1", "h"][..], "--proxy"),
        (&["--proxy", "http://me:secret@p", "h"], "needs its port"),
        (&["--unix-socket", "", "h"], "--unix-socket"),
        (&["unix:/a:b"], "argument 1:9: behind the socket stands a path"),
        (&[&long], "no more than 107 bytes"),
    ];
    for (arguments, words) in cases {
        let output = Upcheck::new().args(arguments).run();
        output.expect_code(3);
        let words = words.replace("--proxy", "-x");
        assert!(output.err().contains(&words) && !output.err().contains("secret"), "{}", output.err());
    }
}

#[cfg(feature = "tls")]
mod over_tls {
    use std::os::unix::net::UnixStream;

    use super::path_in;
    use crate::support::{Proxy, TempDir, Upcheck, has_program, nginx, refused_address, skipped, wait_until};

    #[test]
    fn nginx_on_a_unix_socket_and_through_a_proxy() {
        if !has_program("nginx") {
            skipped!("no nginx on this machine");
            return;
        }
        let folder = TempDir::new();
        let own = rcgen::generate_simple_self_signed(["app.example".to_owned()]).expect("a certificate can be made");
        folder.write("cert.pem", own.cert.pem());
        folder.write("key.pem", own.signing_key.serialize_pem());
        let socket = path_in(&folder, "nginx.sock");
        let address = refused_address();
        let path = folder.path("");
        let path = path.display();
        let _peer = nginx(
            &folder,
            &format!(
                "server {{
                     listen unix:{socket} ssl; listen {address} ssl;
                     ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {path}/cert.pem; ssl_certificate_key {path}/key.pem;
                     location / {{ return 200 \"$ssl_server_name $host $http_proxy_authorization\"; }}
                 }}"
            ),
        );
        wait_until("nginx listens", || UnixStream::connect(&socket).is_ok());
        let expect = ["-k", "-t", "20", "-e", "body == \"app.example app.example \"", "-e", "tls.version == \"1.3\""];
        let over_socket = Upcheck::new().args(expect).args(["--unix-socket", &socket, "https://app.example/"]).report();
        assert_eq!(over_socket.single()["reason"], "ok", "{}", over_socket.single());

        // A name in the proxy's request must not reach the proxy as an address that we looked up: it gets the name.
        let proxy = Proxy::start(Some("bWU6c2VjcmV0"));
        let url = format!("https://localhost:{}/", address.port());
        let through = format!("http://me:secret@{}", proxy.address());
        let report = Upcheck::new()
            .args(["-k", "-t", "20", "--servername", "app.example", "-H", "Host: app.example"])
            .args(["-e", "body == \"app.example app.example \"", "-x", &through, &url])
            .report();
        let check = report.single();
        assert_eq!(check["reason"], "ok", "{check}");
        assert_eq!(check["address"], proxy.address().to_string(), "{check}");
        assert!(check["seconds"]["tls"].is_number() && check["seconds"]["dns"].is_null(), "{check}");
        let heads = proxy.heads();
        assert_eq!(heads.len(), 1, "{heads:#?}");
        assert!(heads[0].starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", address.port())), "{}", heads[0]);
    }
}
