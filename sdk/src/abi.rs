//! The C ABI between the skill host and a skill's library.
//!
//! Owns: the table of functions, its version, and the glue from it to the [`Skill`] trait.
//! Must not know: how a library is found or loaded.
//!
//! `include/hob_skill.h` says the same in C; a test compiles it and compares every offset.
//! Rules: all texts are NUL-terminated UTF-8; those that the skill returns are its own and go back
//! to its `free_string`; nothing unwinds across; functions are called from one thread.
#![allow(unsafe_code)]

use crate::result::{CallResult, SkillError};
use crate::skill::{Skill, call_json, parse_context};
use std::any::Any;
use std::ffi::{CStr, CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// The version of this ABI. The host loads a library only if its table carries the same.
pub const ABI_VERSION: u32 = 1;

/// The one symbol that a skill's library exports: a function of type [`Entry`].
pub const ENTRY_SYMBOL: &CStr = c"hob_skill_entry";

/// Returns the skill's table, which lives as long as the library.
pub type Entry = unsafe extern "C" fn() -> *const SkillTable;

/// What a skill's library offers. Fields are only ever appended, with a new [`ABI_VERSION`].
#[derive(Debug)]
#[repr(C)]
pub struct SkillTable {
    /// Must be [`ABI_VERSION`].
    pub abi_version: u32,
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// The manifest's id.
    pub id: *const c_char,
    /// The manifest's version.
    pub version: *const c_char,
    /// Makes the skill from its context (a JSON object). On failure returns NULL and, unless
    /// `error` is NULL, sets `*error` to a result object that says why.
    pub create: Option<unsafe extern "C" fn(context: *const c_char, error: *mut *mut c_char) -> *mut c_void>,
    /// Carries out an intent; arguments and context are JSON objects, as is the result. NULL means
    /// that not even an error could be written.
    pub call: Option<
        unsafe extern "C" fn(
            skill: *mut c_void,
            intent: *const c_char,
            arguments: *const c_char,
            context: *const c_char,
        ) -> *mut c_char,
    >,
    /// Takes back a text that this library returned; NULL is fine.
    pub free_string: Option<unsafe extern "C" fn(text: *mut c_char)>,
    /// Ends what `create` made; NULL is fine.
    pub destroy: Option<unsafe extern "C" fn(skill: *mut c_void)>,
}

// SAFETY: the table is immutable and its pointers lead to statics and functions.
unsafe impl Sync for SkillTable {}

impl SkillTable {
    /// The table of a Rust skill; `id` and `version` end in NUL. Used by `export_skill!`.
    ///
    /// # Panics
    /// At compile time, when `id` or `version` holds a NUL elsewhere or none at its end.
    pub const fn of<S: Skill>(id: &'static str, version: &'static str) -> Self {
        Self {
            abi_version: ABI_VERSION,
            struct_size: size_of::<Self>() as u32,
            id: c_text(id),
            version: c_text(version),
            create: Some(create::<S>),
            call: Some(call::<S>),
            free_string: Some(free_string),
            destroy: Some(destroy::<S>),
        }
    }
}

const fn c_text(text: &'static str) -> *const c_char {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text.as_ptr(),
        Err(_) => panic!("a skill's id and version must not contain NUL"),
    }
}

unsafe extern "C" fn create<S: Skill>(context: *const c_char, error: *mut *mut c_char) -> *mut c_void {
    let made = shielded(|| {
        // SAFETY: the host passes a NUL-terminated text or NULL, valid during this call.
        let context = unsafe { text(context) }?;
        S::new(&parse_context(context)?)
    });
    match made {
        Ok(skill) => Box::into_raw(Box::new(skill)).cast(),
        Err(reason) => {
            if !error.is_null() {
                // SAFETY: not NULL, so the host passed a place for one pointer.
                unsafe { error.write(give(&CallResult::from(Err(reason)))) };
            }
            ptr::null_mut()
        }
    }
}

unsafe extern "C" fn call<S: Skill>(
    skill: *mut c_void,
    intent: *const c_char,
    arguments: *const c_char,
    context: *const c_char,
) -> *mut c_char {
    let result = shielded(|| {
        // SAFETY: `create` made the skill and the host passes back what it got, or NULL.
        let skill = unsafe { skill.cast::<S>().as_ref() }.ok_or_else(|| no_pointer("skill"))?;
        // SAFETY: the host passes NUL-terminated texts or NULL, valid during this call.
        let (intent, arguments, context) = unsafe { (text(intent)?, text(arguments)?, text(context)?) };
        Ok(call_json(skill, intent, arguments, context))
    });
    give(&result.unwrap_or_else(|reason| Err(reason).into()))
}

unsafe extern "C" fn free_string(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the host gives back exactly the pointers that `give` handed out, once each.
        drop(unsafe { CString::from_raw(text) });
    }
}

unsafe extern "C" fn destroy<S: Skill>(skill: *mut c_void) {
    if !skill.is_null() {
        let ended = shielded(|| {
            // SAFETY: `create` made the box and the host gives it back once.
            drop(unsafe { Box::from_raw(skill.cast::<S>()) });
            Ok(())
        });
        if let Err(reason) = ended {
            eprintln!("the skill failed while it was ended: {reason}");
        }
    }
}

/// Runs `work` so that a panic becomes an error: unwinding out of `extern "C"` would abort.
fn shielded<T>(work: impl FnOnce() -> Result<T, SkillError>) -> Result<T, SkillError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let why = panic_text(panic.as_ref()).to_string();
        // A payload whose own drop panics must not take us along.
        std::mem::forget(panic);
        Err(SkillError::new("panic", format!("The skill broke down: {why}."))
            .suggest("This is a bug in the skill; please report it to its author."))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let as_string = panic.downcast_ref::<String>().map(String::as_str);
    as_string.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

/// SAFETY: `text` is NULL or NUL-terminated and valid for `'a`.
unsafe fn text<'a>(text: *const c_char) -> Result<&'a str, SkillError> {
    if text.is_null() {
        return Err(no_pointer("text"));
    }
    // SAFETY: not NULL; the rest is the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| SkillError::invalid_argument("The call's texts are not UTF-8."))
}

fn no_pointer(what: &str) -> SkillError {
    SkillError::failed(format!("The host passed no {what}."))
}

fn give(result: &CallResult) -> *mut c_char {
    // JSON escapes NUL, so this never fails; NULL is the ABI's word for it all the same.
    CString::new(result.to_json()).map_or(ptr::null_mut(), CString::into_raw)
}

/// Makes a library out of a [`Skill`]: exports the one symbol that the skill host looks for.
///
/// `export_skill!(MySkill, "org.example.mine", env!("CARGO_PKG_VERSION"));` with the id and version
/// of the manifest. Once per library; link no two such libraries into one program.
#[macro_export]
macro_rules! export_skill {
    ($skill:ty, $id:expr, $version:expr) => {
        /// The skill's table, for the skill host.
        #[allow(unsafe_code, reason = "an exported symbol; the name is the ABI's")]
        #[unsafe(no_mangle)]
        pub extern "C" fn hob_skill_entry() -> *const $crate::abi::SkillTable {
            static TABLE: $crate::abi::SkillTable =
                $crate::abi::SkillTable::of::<$skill>(concat!($id, "\0"), concat!($version, "\0"));
            &raw const TABLE
        }
    };
}
