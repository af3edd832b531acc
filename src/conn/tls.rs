//! TLS as bytes: wire bytes in and out, plaintext in and out, and the facts of the handshake.
//!
//! This is the only file that names rustls. It refuses to know sockets (the owner of a session
//! reads and writes them), clocks (wall time is put into a [`WallClock`]), how a certificate is
//! written (that is [`x509`]'s; the leaf is handed out as DER), and the protocol that is spoken
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

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring::{self, cipher_suite::TLS13_AES_128_GCM_SHA256};
use rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, TrustAnchor, UnixTime};
use rustls::server::{ParsedCertificate, ServerConnection};
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, Connection, DigitallySignedStruct, HandshakeKind,
    InconsistentKeys, OtherError, PeerIncompatible, PeerMisbehaved, ProtocolVersion, RootCertStore, ServerConfig,
    SignatureScheme, SupportedCipherSuite,
};

use crate::proto::x509::{self, PublicKey, algorithm};

/// How many verified chains are remembered. Beyond it the oldest is forgotten. An entry takes about
/// 100 bytes.
pub const MAX_VERIFIED_CHAINS: usize = 1024;
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
    ignored_roots: usize,
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
        let ignored_roots = trusted.ignored;
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
        Ok(TlsConfig { client: Arc::new(client), judge, ignored_roots, one_thread: PhantomData })
    }

    /// How many certificates of [`Roots`] cannot be read and are left out. At least one could.
    pub fn ignored_roots(&self) -> usize {
        self.ignored_roots
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

/// Whom a client trusts, read.
#[derive(Debug)]
struct Trusted {
    roots: RootCertStore,
    /// The certificates themselves, but for Mozilla's: whoever shows one of them needs nobody to vouch for it.
    certificates: Vec<CertificateDer<'static>>,
    /// How many could not be read.
    ignored: usize,
}

impl Trusted {
    fn new(wanted: Roots<'_>) -> Result<Trusted, String> {
        let mut trusted = Trusted { roots: RootCertStore::empty(), certificates: Vec::new(), ignored: 0 };
        match wanted.pem {
            None => trusted.roots.roots = webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            Some(pem) => {
                if !trusted.add(certificates(pem)?) {
                    return Err("none of the certificates can be read".into());
                }
            }
        }
        for pem in wanted.system {
            let readable = CertificateDer::pem_slice_iter(&without_marks(pem)).filter_map(Result::ok).collect();
            if !trusted.add(readable) {
                return Err("no certificate in the system's store can be read".into());
            }
        }
        Ok(trusted)
    }

    /// Adds those that can be read, each once. Whether there is one at all.
    fn add(&mut self, certificates: Vec<CertificateDer<'static>>) -> bool {
        let (before, count) = (self.ignored, certificates.len());
        for certificate in certificates {
            if self.certificates.contains(&certificate) {
                continue;
            }
            let is_read = x509::validity(&certificate).is_some();
            // Whoever is trusted for itself is not trusted to vouch for others.
            let may_issue = x509::may_issue(&certificate) || !is_read;
            if may_issue && self.roots.add(certificate.clone()).is_ok() {
                self.roots.roots.last_mut().into_iter().for_each(forget_directory_names);
            } else if !is_read {
                self.ignored += 1;
                continue;
            }
            self.certificates.push(certificate);
        }
        self.ignored - before < count
    }
}

/// A root may say which directory names it vouches for, and the library refuses whatever is below one that does. Which hosts
/// it vouches for is another matter, and stays.
fn forget_directory_names(root: &mut TrustAnchor<'static>) {
    if let Some(constraints) = &root.name_constraints {
        let others = x509::without_directory_names(constraints);
        root.name_constraints = (!others.is_empty()).then(|| others.into());
    }
}

/// The text without byte order marks, which editors put at the start of files, and `cat` into the middle of them. No line of
/// PEM has one.
fn without_marks(pem: &[u8]) -> Cow<'_, [u8]> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    match contains(pem, MARK) {
        false => Cow::Borrowed(pem),
        true => Cow::Owned(String::from_utf8_lossy(pem).replace('\u{feff}', "").into_bytes()),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&without_marks(pem)).collect();
    match chain {
        Err(error) => Err(error.to_string()),
        Ok(chain) if chain.is_empty() && contains(pem, b"-----BEGIN TRUSTED CERTIFICATE-----") => {
            Err("-----BEGIN TRUSTED CERTIFICATE----- is OpenSSL's own form; make it a plain one first (openssl x509)"
                .into())
        }
        Ok(chain) if chain.is_empty() => Err(format!("{} -----BEGIN CERTIFICATE-----", missing(pem))),
        Ok(chain) => Ok(chain),
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    match PrivateKeyDer::pem_slice_iter(&without_marks(pem)).next() {
        Some(key) => key.map_err(|error| error.to_string()),
        None if contains(pem, b"ENCRYPTED PRIVATE KEY") => {
            Err("it is encrypted; decrypt it first (openssl pkey)".into())
        }
        None => Err(format!("{} -----BEGIN PRIVATE KEY-----", missing(pem))),
    }
}

/// The first half of a complaint about a file in which nothing useful was found.
fn missing(pem: &[u8]) -> &'static str {
    match pem.first() {
        None => "empty, expected PEM with",
        // The tag of an ASN.1 SEQUENCE. As text it would be a zero.
        Some(0x30) => "this looks like DER, expected PEM with",
        Some(_) => "no PEM section",
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
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
                    TlsError::OfferRefused { code }
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

// === What went wrong ===

/// Why a connection failed, by who is to blame and for what. Whose certificate it was is in
/// [`TlsFacts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsError {
    /// Nobody trusted vouches for the certificate, or it is unfit.
    Untrusted {
        /// Why, in plain words.
        detail: String,
    },
    /// The certificate, or one that vouches for it, has ended.
    Expired {
        /// The last valid second of that one, in Unix time. If it is not the leaf's, an issuer's
        /// certificate has ended.
        not_after: Option<u64>,
    },
    /// The certificate, or one that vouches for it, is not valid yet.
    NotYetValid {
        /// The first valid second of that one, in Unix time.
        not_before: Option<u64>,
    },
    /// The certificate is for other names.
    WrongName,
    /// The peer refused, with this alert.
    Alert {
        /// The alert's number.
        code: u8,
    },
    /// The peer refused what was offered to it at the start, with this alert. Whose lack it is nobody can tell.
    OfferRefused {
        /// The alert's number.
        code: u8,
    },
    /// The cryptography at hand lacks what the certificate, or one that vouches for it, needs. The peer is not to blame.
    Unsupported {
        /// What is lacking, in plain words.
        what: String,
    },
    /// The peer speaks neither TLS 1.2 nor TLS 1.3.
    OldVersion,
    /// The peer does not speak TLS.
    NotTls {
        /// What it spoke instead.
        what: String,
    },
    /// The peer broke the protocol, or the two have nothing in common; this is how.
    Protocol(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Untrusted { detail } => f.write_str(detail),
            TlsError::Expired { .. } => f.write_str("the certificate has expired"),
            TlsError::NotYetValid { .. } => f.write_str("the certificate is not valid yet"),
            TlsError::WrongName => f.write_str("the certificate is for another name"),
            TlsError::Alert { code } => match alert_name(*code) {
                Some(name) => write!(f, "the peer refused with the alert {name}"),
                None => write!(f, "the peer refused with the alert {code}"),
            },
            TlsError::OfferRefused { code } => write!(f, "{} ({OFFER})", TlsError::Alert { code: *code }),
            TlsError::Unsupported { what } => f.write_str(what),
            TlsError::OldVersion => f.write_str("the peer speaks neither TLS 1.2 nor TLS 1.3"),
            TlsError::NotTls { what } => f.write_str(what),
            TlsError::Protocol(how) => f.write_str(how),
        }
    }
}

/// What every client of ours offers.
const OFFER: &str = "offered were TLS 1.3 and 1.2, X25519, P-256 and P-384, AES-GCM and ChaCha20 with ECDHE alone, \
                     and signatures by RSA, ECDSA on P-256 and P-384, and Ed25519";

impl std::error::Error for TlsError {}

impl TlsError {
    fn from_rustls(error: &rustls::Error) -> Self {
        use rustls::Error;

        match error {
            Error::InvalidCertificate(cause) => Self::from_certificate(cause),
            Error::NoCertificatesPresented => untrusted("the server has shown no certificate"),
            Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => TlsError::OldVersion,
            Error::AlertReceived(alert) => TlsError::Alert { code: u8::from(*alert) },
            Error::PeerIncompatible(why) => {
                TlsError::Protocol(format!("no common ground: {}", spaced(&format!("{why:?}"))))
            }
            Error::PeerMisbehaved(how) => {
                TlsError::Protocol(format!("the peer broke the protocol: {}", spaced(&format!("{how:?}"))))
            }
            Error::InvalidMessage(how) => {
                TlsError::Protocol(format!("a malformed message: {}", spaced(&format!("{how:?}"))))
            }
            other => TlsError::Protocol(other.to_string()),
        }
    }

    fn from_certificate(cause: &CertificateError) -> Self {
        use CertificateError as Cause;

        match cause {
            Cause::Expired => TlsError::Expired { not_after: None },
            Cause::ExpiredContext { not_after, .. } => TlsError::Expired { not_after: Some(not_after.as_secs()) },
            Cause::NotValidYet => TlsError::NotYetValid { not_before: None },
            Cause::NotValidYetContext { not_before, .. } => {
                TlsError::NotYetValid { not_before: Some(not_before.as_secs()) }
            }
            Cause::NotValidForName | Cause::NotValidForNameContext { .. } => TlsError::WrongName,
            Cause::UnknownIssuer => untrusted("no trusted authority has issued the certificate"),
            Cause::BadSignature => untrusted("a signature does not match the certificate"),
            Cause::BadEncoding => untrusted("the certificate cannot be read"),
            Cause::InvalidPurpose | Cause::InvalidPurposeContext { .. } => {
                untrusted("the certificate is not meant for this use")
            }
            Cause::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
                unsupported(format!("a signature by {}", algorithm::name(signature_algorithm_id)))
            }
            Cause::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id,
                public_key_algorithm_id,
            } => {
                let [signature, key] = [signature_algorithm_id, public_key_algorithm_id].map(|id| algorithm::name(id));
                unsupported(format!("a signature by {signature} with a key of the kind {key}"))
            }
            Cause::Other(finer) => match (finer.0.downcast_ref(), finer.to_string().as_str()) {
                (Some(Lacking(what)), _) => unsupported(what.clone()),
                (None, UNKNOWN_EXTENSION) => unsupported("a critical extension that is not known here"),
                (None, OLD_VERSION) => unsupported("X.509 before version 3"),
                (None, finer) => refused(finer),
            },
            other => refused(&other.to_string()),
        }
    }
}

/// Words of webpki's that rustls has no variants for.
const UNKNOWN_EXTENSION: &str = "UnsupportedCriticalExtension";
const OLD_VERSION: &str = "UnsupportedCertVersion";
const CONSTRAINED: &str = "NameConstraintViolation";

/// The cause in a word of webpki's, where rustls has no variant for it.
fn webpki_word(cause: &CertificateError) -> Option<String> {
    match cause {
        CertificateError::Other(finer) => Some(finer.to_string()),
        _ => None,
    }
}

/// What the cryptography at hand lacks, on its way through rustls.
#[derive(Debug)]
struct Lacking(String);

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lacking {}

fn lacking(what: String) -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(Lacking(what)))).into()
}

fn unsupported(what: impl fmt::Display) -> TlsError {
    TlsError::Unsupported {
        what: format!("this program lacks what the certificate, or one that vouches for it, needs: {what}"),
    }
}

fn untrusted(detail: &str) -> TlsError {
    TlsError::Untrusted { detail: detail.to_owned() }
}

fn refused(cause: &str) -> TlsError {
    untrusted(&format!("the certificate was refused: {}", spaced(cause)))
}

/// `NoCipherSuitesInCommon` as words. rustls has no others for its finer causes.
fn spaced(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    for character in name.chars() {
        if character.is_ascii_uppercase() && words.ends_with(|before: char| before.is_ascii_alphanumeric()) {
            words.push(' ');
        }
        words.push(character.to_ascii_lowercase());
    }
    words
}

/// The name of an alert in IANA's registry (RFC 8446 section 6, RFC 5246 section 7.2).
pub fn alert_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        121 => "ech_required",
        _ => return None,
    })
}

// === Verification, and what is remembered of it ===

/// Judges the certificates of one session for rustls.
#[derive(Debug)]
struct Verifier {
    judge: Arc<Judge>,
    /// The host, where rustls was told of another because it has no word for this one.
    odd_host: Option<Box<str>>,
}

impl Verifier {
    /// Whether the handshake is signed with the leaf's key. `library` is rustls' answer.
    fn signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
        library: fn(
            &[u8],
            &CertificateDer<'_>,
            &DigitallySignedStruct,
            &WebPkiSupportedAlgorithms,
        ) -> Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let answer = match library(message, leaf, signature, &self.judge.algorithms) {
            Ok(valid) => Ok(valid),
            Err(error) => self.judge.look_again(message, leaf, signature, error),
        };
        self.judge.or_keep(leaf, answer)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let expected = match &self.odd_host {
            Some(host) => Expected { text: Cow::Borrowed(host), name: None },
            None => Expected { text: server_name.to_str(), name: Some(server_name) },
        };
        self.judge.or_keep(leaf, self.judge.certificates(leaf, intermediates, &expected, now))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, leaf, signature, crypto::verify_tls12_signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, leaf, signature, crypto::verify_tls13_signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.judge.algorithms.supported_schemes();
        if self.judge.insecure {
            // The short hashes first: a small key has no room for a long one, and servers do not look.
            schemes.reverse();
            schemes.extend(UNCHECKED_SCHEMES);
        }
        schemes
    }
}

/// What a server may sign with where nobody asks whether it is right (IANA's registry of SignatureScheme): else one whose key is
/// of such a kind would refuse to speak at all.
const UNCHECKED_SCHEMES: [SignatureScheme; 15] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    // rsa_pss_pss_sha256, _sha384 and _sha512
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080a),
    SignatureScheme::Unknown(0x080b),
    // ecdsa_brainpoolP256r1tls13_sha256, P384r1, P512r1
    SignatureScheme::Unknown(0x081a),
    SignatureScheme::Unknown(0x081b),
    SignatureScheme::Unknown(0x081c),
    SignatureScheme::ML_DSA_44,
    SignatureScheme::ML_DSA_65,
    SignatureScheme::ML_DSA_87,
    // RSA and ECDSA with SHA-224, then with SHA-1
    SignatureScheme::Unknown(0x0301),
    SignatureScheme::Unknown(0x0303),
    SignatureScheme::RSA_PKCS1_SHA1,
    SignatureScheme::ECDSA_SHA1_Legacy,
];

/// How many bits an RSA key may have, for the cryptography at hand to look at it.
const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

/// Whom a certificate must be for.
struct Expected<'a> {
    text: Cow<'a, str>,
    /// The same, where rustls has a word for it.
    name: Option<&'a ServerName<'a>>,
}

/// Asks webpki about each chain once, and keeps the certificate of a handshake that fails, which
/// rustls drops.
#[derive(Debug)]
struct Judge {
    /// Every certificate will do.
    insecure: bool,
    trusted: Trusted,
    algorithms: WebPkiSupportedAlgorithms,
    remember: bool,
    /// One thread uses it; the lock is there because rustls' traits are for any number, and is
    /// never waited for.
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    verified: VerifiedChains,
    counts: CacheCounts,
    /// The leaf of the handshake that is failing right now, on its way to its session.
    refused: Option<Vec<u8>>,
}

impl Judge {
    fn new(trusted: Trusted, options: &TlsOptions<'_>) -> Self {
        Judge {
            insecure: options.insecure,
            trusted,
            algorithms: PROVIDER.signature_verification_algorithms,
            remember: options.verify_cache,
            seen: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // A panic elsewhere cannot leave it half changed.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the leaf if the answer is no.
    fn or_keep<T>(&self, leaf: &CertificateDer<'_>, answer: Result<T, rustls::Error>) -> Result<T, rustls::Error> {
        if answer.is_err() {
            self.lock().refused = Some(leaf.to_vec());
        }
        answer
    }

    /// Whether the certificates are good for the host, as is known or is found out.
    fn certificates(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        expected: &Expected<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.insecure {
            return Ok(ServerCertVerified::assertion());
        }
        let key = self.remember.then(|| chain_key(leaf, intermediates, &expected.text));
        if let Some(key) = &key {
            let mut seen = self.lock();
            if seen.verified.holds(key, now) {
                seen.counts.hits += 1;
                return Ok(ServerCertVerified::assertion());
            }
            seen.counts.misses += 1;
        }
        if self.trusted.certificates.contains(leaf) {
            as_it_stands(leaf, &expected.text, now)?;
        } else {
            let verified = self.chain(leaf, intermediates, expected, now);
            verified.map_err(|error| self.explained(error, leaf, intermediates))?;
        }
        if let Some(key) = key
            && let Some(window) = Window::of_chain(leaf, intermediates)
        {
            self.lock().verified.insert(key, window);
        }
        Ok(ServerCertVerified::assertion())
    }

    /// Whether somebody trusted vouches for the leaf, and it is for the host.
    fn chain(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        expected: &Expected<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        let (roots, algorithms) = (&self.trusted.roots, self.algorithms.all);
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)?;
        match expected.name {
            Some(name) => verify_server_name(&parsed, name),
            None if x509::is_for(leaf, &expected.text) => Ok(()),
            None => Err(CertificateError::NotValidForName.into()),
        }
    }

    /// Tells what is lacking here from what is wrong with a chain, where webpki does not.
    fn explained(
        &self,
        error: rustls::Error,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> rustls::Error {
        let rustls::Error::InvalidCertificate(cause) = &error else { return error };
        let shown = std::iter::once(leaf).chain(intermediates);
        let is_named = |root: &&TrustAnchor<'_>| shown.clone().any(|it| x509::issuer(it) == Some(&root.subject[..]));
        let mut roots = self.trusted.roots.roots.iter().filter(is_named);
        match (cause, webpki_word(cause).as_deref()) {
            // A key of a size that the cryptography does not take makes no signature match.
            (CertificateError::BadSignature, _) => {
                let roots = roots.filter_map(|root| PublicKey::of_info(&root.subject_public_key_info));
                let shown = intermediates.iter().filter_map(|shown| PublicKey::of_certificate(shown));
                roots.chain(shown).find_map(odd_rsa_key).map_or(error, lacking)
            }
            // What cannot be read is not asked who vouches for it; but nobody does.
            (_, Some(UNKNOWN_EXTENSION | OLD_VERSION)) if roots.next().is_none() => {
                CertificateError::UnknownIssuer.into()
            }
            // What the trusted say of directory names is forgotten.
            (_, Some(CONSTRAINED)) => {
                let mut others = intermediates.iter().filter(|shown| !self.trusted.certificates.contains(shown));
                match others.any(|shown| x509::constrains_directory_names(shown)) {
                    true => lacking("a name constraint on directory names".to_owned()),
                    false => error,
                }
            }
            _ => error,
        }
    }

    /// Looks at the handshake's signature once more, which rustls has not found good: it reads keys from certificates of
    /// version 3 alone that have nothing critical which it does not know.
    fn look_again(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
        error: rustls::Error,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = match &error {
            // It was read, and is not of the signature's kind.
            rustls::Error::InvalidCertificate(
                CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
            ) => None,
            rustls::Error::InvalidCertificate(_) => PublicKey::of_certificate(leaf),
            _ => None,
        };
        // Nothing is asked of a certificate that nobody has to vouch for: what cannot be checked passes.
        let unless_insecure = |error| match self.insecure {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(error),
        };
        let Some(key) = key else { return unless_insecure(error) };
        if let Some(odd) = odd_rsa_key(key) {
            return unless_insecure(lacking(odd));
        }
        let of_scheme = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
        let mut known = of_scheme.into_iter().flat_map(|(_, algorithms)| algorithms.iter());
        match known.find(|known| known.public_key_alg_id().as_ref() == key.algorithm) {
            None => unless_insecure(error),
            Some(known) => match known.verify_signature(key.bits, message, signature.signature()) {
                Ok(()) => Ok(HandshakeSignatureValid::assertion()),
                Err(_) => Err(CertificateError::BadSignature.into()),
            },
        }
    }
}

/// Whether a certificate that is trusted as it stands is good for the host: nobody has to vouch for it, but it may have
/// ended, or be for somebody else.
fn as_it_stands(leaf: &CertificateDer<'_>, host: &str, now: UnixTime) -> Result<(), rustls::Error> {
    let (from, until) = x509::validity(leaf).ok_or(CertificateError::BadEncoding)?;
    // A time before 1970 is as far in the past as 1970 is.
    let [from, until] = [from, until].map(|time| Duration::from_secs(u64::try_from(time).unwrap_or(0)));
    let [not_before, not_after] = [from, until].map(UnixTime::since_unix_epoch);
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    match x509::is_for(leaf, host) || x509::is_called(leaf, host) {
        true => Ok(()),
        false => Err(CertificateError::NotValidForName.into()),
    }
}

/// In words, an RSA key of a size that the cryptography at hand does not take.
fn odd_rsa_key(key: PublicKey<'_>) -> Option<String> {
    let bits = key.rsa_bits().filter(|bits| !RSA_BITS.contains(bits))?;
    Some(format!("an RSA key of {bits} bits (those of {} to {} are known)", RSA_BITS.start(), RSA_BITS.end()))
}

type ChainKey = [u8; 32];

/// SHA-256 over the name and every certificate in order, each with its length before it, so that no
/// two inputs run together.
fn chain_key(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>], name: &str) -> ChainKey {
    let mut hash = sha256_provider().start();
    let chain = std::iter::once(leaf).chain(intermediates).map(AsRef::as_ref);
    for part in std::iter::once(name.as_bytes()).chain(chain) {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    sized(hash.finish())
}

/// The chains that were found good, and when they are. Oldest first out.
#[derive(Debug, Default)]
struct VerifiedChains {
    windows: HashMap<ChainKey, Window>,
    oldest: VecDeque<ChainKey>,
}

impl VerifiedChains {
    fn holds(&self, key: &ChainKey, now: UnixTime) -> bool {
        self.windows.get(key).is_some_and(|window| window.contains(now))
    }

    fn insert(&mut self, key: ChainKey, window: Window) {
        match self.windows.entry(key) {
            Entry::Occupied(mut known) => *known.get_mut() = window,
            Entry::Vacant(new) => {
                new.insert(window);
                self.oldest.push_back(key);
            }
        }
        if self.oldest.len() > MAX_VERIFIED_CHAINS
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.windows.remove(&oldest);
        }
    }
}

/// The seconds at which all certificates of a chain are valid, in Unix time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: i64,
    until: i64,
}

impl Window {
    /// `None` if a certificate's dates cannot be read: such a chain is not remembered.
    fn of_chain(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Option<Self> {
        let mut window = Window { from: i64::MIN, until: i64::MAX };
        for certificate in std::iter::once(leaf).chain(intermediates) {
            let (from, until) = x509::validity(certificate)?;
            window.from = window.from.max(from);
            window.until = window.until.min(until);
        }
        Some(window)
    }

    fn contains(self, now: UnixTime) -> bool {
        i64::try_from(now.as_secs()).is_ok_and(|now| self.from <= now && now <= self.until)
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
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
        GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints, date_time_ymd,
    };
    use rustls::server::WebPkiClientVerifier;
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::version::{TLS12, TLS13};

    /// 2025-01-01, 2025-06-01 and 2026-01-01. Leaves are valid from the first to the last.
    const START: i64 = 1_735_689_600;
    const NOW: u64 = 1_748_736_000;
    const END: i64 = 1_767_225_600;
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

    struct Authority {
        issuer: Issuer<'static, KeyPair>,
        pem: String,
    }

    struct Issued {
        chain: String,
        key: String,
        der: Vec<u8>,
    }

    impl Issued {
        fn identity(&self) -> Identity<'_> {
            Identity { chain: self.chain.as_bytes(), key: self.key.as_bytes() }
        }
    }

    fn authority_params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
        params
    }

    fn authority(name: &str) -> Authority {
        let params = authority_params(name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    fn leaf_params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2025, 1, 1);
        params.not_after = date_time_ymd(2026, 1, 1);
        params
    }

    fn issue(authority: &Authority, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority.issuer).unwrap();
        Issued { chain: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
    }

    /// The time of the tests; a test that is about time sets it elsewhere.
    fn clock() -> WallClock {
        let clock = WallClock::default();
        clock.set(NOW);
        clock
    }

    fn pem(text: &str) -> Roots<'_> {
        Roots { pem: Some(text.as_bytes()), system: &[] }
    }

    fn options<'a>(roots: &'a str, clock: &WallClock) -> TlsOptions<'a> {
        TlsOptions {
            roots: pem(roots),
            insecure: false,
            identity: None,
            verify_cache: true,
            resumption: false,
            clock: clock.clone(),
        }
    }

    fn acceptor(issued: &Issued) -> TlsAcceptor {
        TlsAcceptor::new(issued.identity(), &clock()).unwrap()
    }

    /// A server that does what the product's own never would.
    fn odd_server(issued: &Issued, adjust: impl FnOnce(&mut Vec<CertificateDer<'static>>)) -> TlsAcceptor {
        let (mut chain, key) = read_identity(issued.identity()).unwrap();
        adjust(&mut chain);
        let key = PROVIDER.key_provider.load_private_key(key).unwrap();
        let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
        let config = ServerConfig::builder_with_provider(PROVIDER.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown));
        TlsAcceptor { config: Arc::new(config) }
    }

    /// A server that demands a certificate by `authority` from its clients.
    fn demanding(
        issued: &Issued,
        authority: &Authority,
        version: &'static rustls::SupportedProtocolVersion,
    ) -> TlsAcceptor {
        let roots = Trusted::new(pem(&authority.pem)).unwrap().roots;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), PROVIDER.clone());
        let (chain, key) = read_identity(issued.identity()).unwrap();
        let config = ServerConfig::builder_with_details(PROVIDER.clone(), Arc::new(clock()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        TlsAcceptor { config: Arc::new(config) }
    }

    /// What one side has got from the other.
    struct Side {
        session: TlsSession,
        plaintext: Vec<u8>,
        error: Option<TlsError>,
    }

    impl Side {
        fn new(session: TlsSession) -> Self {
            Side { session, plaintext: Vec::new(), error: None }
        }

        fn wire(&mut self) -> Vec<u8> {
            let mut wire = Vec::new();
            while self.session.wants_write() {
                assert!(self.session.wire_out(&mut wire).unwrap() > 0);
            }
            wire
        }

        fn take(&mut self, wire: &[u8]) {
            let plaintext = &mut self.plaintext;
            if let Err(error) = self.session.feed(wire, |piece| plaintext.extend(piece)) {
                self.error = Some(error);
            }
        }
    }

    /// A client and a server in one process, with nothing between them but `Vec`s.
    struct Pair {
        client: Side,
        server: Side,
    }

    impl Pair {
        fn new(config: &TlsConfig, name: &str, acceptor: &TlsAcceptor) -> Self {
            Pair {
                client: Side::new(TlsSession::new(config, name).unwrap()),
                server: Side::new(acceptor.accept().unwrap()),
            }
        }

        /// Moves bytes, `step` at a time, until neither side has more to say.
        fn run(&mut self, step: usize) {
            for _ in 0..20 {
                let (to_server, to_client) = (self.client.wire(), self.server.wire());
                if to_server.is_empty() && to_client.is_empty() {
                    return;
                }
                to_server.chunks(step).for_each(|wire| self.server.take(wire));
                to_client.chunks(step).for_each(|wire| self.client.take(wire));
            }
            panic!("the two talk for ever");
        }

        /// Runs a handshake that must succeed, and a request and an answer after it.
        fn exchange(mut self, step: usize) -> Self {
            let written = self.client.session.write_plaintext(REQUEST);
            assert_eq!(written, Ok(REQUEST.len()));
            self.run(step);
            assert_eq!((&self.client.error, &self.server.error), (&None, &None));
            assert!(!self.client.session.is_handshaking() && !self.server.session.is_handshaking());
            assert_eq!(self.server.plaintext, REQUEST);
            let answer = vec![b'x'; 40_000];
            assert_eq!(self.server.session.write_plaintext(&answer), Ok(answer.len()));
            self.run(step);
            assert_eq!(self.client.plaintext, answer);
            self
        }
    }

    /// The client's error when it asks `acceptor` for `name`, and the leaf that it was shown.
    fn refusal(config: &TlsConfig, name: &str, acceptor: &TlsAcceptor) -> (TlsError, Option<Vec<u8>>) {
        let mut pair = Pair::new(config, name, acceptor);
        pair.run(usize::MAX);
        let leaf = pair.client.session.facts().leaf.map(<[u8]>::to_vec);
        (pair.client.error.expect("the client should refuse"), leaf)
    }

    fn untrusted_issuer() -> TlsError {
        untrusted("no trusted authority has issued the certificate")
    }

    #[test]
    fn a_good_handshake_and_its_facts() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
        let pair = Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);
        let facts = TlsFacts {
            version: Some("1.3"),
            cipher: Some("TLS_AES_128_GCM_SHA256".into()),
            alpn: Some("http/1.1".into()),
            leaf: Some(&issued.der),
            fingerprint: Some(sha256(&issued.der)),
            resumed: false,
        };
        assert_eq!(pair.client.session.facts(), facts);
        assert_eq!(pair.server.session.facts().leaf, None);
    }

    #[test]
    fn the_wire_may_be_cut_anywhere() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
        let acceptor = acceptor(&issued);
        for step in [1, 2, 3, 4, 5, 6, 7, 64, 1000, 4095, 4096, 4097, 16 * 1024] {
            Pair::new(&config, "api.example", &acceptor).exchange(step);
        }
        // And the server's first flight in two pieces, cut at each place.
        let mut cut = 1;
        loop {
            let mut pair = Pair::new(&config, "api.example", &acceptor);
            let hello = pair.client.wire();
            pair.server.take(&hello);
            let flight = pair.server.wire();
            // Signatures differ in length from one handshake to the next, and with them the flight.
            let Some((first, rest)) = flight.split_at_checked(cut) else { break };
            pair.client.take(first);
            if !pair.client.session.is_handshaking() {
                break; // what is left are tickets
            }
            assert_eq!(pair.client.session.eof(), Ok(StreamEnd::InHandshake));
            pair.client.take(rest);
            pair.exchange(usize::MAX);
            cut += 1;
        }
        assert!(cut > 500, "the handshake was done after {cut} bytes");
    }

    #[test]
    fn the_time_decides() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let acceptor = acceptor(&issued);
        let clock = clock();
        let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
        let start = START as u64;
        let end = END as u64;
        let expired = TlsError::Expired { not_after: Some(end) };
        let early = TlsError::NotYetValid { not_before: Some(start) };
        for (now, expected) in [(start - 1, Some(&early)), (start, None), (end, None), (end + 1, Some(&expired))] {
            clock.set(now);
            match expected {
                None => drop(Pair::new(&config, "api.example", &acceptor).exchange(usize::MAX)),
                Some(error) => {
                    let refused = refusal(&config, "api.example", &acceptor);
                    assert_eq!(refused, (error.clone(), Some(issued.der.clone())));
                }
            }
        }
        assert_eq!(expired.to_string(), "the certificate has expired");
        assert_eq!(early.to_string(), "the certificate is not valid yet");
    }

    #[test]
    fn an_issuer_that_ended_is_told_apart_from_the_leaf() {
        let root = authority("root");
        let mut params = authority_params("intermediate");
        params.not_after = date_time_ymd(2025, 3, 1);
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &root.issuer).unwrap().pem();
        let intermediate = Authority { issuer: Issuer::new(params, key), pem };
        let mut issued = issue(&intermediate, &leaf_params("api.example"));
        issued.chain.push_str(&intermediate.pem);
        let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
        let (error, leaf) = refusal(&config, "api.example", &acceptor(&issued));
        assert_eq!(error, TlsError::Expired { not_after: Some(1_740_787_200) });
        assert_eq!(leaf, Some(issued.der));
    }

    #[test]
    fn without_the_time_no_handshake_begins() {
        let root = authority("root");
        let config = TlsConfig::new(&options(&root.pem, &WallClock::default())).unwrap();
        let error = TlsSession::new(&config, "api.example").unwrap_err();
        assert!(matches!(&error, TlsSetupError::Local(_)), "{error}");
    }

    #[test]
    fn names_must_match() {
        let root = authority("root");
        let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
        let cases = [
            ("api.example", "api.example", true),
            ("api.example", "API.example", true),
            ("api.example", "api.example.", true),
            ("*.api.example", "a.api.example", true),
            ("*.api.example", "api.example", false),
            ("*.api.example", "a.b.api.example", false),
            ("api.example", "other.example", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1", "localhost", false),
            ("::1", "::1", true),
        ];
        for (certified, asked, good) in cases {
            let issued = issue(&root, &leaf_params(certified));
            let acceptor = acceptor(&issued);
            if good {
                Pair::new(&config, asked, &acceptor).exchange(usize::MAX);
            } else {
                let refused = refusal(&config, asked, &acceptor);
                assert_eq!(refused, (TlsError::WrongName, Some(issued.der)), "{certified} {asked}");
            }
        }
    }

    #[test]
    fn only_the_given_roots_are_trusted() {
        let (ours, theirs) = (authority("ours"), authority("theirs"));
        let issued = issue(&theirs, &leaf_params("api.example"));
        let server = acceptor(&issued);
        let both = format!("{}{}", ours.pem, theirs.pem);
        let clock = clock();

        let config = TlsConfig::new(&options(&both, &clock)).unwrap();
        Pair::new(&config, "api.example", &server).exchange(usize::MAX);

        let one = TlsConfig::new(&options(&ours.pem, &clock)).unwrap();
        let mozilla = TlsConfig::new(&TlsOptions { roots: Roots::default(), ..options("", &clock) }).unwrap();
        for config in [one, mozilla] {
            let refused = refusal(&config, "api.example", &server);
            assert_eq!(refused, (untrusted_issuer(), Some(issued.der.clone())));
        }
    }

    #[test]
    fn self_signed_and_unfit_certificates() {
        let root = authority("root");
        let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
        let self_signed = |params: &CertificateParams| {
            let key = KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            Issued { chain: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
        };
        let plain = self_signed(&leaf_params("api.example"));
        assert_eq!(refusal(&config, "api.example", &acceptor(&plain)).0, untrusted_issuer());

        let mut params = leaf_params("api.example");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_as_leaf = self_signed(&params);
        let (error, _) = refusal(&config, "api.example", &acceptor(&authority_as_leaf));
        assert_eq!(error, untrusted("the certificate was refused: ca used as end entity"));

        let mut params = leaf_params("api.example");
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::EmailProtection);
        let (error, _) = refusal(&config, "api.example", &acceptor(&issue(&root, &params)));
        assert_eq!(error, untrusted("the certificate is not meant for this use"));
    }

    #[test]
    fn insecure_takes_any_certificate_but_not_a_wrong_key() {
        let nobody = authority("nobody");
        let issued = issue(&nobody, &leaf_params("other.example"));
        let options = TlsOptions { insecure: true, ..options(&nobody.pem, &clock()) };
        options.clock.set(END as u64 + 1);
        let config = TlsConfig::new(&options).unwrap();
        let pair = Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);
        assert_eq!(pair.client.session.facts().leaf, Some(&issued.der[..]));

        let stolen = odd_server(&issue(&nobody, &leaf_params("x")), |chain| {
            *chain = certificates(issued.chain.as_bytes()).unwrap();
        });
        let (error, leaf) = refusal(&config, "api.example", &stolen);
        assert_eq!(error, untrusted("a signature does not match the certificate"));
        assert_eq!(leaf, Some(issued.der));
        assert_eq!(config.verify_cache(), CacheCounts::default());
    }

    #[test]
    fn insecure_takes_what_is_no_certificate_at_all() {
        let nobody = authority("nobody");
        let issued = issue(&nobody, &leaf_params("other.example"));
        let options = TlsOptions { insecure: true, ..options(&nobody.pem, &clock()) };
        let config = TlsConfig::new(&options).unwrap();
        let shown = [b"junk".to_vec(), vec![0x30, 0], issued.der[..issued.der.len() - 1].to_vec()];
        for junk in shown {
            let server = odd_server(&issued, |chain| chain[0] = junk.clone().into());
            let pair = Pair::new(&config, "api.example", &server).exchange(usize::MAX);
            assert_eq!(pair.client.session.facts().leaf, Some(&junk[..]));
        }
    }

    #[test]
    fn a_certificate_among_the_trusted_ones_needs_no_issuer() {
        let root = authority("root");
        let mut params = leaf_params("api.example");
        let issued = issue(&root, &params);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let its_own = issue(&root, &params);
        let clock = clock();
        for trusted in [&issued, &its_own] {
            let config = TlsConfig::new(&options(&trusted.chain, &clock)).unwrap();
            for asked in ["api.example", "API.example"] {
                Pair::new(&config, asked, &acceptor(trusted)).exchange(usize::MAX);
            }
            assert_eq!(refusal(&config, "other.example", &acceptor(trusted)).0, TlsError::WrongName);
            clock.set(END as u64 + 1);
            let expired = TlsError::Expired { not_after: Some(END as u64) };
            assert_eq!(refusal(&config, "api.example", &acceptor(trusted)).0, expired);
            clock.set(START as u64 - 1);
            let early = TlsError::NotYetValid { not_before: Some(START as u64) };
            assert_eq!(refusal(&config, "api.example", &acceptor(trusted)).0, early);
            clock.set(NOW);
            Pair::new(&config, "api.example", &acceptor(trusted)).exchange(usize::MAX);

            // One that it has issued itself, if it may.
            let key = KeyPair::from_pem(&trusted.key).unwrap();
            let below = Authority { issuer: Issuer::new(params.clone(), key), pem: String::new() };
            let issued = acceptor(&issue(&below, &leaf_params("other.example")));
            match x509::may_issue(&trusted.der) {
                true => drop(Pair::new(&config, "other.example", &issued).exchange(usize::MAX)),
                false => assert_eq!(refusal(&config, "other.example", &issued).0, untrusted_issuer()),
            }
            // Another certificate of the same issuer, and this one in the hands of somebody without its key.
            let other = issue(&root, &leaf_params("api.example"));
            assert_eq!(refusal(&config, "api.example", &acceptor(&other)).0, untrusted_issuer());
            let stolen = odd_server(&other, |chain| *chain = certificates(trusted.chain.as_bytes()).unwrap());
            let unsigned = untrusted("a signature does not match the certificate");
            assert_eq!(refusal(&config, "api.example", &stolen).0, unsigned);
        }
    }

    #[test]
    fn hosts_that_the_library_has_no_word_for() {
        let root = authority("root");
        let clock = clock();
        let cases = [
            ("*.wild.example", "shop-.wild.example", true),
            ("*.wild.example", "-.wild.example", true),
            ("*.wild.example", "-a.b-.wild.example", false),
            ("*.wild.example", "shop-.other.example", false),
            ("0.0.0.0", "shop-.wild.example", false),
        ];
        for (certified, asked, good) in cases {
            let acceptor = acceptor(&issue(&root, &leaf_params(certified)));
            for resumption in [false, true] {
                let config = TlsConfig::new(&TlsOptions { resumption, ..options(&root.pem, &clock) }).unwrap();
                if good {
                    // None is taken for another because rustls is told the same of all.
                    for _ in 0..2 {
                        let pair = Pair::new(&config, asked, &acceptor).exchange(usize::MAX);
                        assert!(!pair.client.session.facts().resumed);
                    }
                } else {
                    assert_eq!(refusal(&config, asked, &acceptor).0, TlsError::WrongName, "{certified} {asked}");
                }
                assert_eq!(refusal(&config, "a-.example", &acceptor).0, TlsError::WrongName);
            }
            let nobody = authority("nobody");
            let stranger = TlsConfig::new(&options(&nobody.pem, &clock)).unwrap();
            assert_eq!(refusal(&stranger, asked, &acceptor).0, untrusted_issuer());
            let insecure = TlsConfig::new(&TlsOptions { insecure: true, ..options(&nobody.pem, &clock) }).unwrap();
            Pair::new(&insecure, asked, &acceptor).exchange(usize::MAX);
        }
    }

    #[test]
    fn what_cannot_be_read_is_our_lack_only_where_somebody_trusted_could_vouch_for_it() {
        let [root, stranger] = ["root", "stranger"].map(authority);
        let mut params = leaf_params("api.example");
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
        let server = odd_server(&issue(&root, &params), |_| ());
        let with = |roots: &str| refusal(&TlsConfig::new(&options(roots, &clock())).unwrap(), "api.example", &server).0;
        assert_eq!(with(&root.pem), unsupported("a critical extension that is not known here"));
        assert_eq!(with(&stranger.pem), untrusted_issuer());
    }

    #[test]
    fn a_systems_store_may_have_what_cannot_be_read() {
        let [root, other] = ["root", "other"].map(authority);
        let server = acceptor(&issue(&root, &leaf_params("api.example")));
        let clock = clock();
        let junk =
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n!\n-----END";
        let store = [junk, root.pem.as_bytes(), root.pem.as_bytes()].join(&b'\n');
        let with = |pem: Option<&str>, system: &[&[u8]]| {
            let roots = Roots { pem: pem.map(str::as_bytes), system };
            TlsConfig::new(&TlsOptions { roots, ..options("", &clock) })
        };
        for pem in [None, Some(&other.pem[..]), Some(&root.pem[..])] {
            let config = with(pem, &[other.pem.as_bytes(), &store]).unwrap();
            Pair::new(&config, "api.example", &server).exchange(usize::MAX);
        }
        for useless in [&b""[..], junk, b"words"] {
            let error = with(None, &[&store, useless]).unwrap_err().to_string();
            assert_eq!(error, "trusted certificates: no certificate in the system's store can be read");
        }
    }

    #[test]
    fn pem_as_editors_and_other_tools_leave_it() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let clock = clock();
        let marked = format!("\u{feff}{}", root.pem);
        let forms = [
            marked.clone(),
            marked.replace('\n', "\r\n"),
            format!("\u{feff}words\n{0}{marked}{0}", authority("other").pem),
            format!("Certificate:\n    Data: caf\u{e9}\n{}trailing words", root.pem),
        ];
        for form in forms {
            let config = TlsConfig::new(&options(&form, &clock)).unwrap();
            Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);
        }
        let [chain, key] = [&issued.chain, &issued.key].map(|pem| format!("\u{feff}{pem}"));
        TlsAcceptor::new(Identity { chain: chain.as_bytes(), key: key.as_bytes() }, &clock).unwrap();
        let trusted = root.pem.replace(" CERTIFICATE", " TRUSTED CERTIFICATE");
        let error = TlsConfig::new(&options(&trusted, &clock)).unwrap_err().to_string();
        assert!(error.contains("OpenSSL's own form"), "{error}");
    }

    #[test]
    fn directory_names_are_no_matter_of_hosts() {
        let constrained = |names: &[GeneralSubtree], by: Option<&Authority>| {
            let mut params = authority_params("constrained");
            params.name_constraints =
                Some(NameConstraints { permitted_subtrees: names.to_vec(), excluded_subtrees: Vec::new() });
            let key = KeyPair::generate().unwrap();
            let certificate = match by {
                None => params.self_signed(&key),
                Some(by) => params.signed_by(&key, &by.issuer),
            };
            Authority { pem: certificate.unwrap().pem(), issuer: Issuer::new(params, key) }
        };
        let mut organization = DistinguishedName::new();
        organization.push(DnType::OrganizationName, "an organization");
        let directory = GeneralSubtree::DirectoryName(organization);
        let dns = GeneralSubtree::DnsName("example".into());
        let clock = clock();
        let server = |authority: &Authority, name: &str| {
            let mut issued = issue(authority, &leaf_params(name));
            issued.chain.push_str(&authority.pem);
            acceptor(&issued)
        };
        for names in [&[directory.clone()][..], &[directory.clone(), dns.clone()]] {
            let root = constrained(names, None);
            let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
            Pair::new(&config, "api.example", &server(&root, "api.example")).exchange(usize::MAX);
        }
        // What it says of hosts holds.
        let root = constrained(&[directory.clone(), dns.clone()], None);
        let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
        let violated = untrusted("the certificate was refused: name constraint violation");
        assert_eq!(refusal(&config, "api.other", &server(&root, "api.other")).0, violated);

        // Below the root nothing can be taken out; it is our lack, not the server's.
        let root = authority("root");
        let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
        let below = constrained(&[directory], Some(&root));
        let lack = unsupported("a name constraint on directory names");
        assert_eq!(refusal(&config, "api.example", &server(&below, "api.example")).0, lack);
        let below = constrained(&[dns], Some(&root));
        Pair::new(&config, "api.example", &server(&below, "api.example")).exchange(usize::MAX);
        assert_eq!(refusal(&config, "api.other", &server(&below, "api.other")).0, violated);
    }

    #[test]
    fn client_certificates() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let own = issue(&root, &leaf_params("client.example"));
        let clock = clock();
        let without = options(&root.pem, &clock);
        let with = TlsOptions { identity: Some(own.identity()), ..without.clone() };
        let (without, with) = (TlsConfig::new(&without).unwrap(), TlsConfig::new(&with).unwrap());
        for version in [&TLS13, &TLS12] {
            let server = demanding(&issued, &root, version);
            let pair = Pair::new(&with, "api.example", &server).exchange(usize::MAX);
            assert_eq!(pair.server.session.facts().leaf, Some(&own.der[..]));

            let (error, leaf) = refusal(&without, "api.example", &server);
            assert_eq!(error, TlsError::Alert { code: 116 });
            let words = "the peer refused with the alert certificate_required";
            assert_eq!(error.to_string(), words);
            assert_eq!(leaf.as_deref(), Some(&issued.der[..]));
        }
    }

    #[test]
    fn a_server_of_tls_1_2_only() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let (chain, key) = read_identity(issued.identity()).unwrap();
        let config = ServerConfig::builder_with_provider(PROVIDER.clone())
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let server = TlsAcceptor { config: Arc::new(config) };
        let clock = clock();
        let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
        for step in [1, usize::MAX] {
            let pair = Pair::new(&config, "api.example", &server).exchange(step);
            let facts = pair.client.session.facts();
            assert_eq!(facts.version, Some("1.2"));
            assert_eq!(facts.cipher.as_deref(), Some("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"));
            assert_eq!(facts.alpn, None);
            assert_eq!(facts.leaf, Some(&issued.der[..]));
        }
        clock.set(END as u64 + 1);
        let (error, leaf) = refusal(&config, "api.example", &server);
        assert_eq!(error, TlsError::Expired { not_after: Some(END as u64) });
        assert_eq!(leaf, Some(issued.der));
    }

    /// The client's error when the server answers its hello with `bytes`, whole or byte by byte,
    /// and then ends.
    fn answered_with(bytes: &[u8]) -> Result<StreamEnd, TlsError> {
        let root = authority("root");
        let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
        let end = |step| {
            let mut client = Side::new(TlsSession::new(&config, "api.example").unwrap());
            assert!(!client.wire().is_empty());
            bytes.chunks(step).for_each(|wire| client.take(wire));
            if let Some(error) = &client.error {
                assert_eq!(client.session.eof().as_ref(), Err(error));
            }
            client.session.eof()
        };
        let whole = end(usize::MAX);
        assert_eq!(end(1), whole);
        whole
    }

    #[test]
    fn servers_that_speak_something_else() {
        let cases: &[(&[u8], &str)] = &[
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the server spoke HTTP on this port"),
            (b"SSH-2.0-OpenSSH_9.6\r\n", "the server spoke SSH on this port"),
            (b"220 mail.example ESMTP\r\n", "a mail or FTP server spoke on this port"),
            (b"220-welcome\r\n", "a mail or FTP server spoke on this port"),
            (b"\0\x01\xff\"garbage", "what came is not TLS, it starts with \"\\x00\\x01\\xff\\\"g\""),
            (b"no", "what came is not TLS, it starts with \"no\""),
            (b"H", "what came is not TLS, it starts with \"H\""),
        ];
        for (bytes, what) in cases {
            assert_eq!(answered_with(bytes), Err(TlsError::NotTls { what: (*what).into() }));
        }
        assert_eq!(answered_with(b""), Ok(StreamEnd::InHandshake));
        assert_eq!(answered_with(&[22, 3, 3]), Ok(StreamEnd::InHandshake));
    }

    #[test]
    fn servers_that_refuse_or_break_the_protocol() {
        // A ServerHello of TLS 1.1: version, random, no session, a cipher suite, no compression.
        let hello = [&[22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
        let cases: &[(&[u8], TlsError)] = &[
            (&[21, 3, 1, 0, 2, 2, 70], TlsError::OldVersion),
            (&hello, TlsError::OldVersion),
            (&[21, 3, 3, 0, 2, 2, 40], TlsError::OfferRefused { code: 40 }),
            (&[21, 3, 3, 0, 2, 2, 71], TlsError::OfferRefused { code: 71 }),
            (&[21, 3, 3, 0, 2, 2, 112], TlsError::Alert { code: 112 }),
            (&[21, 3, 3, 0, 2, 2, 200], TlsError::Alert { code: 200 }),
        ];
        for (bytes, error) in cases {
            assert_eq!(answered_with(bytes), Err(error.clone()));
        }
        let broken: &[(&[u8], &str)] = &[
            (&[22, 3, 3, 0xff, 0xff], "a malformed message: message too large"),
            (&[22, 3, 3, 0, 4, 99, 0, 0, 0], "received unexpected handshake message"),
            (&[23, 3, 3, 0, 1, 0], "received unexpected message"),
        ];
        for (bytes, start) in broken {
            let error = answered_with(bytes).unwrap_err();
            assert!(matches!(error, TlsError::Protocol(_)), "{error:?}");
            assert!(error.to_string().starts_with(start), "{error}");
        }
    }

    #[test]
    fn the_peer_gets_its_alert_after_a_failure() {
        let (ours, theirs) = (authority("ours"), authority("theirs"));
        let issued = issue(&theirs, &leaf_params("api.example"));
        let config = TlsConfig::new(&options(&ours.pem, &clock())).unwrap();
        let mut pair = Pair::new(&config, "api.example", &acceptor(&issued));
        pair.run(usize::MAX);
        assert_eq!(pair.client.error, Some(untrusted_issuer()));
        assert_eq!(pair.server.error, Some(TlsError::Alert { code: 48 }));
        assert_eq!(alert_name(48), Some("unknown_ca"));

        let client = &mut pair.client;
        assert_eq!(client.session.feed(b"more", |_| ()), Err(untrusted_issuer()));
        assert_eq!(client.session.write_plaintext(b"more"), Err(untrusted_issuer()));
        assert_eq!(client.session.eof(), Err(untrusted_issuer()));
    }

    #[test]
    fn truncation_is_seen() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
        let mut pair = Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);
        assert_eq!(pair.client.session.eof(), Ok(StreamEnd::Truncated));
        assert!(!pair.client.session.close_notify_seen());

        pair.server.session.write_plaintext(b"the end").unwrap();
        pair.server.session.close();
        let mut wire = pair.server.wire();
        wire.extend(b"what follows is ignored");
        pair.client.plaintext.clear();
        pair.client.take(&wire);
        assert_eq!((&pair.client.plaintext[..], &pair.client.error), (&b"the end"[..], &None));
        assert!(pair.client.session.close_notify_seen());
        assert_eq!(pair.client.session.eof(), Ok(StreamEnd::Clean));
    }

    #[test]
    fn plaintext_before_damage_is_given_out() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
        let mut pair = Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);
        pair.client.plaintext.clear();
        pair.server.session.write_plaintext(b"whole").unwrap();
        let mut wire = pair.server.wire();
        pair.server.session.write_plaintext(b"damaged").unwrap();
        wire.extend(pair.server.wire());
        *wire.last_mut().unwrap() ^= 1;
        pair.client.take(&wire);
        assert_eq!(pair.client.plaintext, b"whole");
        assert!(matches!(pair.client.error, Some(TlsError::Protocol(_))));
        pair.run(usize::MAX);
        assert_eq!(pair.server.error, Some(TlsError::Alert { code: 20 }));
    }

    #[test]
    fn unsent_plaintext_is_bounded() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
        let mut pair = Pair::new(&config, "api.example", &acceptor(&issued));
        let body = vec![b'b'; MAX_UNSENT + 1];
        assert_eq!(pair.client.session.write_plaintext(&body), Ok(MAX_UNSENT));
        assert_eq!(pair.client.session.write_plaintext(&body), Ok(0));
        pair.run(usize::MAX);
        assert_eq!(pair.client.session.write_plaintext(b"b"), Ok(1));
        pair.run(usize::MAX);
        assert_eq!(pair.server.plaintext, body);
    }

    #[test]
    fn a_known_chain_is_verified_once() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("*.api.example"));
        let server = acceptor(&issued);
        let clock = clock();
        let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
        let mut hits_and_misses = (0, 0);
        let mut expect = |hits, misses| {
            hits_and_misses.0 += hits;
            hits_and_misses.1 += misses;
            let counts = CacheCounts { hits: hits_and_misses.0, misses: hits_and_misses.1 };
            assert_eq!(config.verify_cache(), counts);
        };

        Pair::new(&config, "a.api.example", &server).exchange(usize::MAX);
        expect(0, 1);
        Pair::new(&config, "a.api.example", &server).exchange(usize::MAX);
        expect(1, 0);
        // Another name that the certificate also has, and one that it has not.
        Pair::new(&config, "b.api.example", &server).exchange(usize::MAX);
        expect(0, 1);
        assert_eq!(refusal(&config, "other.example", &server).0, TlsError::WrongName);
        expect(0, 1);
        // A refused chain is not remembered.
        assert_eq!(refusal(&config, "other.example", &server).0, TlsError::WrongName);
        expect(0, 1);
        // Another server with the same root.
        let again = issue(&root, &leaf_params("*.api.example"));
        Pair::new(&config, "a.api.example", &acceptor(&again)).exchange(usize::MAX);
        expect(0, 1);
        // The last second, and the one after; before the first; and back.
        clock.set(END as u64);
        Pair::new(&config, "a.api.example", &server).exchange(usize::MAX);
        expect(1, 0);
        clock.set(END as u64 + 1);
        let expired = TlsError::Expired { not_after: Some(END as u64) };
        assert_eq!(refusal(&config, "a.api.example", &server).0, expired);
        expect(0, 1);
        clock.set(START as u64 - 1);
        let early = TlsError::NotYetValid { not_before: Some(START as u64) };
        assert_eq!(refusal(&config, "a.api.example", &server).0, early);
        expect(0, 1);
        clock.set(NOW);
        Pair::new(&config, "a.api.example", &server).exchange(usize::MAX);
        expect(1, 0);
    }

    #[test]
    fn a_changed_byte_is_not_a_known_chain() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
        Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);

        let forged = odd_server(&issued, |chain| {
            let mut der = chain[0].to_vec();
            *der.last_mut().unwrap() ^= 1; // in the issuer's signature
            chain[0] = der.into();
        });
        let (error, leaf) = refusal(&config, "api.example", &forged);
        assert_eq!(error, untrusted("a signature does not match the certificate"));
        assert_ne!(leaf.unwrap(), issued.der);
        // One certificate more is another chain too, though the leaf is the same and good.
        let longer = odd_server(&issued, |chain| chain.push(chain[0].clone()));
        Pair::new(&config, "api.example", &longer).exchange(usize::MAX);
        assert_eq!(config.verify_cache(), CacheCounts { hits: 0, misses: 3 });

        // The certificate of a known chain without its key: known, and refused all the same.
        let other = issue(&root, &leaf_params("api.example"));
        let stolen = odd_server(&other, |chain| {
            *chain = certificates(issued.chain.as_bytes()).unwrap();
        });
        let (error, leaf) = refusal(&config, "api.example", &stolen);
        assert_eq!(error, untrusted("a signature does not match the certificate"));
        assert_eq!(leaf, Some(issued.der));
        assert_eq!(config.verify_cache(), CacheCounts { hits: 1, misses: 3 });
    }

    #[test]
    fn the_cache_can_be_off_and_forgets_what_has_no_dates() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let server = acceptor(&issued);
        let clock = clock();
        let usual = options(&root.pem, &clock);
        let config = TlsConfig::new(&TlsOptions { verify_cache: false, ..usual.clone() }).unwrap();
        for _ in 0..2 {
            Pair::new(&config, "api.example", &server).exchange(usize::MAX);
        }
        assert_eq!(config.verify_cache(), CacheCounts::default());

        // One that cannot be read is shown besides.
        let dateless = odd_server(&issued, |chain| chain.push(CertificateDer::from(vec![0x30, 0])));
        let config = TlsConfig::new(&usual).unwrap();
        for _ in 0..2 {
            Pair::new(&config, "api.example", &dateless).exchange(usize::MAX);
        }
        assert_eq!(config.verify_cache(), CacheCounts { hits: 0, misses: 2 });
    }

    #[test]
    fn the_narrowest_dates_of_a_chain_count() {
        let years = |from, until| {
            let mut params = leaf_params("api.example");
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
            CertificateDer::from(issue(&authority("root"), &params).der)
        };
        let chain = [years(2010, 2090), years(2025, 2099), years(2000, 2026)];
        let window = Window::of_chain(&chain[0], &chain[1..]).unwrap();
        assert_eq!(window, Window { from: START, until: END });
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let (from, until) = (START as u64, END as u64);
        let inside = [from - 1, from, until, until + 1, u64::MAX].map(|seconds| window.contains(at(seconds)));
        assert_eq!(inside, [false, true, true, false, false]);
        assert_eq!(Window::of_chain(&chain[0], &[CertificateDer::from(vec![0x30, 0])]), None);
    }

    #[test]
    fn the_cache_is_bounded_and_forgets_the_oldest() {
        let mut chains = VerifiedChains::default();
        let window = Window { from: 0, until: 10 };
        let key = |number: usize| sha256(&number.to_le_bytes());
        for number in 0..=MAX_VERIFIED_CHAINS {
            chains.insert(key(number), window);
            chains.insert(key(number), window);
        }
        assert_eq!((chains.windows.len(), chains.oldest.len()), (MAX_VERIFIED_CHAINS, MAX_VERIFIED_CHAINS));
        let now = UnixTime::since_unix_epoch(Duration::from_secs(5));
        let held = [0, 1, MAX_VERIFIED_CHAINS].map(|number| chains.holds(&key(number), now));
        assert_eq!(held, [false, true, true]);
    }

    #[test]
    fn chain_keys_do_not_run_together() {
        let der = |bytes: &[u8]| CertificateDer::from(bytes.to_vec());
        let keys = [
            chain_key(&der(b"ab"), &[der(b"c")], "a"),
            chain_key(&der(b"a"), &[der(b"bc")], "a"),
            chain_key(&der(b"abc"), &[], "a"),
            chain_key(&der(b"abc"), &[der(b"")], "a"),
            chain_key(&der(b"c"), &[der(b"ab")], "a"),
            chain_key(&der(b"ab"), &[der(b"c")], "b"),
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn sessions_are_resumed_if_asked_for() {
        let root = authority("root");
        let issued = issue(&root, &leaf_params("api.example"));
        let server = acceptor(&issued);
        let clock = clock();
        for resumption in [false, true] {
            let config = TlsConfig::new(&TlsOptions { resumption, ..options(&root.pem, &clock) }).unwrap();
            let first = Pair::new(&config, "api.example", &server).exchange(usize::MAX);
            assert!(!first.client.session.facts().resumed);
            let second = Pair::new(&config, "api.example", &server).exchange(usize::MAX);
            let facts = second.client.session.facts();
            assert_eq!((facts.resumed, facts.leaf), (resumption, Some(&issued.der[..])));
        }
    }

    #[test]
    fn unusable_configuration_is_named() {
        let root = authority("root");
        let clock = clock();
        let roots = |pem: &[u8]| {
            let options = TlsOptions { roots: Roots { pem: Some(pem), system: &[] }, ..options("", &clock) };
            TlsConfig::new(&options).unwrap_err().to_string()
        };
        let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(roots(b""), "trusted certificates: empty, expected PEM with -----BEGIN CERTIFICATE-----");
        assert_eq!(roots(b"hello"), "trusted certificates: no PEM section -----BEGIN CERTIFICATE-----");
        assert_eq!(
            roots(&[0x30, 0x82]),
            "trusted certificates: this looks like DER, expected PEM with -----BEGIN CERTIFICATE-----"
        );
        assert_eq!(roots(junk.as_bytes()), "trusted certificates: none of the certificates can be read");
        assert!(roots(&root.pem.as_bytes()[..100]).starts_with("trusted certificates: "));
        assert!(roots(root.pem.replace('M', "!").as_bytes()).starts_with("trusted certificates: "));

        let some = format!("{}{junk}", root.pem);
        assert_eq!(TlsConfig::new(&options(&some, &clock)).unwrap().ignored_roots(), 1);

        let (one, two) = (issue(&root, &leaf_params("a")), issue(&root, &leaf_params("b")));
        let identity = |chain: &str, key: &str| {
            let identity = Identity { chain: chain.as_bytes(), key: key.as_bytes() };
            let options = TlsOptions { identity: Some(identity), ..options(&root.pem, &clock) };
            let client = TlsConfig::new(&options).unwrap_err().to_string();
            let server = TlsAcceptor::new(identity, &clock).unwrap_err().to_string();
            assert_eq!(client, server);
            client
        };
        assert_eq!(identity(&one.chain, &two.key), "private key: it does not belong to the certificate");
        assert_eq!(identity(&one.chain, &one.chain), "private key: no PEM section -----BEGIN PRIVATE KEY-----");
        assert_eq!(identity(&one.key, &one.key), "certificate: no PEM section -----BEGIN CERTIFICATE-----");
        assert_eq!(identity(junk, &one.key), "certificate: the certificate cannot be read");
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert!(identity(&one.chain, encrypted).starts_with("private key: it is encrypted"));
        for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
            let key = format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n");
            let words = identity(&one.chain, &key);
            assert!(words.starts_with("private key: failed to parse"), "{words}");
        }
    }

    #[test]
    fn hashes() {
        // FIPS 180-4, the one-block example.
        let abc = sha256(b"abc");
        assert_eq!(&abc[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(&abc[28..], [0xf2, 0x00, 0x15, 0xad]);
    }

    #[test]
    fn finer_causes_become_words() {
        assert_eq!(spaced("NoCipherSuitesInCommon"), "no cipher suites in common");
        assert_eq!(spaced("ServerDoesNotSupportTls12Or13"), "server does not support tls12 or13");
        assert_eq!(spaced("MissingData(\"KeyShare\")"), "missing data(\"key share\")");
        let error = rustls::Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon);
        let words = TlsError::from_rustls(&error).to_string();
        assert_eq!(words, "no common ground: no cipher suites in common");
        let error = TlsError::from_rustls(&rustls::Error::NoCertificatesPresented);
        assert_eq!(error.to_string(), "the server has shown no certificate");
        assert_eq!(TlsError::Alert { code: 200 }.to_string(), "the peer refused with the alert 200");
    }

    #[test]
    fn every_alert_of_rustls_has_a_name() {
        for code in 0..=u8::MAX {
            let known = AlertDescription::from(code).as_str().is_some();
            assert_eq!(alert_name(code).is_some(), known, "{code}");
        }
    }
}
