//! The sums over a run: counts by verdict and reason, and where the times lie. A million outcomes cost it no more than
//! ten.

use std::time::Duration;

use super::outcome::{Phases, Reason, Verdict};

/// Counts and times of the outcomes so far.
#[derive(Clone, Debug)]
pub struct Tally {
    verdicts: [u64; Verdict::ALL.len()],
    reasons: Vec<u64>,
    times: Histogram,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally { verdicts: [0; 4], reasons: vec![0; Reason::ALL.len()], times: Histogram::default() }
    }
}

impl Tally {
    /// Counts one check. Only what got a whole answer counts among the times: a timeout's five seconds say nothing about
    /// speed, whatever had come by then.
    pub fn add(&mut self, reason: Reason, phases: &Phases) {
        self.verdicts[reason.verdict() as usize] += 1;
        self.reasons[reason as usize] += 1;
        if reason.is_of_an_answer() {
            self.times.add(phases.total().time());
        }
    }

    /// How many got this verdict.
    pub fn verdict(&self, verdict: Verdict) -> u64 {
        self.verdicts[verdict as usize]
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.verdicts.iter().sum()
    }

    /// Whether every one of them is healthy.
    pub fn all_healthy(&self) -> bool {
        Verdict::ALL.iter().all(|verdict| verdict.is_healthy() || self.verdict(*verdict) == 0)
    }

    /// The reasons other than `ok` that occurred, the most frequent first.
    pub fn reasons(&self) -> Vec<(Reason, u64)> {
        let counted = Reason::ALL.iter().zip(&self.reasons).map(|(reason, count)| (*reason, *count));
        let mut reasons: Vec<_> = counted.filter(|(reason, count)| *reason != Reason::Ok && *count > 0).collect();
        reasons.sort_unstable_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason as usize));
        reasons
    }

    /// The times of what answered.
    pub fn times(&self) -> &Histogram {
        &self.times
    }
}

/// Bits of a time that a bucket keeps: 128 buckets between one power of two and the next, so a quantile is at most
/// 1/128 too large.
const PRECISION_BITS: u32 = 7;

/// How many times fell into which range. Microseconds, with buckets that widen as they grow.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    buckets: Vec<u32>,
    /// None below it has any.
    first: usize,
    count: u64,
    max: Duration,
}

impl Histogram {
    /// Counts a time, to the bucket that it falls into.
    pub fn add(&mut self, time: Duration) {
        let bucket = Self::bucket(time.as_secs() * 1_000_000 + u64::from(time.subsec_micros()));
        if self.buckets.len() <= bucket {
            // Most are never used: the system gives zeros for nothing.
            let mut wider = vec![0; bucket + 1];
            wider[..self.buckets.len()].copy_from_slice(&self.buckets);
            self.buckets = wider;
        }
        self.first = if self.count == 0 { bucket } else { self.first.min(bucket) };
        self.buckets[bucket] = self.buckets[bucket].saturating_add(1);
        self.count += 1;
        self.max = self.max.max(time);
    }

    /// The time that `percent` of them did not pass: exact to the bucket, never more than the largest. `None` without
    /// any.
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let behind_first = self.buckets.get(self.first..)?.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        })?;
        Some(Duration::from_micros(Self::upper_bound(self.first + behind_first)).min(self.max))
    }

    /// The largest, exactly. `None` without any.
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then_some(self.max)
    }

    /// How many there are of each time, in microseconds, the shortest first; a time is as exact as [a
    /// percentile](Self::percentile).
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        let max = u64::try_from(self.max.as_micros()).unwrap_or(u64::MAX);
        let counted = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        counted.map(move |(bucket, count)| (Self::upper_bound(bucket).min(max), u64::from(*count)))
    }

    fn bucket(micros: u64) -> usize {
        let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(PRECISION_BITS + 1);
        ((shift as usize) << PRECISION_BITS) + (micros >> shift) as usize
    }

    /// The largest number of microseconds that falls into the bucket.
    fn upper_bound(bucket: usize) -> u64 {
        let shift = (bucket >> PRECISION_BITS).saturating_sub(1);
        let mantissa = bucket - (shift << PRECISION_BITS);
        ((mantissa as u64 + 1) << shift) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_falls_into_a_bucket_that_is_close_to_it() {
        for micros in (0..100_000).chain((0..44).map(|bit| 1 << bit)).chain((1..44).map(|bit| (1 << bit) - 1)) {
            let upper = Histogram::upper_bound(Histogram::bucket(micros));
            assert!(upper >= micros && upper - micros <= micros >> PRECISION_BITS, "{micros} -> {upper}");
            assert!(Histogram::bucket(micros + 1) >= Histogram::bucket(micros));
        }
    }

    #[test]
    fn percentiles() {
        let mut times = Histogram::default();
        assert_eq!((times.percentile(50), times.max()), (None, None));
        for ms in 1..=100 {
            times.add(Duration::from_millis(ms));
        }
        for percent in [1, 50, 90, 99, 100] {
            let got = times.percentile(percent).unwrap().as_micros() as u64;
            let exact = percent * 1000;
            assert!(got >= exact && got - exact <= exact / 100, "p{percent} = {got}");
        }
        assert_eq!(times.max(), Some(Duration::from_millis(100)));
        assert_eq!(times.counts().map(|(_, count)| count).sum::<u64>(), 100);
        assert_eq!(times.counts().last(), Some((100_000, 1)));
    }
}
