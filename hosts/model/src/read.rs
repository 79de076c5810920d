//! Reading a model's file into llama.cpp.
//!
//! Owns: how its weights come to lie in memory. Must not know: what the model is, what it is for.
//!
//! llama.cpp lays weights of some formats out anew for its own kernels: a copy in memory that is neither shared with the
//! file nor given back when memory is short. The safe wrapper can't tell it not to.
#![allow(unsafe_code)]

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_sys_2 as sys;
use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

/// Asked while the weights are read, with the share that is: whether to go on.
type Progress<'a> = &'a mut dyn FnMut(f32) -> bool;

/// Reads the file at `path`, its weights `in_place` where llama.cpp would lay them out anew. `None`: it can't, or
/// `progress` said to stop; llama.cpp's log says why.
pub fn model(
    _: &LlamaBackend,
    path: &CStr,
    in_place: bool,
    mut progress: impl FnMut(f32) -> bool,
) -> Option<LlamaModel> {
    let mut progress: Progress<'_> = &mut progress;
    // SAFETY: takes nothing and returns a plain value.
    let mut params = unsafe { sys::llama_model_default_params() };
    params.use_extra_bufts = !in_place;
    params.progress_callback = Some(so_far);
    params.progress_callback_user_data = (&raw mut progress).cast();
    // SAFETY: the path ends in NUL; `progress` outlives the call, after which it is asked no more.
    let raw = NonNull::new(unsafe { sys::llama_model_load_from_file(path.as_ptr(), params) })?;
    const { assert!(size_of::<LlamaModel>() == size_of::<*mut sys::llama_model>()) };
    // SAFETY: in the pinned release `LlamaModel` is `repr(transparent)` over a wrapper that is `repr(transparent)` over
    // a pointer that is not null; dropping it frees what was read here.
    Some(unsafe { std::mem::transmute_copy::<NonNull<sys::llama_model>, LlamaModel>(&raw) })
}

unsafe extern "C" fn so_far(share: f32, data: *mut c_void) -> bool {
    // SAFETY: `model` passed a `Progress` that is there during the call.
    unsafe { (*data.cast::<Progress<'_>>())(share) }
}
