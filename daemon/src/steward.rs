//! Keeps hob to what the conditions allow, and writes down each change with its reason.
//!
//! Owns: the limits in force, and who is held back by them. Must not know: D-Bus, how conditions are found out.

use crate::decisions::{Decisions, Deed};
use crate::error::{HobError, Kind};
use crate::governor::{Conditions, Governor, Limits, Policy, Rule, figures};
use crate::models::Models;
use hob_index::Index;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The decisions' subject for the number of threads.
pub const THREADS: &str = "threads";
/// For embeddings of files.
pub const EMBEDDING: &str = "embedding";
/// For requests that nobody waits for.
pub const BACKGROUND: &str = "background work";

/// For long work that waits for a machine that nobody needs.
pub const MAINTENANCE: &str = "maintenance";
/// For what is kept of the index on disk.
const INDEX_FILES: &str = "the index's files";

/// Time from one look at what can be tidied to the next.
const MAINTAINED_AGAIN: Duration = Duration::from_secs(600);
/// The memory ladder's step at which it ends.
const CRITICAL: u8 = 6;
/// How long background work may take to end before the machine sleeps.
const ENDS_WITHIN: Duration = Duration::from_secs(1);

/// Holds hob back.
pub struct Steward {
    governor: Arc<Governor>,
    decisions: Arc<Decisions>,
    limits: watch::Sender<Limits>,
    /// Background requests that run.
    running: watch::Sender<usize>,
}

/// What is in force at a moment, and why.
struct State {
    rules: Vec<Rule>,
    limits: Limits,
}

impl Steward {
    /// Nothing is limited before [`Steward::run`].
    pub fn new(governor: Arc<Governor>, decisions: Arc<Decisions>) -> Self {
        let (limits, running) = (watch::Sender::new(Limits::NONE), watch::Sender::new(0));
        Self { governor, decisions, limits, running }
    }

    /// The limits in force, watched.
    pub fn limits(&self) -> watch::Receiver<Limits> {
        self.limits.subscribe()
    }

    /// Whether work that nobody asked for may run now.
    pub fn allows_own_work(&self) -> bool {
        self.limits.borrow().background && self.governor.now().allow_background_work()
    }

    /// Applies the limits as the conditions change. Runs until dropped.
    pub async fn run(&self, models: &Models, index: &Index) {
        let mut conditions = self.governor.watch();
        let mut before = State { rules: Vec::new(), limits: Limits::NONE };
        loop {
            let now = conditions.borrow_and_update().clone();
            let policy = self.governor.policy();
            let state = State { rules: policy.rules(&now), limits: policy.limits(&now) };
            self.apply(&before, &state, &now, models, index).await;
            before = state;
            if conditions.changed().await.is_err() {
                return;
            }
        }
    }

    async fn apply(&self, before: &State, after: &State, now: &Conditions, models: &Models, index: &Index) {
        let (old, new) = (&before.limits, &after.limits);
        self.write_down(before, after, now);
        self.limits.send_if_modified(|limits| std::mem::replace(limits, *new) != *new);
        if old.backfill != new.backfill {
            index.hold_embedding(!new.backfill);
        }
        models.allow_smaller(new.smaller_model);
        if (old.threads_percent, old.background) != (new.threads_percent, new.background) {
            models.limit(new.threads_percent, new.background).await;
        }
    }

    /// Each limit that came or went, with the rules that did it.
    fn write_down(&self, before: &State, after: &State, now: &Conditions) {
        let figures = figures(now, &after.limits);
        let decided =
            |was: bool, is: bool, subject, [stops, goes_on]: [Deed; 2], concerns: &dyn Fn(&Limits) -> bool| match (
                was, is,
            ) {
                (_, true) => self.decisions.record(stops, subject, self.reasons(after, now, concerns), &figures),
                (true, false) => {
                    self.decisions.record(goes_on, subject, self.ends(before, after, now, concerns), &figures);
                }
                (false, false) => {}
            };
        let (old, new) = (&before.limits, &after.limits);
        let slower = |limits: &Limits| limits.threads_percent < 100;
        if old.threads_percent != new.threads_percent {
            decided(slower(old), slower(new), THREADS, [Deed::Slowed, Deed::Freed], &slower);
        }
        let rests = [Deed::Paused, Deed::Resumed];
        let no_backfill = |limits: &Limits| !limits.backfill;
        if old.backfill != new.backfill {
            decided(no_backfill(old), no_backfill(new), EMBEDDING, rests, &no_backfill);
        }
        let no_background = |limits: &Limits| !limits.background;
        if old.background != new.background {
            decided(no_background(old), no_background(new), BACKGROUND, rests, &no_background);
        }
    }

    /// Why something is limited now.
    fn reasons(&self, after: &State, now: &Conditions, concerns: &dyn Fn(&Limits) -> bool) -> String {
        let policy = self.governor.policy();
        let rules = after.rules.iter().filter(|rule| concerns(&policy.narrowed(Limits::NONE, **rule)));
        joined(rules.map(|rule| policy.because(*rule, now)))
    }

    /// Why something is no longer limited.
    fn ends(&self, before: &State, after: &State, now: &Conditions, concerns: &dyn Fn(&Limits) -> bool) -> String {
        let policy = self.governor.policy();
        let gone = before.rules.iter().filter(|rule| !after.rules.contains(rule));
        let gone = gone.filter(|rule| concerns(&policy.narrowed(Limits::NONE, **rule)));
        joined(gone.map(|rule| Policy::over(*rule, now)))
    }

    /// Does work that nobody waits for: not before it is allowed, and not while the machine goes to sleep.
    pub async fn in_background<T>(&self, work: impl Future<Output = Result<T, HobError>>) -> Result<T, HobError> {
        let mut limits = self.limits.subscribe();
        let stopping = || HobError::new(Kind::Cancelled, "the daemon is stopping");
        limits.wait_for(|limits| limits.background).await.map_err(|_| stopping())?;
        let mut conditions = self.governor.watch();
        let _runs = Runs::new(&self.running);
        tokio::select! {
            done = work => done,
            ended = conditions.wait_for(|now| now.suspending || now.memory_step >= CRITICAL) => {
                let sleeps = ended.is_ok_and(|now| now.suspending);
                let (because, now) = if sleeps {
                    ("the machine was about to sleep", "the machine goes to sleep")
                } else {
                    ("the machine was out of memory", "the machine is out of memory")
                };
                self.decisions.record(Deed::Ended, BACKGROUND, because.to_string(), &[]);
                Err(HobError::new(Kind::Cancelled, format!("{now}, so background work was ended; ask again later")))
            }
        }
    }

    /// The same for long work that can wait for hours: it begins when the machine is on mains power and nobody needs it.
    pub async fn in_maintenance<T>(&self, work: impl Future<Output = Result<T, HobError>>) -> Result<T, HobError> {
        let mut limits = self.limits.subscribe();
        if !limits.borrow_and_update().maintenance {
            let now = self.governor.watch().borrow().clone();
            let state =
                State { rules: self.governor.policy().rules(&now), limits: self.governor.policy().limits(&now) };
            let because = self.reasons(&state, &now, &|limits| !limits.maintenance);
            self.decisions.record(Deed::Paused, MAINTENANCE, because, &figures(&now, &state.limits));
            let stopping = |_| HobError::new(Kind::Cancelled, "the daemon is stopping");
            limits.wait_for(|limits| limits.maintenance).await.map_err(stopping)?;
            self.decisions.record(Deed::Resumed, MAINTENANCE, "nobody needs the machine now".into(), &[]);
        }
        tokio::select! {
            done = self.in_background(work) => done,
            // Its process can't rest in the middle, so it ends.
            _ = limits.wait_for(|limits| !limits.background) => {
                let because = self.background_reasons();
                let message = format!("it was ended because {because}; ask again later");
                self.decisions.record(Deed::Ended, MAINTENANCE, because, &[]);
                Err(HobError::new(Kind::Cancelled, message))
            }
        }
    }

    /// Why background work may not run now.
    fn background_reasons(&self) -> String {
        let now = self.governor.watch().borrow().clone();
        let policy = self.governor.policy();
        self.reasons(&State { rules: policy.rules(&now), limits: policy.limits(&now) }, &now, &|limits| {
            !limits.background
        })
    }

    /// Makes the index's files smaller whenever nobody needs the machine. Runs until dropped.
    pub async fn maintain(&self, index: &Index) {
        let mut limits = self.limits.subscribe();
        loop {
            tokio::time::sleep(MAINTAINED_AGAIN).await;
            if limits.wait_for(|limits| limits.maintenance).await.is_err() {
                return;
            }
            let index = index.clone();
            match tokio::task::spawn_blocking(move || index.tidy()).await {
                Ok(Ok(true)) => {
                    let because = "nobody needed the machine, and much in it was out of date".into();
                    self.decisions.record(Deed::Trimmed, INDEX_FILES, because, &[]);
                }
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the index's files can't be made smaller"),
                Err(error) => tracing::error!(%error, "the index's files were not looked at"),
            }
        }
    }

    /// Makes the machine ready to sleep: background work ends, and idle models write down what they have evaluated and
    /// go. They are loaded again when somebody wants them.
    pub async fn before_sleep(&self, models: &Models) {
        self.governor.change(|now| now.suspending = true);
        let mut running = self.running.subscribe();
        if tokio::time::timeout(ENDS_WITHIN, running.wait_for(|count| *count == 0)).await.is_err() {
            tracing::warn!("background work does not end before the machine sleeps; it goes on afterwards");
        }
        models.unload_unused("the machine was about to sleep", true).await;
    }

    /// The machine is awake again.
    pub fn after_sleep(&self) {
        self.governor.change(|now| now.suspending = false);
    }
}

/// Counts a running background request.
struct Runs<'a>(&'a watch::Sender<usize>);

impl<'a> Runs<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Runs<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Reasons as one clause; each is said once.
fn joined(reasons: impl Iterator<Item = String>) -> String {
    let mut said: Vec<String> = Vec::new();
    reasons.for_each(|reason| {
        if !said.contains(&reason) {
            said.push(reason);
        }
    });
    said.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steward() -> (tempfile::TempDir, Steward) {
        let root = tempfile::tempdir().expect("a folder");
        let policy = Policy { sysfs: root.path().into(), ..Policy::default() };
        (root, Steward::new(Arc::new(Governor::new(policy)), Arc::default()))
    }

    fn state(steward: &Steward, now: &Conditions) -> State {
        let policy = steward.governor.policy();
        State { rules: policy.rules(now), limits: policy.limits(now) }
    }

    #[test]
    fn each_act_and_its_undoing_is_written_down_with_its_reason() {
        let (_root, steward) = steward();
        let (calm, now) = (
            Conditions::default(),
            Conditions { on_battery: true, battery_percent: Some(30), ..Conditions::default() },
        );
        let (before, after) = (state(&steward, &calm), state(&steward, &now));
        steward.write_down(&before, &after, &now);
        steward.write_down(&after, &after, &now);
        steward.write_down(&after, &before, &calm);
        let told: Vec<_> =
            steward.decisions.latest(|_| true).into_iter().map(|d| (d.deed, d.subject, d.because)).rev().collect();
        let level = "the machine runs on battery at 30%, and files are embedded only above 50%";
        let mains = "the machine is on mains power again";
        let expected = [
            (Deed::Slowed, THREADS, "the machine runs on battery"),
            (Deed::Paused, EMBEDDING, level),
            (Deed::Freed, THREADS, mains),
            (Deed::Resumed, EMBEDDING, mains),
        ];
        let expected: Vec<_> = expected.map(|(deed, s, b)| (deed, s.to_string(), b.to_string())).to_vec();
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn what_can_wait_begins_on_mains_power_when_nobody_needs_the_machine() {
        let (_root, steward) = steward();
        assert_eq!(steward.in_maintenance(async { Ok(1) }).await.expect("allowed"), 1);
        steward.governor.change(|now| (now.on_battery, now.user_idle) = (true, Some(false)));
        steward.limits.send_modify(|limits| limits.maintenance = false);
        let waits = steward.in_maintenance(async { Ok(2) });
        let allows = async {
            tokio::task::yield_now().await;
            steward.limits.send_modify(|limits| limits.maintenance = true);
            std::future::pending::<()>().await;
        };
        tokio::select! { done = waits => assert_eq!(done.expect("allowed again"), 2), () = allows => {} }
        let told: Vec<_> = steward.decisions.latest(|d| d.subject == MAINTENANCE);
        assert_eq!(told.iter().map(|d| d.deed).collect::<Vec<_>>(), [Deed::Resumed, Deed::Paused]);
        assert_eq!(told[1].because, "somebody uses the machine and the machine runs on battery");
        // What can't rest ends when even background work may not run.
        let hot = async {
            tokio::task::yield_now().await;
            steward.governor.change(|now| now.heat = crate::governor::Heat::VeryHot);
            steward.limits.send_modify(|limits| limits.background = false);
        };
        let (ended, ()) = tokio::join!(steward.in_maintenance(std::future::pending::<Result<(), HobError>>()), hot);
        let ended = ended.expect_err("ended");
        assert!(ended.kind == Kind::Cancelled && ended.message.contains("very hot"), "{ended}");
    }

    #[tokio::test]
    async fn background_work_waits_and_ends_when_the_machine_sleeps() {
        let (_root, steward) = steward();
        assert_eq!(steward.in_background(async { Ok(7) }).await.expect("allowed"), 7);
        steward.limits.send_modify(|limits| limits.background = false);
        let waits = steward.in_background(async { Ok(8) });
        let allows = async {
            tokio::task::yield_now().await;
            steward.limits.send_modify(|limits| limits.background = true);
            std::future::pending::<()>().await;
        };
        tokio::select! { done = waits => assert_eq!(done.expect("allowed again"), 8), () = allows => {} }
        let never = steward.in_background(std::future::pending::<Result<(), HobError>>());
        let sleeps = async { steward.governor.change(|now| now.suspending = true) };
        let (ended, ()) = tokio::join!(never, sleeps);
        assert_eq!(ended.expect_err("ended").kind, Kind::Cancelled);
        assert_eq!(*steward.running.borrow(), 0);
        assert_eq!(steward.decisions.latest(|d| d.deed == Deed::Ended).len(), 1);
    }
}
