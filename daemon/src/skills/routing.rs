//! From words to a decision: a skill's intent with its arguments, the user's files, or the chat model.
//!
//! Owns: what is decided. The routers are [`super::fitting`]'s, the ranking itself is in [`super::router`], the arguments
//! come from [`super::slots`].

use super::fitting::Routers;
use super::router::{self, Outcome};
use super::{Skills, needs_confirmation, several, slots};
use crate::error::HobError;
use crate::models::embedder;
use hob_sdk::manifest::{Example, Intent};
use serde_json::{Map, Value};

/// Longest text that is routed, in bytes: a command is short, a letter is not one.
const MAX_COMMAND: usize = 400;

/// So many intents are offered when it is open which is meant.
const OFFERED: usize = 3;

/// What handles a request.
pub enum Decision {
    /// A skill's intent.
    Skill(RoutedCall),
    /// Several intents, one after the other.
    Several(Vec<RoutedCall>),
    /// One of these intents, but which is open.
    Which(Vec<RoutedCall>),
    /// The user's files.
    Retrieve,
    /// The chat model.
    Chat,
}

impl Decision {
    /// As the API names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Skill(_) | Self::Several(_) | Self::Which(_) => "skill",
            Self::Retrieve => "retrieve",
            Self::Chat => "chat",
        }
    }
}

/// An intent that words led to.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutedCall {
    /// The skill's id.
    pub skill: String,
    /// The intent's name.
    pub intent: String,
    /// What it does, for the user.
    pub title: String,
    /// 0 to 1.
    pub score: f32,
    /// What was found in the words.
    pub arguments: Map<String, Value>,
    /// Required arguments that were not.
    pub missing: Vec<String>,
    /// It destroys or reaches outside, so the user must agree.
    pub needs_confirmation: bool,
}

/// What would handle a request, with what else was considered.
pub struct Routing {
    /// The decision.
    pub decision: Decision,
    /// How probable it is that a skill is meant at all, 0 to 1.
    pub in_scope: f32,
    /// The best intents, whether or not one is called.
    pub candidates: Vec<RoutedCall>,
}

impl Skills {
    /// What handles these words.
    pub async fn decide(&self, text: &str) -> Result<Decision, HobError> {
        // Arguments are only looked for when a skill is meant: the rules for dates stay in memory.
        let decision = self.route(text, 0).await?.decision;
        Ok(self.several(text, &decision).await?.unwrap_or(decision))
    }

    /// What the parts of a sentence call for, if that is more than what the whole does.
    async fn several(&self, text: &str, whole: &Decision) -> Result<Option<Decision>, HobError> {
        let Some(parts) = several::parts(text) else { return Ok(None) };
        let mut calls = Vec::new();
        for part in &parts {
            match self.route(part, 0).await?.decision {
                Decision::Skill(call) => calls.push(call),
                _ => return Ok(None),
            }
        }
        let whole = match whole {
            Decision::Skill(call) => Some(call),
            _ => None,
        };
        Ok(several::are_several(&parts, &calls, whole).then_some(Decision::Several(calls)))
    }

    /// What handles these words, and the best `limit` intents with the arguments found for them.
    pub async fn route(&self, text: &str, limit: usize) -> Result<Routing, HobError> {
        if text.trim().is_empty() {
            return Err(HobError::invalid("the text is empty; say what should be done"));
        }
        if text.len() > MAX_COMMAND {
            return Ok(Routing { decision: Decision::Retrieve, in_scope: 0.0, candidates: Vec::new() });
        }
        let routers = self.routers().await?;
        let vector = self.vector(&routers, text).await;
        let ranking = routers.skills.rank(text, vector.as_deref());
        let chat = routers.chat.rank(text, vector.as_deref());
        let needed = match ranking.outcome {
            Outcome::Confident(_) => 1,
            Outcome::Ambiguous => OFFERED,
            Outcome::Nobody => 0,
        };
        let best = ranking.candidates.iter().take(limit.max(needed));
        let mut candidates: Vec<RoutedCall> =
            best.filter_map(|scored| self.filled(&routers, scored.index, scored.score, text)).collect();
        let offered = || candidates.iter().take(OFFERED).cloned().collect();
        let decision = match (ranking.outcome, candidates.first()) {
            (Outcome::Confident(index), Some(best)) if routers.is(index, best) => Decision::Skill(best.clone()),
            (Outcome::Ambiguous, Some(_)) => Decision::Which(offered()),
            _ if matches!(chat.outcome, Outcome::Confident(_)) => Decision::Chat,
            _ => Decision::Retrieve,
        };
        candidates.truncate(limit);
        Ok(Routing { decision, in_scope: ranking.in_scope, candidates })
    }

    fn filled(&self, routers: &Routers, index: usize, score: f32, text: &str) -> Option<RoutedCall> {
        let (skill, name) = routers.intents.get(index)?;
        // The routers may be older than what is installed.
        let process = self.registry().find(skill).filter(|process| self.is_usable(process))?;
        let manifest = &process.skill.manifest;
        let intent = manifest.intent(name)?;
        let language = router::text::language(text).unwrap_or("en");
        let filled = slots::fill(text, language, &jiff::ZonedDateTime::now(), &intent.parameters, &annotated(intent));
        Some(RoutedCall {
            skill: manifest.id.clone(),
            intent: intent.name.clone(),
            title: intent.title.clone(),
            score,
            arguments: filled.arguments,
            missing: filled.missing,
            needs_confirmation: needs_confirmation(intent),
        })
    }

    /// The text's embedding, where one would help and there is a model for it.
    async fn vector(&self, routers: &Routers, text: &str) -> Option<Vec<f32>> {
        if !routers.has_vectors() || !routers.skills.wants_vector(text) && !routers.chat.wants_vector(text) {
            return None;
        }
        match embedder::embed(&self.models, None, vec![text.to_string()], true).await {
            Ok(vectors) => vectors.into_iter().next(),
            Err(error) => {
                tracing::warn!(%error, "routing by letters, since the embedding failed");
                None
            }
        }
    }
}

/// An intent's examples of all languages, as arguments are looked for by them.
pub(super) fn annotated(intent: &Intent) -> Vec<slots::Annotated> {
    let slots = |e: &Example| e.slots.iter().map(|s| (s.name.clone(), s.start..s.end)).collect();
    let examples = intent.examples.values().flatten();
    examples.map(|e| slots::Annotated { text: e.text.clone(), slots: slots(e) }).collect()
}
