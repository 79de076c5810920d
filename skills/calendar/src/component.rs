//! Components: what stands between `BEGIN:X` and `END:X`, with what lies in it.
//!
//! Owns: nesting, whatever a file does about it: what is never closed ends with the file, what was never opened is
//! ignored. Must not know: what any component means.

use crate::lines::{Line, Lines};

/// Components within components; deeper ones are read as part of the one above.
const DEEPEST: usize = 6;

/// An event, a time zone, a contact and their like.
#[derive(Debug, Default)]
pub struct Component {
    /// In upper case.
    pub name: String,
    /// Its own properties.
    pub lines: Vec<Line>,
    /// The components within it.
    pub inner: Vec<Component>,
}

impl Component {
    /// Its first property of a name.
    pub fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }

    /// All its properties of a name.
    pub fn all<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c Line> {
        self.lines.iter().filter(move |line| line.name == name)
    }

    /// The text of a property, if it says something.
    pub fn text(&self, name: &str) -> Option<String> {
        self.line(name).map(Line::text).filter(|text| !text.is_empty())
    }
}

/// The outermost components of a file, with those properties that `wanted` lets through.
pub fn components(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Vec<Component> {
    let mut whole = Vec::new();
    let mut open: Vec<Component> = Vec::new();
    for line in Lines::of(bytes) {
        if line.name == "BEGIN" && open.len() < DEEPEST {
            open.push(Component { name: named(&line), ..Component::default() });
        } else if line.name == "END" {
            let name = named(&line);
            if let Some(depth) = open.iter().rposition(|component| component.name == name) {
                close(&mut open, depth, &mut whole);
            }
        } else if wanted(&line.name)
            && let Some(component) = open.last_mut()
        {
            component.lines.push(line);
        }
    }
    close(&mut open, 0, &mut whole);
    whole
}

fn named(line: &Line) -> String {
    line.value.trim().to_ascii_uppercase()
}

/// Closes what is open from a depth on.
fn close(open: &mut Vec<Component>, depth: usize, whole: &mut Vec<Component>) {
    while open.len() > depth {
        let Some(done) = open.pop() else { return };
        match open.last_mut() {
            Some(outer) => outer.inner.push(done),
            None => whole.push(done),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn components_nest() {
        let text = b"BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nSUMMARY:A\nBEGIN:VALARM\nSUMMARY:no\nEND:VALARM\nUID:1\nEND:VEVENT\nEND:VCALENDAR\n";
        let all = components(text, |name| name != "UID");
        let event = &all[0].inner[0];
        assert_eq!((all.len(), all[0].name.as_str(), event.name.as_str()), (1, "VCALENDAR", "VEVENT"));
        assert_eq!((event.text("SUMMARY").as_deref(), event.text("UID"), event.inner.len()), (Some("A"), None, 1));
    }

    #[test]
    fn what_is_cut_or_crossed_still_tells_what_it_has() {
        let cut = components(b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Half", |_| true);
        assert_eq!(cut[0].inner[0].text("SUMMARY").as_deref(), Some("Half"));
        let crossed = components(b"END:VEVENT\nX:1\nBEGIN:A\nBEGIN:B\nEND:A\nEND:B\nBEGIN:C\nEND:C\n", |_| true);
        assert_eq!(crossed.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["A", "C"]);
        let deep = components(&b"BEGIN:X\n".repeat(100_000), |_| true);
        assert_eq!(deep.len(), 1);
    }
}
