//! Write a skill, or talk to hob.
//!
//! Owns: the skill's manifest, the [`Skill`] trait with its results, the C ABI that carries them,
//! a harness to test a skill without a daemon, JSON that is still being written, and (feature
//! `client`) typed D-Bus proxies.
//! Must not know: the daemon, its index or its models.
//!
//! A skill is a folder with a `skill.toml` ([`manifest`]) and a library:
//!
//! ```
//! use hob_sdk::{Call, Context, Outcome, Skill, SkillError};
//! use serde::Deserialize;
//!
//! struct Greeter;
//!
//! #[derive(Deserialize)]
//! struct Greet {
//!     name: String,
//! }
//!
//! impl Skill for Greeter {
//!     fn new(_: &Context) -> Result<Self, SkillError> {
//!         Ok(Greeter)
//!     }
//!
//!     fn call(&self, call: &Call) -> Result<Outcome, SkillError> {
//!         match call.intent.as_str() {
//!             "Greet" => {
//!                 let Greet { name } = call.arguments()?;
//!                 Ok(Outcome::say(format!("Hello, {name}.")))
//!             }
//!             other => Err(SkillError::unknown_intent(other)),
//!         }
//!     }
//! }
//!
//! hob_sdk::export_skill!(Greeter, "org.example.greeter", "1.0.0");
//! # fn main() {}
//! ```
//!
//! # Slot values
//!
//! Before a call, the daemon turns the user's words into the values that a parameter's `x-type`
//! promises, and scripts pass the same:
//!
//! | x-type | JSON value | example |
//! |---|---|---|
//! | `duration` | ISO 8601 duration as a string | `"PT10M"`, `"P1DT2H"`, `"-P3D"` (back in time) |
//! | `datetime` | local civil time without offset, or RFC 3339 with one; a bare date when no time was said | `"2026-11-24T07:00:00"`, `"2026-11-24T07:00:00Z"`, `"2026-12-24"` |
//! | `number` | JSON number | `3`, `2.5` |
//! | `contact`, `app`, `file`, `freetext` | string in the user's words | `"Ana"` |
//! | (`enum`) | one of the schema's own values, whatever synonym was said | `"image"` |
//!
//! A civil time is meant in the time zone of the call's [`Context`]. Beside `x-type`, a parameter may
//! say `x-copy = true` (the value is a piece of the request, word for word), `x-synonyms` (what else
//! people call the values of its `enum`) and `x-prefer = "past"` (of "Monday" the last one is meant).

#![deny(unsafe_code)]

pub mod abi;
#[cfg(feature = "client")]
pub mod client;
pub mod manifest;
pub mod partial_json;
mod result;
mod skill;
pub mod testing;
pub mod text;

pub use result::{CallResult, Outcome, SkillError, Status, Wake};
pub use skill::{Call, Context, Skill};

#[doc(hidden)]
pub use serde_json;
