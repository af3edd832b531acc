//! For the tests of this folder, and of who else looks names up: a name server that says what it is told to, over real
//! sockets and in a thread of its own. It refuses to use the code under test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) const A: u16 = 1;
pub(crate) const AAAA: u16 = 28;

/// How long a test may take that waits for something.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A query as it was received.
pub(crate) struct Question<'a> {
    bytes: &'a [u8],
    /// In lower case, without the final dot.
    pub(crate) name: String,
    pub(crate) kind: u16,
    pub(crate) over_tcp: bool,
}

impl<'a> Question<'a> {
    fn read(bytes: &'a [u8], over_tcp: bool) -> Question<'a> {
        let (mut labels, mut at) = (Vec::new(), 12);
        while bytes[at] > 0 {
            let end = at + 1 + bytes[at] as usize;
            labels.push(String::from_utf8(bytes[at + 1..end].to_vec()).unwrap().to_ascii_lowercase());
            at = end;
        }
        let kind = u16::from_be_bytes([bytes[at + 1], bytes[at + 2]]);
        Question { bytes: &bytes[..at + 5], name: labels.join("."), kind, over_tcp }
    }

    /// An answer with one address for either kind, good for so many seconds.
    pub(crate) fn address(&self, last: u8, ttl: u32) -> Vec<u8> {
        match self.kind {
            A => self.record(&[10, 0, 0, last], ttl),
            _ => self.record(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last], ttl),
        }
    }

    fn record(&self, data: &[u8], ttl: u32) -> Vec<u8> {
        let mut reply = self.empty(0);
        reply[7] = 1;
        reply.extend([0xc0, 12]);
        reply.extend(self.kind.to_be_bytes());
        reply.extend([0, 1]);
        reply.extend(ttl.to_be_bytes());
        reply.extend((data.len() as u16).to_be_bytes());
        reply.extend(data);
        reply
    }

    /// An answer without records.
    pub(crate) fn empty(&self, rcode: u8) -> Vec<u8> {
        let mut reply = self.bytes.to_vec();
        reply[2..12].copy_from_slice(&[0x81, 0x80 | rcode, 0, 1, 0, 0, 0, 0, 0, 0]);
        reply
    }

    /// NXDOMAIN, to be remembered for so many seconds.
    pub(crate) fn no_such_name(&self, ttl: u32) -> Vec<u8> {
        let mut reply = self.empty(3);
        reply[9] = 1;
        reply.extend([0, 0, 6, 0, 1]);
        reply.extend(ttl.to_be_bytes());
        reply.extend([0, 22, 0, 0]);
        reply.extend([0; 16]);
        reply.extend(ttl.to_be_bytes());
        reply
    }

    pub(crate) fn truncated(&self) -> Vec<u8> {
        let mut reply = self.empty(0);
        reply[2] |= 2;
        reply
    }
}

/// What the server sends for a question: nothing, one message or several.
pub(crate) type Script = fn(&Question<'_>) -> Vec<Vec<u8>>;

/// The server. It ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<(String, u16)>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens over UDP and TCP at the same port of 127.0.0.1.
    pub(crate) fn start(script: Script) -> Server {
        let deadline = Instant::now() + PATIENCE;
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            match TcpListener::bind(udp.local_addr().unwrap()) {
                Ok(tcp) => break (udp, tcp),
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
        };
        let address = udp.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        tcp.set_nonblocking(true).unwrap();
        udp.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                match udp.recv_from(&mut buffer) {
                    Ok((0, _)) => return,
                    Ok((length, from)) => {
                        let question = Question::read(&buffer[..length], false);
                        noted.lock().unwrap().push((question.name.clone(), question.kind));
                        for reply in script(&question) {
                            udp.send_to(&reply, from).unwrap();
                        }
                    }
                    Err(_) => {
                        // One that is slow must not keep the others waiting.
                        while let Ok((stream, _)) = tcp.accept() {
                            stream.set_nonblocking(false).unwrap();
                            // The other end may have gone.
                            std::thread::spawn(move || drop(serve_tcp(stream, script)));
                        }
                    }
                }
            }
        });
        Server { address, seen, thread: Some(thread) }
    }

    /// The names and kinds that were asked for over UDP.
    pub(crate) fn seen(&self) -> Vec<(String, u16)> {
        self.seen.lock().unwrap().clone()
    }

    /// The same, once it has read all that it was sent.
    pub(crate) fn seen_in_the_end(self) -> Vec<(String, u16)> {
        let seen = Arc::clone(&self.seen);
        drop(self);
        seen.lock().unwrap().clone()
    }
}

/// One question and its answers, in two writes each, so that a message comes in pieces.
fn serve_tcp(mut stream: std::net::TcpStream, script: Script) -> std::io::Result<()> {
    let mut prefix = [0; 2];
    stream.read_exact(&mut prefix)?;
    let mut bytes = vec![0; u16::from_be_bytes(prefix).into()];
    stream.read_exact(&mut bytes)?;
    for reply in script(&Question::read(&bytes, true)) {
        let framed = [&(reply.len() as u16).to_be_bytes()[..], &reply].concat();
        let (first, second) = framed.split_at(framed.len() / 2);
        stream.write_all(first)?;
        std::thread::sleep(Duration::from_millis(2));
        stream.write_all(second)?;
    }
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(&[], self.address));
        let joined = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap();
            joined.unwrap().unwrap();
        }
    }
}

/// The address of a port at which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
