//! Skills that are apps of their own: what the bus module does for them.
//!
//! Owns: the form of a call. Must not know: the bus.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A call of an app's intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppCall {
    /// The app's well-known name.
    pub bus_name: String,
    /// Its object.
    pub object: String,
    /// The intent.
    pub intent: String,
    /// A JSON object.
    pub arguments: String,
    /// A JSON object.
    pub context: String,
    /// How long it may take.
    pub timeout: Duration,
}

/// Why an app did not answer, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AppError(pub String);

/// What calling an app comes to.
pub type AppAnswer<'a> = Pin<Box<dyn Future<Output = Result<String, AppError>> + Send + 'a>>;

/// The way to apps.
pub trait Apps: Send + Sync {
    /// Carries out an intent; gives the result object as JSON.
    fn call(&self, call: AppCall) -> AppAnswer<'_>;
}
