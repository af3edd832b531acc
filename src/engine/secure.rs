//! TLS for targets: one configuration for all that want the same, and what a handshake showed, put into the outcome's
//! terms.
//!
//! The TLS half knows bytes and hands out a certificate as it came; the pure half reads it. This is where they meet.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::check::machine::Check;
use crate::check::outcome::{CertificateSeen, TlsSeen};
use crate::check::settings::TlsWanted;
use crate::conn::tls::{CacheCounts, Identity, Roots, TlsConfig, TlsOptions, TlsSession, TlsSetupError, WallClock};
use crate::proto::x509::{self, AltName};

/// The configurations in use.
pub struct Secure {
    clock: WallClock,
    verify_cache: bool,
    defaults: Defaults,
    /// One for the flags, and one for each different thing that lines said lately: the oldest makes room.
    configs: VecDeque<(Rc<TlsWanted>, TlsConfig)>,
    /// The counts of those that are gone.
    gone: CacheCounts,
}

/// Whom to trust where a target does not say it: the texts are PEM.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Instead of the built-in roots.
    pub roots: Option<Rc<[u8]>>,
    /// PEM of certificates that are trusted besides the built-in ones: `SSL_CERT_DIR`'s.
    pub besides: Option<Rc<[u8]>>,
}

/// The most configurations that are kept.
const CONFIGS_MAX: usize = 64;

impl Secure {
    /// None yet: the first target that wants one has it made. `verify_cache`: a chain that was verified once is known
    /// from then on.
    pub fn new(verify_cache: bool, defaults: Defaults) -> Secure {
        Secure {
            clock: WallClock::default(),
            verify_cache,
            defaults,
            configs: VecDeque::new(),
            gone: CacheCounts::default(),
        }
    }

    /// Sets the time by which certificates are judged, since the Unix epoch.
    pub fn set_time(&self, wall: Duration) {
        self.clock.set(wall.as_secs());
    }

    /// A session for the check, which has its first flight ready.
    ///
    /// # Errors
    /// This machine's trouble: what the input could have wrong was found by [`verify`].
    pub fn session(&mut self, check: &Check) -> Result<TlsSession, TlsSetupError> {
        let wanted = &*wanted(check);
        let known = self.configs.iter().position(|(known, _)| Rc::ptr_eq(known, wanted) || known == wanted);
        let index = match known {
            Some(index) => index,
            None => {
                let config = config(wanted, &self.defaults, self.verify_cache, &self.clock)?;
                if self.configs.len() == CONFIGS_MAX
                    && let Some((_, oldest)) = self.configs.pop_front()
                {
                    self.gone = sum(self.gone, oldest.verify_cache());
                }
                self.configs.push_back((wanted.clone(), config));
                self.configs.len() - 1
            }
        };
        TlsSession::new(&self.configs[index].1, server_name(check))
    }

    /// How often a certificate chain was known already, over all configurations.
    pub fn cache_counts(&self) -> CacheCounts {
        self.configs.iter().map(|(_, config)| config.verify_cache()).fold(self.gone, sum)
    }
}

fn sum(a: CacheCounts, b: CacheCounts) -> CacheCounts {
    CacheCounts { hits: a.hits + b.hits, misses: a.misses + b.misses }
}

/// The name that TLS asks for and expects.
pub fn server_name(check: &Check) -> &str {
    // A trailing dot is DNS's way of saying "absolute" and no part of the name (RFC 6066, 3).
    // A name that was said for one host is not asked of another: a redirect is the server's word.
    let host = said_name(check).map_or(check.url().host(), |name| name);
    host.strip_suffix('.').unwrap_or(host)
}

/// The name that was said for the host that the check asks now, in place of its own.
pub(super) fn said_name(check: &Check) -> Option<&Rc<str>> {
    check.target().settings.server_name.as_ref().filter(|_| !check.is_elsewhere())
}

/// How TLS is to be spoken with the host that the check asks now. Our own certificate says who we are, and is shown to
/// nobody but the origin that it was given for.
pub(super) fn wanted(check: &Check) -> Cow<'_, Rc<TlsWanted>> {
    let wanted = &check.target().settings.tls;
    match check.is_elsewhere() && (wanted.cert.is_some() || wanted.key.is_some()) {
        true => Cow::Owned(Rc::new(TlsWanted { cert: None, key: None, ..TlsWanted::clone(wanted) })),
        false => Cow::Borrowed(wanted),
    }
}

/// Looks whether a configuration can be made of what a user gave.
///
/// # Errors
/// What is wrong with it, in words.
pub fn verify(wanted: &TlsWanted) -> Result<(), String> {
    match wanted {
        TlsWanted { roots: None, native: None, cert: None, key: None, .. } => Ok(()),
        TlsWanted { cert: None, key: Some(_), .. } => Err("a key without its certificate (--cert)".to_owned()),
        wanted => {
            let made = config(wanted, &Defaults::default(), false, &WallClock::default());
            made.map(drop).map_err(|error| error.to_string())
        }
    }
}

fn config(
    wanted: &TlsWanted,
    defaults: &Defaults,
    verify_cache: bool,
    clock: &WallClock,
) -> Result<TlsConfig, TlsSetupError> {
    let chain = wanted.cert.as_deref();
    let (roots, besides) = match &wanted.roots {
        Some(roots) => (Some(roots), None),
        None => (defaults.roots.as_ref(), defaults.besides.as_deref()),
    };
    let mut system: Vec<&[u8]> = Vec::new();
    system.extend(wanted.native.as_deref());
    system.extend(besides);
    TlsConfig::new(&TlsOptions {
        roots: Roots { pem: roots.map(|pem| &**pem), system: &system },
        insecure: wanted.insecure,
        identity: chain.map(|chain| Identity { chain, key: wanted.key.as_deref().unwrap_or(chain) }),
        verify_cache,
        // A resumed session verifies no certificate, and a certificate is part of what is checked: only on request.
        resumption: wanted.resume,
        clock: clock.clone(),
    })
}

/// What the session has shown so far.
pub fn seen(session: &TlsSession) -> TlsSeen {
    let facts = session.facts();
    let certificate = facts.leaf.zip(facts.fingerprint).and_then(|(leaf, fingerprint)| {
        let read = x509::parse(leaf).ok().or_else(|| x509::outline(leaf))?;
        Some(CertificateSeen {
            subject: read.subject.into(),
            issuer: read.issuer.into(),
            names: read.names.iter().map(name_text).collect(),
            not_before: read.not_before,
            not_after: read.not_after,
            fingerprint,
        })
    });
    TlsSeen {
        version: facts.version,
        cipher: facts.cipher.as_deref().map(Into::into),
        certificate,
        resumed: facts.resumed,
    }
}

fn name_text(name: &AltName) -> Box<str> {
    match name {
        AltName::Dns(name) => name.as_str().into(),
        AltName::Ip(address) => address.to_string().into(),
    }
}
