//! The routers over what is installed: built when first needed, and fitted again beside the requests when that changes.
//!
//! Owns: which routers are current. A request waits for the first ones only; later ones replace them when they are ready.
//! Must not know: how routers compare, what is decided from a ranking.

use super::kept::Part;
use super::process::SkillProcess;
use super::router::{self, Learned, RoutedIntent, Router, Vectors};
use super::{RoutedCall, Skills, smalltalk};
use crate::error::{HobError, Kind};
use crate::models::embedder;
use hob_engine::Role;
use hob_sdk::manifest::Intent;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;
use tokio::sync::{Mutex, Notify};
use tokio::task::spawn_blocking;

/// The routers of one state of the registry and one embedder.
#[derive(Clone)]
pub(super) struct Routers {
    key: Key,
    /// The skills' intents.
    pub skills: Router,
    /// What is for the chat model.
    pub chat: Router,
    /// The skill's id and the intent's name of each index of the skills' router.
    pub intents: Arc<Vec<(String, String)>>,
    /// What the skills' router learns is kept under this.
    lesson: String,
}

/// What routers were built from.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    /// The embedder that the vectors came from; empty without one.
    embedder: String,
    /// Of the registry.
    generation: u64,
}

impl Routers {
    /// Whether they compare by meaning at all.
    pub fn has_vectors(&self) -> bool {
        !self.key.embedder.is_empty()
    }

    /// Whether a call is of that index's intent.
    pub fn is(&self, index: usize, call: &RoutedCall) -> bool {
        self.intents.get(index).is_some_and(|(skill, intent)| *skill == call.skill && *intent == call.intent)
    }
}

/// The current routers, if any request needed them yet.
#[derive(Default)]
pub(super) struct Fitting {
    current: RwLock<Option<Arc<Routers>>>,
    building: Mutex<()>,
    wanted: Notify,
}

impl Fitting {
    fn current(&self) -> Option<Arc<Routers>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, routers: Arc<Routers>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(routers);
    }
}

impl Skills {
    /// The routers at hand. Only the first request waits for them to be built; after a change the old ones serve until
    /// the new ones are there.
    pub(super) async fn routers(&self) -> Result<Arc<Routers>, HobError> {
        let Some(current) = self.fitting.current() else {
            let first = self.fit().await?;
            self.fitting.wanted.notify_one();
            return Ok(first);
        };
        if current.key != self.key() {
            self.fitting.wanted.notify_one();
        }
        Ok(current)
    }

    /// Once this returns, requests find what was installed before, if they are routed at all yet.
    pub(super) async fn fit_if_used(&self) {
        if self.fitting.current().is_none() {
            return;
        }
        if let Err(error) = self.fit().await {
            tracing::warn!(%error, "requests are routed by what was installed before");
        }
        self.fitting.wanted.notify_one();
    }

    /// Fits routers again after a change, and heads to those that have none; runs until dropped.
    pub async fn run_fitting(&self) {
        loop {
            self.fitting.wanted.notified().await;
            if let Err(error) = self.fit_with_head().await {
                tracing::warn!(%error, "requests are routed by what was there before");
            }
        }
    }

    /// Each step is used as soon as it is there.
    async fn fit_with_head(&self) -> Result<(), HobError> {
        let routers = self.fit().await?;
        if routers.skills.is_calibrated() {
            return Ok(());
        }
        let (mut router, began) = (routers.skills.clone(), Instant::now());
        for step in [Router::with_head, Router::calibrated] {
            router = spawn_blocking(move || step(&router)).await.map_err(broke_off)?;
            let _one_at_a_time = self.fitting.building.lock().await;
            if !self.fitting.current().is_some_and(|current| current.key == routers.key) {
                return Ok(());
            }
            self.fitting.publish(Arc::new(Routers { skills: router.clone(), ..(*routers).clone() }));
        }
        if let Some(learned) = router.learned() {
            self.setup.kept.save(Part::Learned, &routers.lesson, learned);
        }
        tracing::info!(intents = routers.intents.len(), took = ?began.elapsed(), "the router has learned");
        Ok(())
    }

    /// The routers for what is there now; without a head if it is the first time that just this is there.
    async fn fit(&self) -> Result<Arc<Routers>, HobError> {
        let _one_at_a_time = self.fitting.building.lock().await;
        let key = self.key();
        if let Some(current) = self.fitting.current().filter(|current| current.key == key) {
            return Ok(current);
        }
        let languages = self.models.default_entry(Role::Embedding).map(|e| e.languages).unwrap_or_default();
        let (intents, positions) = self.routed_intents();
        let chat = smalltalk::intents();
        let (vectors, embedder) = match self.vectors(&key.embedder, &languages, &[&intents, &chat]).await {
            Ok(vectors) => (vectors, key.embedder.clone()),
            Err(error) => {
                // Not kept under the embedder's name, so that the next request tries again.
                if error.kind != Kind::NoModel {
                    tracing::warn!(%error, "routing by letters for now");
                }
                (Vectors::default(), String::new())
            }
        };
        let (lesson, kept) = (router::lesson(&intents, &embedder), self.setup.kept.clone());
        let built = spawn_blocking(move || {
            let skills = Router::build(&intents, &vectors);
            let learned: Option<Learned> = kept.load(Part::Learned, &lesson);
            let skills = learned.and_then(|learned| skills.with(learned)).unwrap_or(skills);
            (skills, Router::build(&chat, &vectors), lesson)
        });
        let (skills, chat, lesson) = built.await.map_err(broke_off)?;
        let intents = Arc::new(positions);
        let routers = Arc::new(Routers { key: Key { embedder, ..key }, skills, chat, intents, lesson });
        self.fitting.publish(routers.clone());
        Ok(routers)
    }

    /// What routers built now would be built from.
    fn key(&self) -> Key {
        let entry = self.models.default_entry(Role::Embedding);
        let embedder = entry.map(|e| format!("{}-{}", e.id, e.fingerprint)).unwrap_or_default();
        Key { embedder, generation: self.generation() }
    }

    fn routed_intents(&self) -> (Vec<RoutedIntent>, Vec<(String, String)>) {
        let of_skill = |process: &Arc<SkillProcess>| {
            let manifest = &process.skill.manifest;
            let routed = manifest.intents.iter().filter(|intent| intent.is_routed());
            let placed = routed.map(|i| (routed_intent(&manifest.id, i), (manifest.id.clone(), i.name.clone())));
            placed.collect::<Vec<_>>()
        };
        self.registry().installed.iter().filter(|process| self.is_usable(process)).flat_map(of_skill).unzip()
    }

    async fn vectors(
        &self,
        embedder: &str,
        languages: &[String],
        intents: &[&[RoutedIntent]],
    ) -> Result<Vectors, HobError> {
        if embedder.is_empty() {
            return Err(HobError::new(Kind::NoModel, "there is no embedding model"));
        }
        let texts: Vec<String> =
            intents.iter().flat_map(|intents| router::texts_to_embed(intents, languages)).collect();
        let kept = self.setup.kept.load::<HashMap<String, Vec<f32>>>(Part::Examples, embedder);
        let mut by_text = kept.unwrap_or_default();
        let missing: Vec<String> = texts.iter().filter(|text| !by_text.contains_key(*text)).cloned().collect();
        if !missing.is_empty() {
            let vectors = embedder::embed(&self.models, None, missing.clone(), true).await?;
            let wanted: HashSet<&String> = texts.iter().collect();
            by_text.retain(|text, _| wanted.contains(text));
            by_text.extend(missing.into_iter().zip(vectors));
            self.setup.kept.save(Part::Examples, embedder, &by_text);
        }
        Ok(Vectors { languages: languages.to_vec(), by_text })
    }
}

fn routed_intent(skill: &str, intent: &Intent) -> RoutedIntent {
    let examples = intent.examples.iter().flat_map(|(code, all)| all.iter().map(|e| (code.clone(), e.text.clone())));
    RoutedIntent {
        skill: skill.into(),
        intent: intent.name.clone(),
        title: intent.title.clone(),
        description: intent.description.clone(),
        examples: examples.collect(),
        counter_examples: flat(&intent.counter_examples),
    }
}

fn flat(by_language: &BTreeMap<String, Vec<String>>) -> Vec<(String, String)> {
    by_language.iter().flat_map(|(code, all)| all.iter().map(|text| (code.clone(), text.clone()))).collect()
}

fn broke_off(error: tokio::task::JoinError) -> HobError {
    HobError::internal(format!("fitting the router broke off: {error}"))
}
