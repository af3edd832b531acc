//! How a target is to be checked: what a flag, an environment variable or an option on a target's line can say about
//! it.
//!
//! A [`Draft`] gathers what was said, later over earlier. [`Settings`] are what it comes to, shared by all targets of
//! which the same was said.

use std::net::Ipv6Addr;
use std::rc::Rc;
use std::time::Duration;

use super::expect::{Expectation, Subject};
use super::route::{Proxy, Route, socket_path};
use super::units::{number, positive_duration, size};
use crate::proto::http::request::{Field, Template, is_token};
use crate::proto::json;
use crate::proto::url::{Url, user_info};

/// One thing that can be said about how to check. Its name, help and value's form stand in the program's one table of
/// flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The request method.
    Request,
    /// A header line; repeatable.
    Header,
    /// The request's body; several are joined with `&`.
    Data,
    /// The `User-Agent` header.
    UserAgent,
    /// Ask with HEAD, for the head of the answer alone.
    Head,
    /// `name:password` for basic authentication.
    User,
    /// The time for one attempt.
    Timeout,
    /// The time for one attempt to connect.
    ConnectTimeout,
    /// The most body that is read.
    MaxBody,
    /// Judge as soon as the head is there.
    NoBody,
    /// What to say over tcp:// and tls://.
    Send,
    /// Take any certificate.
    Insecure,
    /// A file of certificates to trust instead of the built-in ones.
    CaCert,
    /// Trust what the system trusts, too.
    CaNative,
    /// A file with our own certificate.
    Cert,
    /// A file with its key.
    Key,
    /// The name to ask for and to expect in the certificate.
    ServerName,
    /// What must hold, or the target is down; repeatable.
    Expect,
    /// What should hold, or the target is degraded; repeatable.
    Warn,
    /// Follow redirects.
    Location,
    /// How many redirects are followed.
    MaxRedirs,
    /// Follow redirects from https to http, too.
    AllowDowngrade,
    /// Check each address of the name by itself.
    AllAddresses,
    /// Connect to a unix socket instead of the URL's host.
    UnixSocket,
    /// Go through an HTTP proxy; empty for none.
    Proxy,
    /// Use connections again.
    KeepAlive,
    /// How often to try again.
    Retry,
    /// How long to wait before.
    RetryDelay,
}

impl Setting {
    /// Whether it is said by its mere name, without a value.
    pub fn is_switch(self) -> bool {
        matches!(
            self,
            Setting::Head
                | Setting::Insecure
                | Setting::CaNative
                | Setting::Location
                | Setting::AllowDowngrade
                | Setting::AllAddresses
                | Setting::KeepAlive
                | Setting::NoBody
        )
    }
}

/// Reads a whole file that a value names. The error is in words.
pub type ReadFile = fn(&str) -> Result<Vec<u8>, String>;

/// How TLS is to be spoken. The texts are PEM, as the files had them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsWanted {
    /// Take any certificate.
    pub insecure: bool,
    /// Whom to trust instead of the built-in roots.
    pub roots: Option<Rc<[u8]>>,
    /// Whom to trust besides: the system's store.
    pub native: Option<Rc<[u8]>>,
    /// Our own certificate and what leads from it to a root.
    pub cert: Option<Rc<[u8]>>,
    /// Its key. `None`: it stands in the same file.
    pub key: Option<Rc<[u8]>>,
    /// Resume earlier sessions. **A resumed session verifies no certificate again.**
    pub resume: bool,
}

/// What has been said so far.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// All of it in words, less what is secret, where somebody wants to see it.
    said: Option<Vec<(Setting, String)>>,
    method: Option<String>,
    fields: Vec<Field>,
    user_agent: Option<Field>,
    /// Shared by all requests: it may be large.
    data: Option<Rc<[u8]>>,
    head: bool,
    user: Option<String>,
    timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    max_body: Option<u64>,
    no_body: bool,
    send: Option<Rc<[u8]>>,
    tls: Rc<TlsWanted>,
    server_name: Option<Rc<str>>,
    expect: Vec<Rc<Expectation>>,
    warn: Vec<Rc<Expectation>>,
    location: bool,
    max_redirs: Option<u32>,
    allow_downgrade: bool,
    all_addresses: bool,
    route: Route,
    keepalive: bool,
    retries: Option<u32>,
    retry_delay: Option<Duration>,
}

/// The default for `--timeout`.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The default for `--max-redirs`, and the most that can be asked for.
const MAX_REDIRS: u32 = 10;
const REDIRECTS_MAX: u32 = 50;

/// The most that `--retry` takes.
const RETRIES_MAX: u32 = 1000;

/// The default for `--retry-delay`.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The default for `--max-body`.
const MAX_BODY: u64 = 1 << 20;

impl Draft {
    /// Takes one statement. `value` is empty for a setting that has none. A file that it names is read with
    /// `read_file`.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn set(&mut self, setting: Setting, value: &str, read_file: ReadFile) -> Result<(), String> {
        self.take(setting, value, read_file)?;
        if let Some(said) = &mut self.said {
            said.push((setting, without_secret(setting, value)));
        }
        Ok(())
    }

    /// Keeps what is said from now on in words, to be shown.
    pub fn listing(mut self) -> Draft {
        self.said = Some(Vec::new());
        self
    }

    fn take(&mut self, setting: Setting, value: &str, read_file: ReadFile) -> Result<(), String> {
        match setting {
            Setting::Request if is_token(value) => self.method = Some(value.to_owned()),
            Setting::Request => return Err(format!("'{}' is not a request method", value.escape_debug())),
            Setting::Header => match value.strip_prefix('@') {
                None => self.fields.push(field(value)?),
                Some(file) => {
                    let text = String::from_utf8(read_file(file)?)
                        .map_err(|_| format!("{} is not UTF-8", file.escape_debug()))?;
                    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                        let told = |error| format!("{}:{}: {error}", file.escape_debug(), index + 1);
                        self.fields.push(field(line).map_err(told)?);
                    }
                }
            },
            Setting::Data => {
                let mut data = value.as_bytes().to_vec();
                if let Some(file) = value.strip_prefix('@') {
                    data = read_file(file)?;
                    // As curl does: the file's line ends are not part of the data.
                    data.retain(|b| !matches!(b, b'\r' | b'\n'));
                }
                self.data = Some(match &self.data {
                    Some(before) => [before, &b"&"[..], &data].concat().into(),
                    None => data.into(),
                });
            }
            Setting::UserAgent => {
                self.user_agent = Some(field(&format!("User-Agent:{value}"))?.everywhere());
            }
            Setting::Head => self.head = true,
            Setting::User if value.contains(':') && !value.bytes().any(|b| b < b' ' || b == 0x7f) => {
                self.user = Some(value.to_owned());
            }
            Setting::User => return Err("must be NAME:PASSWORD, without control characters".to_owned()),
            Setting::Timeout => self.timeout = Some(positive_duration(value)?),
            Setting::ConnectTimeout => self.connect_timeout = Some(positive_duration(value)?),
            Setting::MaxBody => self.max_body = Some(size(value)?),
            Setting::NoBody => self.no_body = true,
            Setting::Send => self.send = Some(unescaped(value)?.into()),
            Setting::Insecure => Rc::make_mut(&mut self.tls).insecure = true,
            Setting::CaCert => Rc::make_mut(&mut self.tls).roots = Some(read_file(value)?.into()),
            Setting::CaNative => Rc::make_mut(&mut self.tls).native = Some(system_store(read_file)?),
            Setting::Cert => Rc::make_mut(&mut self.tls).cert = Some(read_file(value)?.into()),
            Setting::Key => Rc::make_mut(&mut self.tls).key = Some(read_file(value)?.into()),
            Setting::ServerName if is_host(value) => self.server_name = Some(value.into()),
            Setting::ServerName => return Err(format!("'{}' is no host name and no address", value.escape_debug())),
            Setting::Expect => self.expect.push(expectation(value)?.into()),
            Setting::Warn => self.warn.push(expectation(value)?.into()),
            Setting::Location => self.location = true,
            Setting::MaxRedirs => self.max_redirs = Some(number(value, 0..=REDIRECTS_MAX)?),
            Setting::AllowDowngrade => self.allow_downgrade = true,
            Setting::AllAddresses => self.all_addresses = true,
            Setting::UnixSocket => self.route = Route::Unix(socket_path(value)?),
            Setting::Proxy if value.is_empty() => self.route = Route::Direct,
            Setting::Proxy => self.route = Route::Proxy(Rc::new(Proxy::parse(value)?)),
            Setting::KeepAlive => {
                self.keepalive = true;
                Rc::make_mut(&mut self.tls).resume = true;
            }
            Setting::Retry => self.retries = Some(number(value, 0..=RETRIES_MAX)?),
            Setting::RetryDelay => self.retry_delay = Some(positive_duration(value)?),
        }
        Ok(())
    }

    /// Shows what was said last as this text: what a variable stood for is not to be shown.
    pub fn show_as(&mut self, setting: Setting, text: &str) {
        if let Some((said, shown)) = self.said.as_mut().and_then(|said| said.last_mut())
            && *said == setting
        {
            *shown = without_secret(setting, text);
        }
        let said = match setting {
            Setting::Expect => &mut self.expect,
            Setting::Warn => &mut self.warn,
            _ => return,
        };
        if let Some(last) = said.last_mut() {
            Rc::make_mut(last).show_as(text);
        }
    }

    /// What was said that cannot hold together.
    pub fn contradiction(&self) -> Option<&'static str> {
        let wants_body = || self.any(Expectation::is_of_the_body);
        (self.no_body && wants_body()).then_some("--no-body, and an expectation on the body")
    }

    /// How TLS is to be spoken.
    pub fn tls(&self) -> &TlsWanted {
        &self.tls
    }

    fn any(&self, is: fn(&Expectation) -> bool) -> bool {
        self.expect.iter().chain(&self.warn).any(|expectation| is(expectation))
    }

    /// What it comes to.
    pub fn settings(&self) -> Settings {
        let implied = match (self.head, &self.data) {
            (true, _) => "HEAD",
            (false, Some(_)) => "POST",
            (false, None) => "GET",
        };
        let mut fields = Vec::new();
        fields.extend(self.keepalive.then(Field::no_connection));
        fields.extend(self.user_agent.clone());
        fields.extend_from_slice(&self.fields);
        let retries = self.retries.unwrap_or(0);
        let needs = Needs {
            // To see where it leads, how long to stay away, and how a body is coded that is to be judged.
            head: self.location || retries > 0 || self.any(|it| it.needs_headers() || it.is_of_the_body()),
            json: self.any(Expectation::needs_json),
            whole_body: self.any(Expectation::is_of_the_body),
        };
        Settings {
            said: self.said.clone().unwrap_or_default(),
            needs,
            template: Template::new(self.method.as_deref().unwrap_or(implied), &fields, self.data.as_ref()),
            user: self.user.as_deref().map(|user| user.as_bytes().into()),
            timeout: self.timeout.unwrap_or(TIMEOUT),
            connect_timeout: self.connect_timeout,
            max_body: self.max_body.unwrap_or(MAX_BODY),
            no_body: self.no_body,
            send: self.send.clone(),
            tls: self.tls.clone(),
            server_name: self.server_name.clone(),
            all_addresses: self.all_addresses,
            route: self.route.clone(),
            keepalive: self.keepalive,
            retries,
            retry_delay: self.retry_delay.unwrap_or(RETRY_DELAY),
            expect: self.expect.clone(),
            warn: self.warn.clone(),
            redirects: self.location.then_some(Redirects {
                max: self.max_redirs.unwrap_or(MAX_REDIRS),
                allow_downgrade: self.allow_downgrade,
            }),
        }
    }
}

/// Where systems keep the certificates that they trust, in one file: Debian and Gentoo, Fedora, SUSE, OpenELEC, RHEL, Alpine
/// and OpenBSD, FreeBSD, NetBSD.
const SYSTEM_STORES: [&str; 9] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    "/etc/openssl/certs/ca-certificates.crt",
];

/// The first of the [`SYSTEM_STORES`] that can be read and has something in it.
///
/// # Errors
/// There is none.
fn system_store(read_file: ReadFile) -> Result<Rc<[u8]>, String> {
    let mut stores = SYSTEM_STORES.iter().filter_map(|file| read_file(file).ok());
    let store = stores.find(|store| !store.is_empty());
    store.map(Rc::from).ok_or_else(|| {
        format!("no trusted certificates where systems keep them (looked for {})", SYSTEM_STORES.join(", "))
    })
}

/// Whether a URL could have this host, whose brackets are left out where it is an IPv6 address.
fn is_host(text: &str) -> bool {
    let is_all = |(url, _): (Url, _)| url.host().eq_ignore_ascii_case(text);
    text.parse::<Ipv6Addr>().is_ok() || Url::parse(&format!("https://{text}/")).is_ok_and(is_all)
}

/// A value as it may be shown: who somebody is stays `***`.
fn without_secret(setting: Setting, value: &str) -> String {
    const HIDDEN: &str = "***";
    match setting {
        Setting::User => HIDDEN.to_owned(),
        Setting::Header => match value.split_once(':') {
            Some((name, text)) if !text.trim().is_empty() && is_credential(name) => format!("{name}: {HIDDEN}"),
            _ => value.to_owned(),
        },
        Setting::Proxy => match user_info(value) {
            Some(user) => [&value[..user.start], HIDDEN, &value[user.end..]].concat(),
            None => value.to_owned(),
        },
        _ => value.to_owned(),
    }
}

/// Whether a header says who somebody is.
pub fn is_credential(name: &str) -> bool {
    const CREDENTIALS: [&str; 3] = ["Authorization", "Proxy-Authorization", "Cookie"];
    CREDENTIALS.iter().any(|one| name.trim().eq_ignore_ascii_case(one))
}

/// The bytes of a text with C's escapes: `\r \n \t \0 \\ \xHH`.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (escaped, length) = match rest {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'0', ..] => (0, 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |digit: u8| (digit as char).to_digit(16).unwrap_or_default() as u8;
                (digit(*high) << 4 | digit(*low), 3)
            }
            _ => return Err("behind a backslash stands one of r n t 0 \\ xHH".to_owned()),
        };
        bytes.push(escaped);
        rest = &rest[length..];
    }
    Ok(bytes)
}

fn field(line: &str) -> Result<Field, String> {
    Field::parse(line).map_err(|error| error.to_string())
}

/// How a target is to be checked.
#[derive(Debug)]
pub struct Settings {
    /// The request without its target.
    pub template: Template,
    /// `name:password` for targets that have none in their URL.
    pub user: Option<Box<[u8]>>,
    /// The time for one attempt, from its start.
    pub timeout: Duration,
    /// The time in it for looking the name up, connecting and TLS, as curl has it.
    pub connect_timeout: Option<Duration>,
    /// The most body that is read, in bytes.
    pub max_body: u64,
    /// It is judged as soon as the head is there.
    pub no_body: bool,
    /// What is said over a connection on which no HTTP is spoken.
    pub send: Option<Rc<[u8]>>,
    /// How TLS is to be spoken. Shared by all of which the same was said.
    pub tls: Rc<TlsWanted>,
    /// The name to ask for and expect in TLS, instead of the URL's host.
    pub server_name: Option<Rc<str>>,
    /// What must hold, or the target is down. Where none is about the status, `status in 200-399` must hold, too.
    pub expect: Vec<Rc<Expectation>>,
    /// What should hold, or the target is degraded.
    pub warn: Vec<Rc<Expectation>>,
    /// How redirects are followed; `None`: not at all.
    pub redirects: Option<Redirects>,
    /// Each address of the name is checked by itself, and is an outcome of its own.
    pub all_addresses: bool,
    /// The way to the target, unless the target itself names a unix socket.
    pub route: Route,
    /// Connections are used again, and kept for it.
    pub keepalive: bool,
    /// How often it is tried again when it has failed.
    pub retries: u32,
    /// How long to wait before the first retry; each one after that waits twice as long.
    pub retry_delay: Duration,
    /// All of it in words, where [somebody wants to see it](Draft::listing).
    pub said: Vec<(Setting, String)>,
    needs: Needs,
}

/// What of an answer must be kept or waited for, found out once for all checks.
#[derive(Clone, Copy, Debug)]
struct Needs {
    head: bool,
    json: bool,
    whole_body: bool,
}

impl Settings {
    /// All expectations and warnings.
    pub fn expectations(&self) -> impl Iterator<Item = &Expectation> {
        self.expect.iter().chain(&self.warn).map(|expectation| &**expectation)
    }

    /// Whether the response's head must be kept.
    pub fn needs_head(&self) -> bool {
        self.needs.head
    }

    /// Whether an expectation is about how long it takes to connect, so that a connection must be made.
    pub fn measures_connecting(&self) -> bool {
        let is_connecting = |subject: &Subject| matches!(subject, Subject::Dns | Subject::Connect | Subject::Tls);
        self.expectations().any(|expectation| is_connecting(expectation.subject()))
    }

    /// Whether an expectation is about how long something takes.
    pub fn judges_time(&self) -> bool {
        let is_time =
            |subject: &Subject| matches!(subject, Subject::Total | Subject::Connect | Subject::Tls | Subject::Wait);
        self.expectations().any(|expectation| is_time(expectation.subject()))
    }

    /// The paths at which expectations look into a JSON body.
    pub fn json_paths(&self) -> impl Iterator<Item = &json::Path> {
        self.expectations().filter_map(|expectation| match expectation.subject().of() {
            Subject::Json(path) => Some(path),
            _ => None,
        })
    }

    /// Whether the response's body must be kept whole.
    pub fn needs_json(&self) -> bool {
        self.needs.json
    }

    /// Whether an expectation is about all of the body.
    pub fn needs_whole_body(&self) -> bool {
        self.needs.whole_body
    }
}

/// How redirects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirects {
    /// How many are followed.
    pub max: u32,
    /// From https to http, too.
    pub allow_downgrade: bool,
}

/// Reads an expectation. An error shows the spot.
fn expectation(text: &str) -> Result<Expectation, String> {
    Expectation::parse(text).map_err(|error| format!("{error}\n{}", error.caret(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_files(_: &str) -> Result<Vec<u8>, String> {
        Err("there are no files here".to_owned())
    }

    #[test]
    fn the_method_follows_from_what_is_sent() {
        let method = |said: &[(Setting, &str)]| {
            let mut draft = Draft::default();
            for (setting, value) in said {
                draft.set(*setting, value, no_files).unwrap();
            }
            let mut out = Vec::new();
            draft.settings().template.encode(
                &crate::proto::url::Url::parse("h").unwrap().0,
                None,
                Default::default(),
                &mut out,
            );
            String::from_utf8(out).unwrap().split(' ').next().unwrap().to_owned()
        };
        assert_eq!(method(&[]), "GET");
        assert_eq!(method(&[(Setting::Head, "")]), "HEAD");
        assert_eq!(method(&[(Setting::Data, "a"), (Setting::Data, "b")]), "POST");
        assert_eq!(method(&[(Setting::Data, "a"), (Setting::Request, "PUT")]), "PUT");
    }

    #[test]
    fn what_is_refused() {
        let cases = [
            (Setting::Request, "G ET"),
            (Setting::Request, ""),
            (Setting::Header, "no colon"),
            (Setting::UserAgent, "a\r\nX: y"),
            (Setting::User, "nopassword"),
            (Setting::User, "a:b\n"),
            (Setting::Timeout, "0"),
            (Setting::Timeout, "soon"),
            (Setting::ConnectTimeout, "0s"),
            (Setting::MaxBody, "-1"),
            (Setting::Expect, "status ="),
            (Setting::Warn, "nonsense"),
            (Setting::MaxRedirs, "51"),
            (Setting::MaxRedirs, "-1"),
            (Setting::Retry, "+1"),
            (Setting::Retry, "1001"),
            (Setting::RetryDelay, "0"),
            (Setting::Header, "@file"),
            (Setting::Data, "@file"),
            (Setting::CaCert, "file"),
            (Setting::Cert, "file"),
            (Setting::Key, "file"),
            (Setting::ServerName, ""),
            (Setting::ServerName, "a b"),
            (Setting::ServerName, "[::1]"),
            (Setting::ServerName, "fe80::1%eth0"),
            (Setting::ServerName, "10.1"),
            (Setting::ServerName, "a:1"),
            (Setting::ServerName, "a/b"),
            (Setting::ServerName, "a@b"),
            (Setting::ServerName, "\u{e4}.example"),
            (Setting::UnixSocket, ""),
            (Setting::UnixSocket, "/a\0b"),
            (Setting::Proxy, "https://p:1"),
            (Setting::Proxy, "p"),
        ];
        for (setting, value) in cases {
            assert!(Draft::default().set(setting, value, no_files).is_err(), "{setting:?} {value:?}");
        }
    }

    #[test]
    fn whatever_a_url_has_for_its_host_can_be_asked_for() {
        for name in ["api.example", "API.example.", "shop-.example", "-", "a_b", "192.0.2.1", "::1", "2001:DB8::1"] {
            let mut draft = Draft::default();
            assert_eq!(draft.set(Setting::ServerName, name, no_files), Ok(()));
            assert_eq!(draft.settings().server_name.as_deref(), Some(name));
        }
    }

    #[test]
    fn the_systems_store_is_where_systems_keep_it() {
        let said = |read_file: ReadFile| {
            let mut draft = Draft::default();
            draft.set(Setting::CaNative, "", read_file).map(|()| draft.settings().tls.native.clone())
        };
        let is = |store: &[u8]| Ok(Some(Rc::from(store)));
        assert_eq!(said(|name| Ok(name.into())), is(b"/etc/ssl/certs/ca-certificates.crt"));
        let alpine: ReadFile = |name| match name {
            "/etc/ssl/cert.pem" => Ok(b"PEM".to_vec()),
            // An image may have an empty one.
            "/etc/ssl/certs/ca-certificates.crt" => Ok(Vec::new()),
            _ => Err("No such file".to_owned()),
        };
        assert_eq!(said(alpine), is(b"PEM"));
        let error = said(no_files).unwrap_err();
        assert!(error.starts_with("no trusted certificates where systems keep them (looked for /etc/ssl/"), "{error}");
    }

    #[test]
    fn a_body_that_is_not_read_cannot_be_judged() {
        let contradiction = |expectation| {
            let mut draft = Draft::default();
            draft.set(Setting::NoBody, "", no_files).unwrap();
            draft.set(Setting::Expect, expectation, no_files).unwrap();
            draft.contradiction().is_some()
        };
        assert!(contradiction("body.bytes > 3") && contradiction("json.a == 1") && !contradiction("status == 200"));
    }

    #[test]
    fn later_wins_over_earlier() {
        let mut draft = Draft::default();
        draft.set(Setting::Timeout, "1s", no_files).unwrap();
        draft.set(Setting::Timeout, "2s", no_files).unwrap();
        assert_eq!(draft.settings().timeout, Duration::from_secs(2));
        assert_eq!(Draft::default().settings().timeout, TIMEOUT);

        draft.set(Setting::UnixSocket, "/a", no_files).unwrap();
        draft.set(Setting::Proxy, "p:1", no_files).unwrap();
        assert!(matches!(draft.settings().route, Route::Proxy(_)));
        draft.set(Setting::UnixSocket, "/a", no_files).unwrap();
        assert_eq!(draft.settings().route, Route::Unix("/a".into()));
        draft.set(Setting::Proxy, "", no_files).unwrap();
        assert_eq!(draft.settings().route, Route::Direct);
    }
}
