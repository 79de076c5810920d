//! Examples that lie nearer to another intent than to their own: there routing goes wrong.
//!
//! Owns: likeness by groups of three letters, which needs no model. Must not know: how requests are routed in earnest.

use super::{Intent, Manifest};
use crate::text::fold;
use std::collections::BTreeMap;

/// How much nearer another intent must be to be worth a word.
const MARGIN: f32 = 0.05;
/// Most examples that are named.
const MOST: usize = 8;

type Letters = BTreeMap<String, f32>;

/// What is nearer to another intent of this skill or of `others`, one sentence each.
pub fn nearness(manifest: &Manifest, others: &[&Manifest]) -> Vec<String> {
    let foreign = others.iter().filter(|other| other.id != manifest.id);
    let all: Vec<(&str, &Intent)> = std::iter::once(&manifest)
        .chain(foreign)
        .flat_map(|of| of.intents.iter().filter(|i| i.is_routed()).map(|intent| (of.id.as_str(), intent)))
        .collect();
    let mut reports = Vec::new();
    for intent in manifest.intents.iter().filter(|intent| intent.is_routed()) {
        for (language, examples) in &intent.examples {
            let own: Vec<Letters> = examples.iter().map(|example| letters(&example.text)).collect();
            let rivals = all.iter().filter(|(of, rival)| *of != manifest.id || rival.name != intent.name);
            let rivals: Vec<(&str, &Intent, Letters)> = rivals
                .filter_map(|(of, rival)| {
                    Some((*of, *rival, centre(rival.examples.get(language)?.iter().map(|e| letters(&e.text)))))
                })
                .collect();
            for (at, example) in examples.iter().enumerate().filter(|_| own.len() > 1) {
                let rest = own.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, l)| l.clone());
                let home = likeness(&own[at], &centre(rest));
                let nearest = rivals.iter().map(|(of, rival, c)| (likeness(&own[at], c), of, rival));
                let Some((near, of, rival)) = nearest.max_by(|a, b| a.0.total_cmp(&b.0)) else { continue };
                if near > home + MARGIN {
                    reports.push(format!(
                        "\"{}\" ({language}) of {} sounds more like {} of {of}; say it otherwise, or give {} more examples like it",
                        example.text, intent.name, rival.name, intent.name
                    ));
                }
            }
        }
    }
    reports.truncate(MOST);
    reports
}

/// How often each group of three letters occurs, at the length of one.
fn letters(text: &str) -> Letters {
    let padded: Vec<char> = format!(" {} ", fold(text)).chars().collect();
    let mut counts = Letters::new();
    for group in padded.windows(3) {
        *counts.entry(group.iter().collect()).or_default() += 1.0;
    }
    scaled(counts)
}

fn centre(of: impl Iterator<Item = Letters>) -> Letters {
    let mut sum = Letters::new();
    for one in of {
        for (group, weight) in one {
            *sum.entry(group).or_default() += weight;
        }
    }
    scaled(sum)
}

fn scaled(mut of: Letters) -> Letters {
    let length = of.values().map(|w| w * w).sum::<f32>().sqrt();
    if length > 0.0 {
        of.values_mut().for_each(|weight| *weight /= length);
    }
    of
}

fn likeness(a: &Letters, b: &Letters) -> f32 {
    a.iter().filter_map(|(group, weight)| Some(weight * b.get(group)?)).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn manifest(id: &str, name: &str, examples: &str) -> Manifest {
        let text = format!(
            "[skill]\nid = \"{id}\"\nversion = \"1.0.0\"\ntitle = \"A\"\nkind = \"exec\"\ncommand = [\"a\"]\n[[intent]]\nname = \"{name}\"\n\
             domain = \"d\"\nversion = \"1.0\"\ntitle = \"T\"\ndescription = \"D\"\nrisk = \"read\"\nexamples.en = [{examples}]\n"
        );
        Manifest::parse(&text, "skill.toml").unwrap()
    }

    #[test]
    fn a_stray_example_is_named_and_good_ones_are_not() {
        let clock = manifest(
            "org.example.clock",
            "SetTimer",
            "\"set a timer for ten minutes\", \"start a timer\", \"a timer for two hours\", \"timer for tea\", \"set the timer\"",
        );
        let weather = |stray: &str| {
            manifest(
                "org.example.weather",
                "GetWeather",
                &format!(
                    "\"how is the weather\", \"weather in Rome\", \"the weather tomorrow\", \"is the weather good\", \"{stray}\""
                ),
            )
        };
        let near = nearness(&weather("set a timer for the weather"), &[&clock]);
        assert!(near.len() == 1 && near[0].contains("SetTimer of org.example.clock"), "{near:?}");
        assert!(nearness(&weather("what will the weather be"), &[&clock]).is_empty());
    }
}
