//! skills/files
