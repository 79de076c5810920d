//! The private wire between the daemon and its child processes.
//!
//! Owns: frames, the hello, request numbering, deadlines, the children's hardening and their
//! supervision. Must not know: what a model, a skill or a document is beyond the message types of
//! [`extract`], [`fetch`] and [`skill`] (a model's messages live in `hob-engine`).
//!
//! A child gets one end of a socket pair as its standard input and speaks first: a [`wire::Hello`]
//! with its build id. Both ends ship together, so a differing build id is refused, not negotiated.

pub mod extract;
pub mod fetch;
pub mod host;
pub mod passing;
pub mod sandbox;
pub mod skill;
#[cfg(feature = "supervisor")]
pub mod supervisor;
pub mod wire;

/// Identifies the build; both ends of a wire must carry the same one.
pub const BUILD_ID: &str = match option_env!("HOB_BUILD_ID") {
    Some(id) => id,
    None => env!("CARGO_PKG_VERSION"),
};
