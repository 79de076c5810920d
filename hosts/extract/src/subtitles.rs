//! Subtitles (SubRip, WebVTT): what is said, and when.

use crate::draft::Draft;
use crate::text::lines;

/// Reads subtitles, one block a caption.
pub fn extract(text: &str, draft: &mut Draft) {
    let mut cue: Option<Cue> = None;
    for line in lines(text) {
        if let Some((from, to)) = times(line.text) {
            write(cue.take(), draft);
            cue = Some(Cue { from, to, line: line.number + 1, text: String::new() });
        } else if line.is_blank() {
            write(cue.take(), draft);
        } else if let Some(open) = &mut cue {
            if !open.text.is_empty() {
                open.text.push('\n');
            }
            open.text.push_str(&without_tags(line.text));
        }
        if draft.is_full() {
            return;
        }
    }
    write(cue, draft);
}

struct Cue {
    from: String,
    to: String,
    line: u32,
    text: String,
}

fn write(cue: Option<Cue>, draft: &mut Draft) {
    if let Some(cue) = cue {
        let before = draft.count();
        draft.paragraph(&cue.text, cue.line);
        draft.span(before, &cue.from, &cue.to);
    }
}

/// The two times of a line like "00:01:02,500 --> 00:01:04,000", in whole seconds.
fn times(line: &str) -> Option<(String, String)> {
    let (from, to) = line.split_once("-->")?;
    Some((time(from)?, time(to.split_whitespace().next()?)?))
}

fn time(text: &str) -> Option<String> {
    let whole = text.trim().split([',', '.']).next()?;
    let parts: Vec<u32> = whole.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts[..] {
        [hours, minutes, seconds] => Some(format!("{hours:02}:{minutes:02}:{seconds:02}")),
        [minutes, seconds] => Some(format!("00:{minutes:02}:{seconds:02}")),
        _ => None,
    }
}

/// Captions carry `<i>`, `<c.yellow>` and `{\an8}`.
fn without_tags(line: &str) -> String {
    let (mut out, mut inside) = (String::with_capacity(line.len()), None);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match (inside, c) {
            (None, '<') if rest.peek().is_some_and(|next| next.is_alphabetic() || *next == '/') => inside = Some('>'),
            (None, '{') if rest.peek() == Some(&'\\') => inside = Some('}'),
            (None, c) => out.push(c),
            (Some(end), c) if c == end => inside = None,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_have_their_times_and_lines() {
        let text = "WEBVTT\n\n1\n00:00:01,500 --> 00:00:03,000\n<i>Good</i> evening.\nAnd welcome.\n\n2\n01:02.000 --> 01:04.250 align:left\n{\\an8}3 < 4\n";
        let mut draft = Draft::new("subtitles", 1000);
        extract(text, &mut draft);
        let blocks = draft.finish().blocks;
        let shape: Vec<_> = blocks.iter().map(|b| (b.line, b.text.as_str(), b.span.clone())).collect();
        let span = |from: &str, to: &str| Some((from.to_string(), to.to_string()));
        assert_eq!(shape[0], (5, "Good evening.\nAnd welcome.", span("00:00:01", "00:00:03")));
        assert_eq!(shape[1], (10, "3 < 4", span("00:01:02", "00:01:04")));
        assert_eq!(shape.len(), 2);
    }
}
