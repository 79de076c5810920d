//! Bytes of tokens into text that never splits a character.

/// Collects bytes until they make whole characters.
#[derive(Default)]
pub struct Pieces {
    open: Vec<u8>,
}

impl Pieces {
    /// Takes the next bytes and returns the text that is complete now. Bytes that can't become
    /// UTF-8 turn into U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.open.extend_from_slice(bytes);
        let mut text = String::new();
        let mut from = 0;
        loop {
            match std::str::from_utf8(&self.open[from..]) {
                Ok(rest) => {
                    text.push_str(rest);
                    from = self.open.len();
                    break;
                }
                Err(error) => {
                    let valid = from + error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.open[from..valid]));
                    from = valid;
                    // No length: the end of the bytes may be the start of a character.
                    let Some(wrong) = error.error_len() else { break };
                    text.push('\u{fffd}');
                    from += wrong;
                }
            }
        }
        self.open.drain(..from);
        text
    }

    /// What a half character at the end becomes.
    pub fn end(self) -> &'static str {
        if self.open.is_empty() { "" } else { "\u{fffd}" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_whole_however_they_are_cut() {
        let text = "aé€😀中";
        for size in 1..5 {
            let mut pieces = Pieces::default();
            let mut out = String::new();
            for chunk in text.as_bytes().chunks(size) {
                out.push_str(&pieces.push(chunk));
            }
            assert_eq!(out, text);
            assert_eq!(pieces.end(), "");
        }
    }

    #[test]
    fn wrong_bytes_are_replaced_and_do_not_stop_the_rest() {
        let mut pieces = Pieces::default();
        assert_eq!(pieces.push(b"a\xffb\xc3"), "a\u{fffd}b");
        assert_eq!(pieces.push(b"("), "\u{fffd}(");
        assert_eq!(pieces.push(b"\xf0\x9f"), "");
        assert_eq!(pieces.end(), "\u{fffd}");
    }
}
