//! Which of the arguments are secret: what proves who somebody is must not stand in the list of processes for as long as
//! the checks take. It refuses to know how it is taken away: see [`arguments`](crate::sys::arguments).
//!
//! What may be anything, a body or a header of a service's own, is left. It can be kept out of the arguments: every flag
//! is also an environment variable, and `-H` and `-d` read files.

use std::ffi::OsString;
use std::ops::Range;

use crate::check::settings::{Setting, is_credential};
use crate::proto::url::user_info;
use crate::sys::arguments::Secret;

/// Where a value of this setting holds what nobody else is to read.
pub(super) fn in_setting(setting: Setting, value: &str) -> Option<Range<usize>> {
    match setting {
        Setting::User => Some(0..value.len()),
        Setting::Proxy => user_info(value),
        Setting::Header => {
            let (name, _) = value.split_once(':')?;
            is_credential(name).then_some(name.len() + 1..value.len())
        }
        _ => None,
    }
}

/// Where a target holds it.
pub(super) fn in_target(target: &str) -> Option<Range<usize>> {
    user_info(target)
}

/// Adds the arguments that a value with a secret in it came from: it is the whole of one, or stands behind a flag's name
/// (`-uVALUE`, `-Lu=VALUE`, `--user=VALUE`).
pub(super) fn find(arguments: &[OsString], value: &str, range: &Range<usize>, found: &mut Vec<Secret>) {
    for argument in arguments {
        let bytes = argument.as_encoded_bytes();
        let Some(before) = bytes.strip_suffix(value.as_bytes()) else { continue };
        if before.is_empty() || before.starts_with(b"-") {
            let start = before.len();
            found.push(Secret { argument: argument.clone(), range: start + range.start..start + range.end });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_in_a_value() {
        let cases = [
            (Setting::User, "me:pw", Some("me:pw")),
            (Setting::Proxy, "http://me:p@w@p:1", Some("me:p@w")),
            (Setting::Proxy, "me:pw@p:1", Some("me:pw")),
            (Setting::Proxy, "p:1", None),
            (Setting::Proxy, "", None),
            (Setting::Header, "authorization: Bearer t", Some(" Bearer t")),
            (Setting::Header, "Cookie:a=1", Some("a=1")),
            (Setting::Header, "Accept: x", None),
            (Setting::Header, "@file", None),
            (Setting::Data, "authorization: x", None),
        ];
        for (setting, value, secret) in cases {
            assert_eq!(in_setting(setting, value).map(|range| &value[range]), secret, "{value}");
        }
        let cases = [
            ("https://me:pw@h/x@y", Some("me:pw")),
            ("me:pw@h", Some("me:pw")),
            ("http://h/x@y", None),
            ("unix:/a.sock:/x@y", None),
            ("ftp://me:pw@h/", None),
        ];
        for (target, secret) in cases {
            assert_eq!(in_target(target).map(|range| &target[range]), secret, "{target}");
        }
    }

    #[test]
    fn every_spelling_is_found() {
        let spelled = ["-u", "a:b", "-ua:b", "-u=a:b", "-Lua:b", "--user=a:b"];
        let others = ["a:bc", "xa:b", "-u", "", "a"];
        let arguments: Vec<OsString> = spelled.iter().chain(&others).map(OsString::from).collect();
        let mut found = Vec::new();
        find(&arguments, "a:b", &(1..3), &mut found);
        let shown: Vec<&[u8]> =
            found.iter().map(|secret| &secret.argument.as_encoded_bytes()[secret.range.clone()]).collect();
        assert_eq!(shown, [b":b"; 5]);
        assert_eq!(found[1], Secret { argument: "-ua:b".into(), range: 3..5 });
    }
}
