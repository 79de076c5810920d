//! Standard output and error: who is looking, and what they get.
//!
//! This file owns the rule that `--json` prints one value on standard output and nothing else, and that progress is
//! shown on a terminal only. It must not know what is printed.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::style::Style;

/// Where a command prints.
#[derive(Debug)]
pub struct Screen {
    /// The user wants one JSON value.
    pub json: bool,
    /// Standard output is a terminal.
    pub terminal: bool,
    /// Standard error is a terminal: progress may be shown there.
    progress: bool,
    colour: bool,
    home: Option<String>,
    /// A progress line stands on standard error.
    status_shown: Cell<bool>,
}

impl Screen {
    /// The process's own outputs.
    pub fn of_process(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            json,
            terminal: io::stdout().is_terminal(),
            progress: !json && io::stderr().is_terminal(),
            colour: wanted,
            home: std::env::var("HOME").ok().filter(|home| home.starts_with('/')),
            status_shown: Cell::new(false),
        }
    }

    /// Whether [`Screen::status`] shows anything.
    pub fn shows_progress(&self) -> bool {
        self.progress
    }

    /// How standard output is written.
    pub fn style(&self) -> Style {
        self.style_for(self.terminal)
    }

    /// How standard error is written.
    pub fn error_style(&self) -> Style {
        self.style_for(self.progress)
    }

    fn style_for(&self, terminal: bool) -> Style {
        if terminal { Style::terminal(self.colour, self.home.as_deref()) } else { Style::plain() }
    }

    /// Writes text as it is, at once.
    pub fn write(&self, text: &str) -> io::Result<()> {
        self.clear_status()?;
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Writes a JSON value on a line of its own, indented for a terminal.
    pub fn write_json(&self, value: &impl Serialize) -> io::Result<()> {
        let text = if self.terminal { serde_json::to_string_pretty(value)? } else { serde_json::to_string(value)? };
        self.write(&format!("{text}\n"))
    }

    /// The one result of a command: `value` under `--json`, else what `render` makes of it.
    pub fn result<T: Serialize>(&self, value: &T, render: impl FnOnce(&T, &Style) -> String) -> io::Result<()> {
        if self.json { self.write_json(value) } else { self.write(&render(value, &self.style())) }
    }

    /// A line for the user that is no part of the result: on standard error, on a terminal only.
    pub fn notice(&self, text: &str) -> io::Result<()> {
        if !self.progress {
            return Ok(());
        }
        self.clear_status()?;
        let style = self.error_style();
        writeln!(io::stderr(), "{}", style.dim(&style.clean(text)))
    }

    /// A question to the user, on standard error whatever that is.
    pub fn prompt(&self, text: &str) -> io::Result<()> {
        self.clear_status()?;
        let mut err = io::stderr().lock();
        err.write_all(text.as_bytes())?;
        err.flush()
    }

    /// Shows what is going on in a line that the next output replaces. The text must fit a line.
    pub fn status(&self, text: &str) -> io::Result<()> {
        if !self.progress {
            return Ok(());
        }
        self.status_shown.set(true);
        let mut err = io::stderr().lock();
        write!(err, "\r\x1b[K{text}")?;
        err.flush()
    }

    /// Takes the progress line away.
    pub fn clear_status(&self) -> io::Result<()> {
        if self.status_shown.replace(false) {
            let mut err = io::stderr().lock();
            write!(err, "\r\x1b[K")?;
            err.flush()?;
        }
        Ok(())
    }
}
