//! Parts that are put together after the skills: the assistant, the bus.

use super::apps::{AppAnswer, AppCall, AppError, Apps};
use super::helper::{Ask, Helped, Helper};
use hob_sdk::manifest::Manifest;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

/// A part that may not be there yet.
pub struct Late<T: ?Sized>(OnceLock<Arc<T>>);

impl<T: ?Sized> Default for Late<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T: ?Sized> Late<T> {
    /// Says which it is; the first word counts.
    pub fn set(&self, part: Arc<T>) {
        if self.0.set(part).is_err() {
            tracing::debug!("a part was set twice");
        }
    }
}

impl Helper for Late<dyn Helper> {
    fn help<'a>(&'a self, skill: &'a Manifest, ask: Ask) -> Pin<Box<dyn Future<Output = Helped> + Send + 'a>> {
        match self.0.get() {
            Some(helper) => helper.help(skill, ask),
            None => Box::pin(async { Err(("unavailable".into(), "Nobody answers yet.".into())) }),
        }
    }
}

impl Apps for Late<dyn Apps> {
    fn call(&self, call: AppCall) -> AppAnswer<'_> {
        match self.0.get() {
            Some(apps) => apps.call(call),
            None => Box::pin(async { Err(AppError("hob is not on a message bus".into())) }),
        }
    }
}
