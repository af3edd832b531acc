//! A load balancer, a server, a proxy and a resolver that other people wrote, beside nginx and dnsmasq: each runs from a folder
//! of its own, without privileges, as long as its test.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;

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
    let reused = kept.checks.iter().filter(|check| check["reused"] == true).count();
    assert_eq!((&kept.summary["up"], reused), (&20.into(), 19));
    assert_eq!(Upcheck::new().args(["-I", "-t", "20", &url("/chunked")]).report().summary["up"], 1);
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
    let root = folder.path("").display().to_string();
    let config = folder.write(
        "lighttpd.conf",
        format!(
            "server.document-root = \"{root}\"
             server.bind = \"127.0.0.1\"
             server.port = {}
             server.modules = (\"mod_redirect\")
             url.redirect = (\"^/moved$\" => \"/page.html\")
             mimetype.assign = (\".html\" => \"text/html\")\n",
            address.port()
        ),
    );
    let _peer = start(Command::new(lighttpd).args(["-D", "-f", &config]), address);
    let url = |path: &str| format!("http://{address}{path}");
    let paths = ["/page.html", "/moved", "/missing"];
    let report = Upcheck::new().args(["-L", "-t", "20"]).args(paths.map(url)).report();
    assert_eq!(paths.map(|path| reason(&report, &url(path))), ["ok", "ok", "status"]);
    assert_eq!(report.target(&url("/page.html"))["body_bytes"], 14);
    assert_eq!(report.target(&url("/missing"))["status"], 404);
    let heads =
        Upcheck::new().args(["-I", "-t", "20", "-e", "header.content-length == 14", &url("/page.html")]).report();
    assert_eq!(heads.summary["up"], 1, "{}", heads.single());
    let many =
        Upcheck::new().args(["--keepalive", "-c", "20", "-t", "20"]).args((0..200).map(|_| url("/page.html"))).report();
    assert_eq!(many.summary["up"], 200, "{:#?}", many.not("up").first());
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
    let (no_server, denied) = (format!("http://{gone}/"), format!("tcp://{}", refused_address()));
    let report = proxied().args([&plain, &tunnel, &no_server, &denied]).report();
    assert_eq!(reason(&report, &plain), "ok", "{}", report.target(&plain));
    assert_eq!(reason(&report, &tunnel), "ok", "{}", report.target(&tunnel));
    // It is the proxy who says so, as a server would.
    assert_eq!((reason(&report, &no_server), &report.target(&no_server)["status"]), ("status", &503.into()));
    let denied = report.target(&denied);
    assert_eq!(denied["reason"], "connect_refused", "{denied}");
    assert!(denied["detail"].as_str().is_some_and(|detail| detail.contains("403")), "{denied}");
    assert!(server.requests().iter().any(|request| request.path() == "/x" && request.header("via").is_some()));
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
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    drop(socket);
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
    let hosts = ["here.test.", "gone.test.", "text.test.", "x.refused."];
    let report = Upcheck::new().args(["-t", "20", "--dns-server", &address.to_string()]).args(hosts.map(url)).report();
    let reasons = hosts.map(|host| reason(&report, &url(host)));
    assert_eq!(reasons, ["ok", "dns_not_found", "dns_not_found", "dns_failed"], "{:#?}", report.checks);
    // Two hundred addresses do not fit a datagram: it is asked again over TCP.
    let all = ["--dns-server", &address.to_string(), "--all-addresses", "-t", "20", "-o", "ndjson"];
    let many = Upcheck::new().args(all).arg(url("many.test.")).run().report();
    assert!(many.checks.len() >= 8, "{}", many.checks.len());
    assert!(many.checks.iter().all(|check| !check["reason"].as_str().expect("a word").starts_with("dns")));
}
