//! Places that lack what a program may expect of a system, or forbid it.

use crate::support::dns::Dns;
use crate::support::{Server, Step, Upcheck, has_program, skipped};

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
