//! llama.cpp's products of quantised weights and its attention, computed by `hob-kernels` where these are faster.
//!
//! Owns: which operations of a step are taken over. Must not know: how they are computed, what the step is for.
//!
//! llama.cpp asks a callback about every operation of a step before it computes any. One that there is a kernel for is
//! turned into a "custom" one there and then, which llama.cpp has every thread of the step call with its number; its
//! inputs, output and place stay what they were. The operations of a step that has the shape of the one before it are
//! kept by llama.cpp, and so stay turned.
#![allow(unsafe_code)]

use crate::backend;
use hob_kernels::{Attention, Bench, Format, Inputs, Job, Machine, Matrix, Outputs};
use llama_cpp_sys_2 as sys;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, Ordering};

/// llama.cpp's build for processors that multiply whole tiles of bytes (AMX), which it makes good use of.
const WITH_TILES: &str = "sapphirerapids";

/// The products of one context. It has to stay where it is as long as the context, which keeps its address.
pub struct Products {
    bench: Bench,
    /// The last product of this graph that was taken over, or null.
    last: Cell<*mut sys::ggml_tensor>,
    /// The mask of the last attention of this graph that was taken over, or null.
    mask: Cell<*mut sys::ggml_tensor>,
    /// Something was computed since: what is offered next belongs to another graph, whose operations may lie where those
    /// of the last one were. (A step has one graph; those of models with a state have several.)
    computed: AtomicBool,
}

type Run = unsafe extern "C" fn(*mut sys::ggml_tensor, c_int, c_int, *mut c_void);

/// Bytes of a number.
const FLOAT: usize = size_of::<f32>();
/// Bytes of a half-precision number.
const HALF: usize = size_of::<u16>();
/// Where the address of the product that follows is kept among one's parameters.
const NEXT: usize = 8;
/// Where it is kept whether a product has the inputs of the one before.
const ROUNDED: usize = 10;
/// Where an attention's scale is kept among its parameters once it is taken over.
const SCALE: usize = 8;
/// Where it is kept whether an attention has the mask of the one before.
const LOOKED: usize = 9;

/// What llama.cpp reads from a custom operation's parameters (`ggml_custom_op_params` in ggml-impl.h).
#[repr(C)]
struct Custom {
    run: sys::ggml_custom_op_t,
    /// -1: all threads of the step.
    tasks: c_int,
    data: *mut c_void,
}

impl Products {
    /// Has a new context ask for its products here. `None` where llama.cpp's own are the ones to use: on a processor
    /// without kernels, and beside a GPU, whose operations are not the processor's to take.
    pub fn attach(params: &mut sys::llama_context_params) -> Option<Box<Self>> {
        let none = || Cell::new(std::ptr::null_mut());
        let (last, mask, computed) = (none(), none(), AtomicBool::new(false));
        let products = Box::new(Self { bench: Bench::new(machine()?), last, mask, computed });
        params.cb_eval = Some(offered);
        params.cb_eval_user_data = std::ptr::from_ref(&*products).cast_mut().cast();
        Some(products)
    }

    /// A new step begins, and with it a new graph, even if the last one was interrupted before anything was computed.
    pub fn begin(&self) {
        self.computed.store(true, Ordering::Relaxed);
    }

    /// What is offered now may belong to another graph than what was before.
    fn look_for_a_new_graph(&self) {
        if self.computed.swap(false, Ordering::Relaxed) {
            self.last.set(std::ptr::null_mut());
            self.mask.set(std::ptr::null_mut());
        }
    }
}

/// What files are called whose matrices are all in formats that there are kernels for.
const IN_PLACE: [&str; 7] = ["Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q4_K_S", "Q4_K_M", "Q6_K"];

/// Whether weights stored like this are best left as the file has them: there are kernels that read them so.
pub fn read_in_place(quantization: &str) -> bool {
    IN_PLACE.contains(&quantization) && machine().is_some()
}

/// Set to anything, this leaves everything to llama.cpp's kernels: to compare, and to find out whose fault something is.
const PLAIN: &str = "HOB_PLAIN_KERNELS";

fn machine() -> Option<Machine> {
    if std::env::var_os(PLAIN).is_some() {
        return None;
    }
    if backend::has_other_devices() || backend::name() == WITH_TILES { None } else { Machine::detect() }
}

/// Asked about each operation before a step, by one thread while no other computes. Never wants to see a result.
unsafe extern "C" fn offered(tensor: *mut sys::ggml_tensor, _ask: bool, data: *mut c_void) -> bool {
    // SAFETY: llama.cpp passes a valid operation, and what `attach` gave, which outlives the context.
    unsafe {
        let products = &*data.cast::<Products>();
        products.look_for_a_new_graph();
        match (*tensor).op {
            sys::GGML_OP_MUL_MAT => {
                if let Some((matrix, inputs, _)) = product(&*tensor) {
                    products.bench.reserve(inputs.count, matrix.length());
                    take_over(tensor, multiply, data);
                    let before = products.last.replace(tensor);
                    let rounded = before.as_ref().is_some_and(|before| has_inputs_of(before, &*tensor));
                    (*tensor).op_params[ROUNDED] = i32::from(rounded);
                    set_next(&mut *tensor, tensor);
                    if let Some(before) = before.as_mut() {
                        set_next(before, tensor);
                    }
                }
            }
            sys::GGML_OP_FLASH_ATTN_EXT => {
                let parameters = (*tensor).op_params;
                if plain(&parameters) {
                    (*tensor).op_params[SCALE] = parameters[0];
                    if let Some(attention) = attention(&*tensor).filter(|a| a.fits(products.bench.machine())) {
                        products.bench.reserve_attention(&attention);
                        take_over(tensor, attend, data);
                        let mask = (*tensor).src[3];
                        let looked = products.mask.replace(mask) == mask && !mask.is_null();
                        (*tensor).op_params[LOOKED] = i32::from(looked);
                    }
                }
            }
            _ => {}
        }
    }
    false
}

/// Turns an operation into one that calls `run`.
unsafe fn take_over(tensor: *mut sys::ggml_tensor, run: Run, data: *mut c_void) {
    const {
        assert!(size_of::<Custom>() <= SCALE * size_of::<i32>());
        assert!(offset_of!(Custom, data) == 16);
    }
    // SAFETY: the operation is valid, and its parameters have room.
    unsafe {
        let parameters = (&raw mut (*tensor).op_params).cast::<Custom>();
        parameters.write_unaligned(Custom { run: Some(run), tasks: -1, data });
        (*tensor).op = sys::GGML_OP_CUSTOM;
    }
}

/// Whether a product has the inputs of the one before it, with weights of the same format. llama.cpp puts nothing else in
/// the place of inputs that are still needed.
unsafe fn has_inputs_of(before: &sys::ggml_tensor, product: &sys::ggml_tensor) -> bool {
    // SAFETY: both are products, whose sources are valid.
    let formats = unsafe { (before.src[0].as_ref(), product.src[0].as_ref()) };
    let alike = matches!(formats, (Some(before), Some(weights)) if before.type_ == weights.type_);
    alike && before.src[1] == product.src[1]
}

/// Notes which product follows on one that was taken over.
fn set_next(tensor: &mut sys::ggml_tensor, next: *mut sys::ggml_tensor) {
    let address = next.expose_provenance() as u64;
    (tensor.op_params[NEXT], tensor.op_params[NEXT + 1]) = (address as i32, (address >> 32) as i32);
}

/// Which product follows.
fn next(tensor: &sys::ggml_tensor) -> *const sys::ggml_tensor {
    let [low, high] = [tensor.op_params[NEXT], tensor.op_params[NEXT + 1]].map(|half| u64::from(half.cast_unsigned()));
    std::ptr::with_exposed_provenance((high << 32 | low) as usize)
}

/// What a thread of a step was called with.
///
/// # Safety
/// It is what `attach` gave, and its context is still there.
unsafe fn called<'a>(data: *mut c_void, thread: c_int) -> &'a Products {
    // SAFETY: by the caller's word.
    let products = unsafe { &*data.cast::<Products>() };
    if thread == 0 {
        products.computed.store(true, Ordering::Relaxed);
    }
    products
}

/// Called by each thread of a step for a product that was taken over.
unsafe extern "C" fn multiply(tensor: *mut sys::ggml_tensor, thread: c_int, threads: c_int, data: *mut c_void) {
    // SAFETY: only what `offered` took over comes here, with what it gave. llama.cpp has computed the inputs, and lets
    // no thread go on to the next operation before all are done with this one.
    unsafe {
        let products = called(data, thread);
        let done = product(&*tensor).is_some_and(|(matrix, inputs, outputs)| {
            let next = product(&*next(&*tensor)).map_or(matrix, |(matrix, ..)| matrix);
            let rounded = (*tensor).op_params[ROUNDED] != 0;
            let job = Job { matrix, inputs, rounded, outputs, next };
            products.bench.run(&job, thread as usize, threads as usize)
        });
        assert!(done, "a product changed its shape after it was taken over");
    }
}

/// The same for attention.
unsafe extern "C" fn attend(tensor: *mut sys::ggml_tensor, thread: c_int, threads: c_int, data: *mut c_void) {
    // SAFETY: as in `multiply`.
    unsafe {
        let products = called(data, thread);
        let done = attention(&*tensor)
            .is_some_and(|attention| products.bench.attend(&attention, thread as usize, threads as usize));
        assert!(done, "an attention changed its shape after it was taken over");
    }
}

/// A product that there is a kernel for.
///
/// # Safety
/// The operation is a product, or was one, and its sources are valid.
unsafe fn product(tensor: &sys::ggml_tensor) -> Option<(Matrix, Inputs, Outputs)> {
    // SAFETY: both sources of a product are there.
    let (weights, numbers) = unsafe { (tensor.src[0].as_ref()?, tensor.src[1].as_ref()?) };
    let format = match weights.type_ {
        sys::GGML_TYPE_Q4_0 => Format::Q4_0,
        sys::GGML_TYPE_Q4_1 => Format::Q4_1,
        sys::GGML_TYPE_Q8_0 => Format::Q8_0,
        sys::GGML_TYPE_Q4_K => Format::Q4K,
        sys::GGML_TYPE_Q6_K => Format::Q6K,
        _ => return None,
    };
    // SAFETY: both are valid.
    let readable = unsafe { readable(weights) && readable(numbers) };
    let simple = readable && flat(weights) && flat(numbers) && floats(numbers) && floats(tensor);
    if !simple || weights.nb[0] != format.block_bytes() || weights.ne[0] != numbers.ne[0] {
        return None;
    }
    let matrix = Matrix::new(format, weights.data.cast(), size(weights.ne[1])?, size(weights.ne[0])?, weights.nb[1])?;
    let inputs = Inputs { data: numbers.data.cast(), stride: numbers.nb[1] / FLOAT, count: size(numbers.ne[1])? };
    let outputs = Outputs { data: tensor.data.cast(), stride: tensor.nb[1] / FLOAT };
    Some((matrix, inputs, outputs))
}

/// Attention that there is a kernel for, of half-precision keys and values.
///
/// # Safety
/// The operation is an attention, or was one, and its sources are valid.
unsafe fn attention(tensor: &sys::ggml_tensor) -> Option<Attention> {
    // SAFETY: sources that are there are valid.
    let (queries, keys, values, mask) = unsafe {
        let source = |at: usize| tensor.src[at].as_ref();
        (source(0)?, source(1)?, source(2)?, source(3))
    };
    let simple = |tensor: &sys::ggml_tensor, half: bool| {
        let (kind, bytes) = if half { (sys::GGML_TYPE_F16, HALF) } else { (sys::GGML_TYPE_F32, FLOAT) };
        let whole = tensor.nb[..3].iter().all(|stride| stride.is_multiple_of(bytes));
        // SAFETY: the source is valid.
        tensor.type_ == kind && tensor.nb[0] == bytes && whole && tensor.ne[3] == 1 && unsafe { readable(tensor) }
    };
    let alike =
        keys.ne == values.ne && keys.ne[0] == queries.ne[0] && keys.ne[2] > 0 && queries.ne[2] % keys.ne[2] == 0;
    let masked = |mask: &sys::ggml_tensor| {
        simple(mask, true) && mask.ne[0] == keys.ne[1] && mask.ne[1] >= queries.ne[1] && mask.ne[2] == 1
    };
    let sinks = !tensor.src[4].is_null();
    if !simple(queries, false) || !simple(keys, true) || !simple(values, true) || !alike || sinks {
        return None;
    }
    if mask.is_some_and(|mask| !masked(mask)) || tensor.type_ != sys::GGML_TYPE_F32 || tensor.nb[0] != FLOAT {
        return None;
    }
    let strides = |tensor: &sys::ggml_tensor, bytes: usize| (tensor.nb[1] / bytes, tensor.nb[2] / bytes);
    Some(Attention {
        queries: queries.data.cast(),
        queries_stride: strides(queries, FLOAT),
        keys: keys.data.cast(),
        keys_stride: strides(keys, HALF),
        values: values.data.cast(),
        values_stride: strides(values, HALF),
        mask: mask.map_or(std::ptr::null(), |mask| mask.data.cast()),
        mask_stride: mask.map_or(0, |mask| mask.nb[1] / HALF),
        looked: tensor.op_params[LOOKED] != 0,
        results: tensor.data.cast(),
        // In the result, the heads of a token lie together.
        results_stride: (tensor.nb[2] / FLOAT, tensor.nb[1] / FLOAT),
        scale: f32::from_bits(tensor.op_params[SCALE].cast_unsigned()),
        tokens: size(queries.ne[1])?,
        length: size(keys.ne[1])?,
        heads: size(queries.ne[2])?,
        shared: size(queries.ne[2] / keys.ne[2])?,
        width: size(keys.ne[0])?,
    })
}

/// Whether an attention adds nothing to the scores for being far away, and does not squeeze them.
fn plain(parameters: &[i32; 16]) -> bool {
    parameters[1..3].iter().all(|number| f32::from_bits(number.cast_unsigned()) == 0.0)
}

/// Whether the processor can read this: weights that were laid out anew lie in memory of another kind.
///
/// # Safety
/// The tensor and those it is a view of are valid.
unsafe fn readable(tensor: &sys::ggml_tensor) -> bool {
    // SAFETY: by the caller's word.
    unsafe {
        let buffer = tensor.view_src.as_ref().map_or(tensor.buffer, |of| of.buffer);
        !buffer.is_null() && sys::ggml_backend_buffer_is_host(buffer)
    }
}

fn flat(tensor: &sys::ggml_tensor) -> bool {
    tensor.ne[2] == 1 && tensor.ne[3] == 1
}

fn floats(tensor: &sys::ggml_tensor) -> bool {
    tensor.type_ == sys::GGML_TYPE_F32 && tensor.nb[0] == FLOAT && tensor.nb[1].is_multiple_of(FLOAT)
}

fn size(number: i64) -> Option<usize> {
    usize::try_from(number).ok()
}
