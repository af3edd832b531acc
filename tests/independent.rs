//! A load balancer, a server, a proxy and a resolver that other people wrote, beside nginx and dnsmasq: each runs from a folder
//! of its own, without privileges, as long as its test.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;

use crate::keepalive::reused;
use crate::support::{Peer, Report, Server, Step, TempDir, Upcheck, program, refused_address, skipped, wait_until};

/// Starts a program that listens here, once it does.
fn start(command: &mut Command, address: SocketAddr) -> Peer {
    let mut peer = Peer::start(command);
    wait_until("it listens", || {
        let ended = peer.0.try_wait().expect("a child of ours");
        assert_eq!(ended, None, "it ended: {command:?}");
        TcpStream::connect(address).is_ok()
    });
    peer
}

/// The reason of the check of this target.
#[track_caller]
fn reason<'r>(report: &'r Report, target: &str) -> &'r str {
    report.target(target)["reason"].as_str().expect("a word")
}

#[test]
fn haproxy() {
    let Some(haproxy) = program("haproxy") else {
        skipped!("no haproxy on this machine");
        return;
    };
    let server = Server::answering(|request| match request.path() {
        "/chunked" => {
            vec![Step::send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nready\r\n0\r\n\r\n")]
        }
        "/cut" => vec![Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nre"), Step::Close],
        _ => vec![Step::ok()],
    });
    let (address, gone) = (refused_address(), refused_address());
    let folder = TempDir::new();
    let config = folder.write(
        "haproxy.cfg",
        format!(
            "defaults
                 mode http
                 timeout connect 5s
                 timeout client 30s
                 timeout server 30s
             frontend all
                 bind {address}
                 http-request return status 200 content-type text/plain string well if {{ path /own }}
                 http-request deny if {{ path /denied }}
                 http-request redirect location /own if {{ path /moved }}
                 http-request reject if {{ path /rejected }}
                 use_backend gone if {{ path /gone }}
                 default_backend some
             backend some
                 server one {}
             backend gone
                 retries 0
                 server one {gone}\n",
            server.address()
        ),
    );
    let _peer = start(Command::new(haproxy).arg("-db").args(["-f", &config]), address);
    let url = |path: &str| format!("http://{address}{path}");
    let paths = ["/own", "/chunked", "/moved", "/denied", "/gone", "/rejected", "/cut"];
    let report = Upcheck::new().args(["-L", "-t", "20"]).args(paths.map(url)).report();
    for (path, expected) in [
        ("/own", "ok"),
        ("/chunked", "ok"),
        ("/moved", "ok"),
        ("/denied", "status"),
        ("/gone", "status"),
        ("/rejected", "closed"),
        ("/cut", "closed"),
    ] {
        assert_eq!(reason(&report, &url(path)), expected, "{}", report.target(&url(path)));
    }
    assert_eq!(report.target(&url("/gone"))["status"], 503);
    assert_eq!(report.target(&url("/chunked"))["body_bytes"], 5);
    let kept = Upcheck::new().args(["--keepalive", "-c", "1", "-t", "20"]).args((0..20).map(|_| url("/own"))).report();
    assert_eq!((&kept.summary["up"], reused(&kept)), (&20.into(), 19));
    assert_eq!(Upcheck::new().args(["-I", "-t", "20", &url("/chunked")]).report().summary["up"], 1);
}

#[test]
fn haproxy_lets_wait_drops_and_closes() {
    let Some(haproxy) = program("haproxy") else {
        skipped!("no haproxy on this machine");
        return;
    };
    let [address, closing, proxied] = [refused_address(), refused_address(), refused_address()];
    let (large, larger) = ("x".repeat(20_000), "x".repeat(70_000));
    let folder = TempDir::new();
    let config = folder.write(
        "haproxy.cfg",
        format!(
            "global
                 tune.bufsize 131072
             defaults
                 mode http
                 timeout connect 5s
                 timeout client 30s
                 timeout server 30s
                 timeout tarpit 30s
             frontend all
                 bind {address}
                 http-request tarpit if {{ path /waiting }}
                 http-request silent-drop if {{ path /dropped }}
                 http-request return status 200 hdr x-large {large} if {{ path /large }}
                 http-request return status 200 hdr x-large {larger} if {{ path /larger }}
                 http-request return status 200 content-type text/plain string well
             frontend closing
                 bind {closing}
                 option httpclose
                 http-request return status 200 content-type text/plain string well
             frontend proxied
                 bind {proxied} accept-proxy
                 http-request return status 200\n"
        ),
    );
    let _peer = start(Command::new(haproxy).arg("-db").args(["-f", &config]), address);
    let url = |path: &str| format!("http://{address}{path}");

    let late = Upcheck::new().args(["-t", "700ms"]).args(["/waiting", "/dropped"].map(url)).report();
    assert_eq!(reason(&late, &url("/waiting")), "response_timeout");
    // Only a privileged one can forget a connection without a word: the others reset it.
    assert!(["response_timeout", "reset"].contains(&reason(&late, &url("/dropped"))), "{late:#?}");
    // It waits for a line that only a proxy sends, and hangs up on a request.
    let unasked = Upcheck::new().args(["-t", "20", &format!("http://{proxied}/")]).report();
    assert!(["reset", "closed"].contains(&unasked.single()["reason"].as_str().expect("a word")), "{unasked:#?}");

    let large = ["-t", "20", "-e", "length(header.x-large) == 20000"];
    let large = Upcheck::new().args(large).args(["/large", "/larger"].map(url)).report();
    assert_eq!((reason(&large, &url("/large")), reason(&large, &url("/larger"))), ("ok", "too_large"), "{large:#?}");

    let head = Upcheck::new().args(["-I", "-t", "20", "-e", "header.content-length == 4", &url("/")]).report();
    assert_eq!(reason(&head, &url("/")), "ok", "{}", head.single());

    // What it says of the connection is heeded.
    let targets = (0..5).map(|n| format!("http://{closing}/{n}"));
    let closed = Upcheck::new().args(["--keepalive", "-c", "1", "-t", "20", "-e", "body == \"well\""]).args(targets);
    let closed = closed.report();
    assert_eq!((&closed.summary["up"], reused(&closed)), (&5.into(), 0), "{closed:#?}");
}

#[test]
fn lighttpd() {
    let Some(lighttpd) = program("lighttpd") else {
        skipped!("no lighttpd on this machine");
        return;
    };
    let address = refused_address();
    let folder = TempDir::new();
    folder.write("page.html", "<p>a page</p>\n");
    folder.write("said.sh", "printf 'Content-Type: text/plain\\r\\n\\r\\n'; head -c 300000 /dev/zero\n");
    std::fs::create_dir(folder.path("folder")).expect("a folder of our own");
    let root = folder.path("").display().to_string();
    let config = folder.write(
        "lighttpd.conf",
        format!(
            "server.document-root = \"{root}\"
             server.bind = \"127.0.0.1\"
             server.port = {}
             server.modules = (\"mod_redirect\", \"mod_cgi\")
             server.max-keep-alive-requests = 3
             server.stream-response-body = 2
             cgi.assign = (\".sh\" => \"/bin/sh\")
             url.redirect = (\"^/moved$\" => \"/page.html\")
             mimetype.assign = (\".html\" => \"text/html\")\n",
            address.port()
        ),
    );
    let _peer = start(Command::new(lighttpd).args(["-D", "-f", &config]), address);
    let url = |path: &str| format!("http://{address}{path}");
    // A folder is moved to where its slash is, where it has nothing to show.
    let paths = ["/page.html", "/moved", "/missing", "/folder"];
    let report = Upcheck::new().args(["-L", "-t", "20"]).args(paths.map(url)).report();
    assert_eq!(paths.map(|path| reason(&report, &url(path))), ["ok", "ok", "status", "status"]);
    assert_eq!(report.target(&url("/page.html"))["body_bytes"], 14);
    assert_eq!(report.target(&url("/missing"))["status"], 404);
    let empty = report.target(&url("/folder"));
    assert_eq!((&empty["status"], &empty["redirects"]), (&403.into(), &1.into()), "{empty}");
    // It passes on what a program says before it has all of it: more than it would keep, so it cannot know the length.
    let chunked = ["-t", "20", "-e", "header.transfer-encoding == \"chunked\"", "-e", "body.bytes == 300000"];
    let said = Upcheck::new().args(chunked).arg(url("/said.sh")).report();
    assert_eq!(reason(&said, &url("/said.sh")), "ok", "{}", said.single());
    let heads =
        Upcheck::new().args(["-I", "-t", "20", "-e", "header.content-length == 14", &url("/page.html")]).report();
    assert_eq!(heads.summary["up"], 1, "{}", heads.single());
    let many =
        Upcheck::new().args(["--keepalive", "-c", "20", "-t", "20"]).args((0..200).map(|_| url("/page.html"))).report();
    assert_eq!(many.summary["up"], 200, "{:#?}", many.not("up").first());
    // Three more requests behind the first of a connection.
    let kept = ["/page.html", "/said.sh"].iter().cycle().take(12).map(|path| url(path));
    let kept = Upcheck::new().args(["--keepalive", "-c", "1", "-t", "20"]).args(kept).report();
    assert_eq!((&kept.summary["up"], reused(&kept)), (&12.into(), 9), "{kept:#?}");
}

#[test]
fn squid() {
    let Some(squid) = program("squid") else {
        skipped!("no squid on this machine");
        return;
    };
    let server = Server::ok();
    let (address, gone) = (refused_address(), refused_address());
    let folder = TempDir::new();
    let (open, closed) = (server.address().port(), gone.port());
    let rules = format!("acl open port {open} {closed}\nhttp_access deny !open\nhttp_access allow all\n");
    let _peer = Squid::start(&squid, &folder, address, &rules);
    let proxied = || Upcheck::new().args(["-t", "20", "-x", &format!("http://{address}")]);
    let (plain, tunnel) = (server.url("/x"), format!("tcp://{}", server.address()));
    let (no_server, no_end) = (format!("http://{gone}/"), format!("tcp://{gone}"));
    let denied = format!("tcp://{}", refused_address());
    let report = proxied().args([&plain, &tunnel, &no_server, &no_end, &denied]).report();
    assert_eq!(reason(&report, &plain), "ok", "{}", report.target(&plain));
    assert_eq!(reason(&report, &tunnel), "ok", "{}", report.target(&tunnel));
    // It is the proxy who says so, as a server would.
    assert_eq!((reason(&report, &no_server), &report.target(&no_server)["status"]), ("status", &503.into()));
    for (target, status) in [(&no_end, 503), (&denied, 403)] {
        let check = report.target(target);
        assert_eq!(check["reason"], "connect_refused", "{check}");
        let asked =
            format!("the proxy {address}, asked for a tunnel to {}: status {status}", &target["tcp://".len()..]);
        assert!(check["detail"].as_str().is_some_and(|detail| detail.contains(&asked)), "{asked}: {check}");
    }
    assert!(server.requests().iter().any(|request| request.path() == "/x" && request.header("via").is_some()));
    // It keeps the connection, and so do we.
    let kept = proxied().args(["--keepalive", "-c", "1"]).args((0..4).map(|n| server.url(&format!("/{n}")))).report();
    assert_eq!((&kept.summary["up"], reused(&kept)), (&4.into(), 3), "{kept:#?}");
}

#[test]
fn squid_asks_who_is_there() {
    let helper = "/usr/lib/squid/basic_ncsa_auth";
    let Some(squid) = program("squid").filter(|_| Path::new(helper).is_file()) else {
        skipped!("no squid that knows names on this machine");
        return;
    };
    let server = Server::ok();
    let address = refused_address();
    let folder = TempDir::new();
    // `openssl passwd -apr1 -salt upcheck1 secret`
    let names = folder.write("names", "me:$apr1$upcheck1$3f6vGmzmZA6dML2jHuu36/\n");
    let rules = format!(
        "auth_param basic program {helper} {names}
         auth_param basic children 1 startup=1
         acl known proxy_auth REQUIRED
         http_access allow known
         http_access deny all\n"
    );
    let _peer = Squid::start(&squid, &folder, address, &rules);
    let (plain, tunnel) = (server.url("/x"), format!("tcp://{}", server.address()));
    for (who, expected) in [("me:secret@", "ok"), ("me:mistaken@", "connect_refused"), ("", "connect_refused")] {
        let through = format!("http://{who}{address}");
        let output = Upcheck::new().args(["-t", "20", "-x", &through, "-o", "ndjson", &plain, &tunnel]).run();
        let report = output.report();
        for target in [&plain, &tunnel] {
            let check = report.target(target);
            assert_eq!(check["reason"], expected, "{who}: {check}");
            let detail = check["detail"].as_str().unwrap_or_default();
            let is_named = detail.contains(&address.to_string()) && detail.contains("407");
            assert_eq!(is_named, expected != "ok", "{who}: {check}");
        }
        assert!(["secret", "mistaken"].iter().all(|word| !output.out().contains(word)), "{}", output.out());
    }
    // What is meant for the proxy goes no further.
    assert!(server.requests().iter().all(|request| request.header("proxy-authorization").is_none()));
}

/// squid, and the name by which it marks the memory that it shares with others of its kind.
struct Squid {
    name: String,
    _peer: Peer,
}

impl Squid {
    /// With these rules, which keeps the rest of what it has to keep in `folder`.
    fn start(program: &Path, folder: &TempDir, address: SocketAddr, rules: &str) -> Squid {
        let root = folder.path("").display().to_string();
        // Servers of ours close a connection without having said so: it is not to send on it again.
        let config = folder.write(
            "squid.conf",
            format!(
                "http_port {address}
                 pid_filename none
                 cache_log {root}/cache.log
                 access_log none
                 cache deny all
                 coredump_dir {root}
                 pinger_enable off
                 server_persistent_connections off
                 shutdown_lifetime 0 seconds
                 {rules}"
            ),
        );
        // As root it becomes somebody else, who must be able to write there.
        let _ = Command::new("chmod").args(["777", &root]).status();
        // Another of the same name would take the memory for its own; one of another user could not start.
        let name = format!("upcheck{}p{}", std::process::id(), address.port());
        let peer = start(Command::new(program).args(["-N", "-n", &name, "-f", &config]), address);
        Squid { name, _peer: peer }
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        // It takes this away itself when it is asked to end, which lasts two seconds.
        let Ok(entries) = std::fs::read_dir("/dev/shm") else { return };
        let prefix = format!("{}-", self.name);
        for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[test]
fn unbound() {
    let Some(unbound) = program("unbound") else {
        skipped!("no unbound on this machine");
        return;
    };
    let server = Server::ok();
    // What is free for one protocol need not be for the other.
    let mut free = std::iter::repeat_with(refused_address).take(100);
    let address = free.find(|address| UdpSocket::bind(address).is_ok()).expect("a port that is free for both");
    let folder = TempDir::new();
    let many: String = (0..200).map(|n| format!("local-data: \"many.test. A 127.0.1.{n}\"\n")).collect();
    let config = folder.write(
        "unbound.conf",
        format!(
            "server:
                 interface: 127.0.0.1
                 port: {}
                 do-daemonize: no
                 chroot: \"\"
                 username: \"\"
                 pidfile: \"\"
                 directory: \"{}\"
                 use-syslog: no
                 logfile: \"\"
                 module-config: \"iterator\"
                 max-udp-size: 512
                 access-control: 127.0.0.0/8 allow
                 local-zone: \"test.\" static
                 local-data: \"here.test. A 127.0.0.1\"
                 local-data: \"six.test. AAAA ::1\"
                 local-data: \"alias.test. CNAME middle.test.\"
                 local-data: \"middle.test. CNAME here.test.\"
                 local-data: \"nowhere.test. CNAME gone.test.\"
                 local-data: \"text.test. TXT words\"
                 local-zone: \"refused.\" always_refuse
                 {many}
             remote-control:
                 control-enable: no\n",
            address.port(),
            folder.path("").display()
        ),
    );
    let _peer = start(Command::new(unbound).args(["-d", "-c", &config]), address);
    let url = |host: &str| format!("http://{host}:{}/", server.address().port());
    let asking = || Upcheck::new().args(["-t", "20", "--dns-server", &address.to_string()]);
    let cases = [
        ("here.test.", "ok", String::new()),
        ("alias.test.", "ok", String::new()),
        ("gone.test.", "dns_not_found", format!("no such name (NXDOMAIN from {address})")),
        ("nowhere.test.", "dns_not_found", format!("no such name (NXDOMAIN from {address})")),
        ("text.test.", "dns_not_found", format!("the name has no address (said {address})")),
        ("x.refused.", "dns_failed", format!("{address} answered REFUSED")),
    ];
    let report = asking().args(cases.each_ref().map(|(host, ..)| url(host))).report();
    for (host, expected, words) in cases {
        let check = report.target(&url(host));
        assert_eq!(check["reason"], expected, "{check}");
        match expected {
            "ok" => assert_eq!(check["address"], server.address().to_string(), "{check}"),
            _ => assert_eq!(check["detail"], format!("{host}: {words}"), "{check}"),
        }
    }
    if let Ok(listener) = TcpListener::bind("[::1]:0") {
        let server = Server::answering_on(listener, |_| vec![Step::ok()]);
        let report = asking().arg(format!("http://six.test.:{}/", server.address().port())).report();
        assert_eq!(report.single()["address"], server.address().to_string(), "{}", report.single());
    } else {
        skipped!("no IPv6 on this machine");
    }
    let four = asking().args(["-4", &url("six.test.")]).report();
    assert_eq!(four.single()["detail"], format!("six.test.: the name has no IPv4 address (said {address})"));

    // Two hundred addresses do not fit into a datagram, and are more than are taken: it is asked again over TCP, which
    // is at least one query more.
    let output = asking().args(["-4", "-v", "--all-addresses", "-o", "ndjson", &url("many.test.")]).run();
    let many = output.report();
    assert_eq!(many.summary["total"], 16, "{}", many.summary);
    assert!(many.checks.iter().all(|check| !check["reason"].as_str().expect("a word").starts_with("dns")));
    assert!(output.err().contains("1 looked up with ") && !output.err().contains(" 1 queries"), "{}", output.err());
}

#[cfg(feature = "tls")]
mod over_tls {
    use std::process::Command;

    use super::{Squid, program, reason, reused, start};
    use crate::support::{Authority, Demands, TempDir, TlsPeer, Upcheck, refused_address, skipped};

    #[test]
    fn haproxy_ends_tls() {
        let Some(haproxy) = program("haproxy") else {
            skipped!("no haproxy on this machine");
            return;
        };
        let (authority, stranger) = (Authority::new("the root"), Authority::new("a stranger"));
        let [own, mine] = ["127.0.0.1", "me.test"].map(|name| authority.issue(name));
        let folder = TempDir::new();
        let both = folder.write("both.pem", own.chain + &own.key);
        let [trusted, other] =
            [("trusted.pem", &authority.pem), ("other.pem", &stranger.pem)].map(|(n, p)| folder.write(n, p));
        let [cert, key] = [("cert.pem", &mine.chain), ("key.pem", &mine.key)].map(|(n, p)| folder.write(n, p));
        let [address, older, strict] = [refused_address(), refused_address(), refused_address()];
        let config = folder.write(
            "haproxy.cfg",
            format!(
                "defaults
                     mode http
                     timeout client 30s
                 frontend all
                     bind {address} ssl crt {both} alpn h2,http/1.1
                     bind {older} ssl crt {both} ssl-max-ver TLSv1.2
                     bind {strict} ssl crt {both} ca-file {trusted} verify required
                     http-request return status 200 content-type text/plain string well\n"
            ),
        );
        let _peer = start(Command::new(haproxy).arg("-db").args(["-f", &config]), address);
        let [new, old, asking] = [address, older, strict].map(|address| format!("https://{address}/"));
        let trusting = || Upcheck::new().args(["-t", "20", "--cacert", &trusted, "-e", "body == \"well\""]);

        let report = trusting().args([&new, &old, &asking]).report();
        assert_eq!([&new, &old, &asking].map(|url| reason(&report, url)), ["ok", "ok", "tls_failed"], "{report:#?}");
        assert_eq!([&new, &old].map(|url| &report.target(url)["tls"]["version"]), ["1.3", "1.2"]);
        assert_eq!(report.target(&new)["http_version"], "1.1");
        let known = trusting().args(["--cert", &cert, "--key", &key, &asking]).report();
        assert_eq!(reason(&known, &asking), "ok", "{}", known.single());
        let untrusted = Upcheck::new().args(["-t", "20", "--cacert", &other, &new]).report();
        assert_eq!(reason(&untrusted, &new), "tls_untrusted", "{}", untrusted.single());
        let kept = trusting().args(["--keepalive", "-c", "1"]).args((0..6).map(|n| format!("{new}{n}"))).report();
        assert_eq!((&kept.summary["up"], reused(&kept)), (&6.into(), 5), "{kept:#?}");
    }

    #[test]
    fn squid_tunnels_tls() {
        let (Some(squid), Some(peer)) = (program("squid"), TlsPeer::kinds().pop()) else {
            skipped!("no squid, or no TLS server of others, on this machine");
            return;
        };
        let authority = Authority::new("the root");
        let folder = TempDir::new();
        let peer = peer(&folder, &authority.issue("127.0.0.1"), Demands::default());
        let trusted = folder.write("trusted.pem", &authority.pem);
        let address = refused_address();
        let _peer = Squid::start(&squid, &folder, address, "http_access allow all\n");
        let url = peer.url("/length/notified");
        let proxied = || Upcheck::new().args(["-t", "20", "-x", &format!("http://{address}"), &url]);
        let report = proxied().args(["--cacert", &trusted]).report();
        let check = report.target(&url);
        assert_eq!((&check["reason"], &check["status"]), (&"ok".into(), &200.into()), "{check}");
        assert_eq!(check["address"], address.to_string(), "{check}");
        assert!(check["seconds"]["tls"].is_number(), "{check}");
        // Behind the tunnel the server's certificate is the one that is judged.
        let untrusted = proxied().report();
        assert_eq!(reason(&untrusted, &url), "tls_untrusted", "{}", untrusted.single());
    }
}
