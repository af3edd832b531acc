//! upcheck: one thread that checks hundreds of services at once.

pub mod check;
pub mod conn;
pub mod proto;
pub mod reactor;
