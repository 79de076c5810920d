//! The one value of [`Conditions`] that everybody watches, and who may change it.
//!
//! Owns: the value, and looking at the kernel's files now and then. Must not know: D-Bus, models, the index.

use super::conditions::Conditions;
use super::policy::Policy;
use super::psi::Gauge;
use std::time::Duration;
use tokio::sync::watch;

/// How often the files are looked at while no model is loaded: only the battery matters then.
const LOOK_RARELY: Duration = Duration::from_secs(60);

/// Keeps the machine's conditions.
pub struct Governor {
    policy: Policy,
    conditions: watch::Sender<Conditions>,
}

impl Governor {
    /// Reads what the kernel says now.
    pub fn new(policy: Policy) -> Self {
        let mut now = Conditions::default();
        now.read_pressure(&policy.procfs);
        now.read_sysfs(&policy.sysfs, &policy.heat);
        Self { policy, conditions: watch::Sender::new(now) }
    }

    /// The rules.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The conditions as they were told last, with memory and processor as they are now.
    pub fn now(&self) -> Conditions {
        let mut now = self.conditions.borrow().clone();
        now.read_pressure(&self.policy.procfs);
        now
    }

    /// The conditions and their changes. Figures about memory and processor are as old as the last change.
    pub fn watch(&self) -> watch::Receiver<Conditions> {
        self.conditions.subscribe()
    }

    /// Changes the conditions. Whoever watches hears of it only when something is different.
    pub fn change(&self, change: impl FnOnce(&mut Conditions)) {
        self.conditions.send_if_modified(|now| {
            let before = now.clone();
            change(now);
            *now != before
        });
    }

    /// How far the memory ladder has been climbed, 0 to 6.
    pub fn set_memory_step(&self, step: u8) {
        self.change(|now| now.memory_step = step.min(6));
    }

    /// How short memory is, as the ladder reads it.
    pub fn gauge(&self) -> Gauge {
        Gauge::new(&self.policy.procfs)
    }

    /// Looks at the kernel's files now.
    pub fn look(&self) {
        self.change(|now| now.read_sysfs(&self.policy.sysfs, &self.policy.heat));
    }

    /// Looks at the kernel's files, often while `works` and rarely otherwise; `begins` changes when work may begin. Runs
    /// until dropped.
    pub async fn look_now_and_then(&self, works: impl Fn() -> bool, mut begins: watch::Receiver<u64>) {
        let mut begun = false;
        // Work may have begun before this did.
        begins.mark_changed();
        loop {
            let often = begun || works();
            let pause = if often { self.policy.look_every.min(LOOK_RARELY) } else { LOOK_RARELY };
            begun = tokio::select! {
                () = tokio::time::sleep(pause) => false,
                Ok(()) = begins.changed(), if !often => true,
            };
            if !begun {
                self.change(|now| {
                    now.read_pressure(&self.policy.procfs);
                    now.read_sysfs(&self.policy.sysfs, &self.policy.heat);
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn governor(root: &std::path::Path) -> Governor {
        let look_every = Duration::from_secs(10);
        Governor::new(Policy { sysfs: root.into(), look_every, ..Policy::default() })
    }

    #[test]
    fn who_watches_hears_of_changes_alone() {
        let root = tempfile::tempdir().expect("a folder");
        let governor = governor(root.path());
        let mut seen = governor.watch();
        governor.change(|now| now.on_battery = false);
        governor.look();
        assert!(!seen.has_changed().expect("open"));
        governor.set_memory_step(9);
        assert!(seen.has_changed().expect("open"));
        assert_eq!(seen.borrow_and_update().memory_step, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_began_before_the_first_look_is_not_overlooked() {
        let root = tempfile::tempdir().expect("a folder");
        let governor = governor(root.path());
        let zone = root.path().join("class/thermal/thermal_zone0");
        std::fs::create_dir_all(&zone).expect("made");
        std::fs::write(zone.join("temp"), "99000\n").expect("written");
        let (mut seen, start) = (governor.watch(), tokio::time::Instant::now());
        // The one beginning was before anybody watched.
        let begins = watch::Sender::new(1);
        let look = governor.look_now_and_then(|| false, begins.subscribe());
        let hot = seen.wait_for(|now| now.temperature == Some(99.0));
        tokio::select! { () = look => {}, hot = hot => assert!(hot.is_ok()) }
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn heat_is_seen_while_something_works_and_vanishing_files_are_no_error() {
        let root = tempfile::tempdir().expect("a folder");
        let zone = root.path().join("class/thermal/thermal_zone0");
        std::fs::create_dir_all(&zone).expect("made");
        std::fs::write(zone.join("temp"), "40000\n").expect("written");
        let governor = governor(root.path());
        let mut seen = governor.watch();
        let look = governor.look_now_and_then(|| true, watch::channel(0).1);
        let script = async {
            std::fs::write(zone.join("temp"), "99000\n").expect("written");
            let hot = seen.wait_for(|now| now.temperature == Some(99.0)).await.expect("open").heat;
            assert_eq!(hot, super::super::Heat::VeryHot);
            std::fs::remove_dir_all(&zone).expect("removed");
            let cool = seen.wait_for(|now| now.temperature.is_none()).await.expect("open").heat;
            assert_eq!(cool, super::super::Heat::Cool);
        };
        tokio::select! { () = look => {}, () = script => {} }
    }
}
