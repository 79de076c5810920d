//! Stop texts: found across pieces, and never shown, not even in part.

/// Watches an answer for the texts that end it.
pub struct Stops {
    texts: Vec<String>,
    held: String,
}

impl Stops {
    /// Stops at the first of `texts`; empty ones are ignored.
    pub fn new(texts: Vec<String>) -> Self {
        Self { texts: texts.into_iter().filter(|t| !t.is_empty()).collect(), held: String::new() }
    }

    /// Takes the next piece and returns what may be shown, and whether a stop text came.
    pub fn push(&mut self, piece: &str) -> (String, bool) {
        self.held.push_str(piece);
        let first = self.texts.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(at) = first {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let keep = self.texts.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What was held back when the answer ends without a stop text.
    pub fn end(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length of the longest end of `text` that starts `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let most = text.len().min(stop.len() - 1);
    (1..=most)
        .rev()
        .find(|n| stop.is_char_boundary(*n) && text.as_bytes().ends_with(&stop.as_bytes()[..*n]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool, Vec<String>) {
        let mut filter = Stops::new(stops.iter().map(ToString::to_string).collect());
        let mut shown = Vec::new();
        for piece in pieces {
            let (text, stopped) = filter.push(piece);
            shown.push(text);
            if stopped {
                return (shown.concat(), true, shown);
            }
        }
        shown.push(filter.end());
        (shown.concat(), false, shown)
    }

    #[test]
    fn a_stop_text_is_found_across_pieces_and_never_shown() {
        assert_eq!(run(&["\nUser:"], &["Hello", "\nUs", "er", ": hi"]).0, "Hello");
        assert_eq!(run(&["END", "STOP"], &["a STOP b END"]).0, "a ");
        assert_eq!(run(&["bc", "abcd"], &["abc", "d"]).0, "a");
        assert!(run(&["é€"], &["x", "é", "€", "y"]).1);
    }

    #[test]
    fn what_only_looks_like_a_stop_text_is_shown_in_the_end() {
        let (text, stopped, shown) = run(&["\nUser:"], &["a\nUs", "ual\nU"]);
        assert_eq!((text.as_str(), stopped), ("a\nUsual\nU", false));
        assert_eq!(shown, ["a", "\nUsual", "\nU"]);
        assert_eq!(run(&["aab"], &["a", "a", "a", "a"]).0, "aaaa");
        assert!(run(&["aab"], &["a", "a", "a", "b"]).1);
    }

    #[test]
    fn nothing_is_held_without_stop_texts() {
        assert_eq!(run(&[""], &["a", "b"]).2, ["a", "b", ""]);
    }
}
