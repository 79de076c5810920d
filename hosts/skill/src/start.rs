//! From a request to load to a skill that can be called.
//!
//! Owns: the order of the steps: the way out, the sandbox, then and only then the skill's code. Must not
//! know: the wire.

use crate::child::Child;
use crate::confine::{Rules, accept, enter_for_library, program_rules};
use crate::error::LoadError;
use crate::exec::Exec;
use crate::library::Library;
use crate::mcp::Mcp;
use crate::outside;
use crate::post::Post;
use crate::runner::{Reach, Runner};
use crate::services::Services;
use crate::streams;
use hob_link::skill::{Load, Program};
use serde_json::{Map, Value, json};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

/// A skill that is ready.
pub struct Started {
    /// Calls it.
    pub runner: Box<dyn Runner>,
    /// Tells it things while a call runs.
    pub reach: Arc<dyn Reach>,
    /// What the kernel does not enforce.
    pub unenforced: Vec<String>,
    /// Open as long as the skill is.
    _kept: (Option<Services>, Option<OwnedFd>),
}

/// Starts a skill, confined.
pub fn start(load: &Load, post: &Arc<Post>) -> Result<Started, LoadError> {
    make_folder(&load.storage)?;
    match &load.program {
        Program::Library(path) => library(load, path, post),
        Program::Exec(command) => {
            let (child, unenforced) = program(load, command, &program_rules(load, false), post)?;
            let (exec, speech) = Exec::greet(load, child, ours(load), post.clone())?;
            Ok(Started { runner: Box::new(exec), reach: Arc::new(speech), unenforced, _kept: (None, None) })
        }
        Program::Mcp(command) => {
            let (child, unenforced) = program(load, command, &program_rules(load, true), post)?;
            let (server, reach) = Mcp::greet(load, child, post.clone())?;
            Ok(Started { runner: Box::new(server), reach: Arc::new(reach), unenforced, _kept: (None, None) })
        }
    }
}

fn library(load: &Load, path: &Path, post: &Arc<Post>) -> Result<Started, LoadError> {
    let failed = |why: String| LoadError::NotConfined(format!("{} can't be prepared: {why}", load.id));
    let proxy = outside::start(load)?;
    let services = Services::open().map_err(|e| failed(e.to_string()))?;
    let unenforced = enter_for_library(load)?;
    // Threads start inside the sandbox or not at all.
    let printed = streams::capture().map_err(|e| failed(e.to_string()))?;
    post.listen(printed).map_err(|e| failed(e.to_string()))?;
    services.listen(post).map_err(|e| failed(e.to_string()))?;
    let mut known = ours(load);
    known.insert("services".into(), services.descriptor().into());
    known.insert("proxy".into(), proxy.as_ref().map_or(Value::Null, |socket| socket.as_raw_fd().into()));
    let library = Library::load(path, &load.id, &load.context, known)?;
    let reach = Arc::new(services.speech.clone());
    Ok(Started { runner: Box::new(library), reach, unenforced, _kept: (Some(services), proxy) })
}

fn program(
    load: &Load,
    command: &[String],
    rules: &Rules,
    post: &Arc<Post>,
) -> Result<(Child, Vec<String>), LoadError> {
    let proxy = outside::start(load)?;
    let mut child = Child::start(load, command, rules, proxy, post)?;
    let report = child.confined()?;
    let unenforced = accept(&load.id, &report, load.grants.unconfined_allowed)?;
    Ok((child, unenforced))
}

/// What a skill's context holds that only this process knows.
fn ours(load: &Load) -> Map<String, Value> {
    let Value::Object(ours) = json!({"storage": load.storage.to_string_lossy()}) else { return Map::new() };
    ours
}

fn make_folder(storage: &Path) -> Result<(), LoadError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(storage);
    made.map_err(|why| LoadError::NoStorage { path: storage.into(), why })
}
