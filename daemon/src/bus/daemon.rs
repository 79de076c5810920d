//! `org.hob.Daemon1`: how the service is.

use super::convert;
use super::dict::{Dict, DictBuilder};
use super::error::BusError;
use crate::governor::resident_bytes;
use crate::ledger::Usage;
use std::sync::Arc;
use zbus::interface;

/// The object behind `org.hob.Daemon1`.
pub struct DaemonInterface {
    pub(super) daemon: Arc<crate::Daemon>,
}

/// The service itself.
#[interface(name = "org.hob.Daemon1")]
impl DaemonInterface {
    /// Everything `hob status` shows: version s, state s, pid u, resident_bytes t, uptime_s t,
    /// budget a{sv}, models aa{sv}, index a{sv}, skills aa{sv}, hosts aa{sv} (every child: kind s,
    /// id s, pid u, resident_bytes t, sandbox s: what confines it), conditions a{sv}.
    async fn status(&self) -> Result<Dict, BusError> {
        let daemon = &self.daemon;
        let (models, skills) = (daemon.models.list(), daemon.skills.list());
        let mut hosts: Vec<Dict> = Vec::new();
        hosts.extend(models.iter().filter(|m| m.pid != 0).map(|m| host("model", &m.entry.id, m.pid)));
        hosts.extend(skills.iter().filter(|s| s.pid != 0).map(|s| host("skill", &s.id, s.pid)));
        for pid in daemon.extractor.pids().await {
            let mut host = host("extract", "", pid);
            host.extend(DictBuilder::default().put_some("sandbox", daemon.extractor.sandbox()).done());
            hosts.push(host);
        }
        let pid = std::process::id();
        let budget =
            DictBuilder::default().put("limit_bytes", daemon.models.budget()).put("used_bytes", daemon.models.used());
        Ok(DictBuilder::default()
            .put("version", crate::VERSION)
            .put("state", "running")
            .put("pid", pid)
            .put("resident_bytes", resident_bytes(pid))
            .put("uptime_s", daemon.started.elapsed().as_secs())
            .put("budget", budget.done())
            .put("models", models.into_iter().map(convert::model).collect::<Vec<_>>())
            .put("index", convert::index(&daemon.index.status()))
            .put("skills", skills.into_iter().map(convert::skill).collect::<Vec<_>>())
            .put("hosts", hosts)
            .put("conditions", self.conditions_now())
            .done())
    }

    /// Why something is as it is, in sentences, from what is recorded. what: "" for the whole service, the id of a
    /// model or skill, or plain words: "why is it slow", "why was smol unloaded", "why was it refused", "why is
    /// indexing paused", "why was it ended", "what changed".
    async fn explain(&self, what: String) -> Result<String, BusError> {
        Ok(crate::explain::explain(&self.daemon, &what)?)
    }

    /// What each program had generated, by day, the latest day first, of the last 90 days: day s (2026-11-25), app s,
    /// requests t, prompt_tokens t, completion_tokens t, cpu_seconds d, joules d (0 where nothing measures energy; an
    /// estimate from the processor's or the battery's counter by share of processor time).
    #[zbus(out_args("rows"))]
    async fn usage(&self) -> Result<Vec<Dict>, BusError> {
        Ok(self.daemon.ledger.usage().into_iter().map(usage).collect())
    }

    /// Looks at the model folders again. Settings are read at start only; restart for those.
    async fn reload(&self) -> Result<(), BusError> {
        self.daemon.models.refresh();
        self.daemon.index.notify_embedder_changed();
        self.daemon.skills.reload().await;
        Ok(())
    }

    /// The version.
    #[zbus(property(emits_changed_signal = "const"))]
    async fn version(&self) -> &'static str {
        crate::VERSION
    }

    /// "running".
    #[zbus(property(emits_changed_signal = "false"))]
    async fn state(&self) -> &'static str {
        "running"
    }

    /// Memory, pressure, battery, heat, sleep, and what hob may do under them: on_battery b, battery_percent u,
    /// battery_warning s, power_source s ("upower", "sysfs"), power_profile s, heat s ("cool", "hot", "very hot"),
    /// temperature_celsius d, temperature_hot_celsius d, cooling_percent u, user_idle b, suspending b,
    /// memory_available_bytes t, memory_total_bytes t, memory_pressure d, cpu_pressure d, memory_step y (0 to 6),
    /// low_memory_warning y; threads_percent u, background_allowed b, embedding_allowed b, maintenance_allowed b,
    /// smaller_model_allowed b. What nobody tells is left out. Changes of
    /// memory_* and cpu_pressure alone are told now and then.
    #[zbus(property)]
    async fn conditions(&self) -> Dict {
        self.conditions_now()
    }
}

impl DaemonInterface {
    fn conditions_now(&self) -> Dict {
        let limits = *self.daemon.steward.limits().borrow();
        convert::conditions(&self.daemon.governor.now(), &limits)
    }
}

fn usage((day, app, usage): (String, String, Usage)) -> Dict {
    DictBuilder::default()
        .put("day", day)
        .put("app", app)
        .put("requests", usage.requests)
        .put("prompt_tokens", usage.prompt_tokens)
        .put("completion_tokens", usage.completion_tokens)
        .put("cpu_seconds", usage.cpu_seconds)
        .put("joules", usage.joules)
        .done()
}

fn host(kind: &'static str, id: &str, pid: u32) -> Dict {
    DictBuilder::default()
        .put("kind", kind)
        .put("id", id.to_string())
        .put("pid", pid)
        .put("resident_bytes", resident_bytes(pid))
        .done()
}
