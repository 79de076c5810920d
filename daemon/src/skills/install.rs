//! Skills come and go while the daemon runs.
//!
//! Owns: installing, updating, removing, switching off and on, and the order of those steps: checked, granted, started
//! once, and only then believed; what does not start is put back as it was. Must not know: how files are copied.

use super::stage::stage;
use super::{Skills, grants, nearness, registry};
use crate::error::{HobError, Kind};
use hob_sdk::manifest::{Kind as SkillKind, Manifest};
use std::fs;
use std::path::{Path, PathBuf};

/// What installing a skill would mean, or has meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The skill's id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The version that was there before.
    pub before: Option<String>,
    /// What it asks for, in words.
    pub asks: Vec<String>,
    /// What of that reaches beyond its own process and folder, and the user has not agreed to yet.
    pub missing: Vec<String>,
    /// What would serve the user badly.
    pub warnings: Vec<String>,
    /// Whether it is installed now.
    pub installed: bool,
}

impl Skills {
    /// Installs or updates the skill in a folder. `granted` says that the user agreed to what it asks for; with
    /// `dry_run` nothing is changed.
    pub async fn install(&self, from: &Path, granted: bool, dry_run: bool) -> Result<Installation, HobError> {
        let _one_at_a_time = self.installing.lock().await;
        let (from, skills) = (from.to_path_buf(), self.setup.own_folder.clone());
        let staged = tokio::task::spawn_blocking(move || {
            let (staged, manifest) = stage(&from, &skills)?;
            registry::read(&staged.folder, false, &[])?;
            Ok((staged, manifest))
        });
        let staged = staged.await.map_err(|e| HobError::internal(format!("copying the skill broke off: {e}")))?;
        let (staged, manifest) = staged.map_err(|why: String| HobError::invalid(why))?;
        let mut installation = self.look_at(&manifest)?;
        if dry_run {
            return Ok(installation);
        }
        if !installation.missing.is_empty() && !granted {
            return Err(HobError::new(
                Kind::PermissionDenied,
                format!(
                    "{} asks to {}; install it with these granted",
                    manifest.id,
                    installation.missing.join(", to ")
                ),
            ));
        }
        if let Some(running) = self.registry().find(&manifest.id) {
            running.stop().await;
        }
        let io = |e: std::io::Error| HobError::internal(format!("the skill could not be put in its place: {e}"));
        let old = staged.swap_in(&self.setup.own_folder, &manifest.id).map_err(io)?;
        // Noted before it first runs.
        self.grants.grant(&manifest).map_err(io)?;
        self.tools.forget(&manifest.id);
        self.reload().await;
        match self.try_out(&manifest).await {
            Ok(()) => {
                self.fit_if_used().await;
                remove_old(old.as_deref());
                installation.installed = true;
                installation.missing.clear();
                Ok(installation)
            }
            Err(error) => {
                self.put_back(&manifest.id, old).await;
                Err(HobError::new(error.kind, format!("nothing was installed: {}", error.message)))
            }
        }
    }

    /// What a manifest means for what is there.
    fn look_at(&self, manifest: &Manifest) -> Result<Installation, HobError> {
        let registry = self.registry();
        let before = registry.find(&manifest.id);
        if before.as_ref().is_some_and(|skill| skill.skill.folder.parent() != Some(&self.setup.own_folder)) {
            let message =
                format!("{} came with hob or lies in a folder of hob.toml; give yours another id", manifest.id);
            return Err(HobError::invalid(message));
        }
        let mut warnings = manifest.warnings();
        let others = registry.installed.iter().map(|skill| &skill.skill.manifest);
        warnings.extend(nearness(manifest, &others.collect::<Vec<_>>()));
        Ok(Installation {
            id: manifest.id.clone(),
            version: manifest.version.clone(),
            before: before.map(|skill| skill.skill.manifest.version.clone()),
            asks: grants::in_words(&manifest.permissions),
            missing: self.grants.to_ask(manifest),
            warnings,
            installed: false,
        })
    }

    /// Starts a skill once, so that what is wrong with it shows now; a server's tools become intents.
    async fn try_out(&self, manifest: &Manifest) -> Result<(), HobError> {
        let process = self.usable(&manifest.id)?;
        let tools = process.preload().await?;
        if matches!(manifest.kind, SkillKind::Mcp { .. }) {
            process.stop().await;
            self.tools.keep(&manifest.id, tools);
            self.reload().await;
        }
        Ok(())
    }

    async fn put_back(&self, id: &str, old: Option<PathBuf>) {
        if let Some(broken) = self.registry().find(id) {
            broken.stop().await;
        }
        let place = self.setup.own_folder.join(id);
        let back = fs::remove_dir_all(&place).and_then(|()| match &old {
            Some(old) => fs::rename(old, &place),
            None => self.grants.forget(id),
        });
        if let Err(error) = back {
            tracing::error!(id, %error, "the skill could not be put back as it was");
        }
        self.reload().await;
    }

    /// Removes a skill with its data, its planned calls and what was granted to it.
    pub async fn remove(&self, id: &str) -> Result<(), HobError> {
        let _one_at_a_time = self.installing.lock().await;
        let place = self.setup.own_folder.join(id);
        let known = self.registry().find(id);
        // An id becomes a path here, so it must be one that is there.
        let broken = self.registry().rejected.iter().any(|rejected| rejected.id == id);
        if known.is_none() && !broken {
            return Err(self.unknown(id));
        }
        if fs::symlink_metadata(&place).is_err() {
            let message = format!("{id} was not installed by you; \"hob skill disable {id}\" switches it off");
            return Err(HobError::invalid(message));
        }
        if let Some(process) = &known {
            process.stop().await;
        }
        let removed = match fs::symlink_metadata(&place).is_ok_and(|found| found.is_dir()) {
            true => fs::remove_dir_all(&place),
            false => fs::remove_file(&place),
        };
        let io = |e: std::io::Error| HobError::internal(format!("{} could not be removed: {e}", place.display()));
        removed.map_err(io)?;
        let data = self.setup.storage.join(id);
        if data.exists() {
            fs::remove_dir_all(&data).map_err(io)?;
        }
        self.grants.forget(id).map_err(io)?;
        self.tools.forget(id);
        self.actions.forget(id);
        self.wakes.forget(id).map_err(HobError::internal)?;
        self.reload().await;
        Ok(())
    }

    /// Lets a skill be called (again): ends its quarantine, and grants what it asks for if the user agreed.
    pub async fn enable(&self, id: &str, granted: bool) -> Result<(), HobError> {
        let process = self.find(id)?;
        if self.setup.disabled.iter().any(|disabled| disabled == id) {
            return Err(HobError::invalid(format!("{id} is switched off in hob.toml; remove it from skills.disabled")));
        }
        let manifest = &process.skill.manifest;
        if let Some(missing) = self.grants.missing(manifest).filter(|_| !process.skill.trusted) {
            if !granted {
                return Err(not_granted(id, &missing));
            }
            self.grants.grant(manifest).map_err(|e| HobError::internal(format!("the grant could not be kept: {e}")))?;
        }
        self.set_disabled(id, false)?;
        process.forgive();
        self.changed();
        self.fit_if_used().await;
        Ok(())
    }

    /// Ends a skill and calls it no more until it is enabled.
    pub async fn disable(&self, id: &str) -> Result<(), HobError> {
        let process = self.find(id)?;
        self.set_disabled(id, true)?;
        self.changed();
        process.stop().await;
        Ok(())
    }

    fn set_disabled(&self, id: &str, disabled: bool) -> Result<(), HobError> {
        let kept = self.grants.set_disabled(id, disabled);
        kept.map_err(|e| HobError::internal(format!("that could not be kept: {e}")))
    }
}

/// Why a skill does not run.
pub(super) fn not_granted(id: &str, missing: &[String]) -> HobError {
    let asks = missing.join(", to ");
    let message = format!("{id} asks to {asks}; \"hob skill enable {id}\" shows that and asks you");
    HobError::new(Kind::PermissionDenied, message)
}

fn remove_old(old: Option<&Path>) {
    if let Some(old) = old
        && let Err(error) = fs::remove_dir_all(old)
    {
        tracing::warn!(folder = %old.display(), %error, "the earlier version stays behind");
    }
}
