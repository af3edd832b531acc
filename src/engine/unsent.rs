//! What of a request is still to be sent: its head, which is the connection's own, and a large body, of which all that
//! send it share one copy.
//!
//! It knows no sockets: what it holds is written by its owner, who says how much was taken.

use std::io;
use std::rc::Rc;

use crate::check::settings::Settings;

/// What is still to be sent.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    /// How much of `bytes`, and then of the body, was taken.
    at: usize,
    /// Whose large body stands behind `bytes`.
    body: Option<Rc<Settings>>,
    /// Why no more can be sent. It is told when it is known that the peer has said nothing either: an answer that came
    /// early is the answer.
    pub(super) broken: Option<io::Error>,
}

impl Unsent {
    /// These bytes, and behind them the large body of those settings.
    pub(super) fn new(bytes: Vec<u8>, body: Option<Rc<Settings>>) -> Unsent {
        Unsent { bytes, at: 0, body, broken: None }
    }

    /// The next piece; empty when all is sent.
    pub(super) fn rest(&self) -> &[u8] {
        match self.bytes.get(self.at..).filter(|rest| !rest.is_empty()) {
            Some(rest) => rest,
            None => self.body.as_ref().map_or(&[], |settings| {
                settings.template.large_body().get(self.at - self.bytes.len()..).unwrap_or_default()
            }),
        }
    }

    /// So much of [`rest`](Self::rest) was taken.
    pub(super) fn advance(&mut self, taken: usize) {
        self.at += taken;
        if self.is_empty() {
            *self = Unsent { broken: self.broken.take(), ..Unsent::default() };
        }
    }

    /// Whether all is sent.
    pub(super) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// Sends no more, for this reason if there is one.
    pub(super) fn give_up(&mut self, broken: Option<io::Error>) {
        *self = Unsent { broken, ..Unsent::default() };
    }
}
