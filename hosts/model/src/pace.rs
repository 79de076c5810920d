//! How many answers a step should write together, and whether in one context or in two: as pays best.
//!
//! Owns: what steps of each kind took. Must not know: which answers they were.
//!
//! A step for several answers reads the weights once, but computes for each. Where computing is the limit, as on a few
//! cores with some weight formats, two answers together take longer than one after the other; with others four are much
//! cheaper together. It depends on processor, weights and threads, so it is measured.

use std::time::Duration;

/// Weight of a new measurement.
const NEW: f64 = 0.25;
/// Decisions from one look at another size to the next.
const BETWEEN: u32 = 64;
/// A step that took longer than so many times what is usual was disturbed; more of it is not believed.
const DISTURBED: f64 = 1.3;
/// A larger step has to pay at least this factor: smaller ones reach everybody in turns more evenly.
const MARGIN: f64 = 1.02;
/// A second context, which takes memory, has to pay at least this factor.
const WORTH: f64 = 1.08;
/// Decisions after which a second context that did not pay is tried again.
const RARELY: u32 = 16_384;

/// Steps of a size before its time is believed: the first ones also set up buffers and threads.
const BELIEVED: u32 = 3;

/// Chooses the number of answers in a step.
#[derive(Default)]
pub struct Pace {
    /// What was seen with each number of threads that could be used.
    by_threads: Vec<(u32, Vec<Seen>)>,
    threads: u32,
    until: u32,
    looked: usize,
}

/// Steps of one size.
#[derive(Clone, Copy, Default)]
struct Seen {
    steps: u32,
    seconds: f64,
}

impl Pace {
    /// How many of `running` answers the next step should write.
    pub fn together(&mut self, running: usize) -> usize {
        if running <= 1 {
            return 1;
        }
        if let Some(unknown) = (1..=running).find(|answers| self.rate(*answers).is_none()) {
            return unknown;
        }
        self.until = self.until.saturating_sub(1);
        if self.until == 0 {
            self.until = BETWEEN;
            self.looked = (self.looked + 1) % running;
            return self.looked + 1;
        }
        self.best(running)
    }

    /// A step for `answers` took so long, when so many threads could be used.
    pub fn took(&mut self, answers: usize, threads: u32, time: Duration) {
        if threads != self.threads {
            (self.threads, self.until) = (threads, BETWEEN);
        }
        let at = self.by_threads.iter().position(|(count, _)| *count == threads).unwrap_or_else(|| {
            self.by_threads.push((threads, Vec::new()));
            self.by_threads.len() - 1
        });
        let sizes = &mut self.by_threads[at].1;
        if sizes.len() < answers {
            sizes.resize(answers, Seen::default());
        }
        let Some(seen) = answers.checked_sub(1).and_then(|at| sizes.get_mut(at)) else { return };
        seen.steps = seen.steps.saturating_add(1);
        let now = time.as_secs_f64();
        seen.seconds = match seen.steps {
            1 => now,
            // Of the first few the fastest counts: buffers and threads are set up in the others.
            2..=BELIEVED => seen.seconds.min(now),
            _ => seen.seconds + NEW * (now.min(seen.seconds * DISTURBED) - seen.seconds),
        };
    }

    fn best(&self, running: usize) -> usize {
        let rate = |answers| self.rate(answers).unwrap_or(0.0);
        (1..=running).fold(1, |best, answers| if rate(answers) > rate(best) * MARGIN { answers } else { best })
    }

    /// Tokens per second of steps with so many answers, when known.
    fn rate(&self, answers: usize) -> Option<f64> {
        let (_, sizes) = self.by_threads.iter().find(|(count, _)| *count == self.threads)?;
        let seen = sizes.get(answers.checked_sub(1)?).filter(|seen| seen.steps >= BELIEVED)?;
        Some(answers as f64 / seen.seconds)
    }

    /// The most tokens per second that so many answers can be written with; `None` while a size is unknown.
    fn best_rate(&self, running: usize) -> Option<f64> {
        let rates: Option<Vec<f64>> = (1..=running).map(|answers| self.rate(answers)).collect();
        rates?.into_iter().reduce(f64::max)
    }
}

/// The pace of one context alone, and of two side by side.
#[derive(Default)]
pub struct Paces {
    one: Pace,
    /// Per context.
    both: Pace,
    rejected: u32,
}

/// Whether a second context is worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// Too little is known of the first.
    Unknown,
    /// It should be tried.
    Trial,
    /// Two write more than one.
    Yes,
    /// They don't.
    No,
}

impl Paces {
    /// How many answers the next step should write in each context, where so many run in the first and the second.
    pub fn together(&mut self, [first, second]: [usize; 2]) -> usize {
        if first == 0 || second == 0 {
            return self.one.together(first + second);
        }
        // Several in each of two contexts can pay only if as many pay in one.
        let most = first.max(second);
        let pays = self.one.best_rate(most).is_none_or(|best| self.one.rate(1).is_none_or(|one| best > one * MARGIN));
        if pays { self.both.together(most) } else { 1 }
    }

    /// A step for so many answers of one context took so long.
    pub fn took(&mut self, answers: usize, threads: u32, time: Duration) {
        self.one.took(answers, threads, time);
    }

    /// The same for two contexts, each with so many answers and half of the threads.
    pub fn took_both(&mut self, answers: usize, threads: u32, time: Duration) {
        self.both.took(answers, threads, time);
    }

    /// Whether a second context is worth it for so many answers.
    pub fn worth(&mut self, running: usize) -> Worth {
        if running < 2 {
            return Worth::No;
        }
        let Some(one) = self.one.best_rate(running) else { return Worth::Unknown };
        let Some(both) = self.both.best_rate(1) else { return Worth::Trial };
        let both = self.both.best_rate(running / 2).unwrap_or(both);
        if 2.0 * both > one * WORTH {
            return Worth::Yes;
        }
        self.rejected += 1;
        if self.rejected >= RARELY {
            (self.both, self.rejected) = (Pace::default(), 0);
        }
        Worth::No
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
    fn one_disturbed_step_changes_nothing() {
        let mut pace = Pace::default();
        let ms = |n: usize| if n == 1 { 7.0 } else { 8.3 * n as f64 };
        settle(&mut pace, 2, 20, ms);
        pace.took(1, 2, Duration::from_millis(90));
        assert_eq!(settle(&mut pace, 2, 20, ms)[1], 20);
        // Steps that stay slow are believed.
        settle(&mut pace, 2, 40, |n| if n == 1 { 12.0 } else { 16.0 });
        assert!(settle(&mut pace, 2, 60, |n| if n == 1 { 12.0 } else { 16.0 })[2] > 50);
    }

    #[test]
    fn a_second_context_is_tried_once_one_is_known_and_kept_if_it_pays() {
        let ms = |ms: u64| Duration::from_millis(ms);
        let mut paces = Paces::default();
        assert_eq!((paces.worth(1), paces.worth(2)), (Worth::No, Worth::Unknown));
        while paces.worth(2) == Worth::Unknown {
            let answers = paces.together([2, 0]);
            paces.took(answers, 2, ms(5 * answers as u64));
        }
        assert_eq!(paces.worth(2), Worth::Trial);
        (0..BELIEVED).for_each(|_| paces.took_both(1, 2, ms(6)));
        assert_eq!((paces.worth(2), paces.worth(4)), (Worth::Yes, Worth::Unknown));
        // Four are much faster in one context.
        (0..2 * BELIEVED).for_each(|_| [3, 4].into_iter().for_each(|answers| paces.took(answers, 2, ms(9))));
        assert_eq!((paces.worth(2), paces.worth(4)), (Worth::Yes, Worth::No));
        (0..40).for_each(|_| paces.took_both(1, 2, ms(11)));
        assert_eq!(paces.worth(2), Worth::No);
        // And much later once more.
        (0..RARELY).for_each(|_| {
            paces.worth(2);
        });
        assert_eq!(paces.worth(2), Worth::Trial);
    }

    #[test]
    fn other_threads_have_times_of_their_own() {
        let mut pace = Pace::default();
        settle(&mut pace, 2, 50, |n| if n == 1 { 10.0 } else { 12.0 });
        let with_two = pace.rate(2);
        assert!(with_two.is_some());
        pace.took(1, 1, Duration::from_millis(9));
        assert_eq!((pace.rate(2), pace.together(2)), (None, 1));
        pace.took(1, 2, Duration::from_millis(10));
        assert_eq!((pace.rate(2), pace.together(2)), (with_two, 2));
    }
}
