//! The tests that run the program: one binary, a module a capability.
