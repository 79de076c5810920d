//! Intents that a model may call for one request: the best few of routing, as tools.
//!
//! Owns: how an intent looks to a model, and what call its words come to. Must not know: prompts, how often a model may
//! call.

use super::router::text::language;
use super::routing::annotated;
use super::slots::by_model;
use super::{RoutedCall, Skills};
use crate::error::HobError;
use hob_engine::ToolSpec;
use hob_sdk::manifest::{Intent, Risk};
use serde_json::{Map, Value};

/// An intent that a model may call.
pub struct Offered {
    /// How the model sees it.
    pub tool: ToolSpec,
    /// It changes nothing.
    pub only_reads: bool,
    call: RoutedCall,
    intent: Intent,
}

impl Skills {
    /// The best `most` intents for a request.
    pub async fn offered(&self, text: &str, most: usize) -> Result<Vec<Offered>, HobError> {
        let mut offered: Vec<Offered> = Vec::new();
        for call in self.route(text, most).await?.candidates {
            let Some(intent) = self.intent_of(&call) else { continue };
            let short = format!("{}.{}", call.skill.rsplit('.').next().unwrap_or_default(), call.intent);
            let is_taken = offered.iter().any(|other| other.tool.name == short);
            let name = if is_taken { format!("{}.{}", call.skill, call.intent) } else { short };
            let tool = ToolSpec {
                name,
                description: format!("{}. {}", intent.title, intent.description),
                parameters: by_model::shown(&intent.parameters).to_string(),
            };
            offered.push(Offered { tool, only_reads: intent.risk == Risk::Read, call, intent });
        }
        Ok(offered)
    }
}

impl Offered {
    /// The call that a model's arguments for a request come to.
    pub fn call(&self, request: &str, arguments: &str) -> RoutedCall {
        // What is no object states nothing.
        let written: Map<String, Value> = serde_json::from_str(arguments).unwrap_or_default();
        let now = jiff::ZonedDateTime::now();
        let said = (request, language(request).unwrap_or("en"));
        let read = by_model::read(written, said, &now, &self.intent.parameters, &annotated(&self.intent));
        RoutedCall { arguments: read.arguments, missing: read.missing, ..self.call.clone() }
    }
}
