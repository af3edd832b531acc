//! When something really happened, as far as that can be known, and how long this program was not there to see it. A target is
//! not charged with what others, or this machine, took of its time.
//!
//! It refuses to know what happened: only when.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::check::machine::Check;
use crate::reactor::{LONG_WAIT, Sight};

/// What a check waited for our own work, if it is so much, is taken off its time.
pub(super) const WIDE: Duration = Duration::from_millis(5);

/// When it is not known to within this time when something happened, the system is asked. Few turns take as long.
const DOUBTFUL: Duration = Duration::from_millis(8);

/// When this program was away, and for how long: time that every check under way has been given back.
#[derive(Debug, Default)]
pub(super) struct Absences {
    total: Duration,
    /// When each was over. Only those that a check under way may have seen.
    last: VecDeque<(Instant, Duration)>,
}

impl Absences {
    /// So many are remembered.
    const MAX: usize = 32;

    /// Notes that it has been away for `total` so far. By how much that is more than before, if it is.
    pub(super) fn note(&mut self, total: Duration, now: Instant) -> Option<Duration> {
        let by = total.checked_sub(self.total).filter(|by| !by.is_zero())?;
        self.total = total;
        self.last.push_back((now, by));
        if self.last.len() > Self::MAX {
            self.last.pop_front();
        }
        Some(by)
    }

    /// How much of the time since then has been given back.
    pub(super) fn given_back_after(&self, then: Instant) -> Duration {
        self.last.iter().filter(|(over, _)| *over > then).map(|(_, by)| *by).sum()
    }
}

/// When something was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    /// When the OS told it.
    pub(super) at: Instant,
    /// It has probably not been before.
    pub(super) likely_since: Instant,
    /// It cannot have been before.
    pub(super) earliest: Instant,
    pub(super) doubt: Doubt,
}

/// Whether it is in doubt when something really was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// No more than a few milliseconds.
    None,
    /// More, which matters where a check is judged by its times: this program may have been stopped while it waited.
    IfJudged,
    /// Nobody looked for a long time, or may not have.
    Yes,
}

impl Sighting {
    /// What a turn brought at `at`. Where the OS was waited for it tells at once, unless this program was not there to be
    /// told.
    pub(super) fn new(at: Instant, sight: &Sight) -> Sighting {
        let since = |then| at.saturating_duration_since(then);
        let blind = since(sight.likely_since);
        let doubt = if blind >= DOUBTFUL || since(sight.asked_at) >= LONG_WAIT {
            Doubt::Yes
        } else if since(sight.surely_since) >= WIDE {
            Doubt::IfJudged
        } else {
            Doubt::None
        };
        Sighting { at, likely_since: sight.likely_since, earliest: sight.surely_since, doubt }
    }

    /// At this time, and that is certain.
    pub(super) fn now(at: Instant) -> Sighting {
        Sighting { at, likely_since: at, earliest: at, doubt: Doubt::None }
    }

    /// When it was, where nobody knows better: of all times the one that favours the target, if they are far apart.
    pub(super) fn favourable(self) -> Instant {
        match self.at.saturating_duration_since(self.likely_since) >= DOUBTFUL {
            true => self.likely_since,
            false => self.at,
        }
    }

    /// Whether the system is to be asked when it really was. Otherwise that costs no call.
    pub(super) fn is_doubtful(self, check: &Check) -> bool {
        match self.doubt {
            Doubt::None => false,
            Doubt::IfJudged => check.target().settings.judges_time(),
            Doubt::Yes => true,
        }
    }

    /// The time that the system knows, `ago` as of `now`, or where it knows none the one that favours the target.
    pub(super) fn known(self, ago: Option<Duration>, now: Instant) -> Instant {
        match ago {
            Some(ago) => now.checked_sub(ago).map_or(self.earliest, |at| at.clamp(self.earliest, self.at)),
            None => self.favourable(),
        }
    }
}
