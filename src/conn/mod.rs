//! Connections: bytes to and from a peer, without waiting. Nothing here has heard of HTTP.

#[cfg(feature = "tls")]
pub mod tls;
