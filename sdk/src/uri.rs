//! Addresses of files, as RFC 8089 writes them.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// An absolute path as a `file` URI: every byte that RFC 3986 does not leave unreserved is written as a percent sign and
/// two digits, so that paths which are no UTF-8 have one too.
pub fn file_uri(path: &Path) -> String {
    let mut uri = String::from("file://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// What is wrong with an address in a result, if anything: it needs a scheme (RFC 3986, 3.1) and printable characters.
pub(crate) fn fault(uri: &str) -> Option<String> {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme).unwrap_or_default();
    let starts = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let goes_on = scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let printable = !uri.chars().any(|c| c.is_control() || c.is_whitespace());
    let good = starts && goes_on && printable;
    (!good).then(|| format!("{uri:?} is no URI, such as file:///home/ana/letter.pdf or https://example.org"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_has_one() {
        assert_eq!(file_uri(Path::new("/home/ana/a b#ü.ics")), "file:///home/ana/a%20b%23%C3%BC.ics");
    }

    #[test]
    fn what_is_no_uri_is_named() {
        for good in ["file:///a", "https://example.org/?q=a+b", "mailto:ana@example.org"] {
            assert_eq!(fault(good), None);
        }
        for bad in ["", "/home/ana", "letter.pdf", "3d:x", "file:///a b", "a:\u{7}"] {
            assert!(fault(bad).is_some_and(|why| why.contains("no URI")), "{bad:?}");
        }
    }
}
