//! What who knows curl types here, and what to say instead. Most of curl's flags mean the same; these few do not.

use std::ffi::OsString;

/// What to say instead of the first of these arguments that is one of curl's and none of ours, if one is. Asked only where
/// something was wrong.
#[cold]
pub(super) fn instead(arguments: &[OsString]) -> Option<String> {
    for (index, argument) in arguments.iter().enumerate() {
        let argument = argument.to_str().unwrap_or_default();
        let next = arguments.get(index + 1).and_then(|next| next.to_str()).unwrap_or_default();
        let say = match argument {
            "--fail" | "--fail-with-body" | "--show-error" => {
                "say 'upcheck -s URL': from status 400 on it is down by itself"
            }
            "-i" | "--include" => "say -v for more of each check, or -o ndjson for all",
            "--write-out" => "the status stands in every line, and -o ndjson has all",
            "-w" if next.contains('%') => "the status stands in every line, and -o ndjson has all; -w is --warn",
            "-o" if next.starts_with('/') => "say -s for no output, or -o FORMAT=FILE for a report",
            _ if is_fail(argument) => {
                "say 'upcheck -s URL': from status 400 on it is down by itself; -f is a file of targets"
            }
            _ => continue,
        };
        return Some(format!("'{argument}' is curl's; here {say}"));
    }
    None
}

/// `-fsS` in any order, with what often stands beside it, and not all of it.
fn is_fail(argument: &str) -> bool {
    let letters = argument.strip_prefix('-').unwrap_or_default().as_bytes();
    let is_of_curl = letters.iter().all(|letter| b"fsSLkIvi46".contains(letter));
    is_of_curl && (letters.contains(&b'S') || letters.contains(&b'f') && letters.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(arguments: &str) -> Option<String> {
        instead(&arguments.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_curls_is_named_with_what_to_say() {
        for arguments in
            ["-fsS URL", "-sS URL", "-S URL", "-sSf URL", "-fsSL URL", "-kfs URL", "URL --fail", "-f -sS URL"]
        {
            let told = told(arguments).unwrap_or_default();
            assert!(told.contains("upcheck -s URL"), "{arguments}: {told}");
        }
        assert_eq!(
            told("-i URL"),
            Some("'-i' is curl's; here say -v for more of each check, or -o ndjson for all".into())
        );
        for arguments in ["-w %{http_code} URL", "--write-out x URL"] {
            assert!(told(arguments).unwrap_or_default().contains("-o ndjson has all"), "{arguments}");
        }
        assert!(told("-s -o /dev/null URL").unwrap_or_default().contains("'-o' is curl's; here say -s"));
    }

    #[test]
    fn what_is_ours_is_not() {
        for arguments in [
            "URL",
            "-s URL",
            "-f FILE",
            "-sf FILE",
            "-ftargets",
            "-sv URL",
            "-w wait<1s",
            "-o json",
            "-",
            "",
            "--silent",
        ] {
            let expected = arguments == "-sf FILE";
            assert_eq!(told(arguments).is_some(), expected, "{arguments}");
        }
    }
}
