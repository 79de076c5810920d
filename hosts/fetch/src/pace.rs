//! How fast bytes come: measured, limited, told a few times a second.

use hob_link::fetch::{FetchProgress, Stage};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Progress is told at most this often.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// The rate is that of the last while.
const WINDOW: Duration = Duration::from_secs(5);

/// Measures, limits and tells.
pub struct Pace<'a> {
    limit: u64,
    tell: &'a mut dyn FnMut(FetchProgress),
    total: u64,
    told: Option<(Instant, Stage)>,
    seen: VecDeque<(Instant, u64)>,
    /// When the next bytes may come.
    due: Instant,
    received: u64,
}

impl<'a> Pace<'a> {
    /// At most `limit` bytes a second; 0 for no limit.
    pub fn new(limit: u64, tell: &'a mut dyn FnMut(FetchProgress)) -> Self {
        Self { limit, tell, total: 0, told: None, seen: VecDeque::new(), due: Instant::now(), received: 0 }
    }

    /// Sets the size of the whole, where it is known.
    pub fn expect(&mut self, total: Option<u64>) {
        self.total = total.unwrap_or(0);
    }

    /// Bytes that came since the start.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Notes that `came` more bytes are there, `done` in all, and waits when they came too fast.
    pub fn came(&mut self, came: u64, done: u64) {
        self.received += came;
        let now = Instant::now();
        self.seen.push_back((now, came));
        while self.seen.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.seen.pop_front();
        }
        self.tell(Stage::Receiving, done);
        if let Some(nanos) = came.saturating_mul(1_000_000_000).checked_div(self.limit) {
            self.due = self.due.max(now) + Duration::from_nanos(nanos);
            std::thread::sleep(self.due.saturating_duration_since(now));
        }
    }

    /// Tells where it is, unless that was just told.
    pub fn tell(&mut self, stage: Stage, done: u64) {
        let now = Instant::now();
        let recent = self.told.is_some_and(|(at, of)| of == stage && now.duration_since(at) < TELL_EVERY);
        if !recent || (done == self.total && done > 0 && stage == Stage::Receiving) {
            self.told = Some((now, stage));
            let bytes_per_second = if stage == Stage::Receiving { self.rate(now) } else { 0 };
            (self.tell)(FetchProgress { stage, done, total: self.total, bytes_per_second });
        }
    }

    fn rate(&self, now: Instant) -> u64 {
        let Some((first, _)) = self.seen.front() else { return 0 };
        let bytes: u64 = self.seen.iter().map(|(_, bytes)| bytes).sum();
        let seconds = now.duration_since(*first).as_secs_f64().max(0.1);
        (bytes as f64 / seconds) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_kept() {
        let (mut told, start) = (Vec::new(), Instant::now());
        let mut tell = |progress: FetchProgress| told.push(progress);
        let mut pace = Pace::new(1_000_000, &mut tell);
        pace.expect(Some(300_000));
        for block in 1..=3u64 {
            pace.came(100_000, block * 100_000);
        }
        assert!(start.elapsed() >= Duration::from_millis(290), "{:?}", start.elapsed());
        assert_eq!(pace.received(), 300_000);
        assert!(told.iter().any(|p| p.done == 300_000 && p.total == 300_000));
    }
}
