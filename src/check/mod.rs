//! What a check is: the target, the machine that checks it, and what came of it.
//!
//! Values in, values out. Time comes in as `now`, bytes as slices; nothing here has a socket or reads a clock. So one
//! check can be stepped by hand in a test, a thousand simulated from a seed, and the same machine driven by an event
//! loop or by a blocking thread.

pub mod discovery;
pub mod expect;
pub mod machine;
pub mod outcome;
pub mod route;
pub mod settings;
pub mod shard;
pub mod tally;
pub mod target;
pub mod units;
