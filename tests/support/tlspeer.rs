//! TLS servers that other people wrote: `openssl s_server`, and Python's `ssl`, which is OpenSSL with another hand on it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::{Identity, TempDir, has_program};

/// How a server is to behave, in the words of both.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demands<'a> {
    /// The only version that it speaks: `1.1`, `1.2` or `1.3`.
    pub(crate) only: Option<&'a str>,
    /// The authority that must vouch for its clients.
    pub(crate) client_ca: Option<&'a str>,
}

/// A server process. Dropping it ends it.
pub(crate) struct TlsPeer {
    child: Child,
    address: SocketAddr,
}

impl TlsPeer {
    /// `openssl s_server`: one connection at a time, a page of its own for every request.
    pub(crate) fn openssl(folder: &TempDir, identity: &Identity, demands: Demands<'_>) -> TlsPeer {
        let [chain, key] = files(folder, identity);
        let mut command = Command::new("openssl");
        command.args(["s_server", "-www", "-accept", "127.0.0.1:0", "-cert", &chain, "-key", &key]);
        // Of `-cert` it takes the first certificate alone. It is not to mind short keys.
        command.args(["-cert_chain", &chain, "-cipher", "ALL:@SECLEVEL=0"]);
        if let Some(version) = demands.only {
            command.arg(format!("-tls{}", version.replace('.', "_")));
        }
        if let Some(authority) = demands.client_ca {
            let file = folder.write("client-ca.pem", authority);
            command.args(["-Verify", "3", "-verify_return_error", "-CAfile", &file]);
        }
        TlsPeer::start(command, "ACCEPT ")
    }

    /// Python: as many connections as come, and a body of either kind, with or without close_notify behind it. `/length`,
    /// `/chunked` and `/until-close` are cut off; with `/notified` behind the path the server says that it is done. `/to/URL`
    /// sends on to that URL.
    pub(crate) fn python(folder: &TempDir, identity: &Identity, demands: Demands<'_>) -> TlsPeer {
        let [chain, key] = files(folder, identity);
        let mut command = Command::new("python3");
        command.args(["-c", PYTHON, &chain, &key, demands.only.unwrap_or_default()]);
        command.args(demands.client_ca.map(|authority| folder.write("client-ca.pem", authority)));
        TlsPeer::start(command, "ACCEPT ")
    }

    /// The kinds that this machine has.
    pub(crate) fn kinds() -> Vec<StartPeer> {
        let all = [("openssl", TlsPeer::openssl as StartPeer), ("python3", TlsPeer::python)];
        all.into_iter().filter(|(program, _)| has_program(program)).map(|(_, start)| start).collect()
    }

    /// Starts it, and waits for the line that says where it listens.
    fn start(mut command: Command, prefix: &str) -> TlsPeer {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = child.expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix(prefix)?.parse().ok())
            .unwrap_or_else(|| panic!("{command:?} does not say where it listens"));
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        TlsPeer { child, address }
    }

    /// `https://` this server, and `path`, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }
}

/// Starts a server of one kind.
pub(crate) type StartPeer = fn(&TempDir, &Identity, Demands<'_>) -> TlsPeer;

impl Drop for TlsPeer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both are read when the server has started: the next one may write over them.
fn files(folder: &TempDir, identity: &Identity) -> [String; 2] {
    [folder.write("server.pem", &identity.chain), folder.write("server.key", &identity.key)]
}

const PYTHON: &str = r#"
import socket, ssl, sys, threading

chain, key, version, *client_ca = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
if version:
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion["TLSv" + version.replace(".", "_")]
context.load_cert_chain(chain, key)
if client_ca:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(client_ca[0])

def serve(stream):
    with stream, context.wrap_socket(stream, server_side=True) as secured:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = secured.recv(4096)
            if not piece:
                return
            head += piece
        path = head.split()[1]
        start = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
        if path.startswith(b"/to/"):
            secured.sendall(b"HTTP/1.1 302 Elsewhere\r\nConnection: close\r\nContent-Length: 0\r\nLocation: " + path[4:] + b"\r\n\r\n")
        elif path.startswith(b"/chunked"):
            secured.sendall(start + b"Transfer-Encoding: chunked\r\n\r\n4\r\nwell\r\n0\r\n\r\n")
        elif path.startswith(b"/until-close"):
            secured.sendall(start + b"\r\nwell")
        else:
            secured.sendall(start + b"Content-Length: 4\r\n\r\nwell")
        if path.endswith(b"/notified"):
            secured.unwrap()

def try_to_serve(stream):
    try:
        serve(stream)
    except OSError:
        pass

listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
print("ACCEPT %s:%d" % listener.getsockname(), flush=True)
while True:
    stream, _ = listener.accept()
    threading.Thread(target=try_to_serve, args=(stream,), daemon=True).start()
"#;
