//! The text of `resolv.conf` and `hosts`, as values; and the names to try for a name that was typed.
//!
//! Both files were written for other programs and by hand, so a line that makes no sense is skipped, as every resolver
//! does. This file refuses to know where the texts are kept and when they are read again.
//!
//! Left out: the `sortlist` line and options that change nothing for a stub resolver with its own timeouts (`edns0`,
//! `single-request`, `trust-ad`, ...); a search list from the machine's own domain where the file has none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use super::hash::ByName;
use super::name::{Name, NameError};

/// The most servers; a resolver that asks more has never been common, and each adds its timeout to a failure.
pub const MAX_SERVERS: usize = 3;
/// The most domains of a search list.
pub const MAX_SEARCH: usize = 32;
/// The largest `ndots`.
pub const MAX_NDOTS: usize = 15;
/// The longest wait for one server, in seconds.
pub const MAX_TIMEOUT_SECONDS: u32 = 30;
/// How long a server is alone with a question where the file does not say. Five seconds, the usual timeout, are all
/// that a check has: with a silent first server, no other would ever be asked.
pub const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
/// The most rounds through all servers.
pub const MAX_ATTEMPTS: u32 = 5;
/// How much is repeated of a server that cannot be asked, in characters.
const MAX_QUOTED: usize = 60;
/// The most addresses kept of one name in `hosts`.
pub const MAX_HOST_ADDRESSES: usize = 32;

/// Where DNS servers listen.
pub const DNS_PORT: u16 = 53;

/// How names are looked up: what `resolv.conf` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// The servers, in order; at most [`MAX_SERVERS`]. None if the file names some, and none of them is of use.
    pub servers: Vec<SocketAddr>,
    /// The servers that the file names and that cannot be asked, as they stand there, with why.
    pub unusable: Vec<String>,
    /// The domains that a name is tried in, in order; at most [`MAX_SEARCH`].
    pub search: Vec<Name>,
    /// A name with at least so many dots is tried as it is before it is tried in a domain.
    pub ndots: usize,
    /// How long one server is waited for.
    pub timeout: Duration,
    /// How long each is waited for in the first round, if that is shorter: then the next is asked as well.
    pub first_timeout: Duration,
    /// How often each server is asked.
    pub attempts: u32,
    /// Whether lookups start at different servers.
    pub rotate: bool,
    /// Whether servers are asked over TCP from the start.
    pub over_tcp: bool,
    /// Whether no IPv6 addresses are asked for.
    pub no_ipv6: bool,
}

/// Finds the number of a network interface by its name.
pub type FindInterface = fn(&str) -> Option<u32>;

/// What holds without a file: the server of this machine, asked twice for five seconds each.
impl Default for ResolvConf {
    fn default() -> ResolvConf {
        ResolvConf {
            servers: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, DNS_PORT))],
            unusable: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            first_timeout: FIRST_TIMEOUT,
            attempts: 2,
            rotate: false,
            over_tcp: false,
            no_ipv6: false,
        }
    }
}

impl ResolvConf {
    /// Reads the text of a `resolv.conf`. Any text will do: an empty one gives the default.
    pub fn parse(text: &str, find_interface: FindInterface) -> ResolvConf {
        let mut conf = ResolvConf::default();
        let mut servers = Vec::new();
        for line in text.lines() {
            let mut words = words_before(line, &['#', ';']);
            match words.next() {
                Some("nameserver") => match words.next().map(|word| (word, server(word, DNS_PORT, find_interface))) {
                    Some((_, Ok(server))) => servers.push(server),
                    Some((word, Err(why))) if conf.unusable.len() < MAX_SERVERS => {
                        let word: String = word.chars().take(MAX_QUOTED).collect();
                        conf.unusable.push(format!("'{}' {why}", word.escape_debug()));
                    }
                    _ => {}
                },
                Some("domain") => conf.search = search_list(words.take(1)),
                Some("search") => conf.search = search_list(words),
                Some("options") => words.for_each(|option| conf.apply(option)),
                _ => {}
            }
        }
        servers.truncate(MAX_SERVERS);
        // One that cannot be asked does not turn into another that nobody has named.
        if !servers.is_empty() || !conf.unusable.is_empty() {
            conf.servers = servers;
        }
        conf
    }

    fn apply(&mut self, option: &str) {
        let (name, value) = option.split_once(':').unwrap_or((option, ""));
        match (name, capped(value)) {
            ("ndots", Some(dots)) => self.ndots = MAX_NDOTS.min(dots as usize),
            ("timeout", Some(seconds)) => {
                self.timeout = Duration::from_secs(seconds.clamp(1, MAX_TIMEOUT_SECONDS).into());
                self.first_timeout = self.timeout;
            }
            ("attempts", Some(count)) => self.attempts = count.clamp(1, MAX_ATTEMPTS),
            ("rotate", _) => self.rotate = true,
            ("use-vc", _) => self.over_tcp = true,
            ("no-aaaa", _) => self.no_ipv6 = true,
            _ => {}
        }
    }
}

/// The words of a line in front of its comment.
fn words_before<'a>(line: &'a str, comment: &[char]) -> impl Iterator<Item = &'a str> {
    line.split(comment).next().unwrap_or_default().split_ascii_whitespace()
}

/// A whole number, or the largest there is when it is larger.
fn capped(digits: &str) -> Option<u32> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u32::MAX))
}

/// A server's address, perhaps with an IPv6 zone, which is the number of an interface or its name (RFC 4007, 11).
///
/// # Errors
/// What is wrong with it.
pub fn server(word: &str, port: u16, find_interface: FindInterface) -> Result<SocketAddr, &'static str> {
    const NO_ADDRESS: &str = "is not an address";
    let Some((ip, zone)) = word.split_once('%') else {
        return Ok(SocketAddr::new(answering(word.parse().map_err(|_| NO_ADDRESS)?), port));
    };
    let ip: Ipv6Addr = ip.parse().map_err(|_| NO_ADDRESS)?;
    let zone = zone.parse().ok().or_else(|| find_interface(zone)).ok_or("names an interface that is not there")?;
    Ok(SocketAddrV6::new(ip, port, 0, zone).into())
}

/// Who answers for an address: what is sent to the unspecified one comes back from the loopback one.
fn answering(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        specified => specified,
    }
}

/// Whether an address can be nobody's (RFC 1122, 3.2.1.3): servers that block a name give it in place of the name's own.
pub fn is_nobody(address: &IpAddr) -> bool {
    address.to_canonical().is_unspecified()
}

fn search_list<'a>(words: impl Iterator<Item = &'a str>) -> Vec<Name> {
    let mut list = Vec::new();
    for domain in words.filter_map(|word| Name::parse(word).ok()) {
        if list.len() < MAX_SEARCH && !list.contains(&domain) {
            list.push(domain);
        }
    }
    list
}

/// The names to ask for, in order, when `host` was typed: itself before or after its forms in the search list, by
/// the number of its dots; itself alone if it ends in a dot.
///
/// # Errors
/// Why `host` is not a name. A form that is too long is left out.
pub fn candidates(host: &str, conf: &ResolvConf) -> Result<Vec<Name>, NameError> {
    let name = Name::parse(host)?;
    if conf.search.is_empty() || host.ends_with('.') {
        return Ok(vec![name]);
    }
    let dots = host.bytes().filter(|&byte| byte == b'.').count();
    let mut names: Vec<Name> = conf.search.iter().filter_map(|domain| name.within(domain).ok()).collect();
    let place = if dots >= conf.ndots { 0 } else { names.len() };
    names.insert(place, name);
    Ok(names)
}

/// The addresses of this machine, if `host` is `localhost` or inside it: never to be asked of a server (RFC 6761 §6.3).
pub fn loopback(host: &str) -> Option<[IpAddr; 2]> {
    const LOCALHOST: &[u8] = b"localhost";
    let host = host.strip_suffix(".").unwrap_or(host).as_bytes();
    let (parents, last) = host.split_at_checked(host.len().checked_sub(LOCALHOST.len())?)?;
    let is_child = parents.len() > 1 && parents.ends_with(b".");
    let inside = last.eq_ignore_ascii_case(LOCALHOST) && (parents.is_empty() || is_child);
    inside.then_some([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
}

/// The names and addresses of a `hosts` file.
///
/// One map entry a name, made when the file is read: 100,000 lines cost some tens of milliseconds, once. A program
/// that looks up few names could instead search the text each time; ours looks up thousands.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    addresses: ByName<Box<str>, Vec<IpAddr>>,
}

impl Hosts {
    /// Reads the text of a `hosts` file: an address and its names a line.
    pub fn parse(text: &str) -> Hosts {
        let mut hosts = Hosts::default();
        for line in text.lines() {
            let mut words = words_before(line, &['#']);
            if let Some(address) = words.next().and_then(|word| word.parse().ok()) {
                words.for_each(|name| hosts.add(name, address));
            }
        }
        hosts
    }

    fn add(&mut self, name: &str, address: IpAddr) {
        let addresses = self.addresses.entry(key(name).into()).or_default();
        if addresses.len() < MAX_HOST_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
    }

    /// The addresses of a name in the order of the file; none if it is not there. Letter case and a final dot do not
    /// matter.
    pub fn get(&self, name: &str) -> &[IpAddr] {
        self.addresses.get(&*key(name)).map_or(&[], |addresses| addresses)
    }
}

/// The one way that all spellings of a name are kept.
fn key(name: &str) -> std::borrow::Cow<'_, str> {
    let name = name.strip_suffix(".").unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is one interface, whose number is 7.
    fn parse(text: &str) -> ResolvConf {
        ResolvConf::parse(text, |name| (name == "eth0").then_some(7))
    }

    fn names(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| Name::parse(name).unwrap()).collect()
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn reads_a_resolv_conf_as_users_have_it() {
        let conf = parse(
            "# Generated by NetworkManager\r\n\
             domain old.example\n\
             search corp.example.com Example.COM. corp.example.com\t\n\
             nameserver 10.0.0.2 # the first\n\
             \x20 nameserver ::1\n\
             ; a comment\n\
             nameserver\tfe80::1%eth0\n\
             nameserver 10.0.0.9\n\
             options ndots:5 timeout:2\n\
             options attempts:3 rotate edns0 trust-ad use-vc no-aaaa\n\
             sortlist 130.155.160.0/255.255.240.0\n\
             lookup file bind\n",
        );
        let expected = ResolvConf {
            servers: vec![
                "10.0.0.2:53".parse().unwrap(),
                "[::1]:53".parse().unwrap(),
                SocketAddrV6::new("fe80::1".parse().unwrap(), 53, 0, 7).into(),
            ],
            search: names(&["corp.example.com", "example.com"]),
            ndots: 5,
            timeout: Duration::from_secs(2),
            first_timeout: Duration::from_secs(2),
            attempts: 3,
            rotate: true,
            over_tcp: true,
            no_ipv6: true,
            unusable: Vec::new(),
        };
        assert_eq!(conf, expected);
    }

    #[test]
    fn falls_back_to_the_default() {
        let texts = [
            "",
            "\n\n",
            "# nothing\n;nothing\n",
            "nameserver\nsearch\noptions\n",
            "nameservers 10.0.0.1\nNAMESERVER 10.0.0.1\n#nameserver 10.0.0.1",
            "options ndots timeout: attempts:x ndots:-1 timeout:1.5 attempts:+3",
            "search . .. a..b",
        ];
        for text in texts {
            assert_eq!(parse(text), ResolvConf::default(), "{text:?}");
        }
    }

    #[test]
    fn a_server_that_cannot_be_asked_is_told_and_becomes_no_other() {
        let conf =
            parse("nameserver example.com\nnameserver fe80::1%eth9\nnameserver 10.0.0.1%1\nnameserver 10.0.0.300");
        assert_eq!(conf.servers, [], "nor this machine's own");
        let told = ["'example.com' is not an address", "'fe80::1%eth9' names an interface that is not there"];
        assert_eq!((&conf.unusable[..2], conf.unusable.len()), (&told.map(str::to_owned)[..], 3));
        let conf = parse("nameserver fe80::1%eth9\nnameserver fe80::53%12");
        assert_eq!(conf.servers, [SocketAddrV6::new("fe80::53".parse().unwrap(), 53, 0, 12).into()]);
        assert_eq!(conf.unusable.len(), 1);
    }

    #[test]
    fn the_unspecified_address_is_this_machine() {
        let conf = parse("nameserver 0.0.0.0\nnameserver ::");
        assert_eq!(conf.servers, ["127.0.0.1:53", "[::1]:53"].map(|text| text.parse().unwrap()));
    }

    #[test]
    fn caps_every_option() {
        let conf = parse("options ndots:16 timeout:31 attempts:6");
        assert_eq!((conf.ndots, conf.attempts), (15, 5));
        assert_eq!(conf.timeout, Duration::from_secs(30));
        let conf = parse("options ndots:99999999999 timeout:99999999999 attempts:99999999999");
        assert_eq!((conf.ndots, conf.attempts), (15, 5));
        assert_eq!(conf.timeout, Duration::from_secs(30));
        let conf = parse("options ndots:0 timeout:0 attempts:0");
        assert_eq!((conf.ndots, conf.attempts), (0, 1));
        assert_eq!((conf.timeout, conf.first_timeout), (Duration::from_secs(1), Duration::from_secs(1)));
        assert_eq!(parse("").first_timeout, FIRST_TIMEOUT);
        let domains: String = (0..40).map(|n| format!(" d{n}.example")).collect();
        let conf = parse(&format!("search{domains}"));
        assert_eq!(conf.search.len(), MAX_SEARCH);
    }

    #[test]
    fn the_last_of_domain_and_search_wins() {
        let conf = parse("search a.example b.example\ndomain c.example d.example");
        assert_eq!(conf.search, names(&["c.example"]));
        let conf = parse("domain c.example\nsearch a.example b.example");
        assert_eq!(conf.search, names(&["a.example", "b.example"]));
        let conf = parse("search a.example\nsearch .");
        assert_eq!(conf.search, names(&[]));
    }

    #[test]
    fn orders_candidates_by_dots_and_search_list() {
        let conf = |ndots| ResolvConf { search: names(&["a.example", "b.example"]), ndots, ..ResolvConf::default() };
        let cases: [(&str, usize, &[&str]); 7] = [
            ("db", 1, &["db.a.example", "db.b.example", "db"]),
            ("db", 0, &["db", "db.a.example", "db.b.example"]),
            ("db.", 1, &["db"]),
            ("db.x", 1, &["db.x", "db.x.a.example", "db.x.b.example"]),
            ("db.x", 2, &["db.x.a.example", "db.x.b.example", "db.x"]),
            ("DB.x.y", 2, &["db.x.y", "db.x.y.a.example", "db.x.y.b.example"]),
            ("db.x.y.", 5, &["db.x.y"]),
        ];
        for (host, ndots, expected) in cases {
            assert_eq!(candidates(host, &conf(ndots)), Ok(names(expected)), "{host} with ndots {ndots}");
        }
        assert_eq!(candidates("db", &ResolvConf::default()), Ok(names(&["db"])));
        assert_eq!(candidates("a..b", &conf(1)), Err(NameError::EmptyLabel));
        assert_eq!(candidates(".", &conf(1)), Err(NameError::Empty));
    }

    #[test]
    fn leaves_out_a_candidate_that_is_too_long() {
        let label = "a".repeat(60);
        let long = format!("{label}.{label}.{label}.{label}");
        let conf = ResolvConf { search: names(&["too.long.example", "ok.net"]), ..ResolvConf::default() };
        let expected = [&long, &format!("{long}.ok.net")].map(|name| Name::parse(name).unwrap());
        assert_eq!(candidates(&long, &conf).as_deref(), Ok(&expected[..]));
    }

    #[test]
    fn localhost_is_this_machine() {
        for host in ["localhost", "LocalHost.", "a.localhost", "a.b.LOCALHOST."] {
            assert_eq!(loopback(host).map(Vec::from), Some(addresses(&["127.0.0.1", "::1"])), "{host}");
        }
        for host in ["", ".", "localhost.com", "notlocalhost", ".localhost", "localhost..", "local"] {
            assert_eq!(loopback(host), None, "{host}");
        }
    }

    #[test]
    fn reads_a_hosts_file_as_users_have_it() {
        let hosts = Hosts::parse(
            "127.0.0.1\tlocalhost\r\n\
             ::1 localhost ip6-localhost ip6-loopback\n\
             # 10.0.0.9 commented\n\
             10.0.0.1 Web web.example.com # 10.0.0.2 no\n\
             \x20 10.0.0.2 web\n\
             10.0.0.1 web\n\
             2001:db8::1 web\n\
             fe80::1%lo0 zoned\n\
             10.0.0.300 bad\n\
             just words\n\
             10.0.0.3\n\
             10.0.0.4 dotted.\n",
        );
        let cases: [(&str, &[&str]); 12] = [
            ("localhost", &["127.0.0.1", "::1"]),
            ("ip6-loopback", &["::1"]),
            ("web", &["10.0.0.1", "10.0.0.2", "2001:db8::1"]),
            ("WEB", &["10.0.0.1", "10.0.0.2", "2001:db8::1"]),
            ("web.example.com.", &["10.0.0.1"]),
            ("dotted", &["10.0.0.4"]),
            ("commented", &[]),
            ("10.0.0.2", &[]),
            ("zoned", &[]),
            ("bad", &[]),
            ("words", &[]),
            ("", &[]),
        ];
        for (name, expected) in cases {
            assert_eq!(hosts.get(name), addresses(expected), "{name}");
        }
    }

    #[test]
    fn keeps_a_bounded_number_of_addresses_a_name() {
        let text: String = (0..100).map(|n| format!("10.0.0.{n} many\n")).collect();
        let hosts = Hosts::parse(&text);
        assert_eq!(hosts.get("many").len(), MAX_HOST_ADDRESSES);
        assert_eq!(hosts.get("many")[31], IpAddr::from([10, 0, 0, 31]));
    }

    #[test]
    fn any_text_is_read() {
        let text = "nameserver fe80::1%2\nsearch a.b\noptions ndots:3 rotate\n10.0.0.1 é\u{2028}x # ;\n";
        for (at, _) in text.char_indices() {
            let conf = parse(&text[..at]);
            assert_eq!(conf.servers.len() + conf.unusable.len(), 1);
            assert_eq!(Hosts::parse(&text[..at]).get("nobody"), &[] as &[IpAddr]);
        }
    }
}
