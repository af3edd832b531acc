//! Which registration an event belongs to, packed into the one number that the OS hands back.
//!
//! A socket is closed and its slot reused within one turn of the loop, while an event for the *old* socket may still
//! sit later in the same batch. nginx calls it "the stale event from a file descriptor that was just closed in this
//! iteration". A slot number alone cannot tell the two apart; a slot number and a generation can.

use crate::os::Token;

/// The identity of one registration: a slot, and how many times that slot had been used before.
///
/// Made by [`Reactor::open`](super::Reactor::open), dead after [`Reactor::close`](super::Reactor::close).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// Bits of a token that hold the slot; the rest hold the generation, as much of it as has room.
const SLOT_BITS: u32 = slot_bits(usize::BITS);

/// The largest slot number.
pub(super) const SLOT_MAX: usize = (1 << SLOT_BITS) - 1;

/// Half of them on a 64-bit machine. On a 32-bit one all but ten, which is four million slots: a million checks at once is
/// the most that can be asked for, each has a key, and beside it that of a lookup or of sockets, of which there are no more
/// than descriptors (Linux: 1,048,576, `fs.nr_open`). Ten bits of a generation are the same again when one slot has been
/// used 1,024 times within a turn; then somebody may be called ready who is not, and a read or a write will tell.
const fn slot_bits(token_bits: u32) -> u32 {
    if token_bits < 64 { token_bits - 10 } else { token_bits / 2 }
}

/// The slot that a token names.
pub(super) fn slot_of(token: Token) -> usize {
    token.0 & SLOT_MAX
}

impl Key {
    /// The token to register with the OS.
    pub(super) fn token(self) -> Token {
        Token((self.generation as usize) << SLOT_BITS | self.slot as usize)
    }

    /// The key of the next user of this slot.
    pub(super) fn next(self) -> Key {
        Key { slot: self.slot, generation: self.generation.wrapping_add(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_slots_and_generations_apart() {
        let mut tokens = std::collections::HashSet::new();
        for slot in [0, 1, 77, SLOT_MAX as u32] {
            for generation in [0, 1, 1_000] {
                let token = Key { slot, generation }.token();
                assert_eq!(slot_of(token), slot as usize);
                assert!(tokens.insert(token));
            }
        }
    }

    #[test]
    fn the_next_user_of_a_slot_has_another_token() {
        for generation in [0, 1_023, u32::MAX] {
            let key = Key { slot: 3, generation };
            assert_ne!(key.next().token(), key.token());
            assert_eq!(key.next().slot, 3);
        }
    }

    /// A million checks, a lookup or a socket for each, and the sockets of their races.
    #[test]
    fn a_token_of_32_bits_numbers_all_that_can_be_under_way() {
        assert_eq!((slot_bits(32), slot_bits(64)), (22, 32));
        assert!(1u32 << slot_bits(32) > 2 * 1_000_000 + (1 << 20));
    }
}
