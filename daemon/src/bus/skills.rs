//! `org.hob.Skills1`: what the machine can do, and doing it.

use super::convert;
use super::dict::{Dict, DictBuilder, Options};
use super::door::Door;
use super::error::BusError;
use crate::error::HobError;
use crate::skills::CallOrigin;
use crate::skills::router::CANDIDATES;
use std::path::PathBuf;
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
    /// All skills: id s, title s, version s, kind s, state s ("not loaded", "loading", "loaded", "unloadable",
    /// "unloading", "quarantined", "disabled", "not granted", "broken"), pid u, resident_bytes t, intents as, problem s.
    async fn list(&self) -> Vec<Dict> {
        self.daemon.skills.list().into_iter().map(convert::skill).collect()
    }

    /// A skill's manifest as JSON.
    async fn show(&self, id: String) -> Result<String, BusError> {
        Ok(self.daemon.skills.show(&id)?.to_string())
    }

    /// What would handle these words, and with which arguments. Options: limit u (1 to 10; usually 8). Candidates, best
    /// first: skill s, intent s, score d, arguments s (JSON), missing as. Details: decision s
    /// ("skill", "retrieve", "chat"), in_scope d (0 to 1: how probable it is that a skill is meant), took_ms d.
    #[zbus(out_args("candidates", "details"))]
    async fn route(&self, text: String, options: Dict) -> Result<(Vec<Dict>, Dict), BusError> {
        let started = Instant::now();
        let mut options = Options::new(options);
        let limit = options.number("limit")?.unwrap_or(8).clamp(1, CANDIDATES as u64) as usize;
        options.end()?;
        let routing = self.daemon.skills.route(&text, limit).await?;
        let details = DictBuilder::default()
            .put("decision", routing.decision.name())
            .put("in_scope", f64::from(routing.in_scope))
            .put("took_ms", started.elapsed().as_secs_f64() * 1000.0)
            .done();
        Ok((routing.candidates.into_iter().map(convert::candidate).collect(), details))
    }

    /// Calls an intent with a JSON object of arguments; returns its result object as JSON. What can be undone names
    /// its action. Options: confirmed b: the user has agreed; intents that destroy or reach outside need it.
    async fn call(
        &self,
        skill: String,
        intent: String,
        json_arguments: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<String, BusError> {
        let mut options = Options::new(options);
        let confirmed = options.flag("confirmed")?;
        options.end()?;
        let guest = self.door.meet(&header, connection).await?;
        let origin = CallOrigin { caller: &guest.caller, request: "", confirmed };
        tokio::select! {
            result = self.daemon.skills.call(&skill, &intent, &json_arguments, &origin) => Ok(result?.to_string()),
            () = guest.left() => Err(HobError::cancelled().into()),
        }
    }

    /// Takes an action back, the latest if the id is empty; returns the result object of what that took. Options: none.
    async fn undo(
        &self,
        action_id: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<String, BusError> {
        Options::new(options).end()?;
        let guest = self.door.meet(&header, connection).await?;
        let origin = CallOrigin { caller: &guest.caller, request: "", confirmed: true };
        Ok(self.daemon.skills.undo(&action_id, &origin).await?.to_string())
    }

    /// Installs the skill in a folder, or updates it. Options: granted b: the user agreed to what it asks for;
    /// dry_run b: only say what that is. Returns id s, version s, before s (the version that was there), asks as, missing
    /// as (of what it asks for, what the user has not agreed to), warnings as, installed b.
    async fn install(&self, path: String, options: Dict) -> Result<Dict, BusError> {
        let mut options = Options::new(options);
        let granted = options.flag("granted")?;
        let dry_run = options.flag("dry_run")?;
        options.end()?;
        let path = PathBuf::from(path);
        if !path.is_absolute() {
            return Err(HobError::invalid(format!("{} must be an absolute path", path.display())).into());
        }
        Ok(convert::installation(self.daemon.skills.install(&path, granted, dry_run).await?))
    }

    /// Removes a skill that was installed, with its data and what was granted to it.
    async fn remove(&self, id: String) -> Result<(), BusError> {
        Ok(self.daemon.skills.remove(&id).await?)
    }

    /// Lets a skill be called; ends its quarantine. Options: granted b: the user agreed to what it asks for.
    async fn enable(&self, id: String, options: Dict) -> Result<(), BusError> {
        let mut options = Options::new(options);
        let granted = options.flag("granted")?;
        options.end()?;
        Ok(self.daemon.skills.enable(&id, granted).await?)
    }

    /// Ends a skill and calls it no more.
    async fn disable(&self, id: String) -> Result<(), BusError> {
        Ok(self.daemon.skills.disable(&id).await?)
    }

    /// A skill has something to say, e.g. a timer rang.
    #[zbus(signal)]
    pub async fn notified(emitter: &SignalEmitter<'_>, skill: &str, title: &str, text: &str) -> zbus::Result<()>;
}
