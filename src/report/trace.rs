//! Trace: the run as Chrome trace events, which Perfetto (<https://ui.perfetto.dev>) and `chrome://tracing` open as they
//! are. One track has the turns of the loop, each with its sleep and its work in it; every check has a track of its own with
//! its phases; and two counters say how many checks are under way and how many wait.
//!
//! The format is Google's "Trace Event Format": `X` is a slice with a duration, `b` and `e` begin and end one of an
//! asynchronous track, which `cat` and `id2` name, `C` is a counter, `M` names things. Times are in microseconds since the
//! run's start. Events may stand in any order, so each check is written once, when it is over, and nothing is kept.
//!
//! A turn is left out when the reader is slower than the loop: the numbers of the turns then have gaps.

use std::time::Duration;

use super::record::Record;
use super::text::{push, push_format, push_json, push_number};
use super::{Sink, Summary, TurnRecord};

/// The format. See the module's text.
#[derive(Debug)]
pub struct Trace {
    /// Wall time at the run's start, since the Unix epoch: checks say when they began by that.
    started: Duration,
    /// The check that comes next is this one.
    next: u64,
}

impl Trace {
    /// A trace of a run that began at this wall time, since the Unix epoch.
    pub fn new(started: Duration) -> Trace {
        Trace { started, next: 1 }
    }
}

/// An event up to its own members. All are of one process; the loop is its one thread.
fn push_event(kind: &str, name: &str, at: Duration, out: &mut Vec<u8>) {
    push(out, ",\n{\"ph\":\"");
    push(out, kind);
    push(out, "\",\"pid\":1,\"tid\":1,\"name\":");
    push_json(name, out);
    push_member("ts", micros(at), out);
}

fn push_member(name: &str, number: u64, out: &mut Vec<u8>) {
    push(out, ",");
    push_json(name, out);
    push(out, ":");
    push_number(number, out);
}

fn push_slice(name: &str, at: Duration, long: Duration, out: &mut Vec<u8>) {
    push_event("X", name, at, out);
    push_member("dur", micros(long), out);
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Begins (`b`) or ends (`e`) a slice of a check's own track.
fn push_step(kind: &str, name: &str, id: u64, at: Duration, out: &mut Vec<u8>) {
    push_event(kind, name, at, out);
    push_format(out, format_args!(",\"cat\":\"check\",\"id2\":{{\"local\":\"{id:#x}\"}}"));
}

impl Sink for Trace {
    fn begin(&mut self, out: &mut Vec<u8>) {
        push(out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
        push(out, "{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"upcheck\"}},\n");
        push(out, "{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"thread_name\",\"args\":{\"name\":\"the loop\"}}");
    }

    fn turn(&mut self, turn: &TurnRecord, out: &mut Vec<u8>) {
        if turn.number == 0 {
            return;
        }
        push_slice("turn", turn.asked_at, turn.slept + turn.worked, out);
        push(out, ",\"args\":{\"number\":");
        push_number(turn.number, out);
        for (name, count) in [("ready", turn.ready), ("again", turn.again), ("due", turn.due)] {
            push_member(name, count as u64, out);
        }
        push(out, "}}");
        push_slice("sleep", turn.asked_at, turn.slept, out);
        push(out, ",\"args\":{\"at_most_us\":");
        match turn.wait {
            Some(wait) => push_number(micros(wait), out),
            None => push(out, "null"),
        }
        push(out, "}}");
        let seen_at = turn.asked_at + turn.slept;
        push_slice("work", seen_at, turn.worked, out);
        push(out, "}");
        push_event("C", "checks", seen_at + turn.worked, out);
        push(out, ",\"args\":{\"in flight\":");
        push_number(turn.in_flight as u64, out);
        push_member("waiting", turn.waiting as u64, out);
        push(out, "}}");
    }

    fn record(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let (id, title, phases) = (self.next, record.title(), &record.phases);
        self.next += 1;
        let started = record.started.saturating_sub(self.started);
        // Of a check that never began it is not known when it would have.
        let queued = started.saturating_sub(phases.queue.time());
        push_step("b", title, id, queued, out);
        push(out, ",\"args\":{\"target\":");
        push_json(&record.target, out);
        for (name, word) in [("verdict", record.verdict().as_str()), ("reason", record.reason.as_str())] {
            push(out, ",");
            push_json(name, out);
            push(out, ":");
            push_json(word, out);
        }
        if let Some(detail) = &record.detail {
            push(out, ",\"detail\":");
            push_json(detail, out);
        }
        if let Some(status) = record.status {
            push_member("status", u64::from(status), out);
        }
        push_member("attempts", u64::from(record.attempts), out);
        push(out, "}}");
        let mut from = queued;
        let queue = ("queue", Some(phases.queue.time()));
        for (name, phase) in [queue].into_iter().chain(phases.named()) {
            let Some(phase) = phase.filter(|phase| !phase.is_zero()) else { continue };
            push_step("b", name, id, from, out);
            push(out, "}");
            from += phase;
            push_step("e", name, id, from, out);
            push(out, "}");
        }
        push_step("e", title, id, from, out);
        push(out, "}");
    }

    fn end(&mut self, _summary: &Summary, out: &mut Vec<u8>) {
        push(out, "\n]}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{all_kinds, hostile, summary, with_text};
    use serde_json::Value;

    fn traced(turns: &[TurnRecord], records: &[Record<'_>]) -> Vec<Value> {
        let mut trace = Trace::new(Duration::ZERO);
        let mut out = Vec::new();
        trace.begin(&mut out);
        turns.iter().for_each(|turn| trace.turn(turn, &mut out));
        records.iter().for_each(|record| trace.record(record, &mut out));
        trace.end(&summary(records), &mut out);
        let whole: Value = serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}"));
        whole["traceEvents"].as_array().unwrap().clone()
    }

    #[test]
    fn a_turn_is_a_sleep_and_the_work_behind_it() {
        let ms = Duration::from_millis;
        let turn = TurnRecord {
            number: 3,
            asked_at: ms(10),
            wait: Some(ms(500)),
            slept: ms(200),
            worked: ms(2),
            ready: 7,
            in_flight: 5,
            waiting: 1,
            ..TurnRecord::default()
        };
        let events = traced(&[TurnRecord::default(), turn], &[]);
        let slices: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
        let told = |slice: &Value| (slice["name"].clone(), slice["ts"].clone(), slice["dur"].clone());
        assert_eq!(slices.len(), 3, "what was done before the first is no turn: {events:?}");
        assert_eq!(told(slices[0]), ("turn".into(), 10_000.into(), 202_000.into()));
        assert_eq!(told(slices[1]), ("sleep".into(), 10_000.into(), 200_000.into()));
        assert_eq!(told(slices[2]), ("work".into(), 210_000.into(), 2_000.into()));
        assert_eq!(slices[0]["args"]["ready"], 7);
        assert_eq!(slices[1]["args"]["at_most_us"], 500_000);
        let counter = events.iter().find(|event| event["ph"] == "C").unwrap();
        assert_eq!((&counter["args"]["in flight"], &counter["args"]["waiting"]), (&5.into(), &1.into()));
    }

    #[test]
    fn what_begins_on_a_track_ends_there_and_phases_lie_within_their_check() {
        let records = all_kinds();
        let events = traced(&[], &records);
        let mut open: Vec<(Value, Value, u64)> = Vec::new();
        let mut checks = 0;
        for event in events.iter().filter(|event| event["cat"] == "check") {
            let (id, name, at) = (&event["id2"]["local"], &event["name"], event["ts"].as_u64().unwrap());
            if event["ph"] == "b" {
                checks += u32::from(open.is_empty());
                assert!(open.last().is_none_or(|(of, _, since)| of == id && *since <= at), "{event}");
                open.push((id.clone(), name.clone(), at));
            } else {
                let (of, begun, since) = open.pop().unwrap();
                assert_eq!((&of, &begun), (id, name));
                assert!(since <= at, "{event}");
            }
        }
        assert!(open.is_empty());
        assert_eq!(checks as usize, records.len());
    }

    #[test]
    fn it_is_json_whatever_a_server_says() {
        for text in hostile() {
            assert!(traced(&[], &with_text(&text)).len() > 2);
        }
    }
}
