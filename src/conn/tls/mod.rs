//! TLS as bytes: wire bytes in and out, plaintext in and out, and the facts of the handshake.
//!
//! Only this folder names rustls. It refuses to know sockets (the owner of a session reads and writes
//! them), clocks (wall time is put into a [`WallClock`]), how a certificate is written (that is
//! [`x509`](crate::proto::x509)'s; the leaf is handed out as DER), and the protocol that is spoken
//! inside.
//!
//! ```text
//!     config ──► session ──► words       what went wrong, and who is to blame
//!        └───► verifier ───────┘         whose certificates are good, and which chains are known from before
//!     pem, provider                      texts of certificates and keys; the cryptography
//! ```
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

mod config;
mod pem;
mod provider;
mod session;
mod verifier;
mod words;

pub use config::{Identity, TlsAcceptor, TlsConfig, TlsOptions, TlsSetupError, WallClock};
pub use provider::sha256;
pub use session::{MAX_UNSENT, StreamEnd, TlsFacts, TlsSession};
pub use verifier::{CacheCounts, MAX_VERIFIED_CHAINS, Roots};
pub use words::{TlsError, alert_name};

#[cfg(test)]
mod tests;
