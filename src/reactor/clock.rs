//! The only clock reads in the crate: everything else is told the time.
//!
//! That is why a check can be stepped by hand in a test and a thousand of them simulated in a millisecond.

use std::time::{Duration, Instant};

use crate::os;

/// Monotonic time, and the wall time that belongs to it.
///
/// The wall clock is read once. Later wall times are that reading plus the monotonic time since, so a clock that is set
/// while a run is under way neither reorders its results nor shows in them.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    started_wall: Duration,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Clock {
        Clock { started: os::now(), started_wall: os::wall() }
    }

    /// A fresh reading.
    pub fn now(&self) -> Instant {
        os::now()
    }

    /// When this clock was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The wall time at `at`, since the Unix epoch.
    pub fn wall(&self, at: Instant) -> Duration {
        self.started_wall + at.saturating_duration_since(self.started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_is_start_plus_elapsed() {
        let clock = Clock::start();
        let at = clock.started() + Duration::from_millis(1500);
        assert_eq!(clock.wall(at) - clock.wall(clock.started()), Duration::from_millis(1500));
    }
}
