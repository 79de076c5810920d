//! The pressure ladder: how much hob gives back when others need memory.
//!
//! Owns: which step the readings call for, and when to climb down again. Must not know: what a step does, and where
//! readings come from.

use std::time::{Duration, Instant};

/// So long nothing may call for the present step before the one below it is taken.
const CALM: Duration = Duration::from_secs(3);
/// Free shares below which steps 1 to 6 begin.
const FREE: [f64; 6] = [0.20, 0.15, 0.12, 0.10, 0.06, 0.03];
/// A program that takes memory so fast that the rest lasts no longer than this gets it in time...
const LASTS: Duration = Duration::from_secs(1);
/// ... when no more than this share is free.
const SCARCE: f64 = 0.5;
/// Of 100 s, so many in which all tasks waited for memory are critical.
const ALL_WAIT: f64 = 40.0;

/// What hob does, from nothing to everything. Each step includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Nothing.
    #[default]
    Calm,
    /// Free memory goes back to the kernel.
    Trim,
    /// Background work stops.
    StopBackground,
    /// Evaluated prompts in memory go.
    DropPrompts,
    /// Models that nobody uses go.
    UnloadIdle,
    /// New background work is refused; contexts are loaded short.
    Refuse,
    /// Everything goes that answers nobody, and then what answers.
    Critical,
}

impl Step {
    const ALL: [Self; 7] = [
        Self::Calm,
        Self::Trim,
        Self::StopBackground,
        Self::DropPrompts,
        Self::UnloadIdle,
        Self::Refuse,
        Self::Critical,
    ];

    /// Its number, 0 to 6.
    pub fn number(self) -> u8 {
        self as u8
    }

    fn below(self) -> Self {
        Self::ALL[usize::from(self.number().saturating_sub(1))]
    }
}

/// What the kernel says at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Readings {
    /// Tasks have waited for memory for 150 ms of the last 2 s.
    pub stalled: bool,
    /// Of the last 10 s, the share in which all tasks waited for memory, 0 to 100.
    pub all_wait: f64,
    /// Free memory of the machine or of the own control group, whichever is the smaller share; 0 to 1.
    pub free: f64,
    /// So long the free memory lasts if others go on to take it as fast; `None` where they don't or nobody knows.
    pub lasts: Option<Duration>,
    /// A control group has a limit of its own, which a program in it may reach within a moment.
    pub limited: bool,
    /// LowMemoryMonitor's last warning: 50 low, 100 medium, 255 critical; 0 for none.
    pub warning: u8,
}

impl Readings {
    /// The same, with how long what is free lasts, as it was more so long ago.
    pub fn after(self, earlier: &Self, elapsed: Duration) -> Self {
        let taken = earlier.free - self.free;
        let lasts = elapsed.as_secs_f64() * self.free / taken;
        let lasts = Some(lasts).filter(|_| taken > 0.0).and_then(|lasts| Duration::try_from_secs_f64(lasts).ok());
        Self { lasts, ..self }
    }

    /// Next to nothing is free.
    pub fn is_exhausted(&self) -> bool {
        self.free < FREE[FREE.len() - 1]
    }

    /// The step that they call for.
    pub fn wanted(&self) -> Step {
        let by_free = Step::ALL[FREE.iter().filter(|share| self.free < **share).count()];
        let by_stall = match (self.stalled, self.all_wait) {
            (_, all) if all >= ALL_WAIT => Step::Critical,
            (true, _) => Step::UnloadIdle,
            _ => Step::Calm,
        };
        let by_warning = match self.warning {
            0 => Step::Calm,
            1..100 => Step::StopBackground,
            100..255 => Step::UnloadIdle,
            255 => Step::Refuse,
        };
        let is_short = self.free < SCARCE && self.lasts.is_some_and(|lasts| lasts <= LASTS);
        let by_rate = if is_short { Step::UnloadIdle } else { Step::Calm };
        by_free.max(by_stall).max(by_warning).max(by_rate)
    }
}

/// The step that holds: up at once, down one at a time and only after a calm.
#[derive(Default)]
pub struct Ladder {
    step: Step,
    called_for: Option<Instant>,
}

impl Ladder {
    /// The step that holds.
    pub fn step(&self) -> Step {
        self.step
    }

    /// Takes readings; the step before and after, when it changes.
    pub fn advance(&mut self, readings: &Readings, now: Instant) -> Option<(Step, Step)> {
        let (held, wanted) = (self.step, readings.wanted());
        let calm = self.called_for.is_none_or(|at| now.duration_since(at) >= CALM);
        let next = match wanted.cmp(&held) {
            std::cmp::Ordering::Greater => wanted,
            std::cmp::Ordering::Less if calm => held.below(),
            _ => held,
        };
        if wanted >= held || next != held {
            self.called_for = Some(now);
        }
        if next == held {
            return None;
        }
        self.step = next;
        Some((held, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(free: f64) -> Readings {
        Readings { free, ..Readings::default() }
    }

    #[test]
    fn readings_call_for_steps() {
        let cases = [(0.5, 0), (0.19, 1), (0.14, 2), (0.11, 3), (0.09, 4), (0.05, 5), (0.02, 6)];
        for (share, step) in cases {
            assert_eq!(free(share).wanted().number(), step, "{share}");
        }
        assert_eq!(Readings { stalled: true, ..free(0.5) }.wanted(), Step::UnloadIdle);
        let warned = |warning| Readings { warning, ..free(0.5) }.wanted();
        assert_eq!([50, 100, 255].map(warned), [Step::StopBackground, Step::UnloadIdle, Step::Refuse]);
        assert_eq!(Readings { all_wait: 50.0, ..free(0.5) }.wanted(), Step::Critical);
    }

    #[test]
    fn a_program_that_takes_memory_fast_is_seen_before_it_has_taken_all() {
        let step = |before, after, ms| free(after).after(&free(before), Duration::from_millis(ms)).wanted();
        // 0.04 in 100 ms: the rest lasts 1.1 s and 0.9 s.
        assert_eq!([step(0.48, 0.44, 100), step(0.40, 0.36, 100)], [Step::Calm, Step::UnloadIdle]);
        // Slower, with plenty left, given back, unchanged, or at the same moment.
        let others = [step(0.40, 0.36, 500), step(0.95, 0.60, 100), step(0.30, 0.40, 100), step(0.3, 0.3, 100)];
        assert_eq!(others, [Step::Calm; 4]);
        assert_eq!(step(0.40, 0.36, 0), Step::UnloadIdle);
    }

    #[test]
    fn up_at_once_and_down_by_steps_after_a_calm() {
        let (mut ladder, start) = (Ladder::default(), Instant::now());
        let at = |tenths: u64| start + Duration::from_millis(100 * tenths);
        assert_eq!(ladder.advance(&free(0.5), at(0)), None);
        assert_eq!(ladder.advance(&free(0.11), at(1)), Some((Step::Calm, Step::DropPrompts)));
        assert_eq!(ladder.advance(&free(0.5), at(20)), None);
        // Called for again meanwhile: the calm begins anew.
        assert_eq!(ladder.advance(&free(0.11), at(25)), None);
        assert_eq!(ladder.advance(&free(0.5), at(50)), None);
        assert_eq!(ladder.advance(&free(0.5), at(55)), Some((Step::DropPrompts, Step::StopBackground)));
        assert_eq!(ladder.advance(&free(0.5), at(60)), None);
        assert_eq!(ladder.advance(&free(0.5), at(85)), Some((Step::StopBackground, Step::Trim)));
        assert_eq!(ladder.advance(&free(0.5), at(115)), Some((Step::Trim, Step::Calm)));
        assert_eq!(ladder.step(), Step::Calm);
    }
}
