//! One mechanism for all kinds of skills: started once, called one at a time, told things meanwhile.

use hob_link::skill::Tool;

/// A skill that has started.
pub trait Runner {
    /// What it agreed on.
    fn agreed(&self) -> Agreed;

    /// Carries out an intent; `id` numbers the call.
    fn call(&mut self, id: u64, intent: &str, arguments: &str, context: &str) -> Result<String, Failure>;
}

/// What a skill and its host agreed on.
#[derive(Default)]
pub struct Agreed {
    /// Version of the ABI or protocol.
    pub abi: u32,
    /// The skill's own version.
    pub version: String,
    /// An MCP server's tools.
    pub tools: Vec<Tool>,
}

/// Why a call gave no result.
pub enum Failure {
    /// The skill can be called again.
    Call(String),
    /// It can't: what it said or did leaves no way to go on.
    End(String),
}

/// The way to a skill while its call runs; used from another thread.
pub trait Reach: Send + Sync {
    /// Passes on what the skill asked for, as JSON.
    fn answer(&self, ask: u64, answer: &str);

    /// Nobody waits for the call any more.
    fn cancel(&self, id: u64);
}
