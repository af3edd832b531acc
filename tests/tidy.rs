//! Reads the program's own source, and fails when it breaks a rule of the house: which layer may import which, that no
//! two files know each other, where the clock is read, where `unsafe` may stand.
//!
//! It reads tokens, not meaning: comments and literals are blanked first. Every line of every file is seen; what tests may do
//! and the program may not (read a clock, open a socket) is told apart. What it cannot see (a name re-exported under another,
//! a macro's insides) is left to reviewers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A layer, what it may import of this crate, and which other crates it may name. It may always import itself.
struct Layer {
    name: &'static str,
    layers: &'static [&'static str],
    crates: &'static [&'static str],
}

/// Who may import whom. A file or a folder that is listed by its own path has its own row instead of its
/// layer's.
const LAYERS: &[Layer] = &[
    Layer { name: "proto", layers: &[], crates: &["httparse"] },
    Layer { name: "check", layers: &["proto"], crates: &[] },
    Layer { name: "report", layers: &["check", "proto"], crates: &[] },
    Layer { name: "sys", layers: &[], crates: &["libc"] },
    // The simulated half of the seam is there in tests alone.
    Layer { name: "os", layers: &["sys", "sim"], crates: &["mio"] },
    Layer { name: "reactor", layers: &["os"], crates: &[] },
    Layer { name: "reactor/examples/echo.rs", layers: &["os"], crates: &["upcheck"] },
    Layer { name: "reactor/examples/resolve.rs", layers: &["os", "proto"], crates: &["upcheck"] },
    Layer { name: "conn", layers: &["os"], crates: &[] },
    Layer { name: "conn/tls", layers: &["conn", "os", "proto"], crates: &["rustls", "webpki_roots"] },
    Layer { name: "engine", layers: &["proto", "check", "conn", "reactor", "os", "sys"], crates: &[] },
    Layer {
        name: "command",
        layers: &["proto", "check", "report", "engine", "reactor", "os", "sys"],
        crates: &["lexopt"],
    },
    Layer {
        name: "command/mock.rs",
        layers: &["command", "proto", "conn", "check", "report", "engine", "reactor", "os", "sys"],
        crates: &["lexopt"],
    },
    Layer { name: "command/mock/stream.rs", layers: &["conn"], crates: &[] },
    Layer { name: "main.rs", layers: &["command", "sys"], crates: &["upcheck", "lexopt"] },
    Layer { name: "lib.rs", layers: &[], crates: &[] },
    // For tests alone: what it imports is no part of the program.
    Layer { name: "sim", layers: &[], crates: &[] },
];

/// Imports that close a circle and may, each with its reason.
const CIRCLES: &[(&str, &str)] = &[
    // The last words wait for a reader as `Messages` does while the loop runs, and `Messages` is an output.
    ("command/output.rs", "command/messages.rs"),
];

/// The crates that are watched. Others cannot be named: `Cargo.toml` does not have them.
const CRATES: &[&str] = &["httparse", "lexopt", "libc", "mio", "rustls", "upcheck", "webpki_roots"];

/// The only file that reads the clock.
const CLOCK: &str = "os/mod.rs";

/// The longest line, in characters.
const MAX_COLUMNS: usize = 140;

/// A file of the program.
struct Source {
    /// Its path under `src`, with slashes.
    path: String,
    text: String,
    /// The text with comments and literals blanked. Lines and columns are those of the text.
    all: String,
    /// The same with test modules blanked, too: the program itself. Nothing is left of a file that is for tests alone.
    code: String,
}

impl Source {
    fn layer(&self) -> Option<&'static Layer> {
        let named = |name: &str| LAYERS.iter().find(|layer| layer.name == name);
        let folder = || named(self.path.rsplit_once('/')?.0);
        named(&self.path).or_else(folder).or_else(|| named(self.path.split('/').next()?))
    }

    /// The modules that lead to this file, from the root of the crate.
    fn module_path(&self) -> Vec<&str> {
        let mut path: Vec<&str> = self.path.trim_end_matches(".rs").split('/').collect();
        if matches!(path.last(), Some(&("mod" | "lib" | "main"))) {
            path.pop();
        }
        path
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the source is here") {
            let path = entry.expect("the source is here").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("it was found there").to_string_lossy().replace('\\', "/");
                let text = fs::read_to_string(&path).expect("the source is UTF-8");
                let all = blanked(&text);
                let code = if is_test_file(&path) { String::new() } else { without_tests(&all) };
                sources.push(Source { path: name, text, all, code });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.iter().any(|source| source.path == "lib.rs"), "read the right folder");
    sources
}

/// A file that holds nothing but a test module or what tests need: `tests.rs`, `testing.rs`, the simulated half of the
/// seam, or anything in a folder `tests` or `sim`.
fn is_test_file(path: &Path) -> bool {
    let is_named = |name: &str| path.file_name().is_some_and(|file| file == name);
    ["tests.rs", "testing.rs", "twofold.rs"].into_iter().any(is_named)
        || path.parent().is_some_and(|folder| folder.ends_with("tests") || folder.ends_with("sim"))
}

/// `text` with a space for every character of a comment or of a string or character literal.
fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn literal_end(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let begins = |text: &str| text.chars().enumerate().all(|(n, c)| rest.get(n) == Some(&c));
    let after_word = at > 0 && is_word(chars[at - 1]);
    if begins("//") {
        return at + rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
    }
    if begins("/*") {
        return at + block_comment_length(rest);
    }
    if begins("\"") {
        return at + string_length(rest);
    }
    if !after_word && (begins("r\"") || begins("r#") || begins("br\"") || begins("br#")) {
        return at + raw_string_length(rest).unwrap_or(0);
    }
    if begins("'") {
        return at + char_length(rest).unwrap_or(0);
    }
    at
}

fn block_comment_length(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string_length(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `None` for a raw identifier, `r#type`.
fn raw_string_length(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().position(|c| *c == 'r')? + 1;
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&'"') {
        return None;
    }
    let closes =
        |at: usize| rest[at] == '"' && rest[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    let close = (open + 1..rest.len()).find(|at| closes(*at))?;
    Some(close + 1 + hashes)
}

/// `None` for a lifetime.
fn char_length(rest: &[char]) -> Option<usize> {
    match rest.get(1)? {
        '\\' => Some(3 + rest[3..].iter().position(|c| *c == '\'')? + 1),
        _ if rest.get(2) == Some(&'\'') => Some(3),
        _ => None,
    }
}

/// `code` with its test modules blanked, wherever they stand.
fn without_tests(code: &str) -> String {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut at = 0;
    while let Some(found) = code[at..].find(ATTRIBUTE) {
        let start = at + found;
        let item = &code[start + ATTRIBUTE.len()..];
        let is_module = ["mod ", "pub mod ", "pub(crate) mod "].iter().any(|head| item.trim_start().starts_with(head));
        // Another item is as the others are, and its attribute is a part of it.
        let start = if is_module { start } else { start + ATTRIBUTE.len() };
        let end = if is_module { start + ATTRIBUTE.len() + item_length(item) } else { start };
        out.push_str(&code[at..start]);
        out.extend(code[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out + &code[at..]
}

/// Up to the semicolon or the brace that ends it.
fn item_length(item: &str) -> usize {
    let mut depth = 0;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The offsets at which `word` stands as a word of its own: where it begins or ends in a letter, none goes before or
/// after.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let joined = |a: Option<char>, b: Option<char>| a.is_some_and(is_word) && b.is_some_and(is_word);
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !joined(before, word.chars().next()) && !joined(word.chars().next_back(), after)
    })
}

/// The paths that a tree of imports leads to, and what follows it: of `a::{b, c::d}`, `a::b` and `a::c::d`.
fn read_tree<'a>(code: &'a str, prefix: &[&'a str], paths: &mut Vec<Vec<&'a str>>) -> &'a str {
    let code = code.trim_start();
    if let Some(mut group) = code.strip_prefix('{') {
        while !group.is_empty() && !group.starts_with('}') {
            let rest = read_tree(group.trim_start_matches(','), prefix, paths);
            // Behind a path may stand ` as other`, or the star that it ends in.
            group = &rest[rest.find([',', '}']).unwrap_or(rest.len())..];
            group = group.strip_prefix(',').unwrap_or(group).trim_start();
        }
        return group.strip_prefix('}').unwrap_or(group);
    }
    let (word, rest) = code.split_at(code.find(|c| !is_word(c)).unwrap_or(code.len()));
    let path = [prefix, &[word]].concat();
    match rest.strip_prefix("::").filter(|deeper| deeper.starts_with(|c| is_word(c) || c == '{' || c == '*')) {
        Some(deeper) => read_tree(deeper, &path, paths),
        None => {
            paths.push(path);
            rest
        }
    }
}

/// The paths into this crate that a file names, from the crate's root, each with the offset. What stands in a block
/// `mod` of its own is read as if it stood beside it.
fn paths_named(source: &Source) -> Vec<(usize, Vec<&str>)> {
    let code = &source.code;
    let mut named = Vec::new();
    // An example, and `main`, is a crate of its own, to which this one is known by its name.
    for root in ["crate", "super", "upcheck"] {
        for at in words(code, root) {
            // Only the head of a path counts; `pub(in crate::a)` imports nothing.
            let is_head = !code[..at].ends_with("::") && !code[..at].ends_with("in ");
            if !is_head || !code[at + root.len()..].starts_with("::") {
                continue;
            }
            let mut paths = Vec::new();
            read_tree(&code[at..], &[], &mut paths);
            for path in paths {
                let climbed = path.iter().take_while(|name| **name == "super").count();
                let mut full = source.module_path();
                full.truncate(if climbed == 0 { 0 } else { full.len().saturating_sub(climbed) });
                full.extend(path.into_iter().filter(|name| !["crate", "super", "upcheck", "self", ""].contains(name)));
                named.push((at, full));
            }
        }
    }
    named
}

/// The top modules of this crate that a file names, each with the offset.
fn layers_named(source: &Source) -> Vec<(usize, &str)> {
    paths_named(source).into_iter().filter_map(|(at, path)| Some((at, *path.first()?))).collect()
}

/// The other files that a file names, each with the offset. A module and what stands in it may know each other: their
/// parent is what they are parts of.
fn files_named<'a>(source: &Source, by_module: &BTreeMap<Vec<&str>, &'a Source>) -> Vec<(usize, &'a Source)> {
    let own = source.module_path();
    let file = |path: &[&str]| (1..=path.len()).rev().find_map(|n| by_module.get(&path[..n]).copied());
    let is_family = |other: &[&str]| own.starts_with(other) || other.starts_with(&own);
    let others = paths_named(source).into_iter().filter_map(|(at, path)| Some((at, file(&path)?)));
    others.filter(|(_, other)| !is_family(&other.module_path())).collect()
}

/// Whether imports lead from one file to the other.
fn leads(imports: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(path) = next.pop() {
        let unseen = imports.get(path).into_iter().flatten().copied().filter(|path| seen.insert(*path));
        next.extend(unseen.collect::<Vec<_>>());
    }
    seen.contains(to)
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// Fails with every finding, if there are any.
#[track_caller]
fn expect_none(rule: &str, findings: Vec<String>) {
    assert!(findings.is_empty(), "{rule}:\n{}", findings.join("\n"));
}

/// Every place of the program where one of `words` stands in a file that `applies` holds for.
fn places(sources: &[Source], applies: impl Fn(&str) -> bool, banned: &[&str]) -> Vec<String> {
    places_in(sources, |source| &source.code, applies, banned)
}

/// The same of what `part` takes of each file.
fn places_in(
    sources: &[Source],
    part: fn(&Source) -> &String,
    applies: impl Fn(&str) -> bool,
    banned: &[&str],
) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| applies(&source.path)) {
        for word in banned {
            for at in words(part(source), word) {
                findings.push(format!("src/{}:{}: {word}", source.path, line_of(part(source), at)));
            }
        }
    }
    findings
}

#[test]
fn layers_import_only_what_they_may() {
    let mut findings = Vec::new();
    for source in &sources() {
        let place = |at: usize| format!("src/{}:{}", source.path, line_of(&source.code, at));
        let Some(layer) = source.layer() else {
            findings.push(format!("src/{}: belongs to no layer", source.path));
            continue;
        };
        let own = source.path.split('/').next().unwrap_or_default();
        for (at, name) in layers_named(source) {
            let is_layer = LAYERS.iter().any(|layer| layer.name == name);
            if is_layer && name != own && !layer.layers.contains(&name) {
                findings.push(format!("{}: {} may not import {name}", place(at), layer.name));
            }
        }
        for name in CRATES {
            for at in words(&source.code, name) {
                let is_path = source.code[at + name.len()..].starts_with("::");
                let is_root = !source.code[..at].ends_with("::");
                let is_use = source.code[..at].ends_with("use ");
                if (is_path && is_root || is_use) && !layer.crates.contains(name) {
                    findings.push(format!("{}: {} may not name {name}", place(at), layer.name));
                }
            }
        }
    }
    expect_none("an import against the layer table", findings);
}

#[test]
fn no_files_know_each_other() {
    let sources = sources();
    let by_module = sources.iter().map(|source| (source.module_path(), source)).collect();
    let mut imports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut places = Vec::new();
    for source in &sources {
        for (at, other) in files_named(source, &by_module) {
            let (from, to) = (source.path.as_str(), other.path.as_str());
            places.push((from, to, line_of(&source.code, at)));
            imports.entry(from).or_default().insert(to);
        }
    }
    assert!(imports.len() > 50, "read the right folder");
    let closes = |from: &str, to: &str| imports[from].contains(to) && leads(&imports, to, from);
    let unused = CIRCLES.iter().filter(|(from, to)| !closes(from, to));
    expect_none("an exception that nothing needs", unused.map(|pair| format!("{pair:?}")).collect());

    let mut without = imports.clone();
    for (from, to) in CIRCLES {
        if let Some(files) = without.get_mut(from) {
            files.remove(to);
        }
    }
    places.retain(|(from, to, _)| !CIRCLES.contains(&(from, to)) && leads(&without, to, from));
    let told = places.iter().map(|(from, to, line)| format!("src/{from}:{line}: src/{to}, which leads back"));
    expect_none("files that know each other", told.collect());
}

/// Files whose types are another's, by the same names: what is there without TLS, and the examples, which are crates of their
/// own.
fn may_repeat_names(path: &str) -> bool {
    path == "conn/no_tls.rs" || path.contains("/examples/")
}

#[test]
fn no_two_types_have_one_name() {
    let sources = sources();
    let mut defined: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !may_repeat_names(&source.path)) {
        for keyword in ["struct", "enum", "trait", "union", "type"] {
            for at in words(&source.code, keyword) {
                let name = &source.code[at + keyword.len()..].trim_start();
                let name = &name[..name.find(|c| !is_word(c)).unwrap_or(name.len())];
                // What a trait names is its own: `type Error`.
                let line = source.code[..at].rsplit('\n').next().unwrap_or_default();
                let is_nested = line.starts_with(' ');
                if name.starts_with(char::is_uppercase) && !is_nested {
                    let place = format!("src/{}:{}", source.path, line_of(&source.code, at));
                    defined.entry(name).or_default().push(place);
                }
            }
        }
    }
    assert!(defined.len() > 200, "read the right folder");
    let twice = defined.iter().filter(|(_, places)| places.len() > 1);
    expect_none("types of one name", twice.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect());
}

#[test]
fn the_pure_half_touches_nothing_outside() {
    let sources = sources();
    let pure = |path: &str| path.starts_with("proto/") || path.starts_with("check/");
    let outside = ["TcpStream", "TcpListener", "UdpSocket", "std::fs", "std::env", "std::thread", "std::process"];
    expect_none("the pure half reaches outside", places(&sources, pure, &outside));
    let report = |path: &str| path.starts_with("report/");
    expect_none("a report knows no sockets", places(&sources, report, &["TcpStream", "TcpListener", "UdpSocket"]));
}

#[test]
fn unsafe_stands_only_in_sys() {
    let elsewhere = |path: &str| !path.starts_with("sys/") && path != "main.rs";
    let findings = places_in(&sources(), |source| &source.all, elsewhere, &["unsafe"]);
    expect_none("`unsafe` outside src/sys", findings);
    // C's `main` has a name that must not be mangled, and is given pointers.
    let in_main = places_in(&sources(), |source| &source.all, |path| path == "main.rs", &["unsafe"]);
    assert_eq!(in_main.len(), 2, "{in_main:?}");
}

#[test]
fn the_clock_is_read_in_one_file() {
    let sources = sources();
    let elsewhere = |path: &str| path != CLOCK;
    let mut findings = places(&sources, elsewhere, &["Instant::now", "SystemTime::now"]);
    // `Instant::elapsed` reads it, too.
    findings.extend(places(&sources, elsewhere, &[".elapsed()"]));
    expect_none("a clock read outside src/os/mod.rs", findings);
}

#[test]
fn files_are_opened_where_they_are_named() {
    // Where a user names them, where the system has them by name, and where they are opened without waiting.
    let may = |path: &str| path.starts_with("command/") || path.starts_with("sys/");
    let opening =
        ["File::open", "File::create", "File::options", "OpenOptions", "fs::read", "fs::write", "fs::read_dir"];
    expect_none("a file opened elsewhere", places(&sources(), |path| !may(path), &opening));
}

#[test]
fn only_commands_print() {
    let layers = |path: &str| !path.starts_with("command/") && path != "main.rs" && !path.contains("/examples/");
    let findings = places(&sources(), layers, &["println!", "print!", "eprintln!", "eprint!"]);
    expect_none("printing outside src/command and the examples", findings);
}

#[test]
fn nothing_is_left_unfinished() {
    let findings = places_in(&sources(), |source| &source.all, |_| true, &["todo!", "unimplemented!", "dbg!"]);
    expect_none("unfinished", findings);
}

#[test]
fn the_dependencies_are_the_chosen_ones() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(path).expect("the manifest is here");
    let mut section = "";
    let mut findings = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && section != "[dev-dependencies]" {
            let name = line.split(['=', ' ', '.', '#']).next().unwrap_or_default().replace('-', "_");
            if !name.is_empty() && !CRATES.contains(&name.as_str()) {
                findings.push(format!("Cargo.toml: {name}"));
            }
        }
    }
    assert!(!section.is_empty(), "read the right file");
    expect_none("a dependency beyond the five and libc", findings);
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let findings = sources()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("src/{}", source.path))
        .collect();
    expect_none("a file without an opening //!", findings);
}

#[test]
fn lines_can_be_read_side_by_side() {
    let mut findings = Vec::new();
    for source in &sources() {
        for (n, (line, code)) in source.text.lines().zip(source.all.lines()).enumerate() {
            // What a text of many lines holds is data, and as wide as it is.
            let is_data = code.trim().is_empty() && !line.trim_start().starts_with("//");
            if line.chars().count() > MAX_COLUMNS && !is_data {
                findings.push(format!("src/{}:{}", source.path, n + 1));
            }
        }
    }
    expect_none("a line of more than 140 columns", findings);
}

#[test]
fn this_reader_reads_rust() {
    let blank = |text: &str| {
        let code = blanked(text);
        assert_eq!(code.chars().count(), text.chars().count(), "columns stay: {text}");
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(blank("a // crate::x\nb"), "a b");
    assert_eq!(blank("a /* b /* c */ d */ e"), "a e");
    assert_eq!(blank(r#"f("crate::x \" y") g"#), "f( ) g");
    assert_eq!(blank("f(r#\"a \" b\"#) g"), "f( ) g");
    assert_eq!(blank("f(br\"a\\\") g"), "f( ) g");
    assert_eq!(blank("let r#type = 1;"), "let r#type = 1;");
    assert_eq!(blank("fn f<'a>(x: &'a str) { '\"' '\\'' '\\u{1f}' b'x' }"), "fn f<'a>(x: &'a str) { b }");
    assert_eq!(without_tests("a #[cfg(test)]\nmod tests { b { c } } d").replace(' ', ""), "a\nd");
    assert_eq!(without_tests("a #[cfg(test)] mod tests; d").replace(' ', ""), "ad");
    assert_eq!(without_tests("a #[cfg(test)] fn b() {}"), "a #[cfg(test)] fn b() {}");

    let named = |path: &str, code: &str| {
        let source = Source { path: path.to_owned(), text: String::new(), all: code.to_owned(), code: code.to_owned() };
        layers_named(&source).into_iter().map(|(_, name)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(named("check/a.rs", "use crate::proto::url;"), ["proto"]);
    assert_eq!(
        named("check/a.rs", "use crate::{conn::{a, b}, sys, reactor::Key};"),
        ["conn", "conn", "sys", "reactor"]
    );
    assert_eq!(named("check/a.rs", "super::b::c()"), ["check"]);
    assert_eq!(named("check/a.rs", "super::super::conn::Conn"), ["conn"]);
    assert_eq!(named("check/mod.rs", "super::conn::Conn"), ["conn"]);
    assert_eq!(named("reactor/examples/a.rs", "use upcheck::{os, proto::dns};"), ["os", "proto"]);
    let paths = |code: &str| {
        let source =
            Source { path: "check/a/b.rs".to_owned(), text: String::new(), all: String::new(), code: code.to_owned() };
        paths_named(&source).into_iter().map(|(_, path)| path.join("::")).collect::<Vec<_>>()
    };
    assert_eq!(
        paths("use super::{c, d::{self, E as F}, g::*}; use h::i;"),
        ["check::a::c", "check::a::d", "check::a::d::E", "check::a::g"]
    );
    assert_eq!(
        paths("pub(super) fn f() { crate::x::y::<u8>(super::super::Z) } pub(in crate::a) g"),
        ["x::y", "check::Z"]
    );
    let imports =
        BTreeMap::from([("a", BTreeSet::from(["b"])), ("b", BTreeSet::from(["c"])), ("c", BTreeSet::from(["b"]))]);
    assert!(leads(&imports, "b", "b") && leads(&imports, "a", "c") && !leads(&imports, "a", "a"));
    assert_eq!(words("unsafe_code unsafe {", "unsafe").count(), 1);
    assert_eq!(words("eprint!(a) print!(b) a.elapsed()", "print!").count(), 1);
    assert_eq!(words("a.elapsed() - b", ".elapsed()").count(), 1);
}

/// The reading order of a text: the paths under `src` in its numbered list, in order.
fn reading_order(text: &str) -> Vec<String> {
    let plain = text.lines().map(|line| line.trim_start_matches("//!").trim_start());
    let list: Vec<&str> =
        plain.skip_while(|line| !line.starts_with("1. `src/lib.rs`")).take_while(|line| !line.is_empty()).collect();
    list.join("\n").split('`').filter(|part| part.starts_with("src/")).map(str::to_owned).collect()
}

#[test]
fn the_reading_order_is_one_and_names_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("it is here");
    let order = reading_order(&read("README.md"));
    assert!(order.len() > 15, "{order:?}");
    assert_eq!(order, reading_order(&read("src/lib.rs")), "README.md's reading order, and src/lib.rs's");
    let missing = order.into_iter().filter(|path| !root.join(path).is_file()).collect();
    expect_none("in the reading order, and not here", missing);
}

#[test]
fn the_table_that_follows_one_check_names_what_exists() {
    let sources = sources();
    let map = &sources.iter().find(|source| source.path == "lib.rs").expect("it was found before").text;
    let rows = map.lines().skip_while(|line| !line.starts_with("//! | event ")).skip(2);
    let table: Vec<&str> = rows.take_while(|line| line.starts_with("//! |")).collect();
    assert!(table.len() > 5, "{table:?}");
    let defined = |folder: &str, word: &str| {
        let named = |source: &&Source| source.path.starts_with(folder) && words(&source.code, word).next().is_some();
        sources.iter().any(|source| named(&source))
    };
    let mut findings = Vec::new();
    for row in table {
        // What happens; what the engine calls; an input; what the machine calls, and its state; actions; what the engine calls.
        for (column, cell) in row.split('|').skip(1).enumerate() {
            for name in cell.split('`').skip(1).step_by(2) {
                let (folder, word) = match (column, name.starts_with(char::is_uppercase)) {
                    (1 | 5, _) => ("engine/", format!("fn {name}")),
                    (3, false) => ("check/machine", format!("fn {name}")),
                    _ => ("check/machine", name.to_owned()),
                };
                if !defined(folder, &word) {
                    findings.push(format!("{name}: {row}"));
                }
            }
        }
    }
    expect_none("in the table of src/lib.rs, and not in the code", findings);
}
