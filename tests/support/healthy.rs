//! A server for crowds: a few threads that accept, read a request, answer 200, close.
//!
//! It keeps up with thousands of connections because it holds each for a moment only. It plays no tricks; for those
//! there is the scripted [`Server`](super::Server), with a thread a connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::server::listen;
use super::{accept, end};

const THREADS: usize = 4;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{\"status\": \"ok\"}";

/// A server that is always well. Dropping it ends it.
pub(crate) struct Healthy {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    listener: TcpListener,
    stop: AtomicBool,
    served: AtomicUsize,
}

impl Healthy {
    /// Starts the server on a port of the system's choice.
    pub(crate) fn start() -> Healthy {
        let listener = listen();
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared { listener, stop: AtomicBool::new(false), served: AtomicUsize::new(0) });
        let threads = (0..THREADS)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&shared))
            })
            .collect();
        Healthy { address, shared, threads }
    }

    /// `http://` this server, and `path`, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many requests were answered.
    pub(crate) fn served(&self) -> usize {
        self.shared.served.load(Ordering::SeqCst)
    }
}

impl Drop for Healthy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            end(thread, || drop(TcpStream::connect(self.address)));
        }
    }
}

fn serve(shared: &Shared) {
    let stops = || shared.stop.load(Ordering::SeqCst);
    accept(&shared.listener, stops, |stream| {
        if answer(stream).is_ok() {
            shared.served.fetch_add(1, Ordering::SeqCst);
        }
    });
}

/// Reads to the blank line and answers. A client that went away is its own business.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => head.extend_from_slice(&buffer[..n]),
        }
    }
    stream.write_all(ANSWER)
}
