//! A model hub in the form of Hugging Face's: which files a repository has, with their digests.
//!
//! Owns: the two paths of its interface, and which file is meant. Must not know: how it is received.

use crate::address::{Address, encoded};
use crate::net::{Client, Trouble, server};
use hob_link::fetch::{FetchError, Patience};
use serde::Deserialize;
use std::io::Read;

/// Most bytes of one page of a listing.
const MOST_LISTING: u64 = 16 << 20;
/// Most pages of a listing.
const MOST_PAGES: usize = 50;
/// What suits most machines, best first.
const PREFERRED: [&str; 6] = ["Q4_K_M", "Q4_0", "Q4_K_S", "Q5_K_M", "Q8_0", "F16"];

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFile {
    /// Where it is.
    pub address: Address,
    /// Its path in the repository.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, which the hub gives for every large file.
    pub sha256: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Listed {
    #[serde(default, rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Lfs>,
}

#[derive(Debug, Clone, Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

/// Finds the file that is meant.
pub fn find(
    client: &Client,
    endpoint: &str,
    (repository, revision, pick): (&str, &str, &str),
    patience: &Patience,
) -> Result<HubFile, FetchError> {
    check_repository(repository)?;
    let endpoint = endpoint.trim_end_matches('/');
    let of = format!("{}/tree/{}", encoded(repository), encoded(revision).replace('/', "%2F"));
    let files = list(client, &format!("{endpoint}/api/models/{of}?recursive=true"), patience)?;
    let chosen = choose(&files, repository, pick)?;
    let path =
        format!("{}/resolve/{}/{}", encoded(repository), encoded(revision).replace('/', "%2F"), encoded(&chosen.path));
    let sha256 = chosen.lfs.as_ref().map(|lfs| lfs.oid.trim_start_matches("sha256:").to_ascii_lowercase());
    Ok(HubFile {
        address: client.address(&format!("{endpoint}/{path}"))?,
        path: chosen.path.clone(),
        size: chosen.lfs.as_ref().map_or(chosen.size, |lfs| lfs.size),
        sha256: sha256.filter(|sha256| is_sha256(sha256)),
    })
}

/// 64 hexadecimal digits in lower case.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn check_repository(repository: &str) -> Result<(), FetchError> {
    let part = |p: &str| {
        !p.is_empty() && !p.starts_with('.') && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match repository.split_once('/') {
        Some((owner, name)) if part(owner) && part(name) => Ok(()),
        _ => Err(FetchError::Invalid(format!(
            "\"{repository}\" is no repository; write hf:OWNER/NAME or hf:OWNER/NAME:FILE"
        ))),
    }
}

fn list(client: &Client, address: &str, patience: &Patience) -> Result<Vec<Listed>, FetchError> {
    let first = client.address(address)?;
    let (mut files, mut at) = (Vec::new(), first.clone());
    for _ in 0..MOST_PAGES {
        let (page, next) = page(client, &at, patience)?;
        files.extend(page);
        match next {
            // Another host would be another hub.
            Some(next) if client.address(&next).is_ok_and(|next| next.is_same_origin(&first)) => {
                at = client.address(&next)?
            }
            _ => return Ok(files),
        }
    }
    Err(server(&first, "lists files without an end"))
}

fn page(client: &Client, at: &Address, patience: &Patience) -> Result<(Vec<Listed>, Option<String>), FetchError> {
    let mut failures = 0;
    loop {
        match one_page(client, at) {
            Ok(page) => return Ok(page),
            Err(Trouble::Lasting(error)) => return Err(error),
            Err(Trouble::Passing(error, asked)) => {
                failures += 1;
                if failures >= crate::receive::attempts(patience, &error, true) {
                    return Err(error);
                }
                std::thread::sleep(crate::receive::wait(patience, failures, asked)?);
            }
        }
    }
}

fn one_page(client: &Client, at: &Address) -> Result<(Vec<Listed>, Option<String>), Trouble> {
    let got = client.get(at, &[])?;
    let next = got.own_header("link").and_then(|link| next_page(&link));
    let mut text = Vec::new();
    let body = got.response.into_body().into_with_config().limit(u64::MAX).reader();
    let read = body.take(MOST_LISTING + 1).read_to_end(&mut text);
    read.map_err(|error| Trouble::Passing(crate::net::broken_off(at, &error), None))?;
    if text.len() as u64 > MOST_LISTING {
        return Err(server(at, "sends a list without an end").into());
    }
    let files = serde_json::from_slice(&text)
        .map_err(|error| server(at, &format!("sends no list of files ({error}); is HF_ENDPOINT a model hub?")))?;
    Ok((files, next))
}

/// `<ADDRESS>; rel="next"` (RFC 8288).
fn next_page(link: &str) -> Option<String> {
    let of = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    Some(of.split_once('<')?.1.split_once('>')?.0.to_string())
}

/// The file that `pick` means: its path, its name, or a quantization's label.
fn choose<'a>(files: &'a [Listed], repository: &str, pick: &str) -> Result<&'a Listed, FetchError> {
    if let Some(exact) = files.iter().find(|f| f.kind == "file" && f.path == pick) {
        return Ok(exact);
    }
    let models: Vec<&Listed> = files.iter().filter(|f| f.kind == "file" && is_model(&f.path)).collect();
    let labelled = |label: &str| models.iter().find(|f| has_label(&f.path, label)).copied();
    let chosen = match pick {
        "" => PREFERRED.into_iter().find_map(labelled).or(models.first().copied().filter(|_| models.len() == 1)),
        pick => labelled(pick),
    };
    chosen.ok_or_else(|| {
        let known: Vec<&str> = models.iter().map(|f| f.path.as_str()).take(40).collect();
        FetchError::NotFound(match (known.is_empty(), pick) {
            (true, _) => {
                format!("{repository} has no GGUF file of one piece; look for a repository with GGUF in its name")
            }
            (false, "") => format!("{repository} has several models; choose one of: {}", known.join(", ")),
            (false, pick) => format!("{repository} has no {pick}; it has: {}", known.join(", ")),
        })
    })
}

/// A whole model: no projector of an image model, no importance matrix, no piece of a split file.
fn is_model(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let piece = name.contains("-of-") && name.contains("-0000");
    name.ends_with(".gguf") && !name.contains("mmproj") && !name.contains("imatrix") && !piece
}

/// Whether a file's name has a label as a word of its own.
fn has_label(path: &str, label: &str) -> bool {
    let (name, label) = (path.to_ascii_lowercase(), label.to_ascii_lowercase());
    let name = name.strip_suffix(".gguf").unwrap_or(&name);
    let is_border = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
    !label.is_empty()
        && name.match_indices(&label).any(|(at, _)| {
            is_border(name[..at].chars().next_back()) && is_border(name[at + label.len()..].chars().next())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(names: &[&str]) -> Vec<Listed> {
        names.iter().map(|n| Listed { kind: "file".into(), path: (*n).into(), size: 1, lfs: None }).collect()
    }

    #[test]
    fn a_quantization_is_a_word_of_the_name() {
        assert!(has_label("m-Q4_K_M.gguf", "q4_k_m") && has_label("sub/m.Q4_0.gguf", "Q4_0"));
        assert!(!has_label("m-IQ4_K_M.gguf", "Q4_K_M") && !has_label("m-Q4_0_4_4.gguf", "Q4_0"));
    }

    #[test]
    fn the_file_that_is_meant_is_found() {
        let files =
            listed(&["README.md", "m-Q8_0.gguf", "m-Q4_K_M.gguf", "mmproj-m-Q4_0.gguf", "m-F16-00001-of-00002.gguf"]);
        let path = |pick: &str| choose(&files, "o/m", pick).map(|f| f.path.as_str());
        assert_eq!(path("").expect("the usual one"), "m-Q4_K_M.gguf");
        assert_eq!(path("q8_0").expect("by label"), "m-Q8_0.gguf");
        assert_eq!(path("m-Q8_0.gguf").expect("by name"), "m-Q8_0.gguf");
        let error = path("Q2_K").expect_err("absent").to_string();
        assert!(error.contains("o/m has no Q2_K; it has: m-Q8_0.gguf, m-Q4_K_M.gguf"), "{error}");
        assert!(choose(&listed(&["a.bin"]), "o/m", "").expect_err("none").to_string().contains("no GGUF file"));
        let two = listed(&["a-X.gguf", "b-X.gguf"]);
        assert!(choose(&two, "o/m", "").expect_err("two").to_string().contains("choose one of: a-X.gguf, b-X.gguf"));
    }

    #[test]
    fn the_next_page_and_bad_names_are_seen() {
        assert_eq!(next_page("<https://h/a?c=1>; rel=\"next\""), Some("https://h/a?c=1".into()));
        assert_eq!(next_page("<https://h/a>; rel=\"prev\""), None);
        for bad in ["a", "a/", "a/b/c", "../b", "a/b?c"] {
            check_repository(bad).expect_err(bad);
        }
    }
}
