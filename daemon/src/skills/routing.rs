//! From words to a decision: a skill's intent with its arguments, the user's files, or the chat model.
//!
//! Owns: the routers over what is installed, built when first needed. The ranking itself is in
//! [`super::router`], the arguments come from [`super::slots`].

use super::process::SkillProcess;
use super::router::{self, Outcome, RoutedIntent, Router, Vectors};
use super::{Skills, examples, needs_confirmation, slots};
use crate::error::{HobError, Kind};
use crate::models::embedder;
use hob_engine::Role;
use hob_sdk::manifest::{Example, Intent};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Longest text that is routed, in bytes: a command is short, a letter is not one.
const MAX_COMMAND: usize = 400;

/// What handles a request.
pub enum Decision {
    /// A skill's intent.
    Skill(RoutedCall),
    /// The user's files.
    Retrieve,
    /// The chat model.
    Chat,
}

impl Decision {
    /// As the API names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Skill(_) => "skill",
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
    /// The best intents, whether or not one is called.
    pub candidates: Vec<RoutedCall>,
}

/// The routers, once built.
#[derive(Default)]
pub(super) struct RouterCell(tokio::sync::Mutex<Option<Arc<Routers>>>);

struct Routers {
    /// The embedder the vectors came from; empty without one.
    embedder: String,
    /// Of the registry that they were built from.
    generation: u64,
    skills: Router,
    chat: Router,
    /// Skill and intent of each of the router's indices.
    intents: Vec<(Arc<SkillProcess>, String)>,
}

impl Skills {
    /// What handles these words.
    pub async fn decide(&self, text: &str) -> Result<Decision, HobError> {
        // Arguments are only looked for when a skill is meant: the rules for dates stay in memory.
        Ok(self.route(text, 0).await?.decision)
    }

    /// What handles these words, and the best `limit` intents with the arguments found for them.
    pub async fn route(&self, text: &str, limit: usize) -> Result<Routing, HobError> {
        if text.trim().is_empty() {
            return Err(HobError::invalid("the text is empty; say what should be done"));
        }
        if text.len() > MAX_COMMAND {
            return Ok(Routing { decision: Decision::Retrieve, candidates: Vec::new() });
        }
        let routers = self.routers().await;
        let vector = self.vector(&routers, text).await;
        let ranking = routers.skills.rank(text, vector.as_deref());
        let chat = routers.chat.rank(text, vector.as_deref());
        let confident = matches!(ranking.outcome, Outcome::Confident(_));
        let wanted = if confident { limit.max(1) } else { limit };
        let best = ranking.candidates.iter().take(wanted);
        let candidates: Vec<RoutedCall> =
            best.filter_map(|scored| self.filled(&routers, scored.index, scored.score, text)).collect();
        let decision = match candidates.first() {
            Some(best) if confident => Decision::Skill(best.clone()),
            _ if matches!(chat.outcome, Outcome::Confident(_)) => Decision::Chat,
            _ => Decision::Retrieve,
        };
        Ok(Routing { decision, candidates })
    }

    fn filled(&self, routers: &Routers, index: usize, score: f32, text: &str) -> Option<RoutedCall> {
        let (process, name) = routers.intents.get(index)?;
        let manifest = &process.skill.manifest;
        let intent = manifest.intent(name)?;
        let language = router::text::language(text).unwrap_or("en");
        let examples: Vec<Example> = intent.examples.values().flatten().cloned().collect();
        let filled =
            slots::fill(text, language, &jiff::ZonedDateTime::now(), &intent.parameters, &annotated(&examples));
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
        if routers.embedder.is_empty() || !routers.skills.wants_vector(text) && !routers.chat.wants_vector(text) {
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

    /// The routers for the embedder at hand, built once.
    async fn routers(&self) -> Arc<Routers> {
        let mut cell = self.router.0.lock().await;
        let entry = self.models.default_entry(Role::Embedding);
        let embedder = entry.as_ref().map(|e| format!("{}-{}", e.id, e.fingerprint)).unwrap_or_default();
        let generation = self.generation();
        let good = |routers: &&Arc<Routers>| routers.embedder == embedder && routers.generation == generation;
        if let Some(routers) = cell.as_ref().filter(good) {
            return routers.clone();
        }
        let languages = entry.map(|e| e.languages).unwrap_or_default();
        let (intents, positions) = self.routed_intents();
        let chat = chat_intents();
        let (vectors, embedder) = match self.vectors(&embedder, &languages, &[&intents, &chat]).await {
            Ok(vectors) => (vectors, embedder),
            Err(error) => {
                // Not kept under the embedder's name, so that the next request tries again.
                if error.kind != Kind::NoModel {
                    tracing::warn!(%error, "routing by letters for now");
                }
                (Vectors::default(), String::new())
            }
        };
        let skills = Router::build(&intents, &vectors).with_head();
        let routers =
            Routers { embedder, generation, skills, chat: Router::build(&chat, &vectors), intents: positions };
        cell.insert(Arc::new(routers)).clone()
    }

    fn routed_intents(&self) -> (Vec<RoutedIntent>, Vec<(Arc<SkillProcess>, String)>) {
        let of_skill = |process: &Arc<SkillProcess>| {
            let manifest = &process.skill.manifest;
            let routed = manifest.intents.iter().filter(|intent| intent.is_routed());
            let placed = routed.map(|i| (routed_intent(&manifest.id, i), (process.clone(), i.name.clone())));
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
        let mut by_text = examples::load(&self.setup.vectors, embedder);
        let missing: Vec<String> = texts.iter().filter(|text| !by_text.contains_key(*text)).cloned().collect();
        if !missing.is_empty() {
            let vectors = embedder::embed(&self.models, None, missing.clone(), true).await?;
            let wanted: HashSet<&String> = texts.iter().collect();
            by_text.retain(|text, _| wanted.contains(text));
            by_text.extend(missing.into_iter().zip(vectors));
            examples::save(&self.setup.vectors, embedder, &by_text);
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

fn annotated(examples: &[Example]) -> Vec<slots::Annotated> {
    let slots = |e: &Example| e.slots.iter().map(|s| (s.name.clone(), s.start..s.end)).collect();
    examples.iter().map(|e| slots::Annotated { text: e.text.clone(), slots: slots(e) }).collect()
}

/// Requests that are for the chat model rather than for files: talk, and text to be made up. Each
/// sort is an intent of its own, since an average of all would be near none of them.
fn chat_intents() -> Vec<RoutedIntent> {
    const SORTS: [(&str, &[(&str, &str)]); 5] = [
        (
            "Say hello",
            &[
                ("en", "hello"),
                ("en", "hi there, how are you?"),
                ("en", "good morning"),
                ("en", "hey, what's up?"),
                ("en", "let's chat"),
                ("de", "hallo, wie geht es dir?"),
                ("pt", "olá, tudo bem?"),
                ("zh", "你好"),
            ],
        ),
        (
            "Say thanks and goodbye",
            &[
                ("en", "thank you very much"),
                ("en", "thanks, that was helpful"),
                ("en", "goodbye"),
                ("en", "see you later"),
                ("en", "great, well done"),
                ("de", "danke schön"),
                ("pt", "muito obrigado"),
                ("zh", "谢谢你"),
            ],
        ),
        (
            "Ask who the assistant is",
            &[
                ("en", "who are you?"),
                ("en", "what can you do?"),
                ("en", "what is your name?"),
                ("en", "are you a robot?"),
                ("en", "how can you help me?"),
                ("de", "wer bist du?"),
                ("pt", "quem és tu?"),
                ("zh", "你是谁"),
            ],
        ),
        (
            "Write something",
            &[
                ("en", "write a poem about the sea"),
                ("en", "write a short story about a lighthouse keeper"),
                ("en", "write a birthday greeting for a friend"),
                ("en", "draft a polite letter that declines an invitation"),
                ("en", "compose a limerick"),
                ("en", "tell me a bedtime story about a dragon"),
                ("en", "tell me a joke"),
                ("en", "make up a riddle"),
                ("de", "schreib ein Gedicht über den Herbst"),
                ("de", "erzähl mir einen Witz"),
                ("pt", "escreve um poema sobre o mar"),
                ("pt", "conta-me uma piada"),
                ("zh", "写一首关于大海的诗"),
                ("zh", "给我讲个笑话"),
            ],
        ),
        (
            "Have an idea",
            &[
                ("en", "suggest a name for a cat"),
                ("en", "give me ideas for a rainy afternoon"),
                ("en", "help me to phrase an apology"),
                ("en", "brainstorm titles for a talk"),
                ("en", "what could I cook with eggs and leeks?"),
                ("en", "give me some advice on sleeping better"),
            ],
        ),
    ];
    let own = |all: &[(&str, &str)]| all.iter().map(|(code, text)| ((*code).into(), (*text).into())).collect();
    let sort = |(title, said): &(&str, &[(&str, &str)])| RoutedIntent {
        intent: "Chat".into(),
        title: (*title).into(),
        examples: own(said),
        ..RoutedIntent::default()
    };
    SORTS.iter().map(sort).collect()
}
