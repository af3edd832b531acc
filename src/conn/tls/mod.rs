//! TLS as bytes: wire bytes in and out, plaintext in and out, and the facts of the handshake.
//!
//! Only this folder names rustls: a session here, whose certificates are good in `verifier.rs`, what
//! went wrong in `words.rs`. It refuses to know sockets (the owner of a session reads and writes
//! them), clocks (wall time is put into a [`WallClock`]), how a certificate is written (that is
//! [`x509`](crate::proto::x509)'s; the leaf is handed out as DER), and the protocol that is spoken
//! inside.
//!
//! A session moves like this:
//!
//! 1. [`TlsSession::new`] or [`TlsAcceptor::accept`]; a client has its first flight ready at once.
//! 2. [`TlsSession::wire_out`] until [`TlsSession::wants_write`] is false.
//! 3. [`TlsSession::feed`] with what the socket gave; plaintext comes out through the callback.
//! 4. Back to 2. [`TlsSession::write_plaintext`] at any time: what is written during the handshake
//!    leaves after it.
//!
//! **After every step that moves a session, drain `wire_out`; after a failed `feed` too, or the
//! peer never gets the alert that tells it why.**
//!
//! Not supported on purpose: TLS 1.1 and older, and revocation. What the cryptography at hand lacks
//! is told apart from what is wrong with a peer ([`TlsError::Unsupported`]).

mod pem;
mod verifier;
mod words;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::ring::{self, cipher_suite::TLS13_AES_128_GCM_SHA256};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ServerConnection;
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConfig, Connection, HandshakeKind, InconsistentKeys, PeerMisbehaved, ProtocolVersion, ServerConfig,
    SupportedCipherSuite,
};

use pem::{certificates, private_key};
use verifier::{Judge, Trusted, Verifier};
use words::unsupported;

pub use verifier::MAX_VERIFIED_CHAINS;
pub use words::{TlsError, alert_name};

/// How many servers' sessions are kept for resumption, if that is on.
const MAX_RESUMABLE_SERVERS: usize = 256;
/// rustls counts tickets, not servers, and reserves this many for each.
const TICKETS_PER_SERVER: usize = 8;
/// How many bytes of plaintext a session holds that have not left through `wire_out`.
pub const MAX_UNSENT: usize = 64 * 1024;
/// What both sides say they speak inside (RFC 7301).
const ALPN: &[u8] = b"http/1.1";

/// The cryptography is stateless: one provider serves every configuration.
///
/// It asks for AES-128 first, as browsers do (RFC 8446 section 9.1 makes it the one suite that everybody has): its SHA-256 is
/// what processors are good at, and a tenth of a handshake cheaper than the SHA-384 that comes with AES-256.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = ring::default_provider();
    let is_aes_128 = |suite: &SupportedCipherSuite| suite.suite().as_str().is_some_and(|name| name.contains("AES_128"));
    provider.cipher_suites.sort_by_key(|suite| !is_aes_128(suite)); // stable
    Arc::new(provider)
});

/// The wall time that certificates are judged by: a value, not a clock. Whoever reads the clock
/// sets it, and every configuration that holds a clone sees it. While it was never set, handshakes
/// fail rather than take 1970 for today.
#[derive(Debug, Clone, Default)]
pub struct WallClock(Arc<AtomicU64>);

impl WallClock {
    /// Sets the time, in seconds since 1970.
    pub fn set(&self, unix_seconds: u64) {
        self.0.store(unix_seconds, Ordering::Relaxed);
    }
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds))),
        }
    }
}

// === Configuration ===

/// Whom a client trusts: to issue certificates, or to show the very one that is given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Roots<'a> {
    /// The certificates in this PEM text, one or many. `None`: Mozilla's list, compiled in.
    pub pem: Option<&'a [u8]>,
    /// The texts of a system's store, trusted besides. What cannot be read in them is passed over.
    pub system: &'a [&'a [u8]],
}

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The certificate, then its issuers up to but not including the root.
    pub chain: &'a [u8],
    /// The private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: &'a [u8],
}

/// What a client configuration is made of.
#[derive(Debug, Clone)]
pub struct TlsOptions<'a> {
    /// Whom to trust.
    pub roots: Roots<'a>,
    /// Accept every certificate. The handshake's own signature is still checked where the key in it
    /// is of a kind that is known here.
    pub insecure: bool,
    /// Who this client is, if a server asks.
    pub identity: Option<Identity<'a>>,
    /// Remember verified chains; see [`TlsConfig::verify_cache`].
    pub verify_cache: bool,
    /// Resume earlier sessions. **A resumed session verifies no certificate**, not even that it has
    /// ended since: leave it off where the certificate is part of what is checked.
    pub resumption: bool,
    /// The time.
    pub clock: WallClock,
}

/// Why a configuration or a session could not be made: the input is wrong, no server is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsSetupError {
    /// The trusted certificates cannot be used.
    Roots(String),
    /// The own certificate cannot be used.
    Certificate(String),
    /// The own private key cannot be used.
    Key(String),
    /// This machine could not begin a handshake: it has no randomness or no time.
    Local(String),
}

impl fmt::Display for TlsSetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsSetupError::Roots(why) => write!(f, "trusted certificates: {why}"),
            TlsSetupError::Certificate(why) => write!(f, "certificate: {why}"),
            TlsSetupError::Key(why) => write!(f, "private key: {why}"),
            TlsSetupError::Local(why) => write!(f, "cannot begin a TLS handshake: {why}"),
        }
    }
}

impl std::error::Error for TlsSetupError {}

/// A client's configuration: build it once and start every session from it.
///
/// Building it over Mozilla's roots costs about as much as one percent of a handshake, but the
/// cache of verified chains and the sessions to resume live in it. It belongs to one thread, and
/// the type says so: while rustls refuses a certificate, the bytes of it pass through a slot that
/// the sessions of one configuration share.
#[derive(Debug)]
pub struct TlsConfig {
    client: Arc<ClientConfig>,
    judge: Arc<Judge>,
    one_thread: PhantomData<Rc<()>>,
}

impl TlsConfig {
    /// Checks the options and builds the configuration.
    ///
    /// # Errors
    /// [`TlsSetupError::Roots`], [`TlsSetupError::Certificate`] or [`TlsSetupError::Key`] when the
    /// PEM given for it is empty, damaged or of the wrong kind.
    pub fn new(options: &TlsOptions<'_>) -> Result<Self, TlsSetupError> {
        let trusted = Trusted::new(options.roots).map_err(TlsSetupError::Roots)?;
        let judge = Arc::new(Judge::new(trusted, options));
        let verifier = Arc::new(Verifier { judge: judge.clone(), odd_host: None });
        let builder = ClientConfig::builder_with_details(PROVIDER.clone(), Arc::new(options.clock.clone()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsSetupError::Local(error.to_string()))?
            .dangerous() // rustls' word for any verifier of one's own; ours asks webpki
            .with_custom_certificate_verifier(verifier);
        let mut client = match options.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = read_identity(identity)?;
                builder.with_client_auth_cert(chain, key).map_err(identity_error)?
            }
        };
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = if options.resumption {
            Resumption::in_memory_sessions(MAX_RESUMABLE_SERVERS * TICKETS_PER_SERVER)
        } else {
            Resumption::disabled()
        };
        Ok(TlsConfig { client: Arc::new(client), judge, one_thread: PhantomData })
    }

    /// How many certificates of [`Roots`] cannot be read and are left out. At least one could.
    pub fn ignored_roots(&self) -> usize {
        self.judge.trusted.ignored
    }

    /// How often a chain that a server showed was known from before, and how often it had to be
    /// verified.
    ///
    /// A hit saves the signatures of the chain, two of the three checks of a usual handshake. It
    /// takes the same bytes of every certificate in the same order, the same server name, and a
    /// time at which each of the certificates is valid. The server's proof that it holds the key is
    /// checked every time.
    pub fn verify_cache(&self) -> CacheCounts {
        self.judge.lock().counts
    }

    /// The configuration for a host whose name rustls has no word for (`a-.example`): it says no
    /// name, and the certificate's names are compared here. Nothing is resumed, since the library
    /// would take all such hosts for one.
    fn for_odd_host(&self, host: &str) -> Arc<ClientConfig> {
        let mut client = ClientConfig::clone(&self.client);
        client.resumption = Resumption::disabled();
        let verifier = Verifier { judge: self.judge.clone(), odd_host: Some(host.into()) };
        client.dangerous().set_certificate_verifier(Arc::new(verifier));
        Arc::new(client)
    }
}

/// What the cache of verified chains was good for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Chains that were known.
    pub hits: u64,
    /// Chains that were verified, whether they passed or not.
    pub misses: u64,
}

type ChainAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_identity(identity: Identity<'_>) -> Result<ChainAndKey, TlsSetupError> {
    let chain = certificates(identity.chain).map_err(TlsSetupError::Certificate)?;
    let key = private_key(identity.key).map_err(TlsSetupError::Key)?;
    Ok((chain, key))
}

fn identity_error(error: rustls::Error) -> TlsSetupError {
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsSetupError::Key("it does not belong to the certificate".into())
        }
        rustls::Error::InvalidCertificate(_) => TlsSetupError::Certificate("the certificate cannot be read".into()),
        rustls::Error::General(why) => TlsSetupError::Key(why),
        other => TlsSetupError::Key(other.to_string()),
    }
}

/// A server's configuration.
#[derive(Debug, Clone)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
}

impl TlsAcceptor {
    /// A server that shows this certificate, asks for none, and speaks TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// [`TlsSetupError::Certificate`] or [`TlsSetupError::Key`].
    pub fn new(identity: Identity<'_>, clock: &WallClock) -> Result<Self, TlsSetupError> {
        let (chain, key) = read_identity(identity)?;
        let mut config = ServerConfig::builder_with_details(PROVIDER.clone(), Arc::new(clock.clone()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsSetupError::Local(error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(identity_error)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(TlsAcceptor { config: Arc::new(config) })
    }

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

// === A session ===

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

/// SHA-256 (FIPS 180-4), from the library that the handshake uses.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sized(sha256_provider().hash(bytes))
}

fn sha256_provider() -> &'static dyn crypto::hash::Hash {
    let suite = TLS13_AES_128_GCM_SHA256.tls13();
    // expect: the constant is a suite of TLS 1.3.
    suite.expect("a TLS 1.3 suite").common.hash_provider
}

fn sized(output: crypto::hash::Output) -> [u8; 32] {
    // expect: that is how long SHA-256 is.
    output.as_ref().try_into().expect("32 bytes")
}

#[cfg(test)]
mod tests;
