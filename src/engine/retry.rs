//! Whether an attempt is followed by another, and when. Pure: the random number and the time come in.

use std::time::{Duration, Instant};

use crate::check::outcome::Outcome;

/// The longest time between two attempts that doubling leads to.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// The longest that a server is stayed away from because it asked for it (`Retry-After`), where the run itself has no end.
/// One server must not hold up a whole run for a day.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// With less time left than this, nothing more is tried while waiting for a target to come up.
const LAST_TRY: Duration = Duration::from_millis(100);

/// What a whole run wants of its attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Persistence {
    /// Try each target until it is up, whatever its settings say: `--wait`.
    pub until_up: bool,
    /// Nothing starts after this.
    pub end: Option<Instant>,
}

/// When to try again after this outcome, seen at `now`; `None`: it stands.
///
/// Retries wait twice as long each time, up to a minute, give or take a quarter (`random`), so that a thousand targets
/// that failed together do not come back together; and at least as long as the server asked for. Where that is too
/// long, the outcome stands.
///
/// While waiting for a target to come up the time between attempts stays the same, whatever the server asks for, until
/// the end comes near: then each waits half of what is left, so that a target is seen that comes up late.
pub fn next_attempt(outcome: &Outcome, persistence: Persistence, now: Instant, random: u64) -> Option<Instant> {
    let settings = &outcome.target.settings;
    if persistence.until_up {
        let left = persistence.end.map_or(Duration::MAX, |end| end.saturating_duration_since(now));
        let again = !outcome.verdict().is_healthy() && left >= LAST_TRY;
        return again.then(|| now + settings.retry_delay.min(left / 2));
    }
    if outcome.attempts > settings.retries || !outcome.reason.is_worth_a_retry() {
        return None;
    }
    let asked_for = outcome.retry_after.unwrap_or_default();
    let at = now + backoff(settings.retry_delay, outcome.attempts, random).max(asked_for);
    let in_time = match persistence.end {
        Some(end) => at < end,
        None => asked_for <= RETRY_AFTER_MAX,
    };
    in_time.then_some(at)
}

fn backoff(first: Duration, attempt: u32, random: u64) -> Duration {
    let doubled = first.saturating_mul(1 << (attempt - 1).min(16));
    let delay = doubled.min(BACKOFF_MAX.max(first));
    // From three to five quarters.
    let share = 75 + (random % 51) as u32;
    delay * share / 100
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::{Failure, Reason};
    use crate::check::settings::{Draft, Setting};
    use crate::check::target::{Reader, World};

    fn outcome(retries: &str, reason: Reason, attempts: u32) -> Outcome {
        let mut draft = Draft::default();
        draft.set(Setting::Retry, retries, |_| Err(String::new())).unwrap();
        draft.set(Setting::RetryDelay, "1s", |_| Err(String::new())).unwrap();
        let world =
            World { find_setting: |_| Err(String::new()), find_variable: |_| None, read_file: |_| Err(String::new()) };
        let target = Reader::new(draft, world).argument("http://h/").unwrap();
        let failure = Failure::new(reason, "x");
        let mut outcome = Outcome::not_started(target, failure, Duration::ZERO, Duration::ZERO);
        outcome.attempts = attempts;
        outcome
    }

    /// The wait in milliseconds, with the middle of the jitter.
    fn wait(outcome: &Outcome, persistence: Persistence) -> Option<u128> {
        let now = Instant::now();
        next_attempt(outcome, persistence, now, 25).map(|at| (at - now).as_millis())
    }

    #[test]
    fn each_retry_waits_twice_as_long_as_the_one_before() {
        let waits: Vec<_> = (1..=8).map(|n| wait(&outcome("7", Reason::Status, n), Persistence::default())).collect();
        let expected = [1000, 2000, 4000, 8000, 16000, 32000, 60000].map(Some);
        assert_eq!(waits, [&expected[..], &[None]].concat());
    }

    #[test]
    fn the_jitter_is_a_quarter_either_way() {
        let second = Duration::from_secs(1);
        assert_eq!(backoff(second, 1, 0), Duration::from_millis(750));
        assert_eq!(backoff(second, 1, 50), Duration::from_millis(1250));
        assert!(backoff(Duration::from_secs(600), 1000, u64::MAX) <= Duration::from_secs(750));
    }

    #[test]
    fn what_is_not_worth_it_is_not_tried_again() {
        for reason in [Reason::TlsExpired, Reason::TlsName, Reason::Malformed, Reason::Interrupted, Reason::LocalFds] {
            assert_eq!(wait(&outcome("3", reason, 1), Persistence::default()), None, "{reason:?}");
        }
        assert_eq!(wait(&outcome("0", Reason::ConnectRefused, 1), Persistence::default()), None);
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it() {
        let mut outcome = outcome("3", Reason::Status, 1);
        outcome.retry_after = Some(Duration::from_secs(7));
        assert_eq!(wait(&outcome, Persistence::default()), Some(7000));
        let end = Some(Instant::now() + Duration::from_secs(6));
        assert_eq!(wait(&outcome, Persistence { end, ..Persistence::default() }), None, "it would be too late");
        let hour = Duration::from_secs(3600);
        outcome.retry_after = Some(hour);
        assert_eq!(wait(&outcome, Persistence::default()), None, "nobody set an end, and one server must not");
        let end = Some(Instant::now() + 2 * hour);
        assert_eq!(wait(&outcome, Persistence { end, ..Persistence::default() }), Some(3_600_000));
    }

    #[test]
    fn waiting_for_a_target_goes_on_at_an_even_pace() {
        let persistence = Persistence { until_up: true, end: None };
        for attempts in [1, 5, 500] {
            assert_eq!(wait(&outcome("0", Reason::TlsExpired, attempts), persistence), Some(1000));
        }
        assert_eq!(wait(&outcome("0", Reason::Ok, 3), persistence), None);
        let mut busy = outcome("0", Reason::Status, 1);
        busy.retry_after = Some(Duration::from_secs(3600));
        assert_eq!(wait(&busy, persistence), Some(1000), "the pace is the user's");
    }

    #[test]
    fn waiting_for_a_target_looks_more_often_as_the_end_comes_near() {
        let refused = outcome("0", Reason::ConnectRefused, 1);
        let now = Instant::now();
        let wait = |left| {
            let end = Some(now + Duration::from_millis(left));
            let at = next_attempt(&refused, Persistence { until_up: true, end }, now, 0)?;
            Some((at - now).as_millis())
        };
        let cases = [(5000, Some(1000)), (1500, Some(750)), (100, Some(50)), (99, None), (0, None)];
        for (left, expected) in cases {
            assert_eq!(wait(left), expected, "{left} ms left");
        }
    }
}
