//! Messages of the skill host: load one skill, call its intents.

use crate::wire::path_bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What the daemon asks of a skill host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum SkillRequest {
    /// Load the library; the first request, once per host.
    Load {
        /// The cdylib.
        #[serde(with = "path_bytes")]
        library: PathBuf,
        /// The id of the manifest, which the library must confirm.
        id: String,
        /// The skill's own folder, which it may write.
        #[serde(with = "path_bytes")]
        storage: PathBuf,
    },
    /// Call an intent.
    Call {
        /// The intent's name.
        intent: String,
        /// Arguments as a JSON object, already validated.
        arguments: String,
        /// What the skill may know about the call, as a JSON object (locale, time zone, request).
        context: String,
    },
}

/// What a skill host answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkillReply {
    /// The library is loaded and agreed on the ABI.
    Loaded {
        /// The ABI version both sides speak.
        abi: u32,
        /// The skill's own version.
        version: String,
    },
    /// The intent's result as a JSON object.
    Result(String),
    /// The library could not be loaded or the call failed.
    Failed(String),
}
