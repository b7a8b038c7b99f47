//! HTTP requests to the APIs of a stack.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use serde_json::Value;

use super::CallError;

/// The time limit of a request: longer than the 29 s after which API Gateway gives up on a function.
const TIMEOUT: Duration = Duration::from_secs(35);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for HTTP and HTTPS.
#[derive(Clone, Debug)]
pub struct Http {
    /// The client for addresses of this machine, which a proxy cannot reach.
    direct: Client,
    /// The client for all other addresses, through the proxy that the environment names.
    other: Client,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers, besides `Content-Type`.
    pub headers: Vec<(String, String)>,
    /// The JSON body.
    pub body: Option<String>,
}

/// One answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers with names in lower case, in the order in which they were received.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns the value of a header; the name must be in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text; bytes that are not UTF-8 become `�`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON; `None` if it is not JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl Http {
    /// Makes a client. It follows no redirects, because only the answer of the API itself counts.
    ///
    /// # Errors
    ///
    /// Fails if this machine has no trusted root certificates.
    pub fn new() -> Result<Self, CallError> {
        // An error means that a provider is already installed, which is just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            Client::builder()
                .redirect(Policy::none())
                .timeout(TIMEOUT)
                .connect_timeout(CONNECT_TIMEOUT)
                .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")))
        };
        Ok(Self {
            direct: builder().no_proxy().build().map_err(CallError::Https)?,
            other: builder().build().map_err(CallError::Https)?,
        })
    }

    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// Fails if the request is malformed or there is no answer within 35 s.
    pub async fn send(&self, request: &Request) -> Result<Answer, CallError> {
        let Request { method, url, headers, body } = request;
        let wrong = |reason: String| CallError::Request { reason };
        let method: Method = method.parse().map_err(|_| wrong(format!("`{method}` is no HTTP verb")))?;
        let url: Url =
            url.parse().map_err(|error| wrong(format!("`{url}` is not a valid address: {error}")))?;
        let client = if is_loopback(&url) { &self.direct } else { &self.other };
        let mut sending = client.request(method, url.clone()).headers(header_map(headers)?);
        if let Some(body) = body {
            sending = sending.body(body.clone());
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str())) {
                sending = sending.header(CONTENT_TYPE, "application/json");
            }
        }
        let no_answer =
            |error: reqwest::Error| CallError::NoAnswer { url: url.to_string(), source: error.without_url() };
        let response = sending.send().await.map_err(no_answer)?;
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: response.bytes().await.map_err(no_answer)?.to_vec(),
        })
    }
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, CallError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let wrong =
            |what: &str| CallError::Request { reason: format!("the header `{name}` has no valid {what}") };
        let key: HeaderName = name.parse().map_err(|_| wrong("name"))?;
        let mut value: HeaderValue = value.parse().map_err(|_| wrong("value"))?;
        // A header from the user may hold a secret: keep it out of debug output.
        value.set_sensitive(true);
        map.append(key, value);
    }
    Ok(map)
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_are_told_apart() {
        for (url, expected) in [
            ("http://127.0.0.1:4566/x", true),
            ("http://localhost/x", true),
            ("http://[::1]:80/", true),
            ("https://a1b2c3.execute-api.eu-west-1.amazonaws.com/v1", false),
            ("http://localhost.example.org/", false),
            ("http://127.0.0.1.example.org/", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn a_malformed_request_is_refused_before_it_is_sent() {
        let http = Http::new().unwrap();
        let request = |method: &str, url: &str, header: &str| Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: vec![(header.to_owned(), "secret\n".to_owned())],
            body: None,
        };
        for (request, message) in [
            (request("GE T", "http://127.0.0.1/", "x"), "`GE T` is no HTTP verb"),
            (request("GET", "there", "x"), "`there` is not a valid address"),
            (request("GET", "http://127.0.0.1/", "x y"), "the header `x y` has no valid name"),
            (request("GET", "http://127.0.0.1/", "x"), "the header `x` has no valid value"),
        ] {
            let error = http.send(&request).await.unwrap_err().to_string();
            assert!(error.contains(message) && !error.contains("secret"), "{error}");
        }
    }
}
