//! The apps skill: finds what desktop entries describe, and opens it.
//!
//! Owns: which part does what. Must not know: which words led to a call, nor how long this process lives: that is
//! `main.rs`'s.

#![deny(unsafe_code)]

mod catalogue;
mod defaults;
mod desktop_file;
mod exec;
mod kinds;
mod launch;
mod locale;
mod matching;
mod provider;
mod surroundings;

pub use provider::{Calls, Provider};
pub use surroundings::Surroundings;

/// The name that the manifest gives.
pub const NAME: &str = "org.hob.Apps1";
/// The object that the manifest gives.
pub const OBJECT: &str = "/org/hob/Apps1";

/// The way in for tests and fuzz targets: reads a desktop entry up to the program that it would start. Whatever the bytes
/// are, it ends; whether there is such a program.
pub fn read_bytes(bytes: &[u8]) -> bool {
    let entry = desktop_file::DesktopFile::parse(&String::from_utf8_lossy(bytes));
    let (around, locale) = (Surroundings::default(), locale::Locale::parse("pt_PT.UTF-8@euro"));
    let app = catalogue::app("org.example.App".into(), "/a.desktop".into(), &entry, &around, &locale);
    let apps: Vec<_> = app.into_iter().collect();
    let found = matching::ranked(&apps, "text editor").len();
    apps.iter().any(|app| exec::program(app, &around).is_ok()) && found <= apps.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "[Desktop Entry]\nType=Application\nName=Text Editor\nName[pt_PT@euro]=Editor\nGenericName[de]=Texteditor\n\
        Keywords=write;no\\;tes;\\\\;\nCategories=Utility;TextEditor;\nIcon=a\nPath=/tmp\nTerminal=false\n\
        Exec=/bin/sh -c \"echo \\\\\\\"x\\\\\\\" \\\\$HOME\" %i --name=%c %k %% %U\n[Desktop Action new]\nName=New\nExec=sh\n";

    #[test]
    fn entries_that_are_damaged_anyhow_are_read_to_their_end() {
        assert!(!read_bytes(b"") && !read_bytes(&[0xff; 64]));
        assert!(read_bytes(ENTRY.as_bytes()), "the entry itself is good");
        let mut state = 0x9e37_79b9_u32;
        let mut next = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        for _ in 0..5_000 {
            let mut bytes = ENTRY.as_bytes().to_vec();
            for _ in 0..=next(4) {
                let at = next(bytes.len().max(1));
                match next(6) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, b"\\\"%[]=;\n"[next(8)]),
                    _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = next(256) as u8),
                }
            }
            let _may_be_either = read_bytes(&bytes);
        }
    }
}
