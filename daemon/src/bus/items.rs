//! Pushed items and findings of a check, as the bus carries them.

use super::dict::{Dict, DictBuilder, Options};
use crate::error::HobError;
use crate::permissions::Caller;
use hob_index::items::{Item, ItemName};
use hob_index::{Index, Report};
use std::path::Path;
use zbus::Variant;

/// Most findings in one reply.
const MAX_FINDINGS: usize = 1_000;

/// The program whose items a caller's are.
pub fn app(caller: &Caller) -> Result<String, HobError> {
    if caller.app.is_empty() {
        return Err(HobError::invalid("the bus does not tell which program you are, so your items would be nobody's"));
    }
    Ok(caller.app.clone())
}

/// An item out of a caller's arguments.
pub fn item(text: String, meta: Dict) -> Result<Item, HobError> {
    let mut meta = Options::new(meta);
    let item = Item {
        text,
        title: meta.string("title")?,
        uri: meta.string("uri")?,
        kind: meta.string("kind")?,
        author: meta.string("author")?,
        date: meta.string("date")?,
    };
    meta.end()?;
    Ok(item)
}

/// A hit on an item says `app`, `id` and `uri` instead of a path.
pub fn placed(hit: Dict, index: &Index) -> Dict {
    let name = match hit.get("path").map(|path| &**path) {
        Some(Variant::Str(path)) => ItemName::of(Path::new(path.as_str())),
        _ => None,
    };
    let Some(name) = name else { return hit };
    let uri = index.item(&name).ok().flatten().and_then(|item| item.uri);
    let mut hit = hit;
    hit.remove("path");
    hit.extend(place(&name, uri).done());
    hit
}

/// The keys that stand for a path.
pub fn place(name: &ItemName, uri: Option<String>) -> DictBuilder {
    DictBuilder::default().put("app", name.app.clone()).put("id", name.id.clone()).put_some("uri", uri)
}

/// What a check found, and the counts.
pub fn report(report: Report) -> (Vec<Dict>, Dict) {
    let details = DictBuilder::default()
        .put("documents", report.documents)
        .put("passages", report.passages)
        .put("embeddings", report.embeddings)
        .put("total", report.findings.len() as u64)
        .put("unsettled", report.unsettled)
        .done();
    let finding = |finding: hob_index::Finding| {
        let path = finding.path.to_string_lossy().into_owned();
        DictBuilder::default().put("path", path).put("problem", finding.problem).done()
    };
    (report.findings.into_iter().take(MAX_FINDINGS).map(finding).collect(), details)
}
