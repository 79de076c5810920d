//! Write a skill, or talk to hob.
//!
//! Owns: the skill's manifest, the [`Skill`] trait with its results, the C ABI that carries them,
//! a harness to test a skill without a daemon, JSON that is still being written, (feature
//! `client`) typed D-Bus proxies, and (feature `bus`) a skill's own calls on a message bus.
//! Must not know: the daemon, its index or its models.
//!
//! A skill is a folder with a `skill.toml` ([`manifest`]) and a library:
//!
//! ```
//! use hob_sdk::{Context, Outcome, Parameters, SkillError, skill};
//! use serde::Deserialize;
//!
//! struct Greeter;
//!
//! #[derive(Deserialize, Parameters)]
//! struct Greet {
//!     /// Who is greeted.
//!     #[param(x_type = "contact", copy)]
//!     name: String,
//! }
//!
//! #[skill(id = "org.example.greeter", version = "1.0.0")]
//! impl Greeter {
//!     fn new(_: &Context) -> Result<Self, SkillError> {
//!         Ok(Greeter)
//!     }
//!
//!     #[intent]
//!     fn greet(&self, greet: Greet) -> Result<Outcome, SkillError> {
//!         Ok(Outcome::say(format!("Hello, {}.", greet.name)))
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! [`macro@skill`] and [`macro@Parameters`] write what could be written by hand: an implementation of [`Skill`], the schemas that
//! [`schema::compare`] holds against the manifest, and [`export_skill!`].
//!
//! What a call may want of hob is on its [`Context`]: [`Context::model`], [`Context::index`], [`Context::settings`],
//! [`Context::storage`], [`Context::progress`], [`Context::log`], [`Context::is_cancelled`], and, where the user granted
//! it, [`Context::connect`] and [`Context::message_bus`].
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
pub mod lines;
pub mod manifest;
#[cfg(feature = "bus")]
pub mod message_bus;
pub mod partial_json;
mod result;
pub mod schema;
mod services;
mod skill;
pub mod testing;
pub mod text;
mod uri;

#[cfg(feature = "macros")]
pub use hob_sdk_macros::{Parameters, skill};
pub use result::{CallResult, Outcome, SkillError, Status, Wake};
pub use schema::{Described, Parameters};
pub use services::{Bus, Completion, Found, Index, Level, Model};
pub use skill::{Call, Context, Skill};
pub use uri::file_uri;

#[doc(hidden)]
pub use serde_json;
