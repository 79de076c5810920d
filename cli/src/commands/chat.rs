//! `hob chat`: a conversation, line by line.

use std::io::{self, IsTerminal as _};

use clap::Args;
use hob_sdk::client::{Answer, Error, Hob, Options};
use serde::Serialize;
use zbus::OwnedObjectPath;

use crate::commands::ask::{Shared, after};
use crate::failure::Failure;
use crate::follow::Follower;
use crate::input::{Interrupts, Lines};
use crate::screen::Screen;

/// Arguments of `hob chat`.
#[derive(Debug, Args)]
pub struct Chat {
    #[command(flatten)]
    shared: Shared,
}

/// One question with its answer, for `--json`.
#[derive(Debug, Serialize)]
struct Turn {
    question: String,
    #[serde(flatten)]
    answer: Answer,
}

/// What a typed line means.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Nothing,
    Quit,
    New,
    Help,
    Unknown(String),
    Question(String),
}

fn understand(line: &str) -> Line {
    match line.trim() {
        "" => Line::Nothing,
        "/quit" | "/exit" | "/q" => Line::Quit,
        "/new" => Line::New,
        "/help" | "/?" => Line::Help,
        command if command.starts_with('/') && !command[1..].contains(['/', ' ']) => Line::Unknown(command.to_owned()),
        question => Line::Question(question.to_owned()),
    }
}

/// A running conversation.
struct Conversation<'a> {
    args: &'a Chat,
    hob: &'a Hob,
    screen: &'a Screen,
    lines: Lines,
    interrupts: Interrupts,
    session: OwnedObjectPath,
    /// Somebody types; otherwise the questions come from a pipe.
    typed: bool,
    /// An answer was shown before, so that the next one stands apart.
    answered: bool,
    turns: Vec<Turn>,
}

/// Runs `hob chat`.
pub async fn run(args: &Chat, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    let session = hob.assistant().await?.open_session(&Options::new()).await?;
    let mut conversation = Conversation {
        args,
        hob,
        screen,
        lines: Lines::of_stdin()?,
        interrupts: Interrupts::catch()?,
        session,
        typed: io::stdin().is_terminal() && !screen.json,
        answered: false,
        turns: Vec::new(),
    };
    if conversation.typed {
        let style = screen.style();
        screen.write(&format!(
            "{}\n",
            style.dim("Ask about your files, or have something done. /new starts over, /quit leaves.")
        ))?;
    }
    let ended = conversation.run().await;
    if screen.json && ended.is_ok() {
        screen.write_json(&conversation.turns)?;
    }
    match conversation.close().await {
        // That the daemon has gone was said already, or does not matter any more.
        Err(_) if ended.is_err() => ended,
        closed => ended.and(closed),
    }
}

impl Conversation<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        while let Some(line) = self.read().await? {
            match understand(&line) {
                Line::Nothing => {}
                Line::Quit => break,
                Line::New => self.start_over().await?,
                Line::Help => self.screen.notice("/new starts over, /quit leaves, Ctrl-C stops an answer")?,
                Line::Unknown(command) => self.screen.notice(&format!("{command} is no command; /help lists them"))?,
                Line::Question(question) => self.answer(question).await?,
            }
        }
        Ok(())
    }

    /// The next line; `None` at the end, or when Ctrl-C was pressed twice.
    async fn read(&mut self) -> Result<Option<String>, Failure> {
        let mut pressed = false;
        loop {
            if self.typed {
                self.screen.prompt(&format!("\n{} ", self.screen.error_style().bold("›")))?;
            }
            tokio::select! {
                line = self.lines.next() => {
                    if self.typed && matches!(line, Ok(None)) {
                        self.screen.prompt("\n")?;
                    }
                    return line;
                }
                () = self.interrupts.next() => {
                    if pressed || !self.typed {
                        self.screen.prompt("\n")?;
                        return Ok(None);
                    }
                    pressed = true;
                    self.screen.prompt("\n")?;
                    self.screen.notice("Ctrl-C once more leaves")?;
                }
            }
        }
    }

    async fn answer(&mut self, question: String) -> Result<(), Failure> {
        let options = self.args.shared.options()?.with("session", self.session.clone());
        let request = self.hob.ask(&question, options).await?;
        if std::mem::replace(&mut self.answered, true) && !self.typed && !self.screen.json {
            self.screen.write("\n")?;
        }
        let lines = if self.typed { Some(&mut self.lines) } else { None };
        let reasoning = self.args.shared.shows_reasoning();
        let mut follower = Follower { screen: self.screen, interrupts: &mut self.interrupts, lines, reasoning };
        match follower.follow(request, "Thinking …").await {
            Ok(answer) if self.screen.json => self.turns.push(Turn { question, answer }),
            Ok(answer) => {
                self.screen.write(&after(&answer, &self.screen.style()))?;
                self.args.shared.report(&answer, self.screen)?;
            }
            Err(Failure::Interrupted) if self.typed => self.screen.notice("stopped")?,
            // One refused question does not end a conversation; a daemon that is gone does.
            Err(Failure::Client(error @ Error::Service { .. })) if self.typed => {
                self.screen.prompt(&format!("{}\n", self.screen.error_style().warn(&error.to_string())))?;
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    async fn start_over(&mut self) -> Result<(), Failure> {
        let fresh = self.hob.assistant().await?.open_session(&Options::new()).await?;
        let old = std::mem::replace(&mut self.session, fresh);
        self.forget(old).await?;
        self.screen.notice("a new conversation")?;
        Ok(())
    }

    async fn close(self) -> Result<(), Failure> {
        self.forget(self.session.clone()).await
    }

    async fn forget(&self, session: OwnedObjectPath) -> Result<(), Failure> {
        match self.hob.session_at(session).await?.close().await {
            // What the daemon does not know any more is closed.
            Ok(()) | Err(Error::Service { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_questions_unless_they_are_commands() {
        assert_eq!(understand("  "), Line::Nothing);
        assert_eq!(understand(" /quit "), Line::Quit);
        assert_eq!(understand("/new"), Line::New);
        assert_eq!(understand("/frob"), Line::Unknown("/frob".into()));
        assert_eq!(understand("/etc/hosts"), Line::Question("/etc/hosts".into()));
        assert_eq!(understand("what is new?"), Line::Question("what is new?".into()));
    }

    #[test]
    fn a_turn_is_one_object() {
        let turn = Turn { question: "q".into(), answer: Answer { text: "a".into(), ..Answer::default() } };
        let json = serde_json::to_value(&turn).unwrap();
        assert_eq!((json["question"].as_str(), json["text"].as_str()), (Some("q"), Some("a")));
    }
}
