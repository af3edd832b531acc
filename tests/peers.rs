//! Servers that other people wrote: what they answer is HTTP as it is spoken, not as we think it is.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::support::{Peer, TempDir, Upcheck, has_program, refused_address, skipped, wait_until};

#[test]
fn nginx() {
    if !has_program("nginx") {
        skipped!("no nginx on this machine");
        return;
    }
    let folder = TempDir::new();
    let address = refused_address();
    folder.write("page.html", "<p>a page</p>\n");
    folder.write("included.html", "<!--#echo var=\"DOCUMENT_URI\" -->\n");
    let _peer = crate::support::nginx(
        &folder,
        &format!(
            "server {{
                 listen {address};
                 location = /text {{ return 200 \"well\"; }}
                 location = /none {{ return 204; }}
                 location = /moved {{ return 301 /text; }}
                 location = /sick {{ return 503; }}
                 location = /cut {{ return 444; }}
                 location = /included.html {{ ssi on; }}
             }}"
        ),
    );
    wait_until("nginx listens", || TcpStream::connect(address).is_ok());

    let cases = [
        ("/text", "ok", 200, 4),
        ("/none", "ok", 204, 0),
        ("/moved", "ok", 301, 0),
        ("/page.html", "ok", 200, 14),
        // Made on the fly, so sent in chunks.
        ("/included.html", "ok", 200, 15),
        ("/sick", "status", 503, 0),
        ("/missing", "status", 404, 0),
    ];
    let url = |path: &str| format!("http://{address}{path}");
    let report = Upcheck::new().args(["-t", "20"]).args(cases.map(|(path, ..)| url(path))).arg(url("/cut")).report();
    for (path, reason, status, body) in cases {
        let check = report.target(&url(path));
        assert_eq!(check["reason"], reason, "{check}");
        assert_eq!(check["status"], status, "{check}");
        if reason == "ok" && status == 200 {
            assert_eq!(check["body_bytes"], body, "{check}");
        }
    }
    assert_eq!(report.target(&url("/cut"))["reason"], "closed");
    let heads = Upcheck::new().args(["-I", "-t", "20"]).args([url("/text"), url("/page.html")]).report();
    assert_eq!(heads.summary["up"], 2, "{heads:#?}");
    let many = Upcheck::new().args(["-t", "20"]).args((0..200).map(|_| url("/included.html"))).report();
    assert_eq!(many.summary["up"], 200, "{:#?}", many.not("up").first());
}

#[test]
fn pythons_http_server() {
    if !has_program("python3") {
        skipped!("no Python on this machine");
        return;
    }
    let folder = TempDir::new();
    folder.write("page.txt", "thirteen byte");
    let child = Command::new("python3")
        .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"])
        .arg(folder.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut peer = Peer(child.expect("Python starts"));
    let mut line = String::new();
    let stdout = peer.0.stdout.take().expect("it was piped");
    BufReader::new(stdout).read_line(&mut line).expect("UTF-8");
    // "Serving HTTP on 127.0.0.1 port 41087 (http://127.0.0.1:41087/) ..."
    let Some(port) = line.split(" port ").nth(1).and_then(|rest| rest.split(' ').next()) else {
        skipped!("this Python does not say its port: {line:?}");
        return;
    };
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let targets = ["/page.txt", "/", "/missing"].map(url);
    let report = Upcheck::new().args(["-t", "20"]).args(&targets).report();
    let page = report.target(&targets[0]);
    // HTTP/1.0, with a length.
    assert_eq!(page["reason"], "ok", "{page}");
    assert_eq!(page["http_version"], "1.0", "{page}");
    assert_eq!(page["body_bytes"], 13, "{page}");
    assert_eq!(report.target(&targets[1])["reason"], "ok");
    assert_eq!(report.target(&targets[2])["status"], 404);
    let head = Upcheck::new().args(["-I", "-t", "20"]).arg(&targets[0]).report();
    assert_eq!(head.single()["reason"], "ok", "{}", head.single());
}
