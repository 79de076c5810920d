//! Archives (zip, tar, both also when gzip went over them): the names in them, not what they hold.

use crate::draft::Draft;
use crate::error::Skip;
use flate2::read::MultiGzDecoder;
use std::io::{self, Cursor, Read};
use zip::ZipArchive;

/// Names listed; source trees have more, and nobody searches those.
const MAX_NAMES: usize = 20_000;
/// Names in one block.
const TOGETHER: usize = 40;
/// What a compressed tar file may unpack to while its names are looked for, in bytes.
const MAX_UNPACKED: u64 = 512 << 20;
/// What a tar file's mark is and where it stands.
const USTAR: (&[u8], usize) = (b"ustar", 257);

/// Reads the names in an archive.
pub fn extract(bytes: &[u8], draft: &mut Draft) -> Result<(), Skip> {
    let names = if bytes.starts_with(b"PK") {
        zipped(bytes)?
    } else if bytes.starts_with(b"\x1f\x8b") {
        tar(&mut MultiGzDecoder::new(bytes).take(MAX_UNPACKED))?
    } else {
        tar(&mut &bytes[..])?
    };
    for (names, at) in names.chunks(TOGETHER).zip(0..) {
        draft.paragraph(&names.join("\n"), at * TOGETHER as u32 + 1);
    }
    if draft.is_empty() { Err(Skip::NoText("the archive is empty".into())) } else { Ok(()) }
}

fn zipped(bytes: &[u8]) -> Result<Vec<String>, Skip> {
    let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| Skip::broken("zip archive", e))?;
    let names = (0..zip.len()).filter_map(|at| zip.name_for_index(at)?.ok().map(|name| clean(&name)));
    Ok(names.filter(|name| !name.is_empty()).take(MAX_NAMES).collect())
}

/// The names of a tar file; those longer than its header has room for stand in an entry before it.
fn tar(from: &mut impl Read) -> Result<Vec<String>, Skip> {
    const WHAT: &str = "tar archive";
    let (mut names, mut long, mut header) = (Vec::new(), None, [0_u8; 512]);
    while names.len() < MAX_NAMES {
        match from.read_exact(&mut header) {
            Ok(()) => {}
            // A cut archive still tells about its first entries.
            Err(error) if !names.is_empty() || error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(Skip::broken(WHAT, error)),
        }
        if header.iter().all(|b| *b == 0) {
            break;
        }
        if header.get(USTAR.1..USTAR.1 + USTAR.0.len()) != Some(USTAR.0) {
            break;
        }
        let size = octal(&header[124..136]);
        let padded = size.div_ceil(512).saturating_mul(512);
        match header[156] {
            b'L' => {
                let mut name = Vec::new();
                if from.take(padded.min(8192)).read_to_end(&mut name).is_err() {
                    break;
                }
                long = Some(field(&name));
                skip(from, padded.saturating_sub(8192));
            }
            // Headers about headers.
            b'x' | b'g' | b'K' => skip(from, padded),
            _ => {
                let folder = field(&header[345..500]);
                let short = field(&header[..100]);
                let joined = if folder.is_empty() { short } else { format!("{folder}/{short}") };
                names.push(clean(&long.take().unwrap_or(joined)));
                skip(from, padded);
            }
        }
    }
    if names.is_empty() { Err(Skip::broken(WHAT, "no tar header is in it")) } else { Ok(names) }
}

fn skip(from: &mut impl Read, bytes: u64) {
    if let Err(error) = io::copy(&mut from.take(bytes), &mut io::sink()) {
        // The next header is missing then, which ends the list.
        tracing::debug!(%error, "an archive breaks off");
    }
}

fn field(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|b| *b == 0).next().unwrap_or_default()).into_owned()
}

fn octal(bytes: &[u8]) -> u64 {
    let text = field(bytes);
    u64::from_str_radix(text.trim(), 8).unwrap_or(0)
}

fn clean(name: &str) -> String {
    crate::draft::floor(name, 500)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim()
        .into()
}
