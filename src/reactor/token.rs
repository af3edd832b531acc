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

/// Bits of a token that hold the slot; the rest hold the generation. Half each: 2^32 slots on a 64-bit machine, 65,536
/// on a 32-bit one, where the generation comes round after 65,536 reuses of one slot (it would have to do so within one
/// turn).
const SLOT_BITS: u32 = usize::BITS / 2;

/// The largest slot number, and the mask for either half.
pub(super) const HALF_MASK: usize = (1 << SLOT_BITS) - 1;

impl Key {
    /// The token to register with the OS.
    pub(super) fn token(self) -> Token {
        Token(((self.generation as usize & HALF_MASK) << SLOT_BITS) | self.slot as usize)
    }

    /// The key that [`token`](Self::token) was made of.
    pub(super) fn of(token: Token) -> Key {
        Key { slot: (token.0 & HALF_MASK) as u32, generation: (token.0 >> SLOT_BITS) as u32 }
    }

    /// The key of the next user of this slot. Wraps at the width that a token can carry.
    pub(super) fn next(self) -> Key {
        Key { slot: self.slot, generation: (self.generation as usize).wrapping_add(1) as u32 & HALF_MASK as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_the_whole_key() {
        for slot in [0, 1, 77, HALF_MASK as u32] {
            for generation in [0, 1, 12_345, HALF_MASK as u32] {
                let key = Key { slot, generation };
                assert_eq!(Key::of(key.token()), key);
            }
        }
    }

    #[test]
    fn the_next_user_of_a_slot_has_another_token() {
        let key = Key { slot: 3, generation: HALF_MASK as u32 };
        assert_eq!(key.next(), Key { slot: 3, generation: 0 });
        assert_ne!(key.next().token(), key.token());
    }
}
