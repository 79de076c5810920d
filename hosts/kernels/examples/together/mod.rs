//! Threads that do the same work at the same time, as those of a step do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Where threads wait for each other without sleep, as llama.cpp's do between operations.
pub struct Meeting {
    threads: usize,
    came: AtomicUsize,
}

impl Meeting {
    /// Waits until all are here.
    pub fn wait(&self) {
        let round = self.came.fetch_add(1, Ordering::AcqRel) / self.threads + 1;
        while self.came.load(Ordering::Acquire) < round * self.threads {
            std::hint::spin_loop();
        }
    }
}

/// The shortest of `rounds` times that `threads` threads take for `work`, in seconds. Each is given its number.
pub fn best(threads: usize, rounds: usize, work: impl Fn(usize, &Meeting) + Sync) -> f64 {
    let meeting = Meeting { threads, came: AtomicUsize::new(0) };
    let all = &|thread: usize| {
        let once = |_| {
            meeting.wait();
            let start = Instant::now();
            work(thread, &meeting);
            start.elapsed().as_secs_f64()
        };
        (0..rounds).map(once).fold(f64::INFINITY, f64::min)
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || all(thread))).collect();
        let best = all(0);
        others.into_iter().for_each(|other| drop(other.join()));
        best
    })
}
