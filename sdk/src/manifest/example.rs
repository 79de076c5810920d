//! Annotated examples: `set a timer for [10 minutes](duration)`.
//!
//! Owns: the notation. Must not know: which slots exist (that is `check`).

use serde::Serialize;

/// What somebody says, with the parts that fill slots marked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The plain sentence, without the notation.
    pub text: String,
    /// The marked parts, in order, not overlapping.
    pub slots: Vec<Slot>,
    /// Whether there are brackets that name no parameter, which stand for themselves.
    #[serde(skip)]
    pub has_plain_brackets: bool,
}

/// A marked part of an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// The parameter that it fills.
    pub name: String,
    /// Where it starts in the plain text, in bytes.
    pub start: usize,
    /// Where it ends, in bytes, exclusive.
    pub end: usize,
}

impl Example {
    /// Reads the notation. `\[`, `\]` and `\\` stand for themselves, and so does a pair of brackets that names nothing.
    pub(super) fn parse(source: &str) -> Result<Self, String> {
        let mut example =
            Self { text: String::with_capacity(source.len()), slots: Vec::new(), has_plain_brackets: false };
        let mut open = None;
        let mut chars = source.chars();
        while let Some(c) = chars.next() {
            match (c, open) {
                ('\\', _) => match chars.next() {
                    Some(escaped @ ('[' | ']' | '\\')) => example.text.push(escaped),
                    _ => return Err("a backslash stands only before [, ] or another backslash".into()),
                },
                ('[', Some(_)) => {
                    return Err("marks can't lie within each other: close the first [ before the next".into());
                }
                ('[', None) => open = Some(example.text.len()),
                (']', None) => return Err("a ] without its [ (write \\] to mean the sign itself)".into()),
                (']', Some(start)) => {
                    if let Some((name, rest)) = slot_name(chars.as_str())? {
                        chars = rest.chars();
                        example.close(name, start)?;
                    } else {
                        example.text.insert(start, '[');
                        example.text.push(']');
                        example.has_plain_brackets = true;
                    }
                    open = None;
                }
                (c, _) => example.text.push(c),
            }
        }
        if open.is_some() {
            return Err("a [ is never closed: write [words](parameter)".into());
        }
        if example.text.trim().is_empty() {
            return Err("an example needs words".into());
        }
        Ok(example)
    }

    fn close(&mut self, name: &str, start: usize) -> Result<(), String> {
        let end = self.text.len();
        if self.text[start..].trim().is_empty() {
            return Err(format!("[]({name}) marks no words"));
        }
        self.slots.push(Slot { name: name.to_string(), start, end });
        Ok(())
    }
}

/// The name in the round brackets that follow a mark, and what comes after it; none if none follow.
fn slot_name(after: &str) -> Result<Option<(&str, &str)>, String> {
    let Some(inside) = after.strip_prefix('(') else { return Ok(None) };
    match inside.split_once(')') {
        Some((name, rest)) if !name.trim().is_empty() => Ok(Some((name.trim(), rest))),
        _ => Err("after [words] comes the parameter's name in round brackets, as in [10 minutes](duration)".into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_byte_ranges_of_the_plain_text() {
        let example = Example::parse("lembra-me daqui a [três minutos](duration) de [ligar à Ana](label)").unwrap();
        assert_eq!(example.text, "lembra-me daqui a três minutos de ligar à Ana");
        let marked: Vec<_> = example.slots.iter().map(|s| (s.name.as_str(), &example.text[s.start..s.end])).collect();
        assert_eq!(marked, [("duration", "três minutos"), ("label", "ligar à Ana")]);
        assert_eq!(Example::parse("plain (really)").unwrap().text, "plain (really)");
        assert_eq!(Example::parse(r"a \[b\] \\").unwrap().text, r"a [b] \");
        let plain = Example::parse("a trip to [country] in [May](month)").unwrap();
        assert_eq!((plain.text.as_str(), plain.has_plain_brackets), ("a trip to [country] in May", true));
        assert_eq!(&plain.text[plain.slots[0].start..plain.slots[0].end], "May");
    }

    #[test]
    fn broken_notation_is_explained() {
        for (bad, says) in [
            ("set [ten", "never closed"),
            ("set [ten]( )", "the parameter's name"),
            ("set [ten](x", "the parameter's name"),
            ("set [a [b](x)](y)", "within each other"),
            ("set ten](x)", "without its ["),
            ("set [ ](x)", "marks no words"),
            (r"a \n", "backslash"),
            ("  ", "needs words"),
        ] {
            let error = Example::parse(bad).unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }
}
