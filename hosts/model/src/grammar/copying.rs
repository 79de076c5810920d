//! Values that are copied: a run of whole words of a given text.
//!
//! Owns: where words begin and end, and the terminal that matches their runs. Must not know: schemas.
//!
//! Words are those of UAX #29; in scripts without spaces, such as Chinese, that is every character.
//! A run starts and ends with a word or a sign, not with white space, and holds everything between
//! as it stands in the text. Nothing at all is a run too, unless a minimum length forbids it.

use super::limits;
use super::patterns::unspeakable;
use unicode_segmentation::UnicodeSegmentation;

/// One character of a JSON string as it is written, and one that is not white space.
const UNIT: &str = r#"([^"\\\x00-\x1f\x7f]|\\[^u])"#;
const SOLID: &str = r#"([^\s"\\\x00-\x1f\x7f]|\\["\\])"#;
/// Stands where the text has a control character. No string may hold a bare quote.
const BARRIER: &str = "\"";
/// Steps spent on the question whether any run has the right length.
const STEPS: usize = 1 << 20;

/// A text to copy from, cut into words and what is between them.
pub struct Source {
    chunks: Vec<Chunk>,
}

struct Chunk {
    /// As JSON writes it between quotes.
    written: String,
    characters: u64,
    solid: bool,
}

impl Source {
    /// Cuts a text.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.len() > limits::COPY {
            let most = limits::COPY;
            return Err(format!("the text that x-copy takes values from has {} bytes, over {most}", text.len()));
        }
        Ok(Self { chunks: text.split_word_bounds().map(Chunk::new).collect() })
    }

    /// The terminal that all copies share, as a line of Lark.
    pub fn shared(&self) -> String {
        let chunks: Vec<&str> = self.chunks.iter().map(|chunk| chunk.written.as_str()).collect();
        format!("COPIED: %regex {}\n", serde_json::json!({"substring_chunks": chunks}))
    }

    /// The terminal `name` for copies of `least` to `most` characters, as a line of Lark.
    pub fn terminal(&self, name: &str, least: u64, most: Option<u64>) -> Result<String, String> {
        if !self.reaches(least, most.unwrap_or(u64::MAX)) {
            return Err("no run of words of the text that x-copy takes values from has the length asked for".into());
        }
        let mut line = format!(r#"{name}: "\"" ( COPIED & /({SOLID}({UNIT}*{SOLID})?)?/"#);
        if least > 0 || most.is_some() {
            let most = most.map_or(String::new(), |most| most.to_string());
            line.push_str(&format!(" & /{UNIT}{{{least},{most}}}/"));
        }
        line.push_str(" ) \"\\\"\"\n");
        Ok(line)
    }

    /// Whether some run has between `least` and `most` characters.
    fn reaches(&self, least: u64, most: u64) -> bool {
        let mut steps = 0;
        least == 0
            || self.chunks.iter().enumerate().filter(|(_, chunk)| chunk.solid).any(|(start, _)| {
                let mut characters = 0;
                for chunk in &self.chunks[start..] {
                    characters += chunk.characters;
                    steps += 1;
                    if chunk.written == BARRIER || characters > most {
                        break;
                    }
                    if (chunk.solid && characters >= least) || steps > STEPS {
                        return true;
                    }
                }
                false
            })
    }
}

impl Chunk {
    fn new(text: &str) -> Self {
        if text.chars().any(unspeakable) {
            return Self { written: BARRIER.into(), characters: 1, solid: false };
        }
        let quoted = serde_json::Value::from(text).to_string();
        let solid = !text.chars().any(|c| c.is_whitespace() || c.is_ascii_control());
        Self { written: quoted[1..quoted.len() - 1].into(), characters: text.chars().count() as u64, solid }
    }
}
