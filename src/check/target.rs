//! A line of a targets file -> a [`Target`]. Errors point at the column.
//!
//! ```text
//!     # a comment
//!     default timeout=2s label.env=prod
//!     https://api.example.com/health  name=api  header='Authorization: Bearer ${TOKEN}'
//!     unix:/run/app.sock:/health
//! ```
//!
//! Words are separated by spaces or tabs. Quotes group: '...' takes everything as it is, in "..." a backslash takes the
//! next character as it is. `${NAME}` is the environment's value wherever it stands, `$${` a plain `${`. What the
//! environment holds is a value, never syntax: spaces and quotes in it separate and group nothing. This module reads no
//! files and no environment: lines and a look-up come in. Words are taken apart in `words`; here is what they mean.

mod words;

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use super::expect::clip;
use super::route::{Proxy, Route, socket_path, split_unix};
use super::settings::{Draft, ReadFile, Setting, Settings};
use crate::proto::url::{Invisible, Url, invisible};
use words::{Word, Words, column};

/// The longest line, in bytes. A URL of 8 KiB and long headers fit.
pub const LINE_MAX: usize = 64 * 1024;

/// How much of what is wrong a message repeats, in characters.
pub(super) const QUOTED_MAX: usize = 60;

/// The most labels on one target.
const LABELS_MAX: usize = 64;

/// Something to check, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it is, in its normal form.
    pub url: Url,
    /// The one address of the URL's host that is meant, where not all of them will do.
    pub pinned: Option<IpAddr>,
    /// The unix socket of `unix:/path/to.sock:/url/path`, whose URL is `http://localhost/url/path`.
    pub socket: Option<Rc<str>>,
    /// As it was written, less a password, where that is not the URL's normal form.
    pub written: Option<Box<str>>,
    /// `name:password` from the URL.
    pub user: Option<Box<[u8]>>,
    /// Name and labels, where it has any.
    pub tags: Option<Rc<Tags>>,
    /// How it is to be checked; lines that say the same share them.
    pub settings: Rc<Settings>,
}

/// What a target is called in reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// `name=`
    pub name: Option<Box<str>>,
    /// `label.KEY=VALUE`, in the order of their first mention.
    pub labels: Vec<(Box<str>, Box<str>)>,
}

impl Target {
    /// The target as reports show it: as it was written, so that they can be joined to the list that it came from.
    pub fn shown(&self) -> &str {
        self.written.as_deref().unwrap_or(self.url.as_str())
    }

    /// The way to it: its own socket, or the way for all.
    pub fn route(&self) -> Route {
        match &self.socket {
            Some(socket) => Route::Unix(socket.clone()),
            None => self.settings.route.clone(),
        }
    }

    /// The unix socket to connect to: its own, or the one for all.
    pub fn socket(&self) -> Option<&Rc<str>> {
        match &self.settings.route {
            Route::Unix(socket) => Some(self.socket.as_ref().unwrap_or(socket)),
            Route::Direct | Route::Proxy(_) => self.socket.as_ref(),
        }
    }

    /// The proxy to go through.
    pub fn proxy(&self) -> Option<&Proxy> {
        match &self.settings.route {
            Route::Proxy(proxy) if self.socket.is_none() => Some(proxy),
            _ => None,
        }
    }

    /// The name it was given.
    pub fn name(&self) -> Option<&str> {
        self.tags.as_ref()?.name.as_deref()
    }

    /// The labels it was given.
    pub fn labels(&self) -> &[(Box<str>, Box<str>)] {
        self.tags.as_ref().map_or(&[], |tags| &tags.labels)
    }

    /// `name:password` for basic authentication: its own, or the one for all.
    pub fn user(&self) -> Option<&[u8]> {
        self.user.as_deref().or(self.settings.user.as_deref())
    }
}

/// What is wrong with a line, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// The column, counted in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.column, self.message)
    }
}

/// Finds a setting by the name that a line uses for it. Says in words that there is none.
pub type FindSetting = fn(&str) -> Result<Setting, String>;

/// Finds a variable's value in the environment.
pub type FindVariable = fn(&str) -> Option<String>;

/// What lines refer to and do not hold themselves.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// The settings by the names that lines use.
    pub find_setting: FindSetting,
    /// Finds a variable of the environment, for `${NAME}`.
    pub find_variable: FindVariable,
    /// The files that values name.
    pub read_file: ReadFile,
}

/// Reads lines. Remembers what `default` lines said, until the [`end_of_file`](Self::end_of_file).
#[derive(Clone)]
pub struct Reader {
    world: World,
    /// What holds for all files: the flags.
    flags: Rc<Said>,
    /// What holds for the lines that follow: the flags and this file's `default` lines.
    defaults: Rc<Said>,
}

/// What was said so far, and what it comes to, ready to be shared.
struct Said {
    draft: Draft,
    tags: Tags,
    settings: Rc<Settings>,
    shared_tags: Option<Rc<Tags>>,
}

impl Said {
    fn new(draft: Draft, tags: Tags) -> Said {
        Said {
            settings: Rc::new(draft.settings()),
            shared_tags: (tags != Tags::default()).then(|| Rc::new(tags.clone())),
            draft,
            tags,
        }
    }
}

impl Reader {
    /// A reader for which `flags` hold unless a line says otherwise.
    pub fn new(flags: Draft, world: World) -> Reader {
        let flags = Rc::new(Said::new(flags, Tags::default()));
        Reader { world, defaults: flags.clone(), flags }
    }

    /// Forgets the `default` lines: they reach to the end of their file.
    pub fn end_of_file(&mut self) {
        self.defaults = self.flags.clone();
    }

    /// Reads one line, with or without its line end. `None`: nothing to check on it.
    ///
    /// # Errors
    /// [`LineError`]. The reader goes on with the next line as if this one had not been there.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<Target>, LineError> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > LINE_MAX {
            return Err(LineError { column: 1, message: format!("the line is longer than {} KiB", LINE_MAX / 1024) });
        }
        let line = std::str::from_utf8(line).map_err(|error| LineError {
            column: 1 + String::from_utf8_lossy(&line[..error.valid_up_to()]).chars().count(),
            message: "the line is not UTF-8".to_owned(),
        })?;
        let mut words = Words { line, at: 0, find_variable: self.world.find_variable };
        let Some(first) = words.target()? else { return Ok(None) };
        if first.text == "default" {
            if let Some(said) = self.options(&mut words)? {
                self.defaults = said;
            }
            return Ok(None);
        }
        let (url, user, socket) = self.place(&first)?;
        let written = first.as_written(&url, socket.is_some(), words.at);
        // Most lines end here.
        let said = if words.at == line.len() { None } else { self.options(&mut words)? };
        let (settings, tags) = match said {
            None => (self.defaults.settings.clone(), self.defaults.shared_tags.clone()),
            Some(said) => (said.settings.clone(), said.shared_tags.clone()),
        };
        told_apart(&url, &settings).map_err(|message| first.error(0, &message))?;
        Ok(Some(Target { url, pinned: None, socket, written, user, tags, settings }))
    }

    /// Reads a target given as an argument: a URL alone, taken as it is.
    ///
    /// # Errors
    /// [`LineError`], with the column in the argument.
    pub fn argument(&self, text: &str) -> Result<Target, LineError> {
        let word = Word { text: text.into(), at: 0, line: text, plain: true, filled: Vec::new() };
        let (url, user, socket) = self.place(&word)?;
        told_apart(&url, &self.flags.settings).map_err(|message| word.error(0, &message))?;
        let written = word.as_written(&url, socket.is_some(), text.len());
        Ok(Target { url, pinned: None, socket, written, user, tags: None, settings: self.flags.settings.clone() })
    }

    fn place(&self, word: &Word<'_>) -> Result<ParsedPlace, LineError> {
        if let Some((socket, path_at)) = split_unix(&word.text) {
            return unix_place(word, socket, path_at);
        }
        let (url, user) = Url::parse(&word.text).map_err(|error| word.url_error(error.at, error))?;
        if url.scheme().is_secure() && !cfg!(feature = "tls") {
            let scheme = url.scheme().as_str();
            return Err(word.error(0, &format!("this upcheck was built without TLS, so it cannot check {scheme}://")));
        }
        Ok((url, user, None))
    }

    /// The rest of a line: `option=value ...` on top of the defaults. `None` where there is none.
    fn options(&self, words: &mut Words<'_>) -> Result<Option<Rc<Said>>, LineError> {
        let Some(mut word) = words.next()? else { return Ok(None) };
        let first_at = word.at;
        let (mut draft, mut tags) = (self.defaults.draft.clone(), self.defaults.tags.clone());
        loop {
            self.option(&word, &mut draft, &mut tags)?;
            word = match words.next()? {
                Some(word) => word,
                None => {
                    let said = Said::new(draft, tags);
                    return match said.draft.contradiction() {
                        Some(told) => Err(LineError { column: column(words.line, first_at), message: told.to_owned() }),
                        None => Ok(Some(Rc::new(said))),
                    };
                }
            };
        }
    }

    fn option(&self, word: &Word<'_>, draft: &mut Draft, tags: &mut Tags) -> Result<(), LineError> {
        let (key, value) = match word.text.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (&*word.text, None),
        };
        if key == "name" || key.starts_with("label.") {
            let value = value.ok_or_else(|| word.error(0, &format!("'{key}' needs a value: {key}=...")))?;
            return tag(key, value, tags).map_err(|message| word.error(0, &message));
        }
        let setting = (self.world.find_setting)(key).map_err(|message| word.error(0, &message))?;
        match (setting, value) {
            (setting, None) if setting.is_switch() => draft.set(setting, "", self.world.read_file),
            (setting, Some(_)) if setting.is_switch() => Err(format!("'{key}' takes no value")),
            (_, None) => Err(format!("'{key}' needs a value: {key}=...")),
            (_, Some(value)) => {
                let set =
                    draft.set(setting, value, self.world.read_file).map_err(|message| format!("{key}: {message}"));
                if set.is_ok() && !word.filled.is_empty() {
                    draft.show_as(setting, &word.masked(value));
                }
                set
            }
        }
        .map_err(|message| word.error(0, &message))
    }
}

/// What is said of a target must be of a kind with it.
fn told_apart(url: &Url, settings: &Settings) -> Result<(), &'static str> {
    match settings.send {
        Some(_) if url.scheme().is_http() => Err("'send' is for tcp:// and tls://"),
        _ => Ok(()),
    }
}

/// A URL, the user in it, and the unix socket that it is behind.
type ParsedPlace = (Url, Option<Box<[u8]>>, Option<Rc<str>>);

fn unix_place(word: &Word<'_>, socket: &str, path_at: Option<usize>) -> Result<ParsedPlace, LineError> {
    const ORIGIN: &str = "http://localhost";
    let at = path_at.unwrap_or(word.text.len());
    let path = &word.text[at..];
    if let Some((at, c)) = invisible(&word.text) {
        return Err(word.error(at, &Invisible(c)));
    }
    if path_at.is_some() && !path.starts_with('/') {
        return Err(word.error(at, &"behind the socket stands a path: unix:/path/to.sock:/url/path"));
    }
    let socket = socket_path(socket).map_err(|message| word.error(0, &message))?;
    let parsed = Url::parse(&format!("{ORIGIN}{path}"));
    let (url, _) = parsed.map_err(|error| word.url_error(at + error.at.saturating_sub(ORIGIN.len()), error))?;
    Ok((url, None, Some(socket)))
}

fn tag(key: &str, value: &str, tags: &mut Tags) -> Result<(), String> {
    let Some(label) = key.strip_prefix("label.") else {
        tags.name = Some(value.into());
        return Ok(());
    };
    // As Kubernetes names them, too: app.kubernetes.io/name.
    let starts_well = label.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if !starts_well || !label.bytes().all(is_label_byte) {
        let shown = clip(&label.escape_debug().to_string(), QUOTED_MAX);
        return Err(format!(
            "'{shown}' is not a label name: letters, digits, '_', '-', '.' and '/', none of those first"
        ));
    }
    match tags.labels.iter().position(|(name, _)| **name == *label) {
        Some(index) => tags.labels[index].1 = value.into(),
        None if tags.labels.len() == LABELS_MAX => return Err(format!("more than {LABELS_MAX} labels")),
        None => tags.labels.push((label.into(), value.into())),
    }
    Ok(())
}

/// What a label of a target may be named with.
pub(super) fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn reader() -> Reader {
        let world = World {
            find_setting: |name| match name {
                "timeout" => Ok(Setting::Timeout),
                "header" => Ok(Setting::Header),
                "head" => Ok(Setting::Head),
                other => Err(format!("there is no option '{other}' for a target")),
            },
            find_variable: |name| match name {
                "TOKEN" => Some("s3 'cret".to_owned()),
                "HOST" => Some("h.example".to_owned()),
                "TOKENS" => Some("t".to_owned()),
                "CRLF" => Some("a\r\nb".to_owned()),
                _ => None,
            },
            read_file: |name| Err(format!("there is no {name}")),
        };
        Reader::new(Draft::default(), world)
    }

    fn one(line: &str) -> Target {
        reader().line(line.as_bytes()).unwrap().unwrap()
    }

    fn request(target: &Target) -> String {
        let mut out = Vec::new();
        target.settings.template.encode(&target.url, target.user(), Default::default(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_a_url_and_options() {
        let target = one(" http://h/x\tname=api label.team='pay ments'  timeout=2s\r\n");
        assert_eq!(target.url.as_str(), "http://h/x");
        assert_eq!(target.name(), Some("api"));
        assert_eq!(target.labels(), [("team".into(), "pay ments".into())]);
        assert_eq!(target.settings.timeout, Duration::from_secs(2));
    }

    #[test]
    fn nothing_on_it() {
        for line in ["", "\n", "\r\n", "   ", "# http://h/", "\t# x", "default timeout=1s", "default"] {
            assert!(reader().line(line.as_bytes()).unwrap().is_none(), "{line:?}");
        }
    }

    #[test]
    fn a_fragment_is_no_comment_but_a_word_can_be() {
        assert_eq!(one("http://h/#top # name=x").url.as_str(), "http://h/");
        assert_eq!(one("http://h/ # name=x").name(), None);
    }

    #[test]
    fn quotes_group_and_variables_are_values() {
        let target = one(r#"http://${HOST}/ header='X: ${TOKEN}' name="a \"b\" \\ ${HOST}" label.x=$${HOST}$"#);
        assert_eq!(target.url.as_str(), "http://h.example/");
        assert_eq!(target.name(), Some(r#"a "b" \ h.example"#));
        assert_eq!(target.labels()[0].1, "${HOST}$".into());
        assert!(request(&target).contains("\r\nX: s3 'cret\r\n"));
    }

    #[test]
    fn defaults_hold_for_the_lines_that_follow_until_the_end_of_the_file() {
        let mut reader = reader();
        let mut line = |line: &str| reader.line(line.as_bytes()).unwrap();
        assert_eq!(line("h1").unwrap().settings.timeout, Duration::from_secs(5));
        assert!(line("default timeout=2s label.env=prod header='A: 1'").is_none());
        let target = line("h2 header='B: 2' label.env=test label.x=y").unwrap();
        assert_eq!(target.settings.timeout, Duration::from_secs(2));
        assert_eq!(target.labels(), [("env".into(), "test".into()), ("x".into(), "y".into())]);
        assert!(request(&target).contains("\r\nA: 1\r\nB: 2\r\n"));
        let plain = line("h3").unwrap();
        assert_eq!(plain.labels(), [("env".into(), "prod".into())]);
        assert!(Rc::ptr_eq(&plain.settings, &line("h4").unwrap().settings), "what is the same is shared");
        reader.end_of_file();
        assert_eq!(reader.line(b"h5").unwrap().unwrap().settings.timeout, Duration::from_secs(5));
    }

    #[test]
    fn quotes_in_a_target_are_its_own() {
        let cases = [
            ("http://h/Users('abc')/$count", "/Users('abc')/$count"),
            ("http://h/Users(\"a\")", "/Users(\"a\")"),
            ("'http://h/x'", "/x"),
            ("\"http://h/Users('abc')\"", "/Users('abc')"),
            ("'http://h/it'\"'s\"", "/it\"'s\""),
            ("h/${TOKENS}'x'", "/t'x'"),
        ];
        for (line, path) in cases {
            let target = one(&format!("{line} name='a b' label.app.kubernetes.io/name=x"));
            assert_eq!((target.url.path(), target.name()), (path, Some("a b")), "{line}");
            assert_eq!(target.labels()[0].0, "app.kubernetes.io/name".into());
        }
        assert!(reader().line(b"'http://h/").is_err(), "it is never closed");
    }

    #[test]
    fn a_target_is_shown_as_it_was_written_less_a_password() {
        let cases = [
            ("http://h/x", "http://h/x"),
            ("H:80", "H:80"),
            ("HTTP://Example.COM", "HTTP://Example.COM"),
            ("http://h/x#part", "http://h/x#part"),
            ("http://me:s3cret@h/", "http://me@h/"),
            ("http://me@h/", "http://me@h/"),
            ("'http://h/x'", "http://h/x"),
            ("http://${HOST}:80/", "http://${HOST}:80/"),
            ("http://me:${TOKENS}@h/", "http://me@h/"),
            ("tcp://h:1/", "tcp://h:1/"),
        ];
        for (line, shown) in cases {
            assert_eq!(one(&format!("{line} name=x")).shown(), shown);
            if !line.contains(['$', '\'']) {
                assert_eq!(reader().argument(line).unwrap().shown(), shown);
            }
        }
    }

    #[test]
    fn what_is_wrong_and_where() {
        let long = format!("http://h/ name={}", "x".repeat(LINE_MAX));
        let cases = [
            ("ftp://h/", 1, "the scheme is not one of http, https, tcp, tls: 'ftp://h/'"),
            ("http://h:0/", 9, "the port must be a number from 1 to 65535: 'http://h'"),
            ("http://me:s3c ret@h/", 10, "the port must be a number from 1 to 65535: 'http://me'"),
            ("  http://bü/", 11, "the host is not ASCII: write it in its punycode form (xn--...): 'http://bü/'"),
            ("http://me:s3c/ret@h.-b..c/", 10, "the port must be a number from 1 to 65535: 'http://me'"),
            (
                "http://me:s3cret@a..b/",
                18,
                "a host name has up to 253 bytes, in labels of 1 to 63 between its dots: 'http://***@a..b/'",
            ),
            ("h bogus=1", 3, "there is no option 'bogus' for a target"),
            ("ü\u{7f}h", 1, "a URL has no spaces and no control characters (write a space as %20): 'ü\\u{7f}h'"),
            ("h timeout", 3, "'timeout' needs a value: timeout=..."),
            ("h name", 3, "'name' needs a value: name=..."),
            ("h head=1", 3, "'head' takes no value"),
            ("h  timeout=x", 4, "timeout: 'x' is not a duration (such as 250ms, 5s, 1m, 2h, 7d)"),
            (
                "h label..x=1",
                3,
                "'.x' is not a label name: letters, digits, '_', '-', '.' and '/', none of those first",
            ),
            ("http://h/a\u{a0}", 11, "no-break space (U+00A0), which nobody can see: 'http://h/a\\u{a0}'"),
            ("\u{a0}http://h/", 1, "no-break space (U+00A0), which nobody can see: '\\u{a0}http://h/'"),
            ("http://h/\u{200b}x", 10, "zero width space (U+200B), which nobody can see: 'http://h/\\u{200b}x'"),
            ("unix:/run/a\u{3000}.sock", 12, "ideographic space (U+3000), which nobody can see"),
            ("h name='x", 8, "the ' is never closed"),
            ("h name=\"x\\", 8, "the \" is never closed"),
            ("h name=${NOPE}", 8, "the environment has no 'NOPE'"),
            ("h name=${A B}", 8, "'A B' is not the name of a variable"),
            ("h name=${TOKEN", 8, "the ${ is never closed"),
            ("h header='X: ${CRLF}'", 3, "header: a header value has no control characters"),
            ("${CRLF}", 1, "a URL has no spaces and no control characters (write a space as %20): '${CRLF}'"),
            (long.as_str(), 1, "the line is longer than 64 KiB"),
        ];
        for (line, column, message) in cases {
            let error = reader().line(line.as_bytes()).expect_err(line);
            let column = if line.starts_with('ü') { 2 } else { column };
            assert_eq!((error.column, error.message.as_str()), (column, message), "{line}");
        }
        assert_eq!(reader().line(b"h name=\xc3\xa4\xff").unwrap_err().column, 9);
    }

    #[test]
    fn a_unix_socket_and_a_path_behind_it() {
        let target = one("unix:/run/a.sock:/x?y=http://z#f name=api");
        assert_eq!(target.socket().map(|socket| &**socket), Some("/run/a.sock"));
        assert_eq!((target.url.as_str(), target.url.authority()), ("http://localhost/x?y=http://z", "localhost"));
        assert_eq!((target.shown(), target.name()), ("unix:/run/a.sock:/x?y=http://z#f", Some("api")));
        assert!(request(&target).starts_with("GET /x?y=http://z HTTP/1.1\r\nHost: localhost\r\n"));
        assert_eq!(one("unix:/run/a.sock").shown(), "unix:/run/a.sock");
        assert_eq!(one("'unix:/run/a b.sock:/'").shown(), "unix:/run/a b.sock:/");
        assert_eq!(one("unix:8080/x").url.as_str(), "http://unix:8080/x");

        let too_long = format!("unix:/{}", "x".repeat(200));
        for (text, column) in
            [("unix:/a:", 9), ("unix:/a:b", 9), ("unix:/a:/b c", 11), (&too_long, 1), ("unix:/a\x01", 1)]
        {
            assert_eq!(reader().argument(text).expect_err(text).column, column, "{text:?}");
        }
    }

    #[test]
    fn the_way_to_a_target() {
        let mut draft = Draft::default();
        draft.set(Setting::Proxy, "p:1", |_| Err(String::new())).unwrap();
        let reader = Reader::new(draft.clone(), reader().world);
        let direct = reader.argument("h").unwrap();
        assert!(direct.proxy().is_some() && direct.socket().is_none());
        let own = reader.argument("unix:/a").unwrap();
        assert!(own.proxy().is_none() && own.socket().is_some());
        draft.set(Setting::UnixSocket, "/b", |_| Err(String::new())).unwrap();
        let reader = Reader::new(draft, reader.world);
        let socket = |text| reader.argument(text).unwrap().socket().unwrap().to_string();
        assert_eq!((socket("h"), socket("unix:/a")), ("/b".to_owned(), "/a".to_owned()));
    }

    #[test]
    fn an_argument_is_taken_as_it_is() {
        assert_eq!(reader().argument("http://h/${TOKEN}'").unwrap().url.as_str(), "http://h/${TOKEN}'");
        assert_eq!(reader().argument("http://h/ x").unwrap_err().column, 10);
    }
}
