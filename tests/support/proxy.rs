//! An HTTP proxy: relays bytes for CONNECT, fetches for absolute URLs, and records what it was asked. Blocking std with
//! threads.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::{PATIENCE, accept, end};

/// The most that is read of a request's head.
const MAX_HEAD: usize = 64 * 1024;

struct Shared {
    credentials: Option<&'static str>,
    heads: Mutex<Vec<String>>,
    stop: AtomicBool,
}

/// A proxy on a loopback port of the system's choice. Dropping it ends it.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy for everybody, or only for who sends these credentials: the base64 of basic authentication.
    pub(crate) fn start(credentials: Option<&'static str>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared { credentials, heads: Mutex::new(Vec::new()), stop: AtomicBool::new(false) });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let stops = || shared.stop.load(Ordering::SeqCst);
                accept(&listener, stops, |stream| {
                    let shared = Arc::clone(&shared);
                    // A connection that breaks is the client's to notice.
                    std::thread::spawn(move || drop(serve(stream, &shared)));
                });
            }
        });
        Proxy { address, shared, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The heads of the requests that it got, in order of arrival.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().expect("no holder panics").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(acceptor) = self.acceptor.take() {
            end(acceptor, || drop(TcpStream::connect(self.address)));
        }
    }
}

fn serve(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    let Some(head) = read_head(&mut client)? else { return Ok(()) };
    shared.heads.lock().expect("no holder panics").push(head.clone());
    let wanted = shared.credentials.map(|credentials| format!("\r\nProxy-Authorization: Basic {credentials}\r\n"));
    if wanted.is_some_and(|wanted| !head.contains(&wanted)) {
        return client.write_all(
            b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
        );
    }
    let mut words = head.split(' ');
    match (words.next(), words.next()) {
        (Some("CONNECT"), Some(authority)) => match TcpStream::connect(authority) {
            Ok(server) => {
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                relay(client, server)
            }
            Err(_) => client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
        },
        (Some(method), Some(url)) => {
            let rest = url.strip_prefix("http://").unwrap_or(url);
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match TcpStream::connect(authority) {
                Ok(mut server) => {
                    let lines = head.split_once("\r\n").map_or("", |(_, lines)| lines);
                    let lines: String = lines
                        .split_inclusive("\r\n")
                        .filter(|line| !line.starts_with("Proxy-Authorization:"))
                        .collect();
                    server.write_all(format!("{method} {path} HTTP/1.1\r\n{lines}").as_bytes())?;
                    relay(client, server)
                }
                Err(_) => client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
            }
        }
        _ => Ok(()),
    }
}

/// Reads byte by byte up to the blank line, so that what follows is left for the relay. `None`: the client went away.
fn read_head(client: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD || client.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

/// Carries bytes both ways until both have ended.
fn relay(client: TcpStream, server: TcpStream) -> std::io::Result<()> {
    server.set_read_timeout(Some(PATIENCE))?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let upward = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    let _ = std::io::copy(&mut from_server, &mut to_client);
    let _ = to_client.shutdown(Shutdown::Both);
    let _ = upward.join();
    Ok(())
}
