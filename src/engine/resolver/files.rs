//! The two files in which a system says how names are looked up. What their texts mean is the matter of
//! [`config`](crate::proto::dns::config).

use crate::os;
use crate::proto::dns::config::{Hosts, ResolvConf};

/// The most that is read of a `resolv.conf`.
const RESOLV_CONF_MAX: u64 = 64 * 1024;
/// The most that is read of a `hosts` file. Lists that block advertisements are known to reach several MiB.
const HOSTS_MAX: u64 = 16 * 1024 * 1024;

/// What the files say. They are read once: a run is over before they change.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    pub(super) conf: ResolvConf,
    pub(super) hosts: Hosts,
}

impl Files {
    /// Reads both. One that is not there or cannot be read says nothing, as in an empty container.
    pub(super) fn read() -> Files {
        Files {
            conf: ResolvConf::parse(&text("/etc/resolv.conf", RESOLV_CONF_MAX)),
            hosts: Hosts::parse(&text("/etc/hosts", HOSTS_MAX)),
        }
    }
}

/// The text of a file up to `most` bytes, without the line that goes beyond them: half a line could say something else.
fn text(path: &str, most: u64) -> String {
    let mut bytes = os::read_file(path, most).unwrap_or_default();
    if bytes.len() as u64 == most {
        let whole_lines = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(whole_lines);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_to_the_end_of_a_line() {
        let path = std::env::temp_dir().join(format!("upcheck-hosts-{}", std::process::id()));
        std::fs::write(&path, b"10.0.0.1 a\n10.0.0.22 b\n\xff").unwrap();
        let path_text = path.to_str().unwrap();
        assert_eq!(text(path_text, 100), "10.0.0.1 a\n10.0.0.22 b\n\u{fffd}");
        for most in 11..22 {
            assert_eq!(text(path_text, most), "10.0.0.1 a\n", "{most}");
        }
        assert_eq!(text(path_text, 5), "");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text(path_text, 100), "");
    }
}
