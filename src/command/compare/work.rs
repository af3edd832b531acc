//! What there is to check, as text: lines that every strategy, and every thread of one, reads for itself.
//!
//! A parsed target is shared by counting references without locks, so it cannot go from one thread to another. Its
//! line can.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::time::Duration;

use crate::check::route::Route;
use crate::check::settings::{Draft, Setting};
use crate::check::target::{Reader, Target};
use crate::command::check::WORLD;
use crate::sys::plain;

/// The most checks in one run.
pub(super) const COUNT_MAX: usize = 100_000;

/// The largest file of targets, in bytes.
const FILE_MAX: u64 = 64 * 1024 * 1024;

/// The most `default` lines: each is read again for every check that it holds for.
const DEFAULTS_MAX: usize = 100;

/// The most errors that are named.
const ERRORS_MAX: usize = 100;

/// All the checks of a run.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// The `default` lines of all files.
    defaults: Vec<String>,
    /// Each target's line, and which of the `default` lines hold for it.
    lines: Vec<(Range<usize>, String)>,
    /// How many checks: the lines are taken in turn, again and again if there are fewer.
    count: usize,
    /// The targets are services of our own.
    ours: bool,
    /// The timeout of those that say nothing of it.
    timeout: Option<Duration>,
}

impl Work {
    /// `count` checks, going round these URLs.
    pub(super) fn of_urls(urls: Vec<String>, count: usize, timeout: Duration) -> Work {
        let lines = urls.into_iter().map(|url| (0..0, url)).collect();
        Work { defaults: Vec::new(), lines, count, ours: true, timeout: Some(timeout) }
    }

    /// One check for each target in these files.
    ///
    /// # Errors
    /// All that is wrong with them, each with its place, as far as [`ERRORS_MAX`] goes.
    pub(super) fn of_files(names: &[String]) -> Result<Work, Vec<String>> {
        let mut work = Work::default();
        let mut errors = Vec::new();
        for name in names {
            match read(name) {
                Ok(bytes) => work.take_file(name, &bytes, &mut errors),
                Err(error) => errors.push(format!("{}: {error}", name.escape_debug())),
            }
        }
        work.count = work.lines.len();
        if errors.is_empty() && work.count == 0 {
            errors.push("no targets: nothing to check".to_owned());
        }
        if work.count > COUNT_MAX {
            errors.push(format!("more than {COUNT_MAX} targets"));
        }
        errors.truncate(ERRORS_MAX);
        if errors.is_empty() { Ok(work) } else { Err(errors) }
    }

    /// How many checks there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many services of our own are checked.
    pub(super) fn services(&self) -> usize {
        if self.ours { self.lines.len() } else { 0 }
    }

    /// A reader for [`target`](Self::target): one a thread.
    pub(super) fn reader(&self) -> Reader {
        let mut draft = Draft::default();
        if let Some(timeout) = self.timeout {
            let text = format!("{}us", timeout.as_micros());
            // A number of microseconds is a duration; one of ten years or more is left at the default.
            let _ = draft.set(Setting::Timeout, &text, WORLD.read_file);
        }
        Reader::new(draft, WORLD)
    }

    /// The check with this number, from 0. `None`: there is none, or its line, which was right when the run was
    /// prepared, is so no more.
    pub(super) fn target(&self, number: usize, reader: &mut Reader) -> Option<Target> {
        let (defaults, line) = self.lines.get(number.checked_rem(self.lines.len())?)?;
        reader.end_of_file();
        for line in self.defaults.get(defaults.clone())? {
            reader.line(line.as_bytes()).ok()?;
        }
        reader.line(line.as_bytes()).ok()?
    }

    fn take_file(&mut self, name: &str, bytes: &[u8], errors: &mut Vec<String>) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = self.reader();
        let first_default = self.defaults.len();
        for (index, line) in bytes.split(|&b| b == b'\n').enumerate() {
            let mut wrong = |message: &dyn Display| {
                // One more than are named, so that there is an end to it.
                if errors.len() <= ERRORS_MAX {
                    errors.push(format!("{}:{}:{message}", name.escape_debug(), index + 1));
                }
            };
            // What the reader took is UTF-8.
            let text = || String::from_utf8_lossy(line).into_owned();
            match reader.line(line) {
                Ok(Some(target)) if target.url.scheme().is_secure() => {
                    wrong(&"1: compare has no TLS for its threads: http:// and tcp:// only");
                }
                Ok(Some(target)) if target.settings.retries > 0 || target.settings.all_addresses => {
                    wrong(&"1: compare makes one check of each target, once: no retry= or all-addresses");
                }
                Ok(Some(target)) if target.route() != Route::Direct || target.settings.keepalive => {
                    wrong(
                        &"1: compare connects straight, and anew for each check: no unix: or unix-socket, proxy, keepalive",
                    );
                }
                Ok(Some(_)) => self.lines.push((first_default..self.defaults.len(), text())),
                Ok(None) if is_nothing(line) => {}
                Ok(None) if self.defaults.len() == DEFAULTS_MAX => {
                    wrong(&format!("1: more than {DEFAULTS_MAX} default lines"));
                }
                Ok(None) => self.defaults.push(text()),
                Err(error) => wrong(&error),
            }
        }
    }
}

/// Whether a line that names no target is blank or a comment, and not a `default`.
fn is_nothing(line: &[u8]) -> bool {
    matches!(line.trim_ascii().first(), None | Some(b'#'))
}

fn read(name: &str) -> Result<Vec<u8>, String> {
    let file = File::open(name).map_err(|error| plain(&error))?;
    let about = file.metadata().map_err(|error| plain(&error))?;
    if !about.is_file() {
        return Err("not a regular file: every strategy must be able to read it again".to_owned());
    }
    if about.len() > FILE_MAX {
        return Err(format!("larger than {} MiB", FILE_MAX >> 20));
    }
    let mut bytes = Vec::new();
    file.take(FILE_MAX).read_to_end(&mut bytes).map_err(|error| plain(&error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_text(text: &str) -> Result<Work, Vec<String>> {
        let mut work = Work::default();
        let mut errors = Vec::new();
        work.take_file("f", text.as_bytes(), &mut errors);
        work.count = work.lines.len();
        if errors.is_empty() { Ok(work) } else { Err(errors) }
    }

    #[test]
    fn urls_are_taken_in_turn() {
        let work = Work::of_urls(vec!["http://a/".into(), "http://b/".into()], 5, Duration::from_millis(1500));
        assert_eq!(work.services(), 2);
        let mut reader = work.reader();
        let hosts: Vec<_> = (0..work.count()).filter_map(|n| work.target(n, &mut reader)).collect();
        assert_eq!(hosts.iter().map(|target| target.url.host()).collect::<String>(), "ababa");
        assert!(hosts.iter().all(|target| target.settings.timeout == Duration::from_millis(1500)));
        assert!(Work::default().target(0, &mut reader).is_none());
    }

    #[test]
    fn default_lines_hold_for_what_follows_wherever_it_is_read() {
        let text = "\u{feff}http://a/\n# x\n\ndefault timeout=1s\r\nhttp://b/\ndefault timeout=2s\nhttp://c/ name=c";
        let work = of_text(text).unwrap();
        assert_eq!((work.count(), work.services()), (3, 0));
        let mut reader = work.reader();
        for (number, seconds) in [(2, 2), (0, 5), (1, 1)] {
            let target = work.target(number, &mut reader).unwrap();
            assert_eq!(target.settings.timeout, Duration::from_secs(seconds), "{number}");
        }
    }

    #[test]
    fn default_lines_end_with_their_file() {
        let mut work = Work::default();
        let mut errors = Vec::new();
        work.take_file("f", b"default timeout=1s\nhttp://a/", &mut errors);
        work.take_file("g", b"http://b/", &mut errors);
        assert!(errors.is_empty());
        let mut reader = work.reader();
        let timeout = |number, reader: &mut _| work.target(number, reader).unwrap().settings.timeout;
        assert_eq!(timeout(0, &mut reader), Duration::from_secs(1));
        assert_eq!(timeout(1, &mut reader), Duration::from_secs(5));
    }

    #[test]
    fn what_is_wrong_and_where() {
        let errors =
            of_text("http://a/\nftp://b/\nhttps://c/\nhttp://d/ retry=1\nhttp://e/ all-addresses").unwrap_err();
        assert!(errors[0].starts_with("f:2:1: the scheme"), "{errors:?}");
        // A build without TLS says so by itself, and sooner.
        let no_tls = match cfg!(feature = "tls") {
            true => "f:3:1: compare has no TLS for its threads: http:// and tcp:// only",
            false => "f:3:1: this upcheck was built without TLS, so it cannot check https://",
        };
        assert_eq!(errors[1], no_tls);
        let once = [4, 5].map(|line| {
            format!("f:{line}:1: compare makes one check of each target, once: no retry= or all-addresses")
        });
        assert_eq!(errors[2..], once);
        for line in ["unix:/a:/", "h unix-socket=/a", "h proxy=p:1", "h keepalive"] {
            let errors = of_text(line).unwrap_err();
            assert!(errors[0].starts_with("f:1:1: compare connects straight"), "{line}: {errors:?}");
        }
        let errors = of_text(&"ftp://b/\n".repeat(10 * ERRORS_MAX)).unwrap_err();
        assert_eq!(errors.len(), ERRORS_MAX + 1);
        let errors = of_text(&"default timeout=1s\n".repeat(DEFAULTS_MAX + 1)).unwrap_err();
        assert_eq!(errors, ["f:101:1: more than 100 default lines"]);
        for (name, message) in [("/dev/null", "/dev/null: not a regular file"), ("/nowhere/x", "/nowhere/x: No such")] {
            let errors = Work::of_files(&[name.to_owned()]).unwrap_err();
            assert!(errors[0].starts_with(message), "{errors:?}");
        }
    }
}
