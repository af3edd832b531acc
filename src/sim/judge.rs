//! What must be true of a run, whatever its world was like, held against what the world knows.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::plan::{Expected, Plan};
use super::world::World;
use crate::command;

/// What a time may differ by from what the world knows: the grain of its clock, a few system calls, and the half a
/// millisecond for which the loop gathers events.
const GRAIN: Duration = Duration::from_millis(8);

/// The same where this program had much to do meanwhile and nobody judges the time: below its own bound of doubt, for each
/// phase, it does not ask.
const COARSE_GRAIN: Duration = Duration::from_millis(60);

/// The longest that the program may work from one poll to the next: what it allows itself for bringing targets, for
/// events and for starts.
const WORK_MAX: Duration = Duration::from_micros(4500);

/// How many system calls may come on top: the last piece of each, begun in time.
const CALLS_MAX: u32 = 60;

/// How many may lie between what happened and its time stamp.
const STAMP_CALLS_MAX: u32 = 8;

/// How late the end of a run may be after it was told to end: the longest wait of the loop and then some.
const END_MAX: Duration = Duration::from_millis(700);

/// How long a reader who takes nothing is waited for.
const STALL_MAX: Duration = Duration::from_millis(4500);

/// All that is wrong with a run, in words.
pub fn judge(mut plan: Plan, result: &command::Result, world: &World) -> Vec<String> {
    let mut wrong = world.broken.clone();
    plan.absent += world.preempted;
    let output = String::from_utf8_lossy(&world.output);
    let mut outcomes: HashMap<usize, Vec<Value>> = HashMap::new();
    let mut summary = None;
    for line in output.lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(value) if value["type"] == "summary" => summary = Some(value),
            Ok(value) => {
                let number = value["name"].as_str().and_then(|name| name[1..].parse().ok());
                outcomes.entry(number.expect("every target has a number")).or_default().push(value);
            }
            // A reader who has gone may have left in the middle of a line.
            Err(_) if plan.reader_goes || plan.reader_stalls => {}
            Err(error) => wrong.push(format!("a line is no JSON ({error}): {line}")),
        }
    }
    let all_came = !plan.reader_goes && !plan.reader_stalls;
    let mut healthy = true;
    for (number, expected) in plan.expected.iter().enumerate() {
        let of_it = outcomes.get(&number).map_or(&[][..], |list| list);
        let line = plan.lines[number].chars().take(160).collect::<String>();
        if of_it.len() > 1 || (all_came && of_it.is_empty()) {
            wrong.push(format!("{} outcomes of one target: {line}", of_it.len()));
        }
        for outcome in of_it {
            healthy &= ["up", "degraded"].iter().any(|verdict| outcome["verdict"] == *verdict);
            let before = wrong.len();
            judge_outcome(outcome, expected, &plan, world, &mut wrong);
            if wrong.len() > before {
                wrong.push(format!("    {line}\n      {outcome}"));
            }
        }
    }
    judge_run(&plan, result, world, healthy, &mut wrong);
    if all_came && summary.is_none() && result.is_ok() {
        wrong.push("there is no summary".to_owned());
    }
    wrong
}

fn judge_outcome(outcome: &Value, expected: &Expected, plan: &Plan, world: &World, wrong: &mut Vec<String>) {
    let reason = outcome["reason"].as_str().unwrap_or_default();
    let was_ended = plan.ended.is_some_and(|(_, of)| of == reason) || plan.reader_goes && reason == "interrupted";
    if was_ended || plan.ended.is_some() && expected.at_first == Some(reason) {
        return;
    }
    // What was waiting for us when we came back is an answer, however late.
    let found_later = expected.in_full && !(plan.absent + plan.work).is_zero() && reason == "ok";
    let lacks = expected.races && world.descriptors < usize::MAX && reason == "local_fds";
    if !expected.reasons.contains(&reason) && !found_later && !lacks {
        wrong.push(format!("{reason} in place of {:?}: {}", expected.reasons, outcome["detail"]));
        return;
    }
    let seconds = |name: &str| Duration::from_secs_f64(outcome["seconds"][name].as_f64().unwrap_or(0.0));
    let total = seconds("total");
    let sum: Duration = ["dns", "connect", "tls", "wait", "body"].into_iter().map(seconds).sum();
    if total.abs_diff(sum) > Duration::from_micros(10) {
        wrong.push(format!("the phases make {sum:?} and not {total:?}"));
    }
    if let Some(address) = expected.address.filter(|_| reason == "ok") {
        let (is, of) = (&outcome["address"], address.to_string());
        if *is != of.as_str() {
            wrong.push(format!("the address is {is} in place of {of}"));
        }
    }
    if outcome["redirects"] != expected.redirects && reason == "ok" {
        wrong.push(format!("{} redirects in place of {}", outcome["redirects"], expected.redirects));
    }
    if outcome["attempts"].as_u64().unwrap_or(0) > u64::from(expected.attempts) {
        wrong.push(format!("{} attempts", outcome["attempts"]));
    }
    if reason == "retried" && outcome["attempts"] != 2 {
        wrong.push("retried at the first attempt".to_owned());
    }
    let stamps = STAMP_CALLS_MAX * longest_call(world);
    let early = stamps
        + match (plan.work.is_zero(), world.slowness) {
            (true, 1) => Duration::from_millis(1),
            (true, _) => GRAIN,
            (false, _) => COARSE_GRAIN,
        };
    // Nobody is charged with what we did meanwhile, and a deadline is neither early nor much too late.
    // An absence of less than a quarter of a second is looked into only where times are judged.
    if let Some(takes) = expected.takes.filter(|_| expected.is_judged || plan.absent.is_zero())
        && total
            > takes
                + if expected.is_judged || plan.work.is_zero() { GRAIN + 4 * stamps } else { COARSE_GRAIN + 4 * stamps }
                // A write that takes less than all costs a turn.
                + GRAIN * (world.faults.short / 20)
    {
        wrong.push(format!("it took {total:?}, and really {takes:?}"));
    }
    let grace = plan.absent * 2 + plan.work + Duration::from_millis(60);
    if total > expected.timeout * expected.attempts + grace {
        wrong.push(format!("it took {total:?} of {:?}", expected.timeout));
    }
    if reason != "ok" && expected.in_full && total + early < expected.timeout {
        wrong.push(format!("its time was over after {total:?} of {:?}", expected.timeout));
    }
}

fn judge_run(plan: &Plan, result: &command::Result, world: &World, healthy: bool, wrong: &mut Vec<String>) {
    let ended_by_signal = plan.ended.is_some_and(|(_, how)| how == "interrupted");
    match result {
        Ok(0) if !healthy => wrong.push("exit 0, and not all are healthy".to_owned()),
        Ok(1) if healthy && plan.ended.is_none() && !plan.reader_goes => {
            wrong.push("exit 1, and all are healthy".to_owned());
        }
        // Whether or not somebody has read it.
        Ok(0) if plan.expected.iter().any(|expected| !expected.may_be_healthy()) => {
            wrong.push("exit 0, and some cannot be healthy".to_owned());
        }
        Ok(0 | 1) => {}
        Ok(130) if ended_by_signal => {}
        Err(_) if plan.reader_stalls => {}
        other => wrong.push(format!("it ended with {other:?}; {}", String::from_utf8_lossy(&world.messages))),
    }
    if world.open() > 0 {
        wrong.push(format!("{} descriptors are left open", world.open()));
    }
    if world.longest_work > WORK_MAX + CALLS_MAX * longest_call(world) {
        wrong.push(format!("it worked for {:?} without a poll", world.longest_work));
    }
    if let Some((at, how)) = plan.ended {
        let patience = if plan.reader_stalls { STALL_MAX } else { Duration::ZERO };
        let by = when_noticed(at, world) + plan.work + END_MAX + patience + slowness(plan, world);
        if world.elapsed() > by {
            wrong.push(format!("told to end ({how}) at {at:?}, it ended at {:?}", world.elapsed()));
        }
    }
    if let Some(interval) = plan.interval {
        judge_pace(interval, world, wrong);
    }
}

/// When a program could know that this time has come that did not run for a while.
fn when_noticed(at: Duration, world: &World) -> Duration {
    world.blind.iter().fold(at, |by, (from, to)| if *from <= by + END_MAX { by.max(*to) } else { by })
}

/// What a system call takes at most.
fn longest_call(world: &World) -> Duration {
    Duration::from_micros(4) * world.slowness
}

/// What a slow reader of the results may take.
fn slowness(plan: &Plan, world: &World) -> Duration {
    match world.reading.get("output") {
        Some(super::world::Reading::Slowly { every, bytes }) if !plan.reader_stalls => {
            *every * (world.output.len() / bytes + 2) as u32
        }
        _ => Duration::ZERO,
    }
}

/// No window of time holds more starts than the rate allows, but for what fell due while the loop was busy.
fn judge_pace(interval: Duration, world: &World, wrong: &mut Vec<String>) {
    let mut starts: Vec<Duration> = world.truths.values().flatten().map(|truth| truth.dialled).collect();
    starts.sort();
    let window = Duration::from_millis(100);
    let most = (window.as_nanos() / interval.as_nanos()) as usize;
    // Races, retries and redirects dial more often than checks start.
    let more = most + most / 2 + 30;
    for (index, start) in starts.iter().enumerate() {
        if let Some(later) = starts.get(index + more)
            && *later < *start + window
        {
            wrong.push(format!("more than {more} starts in {window:?}, with {interval:?} between them"));
            return;
        }
    }
}
