//! Whom a check asks, and what it says: the peer that is connected to, what goes over the connection first, the request.
//!
//! Everything here is read off the target and the trail of redirects. It refuses to know what the answer is, and changes
//! nothing of the check but for an address that is settled for.

use std::net::IpAddr;
use std::rc::Rc;

use super::{Check, Opening};
use crate::check::route::Proxy;
use crate::check::settings::Settings;
use crate::check::target::Target;
use crate::proto::http::request::{Form, encode_connect};
use crate::proto::url::{Scheme, Url};

impl Check {
    /// The target that is checked.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What is asked for now: the target's URL, or where redirects have led.
    pub fn url(&self) -> &Url {
        self.trail.as_ref().map_or(&self.target.url, |trail| &trail.url)
    }

    /// The URL whose host and port are connected to, unless it is [a unix socket](Target::socket): the proxy's, or the
    /// one that is asked for.
    pub fn peer(&self) -> &Url {
        self.target.proxy().map_or(self.url(), Proxy::url)
    }

    /// The address to connect to, where it need not be looked up.
    pub fn literal(&self) -> Option<IpAddr> {
        match (self.target.proxy(), &self.trail) {
            (Some(proxy), _) => proxy.url().literal(),
            (None, Some(trail)) => trail.url.literal(),
            (None, None) => self.target.pinned.or(self.target.url.literal()),
        }
    }

    /// Settles for one address of the target's host, for this attempt and all that follow.
    pub fn pin(&mut self, address: IpAddr) {
        self.target.pinned = Some(address);
    }

    /// What goes over a new connection first.
    pub fn opening(&self) -> Opening {
        match self.url().scheme() {
            _ if self.wants_tunnel() => Opening::Bytes,
            Scheme::Http => Opening::Bytes,
            Scheme::Https | Scheme::Tls => Opening::Tls,
            Scheme::Tcp if self.target.settings.send.is_some() => Opening::Bytes,
            Scheme::Tcp => Opening::Nothing,
        }
    }

    /// Appends to `out` what goes over a new connection first, in the clear: the request, or the one that asks a proxy
    /// for a tunnel.
    pub fn encode_opening(&self, out: &mut Vec<u8>) {
        match self.target.proxy() {
            Some(proxy) if self.wants_tunnel() => encode_connect(self.url(), proxy.user(), out),
            _ => self.encode_request(out),
        }
    }

    /// Appends the request to `out`.
    pub fn encode_request(&self, out: &mut Vec<u8>) {
        if !self.url().scheme().is_http() {
            return out.extend_from_slice(self.target.settings.send.as_deref().unwrap_or_default());
        }
        let template = &self.target.settings.template;
        let (user, form) = match &self.trail {
            None => (self.target.user(), Form::default()),
            Some(trail) => {
                let users = self.target.user().filter(|_| !trail.form.elsewhere);
                (trail.user.as_deref().or(users), trail.form)
            }
        };
        match self.target.proxy() {
            // Through a tunnel the request goes to the host, and the proxy's password must not.
            Some(proxy) if !self.wants_tunnel() => {
                template.encode_for_proxy(self.url(), user, form, proxy.user(), out);
            }
            _ => template.encode(self.url(), user, form, out),
        }
    }

    /// Whose large body is to be sent behind [the request](Self::encode_request), if it has one.
    pub fn large_body(&self) -> Option<Rc<Settings>> {
        let settings = &self.target.settings;
        (!self.asks_as_get() && !settings.template.large_body().is_empty()).then(|| settings.clone())
    }

    /// Whether a redirect has made a GET of the request.
    fn asks_as_get(&self) -> bool {
        self.trail.as_ref().is_some_and(|trail| trail.form.as_get)
    }

    /// Whether the request may go over a connection from before. One that must not be made twice may not: nobody could
    /// tell whether the server, when it closed the connection at that moment, had heard it.
    pub fn may_reuse(&self) -> bool {
        let settings = &self.target.settings;
        let form = self.form();
        // To check each address of a name, all of them must be known first.
        let wants_addresses = settings.all_addresses && self.trail.is_none() && self.literal().is_none();
        settings.keepalive
            && !wants_addresses
            && !self.hop.must_be_fresh
            && self.url().scheme().is_http()
            && settings.template.is_idempotent(form)
            && !settings.measures_connecting()
    }

    /// Whether the proxy only makes the way and does not speak for the host.
    pub fn wants_tunnel(&self) -> bool {
        self.target.proxy().is_some() && self.url().scheme() != Scheme::Http
    }

    /// Whether something is to come over a connection on which no HTTP is spoken.
    pub(super) fn talks(&self) -> bool {
        self.target.settings.send.is_some() || self.target.settings.needs_whole_body()
    }
}
