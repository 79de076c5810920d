//! From an installed skill to a process that has it loaded, and what it is told about where it runs.
//!
//! Owns: what was granted, as paths. Must not know: calls.

use super::{LOAD_DEADLINE, PROGRAM_LOAD_DEADLINE, SkillHost, SkillProcess, State, next};
use crate::error::{HobError, Kind as ErrorKind};
use crate::skills::places;
use hob_link::skill::{Grants, Load, Program, SkillReply, SkillRequest, Tool};
use hob_link::supervisor::{HostSpec, LinkError};
use hob_sdk::manifest::Kind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::time::sleep;

impl SkillProcess {
    /// The process with the skill loaded.
    pub(super) async fn ready(&self, slot: &mut Option<Arc<SkillHost>>) -> Result<Arc<SkillHost>, HobError> {
        if let Some(host) = slot.as_ref().filter(|host| host.is_alive()) {
            return Ok(host.clone());
        }
        if slot.take().is_some() {
            self.note_failure("its process ended while nothing was asked of it");
        }
        self.set(State::Loading, 0);
        match self.start().await {
            Ok(host) => {
                self.set(State::Unloadable, host.pid());
                self.parts.started.notify_one();
                Ok(slot.insert(host).clone())
            }
            Err(error) => {
                self.set(State::NotLoaded, 0);
                self.note_failure(&error.message);
                Err(error)
            }
        }
    }

    async fn start(&self) -> Result<Arc<SkillHost>, HobError> {
        let load = self.load_request()?;
        let spec = HostSpec { kind: "skill", program: self.program.clone(), args: vec![self.id().into()] };
        let host = Arc::new(SkillHost::spawn(&spec).await.map_err(|e| self.broken(&e))?);
        let deadline = match self.skill.manifest.kind {
            Kind::Cdylib { .. } => LOAD_DEADLINE,
            _ => PROGRAM_LOAD_DEADLINE,
        };
        let loading = async {
            let mut replies = host.request(SkillRequest::Load(Box::new(load))).await?;
            loop {
                match next(&mut replies).await? {
                    SkillReply::Said(line) => tracing::info!(skill = self.id(), "{line}"),
                    SkillReply::Ask { .. } | SkillReply::Progress(_) => {}
                    last => return Ok(last),
                }
            }
        };
        let loaded = tokio::select! {
            loaded = loading => loaded.map_err(|e: LinkError| self.broken(&e)),
            () = sleep(deadline) => Err(HobError::new(
                ErrorKind::Timeout,
                format!("the skill {} did not load within {} s and was ended", self.id(), deadline.as_secs()),
            )),
        };
        match loaded {
            Ok(SkillReply::Loaded { version, tools, unenforced, .. }) => {
                self.loaded(&version, tools, unenforced);
                Ok(host)
            }
            other => {
                host.kill().await;
                Err(match other {
                    Ok(SkillReply::Failed(reason)) => self.failed(reason),
                    Ok(other) => self.failed(format!("it answered its loading with {other:.60?}")),
                    Err(error) => error,
                })
            }
        }
    }

    fn loaded(&self, version: &str, tools: Vec<Tool>, unenforced: Vec<String>) {
        let stated = &self.skill.manifest.version;
        if version != stated && !matches!(self.skill.manifest.kind, Kind::Mcp { .. }) {
            tracing::warn!(skill = self.id(), version, stated, "the skill and its manifest name different versions");
        }
        if !unenforced.is_empty() {
            tracing::warn!(skill = self.id(), ?unenforced, "the skill runs without some of its sandbox");
        }
        let mut seen = self.seen();
        (seen.unenforced, seen.tools) = (unenforced, tools);
    }

    fn load_request(&self) -> Result<Load, HobError> {
        let manifest = &self.skill.manifest;
        let program = match &manifest.kind {
            Kind::Cdylib { library } => Program::Library(self.skill.folder.join(library)),
            Kind::Exec { command } => Program::Exec(command.clone()),
            Kind::Mcp { command } => Program::Mcp(command.clone()),
            Kind::Dbus { .. } => return Err(self.failed("an app has no process of ours".into())),
        };
        let paths = |list: &[String]| list.iter().filter_map(|place| places::path(place)).collect::<Vec<_>>();
        let grants = Grants {
            read: paths(&manifest.permissions.read),
            write: paths(&manifest.permissions.write),
            network: manifest.permissions.network.clone(),
            dbus: manifest.permissions.dbus.clone(),
            unconfined_allowed: self.unconfined_allowed || self.skill.trusted,
        };
        for folder in &grants.write {
            // A sandbox can only allow what is there.
            std::fs::create_dir_all(folder)
                .map_err(|e| self.failed(format!("{} can't be made: {e}", folder.display())))?;
        }
        let (id, version) = (manifest.id.clone(), manifest.version.clone());
        let (folder, storage) = (self.skill.folder.clone(), self.storage.clone());
        Ok(Load { program, id, version, folder, storage, grants, context: self.context("").to_string() })
    }

    pub(super) fn context(&self, request: &str) -> Value {
        let request = (!request.is_empty()).then_some(request);
        json!({
            "request": request,
            "locale": locale(),
            "time_zone": time_zone(),
            "settings": self.settings,
            "places": self.places(),
        })
    }

    /// The granted places with their paths, so that a skill need not find the user's folders by itself.
    fn places(&self) -> BTreeMap<&str, PathBuf> {
        let granted = &self.skill.manifest.permissions;
        let all = granted.read.iter().chain(&granted.write);
        all.filter_map(|place| Some((place.as_str(), places::path(place)?))).collect()
    }
}

fn locale() -> String {
    let set =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    set.unwrap_or_else(|| "C".into())
}

fn time_zone() -> String {
    jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_string()
}
