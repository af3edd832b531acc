//! The bodies of the fuzz targets, for libFuzzer. How to run them stands in `tests/fuzz/bodies/mod.rs`.
//!
//! They are in `tests/`, and only led to from here, because `cargo test` runs them too, and must be able to where this folder
//! is not: in the published package.

#[path = "../../tests/fuzz/bodies/mod.rs"]
pub mod bodies;
