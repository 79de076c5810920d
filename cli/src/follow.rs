//! A running request on the screen: text as it comes, questions to the user, Ctrl-C.
//!
//! This file owns the rule that Ctrl-C cancels the request in the daemon, and that a second one does not wait for it.

use hob_sdk::client::{Answer, DeltaKind, Details, Finished, Request, Update, details_to_json};
use serde_json::Value;

use crate::failure::Failure;
use crate::input::{Interrupts, Lines};
use crate::screen::Screen;

/// What a request is followed with.
pub struct Follower<'a> {
    /// Where text appears.
    pub screen: &'a Screen,
    /// Ctrl-C.
    pub interrupts: &'a mut Interrupts,
    /// Who answers questions; `None` when nobody is there, and everything that asks is declined.
    pub lines: Option<&'a mut Lines>,
    /// What a model thinks is shown on a terminal.
    pub reasoning: bool,
}

/// What stands on the screen.
#[derive(Default)]
struct Shown {
    /// Of the answer.
    answer: String,
    /// Of the thinking before it; whether its last line is open.
    thinking: Option<bool>,
}

impl Shown {
    /// Nothing stands there that a status line would cut in two.
    fn is_empty(&self) -> bool {
        self.answer.is_empty() && self.thinking.is_none()
    }
}

impl Follower<'_> {
    /// Shows a request to its end. Under `--json` nothing is shown.
    pub async fn follow(&mut self, mut request: Request, waiting: &str) -> Result<Answer, Failure> {
        self.screen.status(&self.screen.error_style().dim(waiting))?;
        let mut shown = Shown::default();
        let ended = self.updates(&mut request, &mut shown).await;
        self.screen.clear_status()?;
        let ended = ended.and_then(|end| Ok(end.into_answer()?));
        if !self.screen.json {
            if let Ok(answer) = &ended {
                // A daemon that sent no pieces still sends the whole.
                if shown.answer.is_empty() {
                    self.show(&answer.text, &mut shown)?;
                }
            }
            let open =
                if shown.answer.is_empty() { shown.thinking == Some(true) } else { !shown.answer.ends_with('\n') };
            if open {
                self.screen.write("\n")?;
            }
        }
        ended
    }

    /// Follows a task that has a result instead of an answer, showing how far it is.
    pub async fn follow_task(&mut self, mut request: Request, waiting: &str) -> Result<Details, Failure> {
        self.screen.status(&self.screen.error_style().dim(waiting))?;
        let ended = self.updates(&mut request, &mut Shown::default()).await;
        self.screen.clear_status()?;
        Ok(ended?.into_result()?)
    }

    /// Shows a piece of the answer, apart from the thinking before it.
    fn show(&self, text: &str, shown: &mut Shown) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        if shown.answer.is_empty()
            && let Some(open) = shown.thinking
        {
            self.screen.write(if open { "\n\n" } else { "\n" })?;
        }
        shown.answer.push_str(text);
        Ok(self.screen.write(&self.screen.style().clean(text))?)
    }

    async fn updates(&mut self, request: &mut Request, shown: &mut Shown) -> Result<Finished, Failure> {
        let mut cancelled = false;
        loop {
            let update = tokio::select! {
                update = request.next_update() => update,
                () = self.interrupts.next() => {
                    if cancelled {
                        return Err(Failure::Interrupted);
                    }
                    cancelled = true;
                    request.cancel().await?;
                    continue;
                }
            };
            match update {
                Some(Ok(Update::Finished(_))) if cancelled => return Err(Failure::Interrupted),
                Some(Ok(Update::Finished(end))) => return Ok(end),
                Some(Ok(Update::Delta { kind, text })) => self.delta(&kind, &text, shown)?,
                Some(Ok(Update::Event { kind, details })) => self.event(&kind, &details, shown.is_empty())?,
                Some(Ok(Update::Confirm { action, .. })) => {
                    let agreed = self.confirm(&action).await?;
                    request.answer(agreed).await?;
                }
                Some(Err(error)) => return Err(error.into()),
                None => return Err(hob_sdk::client::Error::Vanished.into()),
            }
        }
    }

    fn delta(&self, kind: &DeltaKind, text: &str, shown: &mut Shown) -> Result<(), Failure> {
        if self.screen.json {
            return Ok(());
        }
        match kind {
            // A model's answer often begins with blanks that only look untidy.
            DeltaKind::Answer => self.show(if shown.answer.is_empty() { text.trim_start() } else { text }, shown)?,
            DeltaKind::Reasoning if shown.answer.is_empty() => self.think(text, shown)?,
            DeltaKind::Reasoning | DeltaKind::Other(_) => {}
        }
        Ok(())
    }

    /// Thinking is dimmed on a terminal, and never part of what a pipe gets.
    fn think(&self, text: &str, shown: &mut Shown) -> Result<(), Failure> {
        if !(self.reasoning && self.screen.terminal) {
            self.screen.status(&self.screen.error_style().dim("Thinking …"))?;
            return Ok(());
        }
        let text = if shown.thinking.is_none() { text.trim_start() } else { text };
        if !text.is_empty() {
            shown.thinking = Some(!text.ends_with('\n'));
            let style = self.screen.style();
            self.screen.write(&style.dim(&style.clean(text)))?;
        }
        Ok(())
    }

    fn event(&self, kind: &str, details: &Details, nothing_shown: bool) -> Result<(), Failure> {
        let details = details_to_json(details);
        let text = |key: &str| details.get(key).and_then(Value::as_str).unwrap_or_default();
        let status = match kind {
            "route" if text("decision") == "retrieve" => "Looking through your files …".to_owned(),
            "route" if text("decision") == "chat" => "Writing …".to_owned(),
            "tool_call" if !text("skill").is_empty() => format!("Running {} {} …", text("skill"), text("intent")),
            "progress" => text("text").to_owned(),
            "notice" => {
                self.screen.notice(text("text"))?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        // A status line would cut a line of the answer in two.
        if nothing_shown && !status.is_empty() {
            let style = self.screen.error_style();
            self.screen.status(&style.dim(&style.line(&status)))?;
        }
        Ok(())
    }

    async fn confirm(&mut self, action: &str) -> Result<bool, Failure> {
        let action = self.screen.error_style().line(action);
        let Some(lines) = self.lines.as_deref_mut() else {
            self.screen.notice(&format!("declined, because nobody is here to confirm it: {action}"))?;
            return Ok(false);
        };
        self.screen.prompt(&format!("{action}\nGo on? [y/N] "))?;
        tokio::select! {
            line = lines.next() => Ok(line?.is_some_and(|line| is_yes(&line))),
            () = self.interrupts.next() => Ok(false),
        }
    }
}

/// Only a clear yes is one.
fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_agrees() {
        assert!(is_yes(" Y ") && is_yes("yes\n"));
        assert!(!is_yes("") && !is_yes("n") && !is_yes("yes please delete") && !is_yes("yep"));
    }
}
