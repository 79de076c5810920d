//! The one loaded library: from a path to a skill that can be called.
//!
//! Owns: dlopen, the version handshake and every pointer of the skill's. Must not know: the wire.
//!
//! The library is foreign code: whatever it returns is checked before it is believed. What it can
//! still do is end this process, which is why this process exists.
#![allow(unsafe_code)]

use crate::error::{CallError, LoadError, shortened};
use crate::runner::{Agreed, Failure, Runner};
use hob_sdk::CallResult;
use hob_sdk::abi::{ABI_VERSION, ENTRY_SYMBOL, Entry, SkillTable};
use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use serde_json::{Map, Value};
use std::ffi::{CString, c_char, c_void};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::{fs, ptr, slice};

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
    /// What every context holds beside what the daemon tells.
    ours: Map<String, Value>,
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
    /// Loads the library at `path`, which must be the skill `id`, and makes the skill. `told` is what the daemon
    /// tells, `ours` what every context holds beside.
    pub fn load(path: &Path, id: &str, told: &str, ours: Map<String, Value>) -> Result<Self, LoadError> {
        check_file(path).map_err(|why| LoadError::NoFile { path: path.into(), why })?;
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
        let declined = |why: CallError| LoadError::Declined { id: id.into(), why: why.to_string() };
        let skill = create(&functions, id, &context(told, &ours).map_err(declined)?)?;
        Ok(Self { id: id.into(), version, ours, skill, functions, _code: code })
    }

    /// Calls an intent; the result is a valid result object.
    fn invoke(&self, intent: &str, arguments: &str, told: &str) -> Result<String, CallError> {
        let context = context(told, &self.ours)?;
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
}

impl Runner for Library {
    fn agreed(&self) -> Agreed {
        Agreed { abi: ABI_VERSION, version: self.version.clone(), tools: Vec::new() }
    }

    fn call(&mut self, id: u64, intent: &str, arguments: &str, context: &str) -> Result<String, Failure> {
        self.ours.insert("call".into(), id.into());
        self.invoke(intent, arguments, context).map_err(|error| Failure::Call(error.to_string()))
    }
}

/// What the daemon tells, with what only this process knows.
pub fn context(told: &str, ours: &Map<String, Value>) -> Result<String, CallError> {
    let bad = CallError::BadRequest("the call's context must be a JSON object");
    let told = if told.is_empty() { "{}" } else { told };
    let Ok(Value::Object(mut context)) = serde_json::from_str(told) else { return Err(bad) };
    context.extend(ours.clone());
    Ok(Value::Object(context).to_string())
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

fn create(functions: &Functions, id: &str, context: &str) -> Result<*mut c_void, LoadError> {
    let declined = |why: String| LoadError::Declined { id: id.into(), why };
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
