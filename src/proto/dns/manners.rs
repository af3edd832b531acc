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
    fn of<R>(&self, server: SocketAddr, with: impl FnOnce(&mut Manner) -> R) -> R {
        let mut known = self.0.borrow_mut();
        let at = known.iter().position(|manner| manner.server == server).unwrap_or_else(|| {
            known.push(Manner { server, reads_edns: None, lowers: false });
            known.len() - 1
        });
        with(&mut known[at])
    }

    /// Whether questions to it must do without an OPT record.
    pub(super) fn wants_no_edns(&self, server: SocketAddr) -> bool {
        self.of(server, |manner| manner.reads_edns == Some(false))
    }

    /// It has answered a question with an OPT record, or without.
    pub(super) fn note_answer(&self, server: SocketAddr, with_edns: bool) {
        self.of(server, |manner| manner.reads_edns = Some(with_edns || manner.reads_edns == Some(true)));
    }

    /// Whether it must be asked in small letters.
    pub(super) fn wants_small_letters(&self, server: SocketAddr) -> bool {
        self.of(server, |manner| manner.lowers)
    }

    /// It has answered in small letters and did not over TCP.
    pub(super) fn note_small_letters(&self, server: SocketAddr) {
        self.of(server, |manner| manner.lowers = true);
    }
}
