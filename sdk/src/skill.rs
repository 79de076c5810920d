//! The trait that a skill implements, and what it is told about each call.
//!
//! Owns: the calling convention in Rust terms. Must not know: the ABI beneath it.

use crate::result::{CallResult, Outcome, SkillError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A skill: created once per process, then called any number of times, one call at a time.
///
/// The process ends when it is idle; whatever must survive goes to the context's storage folder.
pub trait Skill: Sized + 'static {
    /// Makes the skill ready.
    ///
    /// # Errors
    /// With a sentence for the user when it can't work here.
    fn new(context: &Context) -> Result<Self, SkillError>;

    /// Carries out an intent.
    ///
    /// # Errors
    /// With a sentence for the user that says what went wrong.
    fn call(&self, call: &Call) -> Result<Outcome, SkillError>;
}

/// What a skill may know about where and for whom it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The skill's own folder; it exists and may be written.
    pub storage: PathBuf,
    /// The user's language as a BCP 47 tag, e.g. `pt-PT`.
    #[serde(default = "english")]
    pub locale: String,
    /// The user's IANA time zone, e.g. `Europe/Lisbon`; absent means the system's.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// The user's own words, when the call came from words.
    #[serde(default)]
    pub request: Option<String>,
    /// When the call was made, in seconds since the Unix epoch; absent means now.
    #[serde(default)]
    pub now: Option<i64>,
    /// What the user set for this skill under `[skills.settings."ID"]` in hob.toml.
    #[serde(default = "no_settings")]
    pub settings: Value,
    /// The places that were granted, as the manifest writes them, with their paths.
    #[serde(default)]
    pub places: BTreeMap<String, PathBuf>,
    /// Numbers the call; absent while the skill is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u64>,
    /// The descriptor for what [`crate::lines`] describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<i32>,
    /// The descriptor of the way out, if anything outside was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<i32>,
}

fn no_settings() -> Value {
    Value::Object(serde_json::Map::new())
}

fn english() -> String {
    "en".into()
}

impl Context {
    /// A context with nothing known but the storage folder.
    pub fn new(storage: impl Into<PathBuf>) -> Self {
        Self {
            storage: storage.into(),
            locale: english(),
            time_zone: None,
            request: None,
            now: None,
            settings: no_settings(),
            places: BTreeMap::new(),
            call: None,
            services: None,
            proxy: None,
        }
    }

    /// The skill's own folder, as [`Context::storage`].
    pub fn storage(&self) -> &Path {
        &self.storage
    }

    /// The path of a place that `read` or `write` under `[permissions]` lists, e.g. `xdg:documents`.
    ///
    /// # Errors
    /// `permission_denied`, when the manifest does not list it.
    pub fn place(&self, name: &str) -> Result<&Path, SkillError> {
        self.places.get(name).map(PathBuf::as_path).ok_or_else(|| {
            SkillError::new("permission_denied", format!("This skill was not granted {name}."))
                .suggest("List it under [permissions] in skill.toml.")
        })
    }

    /// What the user set for this skill, as the skill's own type; what is not set takes that type's defaults.
    ///
    /// # Errors
    /// `invalid_settings`, which says what does not fit.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, SkillError> {
        T::deserialize(&self.settings).map_err(|error| {
            SkillError::new("invalid_settings", format!("The settings of this skill don't fit: {error}."))
                .suggest("Look at [skills.settings] in hob.toml.")
        })
    }

    /// The time of the call in seconds since the Unix epoch.
    pub fn now_seconds(&self) -> i64 {
        self.now.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        })
    }
}

/// One call of an intent.
#[derive(Debug, Clone)]
pub struct Call {
    /// The intent's name.
    pub intent: String,
    /// What is known about this call; more recent than what [`Skill::new`] was given.
    pub context: Context,
    arguments: Value,
}

impl Call {
    /// A call with `arguments`, a JSON object.
    pub fn new(intent: impl Into<String>, arguments: Value, context: Context) -> Self {
        Self { intent: intent.into(), context, arguments }
    }

    /// The arguments as the skill's own type.
    ///
    /// # Errors
    /// `invalid_argument`, when they don't fit it.
    pub fn arguments<T: DeserializeOwned>(&self) -> Result<T, SkillError> {
        T::deserialize(&self.arguments).map_err(|e| {
            SkillError::invalid_argument(format!("The arguments of {} don't fit: {e}.", self.intent))
                .suggest(format!("`hob skill show` lists the parameters of {}.", self.intent))
        })
    }

    /// The arguments as they came.
    pub fn raw_arguments(&self) -> &Value {
        &self.arguments
    }
}

/// Carries out one call given as JSON texts, the way the ABI delivers it.
pub(crate) fn call_json<S: Skill>(skill: &S, intent: &str, arguments: &str, context: &str) -> CallResult {
    parse_call(intent, arguments, context).and_then(|call| skill.call(&call)).into()
}

fn parse_call(intent: &str, arguments: &str, context: &str) -> Result<Call, SkillError> {
    let arguments: Value = serde_json::from_str(arguments)
        .map_err(|e| SkillError::invalid_argument(format!("The arguments are not valid JSON: {e}.")))?;
    if !arguments.is_object() {
        return Err(SkillError::invalid_argument("The arguments must be a JSON object, e.g. {}."));
    }
    Ok(Call::new(intent, arguments, parse_context(context)?))
}

/// Reads the context that the skill host passes.
pub(crate) fn parse_context(context: &str) -> Result<Context, SkillError> {
    serde_json::from_str(context).map_err(|e| SkillError::failed(format!("The call's context could not be read: {e}.")))
}
