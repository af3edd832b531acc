//! The tests that run the program: one binary, a module a capability.
//!
//! They know upcheck only as a user does: its command line, its files, its output, its exit code. The peers it talks to
//! are in `support`, share no code with it, and run on loopback.

mod support;

mod check;
mod cli;
mod concurrency;
mod demo;
mod dns;
mod hostile;
mod mock;
mod peers;
mod regression;
mod reports;
mod signals;
mod targets;
mod tidy;
mod timeouts;
