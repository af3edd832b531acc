//! What the loop knows of *when* something happened. The OS says that a socket is ready, not since when; but it tells at
//! once while it is waited for, so what it tells has happened since it was last asked.
//!
//! That holds as long as this program runs. It may be stopped, or lose the processor to others, at any moment: also between
//! being told and looking at the clock. So there are two answers: a likely one, and one that holds whatever happened.

use std::time::{Duration, Instant};

/// A wait that took at least this long was one: the OS had nothing to tell when it began.
const AWOKEN: Duration = Duration::from_millis(1);

/// A wait of less than that may be off by as much, and no more.
pub const LONG_WAIT: Duration = Duration::from_millis(50);

/// Since when what a turn brought may have been so.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// When the turn began to wait.
    pub asked_at: Instant,
    /// It has happened since then, if this program was not interrupted in its sleep.
    pub likely_since: Instant,
    /// It has happened since then.
    pub surely_since: Instant,
    /// When the OS last told all that there was to tell, likely and surely.
    looked_at: Instant,
    surely_looked_at: Instant,
}

impl Sight {
    /// Nothing has been looked at before `now`.
    pub(super) fn new(now: Instant) -> Sight {
        Sight { asked_at: now, likely_since: now, surely_since: now, looked_at: now, surely_looked_at: now }
    }

    /// A turn begins to wait.
    pub(super) fn begin(&mut self, asked_at: Instant) {
        *self = Sight { asked_at, likely_since: self.looked_at, surely_since: self.surely_looked_at, ..*self };
    }

    /// The OS was asked at `polled_at`, and what it told was seen at `now`; `is_empty`: nothing. `due_back` is when the
    /// wait was to end.
    pub(super) fn looked(&mut self, polled_at: Instant, now: Instant, is_empty: bool, due_back: Option<Instant>) {
        if polled_at == self.asked_at && now.saturating_duration_since(polled_at) >= AWOKEN {
            self.likely_since = now;
        }
        self.looked_at = match due_back {
            // With nothing to tell it has looked when the time was over, and not whenever this program came round to see.
            Some(due_back) if is_empty => now.min(due_back),
            // It may have told at once, and this program have been held up since.
            _ if now.saturating_duration_since(polled_at) >= LONG_WAIT => polled_at,
            _ => now,
        };
        self.surely_looked_at = polled_at;
    }

    /// This program did not run for a while, some time since it began to wait.
    pub(super) fn was_absent(&mut self) {
        self.likely_since = self.asked_at;
        self.looked_at = self.surely_looked_at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_while_it_is_waited_for_is_known_when_it_comes() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut sight = Sight::new(start);
        sight.begin(at(10));
        sight.looked(at(10), at(40), false, Some(at(500)));
        assert_eq!((sight.likely_since, sight.surely_since), (at(40), start));

        // The owner works for 30 ms. What is there at once may have come in all that time.
        sight.begin(at(70));
        sight.looked(at(70), at(70), false, Some(at(500)));
        assert_eq!((sight.likely_since, sight.surely_since), (at(40), at(10)));

        // After a long wait nobody knows when it was over.
        sight.begin(at(80));
        sight.looked(at(80), at(180), false, Some(at(500)));
        sight.begin(at(181));
        sight.looked(at(181), at(181), false, Some(at(500)));
        assert_eq!(sight.likely_since, at(80));
    }

    #[test]
    fn a_look_that_found_nothing_was_over_when_its_time_was() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut sight = Sight::new(start);
        sight.begin(start);
        // It was due at 100, and the clock says 900.
        sight.looked(start, at(900), true, Some(at(100)));
        sight.begin(at(901));
        sight.looked(at(901), at(901), false, Some(at(901)));
        assert_eq!((sight.likely_since, sight.surely_since), (at(100), start));
    }

    #[test]
    fn after_an_absence_nothing_is_likely() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut sight = Sight::new(start);
        sight.begin(at(10));
        sight.looked(at(10), at(3000), false, Some(at(500)));
        sight.was_absent();
        assert_eq!(sight.likely_since, at(10));
        sight.begin(at(3001));
        sight.looked(at(3001), at(3001), false, Some(at(3001)));
        assert_eq!(sight.likely_since, at(10), "nor is what comes next");
    }
}
