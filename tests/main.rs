//! The tests that run the program: one binary, a module a capability.
//!
//! Most know upcheck only as a user does: its command line, its files, its output, its exit code. The peers it talks to
//! are in `support`, share no code with it, and run on loopback. `fuzz` knows the library: it
//! feeds its parsers what no peer of ours would say.

mod support;

#[cfg(feature = "tls")]
mod certificates;
mod check;
mod cli;
#[cfg(feature = "compare")]
mod compare;
mod concurrency;
#[cfg(feature = "mock")]
mod demo;
mod dns;
mod examples;
mod expectations;
mod explain;
#[cfg(feature = "reports")]
mod formats;
#[cfg(feature = "reports")]
mod formats_html;
#[cfg(feature = "reports")]
mod formats_monitoring;
mod fuzz;
mod hostile;
mod independent;
mod keepalive;
mod load;
#[cfg(feature = "mock")]
mod mock;
#[cfg(all(feature = "tls", feature = "mock"))]
mod mock_tls;
mod names;
mod peers;
mod raw;
mod redirects;
mod regression;
#[cfg(feature = "reports")]
mod report;
mod reports;
mod requests;
mod retries;
mod sandbox;
mod signals;
mod syscalls;
mod targets;
mod terminal;
mod tidy;
mod timeouts;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "reports")]
mod trace;
mod transports;
