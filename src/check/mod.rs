//! What a check is: the target, the machine that checks it, the outcome.

pub mod expect;
