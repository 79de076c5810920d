//! What starts skills besides calls: the log-in, a time of day, a changed file, power, a signal on the bus.
//!
//! Owns: who waits for what, and the clock and files that are watched for it. Must not know: the bus and the battery;
//! those who do say what happened ([`Skills::happened`]).

use super::process::SkillProcess;
use super::watched::Watch;
use super::{CallOrigin, Notification, Skills, places};
use crate::permissions::Caller;
use hob_sdk::manifest::Start;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The clock may be set and the machine may sleep: a time of day is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Changes of a file that come together are one.
const TOGETHER: Duration = Duration::from_millis(300);

impl Skills {
    /// Something happened that skills may wait for: starts those, and calls the intent that they name for it.
    pub async fn happened(&self, is_it: impl Fn(&Start) -> bool) {
        for process in self.registry().installed.iter().filter(|process| self.is_usable(process)) {
            let lifecycle = &process.skill.manifest.lifecycle;
            if let Some(start) = lifecycle.start.iter().find(|start| is_it(start)) {
                self.started_by(process, start).await;
            }
        }
    }

    async fn started_by(&self, process: &Arc<SkillProcess>, start: &Start) {
        let manifest = &process.skill.manifest;
        let intent = manifest.lifecycle.on_event.as_ref().and_then(|name| manifest.intent(name));
        let Some(intent) = intent else {
            if let Err(error) = process.preload().await {
                tracing::warn!(skill = manifest.id, event = start.event(), %error, "a skill did not start by its event");
            }
            return;
        };
        let known =
            json!({"event": start.event(), "path": changed_path(start), "at": jiff::Timestamp::now().as_second()});
        let named = |name: String| {
            let value = known.get(&name).filter(|value| !value.is_null())?.clone();
            Some((name, value))
        };
        let wanted = intent.parameters().into_iter().filter_map(|parameter| named(parameter.name));
        let arguments = Value::Object(wanted.collect::<Map<_, _>>()).to_string();
        let caller = Caller::daemon();
        let origin = CallOrigin { caller: &caller, request: "", confirmed: false };
        match self.call(&manifest.id, &intent.name, &arguments, &origin).await {
            Ok(result) => self.tell(&manifest.id, &manifest.title, &result),
            Err(error) => tracing::warn!(skill = manifest.id, event = start.event(), %error, "an event's call failed"),
        }
    }

    /// Shows what a call that nobody waits for has to say.
    pub(super) fn tell(&self, skill: &str, title: &str, result: &Value) {
        let text = result.get("message").and_then(Value::as_str).unwrap_or_default().to_string();
        if !text.is_empty() {
            let notification = Notification { skill: skill.into(), title: title.into(), text };
            // Without listeners there is nobody to tell; the log has the call.
            let _listeners = self.notifications.send(notification).unwrap_or(0);
        }
    }

    /// Every signal on the bus that a usable skill waits for.
    pub fn awaited_signals(&self) -> Vec<Start> {
        let mut all: Vec<Start> = self.awaited(|start| matches!(start, Start::BusSignal { .. }));
        all.sort_by_key(Start::event);
        all.dedup();
        all
    }

    fn awaited(&self, which: impl Fn(&Start) -> bool) -> Vec<Start> {
        let registry = self.registry();
        let usable = registry.installed.iter().filter(|process| self.is_usable(process));
        usable.flat_map(|process| &process.skill.manifest.lifecycle.start).filter(|s| which(s)).cloned().collect()
    }

    /// Waits for log-in, times and files; runs until dropped.
    pub async fn run_events(&self) {
        let login = self.happened(|start| *start == Start::AtLogin);
        tokio::join!(login, self.run_clock(), self.run_files());
    }

    async fn run_clock(&self) {
        let mut changes = self.changes();
        let mut last = jiff::ZonedDateTime::now();
        loop {
            let daily = self.awaited(|start| matches!(start, Start::Daily { .. }));
            if daily.is_empty() {
                if changes.changed().await.is_err() {
                    return;
                }
                last = jiff::ZonedDateTime::now();
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(until_next(&daily, &last)) => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
            let now = jiff::ZonedDateTime::now();
            self.happened(|start| came_due(start, &last, &now)).await;
            last = now;
        }
    }

    async fn run_files(&self) {
        let mut changes = self.changes();
        loop {
            let watched = self.awaited(|start| matches!(start, Start::FileChanged { .. }));
            let watching = async {
                match Watch::new(&watched) {
                    Ok(watch) => self.follow(watch).await,
                    Err(error) => {
                        tracing::warn!(%error, "changed files start no skills");
                        std::future::pending().await
                    }
                }
            };
            tokio::select! {
                () = watching => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn follow(&self, watch: Watch) {
        loop {
            let Ok(first) = watch.changed().await else { return };
            tokio::time::sleep(TOGETHER).await;
            let mut paths = first;
            paths.extend(watch.more());
            self.happened(|start| matches!(start, Start::FileChanged { path } if paths.contains(path))).await;
        }
    }
}

fn changed_path(start: &Start) -> Option<String> {
    let Start::FileChanged { path } = start else { return None };
    Some(places::path(path)?.to_string_lossy().into_owned())
}

/// Whether a time of day lies after `last` and not after `now`.
fn came_due(start: &Start, last: &jiff::ZonedDateTime, now: &jiff::ZonedDateTime) -> bool {
    let Start::Daily { hour, minute } = start else { return false };
    let time = jiff::civil::time(*hour as i8, *minute as i8, 0, 0);
    // After a day of sleep it is due once, not once for each day.
    [now.date(), now.date().yesterday().unwrap_or(now.date())].into_iter().any(|day| {
        let due = day.to_datetime(time).to_zoned_datetime(now.time_zone().clone());
        due.is_ok_and(|due| due > *last && due <= *now)
    })
}

/// How long until the next of these times, but not longer than the clock is trusted.
fn until_next(daily: &[Start], now: &jiff::ZonedDateTime) -> Duration {
    let soon = now + LOOK_AGAIN;
    let is_soon = daily.iter().any(|start| came_due(start, now, &soon));
    if !is_soon {
        return LOOK_AGAIN;
    }
    let step = |seconds: u64| now + Duration::from_secs(seconds);
    let first = (1..=LOOK_AGAIN.as_secs()).find(|s| daily.iter().any(|start| came_due(start, now, &step(*s))));
    Duration::from_secs(first.unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_come_due_once() {
        let at = |text: &str| text.parse::<jiff::ZonedDateTime>().expect("a time");
        let seven = Start::Daily { hour: 7, minute: 0 };
        let (before, after) = (at("2026-11-25T06:59:50+00:00[UTC]"), at("2026-11-25T07:00:00+00:00[UTC]"));
        assert!(came_due(&seven, &before, &after) && !came_due(&seven, &after, &at("2026-11-25T07:00:30+00:00[UTC]")));
        assert!(came_due(&seven, &at("2026-11-20T08:00:00+00:00[UTC]"), &at("2026-11-25T06:00:00+00:00[UTC]")));
        assert_eq!(until_next(std::slice::from_ref(&seven), &before), Duration::from_secs(10));
        assert_eq!(until_next(&[seven], &after), LOOK_AGAIN);
    }
}
