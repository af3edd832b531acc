//! `--dry-run`: all input is read, and each target shown with what was said of it; nothing is sent.

use super::options::{CheckFlag, CheckOptions, FLAGS};
use super::{Beside, nothing_checked};
use crate::check::settings::Setting;
use crate::check::target::Target;
use crate::command::exit;
use crate::command::input::{Next, TargetInput};
use crate::command::output::{print, say};
use crate::engine::Tag;
use crate::reactor::Reactor;
use crate::report::text::{push_json, push_json_or_null, push_shown};
use crate::sys::plain;

/// How much is printed at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// Shows all targets. Gives the exit status.
///
/// # Errors
/// What is wrong with the input.
pub(super) fn run(
    options: &CheckOptions,
    input: &mut TargetInput,
    reactor: &mut Reactor<Tag<Beside>>,
) -> Result<u8, String> {
    let wanted = options.outputs.wanted();
    if let Some(file) = wanted.iter().find_map(|wanted| wanted.file.as_deref()).or(options.trace.as_deref()) {
        return Err(format!("--dry-run prints to standard output, not to {}", file.escape_debug()));
    }
    if let Some(other) = wanted.iter().find(|wanted| !matches!(wanted.format.name, "human" | "ndjson")) {
        return Err(format!("--dry-run prints lines, or objects with -o ndjson, but no {}", other.format.name));
    }
    let as_objects = wanted.iter().any(|wanted| wanted.format.name == "ndjson");
    let (mut out, mut ready) = (Vec::new(), Vec::new());
    loop {
        match input.next(reactor, &mut say)? {
            Next::Target(target, _) if as_objects => push_object(&target, &mut out),
            Next::Target(target, _) => push_line(&target, &mut out),
            Next::More => {}
            Next::Pending => {
                reactor.turn(&mut ready).map_err(|error| format!("the event loop: {}", plain(&error)))?;
                ready.clear();
            }
            Next::End => break,
        }
        if out.len() >= PIECE {
            print(&String::from_utf8_lossy(&out));
            out.clear();
        }
    }
    print(&String::from_utf8_lossy(&out));
    match (input.errors(), input.taken()) {
        (0, 0) if input.left_to_others() == 0 => Err("no targets: nothing to check".to_owned()),
        (0, _) => Ok(exit::HEALTHY),
        (errors, _) => Err(nothing_checked(errors)),
    }
}

/// What was said of a target, by the names that flags and lines have for it. Of what is said but once, the last holds.
fn said(target: &Target) -> Vec<(&'static str, Vec<&str>)> {
    let mut all: Vec<(&'static str, Vec<&str>)> = Vec::new();
    for (setting, text) in &target.settings.said {
        let Some(flag) = FLAGS.iter().find(|flag| flag.id == CheckFlag::Setting(*setting)) else { continue };
        let is_repeated = matches!(setting, Setting::Header | Setting::Data | Setting::Expect | Setting::Warn);
        match all.iter_mut().find(|(name, _)| *name == flag.long) {
            Some((_, texts)) if is_repeated => texts.push(text),
            Some((_, texts)) => *texts = vec![text],
            None => all.push((flag.long, vec![text])),
        }
    }
    all
}

/// As it could stand in a file of targets.
fn push_line(target: &Target, out: &mut Vec<u8>) {
    push_shown(target.shown(), out);
    if let Some(name) = target.name() {
        push_option("name", name, out);
    }
    for (label, value) in target.labels() {
        push_option(&format!("label.{label}"), value, out);
    }
    for (name, texts) in said(target) {
        for text in texts {
            push_option(name, text, out);
        }
    }
    out.push(b'\n');
}

fn push_option(name: &str, text: &str, out: &mut Vec<u8>) {
    push_shown(&format!("  {name}"), out);
    if text.is_empty() {
        return;
    }
    let quote = match text.contains([' ', '\'', '"', '#', '\t']) {
        false => "",
        true if text.contains('\'') => "\"",
        true => "'",
    };
    let text = if quote == "\"" { text.replace('\\', "\\\\").replace('"', "\\\"") } else { text.to_owned() };
    push_shown(&format!("={quote}{text}{quote}"), out);
}

fn push_object(target: &Target, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"schema\":1,\"type\":\"target\",\"target\":");
    push_json(target.shown(), out);
    out.extend_from_slice(b",\"name\":");
    push_json_or_null(target.name(), out);
    out.extend_from_slice(b",\"labels\":{");
    for (index, (label, value)) in target.labels().iter().enumerate() {
        out.extend_from_slice(if index > 0 { b"," } else { b"" });
        push_json(label, out);
        out.push(b':');
        push_json(value, out);
    }
    out.extend_from_slice(b"},\"settings\":{");
    for (index, (name, texts)) in said(target).iter().enumerate() {
        out.extend_from_slice(if index > 0 { b"," } else { b"" });
        push_json(name, out);
        out.extend_from_slice(b":[");
        for (index, text) in texts.iter().enumerate() {
            out.extend_from_slice(if index > 0 { b"," } else { b"" });
            push_json(text, out);
        }
        out.push(b']');
    }
    out.extend_from_slice(b"}}\n");
}
