//! Files that are mapped into memory: giving their pages back.
//!
//! Owns: which pages of this process are a file's. Must not know: what the file holds.

use rustix::mm::{Advice, madvise};
use std::ffi::c_void;
use std::ops::Range;
use std::path::Path;

/// Takes the pages of a mapped file out of this process. Those that are needed come back when they are touched, from the
/// kernel's cache as long as they are there.
pub fn let_go(file: &Path) {
    let maps = match std::fs::read_to_string("/proc/self/maps") {
        Ok(maps) => maps,
        Err(error) => return tracing::warn!(%error, "pages of a model's file stay in memory"),
    };
    for range in maps.lines().filter_map(|line| of_file(line, file)) {
        // SAFETY: the pages are a private, unchanged mapping of a file, which the kernel reads again when it must.
        let given = unsafe { madvise(range.start as *mut c_void, range.len(), Advice::LinuxDontNeed) };
        if let Err(error) = given {
            tracing::warn!(%error, "pages of a model's file stay in memory");
        }
    }
}

/// The addresses of a line of `/proc/self/maps` (proc(5)) if the file is mapped there and nobody may write.
fn of_file(line: &str, file: &Path) -> Option<Range<usize>> {
    let mut fields = line.splitn(6, ' ');
    let (addresses, rights) = (fields.next()?, fields.next()?);
    let path = fields.nth(3)?.trim_start();
    if Path::new(path) != file || rights.contains('w') {
        return None;
    }
    let (start, end) = addresses.split_once('-')?;
    Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_of_the_file_is_let_go() {
        let line = "7f0a1000-7f0a3000 r--s 00000000 08:01 1234                       /m/a model.gguf";
        assert_eq!(of_file(line, Path::new("/m/a model.gguf")), Some(0x7f0a_1000..0x7f0a_3000));
        assert_eq!(of_file(line, Path::new("/m/model.gguf")), None);
        assert_eq!(of_file(&line.replace("r--s", "rw-p"), Path::new("/m/a model.gguf")), None);
        for odd in ["", "7f00-7f01", "x-y r--p 0 0:0 0 /m/a model.gguf", "7f0a1000-7f0a3000 r--p 00000000 00:00 0"] {
            assert_eq!(of_file(odd, Path::new("/m/a model.gguf")), None, "{odd}");
        }
    }
}
