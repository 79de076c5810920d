//! Starts the real host over the daemon's end of the wire, and compiles C skills to feed it.
#![allow(clippy::unwrap_used, dead_code)]

use hob_link::skill::{SkillReply, SkillRequest};
use hob_link::supervisor::{Host, HostSpec, LinkError};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub const ID: &str = "org.example.c";

/// A running host with a folder for the skill.
pub struct Running {
    pub host: Host<SkillRequest, SkillReply>,
    pub folder: TempDir,
}

impl Running {
    pub async fn start() -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_hob-skill-host"));
        let spec = HostSpec { kind: "skill", program, args: Vec::new() };
        Self { host: Host::spawn(&spec).await.unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    pub async fn load(&self, library: &Path, id: &str) -> Result<SkillReply, LinkError> {
        self.host.ask(SkillRequest::Load { library: library.into(), id: id.into(), storage: self.storage() }).await
    }

    /// Compiles C source against `hob_skill.h` and loads it as [`ID`].
    pub async fn load_c(&self, source: &str) -> Result<SkillReply, LinkError> {
        self.load(&compile(self.folder.path(), source), ID).await
    }

    pub async fn call(&self, intent: &str, arguments: &str) -> Result<SkillReply, LinkError> {
        let context = r#"{"locale":"pt-PT"}"#.to_string();
        self.host.ask(SkillRequest::Call { intent: intent.into(), arguments: arguments.into(), context }).await
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
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-Wno-return-type", "-Wno-unused-function", "-I"])
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
