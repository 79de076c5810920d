//! What hob gives back when memory is short: the ladder's steps, carried out.
//!
//! Owns: what each step does and undoes. Must not know: which readings call for it.

use crate::Daemon;
use crate::decisions::Deed;
use crate::governor::ladder::{Ladder, Readings, Step};
use crate::governor::psi::Feed;
use std::time::{Duration, Instant};

/// How often free memory is looked at while a step holds.
const UNDER_PRESSURE: Duration = Duration::from_millis(250);
/// The same while models are resident.
const RESIDENT: Duration = Duration::from_millis(500);
/// The same while there is little to give back.
const AT_REST: Duration = Duration::from_secs(10);
/// How long critical pressure lasts before answers are ended.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// Watches the machine's memory, and acts, for as long as the daemon runs.
pub async fn watch(daemon: &Daemon) {
    let (feed, mut ladder) = (Feed::new(), Ladder::default());
    let mut critical: Option<Instant> = None;
    let (mut conditions, mut warned) = (daemon.governor.watch(), 0);
    loop {
        let pause = match ladder.step() {
            Step::Calm if daemon.models.any_resident() => RESIDENT,
            Step::Calm => AT_REST,
            _ => UNDER_PRESSURE,
        };
        let mut readings = tokio::select! {
            readings = feed.next(pause) => readings,
            _ = conditions.wait_for(|now| now.low_memory_warning > warned) => Feed::now(),
        };
        warned = conditions.borrow().low_memory_warning;
        readings.warning = warned;
        if let Some((before, after)) = ladder.advance(&readings, Instant::now()) {
            change(daemon, before, after, &readings).await;
        } else if ladder.step() >= Step::UnloadIdle {
            daemon.models.unload_unused(why(&readings), ladder.step() == Step::Critical).await;
        }
        critical = (readings.wanted() == Step::Critical).then(|| critical.unwrap_or_else(Instant::now));
        if critical.is_some_and(|since| since.elapsed() >= LAST_MOMENT) {
            daemon.models.end_all(why(&readings)).await;
        }
    }
}

/// Takes the steps from `before` to `after`, or back.
async fn change(daemon: &Daemon, before: Step, after: Step, readings: &Readings) {
    let figures = [("step", f64::from(after.number())), ("free_percent", readings.free * 100.0)];
    let record = |deed, subject: &str| daemon.decisions.record(deed, subject, why(readings).into(), &figures);
    let enters = |step| before < step && after >= step;
    let leaves = |step| before >= step && after < step;
    // The steward holds background work and embedding from step 2 on, and writes it down.
    daemon.governor.set_memory_step(after.number());
    if enters(Step::UnloadIdle) {
        daemon.models.unload_unused(why(readings), after == Step::Critical).await;
    }
    if enters(Step::Trim) {
        daemon.index.release_memory();
        daemon.skills.unload_idle().await;
        record(Deed::Trimmed, "hobd");
    }
    if enters(Step::DropPrompts) {
        daemon.models.trim(true).await;
        record(Deed::Trimmed, "evaluated prompts");
    } else if enters(Step::Trim) {
        daemon.models.trim(false).await;
    }
    if enters(Step::Refuse) {
        daemon.models.keep_short(true);
        record(Deed::Shortened, "contexts of models that are loaded now");
    }
    if leaves(Step::Refuse) {
        daemon.models.keep_short(false);
    }
}

/// As a clause that follows "because".
fn why(readings: &Readings) -> &'static str {
    match readings.stalled {
        true => "other programs were waiting for memory",
        false => "the machine was short of memory",
    }
}
