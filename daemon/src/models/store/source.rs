//! Sources as users write them.

use crate::error::HobError;
use hob_link::fetch::Source;
use std::path::{Path, PathBuf};

/// `hf:OWNER/NAME[@REVISION][:FILE or QUANTIZATION]`, `https://…[#sha256=DIGEST]`, `file:PATH` (or an absolute path),
/// `wheel:PATH:MEMBER`. Comes with the digest that the source names.
pub fn parse(text: &str) -> Result<(Source, Option<String>), HobError> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("hf:") {
        return Ok((hub(rest)?, None));
    }
    if let Some(rest) = text.strip_prefix("wheel:") {
        // A member has no colon, a folder may.
        let (path, member) =
            rest.rsplit_once(':').filter(|(path, member)| !path.is_empty() && !member.is_empty()).ok_or_else(|| {
                HobError::invalid("a wheel is given as wheel:PATH:MEMBER, e.g. wheel:/tmp/a.whl:package/model.gguf")
            })?;
        return Ok((Source::Wheel { path: absolute(path)?, member: member.into() }, None));
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        let digest = text.split_once("#sha256=").map(|(_, digest)| digest.to_string());
        return Ok((Source::Url(text.into()), digest));
    }
    if let Some(path) = text.strip_prefix("file:") {
        return Ok((Source::File(absolute(path.strip_prefix("//").unwrap_or(path))?), None));
    }
    if text.starts_with('/') {
        return Ok((Source::File(absolute(text)?), None));
    }
    Err(HobError::invalid(format!(
        "\"{text}\" is no source: give the name of a model of the catalogue, hf:OWNER/NAME[:FILE or QUANTIZATION], https://…, file:PATH or wheel:PATH:MEMBER"
    )))
}

fn hub(text: &str) -> Result<Source, HobError> {
    let (repository, pick) = text.split_once(':').unwrap_or((text, ""));
    let (repository, revision) = repository.split_once('@').unwrap_or((repository, "main"));
    if repository.split('/').filter(|part| !part.is_empty()).count() != 2 || revision.is_empty() {
        return Err(HobError::invalid(format!(
            "\"hf:{text}\" is no repository; write hf:OWNER/NAME or hf:OWNER/NAME:FILE"
        )));
    }
    Ok(Source::Hub { repository: repository.into(), revision: revision.into(), pick: pick.into() })
}

fn absolute(path: &str) -> Result<PathBuf, HobError> {
    let path = Path::new(path);
    if path.is_absolute() {
        return Ok(path.to_path_buf());
    }
    Err(HobError::invalid(format!("\"{}\" must be an absolute path", path.display())))
}

/// Whether a source is not on this machine.
pub fn is_remote(source: &Source) -> bool {
    matches!(source, Source::Hub { .. } | Source::Url(_))
}

/// What a source is called until its file's name is known.
pub fn name(source: &Source) -> String {
    let last =
        |text: &str| text.split(['?', '#']).next().unwrap_or(text).rsplit('/').next().unwrap_or(text).to_string();
    match source {
        Source::Hub { repository, pick, .. } if pick.is_empty() => last(repository),
        Source::Hub { repository, pick, .. } => format!("{} {}", last(repository), last(pick)),
        Source::Url(url) => last(url),
        Source::File(path) => last(&path.to_string_lossy()),
        Source::Wheel { member, .. } => last(member),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let hub = |repository: &str, revision: &str, pick: &str| Source::Hub {
            repository: repository.into(),
            revision: revision.into(),
            pick: pick.into(),
        };
        for (text, source) in [
            ("hf:o/n", hub("o/n", "main", "")),
            ("hf:o/n:Q4_0", hub("o/n", "main", "Q4_0")),
            ("hf:o/n@v1:sub/f.gguf", hub("o/n", "v1", "sub/f.gguf")),
            ("file:/a/b.gguf", Source::File("/a/b.gguf".into())),
            ("file:///a/b.gguf", Source::File("/a/b.gguf".into())),
            ("/a/b.gguf", Source::File("/a/b.gguf".into())),
            ("wheel:/a:b/c.whl:p/m.gguf", Source::Wheel { path: "/a:b/c.whl".into(), member: "p/m.gguf".into() }),
        ] {
            assert_eq!(parse(text).expect(text), (source, None), "{text}");
        }
        assert_eq!(parse("https://h/a.gguf#sha256=ab").expect("an address").1.as_deref(), Some("ab"));
        for bad in ["", "hf:", "hf:o", "hf:o/n@:x", "wheel:/a.whl", "file:a.gguf", "llama", "ftp://h/a"] {
            parse(bad).expect_err(bad);
        }
    }
}
