//! Killed at any moment, the index equals the tree again after a restart, and what was acknowledged is there.
//!
//! A model-based test. A child process (this program once more) holds the index. The parent changes the tree and pushes
//! items at random, knows what should be there, and kills the child with SIGKILL at a random moment. The next child is
//! then asked what it finds. `HOB_CRASH_ROUNDS` says how often (20 without it), `HOB_CRASH_SEED` repeats a run.
#![allow(clippy::unwrap_used)]

mod child;
mod dice;
mod model;

use child::Child;
use dice::Dice;
use model::Model;
use std::path::Path;
use std::time::{Duration, Instant};

/// Rounds in the normal suite.
const ROUNDS: u64 = 20;
/// Longest life of a child, in milliseconds.
const LONGEST_LIFE: u64 = 900;
/// Every so many rounds the child lives on until its index can be compared with the model.
const COMPARED: u64 = 2;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |value| value.parse().unwrap())
}

#[test]
fn killed_at_any_moment_the_index_equals_the_tree_and_loses_nothing_acknowledged() {
    let rounds = number("HOB_CRASH_ROUNDS", ROUNDS);
    let seed = number("HOB_CRASH_SEED", u64::from(std::process::id()));
    println!("seed {seed}, {rounds} rounds");
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().canonicalize().unwrap();
    let mut dice = Dice::new(seed);
    let mut model = Model::new(base.join("files"));
    model.change(&mut dice, 40);
    let mut compared = 0;
    for round in 0..rounds {
        let mut child = Child::start(&base);
        live(&mut child, &mut model, &mut dice);
        child.kill();
        if round % COMPARED == 0 || round + 1 == rounds {
            // Changes while nothing runs are found, too.
            let turns = dice.below(10) as usize;
            model.change(&mut dice, turns);
            compare(&base, &mut model, round, seed);
            compared += 1;
        }
    }
    println!("{compared} comparisons, {} files and {} items at the end", model.files().len(), model.items().len());
    assert!(compared > 0 && !model.items().is_empty());
}

/// A random life: changes, pushes and deletions until a random moment.
fn live(child: &mut Child, model: &mut Model, dice: &mut Dice) {
    // Some die while they start, some after long work.
    let longest = if dice.below(4) == 0 { 30 } else { LONGEST_LIFE };
    let life = Duration::from_millis(dice.below(longest));
    let started = Instant::now();
    while started.elapsed() < life {
        match dice.below(8) {
            0 | 1 => model.push_item(child, dice),
            2 => model.take_back_items(child, dice),
            _ => model.change(dice, 3),
        }
        if dice.below(3) == 0 {
            std::thread::sleep(Duration::from_millis(dice.below(60)).min(life.saturating_sub(started.elapsed())));
        }
    }
}

fn compare(base: &Path, model: &mut Model, round: u64, seed: u64) {
    let mut child = Child::start(base);
    let found = child.settle_and_list();
    model.agree_on_unanswered(&found);
    let expected = model.expected();
    for (name, word) in &expected {
        assert_eq!(found.get(name), Some(word), "{name} is lost or stale (seed {seed}, round {round})");
    }
    for name in found.keys() {
        assert!(expected.contains_key(name), "{name} is a ghost (seed {seed}, round {round})");
    }
    let findings = child.check();
    assert!(findings.is_empty(), "seed {seed}, round {round}: {findings:?}");
    child.kill();
}

/// Not a test of its own: what the child runs.
#[test]
#[ignore = "run by the other test, as its child"]
fn child_process() {
    child::run();
}
