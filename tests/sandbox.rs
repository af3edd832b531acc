//! The system around the program: what it may lack or forbid, and what it shows to others.

use std::fs;

use crate::support::dns::Dns;
use crate::support::{Server, Step, Upcheck, has_program, skipped, wait_until};

/// Runs the program where getrandom fails with this error, and where there is no `/dev/urandom` either if `/dev` is to be
/// empty.
const WITHOUT_RANDOM: &str = r#"
import ctypes, os, struct, sys
error, empty, numbers = int(sys.argv[1]), sys.argv[2] == "empty", {"x86_64": 318, "aarch64": 278}
libc = ctypes.CDLL(None, use_errno=True)
def must(result, what):
    if result != 0:
        sys.exit("cannot: %s: %s" % (what, os.strerror(ctypes.get_errno())))
number = numbers.get(os.uname().machine)
must(0 if number else 1, "no filter for this machine")
if empty:
    must(libc.mount(b"none", b"/dev", b"tmpfs", 0, None), "mount")
# load the call's number; if it is getrandom, the error; else allow
filters = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7fff0000)]
program = b"".join(struct.pack("HBBI", *one) for one in filters)
buffer = ctypes.create_string_buffer(program)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filters", ctypes.c_void_p)]
wanted = Program(len(filters), ctypes.addressof(buffer))
must(libc.prctl(38, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
must(libc.prctl(22, 2, ctypes.byref(wanted), 0, 0), "PR_SET_SECCOMP")
os.execv(sys.argv[3], sys.argv[3:])
"#;

#[test]
fn nothing_ends_for_want_of_random_numbers() {
    const EPERM: &str = "1";
    const ENOSYS: &str = "38";
    if !has_program("python3") || !has_program("unshare") || !cfg!(target_os = "linux") {
        skipped!("no Linux, or no python3 and unshare to take the random numbers away with");
        return;
    }
    for (error, dev) in [(EPERM, "full"), (ENOSYS, "full"), (EPERM, "empty"), (ENOSYS, "empty")] {
        let server = Server::answering(|request| match request.path() {
            "/" => vec![Step::ok()],
            _ => vec![Step::send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")],
        });
        let dns = Dns::local();
        let port = server.address().port();
        let output = Upcheck::in_shell("exec unshare -rm python3 -c \"$SCRIPT\" \"$ERROR\" \"$DEV\" \"$0\" \"$@\"")
            .env("SCRIPT", WITHOUT_RANDOM)
            .env("ERROR", error)
            .env("DEV", dev)
            .args(["-o", "ndjson", "--dns-server", &dns.address(), "--retry", "1", "--retry-delay", "10ms"])
            .args(["--concurrency-per-host", "1"])
            .args([format!("http://name.test.:{port}/"), format!("http://name.test.:{port}/retried")])
            .run();
        let text = String::from_utf8_lossy(&output.stderr);
        if text.contains("cannot: ") || text.contains("unshare:") {
            skipped!("{}", text.trim());
            return;
        }
        let report = output.expect_no_crash().report();
        let up = report.target(&format!("http://name.test.:{port}/"));
        assert_eq!(up["verdict"], "up", "an id was found for its query: {error}, {dev}: {up}");
        let retried = report.target(&format!("http://name.test.:{port}/retried"));
        assert_eq!(retried["attempts"], 2, "a time was found for its retry: {error}, {dev}: {retried}");
    }
}

/// The arguments of a run as everybody sees them, once its check is under way.
fn shown_arguments(arguments: &[String], server: &Server) -> Vec<String> {
    let before = server.requests().len();
    let running = Upcheck::new().args(["-t", "20"]).args(arguments).spawn();
    wait_until("it asks", || server.requests().len() > before);
    let shown = fs::read(format!("/proc/{}/cmdline", running.pid())).expect("it is running");
    let shown = String::from_utf8(shown).expect("text");
    shown.strip_suffix('\0').expect("the end of the last").split('\0').skip(3).map(str::to_owned).collect()
}

#[test]
fn passwords_are_taken_out_of_the_list_of_processes() {
    if !cfg!(target_os = "linux") {
        return skipped!("only on Linux");
    }
    let server = Server::answering(|_| vec![Step::Hang]);
    let proxy = format!("http://me:s3cret@{}", server.address());
    let target = server.url("/x@y");
    let with_user = target.replace("http://", "http://me:s3cret@");
    let cases: [(&[&str], &[&str]); 9] = [
        (&["-u", "me:s3cret"], &["-u", "         "]),
        (&["-ume:s3cret"], &["-u         "]),
        (&["-u=me:s3cret"], &["-u=         "]),
        (&["-Lu", "me:s3cret"], &["-Lu", "         "]),
        (&["--user", "me:s3cret"], &["--user", "         "]),
        (&["--user=me:s3cret"], &["--user=         "]),
        (&["--proxy", &proxy], &["--proxy", &proxy.replace("me:s3cret", "         ")]),
        (&["-H", "Authorization: s3cret", "-H", "X: y"], &["-H", "Authorization:       ", "-H", "X: y"]),
        (&["-u", "me:s\u{e9}cret", "-H", "X: ", "-d", ""], &["-u", "          ", "-H", "X: ", "-d", ""]),
    ];
    for (given, shown) in cases {
        let [given, shown] = [given, shown].map(|words| [words, &[&target]].concat());
        let given: Vec<String> = given.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(shown_arguments(&given, &server), shown, "{given:?}");
    }
    let shown = shown_arguments(std::slice::from_ref(&with_user), &server);
    assert_eq!(shown, [with_user.replace("me:s3cret", "         ")]);
    // And what was hidden is what is used.
    assert!(server.requests().iter().filter(|request| request.head.contains("uthorization: Basic ")).count() >= 8);
}

#[test]
fn a_command_behind_wait_is_given_what_was_written() {
    let server = Server::ok();
    let said = ["-u", "me:s3cret", "--wait", "10s", &server.url("/"), "--", "printf", "%s|", "-u", "me:s3cret"];
    let output = Upcheck::new().args(["-o", "ndjson=/dev/null"]).args(said).run();
    assert_eq!(output.expect_code(0).out(), "-u|me:s3cret|");
}
