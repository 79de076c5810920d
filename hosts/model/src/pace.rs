//! How many answers a step should write together: as many as pay.
//!
//! Owns: what steps of each size took. Must not know: which answers they were.
//!
//! A step for several answers reads the weights once, but computes for each. Where computing is the limit, as on a few
//! cores with some weight formats, two answers together take longer than one after the other; with others four are much
//! cheaper together. It depends on processor, weights and threads, so it is measured.

use std::time::Duration;

/// Weight of a new measurement.
const NEW: f64 = 0.25;
/// Decisions from one look at another size to the next.
const BETWEEN: u32 = 96;
/// A larger step has to pay at least this factor: smaller ones reach everybody in turns more evenly.
const MARGIN: f64 = 1.02;

/// Chooses the number of answers in a step.
#[derive(Default)]
pub struct Pace {
    /// Seconds of a step with so many answers, one first.
    seconds: Vec<Option<f64>>,
    threads: u32,
    until: u32,
    looked: usize,
}

impl Pace {
    /// How many of `running` answers the next step should write.
    pub fn together(&mut self, running: usize) -> usize {
        if running <= 1 {
            return 1;
        }
        if self.seconds.len() < running {
            self.seconds.resize(running, None);
        }
        if let Some(unknown) = self.seconds[..running].iter().position(Option::is_none) {
            return unknown + 1;
        }
        self.until = self.until.saturating_sub(1);
        if self.until == 0 {
            self.until = BETWEEN;
            self.looked = (self.looked + 1) % running;
            return self.looked + 1;
        }
        self.best(running)
    }

    /// A step for `answers` took so long, with so many threads.
    pub fn took(&mut self, answers: usize, threads: u32, time: Duration) {
        if threads != self.threads {
            (self.threads, self.until) = (threads, BETWEEN);
            self.seconds.fill(None);
        }
        let Some(known) = answers.checked_sub(1).and_then(|at| self.seconds.get_mut(at)) else { return };
        let now = time.as_secs_f64();
        *known = Some(known.map_or(now, |old| old + NEW * (now - old)));
    }

    fn best(&self, running: usize) -> usize {
        let rate = |answers: usize| self.seconds[answers - 1].map_or(0.0, |seconds| answers as f64 / seconds);
        (1..=running).fold(1, |best, answers| if rate(answers) > rate(best) * MARGIN { answers } else { best })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs steps on a machine where a step for so many answers takes `ms`; how often each size was chosen.
    fn settle(pace: &mut Pace, running: usize, steps: usize, ms: impl Fn(usize) -> f64) -> Vec<usize> {
        let mut chosen = vec![0; running + 1];
        for _ in 0..steps {
            let answers = pace.together(running);
            chosen[answers] += 1;
            pace.took(answers, 2, Duration::from_secs_f64(ms(answers) / 1000.0));
        }
        chosen
    }

    #[test]
    fn what_pays_is_done_together_and_what_does_not_in_turns() {
        let mut pace = Pace::default();
        let computing = |n: usize| 8.0 * n as f64 + 1.0;
        let alone = |n: usize| 10.0 * n as f64;
        assert!(settle(&mut pace, 4, 500, computing)[4] > 450);
        assert!(settle(&mut pace, 4, 500, alone)[1] > 400);
        assert!(settle(&mut Pace::default(), 4, 500, alone)[1] > 450);
        assert_eq!(pace.together(1), 1);
    }

    #[test]
    fn other_threads_mean_other_times() {
        let mut pace = Pace::default();
        settle(&mut pace, 2, 50, |n| n as f64);
        pace.took(1, 1, Duration::from_millis(9));
        assert_eq!(pace.together(2), 2);
    }
}
