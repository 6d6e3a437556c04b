//! Who may ask the sandbox: programs of this machine, and no web page.
//!
//! Any token signs in, so the address is all that keeps others out. A page that somebody looks at can send requests to
//! addresses of their own machine; two headers that its scripts cannot set tell such a request. `Origin` (and, of images
//! and forms, `Sec-Fetch-Site`) names another site. After a name of the page's own was made to mean 127.0.0.1 (DNS
//! rebinding), the origins are the same, but `Host` is still that name.

use super::errors::ApiError;
use axum::http::{HeaderMap, Uri, header, uri::Authority};
use plumb_model::text::is_loopback;

/// Whose requests a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Of this machine, under a name of this machine.
    Local,
    /// Of other machines as well, under any name that they know it by.
    Anybody,
}

impl Callers {
    /// The refusal of a request that comes from where none may come.
    pub fn refuse(self, uri: &Uri, headers: &HeaderMap) -> Option<ApiError> {
        let why = self.objection(uri, headers)?;
        Some(ApiError::new(403, "PERMISSION_DENIED", format!("the sandbox does not answer this: {why}")))
    }

    fn objection(self, uri: &Uri, headers: &HeaderMap) -> Option<String> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Some("it needs one `Host` header".to_owned());
        };
        let Some(host) = host.to_str().ok().and_then(authority) else {
            return Some("its `Host` header names no host".to_owned());
        };
        // `GET http://other.example/ HTTP/1.1`, as proxies are asked.
        if uri.authority().is_some_and(|other| !other.as_str().eq_ignore_ascii_case(host.as_str())) {
            return Some("its address and its `Host` header are different hosts".to_owned());
        }
        if self == Callers::Local && !is_loopback(&host.host().to_ascii_lowercase()) {
            return Some("its `Host` header is no name of this machine; use 127.0.0.1, [::1] or localhost".to_owned());
        }
        for origin in headers.get_all(header::ORIGIN) {
            let own = origin.to_str().ok().and_then(|text| text.strip_prefix("http://")).and_then(authority);
            if own.is_none_or(|own| !own.as_str().eq_ignore_ascii_case(host.as_str())) {
                return Some("it is of a web page of another origin (`Origin`)".to_owned());
            }
        }
        let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
        if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
            return Some("it is of a web page of another origin (`Sec-Fetch-Site`)".to_owned());
        }
        None
    }
}

/// A host and its port, without a user before it.
fn authority(text: &str) -> Option<Authority> {
    text.parse::<Authority>().ok().filter(|authority| !authority.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn refused(callers: Callers, uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        callers.refuse(&uri.parse().unwrap(), &map).is_some()
    }

    #[test]
    fn programs_of_this_machine_are_answered_and_web_pages_are_not() {
        for (headers, is_refused) in [
            (&[("host", "127.0.0.1:4000")][..], false),
            (&[("host", "localhost:4000")], false),
            (&[("host", "LOCALHOST")], false),
            (&[("host", "[::1]:4000")], false),
            (&[("host", "plumb.localhost:4000")], false),
            (&[("host", "127.8.9.1:4000")], false),
            (&[], true),
            (&[("host", "")], true),
            (&[("host", "evil.example:4000")], true),
            (&[("host", "127.0.0.1.evil.example:4000")], true),
            (&[("host", "127.0.0.1@evil.example")], true),
            (&[("host", "evil.example@127.0.0.1")], true),
            (&[("host", "localhost.evil.example")], true),
            (&[("host", "0.0.0.0:4000")], true),
            (&[("host", "192.168.1.2:4000")], true),
            (&[("host", "[::ffff:192.168.1.2]:4000")], true),
            (&[("host", "localhost:4000"), ("host", "evil.example")], true),
            (&[("host", "localhost:4000"), ("origin", "http://localhost:4000")], false),
            (&[("host", "localhost:4000"), ("origin", "http://localhost:3000")], true),
            (&[("host", "localhost:4000"), ("origin", "https://localhost:4000")], true),
            (&[("host", "localhost:4000"), ("origin", "https://evil.example")], true),
            (&[("host", "localhost:4000"), ("origin", "null")], true),
            (
                &[("host", "localhost:4000"), ("origin", "http://localhost:4000"), ("origin", "http://evil.example")],
                true,
            ),
            (&[("host", "localhost:4000"), ("sec-fetch-site", "cross-site")], true),
            (&[("host", "localhost:4000"), ("sec-fetch-site", "same-site")], true),
            (&[("host", "localhost:4000"), ("sec-fetch-site", "same-origin")], false),
            (&[("host", "localhost:4000"), ("sec-fetch-site", "none")], false),
        ] {
            assert_eq!(refused(Callers::Local, "/api/2.2/jobs/list", headers), is_refused, "{headers:?}");
        }
        let here = [("host", "127.0.0.1:4000")];
        assert!(!refused(Callers::Local, "http://127.0.0.1:4000/", &here));
        assert!(refused(Callers::Local, "http://evil.example/", &here));
    }

    #[test]
    fn where_other_machines_may_ask_their_names_are_fine_and_web_pages_are_not() {
        let host = ("host", "build-7.internal:4000");
        assert!(!refused(Callers::Anybody, "/", &[host]));
        assert!(refused(Callers::Anybody, "/", &[host, ("origin", "https://evil.example")]));
        assert!(refused(Callers::Anybody, "/", &[]));
    }
}
