//! Redirects: where they have led, and whether the next one may be followed.
//!
//! It refuses to know how the next place is reached. What redirects make of the request is in its
//! [form](crate::proto::http::request::Form), and who asks for what in which form is `asking`'s.

use super::Check;
use crate::check::expect::{Headers, clip, quote};
use crate::check::settings::Redirects;
use crate::proto::http::request::Form;
use crate::proto::url::{Scheme, Url, without_user};

/// How much of a URL that a server made up stands in a detail, in characters.
pub(super) const SHOWN_URL: usize = 200;

/// Where redirects have led.
#[derive(Debug)]
pub(super) struct Trail {
    pub(super) url: Url,
    /// The user and password that the redirect's own URL had.
    pub(super) user: Option<Box<[u8]>>,
    pub(super) form: Form,
    /// How many led here. A page may send a client to itself, with a cookie or once it is ready; a loop is ended by their
    /// number.
    pub(super) count: u32,
}

impl Check {
    /// How many redirects have been followed.
    pub fn redirects(&self) -> u32 {
        self.trail.as_ref().map_or(0, |trail| trail.count)
    }

    /// Whether redirects have led to another origin than the one that the user named.
    pub fn is_elsewhere(&self) -> bool {
        self.form().elsewhere
    }

    /// What redirects have made of the request.
    pub(super) fn form(&self) -> Form {
        self.trail.as_ref().map_or(Form::default(), |trail| trail.form)
    }

    /// Where the response sends us. `None`: it names no place, and is an answer like any other.
    pub(super) fn redirected(&self, redirects: Redirects) -> Result<Option<Trail>, String> {
        let status = self.hop.decoder.status().unwrap_or_default();
        let headers = Headers::new(self.hop.decoder.head_bytes());
        let Some(location) = headers.values("location").next() else { return Ok(None) };
        let here = self.url();
        let (url, user) = here
            .join(&location)
            .map_err(|error| format!("redirected to {}: {error}", quote(&without_user(&location))))?;
        let there = clip(url.as_str(), SHOWN_URL);
        let count = self.redirects() + 1;
        if count > redirects.max {
            return Err(format!("more than {} redirects (--max-redirs); the last one led to {there}", redirects.max));
        }
        match (here.scheme(), url.scheme()) {
            (_, Scheme::Tcp | Scheme::Tls) => return Err(format!("redirected to {there}, which is not HTTP")),
            (_, Scheme::Https) if !cfg!(feature = "tls") => {
                return Err(format!("redirected to {there}, and this upcheck was built without TLS"));
            }
            (Scheme::Https, Scheme::Http) if !redirects.allow_downgrade => {
                return Err(format!("redirected from https to {there} (--allow-downgrade follows it)"));
            }
            _ => {}
        }
        let mut form = self.form();
        form.as_get |= self.target.settings.template.becomes_get(status);
        // What was kept from one origin is not shown to the next, nor to the first again: who could tell who asked for
        // it?
        form.elsewhere |= !url.is_same_origin(&self.target.url);
        Ok(Some(Trail { url, user, form, count }))
    }
}
