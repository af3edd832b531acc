//! What the tests stand on: servers to talk to, a way to run the program, a way to read what it said.
//!
//! Nothing here imports the crate under test: a client tried only against its own server hides the mistakes they share.

pub(crate) mod dns;
mod healthy;
mod peer;
#[cfg(feature = "tls")]
mod pki;
mod proxy;
mod random;
mod report;
mod runner;
mod server;
mod tempdir;
#[cfg(feature = "tls")]
mod tlspeer;

pub(crate) use healthy::Healthy;
pub(crate) use peer::{Peer, nginx};
#[cfg(feature = "tls")]
pub(crate) use pki::{Authority, Identity};
pub(crate) use proxy::Proxy;
pub(crate) use random::SplitMix;
pub(crate) use report::Report;
#[cfg(feature = "mock")]
pub(crate) use runner::Lines;
pub(crate) use runner::{Output, Running, Upcheck};
pub(crate) use server::{Request, Server, Step, listen_with};
pub(crate) use tempdir::TempDir;
#[cfg(feature = "tls")]
pub(crate) use tlspeer::{Demands, TlsPeer};

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Says on standard error that a test, or a part of one, did not run, and why.
macro_rules! skipped {
    ($($why:tt)*) => {
        eprintln!("skipped: {}: {}", module_path!(), format_args!($($why)*))
    };
}
pub(crate) use skipped;

/// The longest that a test waits for anything. Far above what is needed: it bounds a hang, it does not measure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Milliseconds, shorter to read in a script.
pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Asks `condition` until it holds.
///
/// # Panics
/// When it has not held within [`PATIENCE`].
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(ms(5));
    }
}

/// An address on which nothing listens: it was free a moment ago.
pub(crate) fn refused_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
    listener.local_addr().expect("a bound listener has an address")
}

/// Serves who connects, until it is to stop. Tests run side by side, so that the process may be out of descriptors for a
/// moment: nobody is turned away for that.
pub(crate) fn accept(listener: &TcpListener, stops: impl Fn() -> bool, mut serve: impl FnMut(TcpStream)) {
    loop {
        match listener.accept() {
            _ if stops() => return,
            Ok((stream, _)) => serve(stream),
            Err(_) => std::thread::sleep(ms(1)),
        }
    }
}

/// Waits for the end of a thread that was told to stop, and calls `wake` for as long as it waits for something: that, too,
/// may want a descriptor.
pub(crate) fn end(thread: JoinHandle<()>, wake: impl Fn()) {
    let mut pause = ms(1);
    while !thread.is_finished() {
        wake();
        std::thread::sleep(pause);
        pause = ms(100).min(pause * 2);
    }
    // What a panic said is on standard error.
    let _ = thread.join();
}

/// Where the program is: on the search path of this machine, or where servers are, which a plain user's does not have.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Whether this machine has the program.
pub(crate) fn has_program(name: &str) -> bool {
    program(name).is_some()
}
