//! The face of `tls` in a build without TLS: a session is a type that has no value, so nothing here can ever run.
//!
//! Whoever wants a session is told that there is none; all other code compiles and is left out. Targets with `https://`
//! are refused long before, where they are read.

use std::borrow::Cow;
use std::fmt;
use std::io;

/// The wall time that certificates would be judged by.
#[derive(Debug, Clone, Default)]
pub struct WallClock {}

impl WallClock {
    /// Nobody asks for it.
    pub fn set(&self, _unix_seconds: u64) {}
}

/// Whom to trust.
#[derive(Debug, Clone, Copy, Default)]
pub struct Roots<'a> {
    /// These, or the built-in list.
    pub pem: Option<&'a [u8]>,
    /// PEM of a system's store, besides.
    pub system: &'a [&'a [u8]],
}

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// PEM of the certificate and its issuers.
    pub chain: &'a [u8],
    /// PEM of the key that belongs to it.
    pub key: &'a [u8],
}

/// What a configuration would be made of.
#[derive(Debug, Clone)]
pub struct TlsOptions<'a> {
    /// Whom to trust.
    pub roots: Roots<'a>,
    /// Accept every certificate.
    pub insecure: bool,
    /// Who this client is.
    pub identity: Option<Identity<'a>>,
    /// Remember verified chains.
    pub verify_cache: bool,
    /// Resume sessions.
    pub resumption: bool,
    /// What says whether a certificate is valid now.
    pub clock: WallClock,
}

/// There is no TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSetupError;

impl fmt::Display for TlsSetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this upcheck was built without TLS")
    }
}

/// How often a known chain was met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// How often a chain was known already: never.
    pub hits: u64,
    /// It had to be verified.
    pub misses: u64,
}

/// A configuration, of which there is none.
#[derive(Debug)]
pub enum TlsConfig {}

impl TlsConfig {
    /// # Errors
    /// Always: there is no TLS in this build.
    pub fn new(_options: &TlsOptions<'_>) -> Result<TlsConfig, TlsSetupError> {
        Err(TlsSetupError)
    }

    /// The counts of a cache that holds nothing.
    pub fn verify_cache(&self) -> CacheCounts {
        match *self {}
    }
}

/// A server's configuration, of which there is none.
#[derive(Debug, Clone)]
pub enum TlsAcceptor {}

impl TlsAcceptor {
    /// # Errors
    /// Always: there is no TLS in this build.
    pub fn new(_identity: Identity<'_>, _clock: &WallClock) -> Result<TlsAcceptor, TlsSetupError> {
        Err(TlsSetupError)
    }

    /// # Errors
    /// Never: without a configuration it cannot be called.
    pub fn accept(&self) -> Result<TlsSession, TlsSetupError> {
        match *self {}
    }
}

/// Why a session failed, of which there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsError {}

impl fmt::Display for TlsError {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for TlsError {}

/// How far a stream had come when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// The peer said that it would say no more, and all has come.
    Clean,
    /// Perhaps cut short.
    Truncated,
    /// Before there was anything.
    InHandshake,
}

/// What a handshake showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts<'a> {
    /// `"1.3"` or `"1.2"`, once it is agreed on.
    pub version: Option<&'static str>,
    /// The cipher suite.
    pub cipher: Option<Cow<'static, str>>,
    /// The server's certificate.
    pub leaf: Option<&'a [u8]>,
    /// Its SHA-256.
    pub fingerprint: Option<[u8; 32]>,
    /// Whether a session was resumed.
    pub resumed: bool,
}

/// A session, of which there is none.
#[derive(Debug)]
pub enum TlsSession {}

impl TlsSession {
    /// # Errors
    /// Never: without a configuration it cannot be called.
    pub fn new(config: &TlsConfig, _server_name: &str) -> Result<TlsSession, TlsSetupError> {
        match *config {}
    }

    /// Takes wire bytes.
    pub fn feed(&mut self, _wire: &[u8], _plaintext: impl FnMut(&[u8])) -> Result<(), TlsError> {
        match *self {}
    }

    /// Gives wire bytes.
    pub fn wire_out(&mut self, _out: &mut impl io::Write) -> io::Result<usize> {
        match *self {}
    }

    /// Whether there are any.
    pub fn wants_write(&self) -> bool {
        match *self {}
    }

    /// Takes plaintext.
    pub fn write_plaintext(&mut self, _plaintext: &[u8]) -> Result<usize, TlsError> {
        match *self {}
    }

    /// Says that it is done.
    pub fn close(&mut self) {
        match *self {}
    }

    /// Whether the handshake is not done.
    pub fn is_handshaking(&self) -> bool {
        match *self {}
    }

    /// Whether the peer said that it was done.
    pub fn close_notify_seen(&self) -> bool {
        match *self {}
    }

    /// What the end of the socket means.
    pub fn eof(&self) -> Result<StreamEnd, TlsError> {
        match *self {}
    }

    /// What was shown.
    pub fn facts(&self) -> TlsFacts<'_> {
        match *self {}
    }
}
