//! Redirects: where they lead, what goes along, and which are not followed.

use crate::support::{Request, Server, Step, TempDir, Upcheck, ms, refused_address};

fn redirect(status: u16, location: impl AsRef<[u8]>) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status} Elsewhere\r\nContent-Length: 0\r\nLocation: ");
    vec![Step::send([head.as_bytes(), location.as_ref(), b"\r\n\r\n"].concat())]
}

/// A server that sends every request for a path that begins with `/r` to `location`, and is well otherwise.
fn redirecting(status: u16, location: impl AsRef<[u8]>) -> Server {
    let location = location.as_ref().to_vec();
    Server::answering(move |request| match request.path().starts_with("/r") {
        true => redirect(status, &location),
        false => vec![Step::ok()],
    })
}

fn paths(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| request.path().to_owned()).collect()
}

#[test]
fn a_redirect_is_an_answer_unless_it_is_to_be_followed() {
    for status in [301, 302, 303, 307, 308] {
        let server = redirecting(status, "/end");
        let report = Upcheck::new().arg(server.url("/r")).report();
        let check = report.single();
        assert_eq!((&check["verdict"], &check["status"]), (&"up".into(), &status.into()), "{check}");
        assert_eq!(check["redirects"], 0, "{check}");
        for flag in ["-L", "--location"] {
            let report = Upcheck::new().args([flag, "-e", "redirects == 1"]).arg(server.url("/r")).report();
            let check = report.single();
            assert_eq!((&check["verdict"], &check["status"]), (&"up".into(), &200.into()), "{check}");
            assert_eq!((&check["redirects"], &check["attempts"]), (&1.into(), &1.into()), "{check}");
            assert_eq!(check["target"], server.url("/r"), "what was asked for: {check}");
        }
        assert_eq!(paths(&server), ["/r", "/r", "/end", "/r", "/end"]);
    }
    // These name a place and do not send us there.
    for status in [200, 201, 300, 304, 404] {
        let server = redirecting(status, "/end");
        Upcheck::new().args(["-L", "-e", &format!("status == {status}")]).arg(server.url("/r")).run().expect_code(0);
        assert_eq!(paths(&server), ["/r"], "{status}");
    }
    // And this one names no place.
    let server = Server::answering(|_| vec![Step::send("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")]);
    let report = Upcheck::new().args(["-L"]).arg(server.url("/")).report();
    assert_eq!((&report.single()["verdict"], &report.single()["status"]), (&"up".into(), &302.into()));
}

#[test]
fn every_form_of_location_leads_where_it_says() {
    let other = Server::ok();
    let absolute = other.url("/abs?x=1#frag");
    let upper = format!("HTTP://{}/upper", other.address());
    let network = format!("//{}/net", other.address());
    let bare = format!("http://{}", other.address());
    let query_only = format!("http://{}?q", other.address());
    let cases: &[(&[u8], bool, &str)] = &[
        (b"/", true, "/"),
        (b"/abs/path?x=%2F", true, "/abs/path?x=%2F"),
        (b"next", true, "/r/a/next"),
        (b"./next", true, "/r/a/next"),
        (b"../next?y", true, "/r/next?y"),
        (b"../../../../next", true, "/next"),
        (b"/a/./b/../c", true, "/a/c"),
        (b"?q=2", true, "/r/a/b?q=2"),
        (b"g?x=../y", true, "/r/a/g?x=../y"),
        (b"/x#fragment", true, "/x"),
        (b"  /spaces\t", true, "/spaces"),
        (b"/with space", true, "/with%20space"),
        ("/caf\u{e9}".as_bytes(), true, "/caf%C3%A9"),
        (b"/\xff", true, "/%FF"),
        (absolute.as_bytes(), false, "/abs?x=1"),
        (upper.as_bytes(), false, "/upper"),
        (network.as_bytes(), false, "/net"),
        (bare.as_bytes(), false, "/"),
        (query_only.as_bytes(), false, "/?q"),
    ];
    for (location, here, path) in cases {
        let shown = location.escape_ascii();
        let wanted = location.to_vec();
        let server = Server::answering(move |request| match request.path() {
            "/r/a/b?q=1" => redirect(302, &wanted),
            _ => vec![Step::ok()],
        });
        let asked_elsewhere = other.requests().len();
        let report = Upcheck::new().arg("-L").arg(server.url("/r/a/b?q=1")).report();
        assert_eq!(report.single()["verdict"], "up", "{shown}: {}", report.single());
        let last = if *here { server.requests().pop() } else { other.requests().pop() };
        let last = last.expect("it was asked");
        assert_eq!(last.path(), *path, "{shown}");
        let host = if *here { server.address() } else { other.address() };
        assert_eq!(last.header("host"), Some(host.to_string().as_str()), "{shown}");
        assert_eq!(other.requests().len() - asked_elsewhere, usize::from(!here), "{shown}");
    }
}

#[test]
fn what_is_not_http_is_not_followed() {
    for location in [
        "gopher://127.0.0.1:1/",
        "ftp://127.0.0.1:1/",
        "file:///etc/passwd",
        "mailto:root@localhost",
        "mailto:80?u=http://127.0.0.1/",
        "javascript:alert(1)",
        "tcp://127.0.0.1:1",
        "http:///nowhere",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://127.1/",
        "/a\tb",
    ] {
        let server = redirecting(302, location);
        let output = Upcheck::new().args(["-L", "-o", "ndjson", "--retry", "2"]).arg(server.url("/r")).run();
        let report = output.expect_code(1).report();
        let check = report.single();
        assert_eq!((&check["verdict"], &check["reason"]), (&"down".into(), &"redirect".into()), "{location}: {check}");
        assert!(check["detail"].as_str().is_some_and(|detail| detail.starts_with("redirected to ")), "{check}");
        assert_eq!((&check["status"], &check["redirects"]), (&302.into(), &0.into()), "{check}");
        assert_eq!(check["attempts"], 1, "it would say the same again: {check}");
        assert_eq!(server.accepted(), 1, "{location}");
    }
}

#[test]
fn there_is_a_limit() {
    // /r/3 leads to /r/2, and so on to /r/0, which is well.
    let server = Server::answering(|request| match request.path()[3..].parse::<u32>().expect("a number") {
        0 => vec![Step::ok()],
        n => redirect(302, format!("/r/{}", n - 1)),
    });
    let cases: &[(&[&str], u32, bool)] = &[
        (&[], 10, true),
        (&[], 11, false),
        (&["--max-redirs", "3"], 3, true),
        (&["--max-redirs", "3"], 4, false),
        (&["--max-redirs", "0"], 1, false),
        (&["--max-redirs", "50"], 50, true),
    ];
    for (arguments, number, is_up) in cases {
        let report = Upcheck::new().arg("-L").args(*arguments).arg(server.url(&format!("/r/{number}"))).report();
        let check = report.single();
        if *is_up {
            assert_eq!((&check["verdict"], &check["redirects"]), (&"up".into(), &(*number).into()), "{check}");
        } else {
            assert_eq!(check["reason"], "redirect", "{check}");
            assert_eq!(check["redirects"], number - 1, "{check}");
            let expected = format!("more than {} redirects (--max-redirs)", number - 1);
            assert!(check["detail"].as_str().is_some_and(|detail| detail.starts_with(&expected)), "{check}");
        }
    }
}

#[test]
fn a_loop_is_followed_as_far_as_any_redirect() {
    for path in ["/r/self", "/r/empty", "/r/a", "/r/outside"] {
        let server = Server::answering(|request| {
            let location = match request.path() {
                "/r/self" => "self",
                "/r/empty" => "#here",
                "/r/a" => "b",
                "/r/b" => "a",
                "/r/outside" => "b",
                other => panic!("{other}"),
            };
            redirect(302, location)
        });
        let report = Upcheck::new().args(["-L", "--max-redirs", "4"]).arg(server.url(path)).report();
        let check = report.single();
        assert_eq!(check["reason"], "redirect", "{check}");
        let detail = check["detail"].as_str().expect("it says so");
        assert!(detail.starts_with("more than 4 redirects (--max-redirs); the last one led to "), "{check}");
        assert_eq!(server.requests().len(), 5, "{path}");
    }
}

#[test]
fn a_page_may_send_a_client_to_itself() {
    let server = Server::answering(|request| match request.method() {
        "POST" => redirect(303, request.path()),
        _ => vec![Step::ok()],
    });
    let report = Upcheck::new().args(["-L", "-d", "a=1"]).arg(server.url("/form")).report();
    assert_eq!(report.single()["verdict"], "up", "{}", report.single());
    let methods: Vec<String> = server.requests().iter().map(|request| request.method().to_owned()).collect();
    assert_eq!(methods, ["POST", "GET"]);
    // It is ready at the third time of asking.
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::answering(move |request| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 | 1 => redirect(302, request.path()),
        _ => vec![Step::ok()],
    });
    let report = Upcheck::new().arg("-L").arg(server.url("/page")).report();
    assert_eq!((report.single()["verdict"].as_str(), &report.single()["redirects"]), (Some("up"), &2.into()));
}

#[test]
fn the_method_follows_the_rules() {
    // RFC 9110, 15.4.2 to 15.4.9. A body that does not go along takes its headers with it.
    let cases: &[(u16, &[&str], &str, bool)] = &[
        (301, &[], "GET", false),
        (301, &["-d", "x"], "GET", false),
        (302, &["-d", "x"], "GET", false),
        (303, &["-d", "x"], "GET", false),
        (307, &["-d", "x"], "POST", true),
        (308, &["-d", "x"], "POST", true),
        (301, &["-X", "PUT", "-d", "x"], "PUT", true),
        (302, &["-X", "DELETE"], "DELETE", false),
        (303, &["-X", "PUT", "-d", "x"], "GET", false),
        (303, &["-X", "DELETE"], "GET", false),
        (301, &["-I"], "HEAD", false),
        (303, &["-I"], "HEAD", false),
    ];
    for (status, arguments, method, has_body) in cases {
        let server = redirecting(*status, "/end");
        let report = Upcheck::new().arg("-L").args(*arguments).arg(server.url("/r")).report();
        assert_eq!(report.single()["verdict"], "up", "{status} {arguments:?}: {}", report.single());
        let last = server.requests().pop().expect("it was asked");
        assert_eq!((last.path(), last.method()), ("/end", *method), "{status} {arguments:?}");
        assert_eq!(last.body, if *has_body { &b"x"[..] } else { b"" }, "{status} {arguments:?}");
        assert_eq!(last.header("content-length").is_some(), *has_body, "{status} {arguments:?}: {last:?}");
        assert_eq!(last.header("content-type").is_some(), *has_body, "{status} {arguments:?}: {last:?}");
    }
}

/// What a request says of who asks: `Authorization`, `Cookie`, `Proxy-Authorization`.
type Secrets<'a> = [Option<&'a str>; 3];

fn secrets(request: &Request) -> Secrets<'_> {
    [request.header("authorization"), request.header("cookie"), request.header("proxy-authorization")]
}

#[test]
fn secrets_stay_with_the_origin_that_they_were_meant_for() {
    const NONE: Secrets = [None; 3];
    let ways: &[(&[&str], &str, Secrets)] = &[
        (&["-u", "me:pw"], "", [Some("Basic bWU6cHc="), None, None]),
        (&[], "me:pw@", [Some("Basic bWU6cHc="), None, None]),
        (
            &["-H", "Authorization: Bearer t", "-H", "cookie: a=1", "-H", "Proxy-Authorization: x"],
            "",
            [Some("Bearer t"), Some("a=1"), Some("x")],
        ),
    ];
    for (arguments, user, shown) in ways {
        // First within the origin, then to another port of the same host, and from there back.
        let other = Server::answering(|request| {
            let back = request.path().split_once("?back=").map(|(_, back)| back.to_owned());
            back.map_or(vec![Step::ok()], |back| redirect(302, back))
        });
        let elsewhere = other.url("/other");
        let server = Server::answering(move |request| match request.path() {
            "/start" => redirect(302, "/same"),
            "/same" => redirect(302, format!("{elsewhere}?back=http://{}/back", request.header("host").expect("Host"))),
            _ => vec![Step::ok()],
        });
        let target = format!("http://{user}{}/start", server.address());
        let own = ["-L", "-H", "X-Own: 1", "-H", "user-agent: own", "-H", "Accept:"];
        let report = Upcheck::new().args(own).args(*arguments).arg(target).report();
        assert_eq!(report.single()["redirects"], 3, "{}", report.single());
        let requests = server.requests();
        let [start, same, back] = &requests[..] else { panic!("{requests:#?}") };
        assert_eq!((secrets(start), secrets(same)), (*shown, *shown), "{arguments:?} {user}");
        let crossed = other.request();
        // Nor to the first again, once it has been elsewhere: who could tell who asked for it?
        for elsewhere in [&crossed, back] {
            assert_eq!(secrets(elsewhere), NONE, "{arguments:?} {user}");
            assert_eq!(elsewhere.header("x-own"), None, "whatever -H says was said to the first");
            assert!(elsewhere.header("user-agent").is_some_and(|agent| agent.starts_with("upcheck/")), "{elsewhere:?}");
            assert_eq!(elsewhere.header("accept"), Some("*/*"), "what it had replaced is back");
        }
        for at_home in [start, same] {
            let own = ["x-own", "user-agent", "accept"].map(|name| at_home.header(name));
            assert_eq!(own, [Some("1"), Some("own"), None], "{at_home:?}");
        }
    }
}

#[test]
fn what_is_said_of_this_program_or_of_a_body_goes_along() {
    let other = Server::ok();
    let server = redirecting(307, other.url("/end"));
    let said = ["-L", "-A", "me", "-d", "{}", "-H", "Content-Type: application/json", "-H", "X-Own: 1"];
    Upcheck::new().args(said).arg(server.url("/r")).run().expect_code(0);
    let request = other.request();
    assert_eq!((request.header("user-agent"), request.header("x-own")), (Some("me"), None));
    assert_eq!((&request.body[..], request.header("content-type")), (&b"{}"[..], Some("application/json")));
}

#[test]
fn a_proxys_own_password_goes_to_the_proxy_wherever_it_leads() {
    let proxy = Server::answering(|request| match request.path() {
        "http://one.test/" => redirect(302, "http://two.test/"),
        _ => vec![Step::ok()],
    });
    let way = format!("http://me:pw@{}", proxy.address());
    Upcheck::new().args(["-L", "-x", &way, "-H", "X-Own: 1", "http://one.test/"]).run().expect_code(0);
    let requests = proxy.requests();
    let said = |name: &str| requests.iter().map(|request| request.header(name).is_some()).collect::<Vec<_>>();
    assert_eq!(said("proxy-authorization"), [true, true]);
    assert_eq!(said("x-own"), [true, false]);
}

#[test]
fn a_host_header_is_for_the_first_origin() {
    let other = Server::ok();
    let server = redirecting(302, other.url("/end"));
    Upcheck::new().args(["-L", "-H", "Host: virtual.example"]).arg(server.url("/r")).run().expect_code(0);
    assert_eq!(server.request().header("host"), Some("virtual.example"));
    assert_eq!(other.request().header("host"), Some(other.address().to_string().as_str()));
}

#[test]
fn a_location_may_bring_its_own_user() {
    let other = Server::ok();
    let server = redirecting(302, format!("http://other:pw@{}/end", other.address()));
    let output = Upcheck::new().args(["-L", "-v", "-u", "me:pw", "-e", "status == 299"]).arg(server.url("/r")).run();
    assert_eq!(other.request().header("authorization"), Some("Basic b3RoZXI6cHc="));
    assert!(!output.out().contains(":pw@"), "{output:?}");
}

#[test]
fn a_password_in_a_location_is_never_shown() {
    // Those that can be read, and lead to nobody, and those that cannot.
    let locations: &[&[u8]] = &[
        b"http://me:s3cret@127.0.0.1:1/",
        b"//me:s3cret@127.0.0.1:1/",
        b"http://me:s3cret@127.0.0.1:0/",
        b"http://me:s3cret@127.0.0.1:99999/",
        b"http://me:s3cret@[::1/",
        b"http://me:s3cret @127.0.0.1:1 x/",
        b"http://me:s3cret@/",
        b"http://me:%zzs3cret@127.0.0.1:1/",
        b"http://me:s3cret\xff@h\xff/",
        b"http://me:s3cret\t@127.0.0.1:1/",
        b"http:\\\\me:s3cret@127.0.0.1:1/",
        b"\\\\me:s3cret@127.0.0.1:1/",
        b"/\\me:s3cret@127.0.0.1:1/",
        b"http:me:s3cret@127.0.0.1:1/",
        b"http:///me:s3cret@127.0.0.1:1/",
        b"ftp://me:s3cret@127.0.0.1:1/",
        b"tcp://me:s3cret@127.0.0.1:1",
        b"https://me:s3cret@127.0.0.1:0/",
        b"me:s3cret@127.0.0.1",
        b"\xa0http://me:s3cret@127.0.0.1:1/",
        b"mailto:s3cret@127.0.0.1",
    ];
    let folder = TempDir::new();
    for location in locations {
        let server = redirecting(302, location);
        let file = folder.path("human");
        let output = Upcheck::new()
            .args(["-L", "-v", "-o", "ndjson", "--retry", "1", "--retry-delay", "1ms", "-o"])
            .arg(format!("human={}", file.display()))
            .arg(server.url("/r"))
            .run();
        let shown = location.escape_ascii();
        output.expect_code(1);
        let human = std::fs::read_to_string(&file).expect("it was written");
        for text in [output.out(), output.err(), &human] {
            assert!(!text.contains("s3cret"), "{shown}: {text}");
        }
    }
    // Where it is not followed it may still be judged.
    for location in ["http://me:s3cret@127.0.0.1:1/x", "//me:s3cret@h/", "http:\\\\me:s3cret@h"] {
        let server = redirecting(302, location);
        let report = Upcheck::new().args(["-e", "header.location == \"/y\""]).arg(server.url("/r")).report();
        let check = report.single();
        assert!(check["detail"].as_str().is_some_and(|detail| detail.contains("***@")), "{check}");
        assert!(!check.to_string().contains("s3cret"), "{check}");
        let same = format!("header.location == '{location}'").replace('\'', "\"").replace('\\', "\\\\");
        Upcheck::new().args(["-e", &same]).arg(server.url("/r")).run().expect_code(0);
    }
}

#[test]
fn a_failure_behind_a_redirect_says_where() {
    let other = Server::answering(|_| vec![Step::send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")]);
    let gone = refused_address();
    for (location, reason) in [(other.url("/x"), "status"), (format!("http://{gone}/"), "connect_refused")] {
        let server = redirecting(302, &location);
        let report = Upcheck::new().arg("-L").arg(server.url("/r")).report();
        let check = report.single();
        assert_eq!(check["reason"], reason, "{check}");
        let detail = check["detail"].as_str().expect("it says so");
        assert!(detail.ends_with(&format!(" (redirected to {location})")), "{check}");
        assert_eq!(check["redirects"], 1, "{check}");
    }
}

#[test]
fn all_of_it_is_one_attempt_with_one_timeout() {
    let server = Server::answering(|request| match request.path() {
        "/r/0" => vec![Step::Hang],
        "/r/ok" => vec![Step::Pause(ms(100)), Step::ok()],
        "/r/1" => [vec![Step::Pause(ms(400))], redirect(302, "0")].concat(),
        _ => [vec![Step::Pause(ms(100))], redirect(302, "ok")].concat(),
    });
    let report = Upcheck::new().args(["-L", "-t", "1s", "-e", "total < 20s"]).arg(server.url("/r/1")).report();
    let check = report.single();
    assert_eq!(check["reason"], "response_timeout", "{check}");
    let total = check["seconds"]["total"].as_f64().expect("a number");
    assert!((0.99..1.9).contains(&total), "from the start of the first request: {check}");
    let report = Upcheck::new().args(["-L", "-e", "wait > 190ms"]).arg(server.url("/r/2")).report();
    assert_eq!(report.single()["reason"], "ok", "both waits count: {}", report.single());
}

#[test]
fn only_the_last_answer_is_judged() {
    let server = Server::answering(|request| match request.path() {
        "/r" => vec![Step::send("HTTP/1.1 302 F\r\nX-First: 1\r\nContent-Length: 5\r\nLocation: /end\r\n\r\nfirst")],
        _ => vec![Step::ok()],
    });
    let expectations = ["-e", "body == \"ok\"", "-e", "body.bytes == 2", "-e", "status == 200"];
    Upcheck::new().arg("-L").args(expectations).arg(server.url("/r")).run().expect_code(0);
    let report = Upcheck::new().args(["-L", "-e", "header.x-first == 1"]).arg(server.url("/r")).report();
    assert_eq!(report.single()["reason"], "header", "{}", report.single());
}

#[test]
fn a_line_says_it_for_itself() {
    let server = redirecting(302, "/end");
    let folder = TempDir::new();
    let list = format!(
        "{0} name=not\n{0} name=followed location\n{0} name=none location max-redirs=0\n{0} name=bad location=yes\n",
        server.url("/r")
    );
    let output = Upcheck::new().args(["-f", &folder.write("bad", &list)]).run();
    assert!(output.expect_code(3).err().contains("'location' takes no value"), "{output:?}");
    let file = folder.write("good", list.replace("location=yes", "location allow-downgrade"));
    let report = Upcheck::new().args(["-f", &file]).report();
    assert_eq!(report.named("not")["status"], 302);
    assert_eq!(report.named("followed")["status"], 200);
    assert_eq!(report.named("none")["reason"], "redirect");
    assert_eq!(report.named("bad")["status"], 200);
}

#[cfg(feature = "tls")]
mod https {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::redirecting;
    use crate::support::{Server, TempDir, Upcheck, has_program, skipped};

    const SCRIPT: &str = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    stream, _ = listener.accept()
    try:
        with context.wrap_socket(stream, server_side=True) as stream:
            stream.recv(65536)
            stream.sendall(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + sys.argv[3].encode() + b"\r\n\r\n")
    except OSError:
        pass
"#;

    /// An HTTPS server that sends everybody to `location`, in another language so that it shares no mistake with the
    /// program. Dropping it ends it.
    struct HttpsRedirect {
        server: Child,
        port: u16,
        _folder: TempDir,
    }

    impl HttpsRedirect {
        fn to(location: &str) -> HttpsRedirect {
            let folder = TempDir::new();
            let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
            let cert = folder.write("cert.pem", pair.cert.pem());
            let key = folder.write("key.pem", pair.signing_key.serialize_pem());
            let mut server = Command::new("python3")
                .args(["-c", SCRIPT, &cert, &key, location])
                .stdout(Stdio::piped())
                .spawn()
                .expect("it was found");
            let mut line = String::new();
            let stdout = server.stdout.take().expect("a pipe");
            BufReader::new(stdout).read_line(&mut line).expect("its port");
            let port = line.trim().parse().expect("its port");
            HttpsRedirect { server, port, _folder: folder }
        }

        fn url(&self) -> String {
            format!("https://127.0.0.1:{}/r", self.port)
        }
    }

    impl Drop for HttpsRedirect {
        fn drop(&mut self) {
            let _ = self.server.kill();
            let _ = self.server.wait();
        }
    }

    #[test]
    fn from_https_to_http_is_refused_unless_it_is_allowed() {
        if !has_program("python3") {
            skipped!("no python3 for an HTTPS server");
            return;
        }
        let plain = Server::ok();
        let secure = HttpsRedirect::to(&plain.url("/end"));
        let report = Upcheck::new().args(["-L", "-k"]).arg(secure.url()).report();
        let check = report.single();
        assert_eq!((&check["verdict"], &check["reason"]), (&"down".into(), &"redirect".into()), "{check}");
        let expected = format!("redirected from https to {} (--allow-downgrade follows it)", plain.url("/end"));
        assert_eq!(check["detail"], expected, "{check}");
        assert_eq!(plain.accepted(), 0);

        let allowed = ["-L", "-k", "--allow-downgrade", "-u", "me:pw"];
        let report = Upcheck::new().args(allowed).arg(secure.url()).report();
        assert_eq!(report.single()["verdict"], "up", "{}", report.single());
        assert_eq!(plain.request().header("authorization"), None, "another scheme is another origin");

        // The other way round is what redirects are most used for. A certificate that nobody vouches for is still none.
        let upgrading = redirecting(301, secure.url());
        let report = Upcheck::new().args(["-L", "-k", "--allow-downgrade"]).arg(upgrading.url("/r")).report();
        assert_eq!(report.single()["redirects"], 2, "{}", report.single());
        let report = Upcheck::new().args(["-L", "--retry", "2"]).arg(upgrading.url("/r")).report();
        let check = report.single();
        assert_eq!((&check["reason"], &check["attempts"]), (&"tls_untrusted".into(), &1.into()), "{check}");
    }
}
