//! What kind of thing a question asks for: a date, a number, a name.
//!
//! A sentence that holds such a thing, which the question itself does not mention, is a likelier
//! answer (expected answer types: Li and Roth, Learning Question Classifiers, 2002). Cue words only,
//! of the languages that the example questions were tuned on; other questions expect nothing.

use std::collections::HashSet;

/// What a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Date,
    Number,
    Name,
}

/// What a sentence should hold, and the question's own words, which do not count.
pub(super) struct Expected {
    kind: Kind,
    asked: HashSet<String>,
}

const DATE: [&str; 17] = [
    "when",
    "what year",
    "which year",
    "what date",
    "what day",
    "which day",
    "what month",
    "which month",
    "what century",
    "which century",
    "what decade",
    "wann",
    "in welchem jahr",
    "quando",
    "em que ano",
    "何时",
    "哪一年",
];
const NUMBER: [&str; 27] = [
    "how many",
    "how much",
    "how long",
    "how old",
    "how far",
    "how large",
    "how big",
    "how tall",
    "how high",
    "how often",
    "what percent",
    "what percentage",
    "what number",
    "what price",
    "what fee",
    "what rent",
    "what age",
    "what temperature",
    "what is the price",
    "what is the cost",
    "what is the fee",
    "wie viel",
    "wie viele",
    "wie lange",
    "quanto",
    "quantos",
    "多少",
];
const NAME: [&str; 13] = [
    "who",
    "whom",
    "whose",
    "where",
    "what country",
    "which country",
    "what city",
    "which city",
    "wer",
    "wo",
    "quem",
    "onde",
    "谁",
];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const NUMBER_WORDS: [&str; 22] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "twenty",
    "thirty", "forty", "fifty", "hundred", "thousand", "million", "billion", "half", "dozen",
];

impl Expected {
    /// From a question; `None` when it asks for nothing in particular.
    pub(super) fn of(question: &str) -> Option<Self> {
        let asked: Vec<String> = words(question).map(str::to_lowercase).collect();
        let said = format!(" {} ", asked.join(" "));
        let cued = |cues: &[&str]| {
            // Chinese has no spaces between words.
            cues.iter().any(|cue| if cue.is_ascii() { said.contains(&format!(" {cue} ")) } else { said.contains(cue) })
        };
        let kind = if cued(&NUMBER) {
            Kind::Number
        } else if cued(&DATE) {
            Kind::Date
        } else if cued(&NAME) {
            Kind::Name
        } else {
            return None;
        };
        Some(Self { kind, asked: asked.into_iter().collect() })
    }

    /// Whether the sentence holds what is asked for.
    pub(super) fn in_sentence(&self, sentence: &str) -> bool {
        words(sentence).enumerate().any(|(at, word)| {
            let lower = word.to_lowercase();
            let numeric = word.chars().any(|c| c.is_numeric());
            let fits = match self.kind {
                Kind::Date => numeric || MONTHS.contains(&lower.as_str()) || lower == "century",
                Kind::Number => numeric || NUMBER_WORDS.contains(&lower.as_str()),
                // The first word of a sentence is capitalised whatever it is.
                Kind::Name => at > 0 && word.chars().next().is_some_and(char::is_uppercase),
            };
            fits && !self.asked.contains(&lower)
        })
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '\'' | '’'))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn questions_say_what_they_expect() {
        let when = Expected::of("When was the boiler serviced?").unwrap();
        assert!(when.in_sentence("It was serviced on 12 October.") && !when.in_sentence("It was serviced by Rui."));
        let many = Expected::of("How many sails does the boat have?").unwrap();
        assert!(many.in_sentence("She has three sails.") && !many.in_sentence("She has sails."));
        let fee = Expected::of("What fee does Clara get?").unwrap();
        assert!(fee.in_sentence("It is 350 euros.") && !fee.in_sentence("Clara speaks."));
        let who = Expected::of("Who repaired Clara's bike?").unwrap();
        assert!(who.in_sentence("It was repaired by Jonas.") && !who.in_sentence("Clara's bike was repaired."));
        assert!(Expected::of("Is the boiler new?").is_none());
        assert!(Expected::of("苏州运河图绘制于哪一年？").unwrap().in_sentence("绘制于1745年。"));
    }

    #[test]
    fn what_the_question_says_itself_is_no_answer() {
        let year = Expected::of("When was the act of 1859 signed?").unwrap();
        assert!(!year.in_sentence("The act of 1859 was signed.") && year.in_sentence("It was signed in 1860."));
    }
}
