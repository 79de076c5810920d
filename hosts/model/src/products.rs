//! llama.cpp's products of quantised weights, computed by `hob-kernels` where these are faster.
//!
//! Owns: which products of a step are taken over. Must not know: how they are computed, what the step is for.
//!
//! llama.cpp asks a callback about every operation of a step before it computes any. An operation that is a product of
//! a kind that there are kernels for is turned into a "custom" one there and then, which llama.cpp has every thread of
//! the step call with its number; its inputs, output and place stay what they were. The operations of a step that has
//! the shape of the one before it are kept by llama.cpp, and so stay turned.
#![allow(unsafe_code)]

use crate::backend;
use hob_kernels::{Bench, Format, Inputs, Machine, Matrix, Outputs};
use llama_cpp_sys_2 as sys;
use std::ffi::{c_int, c_void};
use std::mem::offset_of;

/// llama.cpp's build for processors that multiply whole tiles of bytes (AMX), which it makes good use of.
const WITH_TILES: &str = "sapphirerapids";

/// The products of one context. It has to stay where it is as long as the context, which keeps its address.
pub struct Products {
    bench: Bench,
}

/// What llama.cpp reads from a custom operation's parameters (`ggml_custom_op_params` in ggml-impl.h).
#[repr(C)]
struct Custom {
    run: sys::ggml_custom_op_t,
    /// -1: all threads of the step.
    tasks: c_int,
    data: *mut c_void,
}

impl Products {
    /// Products for this machine; `None` where llama.cpp's own are the ones to use: on a processor without kernels, and
    /// beside a GPU, whose operations are not the processor's to take.
    pub fn here() -> Option<Box<Self>> {
        machine().map(|machine| Box::new(Self { bench: Bench::new(machine) }))
    }

    /// Has a new context ask for its products here.
    pub fn attach(&self, params: &mut sys::llama_context_params) {
        params.cb_eval = Some(offered);
        params.cb_eval_user_data = std::ptr::from_ref(self).cast_mut().cast();
    }
}

/// Whether weights stored like this are best left as the file has them: there are kernels that read them so.
pub fn read_in_place(quantization: &str) -> bool {
    matches!(quantization, "Q4_0" | "Q4_1" | "Q8_0") && machine().is_some()
}

fn machine() -> Option<Machine> {
    // SAFETY: takes nothing and returns a number.
    let has_others = unsafe { sys::ggml_backend_dev_count() } > 1;
    if has_others || backend::name() == WITH_TILES { None } else { Machine::detect() }
}

/// Asked about each operation before a step, by one thread while no other computes. Never wants to see a result.
unsafe extern "C" fn offered(tensor: *mut sys::ggml_tensor, _ask: bool, data: *mut c_void) -> bool {
    // SAFETY: llama.cpp passes a valid operation, and what `attach` gave, which outlives the context.
    unsafe {
        let products = &*data.cast::<Products>();
        if let Some((matrix, inputs, _)) = product(&*tensor) {
            products.bench.reserve(inputs.count, matrix.length());
            let custom = Custom { run: Some(compute), tasks: -1, data };
            const {
                assert!(size_of::<Custom>() <= size_of::<[i32; 16]>());
                assert!(offset_of!(Custom, data) == 16);
            }
            let parameters = (&raw mut (*tensor).op_params).cast::<Custom>();
            parameters.write_unaligned(custom);
            (*tensor).op = sys::GGML_OP_CUSTOM;
        }
    }
    false
}

/// Called by each thread of a step.
unsafe extern "C" fn compute(tensor: *mut sys::ggml_tensor, thread: c_int, threads: c_int, data: *mut c_void) {
    // SAFETY: only products that `offered` took over come here, with what it gave them. llama.cpp has computed the
    // inputs, and lets no thread go on to the next operation before all are done with this one.
    unsafe {
        let products = &*data.cast::<Products>();
        let done = parts(&*tensor).is_some_and(|(matrix, inputs, outputs)| {
            products.bench.run(&matrix, inputs, outputs, thread as usize, threads as usize)
        });
        assert!(done, "a product changed its shape after it was taken over");
    }
}

/// The parts of an operation that is a product with a kernel.
///
/// # Safety
/// The operation's sources are valid.
unsafe fn product(tensor: &sys::ggml_tensor) -> Option<(Matrix, Inputs, Outputs)> {
    // SAFETY: by the caller's word.
    unsafe { if tensor.op == sys::GGML_OP_MUL_MAT { parts(tensor) } else { None } }
}

/// The same for one that may have been taken over already.
unsafe fn parts(tensor: &sys::ggml_tensor) -> Option<(Matrix, Inputs, Outputs)> {
    // SAFETY: both sources of a product are there.
    let (weights, numbers) = unsafe { (tensor.src[0].as_ref()?, tensor.src[1].as_ref()?) };
    let format = match weights.type_ {
        sys::GGML_TYPE_Q4_0 => Format::Q4_0,
        sys::GGML_TYPE_Q4_1 => Format::Q4_1,
        sys::GGML_TYPE_Q8_0 => Format::Q8_0,
        _ => return None,
    };
    // Weights that were laid out anew lie in memory of a kind that is not the processor's to read.
    // SAFETY: a buffer that is there is valid.
    let readable = unsafe { !weights.buffer.is_null() && sys::ggml_backend_buffer_is_host(weights.buffer) };
    let flat = |tensor: &sys::ggml_tensor| tensor.ne[2] == 1 && tensor.ne[3] == 1;
    let floats = |tensor: &sys::ggml_tensor| {
        tensor.type_ == sys::GGML_TYPE_F32 && tensor.nb[0] == FLOAT && tensor.nb[1].is_multiple_of(FLOAT)
    };
    let simple = readable && flat(weights) && flat(numbers) && floats(numbers) && floats(tensor);
    if !simple || weights.nb[0] != format.block_bytes() || weights.ne[0] != numbers.ne[0] {
        return None;
    }
    let size = |number: i64| usize::try_from(number).ok();
    let matrix = Matrix::new(format, weights.data.cast(), size(weights.ne[1])?, size(weights.ne[0])?, weights.nb[1])?;
    let inputs = Inputs { data: numbers.data.cast(), stride: numbers.nb[1] / FLOAT, count: size(numbers.ne[1])? };
    let outputs = Outputs { data: tensor.data.cast(), stride: tensor.nb[1] / FLOAT };
    Some((matrix, inputs, outputs))
}

/// Bytes of a number.
const FLOAT: usize = size_of::<f32>();
