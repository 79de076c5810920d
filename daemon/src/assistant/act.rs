//! Acting: a request that a skill carries out.
//!
//! What only reads or can be undone runs at once; what destroys or reaches outside waits for the
//! user's word. An argument that is missing is asked for, never invented.

use super::{Answer, Ask, Assistant, Event, ToolCall, Update, send};
use crate::error::{HobError, Kind};
use crate::skills::{CallOrigin, RoutedCall};
use serde_json::Value;
use tokio::sync::oneshot;

impl Assistant {
    /// Calls the skill, or asks for what is missing.
    pub(super) async fn act(&self, ask: &Ask<'_>, routed: RoutedCall) -> Result<Answer, HobError> {
        if !routed.missing.is_empty() {
            return Ok(self.ask_for_missing(ask, routed).await);
        }
        let mut call = ToolCall {
            skill: routed.skill,
            intent: routed.intent,
            arguments: Value::Object(routed.arguments).to_string(),
            result: String::new(),
        };
        if routed.needs_confirmation {
            self.confirm(ask, &routed.title, &call).await?;
        }
        ask.event(Event::ToolCall(call.clone())).await;
        // What needed the user's word has it by now.
        let origin = CallOrigin { caller: ask.caller, request: ask.prompt, confirmed: true };
        let result = self.skills.call(&call.skill, &call.intent, &call.arguments, &origin).await?;
        call.result = result.to_string();
        ask.event(Event::ToolResult(call.clone())).await;
        let text = spoken(&result);
        ask.delta(&text).await;
        let mut answer = ask.answer(&text, "skill", "skill");
        answer.tool_calls = vec![call];
        Ok(answer)
    }

    /// Calls one after the other; what fails ends the row, and the error says how far it came.
    pub(super) async fn act_on_all(&self, ask: &Ask<'_>, calls: Vec<RoutedCall>) -> Result<Answer, HobError> {
        let (mut whole, mut done) = (ask.answer("", "skill", "skill"), Vec::new());
        for call in calls {
            let title = call.title.clone();
            let answer = self.act_next(ask, call, &mut whole).await.map_err(|error| after(&done, &title, error))?;
            whole.usage = answer.usage;
            done.push(title);
        }
        Ok(whole)
    }

    /// Makes one call of several, whose answer continues the whole one on a line of its own.
    pub(super) async fn act_next(
        &self,
        ask: &Ask<'_>,
        call: RoutedCall,
        whole: &mut Answer,
    ) -> Result<Answer, HobError> {
        if !whole.text.is_empty() {
            whole.text.push('\n');
            ask.delta("\n").await;
        }
        let answer = self.act(ask, call).await?;
        whole.text.push_str(&answer.text);
        whole.tool_calls.extend_from_slice(&answer.tool_calls);
        Ok(answer)
    }

    async fn confirm(&self, ask: &Ask<'_>, title: &str, call: &ToolCall) -> Result<(), HobError> {
        let (agreed, word) = oneshot::channel();
        let action = format!("{title} ({} of {}) with {}", call.intent, call.skill, call.arguments);
        send(ask.updates, Update::Confirm { action: action.clone(), call: Some(call.clone()), agreed }).await;
        match word.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(HobError::new(Kind::Confirmation, format!("not done, as you said no: {action}"))),
            Err(_) => Err(HobError::new(Kind::Confirmation, format!("not done, since nobody confirmed it: {action}"))),
        }
    }
}

/// An error of one call of several.
fn after(done: &[String], title: &str, error: HobError) -> HobError {
    let before = if done.is_empty() { String::new() } else { format!("done: {}. ", done.join(", ")) };
    HobError { message: format!("{before}{title}: {}", error.message), ..error }
}

/// The sentence of a result that is for the user.
fn spoken(result: &Value) -> String {
    let text = |key: &str| result.get(key).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_string);
    let said = text("message").or_else(|| result.get("data").map(Value::to_string)).unwrap_or_else(|| "Done.".into());
    match text("suggestion") {
        Some(suggestion) => format!("{said} {suggestion}"),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_result_is_spoken_by_its_message() {
        assert_eq!(spoken(&json!({"status": "success", "message": "Done at 9.", "data": {}})), "Done at 9.");
        assert_eq!(spoken(&json!({"message": "No.", "suggestion": "Try again."})), "No. Try again.");
        assert_eq!(spoken(&json!({"data": {"n": 1}})), "{\"n\":1}");
    }
}
