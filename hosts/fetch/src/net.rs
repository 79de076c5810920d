//! One HTTP request after another: redirects, the token, errors in words.
//!
//! Must not know: files.

use crate::address::Address;
use hob_link::fetch::{FetchError, FetchRequest};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// Redirects in a row.
const MOST_REDIRECTS: usize = 10;

/// What went wrong, and whether another attempt may help.
#[derive(Debug)]
pub enum Trouble {
    /// It may pass: the connection broke, or the server is busy. With the time that the server asks for.
    Passing(FetchError, Option<Duration>),
    /// It won't.
    Lasting(FetchError),
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        Self::Lasting(error)
    }
}

/// A client that tells its token to one host only.
pub struct Client {
    agent: Agent,
    endpoint: Option<Address>,
    token: Option<String>,
    plain_http: bool,
}

impl Client {
    /// A client by a request's settings.
    pub fn new(request: &FetchRequest) -> Result<Self, FetchError> {
        let silence = Some(Duration::from_millis(request.patience.silence_ms));
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            // Followed here, because where they lead is looked at first.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("hob/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(silence)
            .timeout_connect(silence)
            .timeout_recv_response(silence)
            .timeout_per_read(silence)
            .timeout_per_write(silence)
            .max_idle_connections_per_host(1)
            .build();
        let endpoint = match request.endpoint.as_str() {
            "" => None,
            text => Some(Address::parse(text, request.plain_http)?),
        };
        let (token, plain_http) = (request.token.clone(), request.plain_http);
        if token.as_ref().is_some_and(|t| !t.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(FetchError::Invalid("HF_TOKEN holds something else than letters, digits and signs".into()));
        }
        Ok(Self { agent: config.new_agent(), endpoint, token, plain_http })
    }

    /// Reads an address by the client's rules.
    pub fn address(&self, text: &str) -> Result<Address, FetchError> {
        Address::parse(text, self.plain_http)
    }

    /// Gets an address, and what it redirects to. What comes back has status 200, 206 or 416; the headers of
    /// the redirects on the way come with it, because a hub says there what the file is.
    pub fn get(&self, from: &Address, headers: &[(&str, String)]) -> Result<Got, Trouble> {
        let (mut at, mut on_the_way) = (from.clone(), Vec::new());
        for _ in 0..=MOST_REDIRECTS {
            let response = self.once(&at, headers)?;
            let status = response.status();
            if !is_redirect(status) {
                return self.answered(at, response, on_the_way);
            }
            let location = header(response.headers(), "location");
            let location = location.ok_or_else(|| server(&at, "redirects without saying where to"))?;
            let next = at.follow(&location, self.plain_http)?;
            on_the_way.push(response.headers().clone());
            at = next;
        }
        Err(server(from, &format!("redirects more than {MOST_REDIRECTS} times; its address may be wrong")).into())
    }

    fn once(&self, at: &Address, headers: &[(&str, String)]) -> Result<Response<Body>, Trouble> {
        let mut request = self.agent.get(at.uri().clone());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let trusted = self.endpoint.as_ref().is_some_and(|endpoint| endpoint.is_same_origin(at));
        if let Some(token) = self.token.as_ref().filter(|_| trusted) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        // A proxy for the world is none for this machine.
        let request = if at.is_this_machine() { request.config().proxy(None).build() } else { request };
        request.call().map_err(|error| broken(at, error))
    }

    fn answered(&self, at: Address, response: Response<Body>, on_the_way: Vec<HeaderMap>) -> Result<Got, Trouble> {
        let status = response.status();
        match status.as_u16() {
            200 | 206 | 416 => Ok(Got { at, response, on_the_way }),
            401 | 403 => Err(Trouble::Lasting(FetchError::Refused(self.refused(&at, status)))),
            404 | 410 => Err(Trouble::Lasting(FetchError::NotFound(format!(
                "{} has no such file ({status}); check the name",
                at.shown()
            )))),
            408 | 425 | 429 | 500..=599 => {
                let wait = header(response.headers(), "retry-after").and_then(|text| text.trim().parse().ok());
                let what = if status.as_u16() == 429 { "gets too many requests" } else { "has trouble of its own" };
                let error = server(&at, &format!("{what} ({status}); try again later, or another mirror"));
                Err(Trouble::Passing(error, wait.map(Duration::from_secs)))
            }
            _ => Err(Trouble::Lasting(server(&at, &format!("answers {status}, which is no file")))),
        }
    }

    fn refused(&self, at: &Address, status: StatusCode) -> String {
        let todo = match &self.token {
            Some(_) => "does this token's owner have access, and has accepted the model's terms?",
            None => "where the model needs an account, accept its terms on its page and set HF_TOKEN",
        };
        format!("{} does not give this to everybody ({status}); {todo}", at.shown())
    }
}

/// An answer.
pub struct Got {
    /// Where it came from in the end.
    pub at: Address,
    /// It.
    pub response: Response<Body>,
    on_the_way: Vec<HeaderMap>,
}

impl Got {
    /// A header of what the asked host itself said: of its redirect, or of its answer when it did not redirect.
    pub fn first_header(&self, name: &str) -> Option<String> {
        header(self.on_the_way.first().unwrap_or(self.response.headers()), name)
    }

    /// A header of the answer itself.
    pub fn own_header(&self, name: &str) -> Option<String> {
        header(self.response.headers(), name)
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_string)
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// An error of the server at an address.
pub fn server(at: &Address, what: &str) -> FetchError {
    FetchError::Server(format!("{} {what}", at.shown()))
}

/// A failed exchange in words.
fn broken(at: &Address, error: ureq::Error) -> Trouble {
    let host = at.host();
    match error {
        ureq::Error::HostNotFound => Trouble::Passing(offline(host, "its name is not known"), None),
        ureq::Error::ConnectionFailed => Trouble::Passing(offline(host, "no connection"), None),
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => Trouble::Lasting(untrusted(host, error)),
            None => Trouble::Passing(broken_off(at, &error), None),
        },
        ureq::Error::Timeout(_) => Trouble::Passing(offline(host, "no answer in time"), None),
        ureq::Error::Rustls(error) => Trouble::Lasting(untrusted(host, &error)),
        other => Trouble::Passing(server(at, &format!("can't be understood: {other}")), None),
    }
}

fn untrusted(host: &str, error: &rustls::Error) -> FetchError {
    FetchError::Server(format!(
        "{host} could not be trusted: {error}; is this machine's clock right, are its certificates installed, and does a proxy read along?"
    ))
}

fn offline(host: &str, why: &str) -> FetchError {
    FetchError::Offline(format!(
        "{host} can't be reached ({why}); is this machine online? What was got so far is kept, and the next pull goes on from there"
    ))
}

/// A connection that failed.
pub fn broken_off(at: &Address, error: &io::Error) -> FetchError {
    use io::ErrorKind as Kind;
    let host = at.host();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    match (error.kind(), inner) {
        (Kind::ConnectionRefused, _) => offline(host, "it refuses connections"),
        (Kind::NetworkUnreachable | Kind::HostUnreachable | Kind::NetworkDown, _) => {
            offline(host, "there is no network")
        }
        (Kind::TimedOut | Kind::WouldBlock, _) | (_, Some(ureq::Error::Timeout(_))) => offline(host, "it fell silent"),
        // The standard library has no kind of its own for it.
        _ if error.to_string().starts_with("failed to lookup address") => offline(host, "its name is not known"),
        _ => FetchError::Server(format!(
            "{} broke off ({error}); what was got so far is kept, and the next pull goes on from there",
            at.shown()
        )),
    }
}
