//! Connections used again.
