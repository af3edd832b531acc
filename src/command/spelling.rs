//! What was meant by what was typed: a name that is nearly one of those that there are.

/// `; did you mean 'json'?`, where one of the names is near what was typed. Before it stands `before`.
#[cold]
pub(super) fn did_you_mean(typed: &str, before: &str, names: &[&'static str]) -> String {
    match nearest(typed, names) {
        Some(name) => format!("; did you mean '{before}{name}'?"),
        None => String::new(),
    }
}

/// The name that is nearest to what was typed, if one is near.
#[cold]
pub(super) fn nearest(typed: &str, names: &[&'static str]) -> Option<&'static str> {
    let near = names.iter().filter(|name| is_near(typed, name));
    near.min_by_key(|name| distance(typed, name)).copied()
}

/// One letter too many, too few or wrong; in longer words two; or as many letters, and the same.
fn is_near(word: &str, name: &str) -> bool {
    // A cluster may have set dozens of variables that are compared with dozens of flags.
    if word.len().abs_diff(name.len()) > 2 {
        return false;
    }
    let is_mixed_up = || name.len() == word.len() && word.bytes().all(|letter| name.as_bytes().contains(&letter));
    distance(word, name) <= if word.len() > 5 { 2 } else { 1 } || is_mixed_up()
}

/// The flag that is meant by a variable of the environment: what stands behind `UPCHECK_`, spelled as a flag, is near its
/// name. `longs` are those of the command. `None` for all that others mean something by: a cluster sets variables for a service
/// that is called as this program is (`UPCHECK_PORT`, `UPCHECK_SERVICE_HOST`), and other commands have their own.
#[cold]
pub(super) fn variable(name: &str, longs: &[&'static str]) -> Option<&'static str> {
    /// They are near a flag of a command whose they are not.
    const OTHERS: [&str; 3] = ["listen", "port", "seed"];
    if OTHERS.contains(&name) { None } else { nearest(name, longs) }
}

/// How many letters must be changed, added or left out to make one word of the other (Levenshtein).
#[inline(never)]
fn distance(a: &str, b: &str) -> usize {
    const LENGTH_MAX: usize = 64;
    let [a, b] = [a, b].map(|word| &word.as_bytes()[..word.len().min(LENGTH_MAX)]);
    let mut row: [usize; LENGTH_MAX + 1] = std::array::from_fn(|column| column);
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_found() {
        const NAMES: [&str; 6] = ["auto", "always", "never", "json", "csv", "timeout"];
        for (typed, meant) in [
            ("allways", Some("always")),
            ("aways", Some("always")),
            ("jsn", Some("json")),
            ("jsno", Some("json")),
            ("timeuot", Some("timeout")),
            ("tiemout", Some("timeout")),
            ("xml", None),
            ("cs", Some("csv")),
            ("c", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, &NAMES), meant, "{typed}");
        }
        assert_eq!(did_you_mean("jsn", "-o ", &NAMES), "; did you mean '-o json'?");
        assert_eq!(did_you_mean("yaml", "", &NAMES), "");
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        const LONGS: [&str; 5] = ["timeout", "connect-timeout", "send", "ports", "retry"];
        for (name, meant) in [
            ("timeoutt", Some("timeout")),
            ("conect-timeout", Some("connect-timeout")),
            ("connecttimeout", Some("connect-timeout")),
            ("retries", None),
        ] {
            assert_eq!(variable(name, &LONGS), meant, "{name}");
        }
        for name in ["port", "seed", "port-80-tcp", "port-80-tcp-addr", "service-host", "service-port", "", "target"] {
            assert_eq!(variable(name, &LONGS), None, "{name}");
        }
    }
}
