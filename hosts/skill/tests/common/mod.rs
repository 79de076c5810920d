//! Starts the real host over the daemon's end of the wire, and compiles C skills to feed it.
#![allow(clippy::unwrap_used, dead_code)]

use hob_link::skill::{Grants, Load, Program, SkillReply, SkillRequest};
use hob_link::supervisor::{Host, HostSpec, LinkError};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub const ID: &str = "org.example.c";

/// A running host with a folder for the skill.
pub struct Running {
    pub host: Host<SkillRequest, SkillReply>,
    pub folder: TempDir,
    pub grants: Grants,
}

impl Running {
    pub async fn start() -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_hob-skill-host"));
        let spec = HostSpec { kind: "skill", program, args: Vec::new() };
        let (host, folder) = (Host::spawn(&spec).await.unwrap(), tempfile::tempdir().unwrap());
        Self { host, folder, grants: Grants::default() }
    }

    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    pub async fn load(&self, library: &Path, id: &str) -> Result<SkillReply, LinkError> {
        let folder = library.parent().unwrap_or(Path::new("/")).to_path_buf();
        self.load_program(Program::Library(library.into()), folder, id).await
    }

    async fn load_program(&self, program: Program, folder: PathBuf, id: &str) -> Result<SkillReply, LinkError> {
        let (storage, grants, context) = (self.storage(), self.grants.clone(), r#"{"locale":"pt-PT"}"#.into());
        let (id, version) = (id.into(), "1.0.0".into());
        let load = Load { program, id, version, folder, storage, grants, context };
        last(self.host.request(SkillRequest::Load(Box::new(load))).await?).await
    }

    /// Compiles C source against `hob_skill.h` and loads it as [`ID`].
    pub async fn load_c(&self, source: &str) -> Result<SkillReply, LinkError> {
        let skill = self.folder.path().join("skill");
        std::fs::create_dir_all(&skill).unwrap();
        self.load(&compile(&skill, source), ID).await
    }

    /// Writes a Python program into the skill's folder and loads it as [`ID`].
    pub async fn load_python(&self, source: &str, server: bool) -> Result<SkillReply, LinkError> {
        let skill = self.folder.path().join("skill");
        std::fs::create_dir_all(&skill).unwrap();
        let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/python/hob_skill.py");
        std::fs::copy(library, skill.join("hob_skill.py")).unwrap();
        std::fs::write(skill.join("skill.py"), source).unwrap();
        let command = vec!["python3".to_string(), "skill.py".to_string()];
        let program = if server { Program::Mcp(command) } else { Program::Exec(command) };
        self.load_program(program, skill, ID).await
    }

    pub async fn call(&self, intent: &str, arguments: &str) -> Result<SkillReply, LinkError> {
        let context = r#"{"locale":"pt-PT"}"#.to_string();
        let call = SkillRequest::Call { intent: intent.into(), arguments: arguments.into(), context };
        last(self.host.request(call).await?).await
    }
}

/// The last reply: what a skill prints or reports on the way is passed over.
pub async fn last(
    mut replies: hob_link::supervisor::Replies<SkillRequest, SkillReply>,
) -> Result<SkillReply, LinkError> {
    let mut last = None;
    while let Some(reply) = replies.next().await? {
        last = Some(reply);
    }
    Ok(last.unwrap())
}

/// The result object of a reply that must hold one.
pub fn result(reply: Result<SkillReply, LinkError>) -> serde_json::Value {
    match reply {
        Ok(SkillReply::Result(json)) => serde_json::from_str(&json).unwrap(),
        other => panic!("expected a result, got {other:?}"),
    }
}

/// What must have been loaded, without the sandbox's holes, which depend on the kernel.
pub fn loaded(reply: Result<SkillReply, LinkError>) -> (u32, String) {
    match reply {
        Ok(SkillReply::Loaded { abi, version, .. }) => (abi, version),
        other => panic!("expected a loaded skill, got {other:?}"),
    }
}

pub fn death(reply: Result<SkillReply, LinkError>) -> String {
    match reply {
        Err(LinkError::Died { kind: "skill", how }) => how,
        other => panic!("expected a death, got {other:?}"),
    }
}

/// The sentence of a reply that must be a failure.
pub fn failure(reply: Result<SkillReply, LinkError>) -> String {
    match reply {
        Ok(SkillReply::Failed(why)) => why,
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// A shared library from C source.
pub fn compile(folder: &Path, source: &str) -> PathBuf {
    let (file, library) = (folder.join("skill.c"), folder.join("libskill.so"));
    std::fs::write(&file, source).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/include");
    let compiled = Command::new("cc")
        .args([
            "-shared",
            "-fPIC",
            "-O1",
            "-Wall",
            "-Werror",
            "-Wno-return-type",
            "-Wno-unused-function",
            "-Wno-misleading-indentation",
            "-I",
        ])
        .arg(include)
        .arg("-o")
        .args([&library, &file])
        .output()
        .expect("cc, which the project's set-up installs");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    library
}

/// A C skill with the given body of `call`.
pub fn c_skill(call: &str) -> String {
    C_SKILL.replace("CALL_BODY", call)
}

const C_SKILL: &str = r#"
#include "hob_skill.h"
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char *copy(const char *text) {
    char *mine = malloc(strlen(text) + 1);
    if (mine) strcpy(mine, text);
    return mine;
}

static hob_skill *create(const char *context, char **error) {
    (void)error;
    return copy(context);
}

static char *call(hob_skill *skill, const char *intent, const char *arguments, const char *context) {
    (void)skill; (void)intent; (void)arguments; (void)context;
    CALL_BODY
}

static void free_string(char *text) { free(text); }
static void destroy(hob_skill *skill) { free(skill); }

static const hob_skill_table table = {
    HOB_SKILL_ABI_VERSION, sizeof(hob_skill_table), "org.example.c", "0.9.1", create, call, free_string, destroy,
};

const hob_skill_table *hob_skill_entry(void) { return &table; }
"#;
