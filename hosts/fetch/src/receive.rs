//! A file over the network: asked for from where it was left, again and again until it is whole.

use crate::address::Address;
use crate::net::{Client, Got, Trouble, broken_off, server};
use crate::pace::Pace;
use crate::part::Part;
use hob_engine::gguf;
use hob_link::fetch::{FetchError, Patience, Stage};
use std::io::Read;
use std::time::Duration;

/// Bytes read at once.
const BLOCK: usize = 128 << 10;
/// The first four bytes of every GGUF file (the format's specification).
const MAGIC: &[u8] = b"GGUF";
/// Where a body without a length is first held against what the file says of itself.
const FIRST_LOOK: u64 = 1 << 20;

/// Receives all of the file, however often the connection breaks.
pub fn receive(
    client: &Client,
    from: &Address,
    part: &mut Part<'_>,
    patience: &Patience,
    pace: &mut Pace<'_>,
) -> Result<Option<String>, FetchError> {
    let (mut failures, start) = (0, part.len());
    let mut most = start;
    loop {
        let (error, asked) = match attempt(client, from, part, pace) {
            Ok(commit) => return Ok(commit),
            Err(Trouble::Lasting(error)) => return Err(error),
            Err(Trouble::Passing(error, asked)) => (error, asked),
        };
        if part.len() > most {
            (failures, most) = (0, part.len());
        }
        failures += 1;
        if failures >= attempts(patience, &error, most == start) {
            // What came is kept for the next pull.
            part.sync()?;
            return Err(error);
        }
        tracing::info!(%error, failures, "trying again");
        pace.tell(Stage::Retrying, part.len());
        std::thread::sleep(wait(patience, failures, asked)?);
    }
}

/// How many attempts in a row may bring nothing. Who was never reached is most likely not there to be reached.
pub fn attempts(patience: &Patience, error: &FetchError, never_reached: bool) -> u32 {
    let offline = never_reached && matches!(error, FetchError::Offline(_));
    if offline { patience.attempts.clamp(1, 2) } else { patience.attempts.max(1) }
}

/// How long to wait: what the server asks for, else longer each time.
pub fn wait(patience: &Patience, failures: u32, asked: Option<Duration>) -> Result<Duration, FetchError> {
    let longest = Duration::from_millis(patience.longest_wait_ms);
    match asked {
        Some(asked) if asked > longest => Err(FetchError::Server(format!(
            "the server wants to be left alone for {} s; pull again after that, it goes on from where it is",
            asked.as_secs()
        ))),
        Some(asked) => Ok(asked),
        None => Ok(Duration::from_millis(patience.first_wait_ms << (failures - 1).min(16)).min(longest)),
    }
}

/// One connection: asks for what is missing and takes in what comes. The commit that the hub names.
fn attempt(
    client: &Client,
    from: &Address,
    part: &mut Part<'_>,
    pace: &mut Pace<'_>,
) -> Result<Option<String>, Trouble> {
    if part.len() > 0 && part.facts.total == Some(part.len()) {
        return Ok(None);
    }
    let mut headers = Vec::new();
    if part.len() > 0 {
        headers.push(("range", format!("bytes={}-", part.len())));
        // Where the digest is known, the whole is held against that; an entity tag may differ by mirror.
        if let (None, Some(etag)) = (&part.facts.sha256, &part.facts.etag) {
            headers.push(("if-range", etag.clone()));
        }
    }
    let got = client.get(from, &headers)?;
    prepare(&got, part)?;
    pace.expect(part.facts.total);
    part.slot().needs(part.facts.total.unwrap_or(0).saturating_sub(part.len()))?;
    let commit = got.first_header("x-repo-commit");
    take_in(got, part, pace)?;
    Ok(commit)
}

/// Holds the answer's headers against what is there, and starts anew where they disagree.
fn prepare(got: &Got, part: &mut Part<'_>) -> Result<(), Trouble> {
    let again = |part: &mut Part<'_>, what: &str| -> Result<(), Trouble> {
        part.restart()?;
        Err(Trouble::Passing(server(&got.at, what), Some(Duration::ZERO)))
    };
    if !learn_digest(got, part) {
        return again(part, "has another file than before");
    }
    let etag = got.own_header("etag").filter(|tag| tag.starts_with('"'));
    let length = got.own_header("content-length").and_then(|text| text.trim().parse::<u64>().ok());
    let total = match got.response.status().as_u16() {
        206 => match range(&got.own_header("content-range").unwrap_or_default()) {
            Some((start, total)) if start == part.len() => total,
            _ => return again(part, "sends another part of the file than was asked for"),
        },
        416 => return again(part, "has a shorter file than before"),
        _ => {
            if part.len() > 0 {
                part.restart()?;
            }
            length
        }
    };
    if part.len() > 0 && part.facts.sha256.is_none() && part.facts.etag != etag {
        return again(part, "has another file than before");
    }
    if let (Some(known), Some(total)) = (part.facts.total, total)
        && known != total
    {
        if part.len() > 0 {
            return again(part, "has a file of another size than before");
        }
        let what = format!("announces {total} bytes, but the file has {known}; try another mirror");
        return Err(server(&got.at, &what).into());
    }
    part.facts.total = part.facts.total.or(total);
    part.facts.etag = etag;
    Ok(part.remember()?)
}

/// Takes the SHA-256 that a hub names in the headers of its own answer, whoever then sends the file. `false`: it is
/// another one than before.
fn learn_digest(got: &Got, part: &mut Part<'_>) -> bool {
    let named = got.first_header("x-linked-etag").map(|text| text.trim_matches('"').to_ascii_lowercase());
    let Some(named) = named.filter(|digest| crate::hub::is_sha256(digest)) else { return true };
    match &part.facts.sha256 {
        // Given by the caller or a listing: that one counts.
        Some(_) if !part.facts.learned => true,
        Some(known) if *known != named && part.len() > 0 => false,
        _ => {
            (part.facts.sha256, part.facts.learned) = (Some(named), true);
            true
        }
    }
}

/// `bytes FIRST-LAST/TOTAL` (RFC 9110, 14.4).
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = span.split_once('-')?;
    Some((first.trim().parse().ok()?, total.trim().parse().ok()))
}

fn take_in(got: Got, part: &mut Part<'_>, pace: &mut Pace<'_>) -> Result<(), Trouble> {
    let at = got.at;
    let mut body = got.response.into_body().into_with_config().limit(u64::MAX).reader();
    let mut block = vec![0; BLOCK];
    let mut look = FIRST_LOOK.max(part.len());
    loop {
        let read = match body.read(&mut block) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => return Err(Trouble::Passing(broken_off(&at, &error), None)),
        };
        if part.facts.total.is_some_and(|total| part.len() + read as u64 > total) {
            return Err(wrong(part, &at, "sends more than it announced")?);
        }
        part.append(&block[..read])?;
        pace.came(read as u64, part.len());
        if part.len() >= MAGIC.len() as u64 && part.len() - (read as u64) < MAGIC.len() as u64 {
            must_begin_well(part, &at)?;
        }
        if part.facts.total.is_none() && part.len() >= look {
            look = part.len() * 2;
            part.slot().needs(0)?;
            if gguf::read(&part.path()).is_ok() && body_goes_on(&mut body) {
                return Err(wrong(part, &at, "sends more than the model has by its own header")?);
            }
        }
    }
    match part.facts.total {
        Some(total) if part.len() < total => {
            let what = format!("ended after {} of {total} bytes", part.len());
            Err(Trouble::Passing(server(&at, &what), None))
        }
        _ => Ok(()),
    }
}

/// Whether more than a block still comes: the end of a file may be padded.
fn body_goes_on(body: &mut impl Read) -> bool {
    let mut rest = vec![0; BLOCK];
    body.read_exact(&mut rest).is_ok()
}

/// An error page is no model; better to see that after four bytes than after four gigabytes.
fn must_begin_well(part: &mut Part<'_>, at: &Address) -> Result<(), Trouble> {
    let mut first = [0; MAGIC.len()];
    let read = std::fs::File::open(part.path()).and_then(|mut file| file.read_exact(&mut first));
    read.map_err(|e| crate::store::disk(&part.path(), &e))?;
    if first == MAGIC { Ok(()) } else { Err(wrong(part, at, "sends no GGUF file")?) }
}

/// What came is thrown away, so that no later attempt goes on from it.
fn wrong(part: &mut Part<'_>, at: &Address, what: &str) -> Result<Trouble, FetchError> {
    part.restart()?;
    let message = format!("{} {what}; nothing of it was kept, check the address or try another mirror", at.shown());
    Ok(Trouble::Lasting(FetchError::Wrong(message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(range("bytes 5-9/*"), Some((5, None)));
        for bad in ["", "bytes", "bytes x-9/10", "items 5-9/10"] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }

    #[test]
    fn waits_grow_to_a_limit_and_servers_are_heeded() {
        let patience = Patience { first_wait_ms: 100, longest_wait_ms: 1_000, ..Patience::default() };
        let waits: Vec<_> = (1..=6).map(|n| wait(&patience, n, None).expect("a wait").as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(wait(&patience, 1, Some(Duration::from_secs(1))).expect("heeded").as_secs(), 1);
        let error = wait(&patience, 1, Some(Duration::from_secs(90))).expect_err("too long").to_string();
        assert!(error.contains("90 s"), "{error}");
    }
}
