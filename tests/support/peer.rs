//! Server processes that other people wrote.

use std::process::{Child, Command, Stdio};

use super::{TempDir, program};

/// A server process. Dropping it ends it.
pub(crate) struct Peer(pub(crate) Child);

impl Peer {
    /// Starts it, with nothing on its standard streams.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Peer {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Peer(quiet.spawn().expect("the server starts"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// nginx as one process without privileges, which keeps all it has to keep in `folder`. `server` is what stands in its
/// `http` block.
pub(crate) fn nginx(folder: &TempDir, server: &str) -> Peer {
    let path = folder.path("");
    let path = path.display();
    let config = folder.write(
        "nginx.conf",
        format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/error;
             events {{ worker_connections 256; }}
             http {{
                 access_log off; default_type text/html; root {path};
                 client_body_temp_path {path}/b; proxy_temp_path {path}/p; fastcgi_temp_path {path}/f;
                 uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;
                 {server}
             }}"
        ),
    );
    Peer::start(
        Command::new(program("nginx").expect("the caller has looked"))
            .args(["-c", &config, "-e"])
            .arg(folder.path("error")),
    )
}
