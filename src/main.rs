//! The `upcheck` program.

fn main() {}
