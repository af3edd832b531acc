//! What many runs come to together: the counts and times of all their checks, the worst of their figures, and which of
//! their parts are missing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::read::Figures;
use super::record::Record;
use super::text::counted;
use super::{Shard, Summary};
use crate::check::tally::Tally;

/// How many of a thing are named; the others are counted.
const NAMED_MAX: usize = 10;

/// What has been read so far.
#[derive(Debug, Default)]
pub struct Joined {
    tally: Tally,
    figures: Figures,
    /// Checks since the last summary, or the beginning of the file.
    rows: u64,
    /// The file has had a summary.
    summed_up: bool,
    /// Which shares have been there, by the number of shares.
    shares: BTreeMap<u32, Vec<bool>>,
}

impl Joined {
    /// Takes the record of one check.
    pub fn check(&mut self, record: &Record<'_>) {
        self.rows += 1;
        self.tally.add(record.reason, &record.phases);
    }

    /// The summary that ends a run: whether something is missing of the run, in words.
    ///
    /// # Errors
    /// The share has been there before: whatever is counted is counted twice. In words.
    pub fn summary(&mut self, figures: &Figures) -> Result<Option<String>, String> {
        if let Some(Shard { index, count }) = figures.shard {
            let shares = self.shares.entry(count).or_insert_with(|| vec![false; count as usize]);
            // A shard's index is one of its count.
            if std::mem::replace(&mut shares[index as usize - 1], true) {
                return Err(format!("share {index}/{count} was given twice"));
            }
        }
        let rows = std::mem::take(&mut self.rows);
        self.summed_up = true;
        let all = &mut self.figures;
        all.wall = all.wall.max(figures.wall);
        all.most_in_flight = all.most_in_flight.max(figures.most_in_flight);
        all.cpu = all.cpu.saturating_add(figures.cpu);
        all.peak_memory = all.peak_memory.max(figures.peak_memory);
        all.turns = all.turns.saturating_add(figures.turns);
        all.longest_turn = all.longest_turn.max(figures.longest_turn);
        Ok((rows != figures.total).then(|| {
            let checks = counted(rows, "check stands", "checks stand");
            format!("{checks} before a summary that counts {}: something is missing", figures.total)
        }))
    }

    /// The file has ended: whether it was cut short, in words.
    pub fn end_of_file(&mut self) -> Option<String> {
        let rows = std::mem::take(&mut self.rows);
        match (std::mem::take(&mut self.summed_up), rows) {
            (true, 0) => None,
            (_, rows) => Some(format!("cut short: {} and no summary", counted(rows, "check", "checks"))),
        }
    }

    /// The shares that nobody brought, in words.
    pub fn missing(&self) -> Vec<String> {
        let told = |(count, shares): (&u32, &Vec<bool>)| {
            let missing = shares.iter().enumerate().filter(|(_, there)| !**there);
            let mut named: Vec<String> = missing.map(|(index, _)| format!("{}/{count}", index + 1)).collect();
            let more = named.len().saturating_sub(NAMED_MAX);
            named.truncate(NAMED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            (!named.is_empty()).then(|| format!("missing: share {}{more}", named.join(", ")))
        };
        self.shares.iter().filter_map(told).collect()
    }

    /// The counts and times over all runs.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Everything as the summary of one run.
    pub fn to_summary(&self) -> Summary {
        let Figures { wall, most_in_flight, cpu, peak_memory, turns, longest_turn, .. } = self.figures;
        Summary {
            tally: self.tally.clone(),
            wall,
            most_in_flight: usize::try_from(most_in_flight).unwrap_or(usize::MAX),
            cpu: cpu.min(Duration::from_secs(u64::from(u32::MAX))),
            peak_memory,
            turns,
            longest_turn,
            shard: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::Reason;
    use crate::report::testing::{failed, up};

    fn figures(total: u64, shard: Option<(u32, u32)>) -> Figures {
        Figures {
            total,
            wall: Duration::from_millis(200 + total),
            most_in_flight: total,
            cpu: Duration::from_millis(3),
            peak_memory: 100 - total,
            turns: 7,
            longest_turn: Duration::from_micros(total),
            shard: shard.map(|(index, count)| Shard { index, count }),
        }
    }

    #[test]
    fn counts_add_up_and_figures_are_the_worst() {
        let mut joined = Joined::default();
        joined.check(&up("a"));
        joined.check(&failed("b", Reason::Reset, ""));
        assert_eq!(joined.summary(&figures(2, Some((1, 2)))), Ok(None));
        assert_eq!(joined.end_of_file(), None);
        assert_eq!(joined.missing(), ["missing: share 2/2"]);
        joined.check(&up("c"));
        assert_eq!(joined.summary(&figures(1, Some((2, 2)))), Ok(None));
        assert_eq!((joined.end_of_file(), joined.missing().len()), (None, 0));
        let summary = joined.to_summary();
        assert_eq!((summary.tally.total(), summary.most_in_flight, summary.turns), (3, 2, 14));
        assert_eq!((summary.wall, summary.cpu), (Duration::from_millis(202), Duration::from_millis(6)));
        assert_eq!((summary.peak_memory, summary.longest_turn), (99, Duration::from_micros(2)));
        let twice = joined.summary(&figures(0, Some((2, 2))));
        assert_eq!(twice, Err("share 2/2 was given twice".to_owned()));
    }

    #[test]
    fn what_is_missing_is_told() {
        let mut joined = Joined::default();
        assert_eq!(joined.end_of_file(), Some("cut short: 0 checks and no summary".to_owned()));
        joined.check(&up("a"));
        assert!(joined.summary(&figures(2, None)).unwrap().unwrap().contains("1 check stands before"));
        joined.check(&up("b"));
        assert_eq!(joined.end_of_file(), Some("cut short: 1 check and no summary".to_owned()));
        assert_eq!(joined.summary(&figures(0, Some((30, 40)))), Ok(None));
        assert_eq!(
            joined.missing(),
            ["missing: share 1/40, 2/40, 3/40, 4/40, 5/40, 6/40, 7/40, 8/40, 9/40, 10/40 and 29 more"]
        );
    }
}
