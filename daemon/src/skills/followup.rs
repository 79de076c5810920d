//! Calls that a request left open, and the words that complete them.
//!
//! Owns: what is still missing and whether a reply states it. Must not know: conversations, how a question is worded.

use super::router::text::{fold, language, words};
use super::routing::annotated;
use super::slots::{self, Wanted};
use super::{RoutedCall, Skills};
use hob_sdk::manifest::Intent;

/// An argument that a call can't do without.
#[derive(Debug, Clone, PartialEq)]
pub struct Lack {
    /// The parameter's name.
    pub name: String,
    /// What would fill it.
    pub wanted: Wanted,
}

impl Skills {
    /// The first argument that the call lacks.
    pub fn lack(&self, call: &RoutedCall) -> Option<Lack> {
        let name = call.missing.first()?.clone();
        let wanted = slots::wanted(&self.intent_of(call)?.parameters, &name)?;
        Some(Lack { name, wanted })
    }

    /// The call with what a reply to the question for its first missing argument states. `None` when the reply does not
    /// state that argument, or the skill is gone.
    pub fn complete(&self, call: &RoutedCall, reply: &str) -> Option<RoutedCall> {
        let intent = self.intent_of(call)?;
        let name = call.missing.first()?;
        let examples = annotated(&intent);
        let (language, now) = (language(reply).unwrap_or("en"), jiff::ZonedDateTime::now());
        let value = slots::reply(reply, language, &now, (&intent.parameters, name), &examples)?;
        let mut complete = call.clone();
        complete.arguments.insert(name.clone(), value);
        complete.missing.remove(0);
        // "Ten minutes, for the tea" states more than was asked for.
        let more = slots::fill(reply, language, &now, &intent.parameters, &examples);
        complete.missing.retain(|missing| !more.arguments.contains_key(missing));
        for (name, value) in more.arguments {
            complete.arguments.entry(name).or_insert(value);
        }
        Some(complete)
    }

    /// The declaration of what a call calls; `None` when the skill is gone or may not be called.
    pub(super) fn intent_of(&self, call: &RoutedCall) -> Option<Intent> {
        let process = self.usable(&call.skill).ok()?;
        process.skill.manifest.intent(&call.intent).cloned()
    }
}

/// Which of the titles a reply picks: by number, by place, or by words that no other title has.
pub fn pick(titles: &[&str], reply: &str) -> Option<usize> {
    const PLACES: [&[&str]; 5] = [
        &["1", "one", "first", "erste", "erster", "erstes", "primeiro", "primeira", "primero", "第一", "一"],
        &["2", "two", "second", "zweite", "zweiter", "zweites", "segundo", "segunda", "第二", "二"],
        &["3", "three", "third", "dritte", "dritter", "drittes", "terceiro", "terceira", "tercero", "tercera", "第三"],
        &["4", "four", "fourth", "vierte", "vierter", "viertes", "quarto", "quarta", "cuarto", "cuarta", "第四"],
        &["5", "five", "fifth", "funfte", "funfter", "funftes", "quinto", "quinta", "第五"],
    ];
    let said: Vec<String> = words(reply).into_iter().map(|word| word.folded).collect();
    let unspaced = fold(reply).replace(' ', "");
    let is_place = |names: &&&[&str]| names.iter().any(|n| said.iter().any(|s| s == n) || unspaced == *n);
    let places = PLACES[..titles.len().min(PLACES.len())].iter().enumerate().filter(|(_, names)| is_place(names));
    match places.map(|(place, _)| place).collect::<Vec<_>>()[..] {
        [place] => return Some(place),
        // "The second one".
        [0, place] if said.last().is_some_and(|word| word == "one") => return Some(place),
        _ => {}
    }
    let shared = |title: &&str| words(title).iter().filter(|word| said.contains(&word.folded)).count();
    let counts: Vec<usize> = titles.iter().map(shared).collect();
    let most = *counts.iter().max()?;
    let mut best = counts.iter().enumerate().filter(|(_, count)| **count == most && most > 0);
    match (best.next(), best.next()) {
        (Some((index, _)), None) => Some(index),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_picks_by_place_or_by_words() {
        let titles = ["Set a timer", "Set an alarm", "Plan a reminder"];
        for (reply, picked) in [
            ("1", Some(0)),
            ("the third one", Some(2)),
            ("the second", Some(1)),
            ("die dritte", Some(2)),
            ("第二", Some(1)),
            ("the timer", Some(0)),
            ("an alarm", Some(1)),
            ("set", None),
            ("4", None),
            ("", None),
            ("neither", None),
        ] {
            assert_eq!(pick(&titles, reply), picked, "{reply}");
        }
    }
}
