//! # upcheck: one thread that waits for a thousand services at once
//!
//! This is the map of the program for whoever reads it. Read it first; it takes five minutes.
//!
//! One thread asks the operating system which of its sockets are ready, moves each check one step, and asks again. The
//! pure half of the code never touches a socket or a clock; the OS half has never heard of HTTP; [`engine`] is the only
//! place that knows both.
//!
//! ```text
//!       PURE: values in, values out                   OS: bytes and time, never HTTP
//!    report --> check --> proto {url, http, dns, ...}   conn {tcp, unix, tls}   reactor     os: one seam: time, poll, sockets
//!                 ^         ^                                ^   \________________/__________^        ^          ^
//!                 +---------+------------ engine ------------+-----------------+           sys, mio    sim: a world
//!                                           ^                                                          (tests only)
//!     main --> command {check, report, demo, mock, compare}
//! ```
//!
//! | layer | what it is | may import |
//! | --- | --- | --- |
//! | [`proto`] | protocols as bytes: URLs, HTTP/1.1, DNS, certificates, JSON | std, httparse |
//! | [`check`] | a target, the machine that checks it, the outcome | `proto` |
//! | [`report`] | a record of an outcome, and what it looks like, a format a file | `check`, `proto` |
//! | [`sys`] | what std lacks; the only folder with `unsafe` | libc |
//! | [`os`] | the seam: what a loop needs from a system, real or, in unit tests, simulated | mio, `sys` |
//! | [`reactor`] | the event loop | `os` |
//! | [`conn`] | connections: TCP, unix sockets, TLS (which alone reads `proto`'s certificates) | `os`, rustls, webpki-roots |
//! | [`engine`] | the shell: moves checks over connections on the loop | all above but `report` |
//! | [`command`] | what a user asks for | everything but `conn`, except `mock` |
//!
//! A test reads the sources and fails on an import against this table, on `unsafe` outside `sys`, and on a clock read
//! outside [`os`].
//!
//! # Reading order, for who came to learn event loops
//!
//! 1. [`os`]: what an event loop needs from a system, on one page. [`reactor`]: a loop is "next deadline -> wait -> what
//!    time is it -> who is ready -> whose time is up". Then its helpers: `token.rs`, why an event for a socket just closed
//!    cannot hit the next one; `timers.rs`; `sight.rs`, what can be known of when something happened.
//! 2. [`command::mock`]: a whole server on that loop.
//! 3. [`conn::tcp`], [`conn::tls`]: connecting without waiting, and TLS as bytes in and bytes out.
//! 4. `proto/http/chunked.rs`, [`proto::http::response`]: parsers that can be stopped at every byte.
//! 5. [`check::machine`]: one check, which a test steps by hand.
//! 6. [`engine`]: the other 999 of them: the turn and the queue; `connecting.rs`, `exchange.rs`; [`engine::pool`], what
//!    becomes of connections that are kept.
//! 7. [`engine::resolver`]: a second protocol on the same loop, over sockets that are not connections.
//! 8. [`command::check`]: everything else that a program waits for (its input, signals, a progress line), in the same loop;
//!    [`command::reports`]: who waits for its readers; [`report::record`], [`report::formats`]: what they read.
//! 9. `sim`: all of it in a world of scripted peers and troubles, a seed a run.
//!
//! # One check, end to end
//!
//! A line is read ([`command::input`]) and becomes a target ([`check::target`]). The queue admits it
//! ([`engine::queue`]), the name becomes addresses, a socket is dialled ([`engine::dial`]), secured if it is to be, and
//! sent the request. Whatever comes back goes through the decoder in the machine until it has seen enough; the outcome
//! ([`check::outcome`]) goes to every report.
//!
//! # Three things to keep apart
//!
//! An *error* is wrong input of ours: a message, and exit status 3. A *reason* is how a target failed: an ordinary
//! value from a closed list, never an `Err`. A *bug* is a broken promise of the code to itself: an assertion.
//!
//! # Time
//!
//! Nobody but [`os`] reads a clock; everybody else is told the time. A phase ends with the time stamp of the turn that saw
//! its end, also where it is dealt with a turn later, and the next begins with a fresh reading, so what the one thread did
//! for others in between is charged to nobody; and a check's deadline moves by as much. Where it is in doubt when something
//! came, because nobody looked for a while or this program was not there, the kernel is asked, or the time is taken that
//! favours the target. A turn works for a few milliseconds, then the OS is asked again.

pub mod check;
pub mod command;
pub mod conn;
pub mod engine;
pub mod os;
pub mod proto;
pub mod reactor;
pub mod report;
#[cfg(test)]
#[allow(unreachable_pub)]
mod sim;
pub mod sys;
