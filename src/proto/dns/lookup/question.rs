//! One question of a lookup: whom it asks in turn, what it waits for, what it makes of an answer.
//!
//! A lookup has two, A and AAAA, that know nothing of each other. This file refuses to know the search list and what
//! the two amount to together; the [lookup](super) does, and its tests step both.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::interface::LookupAction;
use super::meaning::{Chain, Meaning, Says};
use super::plan::Plan;
use crate::proto::dns::answer::LookupFailure;
use crate::proto::dns::message::{MAX_CNAMES, MAX_TTL, Response};
use crate::proto::dns::name::Name;
use crate::proto::dns::query::{Query, Random, RecordType, Transport};

/// How long after a question that this machine did not let out the next is tried.
const NOT_SENT_PAUSE: Duration = Duration::from_millis(200);

/// The longest that a question waits for room for its connection. Whoever waits for the name gives up before.
const QUEUE_MAX: Duration = Duration::from_secs(60);

/// The A or the AAAA half of a lookup.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) query: Query,
    /// The server that is asked first, and how many were asked since, over and over in a ring.
    first: usize,
    turn: usize,
    /// The server has said that it cannot read the question with its OPT record.
    plain: bool,
    /// It has answered in other letters.
    in_other_letters: bool,
    pub(super) awaits: QuestionState,
    /// CNAMEs followed so far, and the smallest of their TTLs in seconds.
    cnames: usize,
    pub(super) ttl: u32,
    /// Where they led, once that was asked for.
    pub(super) canonical: Option<Name>,
    /// What the last server that was heard of did wrong: better to report than that the others were silent.
    pub(super) failure: Option<LookupFailure>,
    /// To be done at the next poll.
    pub(super) unsent: bool,
    pub(super) close_tcp: bool,
}

/// What a question waits for.
#[derive(Debug)]
pub(super) enum QuestionState {
    Datagram { until: Instant },
    TcpMessage { until: Instant },
    Nothing(Result<Vec<IpAddr>, LookupFailure>),
}

impl Question {
    /// A question that is to be asked at once.
    pub(super) fn new(query: Query, plan: &Plan, now: Instant) -> Question {
        let mut question = Question {
            query,
            first: plan.preferred,
            turn: 0,
            plain: false,
            in_other_letters: false,
            awaits: QuestionState::Datagram { until: now },
            cnames: 0,
            ttl: MAX_TTL,
            canonical: None,
            failure: None,
            unsent: true,
            close_tcp: false,
        };
        question.resend(plan, now);
        question
    }

    pub(super) fn until(&self) -> Option<Instant> {
        match self.awaits {
            QuestionState::Datagram { until } | QuestionState::TcpMessage { until } => Some(until),
            QuestionState::Nothing(_) => None,
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.awaits, QuestionState::Nothing(_))
    }

    /// Whether the other family is only worth a short wait: there are addresses, or no such name. That is believed
    /// of A alone (RFC 8020), since some servers say it of AAAA when the name has A records (RFC 4074 §4.2).
    pub(super) fn is_decisive(&self) -> bool {
        match &self.awaits {
            QuestionState::Nothing(Ok(_)) => true,
            QuestionState::Nothing(Err(LookupFailure::NotFound { .. })) => self.query.record() == RecordType::A,
            _ => false,
        }
    }

    pub(super) fn server(&self, plan: &Plan) -> usize {
        (self.first + self.turn) % plan.servers.len()
    }

    /// Whether the server was sent this question: it may answer late, when another is asked already.
    pub(super) fn was_asked(&self, server: usize, plan: &Plan) -> bool {
        let count = plan.servers.len();
        (server + count - self.first) % count <= self.turn
    }

    /// The server whose time for a datagram is up, and since when it was waited for.
    pub(super) fn overdue(&self, plan: &Plan, now: Instant) -> Option<(usize, Instant)> {
        match self.awaits {
            QuestionState::Datagram { until } if until <= now => {
                Some((self.server(plan), until.checked_sub(plan.patience(self.turn))?))
            }
            _ => None,
        }
    }

    /// Leaves what was awaited for something else.
    fn now_awaits(&mut self, next: QuestionState) {
        self.close_tcp |= matches!(self.awaits, QuestionState::TcpMessage { .. });
        self.unsent = !matches!(next, QuestionState::Nothing(_));
        self.awaits = next;
    }

    fn settle(&mut self, result: Result<Vec<IpAddr>, LookupFailure>) {
        self.now_awaits(QuestionState::Nothing(result));
    }

    /// Asks the server whose turn it is, the way it can stand. In the second round that is without an OPT record, whatever
    /// came of it in the first.
    fn resend(&mut self, plan: &Plan, now: Instant) {
        let server = plan.servers[self.server(plan)];
        let is_again = self.turn >= plan.servers.len();
        self.query.set_edns(!self.plain && !is_again && !plan.manners.wants_no_edns(server));
        if plan.manners.wants_small_letters(server) {
            self.query.lower();
        }
        let until = now + plan.patience(self.turn);
        self.now_awaits(if plan.over_tcp {
            QuestionState::TcpMessage { until }
        } else {
            QuestionState::Datagram { until }
        });
    }

    /// The answer came in other letters than the question, so it is believed over TCP alone.
    pub(super) fn distrust(&mut self, plan: &Plan, now: Instant) {
        self.in_other_letters = true;
        self.ask_over_tcp(plan, now);
    }

    /// TCP gave nothing. A server that writes letters its own way is asked once more in small ones: whether this is one.
    pub(super) fn asks_in_small_letters(&mut self, plan: &Plan, now: Instant, random: Random<'_>) -> bool {
        if !std::mem::take(&mut self.in_other_letters) || !self.waits_on(Transport::Tcp) {
            return false;
        }
        self.query.renew_id(random);
        self.query.lower();
        self.now_awaits(QuestionState::Datagram { until: now + plan.patience(self.turn) });
        true
    }

    /// This machine did not let it out. That may pass; it is tried again soon.
    pub(super) fn was_not_sent(&mut self, failure: LookupFailure, now: Instant) {
        self.failure = Some(failure);
        if let QuestionState::Datagram { until } = &mut self.awaits {
            *until = now + NOT_SENT_PAUSE;
        }
    }

    /// There is no room for the connection yet, which is not the server's fault: for so long it is not waited for.
    pub(super) fn put_off(&mut self, now: Instant) {
        if let QuestionState::TcpMessage { until } = &mut self.awaits {
            *until = now + QUEUE_MAX;
        }
    }

    /// The connection is being made: from now on the server is waited for.
    pub(super) fn begin_tcp(&mut self, plan: &Plan, now: Instant) {
        let patience = plan.patience(self.turn);
        if let QuestionState::TcpMessage { until } = &mut self.awaits {
            *until = now + patience;
        }
    }

    pub(super) fn ask_over_tcp(&mut self, plan: &Plan, now: Instant) {
        self.now_awaits(QuestionState::TcpMessage { until: now + plan.patience(self.turn) });
    }

    /// Goes on to the next server, or gives up after the last turn. `failure` is what the present one did wrong, if it
    /// did anything.
    pub(super) fn next_server(&mut self, failure: Option<LookupFailure>, plan: &Plan, now: Instant) {
        self.failure = failure.or(self.failure.take());
        self.turn += 1;
        self.plain = false;
        if self.turn < plan.turns() {
            self.resend(plan, now);
        } else {
            let failure = self.failure.take().unwrap_or_else(|| plan.timed_out());
            self.settle(Err(failure));
        }
    }

    /// Acts on a checked answer of a server. Gives the name to ask for next, if the answer leads to one and no further.
    pub(super) fn take(
        &mut self,
        response: Response,
        server: usize,
        transport: Transport,
        plan: &Plan,
        now: Instant,
    ) -> Option<Name> {
        // A server that was given up for the next may still come with an answer, but not with a complaint.
        let current = self.is_asking(server, transport, plan);
        match Meaning::of(response, plan.servers[server], plan.families) {
            Meaning::Complaint(failure) if current => self.next_server(Some(failure), plan, now),
            Meaning::Unreadable(_) if current && self.query.has_edns() => {
                self.plain = true;
                self.resend(plan, now);
            }
            Meaning::Unreadable(failure) if current => self.next_server(Some(failure), plan, now),
            Meaning::CutShort if current && transport == Transport::Udp => {
                self.ask_over_tcp(plan, now);
            }
            Meaning::CutShort if current => {
                let server = plan.servers[server];
                self.next_server(Some(LookupFailure::TcpFailed { server }), plan, now);
            }
            Meaning::Complaint(_) | Meaning::Unreadable(_) | Meaning::CutShort => {}
            Meaning::About(chain, says) => {
                let address = plan.servers[server];
                plan.manners.note_answer(address, self.query.has_edns());
                if transport == Transport::Udp && self.query.is_lowered() {
                    plan.manners.note_small_letters(address);
                }
                return self.follow(chain, says, address);
            }
        }
        None
    }

    // === 4. An answer that ends in a CNAME is asked on for.
    fn follow(&mut self, chain: Chain, says: Says, server: SocketAddr) -> Option<Name> {
        self.cnames += chain.cnames;
        self.ttl = self.ttl.min(chain.ttl);
        self.canonical = chain.canonical.or(self.canonical.take());
        if self.cnames > MAX_CNAMES {
            self.settle(Err(LookupFailure::TooManyCnames { server }));
            return None;
        }
        match says {
            Says::Addresses(addresses) => self.settle(Ok(addresses)),
            Says::Absent(failure) => self.settle(Err(failure)),
            Says::AskOn => return self.canonical.clone(),
        }
        None
    }

    /// Asks for the name that the CNAMEs led to, as if nothing had been asked before.
    pub(super) fn ask_on(&mut self, query: Query, server: usize, plan: &Plan, now: Instant) {
        self.query = query;
        self.first = server;
        self.turn = 0;
        self.plain = false;
        self.in_other_letters = false;
        self.failure = None;
        self.resend(plan, now);
    }

    pub(super) fn waits_on(&self, transport: Transport) -> bool {
        match self.awaits {
            QuestionState::Datagram { .. } => transport == Transport::Udp,
            QuestionState::TcpMessage { .. } => transport == Transport::Tcp,
            QuestionState::Nothing(_) => false,
        }
    }

    pub(super) fn is_asking(&self, server: usize, transport: Transport, plan: &Plan) -> bool {
        self.waits_on(transport) && self.server(plan) == server
    }

    /// Whether the caller has a connection of this question to close.
    pub(super) fn has_tcp(&self) -> bool {
        self.close_tcp || self.waits_on(Transport::Tcp)
    }

    pub(super) fn failure(&self) -> Option<&LookupFailure> {
        match &self.awaits {
            QuestionState::Nothing(Err(failure)) => Some(failure),
            _ => None,
        }
    }

    /// What to send for what is awaited, and to whom.
    pub(super) fn transmit(&mut self, plan: &Plan) -> LookupAction<'_> {
        self.unsent = false;
        let record = self.query.record();
        let server = plan.servers[self.server(plan)];
        if let QuestionState::TcpMessage { .. } = self.awaits {
            let bytes = self.query.framed();
            LookupAction::OpenTcp { record, server, bytes }
        } else {
            LookupAction::SendUdp { record, server, id: self.query.id(), bytes: self.query.datagram() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::plan;
    use super::*;

    fn question(first: usize, plan: &Plan) -> Question {
        let name = Name::parse("www.example").unwrap();
        let query = Query::new(&name, RecordType::A, true, &mut || 7);
        Question { first, ..Question::new(query, plan, Instant::now()) }
    }

    #[test]
    fn asks_in_a_ring_from_any_server() {
        let plan = plan(&["10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:53"], 2);
        let now = Instant::now();
        for first in 0..3 {
            let mut question = question(first, &plan);
            for turn in 0..6 {
                assert_eq!(question.server(&plan), (first + turn) % 3);
                for other in 0..3 {
                    let asked = (0..=turn).any(|earlier| (first + earlier) % 3 == other);
                    assert_eq!(question.was_asked(other, &plan), asked, "{first} {turn}");
                }
                assert!(!question.is_settled());
                question.next_server(None, &plan, now);
            }
            assert_eq!(question.failure(), Some(&plan.timed_out()));
        }
    }
}
