//! llama.cpp's own log: to our log at debug level, and its last complaint kept for error messages.
//!
//! Its errors are not shown by themselves: a cancelled step is one of them, and every real failure
//! comes back as a code that the caller turns into an error.
#![allow(unsafe_code)]

use llama_cpp_sys_2 as sys;
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Mutex, PoisonError};

static LAST_ERROR: Mutex<Option<String>> = Mutex::new(None);

/// Takes over llama.cpp's log.
pub fn install() {
    // SAFETY: the callback is a plain function that needs no data and never goes away.
    unsafe { sys::llama_log_set(Some(on_message), std::ptr::null_mut()) }
}

/// The last error since this was asked before, as one line.
pub fn take_last_error() -> Option<String> {
    LAST_ERROR.lock().unwrap_or_else(PoisonError::into_inner).take()
}

unsafe extern "C" fn on_message(level: sys::ggml_log_level, text: *const c_char, _data: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp passes a NUL-terminated text that lives during the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let line = text.trim();
    // Progress dots and line breaks come as messages of their own.
    if line.len() < 3 {
        return;
    }
    tracing::debug!(target: "llama.cpp", level, "{line}");
    if level == sys::GGML_LOG_LEVEL_ERROR {
        let mut last = LAST_ERROR.lock().unwrap_or_else(PoisonError::into_inner);
        let message = without_function(line);
        // The last line of a failed load only says that it failed; the one before says why.
        if last.is_none() || message != "failed to load model" {
            *last = Some(message);
        }
    }
}

/// Messages start with the name of the C++ function, which helps no user.
fn without_function(line: &str) -> String {
    let (first, rest) = line.split_once(": ").unwrap_or(("", line));
    let message = if first.contains(' ') { line } else { rest };
    message.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_name_is_left_out() {
        assert_eq!(without_function("llama_model_load: error loading model: x"), "error loading model: x");
        assert_eq!(without_function("tensor 'a': wrong"), "tensor 'a': wrong");
        assert_eq!(without_function("plain"), "plain");
    }
}
