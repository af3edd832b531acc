//! Runs the program as a user would, in a clean environment, for a bounded time.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{PATIENCE, Report, ms};

const PROGRAM: &str = env!("CARGO_BIN_EXE_upcheck");

/// A run of upcheck in the making.
pub(crate) struct Upcheck {
    command: Command,
    input: Option<Vec<u8>>,
    limit: Duration,
}

impl Upcheck {
    /// The program without arguments.
    pub(crate) fn new() -> Upcheck {
        Upcheck::wrapped(Command::new(PROGRAM))
    }

    /// The program with at most this many file descriptors, soft and hard.
    pub(crate) fn with_descriptors(limit: u32) -> Upcheck {
        Upcheck::in_shell(&format!("ulimit -n {limit}; exec \"$0\" \"$@\""))
    }

    /// The program in a shell that runs `script`, where `"$0" "$@"` is the program and its arguments.
    pub(crate) fn in_shell(script: &str) -> Upcheck {
        Upcheck::shell(script, PROGRAM.as_ref())
    }

    /// An example of the crate in place of the program, with at most this many file descriptors. `None` where it was not
    /// built: `cargo test` does that, and `cargo test --test` does not.
    pub(crate) fn example(name: &str, descriptors: u32) -> Option<Upcheck> {
        let test = std::env::current_exe().expect("this test has a path");
        // From target/PROFILE/deps/upcheck-0123 to target/PROFILE/examples/NAME.
        let program = test.ancestors().nth(2)?.join("examples").join(name);
        let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
        program.is_file().then(|| Upcheck::shell(&script, &program))
    }

    fn shell(script: &str, program: &Path) -> Upcheck {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(program);
        Upcheck::wrapped(shell)
    }

    /// The program on a terminal of its own, which `script` (util-linux) makes. What it writes to either stream comes
    /// out as standard output. `arguments` are words for a shell.
    pub(crate) fn on_terminal(arguments: &str) -> Upcheck {
        let mut script = Command::new("script");
        script.args(["-qec", &format!("{PROGRAM} {arguments}"), "/dev/null"]);
        Upcheck::wrapped(script).env("TERM", "xterm-256color")
    }

    /// The same on a terminal of so many columns.
    pub(crate) fn on_terminal_of(columns: u32, arguments: &str) -> Upcheck {
        let mut script = Command::new("script");
        script.args(["-qec", &format!("stty cols {columns}; {PROGRAM} {arguments}"), "/dev/null"]);
        Upcheck::wrapped(script).env("TERM", "xterm-256color")
    }

    fn wrapped(mut command: Command) -> Upcheck {
        // Only the path survives: no UPCHECK_*, NO_COLOR, TERM or proxy of whoever runs the tests.
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        Upcheck { command, input: None, limit: PATIENCE }
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Upcheck {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<S: AsRef<std::ffi::OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Upcheck {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Upcheck {
        self.command.env(name, value);
        self
    }

    /// What standard input holds, through a pipe. Without it, standard input is empty.
    pub(crate) fn stdin(mut self, input: impl Into<Vec<u8>>) -> Upcheck {
        self.input = Some(input.into());
        self
    }

    /// How long the run may take before it is killed and the test fails.
    pub(crate) fn limit(mut self, limit: Duration) -> Upcheck {
        self.limit = limit;
        self
    }

    /// Runs to the end.
    ///
    /// # Panics
    /// When it takes longer than the limit.
    #[track_caller]
    pub(crate) fn run(mut self) -> Output {
        let input = self.input.take();
        let mut running = self.spawn();
        let mut pipe = running.stdin.take().expect("not taken yet");
        let writer = std::thread::spawn(move || {
            // A program that does not read its input to the end closes the pipe on us: its right.
            let _ = pipe.write_all(&input.unwrap_or_default());
        });
        let output = running.finish();
        writer.join().expect("the writer does not panic");
        output
    }

    /// Runs with `-o ndjson`, and reads what it wrote.
    ///
    /// # Panics
    /// When it takes longer than the limit, or writes anything but NDJSON with a summary.
    #[track_caller]
    pub(crate) fn report(self) -> Report {
        let output = self.args(["-o", "ndjson"]).run();
        output.report()
    }

    /// Starts it, and leaves its three streams in the caller's hands.
    #[track_caller]
    pub(crate) fn spawn(mut self) -> Running {
        // Before the program can have begun, so that it never took longer than this says.
        let started = Instant::now();
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program under test starts");
        Running {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            child,
            started,
            limit: self.limit,
        }
    }
}

/// A run under way. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    /// The write end of its standard input; `finish` closes it if it is still here.
    pub(crate) stdin: Option<ChildStdin>,
    /// The read end of its standard output; `finish` reads it to the end if it is still here.
    pub(crate) stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    started: Instant,
    limit: Duration,
}

impl Running {
    /// Its process id: the program's own, also under `with_descriptors`, which ends in `exec`.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, by name.
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status()
            .expect("`kill` is on every Unix");
        assert!(status.success(), "kill -{name}: {status}");
    }

    /// Takes its standard output, to read it line by line as it comes.
    ///
    /// # Panics
    /// When it was taken before.
    #[track_caller]
    pub(crate) fn lines(&mut self) -> Lines {
        let stdout = self.stdout.take().expect("not taken yet");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Lines(receiver)
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        let status = self.child.try_wait().expect("a child of ours");
        status.is_some()
    }

    /// Closes its input, reads its output, waits for its end.
    ///
    /// # Panics
    /// When it takes longer than the limit.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Output {
        drop(self.stdin.take());
        let stdout = self.stdout.take().map(read_all);
        let stderr = self.stderr.take().map(read_all);
        let mut in_time = true;
        while !self.has_ended() {
            if self.started.elapsed() > self.limit {
                in_time = false;
                self.kill();
                break;
            }
            std::thread::sleep(ms(2));
        }
        let wall = self.started.elapsed();
        let status = self.child.wait().expect("a child of ours");
        let output = Output {
            code: status.code(),
            signal: status.signal(),
            stdout: collect(stdout),
            stderr: collect(stderr),
            wall,
        };
        assert!(in_time, "still running after {:?}: {output:#?}", self.limit);
        output
    }

    fn kill(&mut self) {
        // A wrapped program is a grandchild; its terminal or its pipes go with the child, and it ends by itself.
        let _ = self.child.kill();
    }
}

/// The lines of a run that is under way. Dropping it closes the read end of the pipe, as `head` does, once the next
/// line comes.
pub(crate) struct Lines(mpsc::Receiver<String>);

impl Lines {
    /// The next line, without its end.
    ///
    /// # Panics
    /// When none comes within [`PATIENCE`].
    #[track_caller]
    pub(crate) fn next(&mut self) -> String {
        self.0.recv_timeout(PATIENCE).expect("a line in time")
    }

    /// What is left of the output.
    ///
    /// # Panics
    /// When it does not end within [`PATIENCE`] of its last line.
    #[track_caller]
    pub(crate) fn rest(self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.0.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => return lines,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("no line and no end: {lines:#?}"),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

fn collect(reader: Option<JoinHandle<Vec<u8>>>) -> Vec<u8> {
    reader.map_or_else(Vec::new, |thread| thread.join().expect("the reader does not panic"))
}

/// What a run left behind.
#[derive(Clone)]
pub(crate) struct Output {
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// What it wrote to standard output.
    pub(crate) stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub(crate) stderr: Vec<u8>,
    /// How long it took.
    pub(crate) wall: Duration,
}

impl Output {
    /// Standard output, which must be UTF-8.
    #[track_caller]
    pub(crate) fn out(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("standard output is UTF-8")
    }

    /// Standard error, which must be UTF-8.
    #[track_caller]
    pub(crate) fn err(&self) -> &str {
        std::str::from_utf8(&self.stderr).expect("standard error is UTF-8")
    }

    /// Standard output, read as NDJSON.
    #[track_caller]
    pub(crate) fn report(&self) -> Report {
        assert!(!self.stdout.is_empty(), "no output: {self:#?}");
        Report::parse(&self.stdout)
    }

    /// Fails the test unless the program exited with this code.
    #[track_caller]
    pub(crate) fn expect_code(&self, code: i32) -> &Output {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Fails the test if the program panicked, aborted or was killed.
    #[track_caller]
    pub(crate) fn expect_no_crash(&self) -> &Output {
        assert_eq!(self.signal, None, "{self:#?}");
        assert_ne!(self.code, Some(101), "{self:#?}");
        let text = String::from_utf8_lossy(&self.stderr);
        assert!(!text.contains("panicked"), "{self:#?}");
        self
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("code", &self.code)
            .field("signal", &self.signal)
            .field("stdout", &shortened(&self.stdout))
            .field("stderr", &shortened(&self.stderr))
            .field("wall", &self.wall)
            .finish()
    }
}

/// The beginning of an output, enough to see what went wrong.
fn shortened(bytes: &[u8]) -> String {
    const SHOWN: usize = 4000;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned();
    match bytes.len() {
        0..=SHOWN => text,
        length => format!("{text} ... {length} bytes in all"),
    }
}
