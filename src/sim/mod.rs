//! The program in a simulated world: the real loop, engine, resolver, queue and reports over [`os`](crate::os), whose
//! other side is played by [`world`].

pub mod random;
pub mod world;
