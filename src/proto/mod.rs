//! Protocols as values: bytes in, meaning out. Nothing here has a socket or a clock.

pub mod calendar;
pub mod dns;
pub mod http;
pub mod json;
pub mod url;
pub mod x509;
