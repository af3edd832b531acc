//! What a check costs the kernel: the README's list, held against what `strace` sees.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Server, TempDir, Upcheck, skipped};

const README: &str = include_str!("../README.md");

/// Memory is fetched by the page, whoever needs the first byte of one.
const MEMORY: [&str; 4] = ["brk", "mmap", "munmap", "mremap"];

/// The README's list.
struct Listed {
    /// What each check calls, in order.
    each: Vec<&'static str>,
    /// What is indented there: shared, or seldom called.
    others: Vec<&'static str>,
}

fn listed() -> Listed {
    let section = README.split("### One check, as the kernel sees it\n").nth(1).expect("README.md has the section");
    let block = section.split("```\n").nth(1).expect("and the list in it");
    let mut listed = Listed { each: Vec::new(), others: Vec::new() };
    for line in block.lines() {
        let mut words = line.split_whitespace();
        let (call, file) = (words.next().expect("a call"), words.next().expect("a file"));
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file(), "who calls {call}: {file}");
        match line.starts_with(' ') {
            true => listed.others.push(call),
            false => listed.each.push(call),
        }
    }
    listed
}

/// A call as strace writes it: `PID name(arguments) = result`.
struct Call<'a> {
    name: &'a str,
    arguments: Vec<&'a str>,
    result: &'a str,
}

impl Call<'_> {
    fn parse(line: &str) -> Option<Call<'_>> {
        let (_, call) = line.split_once(' ')?;
        let (name, rest) = call.trim_start().split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        Some(Call { name, arguments: arguments.split(", ").collect(), result: result.split(' ').next()? })
    }

    /// The descriptor that it is about.
    fn descriptor(&self) -> Option<&str> {
        let at = if self.name == "epoll_ctl" { 2 } else { 0 };
        Some(self.arguments.get(at)?.trim_end().trim_end_matches(')'))
    }
}

/// Whether this machine lets programs be traced.
fn can_trace() -> bool {
    let tried = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        skipped!("no strace on this machine, or nothing may be traced");
    }
    can
}

/// The trace of a run that checks so many targets at this server.
fn trace(server: &Server, checks: usize) -> String {
    let folder = TempDir::new();
    let file = folder.path("trace");
    let output = Upcheck::in_shell("exec strace -f -qq -o \"$TRACE\" \"$0\" \"$@\"")
        .env("TRACE", file.to_str().expect("a plain path"))
        .args(["-s", "-t", "25"])
        .args((0..checks).map(|n| server.url(&format!("/{n}"))))
        .run();
    output.expect_code(0);
    fs::read_to_string(file).expect("the trace is text")
}

/// The calls of a trace, without what a debug build's std asks before it closes a descriptor: whether it is open.
fn calls(trace: &str) -> impl Iterator<Item = Call<'_>> {
    let is_check =
        |call: &Call| cfg!(debug_assertions) && call.name == "fcntl" && call.arguments[1].contains("F_GETFD");
    trace.lines().filter_map(Call::parse).filter(move |call| !is_check(call))
}

/// What was called about each socket, from `socket` to `close`.
fn by_socket(trace: &str) -> Vec<Vec<&str>> {
    let mut open: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut closed = Vec::new();
    for call in calls(trace) {
        if call.name == "socket" && call.arguments[0] != "AF_UNIX" {
            open.insert(call.result, vec![call.name]);
        } else if let Some(calls) = call.descriptor().and_then(|descriptor| open.get_mut(descriptor)) {
            calls.push(call.name);
            if call.name == "close" {
                closed.extend(call.descriptor().and_then(|descriptor| open.remove(descriptor)));
            }
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    closed
}

fn counts(trace: &str) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for call in calls(trace) {
        *counts.entry(call.name).or_default() += 1;
    }
    counts
}

/// Fails the test unless checks at this server call what the README says, in this order, and nothing else.
#[track_caller]
fn expect_calls(server: &Server, each: &[&str], others: &[&str]) {
    let run = |checks: usize| {
        let trace = trace(server, checks);
        let mut calls = by_socket(&trace);
        assert_eq!(calls.len(), checks, "{trace}");
        calls.iter_mut().for_each(|calls| calls.retain(|call| !others.contains(call)));
        assert!(calls.iter().all(|calls| calls == each), "not as the README has it, {each:?}: {calls:?}");
        trace
    };
    run(1);
    let (few, many) = (run(10), run(20));
    let (few, many) = (counts(&few), counts(&many));
    for (call, count) in &many {
        let more = *count as i64 - few.get(call).map_or(0, |count| *count as i64);
        let listed = each.iter().filter(|listed| *listed == call).count() as i64;
        let is_exempt = others.contains(call) || MEMORY.contains(call);
        assert!(
            is_exempt || more == 10 * listed,
            "{more} times {call} for 10 checks more, and the README says {listed}"
        );
    }
}

/// On loopback, where all tests stay, the request goes out before its socket is watched, as the README says, too.
#[test]
fn a_check_calls_what_the_readme_says() {
    let Listed { mut each, others } = listed();
    assert_eq!(each.len(), 6, "as the README says");
    if !can_trace() {
        return;
    }
    let send = each.remove(each.iter().position(|call| *call == "sendto").expect("it is in the list"));
    let watch = each.iter().position(|call| *call == "epoll_ctl").expect("it is in the list");
    each.insert(watch, send);
    expect_calls(&Server::ok(), &each, &others);
}
