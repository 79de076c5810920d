//! The one loaded library: from a path to a skill that can be called.
//!
//! Owns: dlopen, the version handshake and every pointer of the skill's. Must not know: the wire.
//!
//! The library is foreign code: whatever it returns is checked before it is believed. What it can
//! still do is end this process, which is why this process exists.
#![allow(unsafe_code)]

use crate::error::{CallError, LoadError};
use hob_sdk::abi::{ABI_VERSION, ENTRY_SYMBOL, Entry, SkillTable};
use hob_sdk::{CallResult, Context};
use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use serde_json::Value;
use std::ffi::{CString, c_char, c_void};
use std::mem::ManuallyDrop;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::{fs, io, ptr, slice};

/// Longest text that is taken from a skill, in bytes.
const MAX_TEXT: usize = 8 << 20;
/// Longest id or version, in bytes.
const MAX_NAME: usize = 256;

type Create = unsafe extern "C" fn(*const c_char, *mut *mut c_char) -> *mut c_void;
type Call = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, *const c_char) -> *mut c_char;
type FreeString = unsafe extern "C" fn(*mut c_char);
type Destroy = unsafe extern "C" fn(*mut c_void);

/// A loaded skill. Dropping it ends the skill; the code stays mapped until the process ends,
/// because threads or exit handlers of the library may still need it.
pub struct Library {
    id: String,
    version: String,
    storage: PathBuf,
    skill: *mut c_void,
    functions: Functions,
    _code: ManuallyDrop<Handle>,
}

#[derive(Clone, Copy)]
struct Functions {
    create: Create,
    call: Call,
    free_string: FreeString,
    destroy: Destroy,
}

impl Library {
    /// Loads the library at `path`, which must be the skill `id`, and makes the skill.
    pub fn load(path: &Path, id: &str, storage: &Path) -> Result<Self, LoadError> {
        check_file(path).map_err(|why| LoadError::NoFile { path: path.into(), why })?;
        make_folder(storage).map_err(|why| LoadError::NoStorage { path: storage.into(), why })?;
        // SAFETY: loading runs the library's constructors: foreign code, in a process made for it.
        let code = unsafe { Handle::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
            .map_err(|e| LoadError::NotLoadable(e.to_string()))?;
        // Never unloaded, whatever happens below: see the type's documentation.
        let code = ManuallyDrop::new(code);
        // SAFETY: the symbol's type is fixed by the ABI; a library that exports another one under
        // this name breaks its own process only.
        let entry = unsafe { code.get::<Entry>(ENTRY_SYMBOL.to_bytes_with_nul()) };
        let entry = *entry.map_err(|_| LoadError::NoEntry(path.into()))?;
        // SAFETY: as above.
        let table = unsafe { entry() };
        // SAFETY: a table returned by an entry is readable while the library is loaded.
        let (version, functions) = unsafe { check_table(table, id) }?;
        let skill = create(&functions, id, storage)?;
        Ok(Self { id: id.into(), version, storage: storage.into(), skill, functions, _code: code })
    }

    /// The skill's own version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Calls an intent; the result is a valid result object.
    pub fn call(&self, intent: &str, arguments: &str, context: &str) -> Result<String, CallError> {
        let context = self.context(context)?;
        let text = |text: &str, error| CString::new(text).map_err(|_| CallError::BadRequest(error));
        let intent = text(intent, "the intent's name holds a NUL")?;
        let arguments = text(arguments, "the arguments are no JSON: they hold a NUL")?;
        let context = text(&context, "the context is no JSON: it holds a NUL")?;
        // SAFETY: `skill` came from this table's `create` and is not destroyed yet; the texts
        // outlive the call; one thread calls.
        let answer =
            unsafe { (self.functions.call)(self.skill, intent.as_ptr(), arguments.as_ptr(), context.as_ptr()) };
        let bad = |why: String| CallError::BadResult { id: self.id.clone(), why };
        let answer = take(&self.functions, answer).map_err(bad)?;
        match CallResult::parse(&answer) {
            Ok(result) => Ok(result.to_json()),
            Err(why) => Err(bad(format!("{why} in {}", shortened(&answer)))),
        }
    }

    /// What the daemon tells about the call, with the storage folder that only we know.
    fn context(&self, told: &str) -> Result<String, CallError> {
        let bad = CallError::BadRequest("the call's context must be a JSON object");
        let told = if told.is_empty() { "{}" } else { told };
        let Ok(Value::Object(mut context)) = serde_json::from_str(told) else { return Err(bad) };
        context.insert("storage".into(), self.storage.to_string_lossy().into());
        Ok(Value::Object(context).to_string())
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: `skill` came from this table's `create` and is given back once, here.
        unsafe { (self.functions.destroy)(self.skill) };
    }
}

fn check_file(path: &Path) -> Result<(), String> {
    if !path.is_absolute() {
        // dlopen would search the system's folders for a bare name.
        return Err("its path is not absolute".into());
    }
    match fs::metadata(path) {
        Err(error) => Err(error.to_string()),
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err("it is not a file".into()),
    }
}

fn make_folder(storage: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(storage)
}

/// Checks version, size, id and functions, in the order in which they may be read.
///
/// SAFETY: `table` is NULL or points to a table whose first two fields are readable, and to all of
/// it where these two promise so; its texts are NUL-terminated.
unsafe fn check_table(table: *const SkillTable, id: &str) -> Result<(String, Functions), LoadError> {
    if table.is_null() {
        return Err(LoadError::BadTable("hob_skill_entry returned NULL"));
    }
    // SAFETY: the first two fields are there in every version.
    let (abi, size) = unsafe { ((&raw const (*table).abi_version).read(), (&raw const (*table).struct_size).read()) };
    if abi != ABI_VERSION {
        return Err(LoadError::OtherAbi(abi));
    }
    if (size as usize) < size_of::<SkillTable>() {
        return Err(LoadError::BadTable("struct_size is smaller than hob_skill_table"));
    }
    // SAFETY: this version, of this size, is readable in whole.
    let table = unsafe { &*table };
    // SAFETY: by the ABI, NUL-terminated.
    let library = unsafe { text(table.id, MAX_NAME) }.map_err(|_| LoadError::BadTable("id is no short UTF-8 text"))?;
    if library != id {
        return Err(LoadError::OtherId { manifest: id.into(), library });
    }
    // SAFETY: by the ABI, NUL-terminated.
    let version =
        unsafe { text(table.version, MAX_NAME) }.map_err(|_| LoadError::BadTable("version is no short UTF-8 text"))?;
    let SkillTable {
        create: Some(create),
        call: Some(call),
        free_string: Some(free_string),
        destroy: Some(destroy),
        ..
    } = *table
    else {
        return Err(LoadError::BadTable("a function is NULL"));
    };
    Ok((version, Functions { create, call, free_string, destroy }))
}

fn create(functions: &Functions, id: &str, storage: &Path) -> Result<*mut c_void, LoadError> {
    let declined = |why: String| LoadError::Declined { id: id.into(), why };
    let context = serde_json::to_string(&Context::new(storage)).map_err(|e| declined(e.to_string()))?;
    let context = CString::new(context).map_err(|e| declined(e.to_string()))?;
    let mut error: *mut c_char = ptr::null_mut();
    // SAFETY: the text outlives the call and `error` is a place for one pointer.
    let skill = unsafe { (functions.create)(context.as_ptr(), &raw mut error) };
    if !skill.is_null() {
        return Ok(skill);
    }
    if error.is_null() {
        return Err(declined("it gave no reason".into()));
    }
    let reason = take(functions, error).map_err(declined)?;
    Err(declined(CallResult::parse(&reason).map_or_else(|_| shortened(&reason), |result| result.message)))
}

/// Copies a text that the skill returned and gives it back.
fn take(functions: &Functions, answer: *mut c_char) -> Result<String, String> {
    // SAFETY: by the ABI NULL or NUL-terminated, and the skill's until given back below.
    let copy = unsafe { text(answer, MAX_TEXT) };
    // SAFETY: the text came from this table and is given back once; NULL is allowed.
    unsafe { (functions.free_string)(answer) };
    copy
}

/// Copies a foreign text of at most `most` bytes.
///
/// SAFETY: `text` is NULL or NUL-terminated and stays valid during this call.
unsafe fn text(text: *const c_char, most: usize) -> Result<String, String> {
    if text.is_null() {
        return Err("it returned NULL".into());
    }
    // SAFETY: bytes up to and including the NUL are readable, and none beyond is read.
    let Some(length) = (0..=most).find(|&at| unsafe { text.add(at).read() } == 0) else {
        return Err(format!("it is longer than {most} bytes"));
    };
    // SAFETY: these bytes were just read.
    let bytes = unsafe { slice::from_raw_parts(text.cast::<u8>(), length) };
    String::from_utf8(bytes.to_vec()).map_err(|error| format!("it is not UTF-8 ({})", error.utf8_error()))
}

/// The start of a foreign text, fit for an error message.
fn shortened(text: &str) -> String {
    let mut start: String = text.chars().take(80).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{start:?}")
}
