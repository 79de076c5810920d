//! From words to an intent, in microseconds and without a chat model: likeness to the intents' examples by embedding
//! and by letters, a linear head, and a gate that turns away what is nobody's.
//!
//! Owns: ranking and its thresholds. Must not know: D-Bus, processes, models, where vectors come from or are cached.

mod background;
mod gate;
mod head;
mod letters;
mod lexical;
mod meaning;
pub mod text;
mod vectors;
mod wording;

use head::Both;
use letters::Letters;
pub use meaning::Learned;
use meaning::Meaning;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use vectors::Nearest;

/// How many candidates a ranking names.
pub const CANDIDATES: usize = 10;
/// How much being nearer to a counter-example than to the examples costs.
const COUNTER_SHARE: f32 = 1.0;
/// A background sentence this like an example is some skill's business after all.
const TAKEN_UP: f32 = 0.8;
/// Of how and what is learned: what an older revision has learned is learned again.
const REVISION: u32 = 2;

/// An intent that words may lead to. Example texts are plain, without marks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct RoutedIntent {
    /// The skill's id.
    pub skill: String,
    /// The intent's name, CamelCase.
    pub intent: String,
    /// For people; one more example to the router.
    pub title: String,
    /// Prose for a model; not routed by (examples are worth far more).
    pub description: String,
    /// ISO 639-1 code and what somebody says.
    pub examples: Vec<(String, String)>,
    /// ISO 639-1 code and what somebody says who wants something else.
    pub counter_examples: Vec<(String, String)>,
}

/// Unit vectors of texts, by one embedding model.
#[derive(Debug, Clone, Default)]
pub struct Vectors {
    /// ISO 639-1 codes that the model was trained for; empty means all.
    pub languages: Vec<String>,
    /// A vector per text of [`texts_to_embed`]; a text without one is compared by letters only.
    pub by_text: HashMap<String, Vec<f32>>,
}

/// One intent's place in a ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Of the intent, in the order given to [`Router::build`].
    pub index: usize,
    /// About 0 to 1; does not depend on how many intents there are.
    pub score: f32,
}

/// What to do with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// This intent is meant.
    Confident(usize),
    /// A skill is meant, but which intent is open: one of the candidates.
    Ambiguous,
    /// No skill's business.
    Nobody,
}

/// What a request is compared to and how near that is.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The best first, at most [`CANDIDATES`].
    pub candidates: Vec<Scored>,
    /// How probable it is that a skill is meant at all, 0 to 1.
    pub in_scope: f32,
    /// What to do.
    pub outcome: Outcome,
}

/// All texts whose vectors [`Router::build`] wants from a model for those languages, each once.
pub fn texts_to_embed(intents: &[RoutedIntent], languages: &[String]) -> Vec<String> {
    let spoken = |code: &str| languages.is_empty() || languages.iter().any(|l| l == code);
    let background = background::sentences().filter(|(code, _)| spoken(code)).map(|(_, text)| text.to_string());
    let mut texts: Vec<String> = background.collect();
    for intent in intents {
        texts.push(name_phrase(intent));
        let said = intent.examples.iter().chain(&intent.counter_examples);
        texts.extend(said.filter(|(code, _)| spoken(code)).map(|(_, text)| text.clone()));
    }
    let mut seen = std::collections::HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    texts
}

/// Names what a router learns from these intents by that embedder: the same name, the same lesson.
pub fn lesson(intents: &[RoutedIntent], embedder: &str) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    intents.hash(&mut hasher);
    background::sentences().for_each(|sentence| sentence.hash(&mut hasher));
    format!("{REVISION}-{embedder}-{:016x}", hasher.finish())
}

/// Compares requests with intents. Cheap to clone; never changes.
#[derive(Debug, Clone)]
pub struct Router {
    base: Arc<Base>,
    learned: Option<Arc<Learned>>,
}

#[derive(Debug)]
struct Base {
    intents: usize,
    languages: Vec<String>,
    meaning: Meaning,
    letters: Letters,
}

impl Router {
    /// Prepares everything but what has to be learned. Without vectors the router goes by letters.
    pub fn build(intents: &[RoutedIntent], vectors: &Vectors) -> Self {
        let base = Base {
            intents: intents.len(),
            languages: vectors.languages.clone(),
            meaning: Meaning::new(intents, vectors),
            letters: Letters::new(intents),
        };
        Self { base: Arc::new(base), learned: None }
    }

    /// The same router with a linear head; takes up to seconds for hundreds of intents. Without enough examples the
    /// router stays as it is.
    pub fn with_head(&self) -> Self {
        let learned = self.base.meaning.learn();
        Self { base: self.base.clone(), learned: learned.map(Arc::new) }
    }

    /// The same router, with a head that knows each skill's threshold; takes some times as long.
    pub fn calibrated(&self) -> Self {
        let calibrate = |learned: &Arc<Learned>| self.base.meaning.calibrate(learned);
        Self { base: self.base.clone(), learned: self.learned.as_ref().map(calibrate).map(Arc::new) }
    }

    /// The same router with what one over the same intents has learned; none if that was another one.
    pub fn with(&self, learned: Learned) -> Option<Self> {
        let fits = learned.fits(&self.base.meaning);
        fits.then(|| Self { base: self.base.clone(), learned: Some(Arc::new(learned)) })
    }

    /// What it has learned.
    pub fn learned(&self) -> Option<&Learned> {
        self.learned.as_deref()
    }

    /// Whether it has learned all there is.
    pub fn is_calibrated(&self) -> bool {
        self.learned.as_ref().is_some_and(|learned| learned.is_calibrated())
    }

    /// Whether an embedding of this text would help: it is in a language of the embedding model.
    pub fn wants_vector(&self, text: &str) -> bool {
        let languages = &self.base.languages;
        let known = |code: &str| languages.is_empty() || languages.iter().any(|l| l == code);
        !self.base.meaning.is_empty() && known(text::language(text).unwrap_or("en"))
    }

    /// Ranks the intents for a request. A vector of the wrong length, or one for a text that the embedding model does
    /// not understand, is not used.
    pub fn rank(&self, text: &str, vector: Option<&[f32]>) -> Ranking {
        if self.base.intents == 0 || text.trim().is_empty() {
            return Ranking { candidates: Vec::new(), in_scope: 0.0, outcome: Outcome::Nobody };
        }
        let (meaning, letters) = (&self.base.meaning, &self.base.letters);
        let said = letters.rarity.vector(text);
        let usable = |v: &&[f32]| v.len() == meaning.dim() && self.wants_vector(text);
        let compared = match vector.filter(usable) {
            Some(vector) => {
                let by_letters = letters.centroids.cosines(&said);
                let worded = wording::wording(text);
                meaning.compare(Both { meaning: vector, letters: &worded }, &by_letters, self.learned.as_deref())
            }
            None => letters.compare(&said),
        };
        compared.into_ranking()
    }
}

/// How one intent compares with the request.
#[derive(Debug, Clone, Copy)]
struct Likeness {
    index: usize,
    score: f32,
    /// The head's opinion; 0 without one.
    head: f32,
    centroid: f32,
    nearest: f32,
    mean: f32,
    letters: f32,
    crossed: f32,
}

/// The best intents and how near the background is.
struct Compared {
    best: Vec<Likeness>,
    background: Nearest,
    by: gate::Evidence,
}

impl Compared {
    fn into_ranking(self) -> Ranking {
        let in_scope = gate::in_scope(&self);
        let scored = |l: &Likeness| Scored { index: l.index, score: l.score.clamp(0.0, 1.0) };
        let candidates: Vec<Scored> = self.best.iter().take(CANDIDATES).map(scored).collect();
        let outcome = gate::outcome(&self, in_scope);
        Ranking { candidates, in_scope, outcome }
    }
}

fn best_first(mut all: Vec<Likeness>) -> Vec<Likeness> {
    all.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    all
}

/// "SetTimer" and "Set a timer" as one phrase: the title, or the name cut into words.
fn name_phrase(intent: &RoutedIntent) -> String {
    if !intent.title.trim().is_empty() {
        return intent.title.trim().to_string();
    }
    let mut phrase = String::new();
    for c in intent.intent.chars() {
        if c.is_uppercase() && !phrase.is_empty() || c == '_' {
            phrase.push(' ');
        }
        if c != '_' {
            phrase.extend(c.to_lowercase());
        }
    }
    phrase
}

#[cfg(test)]
mod tests;
