//! Getting models and letting them go: pull, import, remove, quantize, measure, recommend.
//!
//! Owns: the models' folder as the daemon sees it, and the children that fill it. Must not know: D-Bus, prompts, the
//! network, which only the fetch host knows.

mod chosen;
mod known;
mod measure;
mod progress;
mod pull;
mod recommend;
mod record;
mod remove;
mod source;

pub use chosen::Chosen;
pub use known::{Known, Tier};
pub use measure::{Evaluation, MeasureOptions, Quantization};
pub use progress::Progress;
pub use pull::PullOptions;
pub use recommend::Recommendation;
pub use remove::Removed;
pub use source::parse as parse_source;

use super::Models;
use crate::settings::PullSettings;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Pulls at the same time: more only take each other's bandwidth.
const MOST_PULLS: usize = 4;

/// How models are got.
#[derive(Debug, Clone)]
pub struct StoreSetup {
    /// The models' folder.
    pub folder: PathBuf,
    /// The fetch host's program.
    pub fetch_host: PathBuf,
    /// The model host's program.
    pub model_host: PathBuf,
    /// Files with the catalogue, strongest first.
    pub catalogues: Vec<PathBuf>,
    /// The settings.
    pub pull: PullSettings,
}

/// The models' folder, and the ways into and out of it.
pub struct Store {
    setup: StoreSetup,
    models: Arc<Models>,
    pulls: Semaphore,
    /// One measurement at a time: two would measure each other.
    measuring: tokio::sync::Mutex<()>,
}

impl Store {
    /// Touches nothing yet.
    pub fn new(setup: StoreSetup, models: Arc<Models>) -> Self {
        Self { setup, models, pulls: Semaphore::new(MOST_PULLS), measuring: tokio::sync::Mutex::default() }
    }

    /// How it is set up.
    pub fn setup(&self) -> &StoreSetup {
        &self.setup
    }

    /// Models that are known by name: the strongest catalogue that exists.
    pub fn catalogue(&self) -> Result<Vec<Known>, crate::error::HobError> {
        known::read(&self.setup.catalogues)
    }

    /// What is written down of a file of the folder.
    pub fn record(&self, file: &std::path::Path) -> Option<hob_link::fetch::Record> {
        record::read(&self.setup.folder, file)
    }

    /// Which models suit this machine.
    pub fn recommend(&self) -> Result<Recommendation, crate::error::HobError> {
        let machine = recommend::Machine::look(self.models.budget());
        Ok(recommend::recommend(&machine, &self.catalogue()?))
    }
}
