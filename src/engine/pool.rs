//! Connections that lie idle until somebody asks for the same origin, and the count of those that did not get that far.
//!
//! All of them stand in one list, the oldest first: the newest of an origin is the likeliest to be alive, and the oldest
//! of all makes room. To look through [`IDLE_MAX`] of them is cheap beside a request; with many more, a map from origins
//! would be the next step. It knows nothing of sockets: what it keeps is its owner's to probe and to close.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::rc::Rc;

use super::secure;
use crate::check::machine::Check;
use crate::check::route::Route;
use crate::check::settings::TlsWanted;
use crate::proto::http::close_reason::CloseReason;
use crate::proto::url::Scheme;

/// The most connections that lie idle.
pub const IDLE_MAX: usize = 1024;

/// What must be the same for a connection to serve: where it leads, by which way, and how it is secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Of scheme, host and port: most others differ here already.
    hash: u64,
    scheme: Scheme,
    host: Box<str>,
    port: u16,
    /// The one address that is meant, where there is but one.
    address: Option<IpAddr>,
    route: Route,
    tls: Option<(Rc<TlsWanted>, Option<Rc<str>>)>,
}

impl Origin {
    /// The origin that the check asks now.
    pub fn of(check: &Check) -> Origin {
        let (url, target) = (check.url(), check.target());
        let mut hasher = DefaultHasher::new();
        (url.scheme().as_str(), url.host(), url.port()).hash(&mut hasher);
        // As the connection is made: behind a redirect to another origin without our certificate, and under its own name.
        let secured = || (secure::wanted(check).into_owned(), secure::said_name(check).cloned());
        Origin {
            hash: hasher.finish(),
            scheme: url.scheme(),
            host: url.host().into(),
            port: url.port(),
            address: check.literal(),
            route: target.route(),
            tls: (url.scheme() == Scheme::Https).then(secured),
        }
    }
}

/// What became of connections that were meant to be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// How often one was used again.
    pub reused: u64,
    closed: [u64; CloseReason::ALL.len()],
}

impl PoolStats {
    /// How many were closed, by reason; only reasons that there were.
    pub fn closed(&self) -> impl Iterator<Item = (CloseReason, u64)> {
        CloseReason::ALL.into_iter().zip(self.closed).filter(|(_, count)| *count > 0)
    }
}

/// The idle connections. Dropping one closes it.
#[derive(Debug)]
pub struct Pool<C> {
    idle: VecDeque<(Origin, C)>,
    stats: PoolStats,
}

impl<C> Default for Pool<C> {
    fn default() -> Pool<C> {
        Pool { idle: VecDeque::new(), stats: PoolStats::default() }
    }
}

impl<C> Pool<C> {
    /// Keeps a connection. The oldest goes if there are [`IDLE_MAX`].
    pub fn put(&mut self, origin: Origin, connection: C) {
        self.shrink_to(IDLE_MAX - 1);
        self.idle.push_back((origin, connection));
    }

    /// The newest connection to this origin. It counts as used again once [`reused`](Self::reused) is told.
    pub fn take(&mut self, origin: &Origin) -> Option<C> {
        let index = self.idle.iter().rposition(|(other, _)| other == origin)?;
        self.idle.remove(index).map(|(_, connection)| connection)
    }

    /// Counts a connection that was used again.
    pub fn reused(&mut self) {
        self.stats.reused += 1;
    }

    /// Counts a connection that was meant to be kept and was closed.
    pub fn closed(&mut self, reason: CloseReason) {
        self.stats.closed[reason as usize] += 1;
    }

    /// Closes the oldest until no more than `count` are left: whether there were more.
    pub fn shrink_to(&mut self, count: usize) -> bool {
        let is_too_many = self.idle.len() > count;
        while self.idle.len() > count {
            self.idle.pop_front();
            self.closed(CloseReason::Room);
        }
        is_too_many
    }

    /// What became of connections so far.
    pub fn stats(&self) -> PoolStats {
        self.stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[cfg(feature = "tls")]
    use crate::check::machine::Input;
    use crate::check::machine::Try;
    use crate::check::settings::{Draft, Setting};
    use crate::check::target::{Reader, World};
    use crate::reactor::clock::Clock;

    fn now() -> Instant {
        Clock::start().started()
    }

    fn check(url: &str, said: &[(Setting, &str)]) -> Check {
        let mut draft = Draft::default();
        for (setting, value) in said {
            draft.set(*setting, value, |_| Ok(Vec::new())).unwrap();
        }
        let world =
            World { find_setting: |_| Err(String::new()), find_variable: |_| None, read_file: |_| Ok(Vec::new()) };
        let target = Reader::new(draft, world).argument(url).unwrap();
        Check::new(target, Try { number: 1, degrades: true }, Duration::ZERO, now(), Duration::ZERO)
    }

    fn origin(url: &str, said: &[(Setting, &str)]) -> Origin {
        Origin::of(&check(url, said))
    }

    #[test]
    fn an_origin_is_where_how_and_by_which_way() {
        let plain = origin("http://h/x", &[]);
        assert_eq!(plain, origin("http://H:80/y?z", &[(Setting::Insecure, ""), (Setting::Header, "A: b")]));
        let others = [
            origin("http://h:81/x", &[]),
            origin("http://g/x", &[]),
            origin("unix:/a:/x", &[]),
            origin("http://h/x", &[(Setting::UnixSocket, "/a")]),
            origin("http://h/x", &[(Setting::Proxy, "p:1")]),
            origin("http://h/x", &[(Setting::Proxy, "me:pw@p:1")]),
        ];
        for other in &others {
            assert_eq!(others.iter().filter(|origin| *origin == other).count(), 1, "{other:?}");
            assert_ne!(plain, *other);
        }
    }

    #[test]
    #[cfg(feature = "tls")]
    fn differently_secured_is_another_origin() {
        let secure = origin("https://h/", &[]);
        assert_eq!(secure, origin("https://h/", &[]));
        for said in [(Setting::Insecure, ""), (Setting::CaCert, "f"), (Setting::ServerName, "g"), (Setting::Cert, "f")]
        {
            assert_ne!(secure, origin("https://h/", &[said]), "{said:?}");
        }
    }

    /// The origin that a check of `url` asks once it was sent on to `location`.
    #[cfg(feature = "tls")]
    fn origin_behind(url: &str, location: &str, said: &[(Setting, &str)]) -> Origin {
        let mut check = check(url, &[&[(Setting::Location, "")], said].concat());
        let answer = format!("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n");
        for input in
            [Input::Start, Input::Resolved, Input::Connected(None), Input::Secured, Input::Bytes(answer.as_bytes())]
        {
            check.handle(input, now());
        }
        assert_eq!(check.redirects(), 1);
        Origin::of(&check)
    }

    #[test]
    #[cfg(feature = "tls")]
    fn what_was_said_for_one_origin_is_no_part_of_another() {
        let said: &[(Setting, &str)] = &[(Setting::Cert, "f"), (Setting::Key, "g"), (Setting::ServerName, "n")];
        let behind = origin_behind("https://h/", "https://g/", said);
        assert_eq!(behind, origin("https://g/", &[]), "as whoever says nothing connects to it");
        assert_ne!(behind, origin("https://g/", said));
        assert_eq!(origin_behind("https://h/", "/x", said), origin("https://h/", said));
        let trusting = &[said, &[(Setting::Insecure, "")]].concat();
        assert_eq!(
            origin_behind("https://h/", "https://g/", trusting),
            origin("https://g/", &[(Setting::Insecure, "")])
        );
    }

    #[test]
    fn the_newest_of_an_origin_comes_first() {
        let (a, b) = (origin("a", &[]), origin("b", &[]));
        let mut pool = Pool::default();
        for (origin, name) in [(&a, "a1"), (&b, "b1"), (&a, "a2")] {
            pool.put(origin.clone(), name);
        }
        assert_eq!((pool.take(&a), pool.take(&a), pool.take(&a)), (Some("a2"), Some("a1"), None));
        assert_eq!(pool.take(&b), Some("b1"));
        assert_eq!(pool.stats(), PoolStats::default());
    }

    #[test]
    fn the_oldest_makes_room() {
        let a = origin("a", &[]);
        let mut pool = Pool::default();
        for n in 0..IDLE_MAX + 2 {
            pool.put(a.clone(), n);
        }
        assert_eq!(pool.idle.front().map(|(_, n)| *n), Some(2));
        assert_eq!(pool.stats().closed().collect::<Vec<_>>(), [(CloseReason::Room, 2)]);
        assert!(pool.shrink_to(1) && !pool.shrink_to(1));
        assert_eq!((pool.take(&a), pool.take(&a)), (Some(IDLE_MAX + 1), None));
        pool.reused();
        pool.closed(CloseReason::Ended);
        let stats = pool.stats();
        assert_eq!(stats.reused, 1);
        assert_eq!(stats.closed().map(|(_, count)| count).sum::<u64>(), IDLE_MAX as u64 + 2);
    }
}
