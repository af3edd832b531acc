//! What the fuzzers do: one function a target, from any bytes to nothing, that panics when a promise is broken.
//!
//! They are called from two places. `cargo test` feeds them a few thousand seeded inputs each, which takes seconds
//! (`tests/fuzz.rs`). libFuzzer feeds them from the folder `fuzz/`, with feedback and for as long as it is let:
//!
//! ```text
//!     cargo install cargo-fuzz
//!     cargo +nightly fuzz list
//!     cargo +nightly fuzz run response -- -max_total_time=60
//!     cargo +nightly fuzz run response fuzz/artifacts/response/crash-...     # play one again
//! ```
//!
//! Without nightly, `cargo build --manifest-path fuzz/Cargo.toml` builds them on stable: they run, but blindly.
//!
//! A body asserts what must hold for *any* input: that nothing panics, that a split changes nothing, that bounds are kept,
//! that what was read can be read again. What one certain input means is the matter of the unit tests. A crash that
//! was found becomes a unit test where the mistake was, named for it.

// Public for the crate in `fuzz/`, which has this folder as a module of its own; here nobody outside can reach it.
#![allow(unreachable_pub)]

mod check;
mod dns;
mod http;
#[cfg(feature = "reports")]
mod report;
mod values;

pub use check::{check_machine, discovery, expectation, target_line, url};
pub use dns::{dns_config, dns_lookup, dns_message};
pub use http::{chunked, request_head, response};
#[cfg(feature = "reports")]
pub use report::results;
pub use values::{json, x509};

/// An input that is read from its front: a few bytes decide what is done, the rest is what it is done with. An empty one
/// goes on with zeros, so that every input means something.
struct Tape<'a>(&'a [u8]);

impl<'a> Tape<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Up to the next line feed, which is left out.
    fn line(&mut self) -> &'a [u8] {
        let length = self.0.iter().position(|byte| *byte == b'\n').unwrap_or(self.0.len());
        let line = self.take(length);
        self.take(1);
        line
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
