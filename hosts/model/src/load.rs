//! What else the machine has to do: how many others want a core.
//!
//! Owns: the kernel's figures about it, and how long they are believed. Must not know: what they are used for.
//!
//! Two figures: the run queue, which shows a change at once but counts everything that is runnable, and the time that
//! others really got, which tells work of normal priority from what only takes what is left over (`nice`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often the run queue is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Looks that must agree before others count as busy: who only runs for a moment takes no core from us.
const LOOKS: usize = 4;
/// Looks after a pause, when there is no time to wait for [`LOOKS`], unless one finds nobody. With the time between them
/// they take twenty milliseconds: as long as several need who ask at the same moment.
const LOOKS_AT_ONCE: usize = 100;
const MOMENT: Duration = Duration::from_micros(200);
/// After a pause of this length they start anew. A step beside busy processes can take long, so it is no pause.
const STALE: Duration = Duration::from_secs(3);
/// How long the time that others got is counted before it is believed; the kernel counts it in hundredths of a second.
const COUNTED: Duration = Duration::from_millis(200);
/// Cores that others have to use, at normal priority, to count as busy.
const BUSY_CORES: f64 = 0.25;

/// How many others want a core, without those that only want one for a moment or take what is left.
#[derive(Default)]
pub struct Load {
    looks: VecDeque<u32>,
    at: Option<Instant>,
    since: Option<(Instant, Ticks)>,
    /// Cores that others used of late, at normal priority.
    used: Option<f64>,
}

impl Load {
    /// Looks again, if it is time to. `own` threads of this process run or look for work.
    pub fn look(&mut self, now: Instant, own: u32) {
        if self.at.is_some_and(|at| now.duration_since(at) < LOOK) {
            return;
        }
        // After a pause only the caller's thread runs, and whoever has brought the request is about to sleep.
        let others =
            if self.is_stale(now) { steady(|| running().saturating_sub(1)) } else { running().saturating_sub(own) };
        self.note(now, others);
        self.count(now);
    }

    /// There was nothing to do: what was seen before says nothing about now.
    pub fn rest(&mut self) {
        self.at = None;
    }

    /// How many others are busy.
    pub fn others(&self) -> u32 {
        if self.used.is_some_and(|cores| cores < BUSY_CORES) {
            return 0;
        }
        self.looks.iter().copied().min().unwrap_or(0)
    }

    /// What was seen long ago says nothing about now.
    fn is_stale(&self, now: Instant) -> bool {
        self.at.is_none_or(|at| now.duration_since(at) > STALE)
    }

    fn note(&mut self, now: Instant, others: u32) {
        if self.is_stale(now) {
            self.looks.clear();
            (self.since, self.used) = (None, None);
        }
        self.at = Some(now);
        if self.looks.len() == LOOKS {
            self.looks.pop_front();
        }
        self.looks.push_back(others);
    }

    fn count(&mut self, now: Instant) {
        let due = self.since.as_ref().is_none_or(|(since, _)| now.duration_since(*since) >= COUNTED);
        let Some(ticks) = due.then(Ticks::read).flatten() else { return };
        if let Some((since, before)) = self.since.replace((now, ticks)) {
            self.used = Some(ticks.others_since(&before, now.duration_since(since)));
        }
    }
}

/// Processor time in the kernel's hundredths of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    /// Of all processes at normal priority.
    all: u64,
    /// Of this process.
    own: u64,
}

impl Ticks {
    fn read() -> Option<Self> {
        let all = std::fs::read_to_string("/proc/stat").ok()?;
        let own = std::fs::read_to_string("/proc/self/stat").ok()?;
        Some(Self { all: parse_all(&all)?, own: parse_own(&own)? })
    }

    /// Cores that others used in a time.
    fn others_since(&self, before: &Self, time: Duration) -> f64 {
        let others = self.all.saturating_sub(before.all).saturating_sub(self.own.saturating_sub(before.own));
        others as f64 / 100.0 / time.as_secs_f64().max(0.01)
    }
}

/// `cpu  user nice system …`; time at low priority is counted apart.
fn parse_all(stat: &str) -> Option<u64> {
    let mut fields = stat.strip_prefix("cpu ")?.split_ascii_whitespace();
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.nth(1)?.parse().ok()?;
    Some(user + system)
}

/// Fields 14 and 15 (proc(5)); the name in field 2 may hold anything, so they are counted from its end.
fn parse_own(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit(')').next()?.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The least of a few looks in quick succession; one that finds nobody is enough.
fn steady(mut look: impl FnMut() -> u32) -> u32 {
    let mut least = look();
    for _ in 1..LOOKS_AT_ONCE {
        if least == 0 {
            break;
        }
        std::thread::sleep(MOMENT);
        least = least.min(look());
    }
    least
}

/// Threads of the machine that want a core right now; 0 where the kernel does not tell.
fn running() -> u32 {
    std::fs::read_to_string("/proc/loadavg").map_or(0, |text| parse_running(&text))
}

/// The fourth field is `running/all`.
fn parse_running(loadavg: &str) -> u32 {
    let field = loadavg.split_whitespace().nth(3).and_then(|field| field.split('/').next());
    field.and_then(|running| running.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_figures_are_read() {
        assert_eq!(parse_running("0.20 0.18 0.12 3/80 11206\n"), 3);
        assert_eq!(parse_running("?"), 0);
        assert_eq!(parse_all("cpu  100 40 7 900 0 0 0 0 0 0\ncpu0 1 2 3 4\n"), Some(107));
        assert_eq!(parse_own("12 (a) b) R 1 2 3 4 5 6 7 8 9 10 31 11 0 0 20"), Some(42));
        assert_eq!((parse_all("cpu"), parse_own("1 (x) R")), (None, None));
        assert!(Ticks::read().is_some());
    }

    #[test]
    fn a_moment_is_no_load_and_the_end_of_a_load_is_seen_at_once() {
        let mut load = Load::default();
        let start = Instant::now();
        let mut at = 0;
        let mut look = |load: &mut Load, others| {
            at += 20;
            load.note(start + Duration::from_millis(at), others);
            load.others()
        };
        assert_eq!([0, 3, 0, 0].map(|others| look(&mut load, others)), [0, 0, 0, 0]);
        assert_eq!([1, 1, 2, 1, 1].map(|others| look(&mut load, others)), [0, 0, 0, 1, 1]);
        assert_eq!([0, 0].map(|others| look(&mut load, others)), [0, 0]);
        // After a pause, the first look counts.
        load.note(start + Duration::from_secs(9), 2);
        assert_eq!(load.others(), 2);
    }

    #[test]
    fn after_a_pause_one_who_only_passes_by_is_no_load() {
        let mut looks = [2, 1, 0, 9].into_iter();
        assert_eq!((steady(|| looks.next().unwrap_or(9)), looks.next()), (0, Some(9)));
        assert_eq!(steady(|| 2), 2);
    }

    #[test]
    fn who_takes_what_is_left_over_is_no_load() {
        let before = Ticks { all: 1_000, own: 400 };
        let second = Duration::from_secs(1);
        assert_eq!(Ticks { all: 1_200, own: 500 }.others_since(&before, second), 1.0);
        assert_eq!(Ticks { all: 1_100, own: 500 }.others_since(&before, second), 0.0);
        let mut load = Load::default();
        (0..4).for_each(|_| load.note(Instant::now(), 3));
        assert_eq!(load.others(), 3);
        load.used = Some(0.1);
        assert_eq!(load.others(), 0);
    }
}
