//! One side of one TLS connection: wire bytes in and out, plaintext in and out, and the facts of the handshake.
//!
//! It is driven as the [map](super) of this folder says. It refuses to know sockets: whoever owns a session reads and
//! writes them. Whether a certificate is good is `verifier`'s to know, what an error means `words`'s.

use std::borrow::Cow;
use std::io;
use std::marker::PhantomData;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;

use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::ServerConnection;
use rustls::{Connection, HandshakeKind, PeerMisbehaved, ProtocolVersion};

use super::config::{TlsAcceptor, TlsConfig, TlsSetupError};
use super::provider::sha256;
use super::verifier::Judge;
use super::words::{TlsError, unsupported};

/// How many bytes of plaintext a session holds that have not left through `wire_out`.
pub const MAX_UNSENT: usize = 64 * 1024;

/// One side of one TLS connection. Bytes go in, bytes come out, nothing waits.
#[derive(Debug)]
pub struct TlsSession {
    tls: Connection,
    /// The client's: it saw the certificate of a handshake that failed.
    judge: Option<Arc<Judge>>,
    refused_leaf: Option<Vec<u8>>,
    greeting: Greeting,
    failed: Option<TlsError>,
    peer_closed: bool,
    one_thread: PhantomData<Rc<()>>,
}

/// How far a stream had come when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// The peer said that it was done (close_notify): what it sent is complete.
    Clean,
    /// The connection ended without a word: what it sent may be cut short, by accident or by an
    /// attacker.
    Truncated,
    /// It ended before the handshake was done.
    InHandshake,
}

/// What a handshake agreed on and was shown, as far as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts<'a> {
    /// `1.3` or `1.2`.
    pub version: Option<&'static str>,
    /// The cipher suite by its IANA name, as `TLS_AES_128_GCM_SHA256`.
    pub cipher: Option<Cow<'static, str>>,
    /// The protocol that was agreed on inside (ALPN).
    pub alpn: Option<Cow<'a, str>>,
    /// The peer's own certificate in DER, also if it was refused.
    pub leaf: Option<&'a [u8]>,
    /// SHA-256 of the leaf.
    pub fingerprint: Option<[u8; 32]>,
    /// Whether an earlier session was resumed: then the certificate is the one from that session.
    pub resumed: bool,
}

impl TlsSession {
    /// A client that wants to talk to `server_name`: a DNS name, or an address without brackets.
    /// A name whose labels begin or end in a hyphen is expected like any other, but not said to the
    /// server (SNI): the library cannot.
    ///
    /// # Errors
    /// [`TlsSetupError::Local`].
    pub fn new(config: &TlsConfig, server_name: &str) -> Result<Self, TlsSetupError> {
        if config.client.time_provider.current_time().is_none() {
            return Err(TlsSetupError::Local("the time is not known".into()));
        }
        let (client, name) = match ServerName::try_from(server_name.to_owned()) {
            Ok(name) => (config.client.clone(), name),
            Err(_) => (config.for_odd_host(server_name), ServerName::from(Ipv4Addr::UNSPECIFIED)),
        };
        match ClientConnection::new(client, name) {
            Ok(client) => Ok(Self::start(Connection::Client(client), Some(config.judge.clone()))),
            Err(error) => Err(TlsSetupError::Local(error.to_string())),
        }
    }

    fn start(mut tls: Connection, judge: Option<Arc<Judge>>) -> Self {
        tls.set_buffer_limit(Some(MAX_UNSENT));
        TlsSession {
            tls,
            judge,
            refused_leaf: None,
            greeting: Greeting::default(),
            failed: None,
            peer_closed: false,
            one_thread: PhantomData,
        }
    }

    /// Takes all of `wire`, and gives the plaintext in it to `plaintext`, piece by piece and
    /// without a copy between.
    ///
    /// Bytes after the peer's close_notify are ignored (RFC 8446 section 6.1).
    ///
    /// # Errors
    /// Why the connection failed; the plaintext before it was still given out, and every later call
    /// fails alike. [`TlsSession::wire_out`] now has the alert for a peer that would understand
    /// one.
    pub fn feed(&mut self, mut wire: &[u8], mut plaintext: impl FnMut(&[u8])) -> Result<(), TlsError> {
        self.check()?;
        self.greeting.remember(wire);
        if self.speaks_otherwise()? {
            return Ok(());
        }
        // Each round takes at least a byte (rustls takes up to 4 KiB), or ends.
        while !wire.is_empty() && !self.peer_closed {
            let result = match self.tls.read_tls(&mut wire) {
                Ok(_) => self.tls.process_new_packets(),
                Err(error) => Err(rustls::Error::General(error.to_string())),
            };
            self.drain(&mut plaintext);
            match result {
                Ok(state) => self.peer_closed = state.peer_has_closed(),
                Err(error) => return Err(self.fail(&error)),
            }
        }
        Ok(())
    }

    fn drain(&mut self, plaintext: &mut impl FnMut(&[u8])) {
        use std::io::BufRead;

        let mut reader = self.tls.reader();
        // Its errors say that there is nothing to read, for one reason or another.
        while let Ok(chunk) = reader.fill_buf() {
            let length = chunk.len();
            if length == 0 {
                return;
            }
            plaintext(chunk);
            reader.consume(length);
        }
    }

    /// Whether the peer speaks something else than TLS; then rustls sees none of it, and what
    /// little came at first waits until it can be told what it is.
    fn speaks_otherwise(&mut self) -> Result<bool, TlsError> {
        match self.greeting.not_tls() {
            Some(what) if self.greeting.is_told_apart() => Err(self.failed.insert(TlsError::NotTls { what }).clone()),
            Some(_) => Ok(true),
            None => Ok(false),
        }
    }

    fn fail(&mut self, error: &rustls::Error) -> TlsError {
        let mut told = TlsError::from_rustls(error);
        if let Some(judge) = &self.judge {
            self.refused_leaf = judge.lock().refused.take();
            told = match (told, error) {
                // Nothing was agreed on yet: it is what was offered that the server has no use for.
                (TlsError::Alert { code: code @ (40 | 71) }, _) if self.tls.protocol_version().is_none() => {
                    TlsError::OfferRefused { code, insecure: judge.insecure }
                }
                // It may: see UNCHECKED_SCHEMES. But the library takes in TLS 1.2 what it knows.
                (_, rustls::Error::PeerMisbehaved(PeerMisbehaved::SignedKxWithWrongAlgorithm)) if judge.insecure => {
                    unsupported("a key that TLS 1.2 is signed with in a way that is not known here")
                }
                (told, _) => told,
            };
        }
        self.failed.insert(told).clone()
    }

    fn check(&self) -> Result<(), TlsError> {
        match &self.failed {
            Some(failed) => Err(failed.clone()),
            None => Ok(()),
        }
    }

    /// Writes what waits for the peer with one call of `out`, and returns how many bytes it took.
    ///
    /// # Errors
    /// Those of `out`, untouched; nothing is lost when it would block.
    pub fn wire_out(&mut self, out: &mut impl io::Write) -> io::Result<usize> {
        self.tls.write_tls(out)
    }

    /// Whether [`TlsSession::wire_out`] has something to write.
    pub fn wants_write(&self) -> bool {
        self.tls.wants_write()
    }

    /// Encrypts as much of `plaintext` as there is room for, at most [`MAX_UNSENT`] bytes, and
    /// returns how much that was. The rest goes in after [`TlsSession::wire_out`] has made room.
    ///
    /// # Errors
    /// Why the connection failed, if it has.
    pub fn write_plaintext(&mut self, plaintext: &[u8]) -> Result<usize, TlsError> {
        use std::io::Write;

        self.check()?;
        let written = self.tls.writer().write(plaintext);
        written.map_err(|error| TlsError::Protocol(error.to_string()))
    }

    /// Says that nothing more will be sent (close_notify). It leaves through
    /// [`TlsSession::wire_out`].
    pub fn close(&mut self) {
        self.tls.send_close_notify();
    }

    /// Whether the handshake is not done yet.
    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Whether the peer said that it was done.
    pub fn close_notify_seen(&self) -> bool {
        self.peer_closed
    }

    /// What it means that the socket has ended here.
    ///
    /// # Errors
    /// Why the connection failed before, or [`TlsError::NotTls`] when what little came was no TLS.
    pub fn eof(&self) -> Result<StreamEnd, TlsError> {
        self.check()?;
        match (self.peer_closed, self.is_handshaking(), self.greeting.not_tls()) {
            (true, ..) => Ok(StreamEnd::Clean),
            (false, true, Some(what)) => Err(TlsError::NotTls { what }),
            (false, true, None) => Ok(StreamEnd::InHandshake),
            (false, false, _) => Ok(StreamEnd::Truncated),
        }
    }

    /// What the handshake has shown so far; after a failure, until then.
    pub fn facts(&self) -> TlsFacts<'_> {
        let shown = self.tls.peer_certificates().and_then(<[_]>::first);
        let leaf = shown.map(|leaf| leaf.as_ref()).or(self.refused_leaf.as_deref());
        let suite = self.tls.negotiated_cipher_suite();
        TlsFacts {
            version: self.tls.protocol_version().and_then(version_name),
            cipher: suite.and_then(|suite| suite.suite().as_str()).map(iana_name),
            alpn: self.tls.alpn_protocol().map(String::from_utf8_lossy),
            leaf,
            fingerprint: leaf.map(sha256),
            resumed: self.tls.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }
}

impl TlsAcceptor {
    /// The server's side of one connection.
    ///
    /// # Errors
    /// [`TlsSetupError::Local`] if this machine cannot begin one.
    pub fn accept(&self) -> Result<TlsSession, TlsSetupError> {
        match ServerConnection::new(self.config.clone()) {
            Ok(server) => Ok(TlsSession::start(Connection::Server(server), None)),
            Err(error) => Err(TlsSetupError::Local(error.to_string())),
        }
    }
}

fn version_name(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_3 => Some("1.3"),
        ProtocolVersion::TLSv1_2 => Some("1.2"),
        _ => None,
    }
}

/// rustls tells the suites of TLS 1.3 apart by a prefix that IANA does not know.
fn iana_name(name: &'static str) -> Cow<'static, str> {
    match name.strip_prefix("TLS13_") {
        Some(rest) => Cow::Owned(format!("TLS_{rest}")),
        None => Cow::Borrowed(name),
    }
}

/// The first bytes that the peer sent, to tell what it speaks if that is not TLS.
#[derive(Debug, Default)]
struct Greeting {
    /// As many as it takes to know each greeting that [`Greeting::not_tls`] knows.
    bytes: [u8; 5],
    length: usize,
}

impl Greeting {
    fn remember(&mut self, wire: &[u8]) {
        for (slot, &byte) in self.bytes.iter_mut().skip(self.length).zip(wire) {
            *slot = byte;
            self.length += 1;
        }
    }

    fn is_told_apart(&self) -> bool {
        self.length == self.bytes.len()
    }

    /// What the bytes are, if they are not the start of a TLS record (RFC 8446 section 5.1: its
    /// type comes first).
    fn not_tls(&self) -> Option<String> {
        const RECORD_TYPES: std::ops::RangeInclusive<u8> = 20..=23;

        let bytes = self.bytes.get(..self.length)?;
        if bytes.first().is_none_or(|first| RECORD_TYPES.contains(first)) {
            return None;
        }
        Some(match bytes {
            [b'H', b'T', b'T', b'P', b'/', ..] => "the server spoke HTTP on this port".into(),
            [b'S', b'S', b'H', b'-', ..] => "the server spoke SSH on this port".into(),
            // SMTP and FTP both greet with 220 (RFC 5321, RFC 959); they speak TLS after STARTTLS
            // or AUTH.
            [b'2', b'2', b'0', b' ' | b'-', ..] => "a mail or FTP server spoke on this port".into(),
            _ => format!("what came is not TLS, it starts with \"{}\"", bytes.escape_ascii()),
        })
    }
}
