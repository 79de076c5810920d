//! The header of a GGUF file (placeholder until the reader lands).
