//! The answer against what is expected of it. All that could be seen has been seen, or enough of it.
//!
//! What one expectation means is [`crate::check::expect`]'s. This file knows which of them there are, what an answer is
//! held to that nobody said anything about, and what stands in the outcome.

use std::rc::Rc;
use std::time::Instant;

use super::{Check, Why};
use crate::check::expect::{Document, Expectation, Headers, Mismatch, Seen, quote};
use crate::check::outcome::{Micros, Reason};

impl Check {
    /// All that could be seen has been seen: is it good?
    pub(super) fn judge(&mut self, now: Instant) {
        self.end_phase(now);
        let settings = self.target.settings.clone();
        // A body is read as JSON once, whatever number of expectations ask for something in it.
        let document = match self.hop.decoder.status() {
            Some(_) if !self.hop.json().is_empty() && settings.json_paths().next().is_some() => {
                Some(Document::read(self.hop.json(), settings.json_paths().collect()))
            }
            _ => None,
        };
        let document = document.as_ref();
        let (mut reason, mut failed) = self.mismatches(&settings.expect, |_| true, document);
        let status = self.hop.decoder.status();
        let status_is_judged =
            settings.expect.iter().any(|expectation| Reason::of(expectation.subject()) == Reason::Status);
        if let Some(status) = status.filter(|status| !status_is_judged && !(200..400).contains(status)) {
            reason = Some(Reason::Status);
            failed.insert(0, Mismatch { expected: "status in 200-399".into(), got: format!("status was {status}") });
        }
        let (warned, warnings) = self.mismatches(&settings.warn, |_| true, document);
        failed.extend(warnings);
        let number = self.attempt.number;
        let (reason, detail) = match (reason, warned) {
            (Some(reason), _) => (reason, told(&failed)),
            (None, Some(_)) => (Reason::Warn, told(&failed)),
            (None, None) if self.attempt.degrades && number > 1 => {
                (Reason::Retried, Some(format!("passed at attempt {number}").into()))
            }
            (None, None) => (Reason::Ok, None),
        };
        self.end(reason, detail.map(|detail| Box::new(Why { detail, failed })));
    }

    /// What is said without HTTP has no end of its own: as soon as it is what was expected, it is enough.
    pub(super) fn heard_enough(&mut self, now: Instant) {
        let settings = self.target.settings.clone();
        if self.hop.decoder.body_bytes() > 0
            && self.mismatches(&settings.expect, Expectation::is_of_the_body, None).1.is_empty()
        {
            self.judge(now);
        }
    }

    /// Which of those of the expectations that are meant do not hold, and the reason that the first of them makes.
    fn mismatches(
        &self,
        expectations: &[Rc<Expectation>],
        is_meant: fn(&Expectation) -> bool,
        document: Option<&Document<'_>>,
    ) -> (Option<Reason>, Vec<Mismatch>) {
        if expectations.is_empty() {
            return (None, Vec::new());
        }
        let certificate = self.hop.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
        let seen = Seen {
            status: self.hop.decoder.status(),
            has_body: self.hop.decoder.status().is_some() || !self.url().scheme().is_http() && self.talks(),
            http_version: self.hop.decoder.http_version(),
            headers: Headers::new(self.hop.decoder.head_bytes()),
            body: self.hop.json(),
            watch: self.hop.watch(),
            document,
            // More than --max-body is no answer to be judged.
            body_whole: true,
            body_bytes: self.hop.decoder.body_bytes(),
            redirects: self.redirects(),
            total: self.phases.total().time(),
            dns: self.phases.dns.map(Micros::time),
            connect: self.phases.connect.map(Micros::time),
            tls: self.phases.tls.map(Micros::time),
            wait: self.phases.wait.map(Micros::time),
            cert_days: certificate.map(|certificate| certificate.days_left(self.wall)),
            tls_version: self.hop.tls.as_ref().and_then(|tls| tls.version),
            address: self.hop.address,
        };
        let mut reason = None;
        let mut failed = Vec::new();
        for expectation in expectations.iter().filter(|expectation| is_meant(expectation)) {
            if let Err(mismatch) = expectation.judge(&seen) {
                reason.get_or_insert(Reason::of(expectation.subject()));
                failed.push(match self.coding().filter(|_| expectation.is_of_the_body()) {
                    Some(coding) => {
                        Mismatch { got: format!("the body is coded as {coding}, which is not unpacked"), ..mismatch }
                    }
                    None => mismatch,
                });
            }
        }
        (reason, failed)
    }

    /// How the body is coded, if that makes it another than it is.
    fn coding(&self) -> Option<String> {
        let headers = Headers::new(self.hop.decoder.head_bytes());
        let is_plain = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
        let coding = headers.values("content-encoding").find(|value| !is_plain(value))?;
        Some(quote(&coding))
    }
}

/// The first thing that did not hold, with what was expected, and how many more there are.
fn told(failed: &[Mismatch]) -> Option<Box<str>> {
    let Mismatch { expected, got } = failed.first()?;
    let more = match failed.len() {
        1 => String::new(),
        more => format!(" (and {} more)", more - 1),
    };
    Some(format!("{got}, expected {expected}{more}").into())
}
