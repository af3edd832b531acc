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
//! No two files know each other, by whatever way round, and no two types have one name. A test reads the sources and fails on
//! an import against this table or in a circle, on `unsafe` outside `sys` (C's `main` aside), on a clock read outside [`os`],
//! on a file opened where nobody named it, and on a name in this text that the code does not have.
//!
//! # One check, step by step
//!
//! A line is read ([`command::input`]) and becomes a target ([`check::target`]). From there on a check of `https://` goes down
//! this table, and all the others go down it at the same time. On the left is what comes out of a turn of the loop; in the
//! middle the engine tells the machine and hears what it wants; on the right the engine does it. Every name is a function, an
//! [`Input`](check::machine::Input), an [`Action`](check::machine::Action) or a state that can be searched for: the engine's
//! stand in `engine/mod.rs`, `connecting.rs` and `exchange.rs`, the machine's in `check/machine.rs`.
//!
//! | event | engine hears | input | machine, and its new state | action | engine does |
//! | --- | --- | --- | --- | --- | --- |
//! | there is room for it | `add`, `begin` | `Start` | `approach` → `ExpectAddresses` | `Arm`, `Resolve` | `resolve` |
//! | its name is known | `hear_of_names`, `resolved` | `Resolved` | `connect` → `ExpectConnection` | `Connect`, `Send` | `dial` |
//! | its socket is writable | `writable`, `prove`, `won` | `Connected` | `connected` → `ExpectTls` | | |
//! | readable: the handshake goes on | `readable`, `read`, `feed` | `Secured` | `stands` → `ExpectAnswer` | | `flush` |
//! | readable: the head and some body | `readable`, `read`, `feed` | `Bytes` | `bytes` → `ExpectBody` | | |
//! | readable: the rest of it | `readable`, `read`, `feed` | `Bytes` | `whole`, `judge` → `Ended` | `Finish` | `finish`, `release` |
//! | or, at any time, its deadline | `time_is_up` | `Deadline` | `fail` → `Ended` | `Finish` | `finish`, `release` |
//!
//! A literal address skips the second row, plain `http://` the fourth. The outcome ([`check::outcome`]) goes to every report.
//! `upcheck demo --explain` tells the same of a dozen checks, live. Seven at once, as `-o waterfall` draws them (`--trace` does
//! so in colour): all of them begin together, and nobody waits for another.
//!
//! ```text
//!       : dns  - connect  % tls  = wait  # body
//!     x legacy   |- connect_refused                                        |    64 us
//!       auth     |======                                                   |    41 ms
//!       search   |==================                                       |   122 ms
//!       billing  |=============================                            |   200 ms
//!     x cart     |============================== status                    |   201 ms
//!     x ledger   |===================================== response_timeout   |   251 ms
//!       export   |=============================############################|   383 ms
//!                 0                                                  383 ms
//! ```
//!
//! # The words of this house
//!
//! - *turn*: one trip round the loop, from asking the system to asking it again.
//! - *readiness*: that a read or write would not wait. *Interest*: which of them somebody wants to hear of. *Edge-triggered*: it
//!   is told when it changes, once, and not again as long as it lasts.
//! - *key*: who is registered at the reactor: a socket, a deadline, or both. Its *token* is the number that the system hands back.
//!   A slot that is used again has another *generation*, so that old events find nobody.
//! - *tag*: what the owner of a key calls it. It comes back with every event, and one `match` on it holds the control flow.
//! - *target*: what is to be checked, with its settings. *Check*: one target being checked. *In flight*: begun and not over.
//! - *attempt*: one try of a check; `--retry` makes several. *Hop*: one exchange with one place; a redirect begins the next.
//! - *input*, *action*: what the machine is told, and what it asks for. *State*: what it waits for in between.
//! - *phase*: a part of an attempt's time: dns, connect, tls, wait, body.
//! - *deadline*: when the waiting for something is over. *Timer*: what tells that it has come.
//! - *reason*: how a target fared, one word of a closed list. *Verdict*: what that means. *Outcome*: all that is known of a check.
//!   *Record*: an outcome as reports see it.
//! - *dial*: the race of connections to the addresses of one name. *Connection*: a socket, and TLS where there is some.
//!
//! # Reading order, for who came to learn event loops
//!
//! 1. `src/lib.rs`: the map.
//! 2. `src/reactor/examples/echo.rs`: a whole server on the loop, in a hundred lines (`cargo run --example echo`).
//! 3. `src/os/mod.rs`: what an event loop needs from a system, on one page. `src/reactor/mod.rs`: the loop itself, "next deadline
//!    -> wait -> what time is it -> who is ready -> whose time is up". `src/reactor/token.rs`: why an event for a socket just
//!    closed cannot hit the next one. `src/reactor/timers.rs`. `src/reactor/sight.rs`: what can be known of when something
//!    happened.
//! 4. `src/conn/tcp.rs`: a connect that does not wait. `src/conn/tls/mod.rs`: TLS as bytes in and bytes out.
//! 5. `src/proto/http/chunked.rs`, `src/proto/http/response.rs`: parsers that can be stopped at every byte.
//! 6. `src/check/machine.rs`: one check, which a test steps by hand.
//! 7. `src/engine/mod.rs`: the other 999 of them: the turn and the queue. `src/engine/connecting.rs`, `src/engine/exchange.rs`:
//!    how they get there, and what is said. `src/engine/pool.rs`: what becomes of connections that are kept.
//! 8. `src/reactor/examples/resolve.rs`: one DNS question on the same loop (`cargo run --example resolve NAME`).
//!    `src/engine/resolver/mod.rs`: a thousand of them, over sockets that are not connections.
//! 9. `src/command/mock.rs`: the other side, a service with faults, on the same loop.
//! 10. `src/command/check.rs`: everything else that a program waits for (its input, signals, a progress line), in the same loop.
//!     `src/command/reports.rs`: who waits for its readers. `src/report/record.rs`, `src/report/formats.rs`: what they read.
//! 11. `src/sim/mod.rs`: all of it in a world of scripted peers and troubles, a seed a run.
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
