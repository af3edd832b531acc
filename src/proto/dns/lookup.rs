//! The lookup of one host name: whom to ask what, how long to wait, and what the answers amount to.
//!
//! A machine without sockets, clock or randomness of its own; it refuses to know how bytes travel, what a cache is and
//! who waits for the answer. **One [`handle`](Lookup::handle), then [`poll`](Lookup::poll) until `None`, then the next
//! `handle`; exactly one [`Finish`](LookupAction::Finish) a lookup.**
//!
//! A lookup goes through these steps, and each is numbered again where it stands in the code:
//!
//! 1. Take the next name of the search list and ask for its A and AAAA records at once.
//! 2. A datagram that is not a true answer is dropped and counted, and the wait goes on.
//! 3. A server that fails, refuses or cannot be reached is left for the next one at once, a silent one after the
//!    timeout, and its answer is still welcome; a round through all servers is repeated as often as `resolv.conf` says,
//!    the first one at a quicker pace, the second one without EDNS. An answer that was cut short is asked for over TCP,
//!    and so is one in other letters; where TCP gives nothing, it is asked for in small ones.
//! 4. An answer that ends in a CNAME is asked on for, up to [`MAX_CNAMES`](message::MAX_CNAMES).
//! 5. With the addresses of one family there, the other is given [`RESOLUTION_DELAY`] more.
//! 6. Addresses end the lookup; a failure goes back to 1, until no name is left.
//!
//! Names that need no server, literals and `localhost` and the hosts file, are the caller's to find first.
//!
//! This file is the whole of it. `interface` has what goes in and comes out, `plan` whom to ask and how often, `question`
//! one of the two questions and steps 3 and 4 as far as they are its own, `meaning` what an answer amounts to.

mod interface;
mod meaning;
mod plan;
mod question;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::answer::{Answer, DropReason, Dropped, Families, LookupError, LookupFailure, Missing};
use super::config::{self, ResolvConf};
use super::manners::Manners;
use super::message::{self, AnswerError, MAX_TTL, Malformed, Response};
use super::name::{Name, NameError};
use super::query::{Query, Random, RecordType, Transport};
pub use interface::{LookupAction, LookupInput};
use meaning::seconds;
use plan::Plan;
use question::{Question, QuestionState};

/// How long the second family is waited for when the first has come (RFC 8305 §3).
pub const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// The lookup of one host name. See the head of this file for how it is driven.
#[derive(Debug)]
pub struct Lookup {
    plan: Plan,
    /// The names that are still to be tried.
    names: std::vec::IntoIter<Name>,
    /// The name that is being asked for.
    name: Name,
    /// One for each family, AAAA before A; none before the start.
    questions: Vec<Question>,
    /// How long the second family is still waited for.
    grace: Option<Instant>,
    /// The deadline that the caller knows.
    armed: Option<Instant>,
    /// What the names tried so far amount to.
    failed: Option<LookupFailure>,
    dropped: Dropped,
    phase: Phase,
    /// To be told at the next poll.
    result: Option<Result<Answer, LookupError>>,
}

#[derive(Debug)]
enum Phase {
    AwaitsStart,
    AwaitsAnswers,
    Finished,
}

impl Lookup {
    /// Prepares the lookup of `host`, with or without a final dot. `rotation` chooses the server to begin with if
    /// `conf` says that lookups rotate: any number that differs from lookup to lookup. `manners`: what is known of the
    /// servers, and is added to.
    ///
    /// # Errors
    /// [`LookupFailure::BadName`], when `host` is not a name; [`LookupFailure::NoServers`].
    pub fn new(
        host: &str,
        conf: &ResolvConf,
        families: Families,
        rotation: usize,
        manners: Manners,
    ) -> Result<Lookup, LookupError> {
        let error = |failure| LookupError { failure, dropped: Dropped::default() };
        let bad_name = |bad| error(LookupFailure::BadName(bad));
        let mut names = config::candidates(host, conf).map_err(bad_name)?.into_iter();
        let name = names.next().ok_or(bad_name(NameError::Empty))?;
        Ok(Lookup {
            plan: Plan::new(conf, families, rotation, manners)
                .ok_or_else(|| error(LookupFailure::NoServers { unusable: conf.unusable.clone() }))?,
            names,
            name,
            questions: Vec::new(),
            grace: None,
            armed: None,
            failed: None,
            dropped: Dropped::default(),
            phase: Phase::AwaitsStart,
            result: None,
        })
    }

    /// Takes note of what happened. `random` has to be unpredictable: ids and letter case are drawn from it.
    pub fn handle(&mut self, input: LookupInput<'_>, now: Instant, random: Random<'_>) {
        match (&self.phase, input) {
            (Phase::AwaitsStart, LookupInput::Start) => self.ask(now, random),
            (Phase::AwaitsAnswers, input) => {
                if let Err(reason) = self.attend(input, now, random) {
                    self.dropped.add(reason);
                }
                self.settle(now, random);
            }
            _ => {}
        }
    }

    /// The next thing to do; `None` when there is nothing until the next [`Lookup::handle`].
    pub fn poll(&mut self) -> Option<LookupAction<'_>> {
        if let Some(question) = self.questions.iter_mut().find(|question| question.close_tcp) {
            question.close_tcp = false;
            let record = question.query.record();
            return Some(LookupAction::CloseTcp { record });
        }
        if let Some(index) = self.questions.iter().position(|question| question.unsent) {
            return Some(self.questions[index].transmit(&self.plan));
        }
        match self.result.take() {
            Some(result) => Some(LookupAction::Finish(result)),
            None => self.arm(),
        }
    }

    /// The servers whose time is up, and since when they were waited for: [`LookupInput::Deadline`] moves on to the next.
    /// To whoever makes many lookups this tells which servers to ask last.
    pub fn overdue(&self, now: Instant) -> impl Iterator<Item = (SocketAddr, Instant)> {
        let overdue = self.questions.iter().filter_map(move |question| question.overdue(&self.plan, now));
        overdue.map(|(server, since)| (self.plan.servers[server], since))
    }

    fn arm(&mut self) -> Option<LookupAction<'static>> {
        let next = match self.phase {
            Phase::AwaitsAnswers => self.next_deadline(),
            Phase::AwaitsStart | Phase::Finished => None,
        };
        if next == self.armed {
            return None;
        }
        self.armed = next;
        next.map(LookupAction::Arm)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let untils = self.questions.iter().filter_map(Question::until);
        untils.chain(self.grace).min()
    }

    // === 1. Take the next name of the search list and ask for its A and AAAA records at once.
    fn ask(&mut self, now: Instant, random: Random<'_>) {
        self.phase = Phase::AwaitsAnswers;
        self.grace = None;
        self.plan.more_names = !self.names.as_slice().is_empty();
        let records = self.plan.families.records();
        let old = std::mem::replace(&mut self.questions, Vec::with_capacity(records.len()));
        for (index, &record) in records.iter().enumerate() {
            let mut query = Query::new(&self.name, record, true, random);
            if let Some(other) = self.questions.first() {
                query.avoid_id(other.query.id());
            }
            let mut question = Question::new(query, &self.plan, now);
            question.close_tcp = old.get(index).is_some_and(Question::has_tcp);
            self.questions.push(question);
        }
    }

    /// Acts on an input, or says why it is nothing to act on.
    fn attend(&mut self, input: LookupInput<'_>, now: Instant, random: Random<'_>) -> Result<(), DropReason> {
        match input {
            LookupInput::Start => Ok(()),
            LookupInput::Datagram { from, bytes } => self.on_datagram(from, bytes, now, random),
            LookupInput::TcpMessage { record, bytes } => self.on_tcp_message(record, bytes, now, random),
            LookupInput::TcpFailed { record } => {
                self.on_tcp_failed(record, now, random);
                Ok(())
            }
            LookupInput::NotSent { server, why } => {
                self.on_not_sent(server, why, now);
                Ok(())
            }
            LookupInput::Unreachable { server } => {
                self.on_unreachable(server, now);
                Ok(())
            }
            LookupInput::TcpWaits { record } => {
                if let Some(index) = self.on_tcp(record) {
                    self.questions[index].put_off(now);
                }
                Ok(())
            }
            LookupInput::TcpBegun { record } => {
                if let Some(index) = self.on_tcp(record) {
                    self.questions[index].begin_tcp(&self.plan, now);
                }
                Ok(())
            }
            LookupInput::Deadline => {
                self.on_deadline(now, random);
                Ok(())
            }
        }
    }

    // === 2. A datagram that is not a true answer is dropped and counted, and the wait goes on.
    fn on_datagram(
        &mut self,
        from: SocketAddr,
        bytes: &[u8],
        now: Instant,
        random: Random<'_>,
    ) -> Result<(), DropReason> {
        let id = message::message_id(bytes).ok_or(AnswerError::from(Malformed::Short))?;
        let index = self.questions.iter().position(|question| question.query.id() == id).ok_or(AnswerError::WrongId)?;
        let question = &mut self.questions[index];
        if question.is_settled() {
            // The same answer twice, from a network that doubles or a server that was asked again.
            return Ok(());
        }
        let server = self
            .plan
            .index_of(from)
            .filter(|&server| question.was_asked(server, &self.plan))
            .ok_or(DropReason::WrongServer)?;
        match Response::parse(bytes, &question.query, Transport::Udp) {
            Ok(response) => {
                self.accept(index, server, response, Transport::Udp, now, random);
                Ok(())
            }
            Err(error) => {
                // A server that does not keep the case would never be believed, and one that answers over TCP need
                // not keep it.
                if error == AnswerError::WrongCase && question.is_asking(server, Transport::Udp, &self.plan) {
                    question.distrust(&self.plan, now);
                }
                Err(error.into())
            }
        }
    }

    fn on_tcp_message(
        &mut self,
        record: RecordType,
        bytes: &[u8],
        now: Instant,
        random: Random<'_>,
    ) -> Result<(), DropReason> {
        let Some(index) = self.on_tcp(record) else {
            return Ok(());
        };
        let question = &self.questions[index];
        let server = question.server(&self.plan);
        match Response::parse(bytes, &question.query, Transport::Tcp) {
            Ok(response) => {
                self.accept(index, server, response, Transport::Tcp, now, random);
                Ok(())
            }
            Err(error) => {
                self.on_tcp_failed(record, now, random);
                Err(error.into())
            }
        }
    }

    /// Where the question stands that waits on the TCP connection of this record type.
    fn on_tcp(&self, record: RecordType) -> Option<usize> {
        self.questions
            .iter()
            .position(|question| question.query.record() == record && question.waits_on(Transport::Tcp))
    }

    // === 3. A server that fails is left for the next one at once, a silent one after the timeout.
    fn on_tcp_failed(&mut self, record: RecordType, now: Instant, random: Random<'_>) {
        if let Some(index) = self.on_tcp(record)
            && !self.asks_in_small_letters(index, now, random)
        {
            let question = &mut self.questions[index];
            let server = self.plan.servers[question.server(&self.plan)];
            let failure = LookupFailure::TcpFailed { server };
            question.next_server(Some(failure), &self.plan, now);
        }
    }

    fn asks_in_small_letters(&mut self, index: usize, now: Instant, random: Random<'_>) -> bool {
        if !self.questions[index].asks_in_small_letters(&self.plan, now, random) {
            return false;
        }
        let ids: Vec<u16> = self.questions.iter().map(|question| question.query.id()).collect();
        for (_, other) in ids.iter().enumerate().filter(|(other, _)| *other != index) {
            self.questions[index].query.avoid_id(*other);
        }
        true
    }

    fn on_not_sent(&mut self, server: SocketAddr, why: &str, now: Instant) {
        let Some(index) = self.plan.index_of(server) else { return };
        for question in &mut self.questions {
            if question.is_asking(index, Transport::Udp, &self.plan) {
                question.was_not_sent(LookupFailure::NotSent { server, why: why.into() }, now);
            }
        }
    }

    fn on_unreachable(&mut self, server: SocketAddr, now: Instant) {
        let Some(index) = self.plan.index_of(server) else {
            return;
        };
        for question in &mut self.questions {
            if question.is_asking(index, Transport::Udp, &self.plan) {
                let failure = LookupFailure::Unreachable { server };
                question.next_server(Some(failure), &self.plan, now);
            }
        }
    }

    fn on_deadline(&mut self, now: Instant, random: Random<'_>) {
        // The caller's timer is spent, even if it went off too early.
        self.armed = None;
        for index in 0..self.questions.len() {
            let is_over = self.questions[index].until().is_some_and(|until| until <= now);
            if is_over && !self.asks_in_small_letters(index, now, random) {
                self.questions[index].next_server(None, &self.plan, now);
            }
        }
    }

    /// Acts on an answer of a server to the question at `index`, both of which are there.
    fn accept(
        &mut self,
        index: usize,
        server: usize,
        response: Response,
        transport: Transport,
        now: Instant,
        random: Random<'_>,
    ) {
        if response.rcode.is_about_the_name() {
            self.plan.preferred = server;
        }
        let question = &mut self.questions[index];
        let Some(name) = question.take(response, server, transport, &self.plan, now) else {
            return;
        };
        let (record, edns) = (question.query.record(), question.query.has_edns());
        let mut query = Query::new(&name, record, edns, random);
        for other in &self.questions {
            if other.query.record() != record {
                query.avoid_id(other.query.id());
            }
        }
        self.questions[index].ask_on(query, server, &self.plan, now);
    }

    fn settle(&mut self, now: Instant, random: Random<'_>) {
        // === 5. With the addresses of one family there, the other is given a little more.
        let over = self.grace.is_some_and(|until| until <= now);
        if !over && !self.questions.iter().all(Question::is_settled) {
            if self.grace.is_none() && self.questions.iter().any(Question::is_decisive) {
                self.grace = Some(now + RESOLUTION_DELAY);
            }
            return;
        }

        // === 6. Addresses end the lookup. What became of one name of the search list says nothing of the others.
        if let Some(answer) = self.take_answer() {
            return self.finish(Ok(answer));
        }
        let failure = self.failure();
        let failure = match self.failed.take() {
            Some(earlier) => LookupFailure::of_names(earlier, failure),
            None => failure,
        };
        match self.names.next() {
            Some(name) => {
                self.failed = Some(failure);
                self.name = name;
                self.ask(now, random);
            }
            None => self.finish(Err(failure)),
        }
    }

    /// The addresses that came, if any did. They are taken out of the questions, which are done with.
    fn take_answer(&mut self) -> Option<Answer> {
        let mut addresses = Vec::new();
        let mut ttl = MAX_TTL;
        let mut canonical = None;
        let mut missing = None;
        for question in &mut self.questions {
            let why = match &mut question.awaits {
                QuestionState::Nothing(Ok(found)) => {
                    if addresses.is_empty() {
                        addresses = std::mem::take(found);
                    } else {
                        addresses.append(found);
                    }
                    ttl = ttl.min(question.ttl);
                    canonical = canonical.or(question.canonical.take());
                    continue;
                }
                QuestionState::Nothing(Err(failure)) if failure.is_negative() => continue,
                QuestionState::Nothing(Err(failure)) => Some(&*failure),
                _ => question.failure.as_ref(),
            };
            missing = Some(Missing { record: question.query.record(), why: why.cloned() });
        }
        if addresses.is_empty() {
            return None;
        }
        Some(Answer { addresses, ttl: seconds(ttl), canonical, missing, dropped: self.dropped })
    }

    /// What both families' failures amount to.
    fn failure(&self) -> LookupFailure {
        let mut failures = self.questions.iter().filter_map(Question::failure).cloned();
        match (failures.next(), failures.next()) {
            (Some(one), Some(other)) => LookupFailure::of_families(one, other),
            (one, _) => one.unwrap_or_else(|| self.plan.timed_out()),
        }
    }

    fn finish(&mut self, result: Result<Answer, LookupFailure>) {
        for question in &mut self.questions {
            question.close_tcp = question.has_tcp();
            question.unsent = false;
        }
        let dropped = self.dropped;
        self.phase = Phase::Finished;
        self.result = Some(result.map_err(|failure| LookupError { failure, dropped }));
    }
}

#[cfg(test)]
mod tests;
