//! Services to try things on: an `upcheck mock` in a child process, which ends with whoever started it.
//!
//! It knows how to start and end processes of this program, and nothing of what is done with them.

// What they used is asked by `compare` alone.
#![cfg_attr(not(feature = "compare"), allow(dead_code))]

use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::sys::resource::{self, Usage};
use crate::sys::start::this_program;

/// A child process. It is ended and waited for when this is dropped, however its owner ends.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    waited_for: bool,
}

impl Process {
    /// Starts it. Its standard output comes here; it has nothing to read.
    pub(super) fn start(command: &mut Command) -> io::Result<Process> {
        // A pipe that ends at once: an empty container has no /dev/null.
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        drop(child.stdin.take());
        Ok(Process { child, waited_for: false })
    }

    /// Its standard output. `None`: it was taken before.
    pub(super) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits until it has ended: how, and what it used.
    pub(super) fn wait(mut self) -> io::Result<(ExitStatus, Usage)> {
        self.waited_for = true;
        resource::wait(self.child.id())
    }

    /// Ends it and waits for it.
    pub(super) fn end(mut self) -> io::Result<(ExitStatus, Usage)> {
        self.child.kill()?;
        self.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.waited_for {
            // One that has ended by itself (Ctrl-C reaches it, too) cannot be killed, and need not be.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Services under way, all in one child process.
#[derive(Debug)]
pub(super) struct Services {
    process: Process,
    targets: Vec<String>,
}

impl Services {
    /// Starts this many, each on a port of its own, that answer after `latency`, give or take `jitter`.
    ///
    /// # Errors
    /// They could not be started, or do not all listen.
    pub(super) fn start(count: u16, latency: Duration, jitter: Duration) -> io::Result<Services> {
        let mut process = Process::start(
            Command::new(this_program()?)
                .args(["mock", "--quiet", "--listen", "127.0.0.1:0"])
                .arg(format!("--ports={count}"))
                .arg(format!("--latency={}us", latency.as_micros()))
                .arg(format!("--jitter={}us", jitter.as_micros()))
                // Whatever UPCHECK_... says, it is not meant for these.
                .env_clear(),
        )?;
        let mut targets = Vec::new();
        // Where they listen is the first thing that they print.
        let stdout = process.take_stdout().map(BufReader::new);
        for line in stdout.into_iter().flat_map(BufRead::lines).take(usize::from(count)) {
            let line = line?;
            let (_, url) = line.split_once("listening on ").ok_or(io::ErrorKind::InvalidData)?;
            targets.push(format!("{url}/health"));
        }
        match targets.len() {
            found if found == usize::from(count) => Ok(Services { process, targets }),
            found => Err(io::Error::other(format!("{found} of {count} listen"))),
        }
    }

    /// What to check, a URL a service.
    pub(super) fn targets(&self) -> &[String] {
        &self.targets
    }

    /// Ends them: what they used.
    pub(super) fn end(self) -> io::Result<Usage> {
        self.process.end().map(|(_, usage)| usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_waited_for_or_ended() {
        let mut seven = Process::start(Command::new("sh").args(["-c", "exit 7"])).unwrap();
        assert!(seven.take_stdout().is_some() && seven.take_stdout().is_none());
        assert_eq!(seven.wait().unwrap().0.code(), Some(7));

        let endless = Process::start(Command::new("sleep").arg("1000")).unwrap();
        assert_eq!(endless.end().unwrap().0.code(), None, "a signal ended it");

        let dropped = Process::start(Command::new("sleep").arg("1000")).unwrap();
        let pid = dropped.child.id();
        drop(dropped);
        assert!(resource::wait(pid).is_err(), "it was waited for");
    }
}
