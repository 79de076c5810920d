//! Examples that lie nearer to another intent than to their own: there routing goes wrong.
//!
//! Owns: likeness by groups of three letters, which needs no model. Must not know: how requests are routed in earnest.

use super::{Example, Intent, Manifest};
use crate::text::fold;
use std::collections::{BTreeSet, HashMap};

/// How much nearer another intent must be to be worth a word.
const MARGIN: f32 = 0.05;
/// Most examples that are named.
const MOST: usize = 8;

type Group = [char; 3];
type Letters = HashMap<Group, f32>;

/// What is nearer to another intent of this skill or of `others`, one sentence each.
pub fn nearness(manifest: &Manifest, others: &[&Manifest]) -> Vec<String> {
    let foreign = others.iter().copied().filter(|other| other.id != manifest.id);
    let own = manifest.intents.iter().filter(|intent| intent.is_routed()).count();
    let all: Vec<(&str, &Intent)> = std::iter::once(manifest)
        .chain(foreign)
        .flat_map(|of| of.intents.iter().filter(|i| i.is_routed()).map(|intent| (of.id.as_str(), intent)))
        .collect();
    let languages: BTreeSet<&String> = all[..own].iter().flat_map(|(_, intent)| intent.examples.keys()).collect();
    let mut reports: Vec<String> = languages.into_iter().flat_map(|language| strays(language, &all, own)).collect();
    reports.truncate(MOST);
    reports
}

/// The examples in one language of the first `own` intents that are nearer to another intent.
fn strays(language: &str, all: &[(&str, &Intent)], own: usize) -> Vec<String> {
    let said: Vec<&[Example]> =
        all.iter().map(|(_, intent)| intent.examples.get(language).map(Vec::as_slice).unwrap_or_default()).collect();
    let in_letters = |examples: &&[Example]| examples.iter().map(|example| letters(&example.text)).collect();
    let by_intent: Vec<Vec<Letters>> = said.iter().map(in_letters).collect();
    let sums: Vec<Letters> = by_intent.iter().map(|examples| sum(examples)).collect();
    let centres = Centres::new(&sums);
    let mut reports = Vec::new();
    for (at, (_, intent)) in all[..own].iter().enumerate().filter(|(at, _)| by_intent[*at].len() > 1) {
        for (example, said) in by_intent[at].iter().zip(said[at]) {
            let mut likenesses = centres.likenesses(example);
            likenesses[at] = 0.0;
            let Some((rival, near)) = largest(&likenesses) else { continue };
            if near > likeness_without(example, &sums[at]) + MARGIN {
                let (skill, rival) = (all[rival].0, &all[rival].1.name);
                reports.push(format!(
                    "\"{}\" ({language}) of {} sounds more like {rival} of {skill}; say it otherwise, or give {} more \
                     examples like it",
                    said.text, intent.name, intent.name
                ));
            }
        }
    }
    reports
}

/// Where each group of letters occurs among the intents, and what it weighs there: with hundreds of intents there are
/// too many pairs to look at each.
struct Centres {
    intents: usize,
    places: HashMap<Group, Vec<(usize, f32)>>,
}

impl Centres {
    fn new(sums: &[Letters]) -> Self {
        let mut places: HashMap<Group, Vec<(usize, f32)>> = HashMap::new();
        for (intent, sum) in sums.iter().enumerate() {
            let length = length(sum).max(f32::MIN_POSITIVE);
            sum.iter().for_each(|(group, weight)| places.entry(*group).or_default().push((intent, weight / length)));
        }
        Self { intents: sums.len(), places }
    }

    fn likenesses(&self, of: &Letters) -> Vec<f32> {
        let mut found = vec![0.0; self.intents];
        for (group, weight) in of {
            for (intent, theirs) in self.places.get(group).into_iter().flatten() {
                found[*intent] += weight * theirs;
            }
        }
        found
    }
}

fn largest(of: &[f32]) -> Option<(usize, f32)> {
    of.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Of an example to the centre of those that it was summed up with.
fn likeness_without(example: &Letters, sum: &Letters) -> f32 {
    let mut rest = sum.clone();
    for (group, weight) in example {
        *rest.entry(*group).or_default() -= weight;
    }
    let length = length(&rest);
    let product: f32 = example.iter().map(|(group, weight)| weight * rest[group]).sum();
    if length > 0.0 { product / length } else { 0.0 }
}

/// How often each group of three letters occurs, at the length of one.
fn letters(text: &str) -> Letters {
    let padded: Vec<char> = format!(" {} ", fold(text)).chars().collect();
    let mut counts = Letters::new();
    for group in padded.windows(3) {
        *counts.entry([group[0], group[1], group[2]]).or_default() += 1.0;
    }
    let length = length(&counts).max(f32::MIN_POSITIVE);
    counts.values_mut().for_each(|weight| *weight /= length);
    counts
}

fn sum(of: &[Letters]) -> Letters {
    let mut sum = Letters::new();
    for (group, weight) in of.iter().flatten() {
        *sum.entry(*group).or_default() += weight;
    }
    sum
}

fn length(of: &Letters) -> f32 {
    of.values().map(|w| w * w).sum::<f32>().sqrt()
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
