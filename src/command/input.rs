//! Where targets come from: arguments, files, standard input; one after the other, never more of them in memory than a
//! buffer holds.
//!
//! What can be read twice is: arguments and regular files are looked through for errors before anything is sent, so
//! that one bad line among a million stops everything in time, and every bad line is named. A pipe cannot be read
//! twice. What has come of it is looked through before the first target of the run starts; an error that comes later is
//! named when it comes, and decides how the run ends.
//!
//! An input small enough to be in flight all at once is kept from the first look and not read again.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::rc::Rc;
use std::time::Instant;

use super::lines::{self, FileLine, Lines};
use crate::check::settings::TlsWanted;
use crate::check::shard::Shard;
use crate::check::target::{LINE_MAX, LineError, Reader, Target};
use crate::engine::secure;
use crate::reactor::{Key, Reactor};
use crate::sys::plain;

/// How many targets are kept from the look through the input: as many as are under way at once by default, so that
/// keeping them costs no memory that the run would not take a moment later.
const READ_AHEAD_MAX: usize = 1024;

/// How many lines without a target are read in one go, a piece of 64 KiB counting as many as it costs. Comments, errors
/// and a file without a line end must not keep the loop from looking round.
const STEPS_MAX: usize = 64;

/// See [`STEPS_MAX`].
const STEPS_PER_PIECE: usize = 16;

/// What the input has to offer now.
#[derive(Debug)]
pub enum Next {
    /// A target, and since when it has been waiting.
    Target(Target, Instant),
    /// Nothing yet: a pipe has more to come.
    Pending,
    /// None so far, and there is more to be read: look at what else has happened, and come back.
    More,
    /// Nothing any more.
    End,
}

/// A place where targets come from.
#[derive(Debug)]
enum Source {
    Argument { number: usize, text: String },
    File { name: String, file: File, kind: FileKind },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileKind {
    /// Can be read twice; its lines begin here.
    Regular { start: u64 },
    /// Can be read once, as it comes.
    Stream,
}

/// All the targets of a run.
pub struct TargetInput {
    reader: Reader,
    /// All targets, where they were few enough to be kept from the look through; then no source is left.
    ahead: VecDeque<Target>,
    usable: Usable,
    sources: VecDeque<Source>,
    /// What is wrong with files that could not be opened.
    unopened: Vec<String>,
    lines: Option<Lines>,
    key: Key,
    started_at: Instant,
    /// How many targets regular files and arguments have; `None` when only a pipe knows.
    known: Option<u64>,
    /// Whether TLS may be spoken to any of them, or to where a redirect of theirs leads.
    may_need_tls: bool,
    taken: u64,
    /// Which targets are ours, if not all of them are, and how many were not.
    shard: Option<Shard>,
    left_to_others: u64,
    errors: u64,
    /// An error was found before the first target was handed out, so none will be.
    refusing: bool,
}

impl TargetInput {
    /// The targets of these arguments, then of these files (`-` is standard input), read as `reader` says. `tag` is
    /// what the loop is to say when more can be read. A file that cannot be opened is an error like any other.
    pub fn new<T: Copy>(
        reader: Reader,
        arguments: Vec<String>,
        files: Vec<String>,
        reactor: &mut Reactor<T>,
        tag: T,
    ) -> TargetInput {
        let mut sources = VecDeque::with_capacity(arguments.len() + files.len());
        for (index, text) in arguments.into_iter().enumerate() {
            sources.push_back(Source::Argument { number: index + 1, text });
        }
        let mut known = Some(0);
        let mut unopened = Vec::new();
        for name in files {
            let source = match open(&name) {
                Ok(source) => source,
                Err(error) => {
                    // Told together with all other errors.
                    unopened.push(format!("{}: {}", name.escape_debug(), plain(&error)));
                    continue;
                }
            };
            if matches!(source, Source::File { kind: FileKind::Stream, .. }) {
                known = None;
            }
            sources.push_back(source);
        }
        TargetInput {
            reader,
            usable: Usable::default(),
            ahead: VecDeque::new(),
            sources,
            unopened,
            lines: None,
            key: reactor.open(tag),
            started_at: reactor.clock().started(),
            may_need_tls: known.is_none(),
            known,
            taken: 0,
            shard: None,
            left_to_others: 0,
            errors: 0,
            refusing: false,
        }
    }

    /// Takes this share of the targets and no other.
    pub fn share(mut self, shard: Option<Shard>) -> TargetInput {
        self.shard = shard;
        self
    }

    /// Looks through all that can be read twice. Each error goes to `tell`, with its place. Afterwards
    /// [`known`](Self::known) says how many targets there are.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn look_through(&mut self, tell: &mut dyn FnMut(&str)) -> Result<(), String> {
        let has_files = self.sources.iter().any(|source| matches!(source, Source::File { .. }));
        let mut look = Survey {
            tell,
            shard: self.shard,
            targets: 0,
            left_to_others: 0,
            errors: 0,
            may_need_tls: false,
            // Room that is not used costs nothing, and growing would copy all of them again and again.
            ahead: VecDeque::with_capacity(if has_files { READ_AHEAD_MAX } else { self.sources.len() }),
        };
        for message in self.unopened.drain(..) {
            look.see(Err(message));
        }
        for source in &mut self.sources {
            match source {
                Source::Argument { number, text } => {
                    let read = self.reader.argument(text);
                    look.see(read.map(Some).map_err(|error| format!("argument {number}:{error}")));
                }
                Source::File { kind: FileKind::Stream, .. } => {}
                Source::File { name, file, kind: FileKind::Regular { start } } => {
                    let cannot = |error: io::Error| format!("{name}: {}", plain(&error));
                    let mut lines =
                        Lines::new(name.clone(), file.try_clone().map_err(cannot)?, LINE_MAX, self.started_at)
                            .of_targets();
                    loop {
                        match lines.next() {
                            FileLine::Whole(number, line) => {
                                let read = read_line(&mut self.reader, &mut self.usable, line);
                                look.see(read.map_err(|error| format!("{name}:{number}:{error}")));
                            }
                            FileLine::Wrong(told) => look.see(Err(format!("{name}:{told}"))),
                            FileLine::Ended => break,
                            FileLine::NotYet => drop(lines.fill(self.started_at).map_err(cannot)?),
                        }
                    }
                    self.reader.end_of_file();
                    file.seek(SeekFrom::Start(*start)).map_err(cannot)?;
                }
            }
        }
        self.errors += look.errors;
        self.left_to_others += look.left_to_others;
        self.may_need_tls |= look.may_need_tls;
        self.known = self.known.map(|_| look.targets);
        if self.known == Some(look.ahead.len() as u64) {
            self.ahead = look.ahead;
            self.sources.clear();
        } else {
            // They are read once more, and counted then.
            self.left_to_others = 0;
        }
        Ok(())
    }

    /// How many targets there are in all, once all of them could be looked through.
    pub fn known(&self) -> Option<u64> {
        self.known
    }

    /// Whether TLS may be spoken, as far as can be known beforehand.
    pub fn may_need_tls(&self) -> bool {
        self.may_need_tls
    }

    /// How many targets were handed out.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// How many targets have been found to be those of other shares.
    pub fn left_to_others(&self) -> u64 {
        self.left_to_others
    }

    /// How many errors were found.
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// The key under which the loop knows it, to go [`again`](Reactor::again) when there is more than was taken.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The next target. An error on the way to it goes to `tell` and is counted.
    ///
    /// # Errors
    /// A file or pipe that cannot be read.
    pub fn next<T: Copy>(&mut self, reactor: &mut Reactor<T>, tell: &mut dyn FnMut(&str)) -> Result<Next, String> {
        if let Some(target) = self.ahead.pop_front() {
            return Ok(self.hand_out(target, self.started_at));
        }
        let mut steps = 0;
        loop {
            if steps >= STEPS_MAX {
                return Ok(Next::More);
            }
            steps += 1;
            let Some(lines) = &mut self.lines else {
                match self.sources.pop_front() {
                    None => return Ok(Next::End),
                    Some(Source::Argument { number, text }) => match self.reader.argument(&text) {
                        Ok(target) if is_anothers(self.shard, &target) => self.left_to_others += 1,
                        Ok(target) => return Ok(self.hand_out(target, self.started_at)),
                        Err(error) => self.wrong(&format!("argument {number}:{error}"), tell),
                    },
                    Some(Source::File { name, file, kind }) => {
                        let mut lines = Lines::new(name, file, LINE_MAX, self.started_at).of_targets();
                        if kind == FileKind::Stream {
                            lines.watch(self.key, reactor).map_err(|error| lines.cannot(&error))?;
                        }
                        self.lines = Some(lines);
                    }
                }
                continue;
            };
            match lines.next() {
                FileLine::Whole(number, line) => match read_line(&mut self.reader, &mut self.usable, line) {
                    Ok(None) => {}
                    Ok(Some(_)) if self.refusing => {}
                    Ok(Some(target)) if is_anothers(self.shard, &target) => self.left_to_others += 1,
                    Ok(Some(target)) => {
                        let since = lines.since;
                        return Ok(self.hand_out(target, since));
                    }
                    Err(error) => {
                        let message = format!("{}:{number}:{error}", lines.name);
                        self.wrong(&message, tell);
                    }
                },
                FileLine::Wrong(told) => {
                    let message = format!("{}:{told}", lines.name);
                    self.wrong(&message, tell);
                }
                FileLine::Ended => {
                    lines.unwatch(reactor);
                    self.lines = None;
                    self.reader.end_of_file();
                }
                FileLine::NotYet => {
                    steps += STEPS_PER_PIECE;
                    let now = reactor.clock().now();
                    match lines.fill(now) {
                        Ok(true) if self.taken == 0 && lines.asked => self.look_at_first_piece(),
                        Ok(true) => {}
                        Ok(false) => return Ok(Next::Pending),
                        Err(error) => return Err(lines.cannot(&error)),
                    }
                }
            }
        }
    }

    /// Nothing has been sent yet, so the first piece of a pipe can still be refused as a whole. Its errors are named
    /// when its lines are taken.
    fn look_at_first_piece(&mut self) {
        let Some(lines) = &mut self.lines else { return };
        let (reader, usable) = (&mut self.reader.clone(), &mut self.usable);
        self.refusing |= lines.waiting().any(|line| read_line(reader, usable, line).is_err());
    }

    fn hand_out(&mut self, target: Target, since: Instant) -> Next {
        self.taken += 1;
        Next::Target(target, since)
    }

    fn wrong(&mut self, message: &str, tell: &mut dyn FnMut(&str)) {
        self.errors += 1;
        tell(message);
    }
}

/// What a look through the input has found.
struct Survey<'a> {
    tell: &'a mut dyn FnMut(&str),
    shard: Option<Shard>,
    targets: u64,
    left_to_others: u64,
    errors: u64,
    may_need_tls: bool,
    /// The first of the targets, up to [`READ_AHEAD_MAX`].
    ahead: VecDeque<Target>,
}

impl Survey<'_> {
    fn see(&mut self, read: Result<Option<Target>, String>) {
        match read {
            Ok(None) => {}
            Ok(Some(target)) if is_anothers(self.shard, &target) => self.left_to_others += 1,
            Ok(Some(target)) => {
                self.targets += 1;
                self.may_need_tls |= target.url.scheme().is_secure() || target.settings.redirects.is_some();
                if self.ahead.len() < READ_AHEAD_MAX {
                    self.ahead.push_back(target);
                }
            }
            Err(message) => {
                self.errors += 1;
                (self.tell)(&message);
            }
        }
    }
}

/// Whether the target belongs to another share than ours.
fn is_anothers(shard: Option<Shard>, target: &Target) -> bool {
    shard.is_some_and(|shard| !shard.has(target))
}

/// Reads a line, and looks whether the certificates and keys that it names are of use.
fn read_line(reader: &mut Reader, usable: &mut Usable, line: &[u8]) -> Result<Option<Target>, LineError> {
    let mut target = reader.line(line)?;
    // Many lines have the same as the one before.
    if let Some(target) = &mut target
        && !usable.is_last(&target.settings.tls)
    {
        let looked_at = match Rc::get_mut(&mut target.settings) {
            Some(own) => usable.share(&mut own.tls),
            // Many lines have these in common.
            None => usable.share(&mut target.settings.tls.clone()),
        };
        looked_at.map_err(|message| LineError { column: 1, message })?;
    }
    Ok(target)
}

/// The last few wishes about TLS that were found to be of use. A thousand lines that name the same file then share what
/// was in it, and it is looked at once.
#[derive(Default)]
struct Usable(VecDeque<Rc<TlsWanted>>);

/// How many of them are remembered.
const MAX_USABLE: usize = 16;

impl Usable {
    /// Whether it is the very one that was found to be of use last.
    fn is_last(&self, wanted: &Rc<TlsWanted>) -> bool {
        self.0.back().is_some_and(|last| Rc::ptr_eq(last, wanted))
    }

    /// Puts the one that is known in the place of its equal; one that is not known is looked at first.
    fn share(&mut self, wanted: &mut Rc<TlsWanted>) -> Result<(), String> {
        if let Some(known) = self.0.iter().find(|known| Rc::ptr_eq(known, wanted) || *known == wanted) {
            *wanted = known.clone();
            return Ok(());
        }
        secure::verify(wanted)?;
        if self.0.len() == MAX_USABLE {
            self.0.pop_front();
        }
        self.0.push_back(wanted.clone());
        Ok(())
    }
}

/// Opens a file of targets; `-` is standard input.
fn open(name: &str) -> io::Result<Source> {
    // In curl -f is --fail, and a target follows.
    if name.contains("://") {
        let hint = "that is a target and no file of targets: it needs no -f (which is not curl's --fail)";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, hint));
    }
    let (name, mut file, is_regular) = lines::open(name)?;
    let kind = match is_regular {
        true => FileKind::Regular { start: file.stream_position()? },
        false => FileKind::Stream,
    };
    Ok(Source::File { name, file, kind })
}
