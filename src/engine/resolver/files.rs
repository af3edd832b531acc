//! The two files in which a system says how names are looked up. What their texts mean is the matter of
//! [`config`](crate::proto::dns::config).

use std::io;

use super::Trouble;
use crate::check::outcome::{Failure, Reason};
use crate::os;
use crate::proto::dns::config::{Hosts, ResolvConf};
use crate::sys::{plain, resource};

/// The most that is read of a `resolv.conf`.
const RESOLV_CONF_MAX: u64 = 64 * 1024;
/// The most that is read of a `hosts` file. Lists that block advertisements are known to reach several MiB.
const HOSTS_MAX: u64 = 16 * 1024 * 1024;

/// What the files say. They are read once: a run is over before they change.
///
/// One that is not there says nothing, as in an empty container. One that is there and cannot be read might say anything,
/// so nobody can be blamed for what is not found without it: that is this machine's trouble, and whoever needs the file
/// is told so. Every name needs the hosts file, since that comes first; only what the hosts file does not know needs
/// `resolv.conf`.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) conf: Result<ResolvConf, Trouble>,
    pub(super) hosts: Result<Hosts, Trouble>,
}

impl Files {
    /// Reads `resolv.conf` and `hosts`, each up to its bound.
    pub(super) fn read() -> Files {
        Files {
            conf: text("/etc/resolv.conf", RESOLV_CONF_MAX).map(|text| ResolvConf::parse(&text, os::interface)),
            hosts: text("/etc/hosts", HOSTS_MAX).map(|text| Hosts::parse(&text)),
        }
    }

    /// The same with these servers, where the user has named some. Then a `resolv.conf` that cannot be read is no trouble:
    /// what matters most in it is said. Its options have their defaults, and there is no search list, just as where there
    /// is no such file: a name that is only found through the search list is not found, and must be written in full.
    pub(super) fn with_servers(mut self, servers: &[std::net::SocketAddr]) -> Files {
        if !servers.is_empty() {
            let mut conf = self.conf.unwrap_or_else(|_| ResolvConf::parse("", os::interface));
            conf.servers = servers.to_vec();
            conf.unusable.clear();
            self.conf = Ok(conf);
        }
        self
    }

    /// Whether one could not be read for want of a descriptor, which another check may give back: worth another try.
    pub(super) fn are_short(&self) -> bool {
        let troubles = [self.conf.as_ref().err(), self.hosts.as_ref().err()];
        troubles.iter().flatten().any(|trouble| matches!(trouble, Trouble::Shortage(_)))
    }
}

/// The text of a file up to `most` bytes, without the line that goes beyond them: half a line could say something else.
/// Empty if there is no such file.
fn text(path: &str, most: u64) -> Result<String, Trouble> {
    let mut bytes = match os::read_file(path, most) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Vec::new(),
        Err(error) => return Err(unreadable(path, &error)),
    };
    if bytes.len() as u64 == most {
        let whole_lines = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(whole_lines);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn unreadable(path: &str, error: &io::Error) -> Trouble {
    let detail = format!("{path} cannot be read, and says how names are looked up: {}", plain(error));
    match resource::is_descriptor_shortage(error) {
        true => Trouble::Shortage(Failure::new(Reason::LocalFds, detail)),
        false => Trouble::Target(Failure::new(Reason::LocalError, detail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_to_the_end_of_a_line() {
        let path = std::env::temp_dir().join(format!("upcheck-hosts-{}", std::process::id()));
        std::fs::write(&path, b"10.0.0.1 a\n10.0.0.22 b\n\xff").unwrap();
        let path_text = path.to_str().unwrap();
        assert_eq!(text(path_text, 100).unwrap(), "10.0.0.1 a\n10.0.0.22 b\n\u{fffd}");
        for most in 11..22 {
            assert_eq!(text(path_text, most).unwrap(), "10.0.0.1 a\n", "{most}");
        }
        assert_eq!(text(path_text, 5).unwrap(), "");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text(path_text, 100).unwrap(), "", "one that is not there says nothing");
    }

    #[test]
    fn a_file_that_is_there_and_cannot_be_read_is_this_machines_trouble() {
        let folder = std::env::temp_dir().join(format!("upcheck-unreadable-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let circle = folder.join("circle");
        std::os::unix::fs::symlink("circle", &circle).unwrap();
        for (path, words) in [(&folder, "Is a directory"), (&circle, "Too many levels of symbolic links")] {
            let path = path.to_str().unwrap();
            let Err(Trouble::Target(failure)) = text(path, 100) else { panic!("{path} was read") };
            assert_eq!(failure.reason, Reason::LocalError);
            assert_eq!(*failure.detail, *format!("{path} cannot be read, and says how names are looked up: {words}"));
        }
        // Nor does what leads nowhere say anything.
        let link = folder.join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        std::fs::write(folder.join("file"), "").unwrap();
        for path in [link, folder.join("file/hosts")] {
            assert_eq!(text(path.to_str().unwrap(), 100), Ok(String::new()), "{path:?}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_shortage_is_told_apart() {
        let files = |kind: i32| Files {
            conf: Err(unreadable("f", &io::Error::from_raw_os_error(kind))),
            hosts: Ok(Hosts::default()),
        };
        const EMFILE: i32 = 24;
        const EACCES: i32 = 13;
        assert!(files(EMFILE).are_short() && !files(EACCES).are_short());
    }

    #[test]
    fn with_servers_of_the_users_own_resolv_conf_may_be_unreadable() {
        let unreadable = || Files {
            conf: Err(unreadable("f", &io::ErrorKind::PermissionDenied.into())),
            hosts: Ok(Hosts::default()),
        };
        let server = "10.0.0.53:53".parse().unwrap();
        let conf = unreadable().with_servers(&[server]).conf.unwrap();
        assert_eq!(conf, ResolvConf { servers: vec![server], ..ResolvConf::default() });
        assert!(unreadable().with_servers(&[]).conf.is_err());
    }
}
