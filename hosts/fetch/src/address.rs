//! Addresses: which may be used, who gets the token, where a redirect leads.

use hob_link::fetch::FetchError;
use ureq::http::Uri;

/// A checked absolute address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Uri);

impl Address {
    /// Reads an address; plain `http:` only to this machine, unless `plain_http` allows it everywhere.
    pub fn parse(text: &str, plain_http: bool) -> Result<Self, FetchError> {
        let invalid = |what: &str| FetchError::Invalid(format!("{} {what}", shown(text)));
        let without_fragment = text.split('#').next().unwrap_or_default();
        let uri: Uri = without_fragment.parse().map_err(|e| invalid(&format!("is no address: {e}")))?;
        let authority = uri.authority().ok_or_else(|| invalid("is no address: it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("holds a user name or password; use HF_TOKEN, or an address without one"));
        }
        let address = Self(uri);
        match address.scheme() {
            "https" => Ok(address),
            "http" if plain_http || address.is_this_machine() => Ok(address),
            "http" => Err(invalid("is not encrypted, so that anybody on the way could change the file; use https")),
            other => Err(invalid(&format!("starts with {other}:, which is not supported; use https"))),
        }
    }

    /// Where a redirect from here leads. Never from `https:` to `http:`.
    pub fn follow(&self, location: &str, plain_http: bool) -> Result<Self, FetchError> {
        let (scheme, host) = (self.scheme(), self.0.authority().map(|a| a.as_str()).unwrap_or_default());
        let path = self.0.path();
        let next = if location.contains("://") {
            location.to_string()
        } else if let Some(rest) = location.strip_prefix("//") {
            format!("{scheme}://{rest}")
        } else if location.starts_with('/') {
            format!("{scheme}://{host}{location}")
        } else {
            let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
            format!("{scheme}://{host}{folder}{location}")
        };
        let next = Self::parse(&next, plain_http)
            .map_err(|error| FetchError::Server(format!("{} redirects to a bad address: {error}", self.shown())))?;
        if scheme == "https" && next.scheme() != "https" {
            let message = format!("{} redirects to {}, which is not encrypted", self.shown(), next.shown());
            return Err(FetchError::Server(format!("{message}; it was not followed, try another mirror")));
        }
        Ok(next)
    }

    /// The same scheme, host and port: where a token may go.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        let origin = |a: &Self| (a.scheme().to_string(), a.host().to_ascii_lowercase(), a.port());
        origin(self) == origin(other)
    }

    /// Whether it leads to this machine.
    pub fn is_this_machine(&self) -> bool {
        let host = self.host().trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    }

    /// The last part of the path, without its percent signs.
    pub fn file_name(&self) -> String {
        decoded(self.0.path().rsplit('/').next().unwrap_or_default())
    }

    /// For messages and records: without the query, which may be a signature.
    pub fn shown(&self) -> String {
        shown(&self.0.to_string())
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    /// All of it, for the request.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    fn scheme(&self) -> &str {
        self.0.scheme_str().unwrap_or_default()
    }

    fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or(if self.scheme() == "https" { 443 } else { 80 })
    }
}

fn shown(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    // What stands before an @ may be a password.
    match (text.find("://"), text.find('@')) {
        (Some(start), Some(at)) if at > start => format!("{}{}", &text[..start + 3], &text[at + 1..]),
        _ => text.to_string(),
    }
}

/// Percent-encodes one path: slashes stay, what could end or change it does not.
pub fn encoded(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'/');
    path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.filter(|_| bytes[at] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text, false).expect(text)
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        assert!(Address::parse("http://example.org/a.gguf", false).is_err());
        assert!(Address::parse("http://example.org/a.gguf", true).is_ok());
        for local in ["http://127.0.0.1:80/a", "http://[::1]/a", "http://localhost/a"] {
            assert!(Address::parse(local, false).is_ok(), "{local}");
        }
        let secret = Address::parse("https://me:secret@example.org/a", false).expect_err("refused").to_string();
        assert!(!secret.contains("secret@") && secret.contains("password"), "{secret}");
        assert!(Address::parse("ftp://example.org/a", false).is_err() && Address::parse("a.gguf", false).is_err());
    }

    #[test]
    fn redirects_are_resolved_and_never_lose_their_encryption() {
        let from = address("https://example.org/a/b.gguf?x=1");
        for (location, leads) in [
            ("c.gguf", "https://example.org/a/c.gguf"),
            ("/c.gguf", "https://example.org/c.gguf"),
            ("//cdn.example.org/c", "https://cdn.example.org/c"),
            ("https://other.org/c?y", "https://other.org/c?y"),
        ] {
            assert_eq!(from.follow(location, false).expect(location).uri().to_string(), leads);
        }
        assert!(from.follow("http://127.0.0.1/c", true).is_err());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = address("https://example.org");
        assert!(origin.is_same_origin(&address("https://EXAMPLE.org:443/x")));
        for other in ["https://example.org:444/x", "https://cdn.example.org/x", "http://127.0.0.1/x"] {
            assert!(!origin.is_same_origin(&address(other)), "{other}");
        }
    }

    #[test]
    fn names_lose_their_percent_signs() {
        assert_eq!(address("https://e.org/a/b%20c%2fd.gguf?x").file_name(), "b c/d.gguf");
        assert_eq!(encoded("a b/ü#?.gguf"), "a%20b/%C3%BC%23%3F.gguf");
        assert_eq!(decoded("50%"), "50%");
    }
}
