//! How many threads a step should use: as many as are fastest now.
//!
//! Owns: what the machine's load and the measured times say about it. Must not know: what a step does.
//!
//! llama.cpp's threads wait for each other by spinning. On an idle machine all cores are fastest; beside other busy
//! processes one thread can be ten times faster than two. Two things are watched: how many other threads want a core
//! (the kernel's run queue, looked at many times a second, so that a change is followed at once), and how long a token
//! takes, because cores that only look free (a quota, a hypervisor, two threads of one core) show nowhere else.

use crate::load::Load;
use std::time::{Duration, Instant};

/// Steps that a trial of another number of threads takes.
const TRIAL: u32 = 2;
/// Steps from one trial to the next at first; failures double it up to the second number.
const BETWEEN: u32 = 256;
/// After a change: it may have been a disturbance that made it look good.
const SOON: u32 = 8;
const RAREST: u32 = 8_192;
/// Weight of a new measurement.
const NEW: f64 = 0.25;
/// A change has to pay at least this factor.
const MARGIN: f64 = 0.93;
/// So much slower than usual, something has changed that the run queue does not show.
const SLOW: f64 = 1.35;
/// The same for prompts, whose tokens take longer the more stand before them.
const SLOW_PREFILL: f64 = 2.0;
/// Steps with fewer tokens of prompts take longer for each, so they are judged apart.
const LONG: usize = 64;

/// What a step mostly does; the two differ in how they use the cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Reading a prompt: many tokens of a sequence at once.
    Prefill,
    /// Reading a few tokens, the end of a prompt.
    Piece,
    /// Writing one answer, token by token.
    Decode,
    /// The same with guesses of what follows.
    Guessed,
    /// Writing several answers at once.
    Together,
    /// The same in two contexts side by side.
    Abreast,
}

/// Chooses the number of threads for each step.
pub struct Threads {
    most: u32,
    /// What the daemon allows for the time being.
    allowed: u32,
    load: Load,
    prefill: Measured,
    piece: Measured,
    decode: Measured,
    guessed: Measured,
    together: Measured,
    abreast: Measured,
    free: u32,
    last: u32,
}

impl Work {
    /// Reading so many tokens of prompts.
    pub fn reading(tokens: usize) -> Self {
        if tokens < LONG { Self::Piece } else { Self::Prefill }
    }
}

impl Threads {
    /// Chooses from 1 to `most`.
    pub fn new(most: u32) -> Self {
        let most = most.max(1);
        let measured = || Measured::new(most, SLOW);
        Self {
            most,
            allowed: most,
            load: Load::default(),
            prefill: Measured::new(most, SLOW_PREFILL),
            // They differ too much from each other for one to be slower than usual.
            piece: Measured::new(most, f64::INFINITY),
            decode: measured(),
            // As with pieces: some have two tokens, some eight.
            guessed: Measured::new(most, f64::INFINITY),
            together: measured(),
            abreast: measured(),
            free: most,
            last: 1,
        }
    }

    /// Uses no more than `most` threads from the next step on; 0 lifts the limit.
    pub fn limit(&mut self, most: u32) {
        self.allowed = if most == 0 { self.most } else { most.min(self.most) };
    }

    /// Threads for the next step.
    pub fn next(&mut self, work: Work, now: Instant) -> u32 {
        // Between two steps our threads still look for work.
        self.load.look(now, self.last);
        let free = self.most.saturating_sub(self.load.others()).min(self.allowed).max(1);
        self.free = free;
        self.last = self.measured(work).next(free);
        self.last
    }

    /// Threads that could be used in the last step.
    pub fn free(&self) -> u32 {
        self.free
    }

    /// There is nothing to do for a while.
    pub fn rest(&mut self) {
        self.load.rest();
    }

    /// There is something to do again: looks who else works. Takes some milliseconds where others do.
    pub fn begin(&mut self, now: Instant) {
        self.load.look(now, self.last);
    }

    /// Others want the cores too.
    pub fn is_busy(&self) -> bool {
        self.load.others() > 0
    }

    /// Takes note of a step of `tokens` tokens that used what [`Threads::next`] said.
    pub fn took(&mut self, work: Work, tokens: usize, time: Duration) {
        let seconds = time.as_secs_f64() / tokens.max(1) as f64;
        self.measured(work).took(seconds);
    }

    fn measured(&mut self, work: Work) -> &mut Measured {
        match work {
            Work::Prefill => &mut self.prefill,
            Work::Piece => &mut self.piece,
            Work::Decode => &mut self.decode,
            Work::Guessed => &mut self.guessed,
            Work::Together => &mut self.together,
            Work::Abreast => &mut self.abreast,
        }
    }
}

/// Times per token for each number of threads, and which is best among those that are free.
struct Measured {
    /// Numbers to choose from, the largest first, each about half of the one before.
    counts: Vec<u32>,
    /// Seconds per token with each, when known, and the least that was ever steady.
    seconds: Vec<Option<f64>>,
    usual: Option<f64>,
    /// So much slower than usual is looked into.
    slow: f64,
    /// The first of `counts` that is free now; no larger one is used.
    free: usize,
    best: usize,
    trial: Option<(usize, u32)>,
    /// Which way the next trial goes: a way that paid is taken again.
    upward: bool,
    between: u32,
    until: u32,
}

impl Measured {
    fn new(most: u32, slow: f64) -> Self {
        let counts: Vec<u32> = std::iter::successors(Some(most), |n| (*n > 1).then_some(n / 2)).collect();
        let seconds = vec![None; counts.len()];
        Self {
            counts,
            seconds,
            usual: None,
            slow,
            free: 0,
            best: 0,
            trial: None,
            upward: false,
            between: BETWEEN,
            until: BETWEEN,
        }
    }

    fn next(&mut self, free: u32) -> u32 {
        let free = self.counts.iter().position(|n| *n <= free).unwrap_or(self.counts.len() - 1);
        if free != self.free {
            // Another load: all that can be had, and the old times mean nothing.
            (self.free, self.best, self.trial, self.usual) = (free, free, None, None);
            self.seconds.fill(None);
            (self.between, self.until) = (BETWEEN, BETWEEN);
        }
        self.counts[self.trial.map_or(self.best, |(at, _)| at)]
    }

    fn took(&mut self, seconds: f64) {
        let at = self.trial.map_or(self.best, |(at, _)| at);
        // What a trial finds replaces what was known: that is old.
        let known = self.seconds[at].filter(|_| self.trial.is_none());
        let now = known.map_or(seconds, |old| old + NEW * (seconds - old));
        self.seconds[at] = Some(now);
        match self.trial {
            Some((at, 1)) => self.end_trial(at),
            Some((at, left)) => self.trial = Some((at, left - 1)),
            None => {
                // Times grow as an answer gets longer, so what is usual follows slowly.
                let usual = self.usual.map_or(now, |usual| if now < usual { now } else { usual * 1.0005 });
                self.usual = Some(usual);
                if now > usual * self.slow {
                    self.until = self.until.min(1);
                }
                self.maybe_try();
            }
        }
    }

    fn end_trial(&mut self, tried: usize) {
        self.trial = None;
        let paid = match (self.seconds[tried], self.seconds[self.best]) {
            (Some(new), Some(old)) => new < old * MARGIN,
            _ => false,
        };
        if paid {
            (self.best, self.between) = (tried, SOON);
        } else {
            self.upward = !self.upward;
            self.between = (self.between * 2).min(RAREST);
        }
        // Whatever it is now is what is usual from now on.
        self.usual = None;
        self.until = self.between;
    }

    fn maybe_try(&mut self) {
        self.until = self.until.saturating_sub(1);
        if self.until > 0 {
            return;
        }
        let more = self.best.checked_sub(1).filter(|at| *at >= self.free);
        let fewer = (self.best + 1 < self.counts.len()).then_some(self.best + 1);
        self.until = self.between;
        self.trial = if self.upward { more.or(fewer) } else { fewer.or(more) }.map(|at| (at, TRIAL));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs steps on a machine where a number of threads takes `ms` per token; the mean of them.
    fn settle(measured: &mut Measured, free: u32, steps: usize, ms: impl Fn(u32) -> f64) -> f64 {
        let mut total = 0.0;
        for _ in 0..steps {
            let time = ms(measured.next(free));
            total += time;
            measured.took(time / 1000.0);
        }
        total / steps as f64
    }

    #[test]
    fn it_follows_the_load() {
        let idle = |n: u32| 16.0 / f64::from(n);
        let mut measured = Measured::new(4, SLOW);
        assert!(settle(&mut measured, 4, 2_000, idle) < 4.1);
        assert_eq!(measured.next(2), 2);
        assert!(settle(&mut measured, 1, 500, |_| 16.0) < 16.1);
        assert_eq!(measured.next(4), 4);
    }

    #[test]
    fn cores_that_only_look_free_are_found_out() {
        // A quota of one core: more threads wait for each other.
        let quota = |n: u32| 16.0 + 30.0 * f64::from(n - 1);
        let mut measured = Measured::new(4, SLOW);
        settle(&mut measured, 4, 4 * BETWEEN as usize, quota);
        assert_eq!(measured.counts[measured.best], 1);
        // And when it is lifted, the larger numbers are found again.
        settle(&mut measured, 4, 2 * RAREST as usize + 8 * BETWEEN as usize, |n| 16.0 / f64::from(n));
        assert_eq!(measured.counts[measured.best], 4);
    }

    #[test]
    fn a_sudden_slowness_is_looked_into_at_once() {
        let mut measured = Measured::new(2, SLOW);
        settle(&mut measured, 2, 40, |n| 16.0 / f64::from(n));
        let mean = settle(&mut measured, 2, 60, |n| if n == 1 { 16.0 } else { 90.0 });
        assert!(mean < 32.0, "{mean}");
    }

    #[test]
    fn a_limit_holds_from_the_next_step_until_it_is_lifted() {
        let mut threads = Threads::new(8);
        // As if just looked at: the load of the machine that tests run on is its own affair.
        let next = |threads: &mut Threads| {
            let free = threads.most.min(threads.allowed).max(1);
            threads.measured(Work::Decode).next(free)
        };
        assert_eq!(next(&mut threads), 8);
        threads.limit(4);
        assert_eq!(next(&mut threads), 4);
        assert!(threads.next(Work::Prefill, Instant::now()) <= 4);
        threads.limit(99);
        assert_eq!(next(&mut threads), 8);
        threads.limit(1);
        threads.limit(0);
        assert_eq!(next(&mut threads), 8);
    }

    #[test]
    fn one_core_has_no_choice() {
        let mut measured = Measured::new(1, SLOW);
        assert!(settle(&mut measured, 1, 3 * BETWEEN as usize, |_| 16.0) < 16.1);
        assert_eq!(Threads::new(0).most, 1);
    }
}
