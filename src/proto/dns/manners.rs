//! What servers cannot stand, as lookups have found out: shared by all lookups of a run, so that one pays for it and not a
//! thousand.
//!
//! Home routers drop a question that has an OPT record (RFC 6891), others answer it with an error; some write the letters
//! of a name their own way. Both are known only from an answer to a question that was asked another way.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

/// What is known of the servers. A clone knows the same.
#[derive(Clone, Debug, Default)]
pub struct Manners(Rc<RefCell<Vec<Manner>>>);

#[derive(Debug)]
struct Manner {
    server: SocketAddr,
    /// Whether it has answered a question with an OPT record; `Some(false)`: only one without.
    reads_edns: Option<bool>,
    /// It answers in small letters, and gives nothing over TCP.
    lowers: bool,
}

impl Manners {
    fn is(&self, server: SocketAddr, such: fn(&Manner) -> bool) -> bool {
        self.0.borrow().iter().any(|manner| manner.server == server && such(manner))
    }

    fn note(&self, server: SocketAddr, change: impl FnOnce(&mut Manner)) {
        let mut known = self.0.borrow_mut();
        let at = known.iter().position(|manner| manner.server == server).unwrap_or_else(|| {
            known.push(Manner { server, reads_edns: None, lowers: false });
            known.len() - 1
        });
        change(&mut known[at]);
    }

    /// Whether questions to it must do without an OPT record.
    pub(super) fn wants_no_edns(&self, server: SocketAddr) -> bool {
        self.is(server, |manner| manner.reads_edns == Some(false))
    }

    /// It has answered a question with an OPT record, or without.
    pub(super) fn note_answer(&self, server: SocketAddr, with_edns: bool) {
        self.note(server, |manner| manner.reads_edns = Some(with_edns || manner.reads_edns == Some(true)));
    }

    /// Whether it must be asked in small letters.
    pub(super) fn wants_small_letters(&self, server: SocketAddr) -> bool {
        self.is(server, |manner| manner.lowers)
    }

    /// It has answered in small letters and did not over TCP.
    pub(super) fn note_small_letters(&self, server: SocketAddr) {
        self.note(server, |manner| manner.lowers = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_found_out_is_kept() {
        let (known, server) = (Manners::default(), SocketAddr::from(([127, 0, 0, 1], 53)));
        assert!(!known.wants_no_edns(server) && !known.wants_small_letters(server));
        assert!(known.0.borrow().is_empty(), "nothing is known of who was merely asked about");
        known.note_answer(server, false);
        known.clone().note_small_letters(server);
        assert!(known.wants_no_edns(server) && known.wants_small_letters(server));
        assert_eq!(known.0.borrow().len(), 1);
    }
}
