//! The media skill: whatever plays music or video on this desktop, over MPRIS.
//!
//! Owns: which intent is answered by which part. Must not know: any player by name; what follows the standard is a
//! player, and only the names of that standard are within reach.

mod moves;
mod player;
mod playing;
mod recent;
mod restore;
mod seek;
mod volume;

use hob_sdk::{Call, Context, Outcome, Skill, SkillError};

/// The skill itself; which player was used last is kept in its folder.
struct Media;

impl Skill for Media {
    fn new(_: &Context) -> Result<Self, SkillError> {
        Ok(Self)
    }

    fn call(&self, call: &Call) -> Result<Outcome, SkillError> {
        let context = &call.context;
        match call.intent.as_str() {
            "Play" => moves::play(context),
            "Pause" => moves::pause(context),
            "Stop" => moves::stop(context),
            "Next" => moves::skip(moves::Way::Next, context),
            "Previous" => moves::skip(moves::Way::Previous, context),
            "WhatIsPlaying" => playing::tell(context),
            "SetPlayerVolume" => volume::set(&call.arguments()?, context),
            "Seek" => seek::seek(&call.arguments()?, context),
            "RestorePlayback" => restore::restore(call.arguments()?, context),
            other => Err(SkillError::unknown_intent(other)),
        }
    }
}

hob_sdk::export_skill!(Media, "org.hob.media", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests;
