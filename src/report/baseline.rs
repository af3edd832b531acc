//! What has changed from one run to another: a gate after a deployment.
//!
//! Checks are joined by name, or by target where there is none; of several with the same, the first to the first, the second
//! to the second. It keeps one text a check.

use std::collections::HashMap;
use std::time::Duration;

use super::record::Record;
use super::text::{push_folded, push_json, push_json_or_null, push_seconds_or_null, put, short_time, shown};
use crate::check::outcome::{Reason, Verdict};

/// A check is not slower for less than this.
const SLOWER_MIN: Duration = Duration::from_millis(10);

/// How a target differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It was not down, and is.
    NewlyDown,
    /// It was known, and is not.
    Unknown,
    /// It was up, and is degraded.
    Degraded,
    /// It was down, and is.
    StillDown,
    /// It answers, but takes longer.
    Slower,
    /// It was down or unknown, and is up or degraded.
    Recovered,
    /// It was not there.
    New,
    /// It was in the old run, and is not in the new one.
    Gone,
}

impl Change {
    /// All of them, in the order in which they are told.
    pub const ALL: [Change; 8] = [
        Change::NewlyDown,
        Change::Unknown,
        Change::Degraded,
        Change::StillDown,
        Change::Slower,
        Change::Recovered,
        Change::New,
        Change::Gone,
    ];

    /// The word in NDJSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::NewlyDown => "newly_down",
            Change::Unknown => "unknown",
            Change::Degraded => "degraded",
            Change::StillDown => "still_down",
            Change::Slower => "slower",
            Change::Recovered => "recovered",
            Change::New => "new",
            Change::Gone => "gone",
        }
    }
}

/// A result as far as it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BaselineResult {
    reason: Reason,
    /// Of a whole answer.
    time: Option<Duration>,
}

impl BaselineResult {
    fn of(record: &Record<'_>) -> BaselineResult {
        let time = record.total().filter(|_| record.reason.is_of_an_answer());
        BaselineResult { reason: record.reason, time }
    }
}

/// One target that is not as it was.
#[derive(Clone, Debug)]
pub struct Changed {
    /// What became of it since.
    pub change: Change,
    /// What it is joined by.
    title: Box<str>,
    detail: Option<Box<str>>,
    before: Option<BaselineResult>,
    after: Option<BaselineResult>,
}

/// Both runs. First all records of the old one, then all of the new one.
#[derive(Debug)]
pub struct Baseline {
    /// What was there and has not come again yet: by title, in the order of their coming.
    old: HashMap<Box<str>, Vec<BaselineResult>>,
    changed: Vec<Changed>,
    /// By how many percent a check must take longer to be slower.
    slower: u32,
    unchanged: u64,
    is_worse: bool,
}

impl Baseline {
    /// Nothing yet. `slower`: by how many percent a check must take longer to be slower.
    pub fn new(slower: u32) -> Baseline {
        Baseline { old: HashMap::new(), changed: Vec::new(), slower, unchanged: 0, is_worse: false }
    }

    /// One of the old run.
    pub fn add_old(&mut self, record: &Record<'_>) {
        let result = BaselineResult::of(record);
        match self.old.get_mut(record.title()) {
            Some(results) => results.push(result),
            None => drop(self.old.insert(record.title().into(), vec![result])),
        }
    }

    /// One of the new run.
    pub fn add_new(&mut self, record: &Record<'_>) {
        let after = BaselineResult::of(record);
        let before = match self.old.get_mut(record.title()) {
            Some(results) if results.len() > 1 => Some(results.remove(0)),
            Some(_) => self.old.remove(record.title()).and_then(|mut results| results.pop()),
            None => None,
        };
        let is_bad = |result: BaselineResult| !result.reason.verdict().is_healthy();
        self.is_worse |= is_bad(after) && !before.is_some_and(is_bad);
        match self.change(before, after) {
            Some(change) => self.changed.push(Changed {
                change,
                title: record.title().into(),
                detail: record.detail.as_deref().map(Into::into),
                before,
                after: Some(after),
            }),
            None => self.unchanged += 1,
        }
    }

    fn change(&self, before: Option<BaselineResult>, after: BaselineResult) -> Option<Change> {
        let Some(before) = before else { return Some(Change::New) };
        match (before.reason.verdict(), after.reason.verdict()) {
            (Verdict::Down, Verdict::Down) => Some(Change::StillDown),
            (_, Verdict::Down) => Some(Change::NewlyDown),
            (Verdict::Unknown, Verdict::Unknown) => None,
            (_, Verdict::Unknown) => Some(Change::Unknown),
            (Verdict::Down | Verdict::Unknown, _) => Some(Change::Recovered),
            (Verdict::Up, Verdict::Degraded) => Some(Change::Degraded),
            _ if self.is_slower(before.time?, after.time?) => Some(Change::Slower),
            _ => None,
        }
    }

    fn is_slower(&self, before: Duration, after: Duration) -> bool {
        let by = after.saturating_sub(before);
        by >= SLOWER_MIN && by.as_micros() * 100 > before.as_micros() * u128::from(self.slower)
    }

    /// Whether something is down or unknown that was not before, or is new.
    pub fn is_worse(&self) -> bool {
        self.is_worse
    }

    /// Both runs have been read: what has changed, what matters most first.
    pub fn into_changes(mut self) -> Changes {
        for (title, results) in self.old {
            let gone = |before| Changed {
                change: Change::Gone,
                title: title.clone(),
                detail: None,
                before: Some(before),
                after: None,
            };
            self.changed.extend(results.into_iter().map(gone));
        }
        self.changed.sort_unstable_by(|a, b| (a.change, &a.title).cmp(&(b.change, &b.title)));
        Changes { changed: self.changed, unchanged: self.unchanged }
    }
}

/// What has changed.
#[derive(Debug)]
pub struct Changes {
    changed: Vec<Changed>,
    unchanged: u64,
}

impl Changes {
    /// How often something changed so.
    pub fn count(&self, change: Change) -> usize {
        self.changed.iter().filter(|changed| changed.change == change).count()
    }

    /// The counts in one line: `2 newly down, 1 recovered, 97 unchanged`.
    fn counts(&self) -> String {
        let counted =
            Change::ALL.into_iter().map(|change| (change, self.count(change))).filter(|(_, count)| *count > 0);
        let mut parts: Vec<String> =
            counted.map(|(change, count)| format!("{count} {}", change.as_str().replace('_', " "))).collect();
        parts.push(format!("{} unchanged", self.unchanged));
        parts.join(", ")
    }

    /// For a person: a line a change, and the counts. At a terminal lines are broken where it is that wide.
    pub fn push_human(&self, columns: Option<usize>, out: &mut Vec<u8>) {
        let columns = columns.map_or(usize::MAX, |columns| columns - 1);
        for changed in &self.changed {
            let change = changed.change.as_str().replace('_', " ");
            let line = format!("{change:11} {}  {}", shown(&changed.title), shown(&changed.in_words()));
            push_folded(&line, columns, 12, out);
            out.push(b'\n');
        }
        if !self.changed.is_empty() {
            out.push(b'\n');
        }
        push_folded(&self.counts(), columns, 0, out);
        out.push(b'\n');
    }

    /// An object a line, then one with the counts.
    pub fn push_ndjson(&self, out: &mut Vec<u8>) {
        for changed in &self.changed {
            put(b"{\"schema\":1,\"type\":\"difference\",\"change\":\"", out);
            put(changed.change.as_str().as_bytes(), out);
            put(b"\",\"id\":", out);
            push_json(&changed.title, out);
            for (key, result) in [(&b",\"before\":"[..], changed.before), (b",\"after\":", changed.after)] {
                put(key, out);
                push_result(result, out);
            }
            put(b",\"detail\":", out);
            push_json_or_null(changed.detail.as_deref(), out);
            put(b"}\n", out);
        }
        put(b"{\"schema\":1,\"type\":\"differences\"", out);
        for change in Change::ALL {
            put(format!(",\"{}\":{}", change.as_str(), self.count(change)).as_bytes(), out);
        }
        put(format!(",\"unchanged\":{}}}\n", self.unchanged).as_bytes(), out);
    }
}

fn push_result(result: Option<BaselineResult>, out: &mut Vec<u8>) {
    let Some(BaselineResult { reason, time }) = result else { return put(b"null", out) };
    put(b"{\"verdict\":\"", out);
    put(reason.verdict().as_str().as_bytes(), out);
    put(b"\",\"reason\":\"", out);
    put(reason.as_str().as_bytes(), out);
    put(b"\",\"seconds\":", out);
    push_seconds_or_null(time, out);
    out.push(b'}');
}

impl Changed {
    fn in_words(&self) -> String {
        let time = |result: Option<BaselineResult>| result?.time.map(short_time);
        let word = |result: Option<BaselineResult>| result.map_or("-", |result| result.reason.as_str());
        let detail = self.detail.as_deref().map_or(String::new(), |detail| format!(": {detail}"));
        match self.change {
            Change::Slower => {
                format!("{}, was {}", time(self.after).unwrap_or_default(), time(self.before).unwrap_or_default())
            }
            Change::Gone => format!("was {}", word(self.before)),
            Change::New => format!("{}{detail}", word(self.after)),
            Change::Recovered => format!("{}, was {}", word(self.after), word(self.before)),
            _ => format!("{}, was {}{detail}", word(self.after), word(self.before)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::{Micros, Phases};
    use crate::report::testing::{failed, up};

    fn took(target: &str, ms: u64) -> Record<'_> {
        Record {
            phases: Phases { wait: Some(Micros::of(Duration::from_millis(ms))), ..Phases::default() },
            ..up(target)
        }
    }

    #[test]
    fn each_kind_of_change() {
        let mut baseline = Baseline::new(50);
        let refused = |target| failed(target, Reason::ConnectRefused, "refused");
        let late = |target| failed(target, Reason::Deadline, "late");
        for old in [
            took("same", 100),
            took("slow", 100),
            took("slower", 100),
            took("quick", 1),
            took("falls", 100),
            refused("rises"),
            refused("stays"),
            late("cleared"),
            took("lost", 100),
            late("late"),
            took("warned", 1),
            took("gone", 1),
            took("twice", 1),
            refused("twice"),
        ] {
            baseline.add_old(&old);
        }
        assert!(!baseline.is_worse());
        for new in [
            took("same", 140),
            took("slow", 150),
            took("slower", 151),
            took("quick", 9),
            took("rises", 5),
            refused("stays"),
            took("cleared", 5),
            late("late"),
            failed("warned", Reason::Warn, "it was slow"),
            took("twice", 1),
            refused("twice"),
            took("new", 5),
        ] {
            baseline.add_new(&new);
        }
        assert!(!baseline.is_worse(), "nothing is down that was not");
        baseline.add_new(&refused("falls"));
        assert!(baseline.is_worse());
        baseline.add_new(&late("lost"));
        let changes = baseline.into_changes();
        let mut out = Vec::new();
        changes.push_human(None, &mut out);
        let expected = "\
newly down  falls  connect_refused, was ok: refused
unknown     lost  deadline, was ok: late
degraded    warned  warn, was ok: it was slow
still down  stays  connect_refused, was connect_refused: refused
still down  twice  connect_refused, was connect_refused: refused
slower      slower  151 ms, was 100 ms
recovered   cleared  ok, was deadline
recovered   rises  ok, was connect_refused
new         new  ok
gone        gone  was ok

1 newly down, 1 unknown, 1 degraded, 2 still down, 1 slower, 2 recovered, 1 new, 1 gone, 5 unchanged
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let mut out = Vec::new();
        changes.push_ndjson(&mut out);
        let text = String::from_utf8(out).unwrap();
        let first = "{\"schema\":1,\"type\":\"difference\",\"change\":\"newly_down\",\"id\":\"falls\",\
             \"before\":{\"verdict\":\"up\",\"reason\":\"ok\",\"seconds\":0.100000},\
             \"after\":{\"verdict\":\"down\",\"reason\":\"connect_refused\",\"seconds\":null},\"detail\":\"refused\"}";
        assert_eq!(text.lines().next(), Some(first));
        assert!(text.ends_with(",\"new\":1,\"gone\":1,\"unchanged\":5}\n"), "{text}");
    }

    #[test]
    fn what_is_new_and_bad_is_worse() {
        for (record, worse) in
            [(up("a"), false), (failed("a", Reason::Reset, ""), true), (failed("a", Reason::LocalFds, ""), true)]
        {
            let mut baseline = Baseline::new(50);
            baseline.add_new(&record);
            assert_eq!(baseline.is_worse(), worse, "{record:?}");
        }
    }
}
