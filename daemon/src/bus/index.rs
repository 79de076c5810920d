//! `org.hob.Index1`: the user's files, searched and followed.

use super::ask_options::{folder, one_of};
use super::convert;
use super::dict::{Dict, DictBuilder, Options};
use super::door::Door;
use super::error::BusError;
use super::items;
use crate::decisions::Deed;
use crate::error::HobError;
use crate::proposals::Proposal;
use hob_index::Index;
use hob_index::items::ItemName;
use hob_index::types::{IndexState, Mode, Query};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use zbus::message::Header;
use zbus::{Connection, interface};

/// Most hits of one search.
const MAX_HITS: usize = 200;
/// What a hit takes on the bus besides its texts, about.
const HIT_BYTES: usize = 512;
/// Longest query, in bytes.
const MAX_QUERY: usize = 16 << 10;

/// The object behind `org.hob.Index1`.
pub struct IndexInterface {
    pub(super) daemon: Arc<crate::Daemon>,
    pub(super) door: Arc<Door>,
}

/// Finds what the user has, by words and by meaning.
#[interface(name = "org.hob.Index1")]
impl IndexInterface {
    /// Searches; best hit first, each file once. A query is words or a question, with "exact words", -word,
    /// kind:pdf, from:ana, title:word, path:word, after:2026-01, before:2026-03-15; days are UTC, and "last week" or
    /// "in March 2025" only raises what is of that time. Options: limit u, folder s, kind s, mode s
    /// ("hybrid", "lexical", "vector"), rerank b (compare the best 20 token by token), explain b, and, on unless
    /// false: recency b, places b, fold b (one hit for passages that say the same). Hits: path s, title s, kind s,
    /// author s, date x, snippet s, highlights a(uu) (characters of the snippet), text s, score d, line u, end_line u,
    /// page u, place s (sheet and cells, attachment, function, time), lexical_rank u, vector_rank u, bm25 d, cosine d,
    /// imputed b, duplicates as; with explain also parts a{sd}, whose sum is the score. A hit on an item (see Put) has
    /// app s, id s and, where it was given, uri s instead of path. Details: took_ms d, mode s (what decided),
    /// reranked u, language s.
    #[zbus(out_args("hits", "details"))]
    async fn search(
        &self,
        query: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(Vec<Dict>, Dict), BusError> {
        let started = Instant::now();
        let (mut query, explain) = parse(query, options)?;
        let guest = self.door.meet(&header, connection).await?;
        let _turn = guest.turn().await?;
        query.hidden = self.daemon.index.hidden_from(&self.daemon.readers.of(&guest.caller));
        let found = self.blocking(move |index| index.search(&query)).await?;
        guest.was_sent(found.hits.iter().map(|hit| hit.text.len() + hit.snippet.len() + HIT_BYTES).sum());
        let details = DictBuilder::default()
            .put("took_ms", started.elapsed().as_secs_f64() * 1000.0)
            .put("mode", mode_name(found.mode))
            .put("reranked", u32::try_from(found.reranked).unwrap_or(u32::MAX))
            .put("language", found.language)
            .done();
        let placed = |hit| items::placed(convert::hit(hit, explain), &self.daemon.index);
        Ok((found.hits.into_iter().map(placed).collect(), details))
    }

    /// Indexes a folder and follows it from now on. Options: none.
    async fn add_folder(&self, path: String, options: Dict) -> Result<(), BusError> {
        Options::new(options).end()?;
        let path = absolute(path)?;
        self.blocking(move |index| index.add_folder(&path)).await
    }

    /// Folders that could be added: those in which people keep what they look for and that are there. Nothing is indexed
    /// that was not asked for. Options: none. Proposals: path s, what s ("documents", "mail", "contacts", "calendars",
    /// "notes", "browser", "desktop", "downloads").
    async fn proposals(&self, options: Dict) -> Result<Vec<Dict>, BusError> {
        Options::new(options).end()?;
        let daemon = self.daemon.clone();
        self.blocking(move |index| Ok::<_, HobError>(daemon.paths.proposals(&index.folders()))).await.map(|all| {
            let dict =
                |p: Proposal| DictBuilder::default().put("path", convert::path(&p.path)).put("what", p.what).done();
            all.into_iter().map(dict).collect()
        })
    }

    /// Forgets a folder: its files leave the index.
    async fn remove_folder(&self, path: String) -> Result<(), BusError> {
        let path = absolute(path)?;
        self.blocking(move |index| index.remove_folder(&path)).await
    }

    /// Looks at a folder again, or at all of them when the path is empty.
    async fn rescan(&self, path: String) -> Result<(), BusError> {
        let path = if path.is_empty() { None } else { Some(absolute(path)?) };
        self.blocking(move |index| index.rescan(path.as_deref())).await
    }

    /// Stops indexing and embedding until `Resume`; searching goes on.
    async fn pause(&self) -> Result<(), BusError> {
        self.daemon.index.pause();
        self.daemon.decisions.record(Deed::Paused, "indexing", "somebody asked for it".into(), &[]);
        Ok(())
    }

    /// Goes on after `Pause`.
    async fn resume(&self) -> Result<(), BusError> {
        self.daemon.index.resume();
        self.daemon.decisions.record(Deed::Resumed, "indexing", "somebody asked for it".into(), &[]);
        Ok(())
    }

    /// Keeps a text of yours and finds it from then on, for you and for those who may read your items; in place of an
    /// earlier one with the same id. On the disk when this returns. Meta: title s, uri s (where it opens), kind s (one
    /// word, "item" without it), author s, date s (RFC 3339 or YYYY-MM-DD). Limits: id 512 bytes, text 1 MiB, 100,000
    /// items and 256 MiB for each program. Which program you are: your Flatpak id, else the id that the desktop started
    /// you under, else your program's path.
    async fn put(
        &self,
        id: String,
        text: String,
        meta: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), BusError> {
        let guest = self.door.meet(&header, connection).await?;
        let name = ItemName { app: items::app(&guest.caller)?, id };
        let item = items::item(text, meta)?;
        let _place = guest.take_place(item.text.len()).await?;
        self.blocking(move |index| index.put_item(&name, &item)).await
    }

    /// Takes items of yours back. Forgotten on the disk too when this returns; ids that are not there are ignored.
    async fn delete(
        &self,
        ids: Vec<String>,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), BusError> {
        let guest = self.door.meet(&header, connection).await?;
        let app = items::app(&guest.caller)?;
        self.blocking(move |index| index.delete_items(&app, &ids).map(|_| ())).await
    }

    /// Compares word index, embeddings, list of files, items and disk, which takes as long as reading them. Options:
    /// none. Findings: path s, problem s; at most 1,000. Details: documents t, passages t, embeddings t, total t,
    /// unsettled b (the index was at work, so that findings may be of what it was doing).
    #[zbus(out_args("findings", "details"))]
    async fn check(&self, options: Dict) -> Result<(Vec<Dict>, Dict), BusError> {
        Options::new(options).end()?;
        Ok(items::report(self.blocking(|index| index.check()).await?))
    }

    /// Checks, and begins to put right what is found; that is done when Wait returns. Options and results: as of Check.
    #[zbus(out_args("findings", "details"))]
    async fn repair(&self, options: Dict) -> Result<(Vec<Dict>, Dict), BusError> {
        Options::new(options).end()?;
        let report = self.blocking(|index| index.repair()).await?;
        if !report.findings.is_empty() {
            tracing::warn!(findings = report.findings.len(), "the index is repaired");
        }
        Ok(items::report(report))
    }

    /// Returns when everything is indexed, but does not wait for embeddings that are held back (on battery, in heat).
    /// Options: lexical b (don't wait for embeddings at all).
    async fn wait(
        &self,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), BusError> {
        let mut options = Options::new(options);
        let lexical = options.flag("lexical")?;
        options.end()?;
        let mut status = self.daemon.index_status.clone();
        let done = status.wait_for(|status| match status.state {
            IndexState::Idle => status.pending == 0,
            IndexState::Embedding => lexical && status.pending == 0,
            // Nobody knows for how long: what can be done now is done.
            IndexState::Held => status.pending == 0,
            IndexState::Indexing | IndexState::Paused => false,
        });
        let guest = self.door.meet(&header, connection).await?;
        tokio::select! {
            done = done => done.map(|_| ()).map_err(|_| BusError::Cancelled("the daemon is stopping".into())),
            () = guest.left() => Ok(()),
        }
    }

    /// Files that could not be indexed, with the reason, at most `limit` of them.
    async fn skipped_files(&self, limit: u32) -> Result<Vec<(String, String)>, BusError> {
        let skipped = self.blocking(move |index| index.skipped(limit as usize)).await?;
        Ok(skipped.into_iter().map(|skipped| (skipped.path, skipped.reason)).collect())
    }

    /// The folders that are indexed.
    #[zbus(property)]
    async fn folders(&self) -> Vec<String> {
        self.daemon.index.folders().iter().map(|folder| convert::path(folder)).collect()
    }

    /// Files in the index.
    #[zbus(property)]
    async fn documents(&self) -> u64 {
        self.daemon.index_status.borrow().documents
    }

    /// Passages in the index.
    #[zbus(property)]
    async fn chunks(&self) -> u64 {
        self.daemon.index_status.borrow().chunks
    }

    /// Passages that an embedding is wanted for.
    #[zbus(property)]
    async fn embeddable(&self) -> u64 {
        self.daemon.index_status.borrow().embeddable
    }

    /// Passages that have an embedding.
    #[zbus(property)]
    async fn embedded(&self) -> u64 {
        self.daemon.index_status.borrow().embedded
    }

    /// Files still to be looked at.
    #[zbus(property)]
    async fn pending(&self) -> u64 {
        self.daemon.index_status.borrow().pending
    }

    /// Files that could not be indexed.
    #[zbus(property)]
    async fn skipped(&self) -> u64 {
        self.daemon.index_status.borrow().skipped
    }

    /// "idle", "indexing", "embedding" or "paused".
    #[zbus(property)]
    async fn state(&self) -> String {
        convert::index_state(self.daemon.index_status.borrow().state).into()
    }
}

impl IndexInterface {
    /// The index blocks; the bus must not.
    async fn blocking<T, E, F>(&self, work: F) -> Result<T, BusError>
    where
        F: FnOnce(Index) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Into<HobError> + Send + 'static,
    {
        let index = self.daemon.index.clone();
        let done = tokio::task::spawn_blocking(move || work(index)).await;
        let done = done.map_err(|e| HobError::internal(format!("the index failed: {e}")))?;
        Ok(done.map_err(Into::into)?)
    }
}

/// The query, and whether its scores are to be explained.
fn parse(text: String, options: Dict) -> Result<(Query, bool), HobError> {
    let mut options = Options::new(options);
    let limit = options.number("limit")?.unwrap_or(10);
    let query = Query {
        limit: usize::try_from(limit).unwrap_or(MAX_HITS).clamp(1, MAX_HITS),
        folder: folder(options.string("folder")?)?,
        kind: options.string("kind")?,
        mode: mode(options.string("mode")?)?,
        rerank: options.flag("rerank")?,
        recency: options.switch("recency")?,
        places: options.switch("places")?,
        fold: options.switch("fold")?,
        text,
        hidden: Vec::new(),
    };
    let explain = options.flag("explain")?;
    options.end()?;
    if query.text.trim().is_empty() {
        return Err(HobError::invalid("the query is empty; give some words or a question"));
    }
    if query.text.len() > MAX_QUERY {
        return Err(HobError::invalid(format!("the query has {} bytes, the limit is {MAX_QUERY}", query.text.len())));
    }
    Ok((query, explain))
}

fn mode(given: Option<String>) -> Result<Mode, HobError> {
    match one_of("mode", given, &["hybrid", "lexical", "vector"])?.as_deref() {
        Some("lexical") => Ok(Mode::Lexical),
        Some("vector") => Ok(Mode::Vector),
        _ => Ok(Mode::Hybrid),
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Hybrid => "hybrid",
        Mode::Lexical => "lexical",
        Mode::Vector => "vector",
    }
}

fn absolute(path: String) -> Result<PathBuf, HobError> {
    if Path::new(&path).is_absolute() {
        return Ok(path.into());
    }
    Err(HobError::invalid(format!("\"{path}\" is not an absolute path; the daemon does not know your current folder")))
}
