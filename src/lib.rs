//! upcheck: one thread that checks hundreds of services at once.

pub mod check;
pub mod command;
pub mod conn;
pub mod engine;
pub mod proto;
pub mod reactor;
pub mod report;
pub mod sys;
