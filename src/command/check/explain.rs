//! `--explain`: the loop in words, a line a turn, and below it what the checks did with what they were told: those that did
//! the same together, each by its name up to [`TOLD_ONE_BY_ONE`] steps, and beyond that how many.
//!
//! It is told what happened and makes text of it; who prints that is not its concern.

use std::fmt::Write;

use crate::check::machine::Awaits;
use crate::check::outcome::Reason;
use crate::engine::journal::{Cause, StepTaken};
use crate::report::TurnRecord;
use crate::report::text::{short_time, shown};

/// In so many steps of a run each check is named.
const TOLD_ONE_BY_ONE: usize = 200;

/// What stands before the first turn.
pub(super) const OPENING: &str = "\
One thread, one loop (src/reactor/mod.rs). In every turn it asks the system
which sockets are ready, and sleeps until one is or the next deadline comes.
Each check whose socket is ready then goes one step.
";

/// What has been told so far.
#[derive(Debug, Default)]
pub(super) struct Explain {
    told: usize,
}

impl Explain {
    /// A turn that is over, and its steps; `left_out` is how many beside them nobody has kept.
    pub(super) fn turn(&mut self, turn: &TurnRecord, steps: &[StepTaken], left_out: u64) -> String {
        let mut text = match turn.number {
            0 => "before the first turn: each target that there is room for begins\n".to_owned(),
            _ => headline(turn),
        };
        self.told += steps.len();
        push_steps(steps, self.told <= TOLD_ONE_BY_ONE, &mut text);
        if left_out > 0 {
            let _ = writeln!(text, "  and {left_out} steps more");
        }
        text
    }
}

/// What the turn waited for, how long, and what came.
fn headline(turn: &TurnRecord) -> String {
    let slept = match (turn.wait, short_time(turn.slept)) {
        (Some(wait), _) if wait.is_zero() => "asked without waiting".to_owned(),
        (Some(wait), slept) => format!("slept {slept} of {} at most", short_time(wait)),
        (None, slept) => format!("slept {slept}"),
    };
    let mut text = format!("turn {}: {slept}; {} ready", turn.number, turn.ready);
    let (again, due) = (turn.again, turn.due);
    for (count, what) in [(again, "to go on with"), (due, "due")] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    let _ = writeln!(text, "; worked for {}, and now {} in flight", short_time(turn.worked), turn.in_flight);
    text
}

/// Steps that are alike under one line, which says what they are. Each by itself, or how many.
fn push_steps(steps: &[StepTaken], each: bool, text: &mut String) {
    let mut kinds: Vec<(&StepTaken, Vec<&StepTaken>)> = Vec::new();
    let kind_of = |step: &StepTaken| (step.cause, step.from, step.to, is_http(step));
    for step in steps {
        match kinds.iter_mut().find(|(kind, _)| kind_of(kind) == kind_of(step)) {
            Some((_, others)) => others.push(step),
            None => kinds.push((step, vec![step])),
        }
    }
    // Writing to a String cannot fail.
    for (kind, steps) in kinds {
        let _ = writeln!(text, "  {}", told(kind));
        match each {
            true => steps.iter().for_each(|step| {
                let _ = writeln!(text, "    #{} {}", step.number, shown(&step.target));
            }),
            false => drop(writeln!(text, "    {} checks", steps.len())),
        }
    }
}

/// What happened, and what was done.
fn told(step: &StepTaken) -> String {
    let cause = match step.cause {
        Cause::Started => "begins",
        Cause::Io { readable: true, writable: true } => "readable and writable",
        Cause::Io { readable: true, .. } => "readable",
        Cause::Io { .. } => "writable",
        Cause::Named => "the name is known",
        Cause::HeadStart => "an address has had its head start",
        Cause::Deadline => "the time is over",
    };
    format!("{cause}: {}", deed(step.from, step.to, is_http(step)))
}

fn is_http(step: &StepTaken) -> bool {
    !step.target.starts_with("tcp://") && !step.target.starts_with("tls://")
}

/// What a check did that went from one stage to another, with the file that does it, and what it waits for since.
fn deed(from: Awaits, to: Awaits, is_http: bool) -> String {
    let (done, waits) = match (from, to) {
        // Such as tcp:// without more.
        (Awaits::Start | Awaits::Addresses | Awaits::Connection | Awaits::Tls, Awaits::Nothing(Reason::Ok)) => {
            ("the connection stands, and what is expected of it is judged (check/machine/judging.rs)", "up")
        }
        (_, Awaits::Nothing(Reason::Ok)) => match is_http {
            true => ("the whole answer is read (proto/http/response.rs) and judged", "up"),
            false => ("what has come is read (engine/exchange.rs) and judged", "up"),
        },
        (_, Awaits::Nothing(reason)) => {
            return format!("it ends (check/machine.rs): {}, {}", reason.verdict().as_str(), reason.as_str());
        }
        (_, Awaits::Start) => ("it is put back into the queue (engine/queue.rs)", "waits for its next try"),
        (from, to) if from == to => ("nothing that it waited for", waits_for(to)),
        (_, Awaits::Addresses) => ("asks for the addresses of its name (engine/resolver)", waits_for(to)),
        (_, Awaits::Connection) => ("connects, which does not wait (engine/connecting.rs)", waits_for(to)),
        (_, Awaits::Tunnel) => ("asks the proxy for a tunnel (engine/exchange.rs)", waits_for(to)),
        (_, Awaits::Tls) => ("the connection stands and TLS begins (conn/tls)", waits_for(to)),
        (Awaits::Start | Awaits::Addresses, Awaits::Answer) => {
            ("connects and sends the request at once (engine/connecting.rs)", waits_for(to))
        }
        (_, Awaits::Answer) => ("sends the request (engine/exchange.rs)", waits_for(to)),
        (_, Awaits::Body) => ("reads the head and what else has come (engine/exchange.rs)", waits_for(to)),
    };
    format!("{done}; {waits}")
}

fn waits_for(stage: Awaits) -> &'static str {
    match stage {
        Awaits::Start => "waits to begin",
        Awaits::Addresses => "waits for a name server",
        Awaits::Connection => "waits until it can be written to",
        Awaits::Tunnel => "waits for the proxy",
        Awaits::Tls => "waits for the handshake to go on",
        Awaits::Answer => "waits for the answer",
        Awaits::Body => "waits for the rest",
        Awaits::Nothing(_) => "is over",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Duration;

    fn step(number: u64, cause: Cause, from: Awaits, to: Awaits) -> StepTaken {
        StepTaken { number, target: "http://a/".into(), cause, from, to }
    }

    const ALL: [Awaits; 9] = [
        Awaits::Start,
        Awaits::Addresses,
        Awaits::Connection,
        Awaits::Tunnel,
        Awaits::Tls,
        Awaits::Answer,
        Awaits::Body,
        Awaits::Nothing(Reason::Ok),
        Awaits::Nothing(Reason::Reset),
    ];

    #[test]
    fn a_turn_says_what_it_waited_for_and_what_came() {
        let ms = Duration::from_millis;
        let turn = TurnRecord {
            number: 4,
            wait: Some(ms(500)),
            slept: ms(201),
            worked: Duration::from_micros(310),
            ready: 2,
            due: 1,
            in_flight: 9,
            ..TurnRecord::default()
        };
        let readable = Cause::Io { readable: true, writable: false };
        let text = Explain::default().turn(
            &turn,
            &[
                step(7, readable, Awaits::Answer, Awaits::Nothing(Reason::Ok)),
                step(8, readable, Awaits::Answer, Awaits::Body),
            ],
            0,
        );
        let expected = "\
turn 4: slept 201 ms of 500 ms at most; 2 ready, 1 due; worked for 310 us, and now 9 in flight
  readable: the whole answer is read (proto/http/response.rs) and judged; up
    #7 http://a/
  readable: reads the head and what else has come (engine/exchange.rs); waits for the rest
    #8 http://a/
";
        assert_eq!(text, expected);
    }

    #[test]
    fn many_steps_are_summed_up() {
        let mut explain = Explain::default();
        let steps: Vec<StepTaken> =
            (0..TOLD_ONE_BY_ONE as u64).map(|n| step(n, Cause::Started, Awaits::Start, Awaits::Answer)).collect();
        let text = explain.turn(&TurnRecord::default(), &steps, 0);
        assert_eq!(text.lines().count(), 2 + TOLD_ONE_BY_ONE);
        let writable = Cause::Io { readable: false, writable: true };
        let steps = [
            step(1, writable, Awaits::Answer, Awaits::Answer),
            step(2, Cause::Deadline, Awaits::Answer, Awaits::Nothing(Reason::ResponseTimeout)),
            step(3, writable, Awaits::Answer, Awaits::Answer),
        ];
        let text = explain.turn(&TurnRecord { number: 1, ..TurnRecord::default() }, &steps, 5);
        assert!(
            text.contains("\n  writable: nothing that it waited for; waits for the answer\n    2 checks\n"),
            "{text}"
        );
        assert!(
            text.contains("\n  the time is over: it ends (check/machine.rs): down, response_timeout\n    1 checks\n"),
            "{text}"
        );
        assert!(text.ends_with("and 5 steps more\n"), "{text}");
    }

    #[test]
    fn the_files_that_are_named_exist() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let deeds = |from| ALL.iter().flat_map(move |to| [true, false].map(|is_http| deed(from, *to, is_http) + "\n"));
        let told: String = ALL.iter().flat_map(|from| deeds(*from)).collect();
        let named: Vec<&str> = told.split('(').skip(1).filter_map(|rest| rest.split(')').next()).collect();
        assert!(named.len() > 20, "{named:?}");
        for name in named {
            assert!(source.join(name).exists(), "there is no {name}");
        }
        assert!(source.join("reactor/mod.rs").exists() && OPENING.contains("src/reactor/mod.rs"));
    }

    #[test]
    fn no_target_writes_to_the_terminal_what_it_should_not() {
        let mut step = step(1, Cause::Started, Awaits::Start, Awaits::Answer);
        step.target = "http://a/\u{1b}[2J".into();
        assert!(!Explain::default().turn(&TurnRecord::default(), &[step], 0).contains('\u{1b}'));
    }
}
