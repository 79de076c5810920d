//! `org.hob.Skills1`: what the machine can do, and doing it.

use super::convert;
use super::dict::{Dict, DictBuilder, Options};
use super::door::Door;
use super::error::BusError;
use crate::skills::CallOrigin;
use std::sync::Arc;
use std::time::Instant;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, interface};

/// The object behind `org.hob.Skills1`.
pub struct SkillsInterface {
    pub(super) daemon: Arc<crate::Daemon>,
    pub(super) door: Arc<Door>,
}

/// Skills: intents with typed arguments, carried out in processes of their own.
#[interface(name = "org.hob.Skills1")]
impl SkillsInterface {
    /// All skills: id s, title s, version s, kind s, state s ("not loaded", "loaded", "broken"),
    /// pid u, resident_bytes t, intents as, problem s.
    async fn list(&self) -> Vec<Dict> {
        self.daemon.skills.list().into_iter().map(convert::skill).collect()
    }

    /// A skill's manifest as JSON.
    async fn show(&self, id: String) -> Result<String, BusError> {
        Ok(self.daemon.skills.show(&id)?.to_string())
    }

    /// What would handle these words, and with which arguments. Options: limit u (1 to 5). Candidates, best
    /// first: skill s, intent s, score d, arguments s (JSON), missing as. Details: decision s
    /// ("skill", "retrieve", "chat"), took_ms d.
    #[zbus(out_args("candidates", "details"))]
    async fn route(&self, text: String, options: Dict) -> Result<(Vec<Dict>, Dict), BusError> {
        let started = Instant::now();
        let mut options = Options::new(options);
        let limit = options.number("limit")?.unwrap_or(5).clamp(1, 5) as usize;
        options.end()?;
        let routing = self.daemon.skills.route(&text, limit).await?;
        let details = DictBuilder::default()
            .put("decision", routing.decision.name())
            .put("took_ms", started.elapsed().as_secs_f64() * 1000.0)
            .done();
        Ok((routing.candidates.into_iter().map(convert::candidate).collect(), details))
    }

    /// Calls an intent with a JSON object of arguments; returns its result object as JSON.
    /// Options: none.
    async fn call(
        &self,
        skill: String,
        intent: String,
        json_arguments: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<String, BusError> {
        Options::new(options).end()?;
        let guest = self.door.meet(&header, connection).await?;
        let origin = CallOrigin { caller: &guest.caller, request: "" };
        Ok(self.daemon.skills.call(&skill, &intent, &json_arguments, &origin).await?.to_string())
    }

    /// A skill has something to say, e.g. a timer rang.
    #[zbus(signal)]
    pub async fn notified(emitter: &SignalEmitter<'_>, skill: &str, title: &str, text: &str) -> zbus::Result<()>;
}
