//! How many threads a step should use: as many as are fastest now.
//!
//! llama.cpp's threads wait for each other by spinning. On an idle machine all cores are fastest;
//! beside other busy processes one thread can be ten times faster than two. So the time per token
//! is measured, and now and then a neighbouring count is tried.

use std::time::Duration;

/// Steps that a trial takes.
const TRIAL: u32 = 2;
/// Steps before the first trial: the machine may be busy right now.
const FIRST_TRIAL: u32 = 6;
/// Weight of a new measurement.
const NEW: f64 = 0.3;
/// A change has to pay at least this factor.
const MARGIN: f64 = 0.93;
/// Trials of more threads that fail become rarer, up to this factor: beside busy processes one such
/// step can take a second.
const RAREST: u32 = 32;

/// Chooses a number of threads by measured time.
pub struct Threads {
    /// Counts to choose from, all cores first, each about half of the one before.
    counts: Vec<u32>,
    /// Seconds per token with each count, when known.
    seconds: Vec<Option<f64>>,
    best: usize,
    trial: Option<(usize, u32)>,
    /// Steps from one trial to the next, and until the next.
    between: u32,
    until: u32,
    rarer: u32,
    tried_down: bool,
}

impl Threads {
    /// Chooses from 1 to `most`, beginning with `most`, with `between` steps from trial to trial.
    pub fn new(most: u32, between: u32) -> Self {
        let counts: Vec<u32> = std::iter::successors(Some(most.max(1)), |n| (*n > 1).then_some(n / 2)).collect();
        let seconds = vec![None; counts.len()];
        Self {
            counts,
            seconds,
            best: 0,
            trial: None,
            between,
            until: FIRST_TRIAL.min(between),
            rarer: 1,
            tried_down: false,
        }
    }

    /// Looks at the machine before a request: the measurements may be old.
    pub fn begin(&mut self, others: u32) {
        let free = self.counts[0].saturating_sub(others).max(1);
        if free < self.counts[self.best] {
            self.best = self.counts.iter().position(|n| *n <= free).unwrap_or(self.counts.len() - 1);
            self.trial = None;
        } else if others == 0 {
            (self.best, self.trial, self.rarer) = (0, None, 1);
            self.until = self.until.min(FIRST_TRIAL);
        }
    }

    /// Threads for the next step.
    pub fn next(&self) -> u32 {
        self.counts[self.trial.map_or(self.best, |(at, _)| at)]
    }

    /// Takes note of a step of `tokens` tokens that used [`Threads::next`].
    pub fn took(&mut self, tokens: usize, time: Duration) {
        let now = time.as_secs_f64() / tokens.max(1) as f64;
        let at = self.trial.map_or(self.best, |(at, _)| at);
        let trying = self.trial.is_some();
        // What a trial finds replaces what was known: that is old.
        let known = self.seconds[at].filter(|_| !trying);
        self.seconds[at] = Some(known.map_or(now, |old| old + NEW * (now - old)));
        match self.trial {
            Some((at, 1)) => self.end_trial(at),
            Some((at, left)) => self.trial = Some((at, left - 1)),
            None => self.maybe_try(),
        }
    }

    fn end_trial(&mut self, tried: usize) {
        self.trial = None;
        let more = tried < self.best;
        let mut paid = false;
        if let (Some(new), Some(old)) = (self.seconds[tried], self.seconds[self.best])
            && new < old * MARGIN
        {
            self.best = tried;
            paid = true;
        }
        if more {
            self.rarer = if paid { 1 } else { (self.rarer * 2).min(RAREST) };
        }
        if paid {
            // What helped once may help again: soon, and in the same direction.
            self.until = FIRST_TRIAL.min(self.between);
            self.tried_down = more;
        } else {
            self.until = self.between * if more { self.rarer } else { 1 };
        }
    }

    fn maybe_try(&mut self) {
        self.until = self.until.saturating_sub(1);
        if self.until > 0 || self.counts.len() == 1 {
            return;
        }
        self.tried_down = !self.tried_down;
        let fewer = (self.best + 1 < self.counts.len()).then_some(self.best + 1);
        let more = self.best.checked_sub(1);
        let neighbour = if self.tried_down { fewer.or(more) } else { more.or(fewer) };
        self.trial = neighbour.map(|at| (at, TRIAL));
    }
}

/// Other threads of the machine that want a processor right now; 0 where the kernel does not tell.
pub fn others_running() -> u32 {
    std::fs::read_to_string("/proc/loadavg").map_or(0, |text| parse_running(&text).saturating_sub(1))
}

/// The fourth field is `running/all`, this thread included.
fn parse_running(loadavg: &str) -> u32 {
    let field = loadavg.split_whitespace().nth(3).and_then(|field| field.split('/').next());
    field.and_then(|running| running.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_low_on_a_busy_machine_and_looks_up_again_on_an_idle_one() {
        let mut threads = Threads::new(4, 48);
        threads.begin(2);
        assert_eq!(threads.next(), 2);
        threads.begin(9);
        assert_eq!(threads.next(), 1);
        threads.begin(0);
        assert_eq!(threads.next(), 4);
        // Nothing says "busy", but it is: the first trials find out.
        assert!(settle(&mut threads, 60, |n| 100 * u64::from(n)) < 180.0);
        assert_eq!(threads.counts[threads.best], 1);
        assert_eq!(parse_running("0.20 0.18 0.12 3/80 11206\n"), 3);
        assert_eq!(parse_running("?"), 0);
    }

    /// Runs steps on a machine where a count of threads takes `ms` per token.
    fn settle(threads: &mut Threads, steps: usize, ms: impl Fn(u32) -> u64) -> f64 {
        let mut total = 0;
        for _ in 0..steps {
            let time = ms(threads.next());
            total += time;
            threads.took(1, Duration::from_millis(time));
        }
        total as f64 / steps as f64
    }

    #[test]
    fn it_follows_the_load_of_the_machine() {
        let idle = |n: u32| 16 / u64::from(n) + 1;
        let busy = |n: u32| 16 + 40 * u64::from(n - 1);
        let mut threads = Threads::new(4, 48);
        assert_eq!(threads.next(), 4);
        let mean = settle(&mut threads, 400, idle);
        assert!(mean < 5.6, "idle {mean}");
        let mean = settle(&mut threads, 400, busy);
        assert!(mean < 40.0, "busy {mean}");
        assert_eq!(threads.counts[threads.best], 1);
        settle(&mut threads, 4_000, idle);
        assert_eq!(threads.counts[threads.best], 4);
    }

    #[test]
    fn one_core_has_no_choice() {
        let mut threads = Threads::new(1, 48);
        settle(&mut threads, 200, |_| 10);
        assert_eq!(threads.next(), 1);
        assert_eq!(Threads::new(0, 48).next(), 1);
    }
}
