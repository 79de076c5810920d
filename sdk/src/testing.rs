//! Tests a skill without a daemon: calls it through its own ABI table, as the host would.
//!
//! Owns: a storage folder for the test's lifetime and the checks that the daemon makes before a
//! call. Must not know: anything that ships.
#![allow(unsafe_code)]

use crate::abi::{Entry, SkillTable};
use crate::lines::{Answer, FromSkill, ToSkill, line, next_line};
use crate::manifest::{Intent, Manifest};
use crate::result::{CallResult, SkillError, Wake};
use crate::schema::{self, Described};
use crate::services;
use crate::skill::Context;
use serde_json::Value;
use std::ffi::{CStr, CString, c_char, c_void};
use std::io::{BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, process, ptr};

/// A loaded skill with a storage folder of its own; both are gone when it is dropped.
///
/// Everything that goes wrong panics, since a test is where this runs.
pub struct Harness {
    table: &'static SkillTable,
    skill: *mut c_void,
    manifest: Manifest,
    context: Context,
    helper: Option<FakeHob>,
}

impl Harness {
    /// Loads the skill behind `entry` (the function that `export_skill!` made) with the text of its
    /// manifest.
    ///
    /// # Panics
    /// When manifest and library disagree, or the skill can't be made.
    pub fn new(entry: extern "C" fn() -> *const SkillTable, manifest: &str) -> Self {
        let entry: Entry = entry;
        // SAFETY: an entry of `export_skill!` returns a table that lives as long as the program.
        let table = unsafe { &*entry() };
        let manifest = Manifest::parse(manifest, "skill.toml").unwrap_or_else(|e| panic!("{e}"));
        // SAFETY: the texts of such a table are NUL-terminated statics.
        let (id, version) = unsafe { (CStr::from_ptr(table.id), CStr::from_ptr(table.version)) };
        assert_eq!(id.to_str(), Ok(manifest.id.as_str()), "the library's id is not the manifest's");
        assert_eq!(version.to_str(), Ok(manifest.version.as_str()), "the library's version is not the manifest's");
        let context = Context::new(fresh_folder());
        let skill = create(table, &context);
        Self { table, skill, manifest, context, helper: None }
    }

    /// Sets the time of the calls that follow, in seconds since the Unix epoch.
    #[must_use]
    pub fn at(mut self, unix_seconds: i64) -> Self {
        self.context.now = Some(unix_seconds);
        self
    }

    /// Lets time pass.
    pub fn advance(&mut self, seconds: i64) {
        self.context.now = Some(self.context.now_seconds() + seconds);
    }

    /// Sets the user's time zone.
    #[must_use]
    pub fn in_time_zone(mut self, iana: &str) -> Self {
        self.context.time_zone = Some(iana.into());
        self
    }

    /// Answers what the skill asks for (`model.complete`, `index.search`) as hob would. Without this, nobody answers.
    ///
    /// # Panics
    /// When no socket can be made.
    #[must_use]
    pub fn answering(mut self, answer: impl Fn(&str, &Value) -> Result<Value, SkillError> + Send + 'static) -> Self {
        let helper = FakeHob::new(answer);
        self.context.services = Some(helper.theirs.as_raw_fd());
        self.helper = Some(helper);
        self
    }

    /// Sets what the user set for this skill.
    #[must_use]
    pub fn with_settings(mut self, settings: Value) -> Self {
        self.context.settings = settings;
        self
    }

    /// How far the calls so far said they were, in order.
    pub fn progress(&self) -> Vec<String> {
        self.helper.as_ref().map(|helper| helper.progress()).unwrap_or_default()
    }

    /// Checks that the methods take what the manifest says.
    ///
    /// # Panics
    /// With what to write into `skill.toml`.
    pub fn check_schemas<S: Described>(&self) {
        if let Err(wrong) = schema::compare::<S>(&self.manifest) {
            panic!("{wrong}");
        }
    }

    /// The storage folder that the skill was given.
    pub fn storage(&self) -> &Path {
        &self.context.storage
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Calls an intent. What the daemon would refuse (an intent or parameter that the manifest
    /// does not have, a required one left out) panics.
    ///
    /// # Panics
    /// See above; also when the result is no result object.
    pub fn call(&self, intent: &str, arguments: Value) -> CallResult {
        let declared = self.manifest.intent(intent).unwrap_or_else(|| panic!("the manifest has no intent {intent}"));
        check_arguments(declared, &arguments);
        self.call_unchecked(intent, &arguments.to_string())
    }

    /// Calls without the daemon's checks.
    ///
    /// # Panics
    /// When the result is no result object.
    pub fn call_unchecked(&self, intent: &str, arguments: &str) -> CallResult {
        let context = serde_json::to_string(&self.context).expect("a context is plain data");
        let [intent, arguments, context] = [intent, arguments, &context].map(c_text);
        let call = self.table.call.expect("the table has a call");
        // SAFETY: `skill` came from this table's `create`; the texts outlive the call.
        let answer = unsafe { call(self.skill, intent.as_ptr(), arguments.as_ptr(), context.as_ptr()) };
        let answer = take(self.table, answer);
        CallResult::parse(&answer).unwrap_or_else(|e| panic!("not a result object ({e}): {answer}"))
    }

    /// Makes the call that a wake asks for, at its time.
    ///
    /// # Panics
    /// As [`Harness::call`].
    pub fn ring(&mut self, wake: &Wake) -> CallResult {
        self.context.now = Some(wake.at);
        self.call(&wake.intent, wake.arguments.clone())
    }

    /// Ends the skill's process, so to speak: makes it anew over the same storage.
    pub fn restart(&mut self) {
        self.end();
        self.skill = create(self.table, &self.context);
    }

    fn end(&mut self) {
        if let Some(destroy) = self.table.destroy {
            // SAFETY: `skill` came from `create` and is replaced or dropped right after.
            unsafe { destroy(self.skill) };
        }
        self.skill = ptr::null_mut();
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.end();
        if let Err(error) = fs::remove_dir_all(&self.context.storage) {
            eprintln!("{} stays behind: {error}", self.context.storage.display());
        }
    }
}

fn create(table: &'static SkillTable, context: &Context) -> *mut c_void {
    let context = c_text(&serde_json::to_string(context).expect("a context is plain data"));
    let mut error: *mut c_char = ptr::null_mut();
    let create = table.create.expect("the table has a create");
    // SAFETY: the text outlives the call and `error` is a place for one pointer.
    let skill = unsafe { create(context.as_ptr(), &raw mut error) };
    assert!(!skill.is_null(), "the skill can't be made: {}", take(table, error));
    skill
}

/// Copies a text of the skill's and gives it back.
fn take(table: &SkillTable, text: *mut c_char) -> String {
    assert!(!text.is_null(), "the skill returned NULL");
    // SAFETY: not NULL, NUL-terminated by the ABI, alive until given back below.
    let copy = unsafe { CStr::from_ptr(text) }.to_str().expect("texts are UTF-8").to_string();
    let free = table.free_string.expect("the table has a free_string");
    // SAFETY: the text came from this table and is given back once.
    unsafe { free(text) };
    copy
}

fn c_text(text: &str) -> CString {
    CString::new(text).expect("JSON and names hold no NUL")
}

fn check_arguments(intent: &Intent, arguments: &Value) {
    let given = arguments.as_object().unwrap_or_else(|| panic!("arguments must be an object: {arguments}"));
    let parameters = intent.parameters();
    for name in given.keys() {
        assert!(parameters.iter().any(|p| p.name == *name), "{} has no parameter {name}", intent.name);
    }
    for parameter in parameters {
        let value = given.get(&parameter.name);
        assert!(value.is_some() || !parameter.required, "{} requires {}", intent.name, parameter.name);
        if let (Some(Value::String(value)), false) = (value, parameter.choices.is_empty()) {
            let known = parameter.choices.iter().any(|choice| choice.value == *value);
            assert!(known, "{}: {value} is no choice of {}", intent.name, parameter.name);
        }
    }
}

/// Stands in for hob at the other end of the services' socket.
struct FakeHob {
    theirs: UnixStream,
    progress: Arc<Mutex<Vec<String>>>,
}

impl FakeHob {
    fn new(answer: impl Fn(&str, &Value) -> Result<Value, SkillError> + Send + 'static) -> Self {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let progress = Arc::<Mutex<Vec<String>>>::default();
        let (mut from, said) = (BufReader::new(ours.try_clone().expect("a second handle")), progress.clone());
        std::thread::spawn(move || {
            while let Ok(Some(text)) = next_line(&mut from) {
                match serde_json::from_str(&text) {
                    Ok(FromSkill::Ask { ask, what, with }) => {
                        let answer = answer(&what, &with).map_or_else(
                            |SkillError { code, message, .. }| Answer::Error { code, message },
                            Answer::Result,
                        );
                        let answer = line(&ToSkill::Answer { ask, answer }).expect("plain data");
                        if ours.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                    Ok(FromSkill::Progress { text, .. }) => {
                        said.lock().unwrap_or_else(PoisonError::into_inner).push(text)
                    }
                    Ok(other) => eprintln!("the skill says {other:?}"),
                    Err(error) => panic!("not a message ({error}): {text}"),
                }
            }
        });
        Self { theirs, progress }
    }

    fn progress(&self) -> Vec<String> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FakeHob {
    fn drop(&mut self) {
        services::forget(self.theirs.as_raw_fd());
    }
}

fn fresh_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("hob-skill-test-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("{} can't be made: {e}", folder.display()));
    folder
}
