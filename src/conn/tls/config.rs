//! What sessions are made from: whom to trust, who one is, and what is kept from one session to the next.
//!
//! Everything that can be wrong with the user's input is found here, before the first connection. It refuses to know what
//! becomes of a handshake.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, InconsistentKeys, ServerConfig};

use super::pem::{certificates, private_key};
use super::provider::PROVIDER;
use super::verifier::{CacheCounts, Judge, Roots, Trusted, Verifier};

/// How many servers' sessions are kept for resumption, if that is on.
const MAX_RESUMABLE_SERVERS: usize = 256;
/// rustls counts tickets, not servers, and reserves this many for each.
const TICKETS_PER_SERVER: usize = 8;
/// What both sides say they speak inside (RFC 7301).
const ALPN: &[u8] = b"http/1.1";

/// The wall time that certificates are judged by: a value, not a clock. Whoever reads the clock
/// sets it, and every configuration that holds a clone sees it. While it was never set, handshakes
/// fail rather than take 1970 for today.
#[derive(Debug, Clone, Default)]
pub struct WallClock(Arc<AtomicUsize>);

impl WallClock {
    /// Sets the time, in seconds since 1970.
    pub fn set(&self, unix_seconds: u64) {
        // Not every machine has atomic numbers of 64 bits; those of 32 reach to the year 2106.
        self.0.store(usize::try_from(unix_seconds).unwrap_or(usize::MAX), Ordering::Relaxed);
    }
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds as u64))),
        }
    }
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
    /// What says whether a certificate is valid now.
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
    pub(super) client: Arc<ClientConfig>,
    pub(super) judge: Arc<Judge>,
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
        let judge = Arc::new(Judge::new(trusted, options.insecure, options.verify_cache));
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
    pub(super) fn for_odd_host(&self, host: &str) -> Arc<ClientConfig> {
        let mut client = ClientConfig::clone(&self.client);
        client.resumption = Resumption::disabled();
        let verifier = Verifier { judge: self.judge.clone(), odd_host: Some(host.into()) };
        client.dangerous().set_certificate_verifier(Arc::new(verifier));
        Arc::new(client)
    }
}

type ChainAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

pub(super) fn read_identity(identity: Identity<'_>) -> Result<ChainAndKey, TlsSetupError> {
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
    pub(super) config: Arc<ServerConfig>,
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
}
