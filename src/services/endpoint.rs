//! Addresses of services that the environment names in place of their own. Pure.

use plumb_model::text::is_loopback;

/// Why an address cannot be used. The value has no credentials any more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BadEndpoint {
    pub value: String,
    pub why: String,
}

/// An address alone, without a slash at its end: with TLS, or of this machine.
pub(crate) fn endpoint(text: &str) -> Result<String, BadEndpoint> {
    let wrong = |why: &str| BadEndpoint { value: text.to_owned(), why: why.to_owned() };
    let url = reqwest::Url::parse(text.trim()).map_err(|e| wrong(&format!("{e}; expected an address")))?;
    if !url.username().is_empty() || url.password().is_some() {
        let value = format!("{}://…@{}", url.scheme(), url.host_str().unwrap_or_default());
        return Err(BadEndpoint { value, why: "credentials don't belong into an address".to_owned() });
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("expected `https://` and a host name"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has a query; expected an address alone"));
    }
    // Whatever signs a request, what is asked and answered would be seen, and a token with it.
    if url.scheme() == "http" && !url.host_str().is_some_and(is_loopback) {
        return Err(wrong("requests would cross the network in the clear; expected `https://`, or this machine"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether an address is one of this machine without TLS: no certificates, no proxy.
pub(crate) fn is_plain(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| url.scheme() == "http" && url.host_str().is_some_and(is_loopback))
}
