//! Results of the grounded-QA check: whether a chat model has earned to write answers.
//!
//! Kept by the model's fingerprint, so that a result outlives restarts and renames but not other
//! weights. The check itself is in `assistant::check`.

use crate::json_file;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use tokio::sync::broadcast;

/// How a model did in the check.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Answerable questions it answered rightly, 0 to 1.
    pub answered: f32,
    /// Unanswerable questions it declined, 0 to 1.
    pub declined: f32,
    /// Questions asked.
    pub questions: u32,
}

impl CheckResult {
    /// Quoting finds the answer in about 92 of 100 cases and invents nothing, so a model that
    /// writes answers has to come near that.
    const LEAST_ANSWERED: f32 = 0.85;
    const LEAST_DECLINED: f32 = 0.75;

    /// Whether the model may write answers by itself.
    pub fn passed(&self) -> bool {
        self.answered >= Self::LEAST_ANSWERED && self.declined >= Self::LEAST_DECLINED
    }
}

/// The stored results.
pub struct Checks {
    file: PathBuf,
    results: Mutex<BTreeMap<String, CheckResult>>,
    ended: broadcast::Sender<(String, CheckResult)>,
}

impl Checks {
    /// Reads the results stored in `file`.
    pub fn open(file: PathBuf) -> Self {
        Self { results: Mutex::new(json_file::read(&file)), file, ended: broadcast::Sender::new(16) }
    }

    /// Checks that end from now on: the model's id and its result.
    pub fn ended(&self) -> broadcast::Receiver<(String, CheckResult)> {
        self.ended.subscribe()
    }

    /// The result of the model with this fingerprint.
    pub fn get(&self, fingerprint: &str) -> Option<CheckResult> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner).get(fingerprint).copied()
    }

    /// Stores a model's result and tells whoever listens.
    pub fn put(&self, id: &str, fingerprint: &str, result: CheckResult) -> std::io::Result<()> {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.insert(fingerprint.to_string(), result);
        json_file::write(&self.file, &*results)?;
        if self.ended.send((id.to_string(), result)).is_err() {
            tracing::trace!("nobody listens for the end of a check");
        }
        Ok(())
    }
}
