//! How text looks: colours, sizes, numbers, paths.
//!
//! Pure functions. What comes from files, models and skills passes [`Style::clean`], so that it cannot steer the
//! terminal.

use std::borrow::Cow;

/// How text looks where it is written.
#[derive(Debug, Clone, Default)]
pub struct Style {
    colour: bool,
    /// The home folder, when it is to be shown as `~`.
    home: Option<String>,
}

impl Style {
    /// For pipes and files: no colours, full paths.
    pub fn plain() -> Self {
        Self::default()
    }

    /// For a terminal.
    pub fn terminal(colour: bool, home: Option<&str>) -> Self {
        Self { colour, home: home.map(|home| home.trim_end_matches('/').to_owned()).filter(|home| !home.is_empty()) }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What matters most.
    pub fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What can be overlooked.
    pub fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Names of things: files, skills, models.
    pub fn name(&self, text: &str) -> String {
        self.paint("36", text)
    }

    /// A word that was searched for.
    pub fn hit(&self, text: &str) -> String {
        self.paint("1;33", text)
    }

    /// What is well.
    pub fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What needs attention.
    pub fn warn(&self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What is wrong.
    pub fn bad(&self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// A state's word in its colour.
    pub fn state(&self, state: &str) -> String {
        let shown = self.clean(state);
        match state {
            "loaded" | "running" | "ready" | "idle" | "ok" => self.good(&shown),
            "indexing" | "embedding" | "loading" | "paused" | "starting" | "resting" => self.warn(&shown),
            "failed" | "broken" | "quarantined" | "refused" => self.bad(&shown),
            _ => self.dim(&shown),
        }
    }

    /// A path as it is shown: clean, and under the home folder with `~` on a terminal.
    pub fn path(&self, path: &str) -> String {
        let short = self
            .home
            .as_deref()
            .and_then(|home| path.strip_prefix(home))
            .and_then(|rest| (rest.is_empty() || rest.starts_with('/')).then(|| format!("~{rest}")));
        // A line feed in a name would look like the end of it.
        let one_line = short.as_deref().unwrap_or(path).replace('\n', "\\n").replace('\t', "\\t");
        self.clean(&one_line).into_owned()
    }

    /// Text without control characters, but for line feeds and tabs.
    #[allow(clippy::unused_self)] // Callers have a style at hand wherever text is shown.
    pub fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
        if text.chars().all(harmless) { Cow::Borrowed(text) } else { text.chars().filter(|c| harmless(*c)).collect() }
    }

    /// Clean text on one line.
    pub fn line(&self, text: &str) -> String {
        text.split_whitespace().map(|word| self.clean(word)).collect::<Vec<_>>().join(" ")
    }
}

/// A size for people, e.g. "98 MiB".
#[allow(clippy::cast_precision_loss)] // Three digits are shown.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = size as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 9.95 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A whole number with its thousands apart, e.g. "12,345".
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// "1 file", "2 files".
pub fn count(value: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(value), if value == 1 { "" } else { "s" })
}

/// A number of weights, e.g. "135 M".
#[allow(clippy::cast_precision_loss)] // Three digits are shown.
pub fn weights(value: u64) -> String {
    match value {
        0 => String::new(),
        1..1_000_000 => format!("{:.0} k", value as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} M", value as f64 / 1e6),
        _ => format!("{:.1} B", value as f64 / 1e9),
    }
}

/// A span of time for people, e.g. "2 h 13 min".
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Milliseconds with as many digits as help.
pub fn millis(value: f64) -> String {
    if value < 10.0 { format!("{value:.1} ms") } else { format!("{value:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let shown = [0, 999, 1000, 1024, 10_240, 98_000_000, 1_048_524, 2_147_483_648].map(bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.0 KiB", "1.0 KiB", "10 KiB", "93 MiB", "1.0 MiB", "2.0 GiB"]);
    }

    #[test]
    fn numbers_have_groups() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([count(1, "file"), count(0, "file")], ["1 file", "0 files"]);
        assert_eq!([134_515_008, 22_713_216, 1_540_000_000].map(weights), ["135 M", "23 M", "1.5 B"]);
    }

    #[test]
    fn durations_are_coarse() {
        assert_eq!([5, 60, 7980, 200_000].map(duration), ["5 s", "1 min", "2 h 13 min", "2 d 7 h"]);
        assert_eq!([millis(0.34), millis(123.4)], ["0.3 ms", "123 ms"]);
    }

    #[test]
    fn home_is_short_on_a_terminal_only() {
        let terminal = Style::terminal(false, Some("/home/ana/"));
        assert_eq!(terminal.path("/home/ana/notes/a.md"), "~/notes/a.md");
        assert_eq!(terminal.path("/home/ana"), "~");
        assert_eq!(terminal.path("/home/anabela/a.md"), "/home/anabela/a.md");
        assert_eq!(Style::plain().path("/home/ana/a.md"), "/home/ana/a.md");
    }

    #[test]
    fn text_cannot_steer_the_terminal() {
        let style = Style::terminal(true, None);
        assert_eq!(style.clean("a\x1b[2Jb\u{9b}c\r\n\tüd"), "a[2Jbc\n\tüd");
        assert_eq!(style.line("a\n b\x07  c"), "a b c");
        assert_eq!(style.path("/tmp/\x1b]0;x\x07"), "/tmp/]0;x");
    }

    #[test]
    fn colours_only_where_wanted() {
        assert_eq!(Style::terminal(true, None).bold("x"), "\x1b[1mx\x1b[0m");
        assert_eq!(Style::terminal(false, None).bold("x"), "x");
        assert_eq!(Style::plain().state("loaded"), "loaded");
    }
}
