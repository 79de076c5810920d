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
/// The same while they are, in a control group with a limit: a program in it reaches that in less than half a second.
const LIMITED: Duration = Duration::from_millis(100);
/// The same while there is little to give back: the kernel's own warning of stalls still comes at once.
const AT_REST: Duration = Duration::from_secs(60);
/// For so long after a lease was asked for, something to give back is expected.
const EXPECTED: Duration = Duration::from_secs(10);
/// With so much free it is not short of memory yet.
const PLENTY: f64 = 0.2;
/// How long critical pressure lasts before answers are ended.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// Watches the machine's memory, and acts, for as long as the daemon runs.
pub async fn watch(daemon: &Daemon) {
    let (feed, mut ladder) = (Feed::new(daemon.governor.gauge()), Ladder::default());
    let (mut last, mut limited, mut wanted): (Option<(Instant, Readings)>, _, Option<Instant>) = (None, false, None);
    let mut critical: Option<Instant> = None;
    let mut leased = daemon.models.leased();
    // Somebody may have asked for a model before this began.
    leased.mark_changed();
    let (mut conditions, mut warned) = (daemon.governor.watch(), 0);
    loop {
        let held = daemon.models.any_resident() || daemon.models.any_loading();
        let resident = held || wanted.is_some_and(|at| at.elapsed() < EXPECTED);
        let pause = match ladder.step() {
            _ if limited && resident => LIMITED,
            Step::Calm if resident => RESIDENT,
            Step::Calm => AT_REST,
            _ => UNDER_PRESSURE,
        };
        let mut readings = tokio::select! {
            readings = feed.next(pause) => readings,
            // From here on there will be something to give back.
            Ok(()) = leased.changed(), if pause == AT_REST => {
                wanted = Some(Instant::now());
                feed.now()
            }
            _ = conditions.wait_for(|now| now.low_memory_warning > warned) => feed.now(),
        };
        warned = conditions.borrow().low_memory_warning;
        readings.warning = warned;
        limited = readings.limited;
        let now = Instant::now();
        // What hob takes itself, for a load, is no sign of what others will.
        let this = (!daemon.models.any_loading()).then_some((now, readings));
        if let (Some((at, earlier)), Some(_)) = (last, this) {
            readings = readings.after(&earlier, now - at);
        }
        last = this;
        if let Some((before, after)) = ladder.advance(&readings, now) {
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
    match readings {
        _ if readings.stalled => "other programs were waiting for memory",
        _ if readings.free < PLENTY => "the machine was short of memory",
        _ if readings.warning > 0 => "the system warned that memory was low",
        _ => "another program was taking memory fast",
    }
}
