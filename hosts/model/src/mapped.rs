//! Files that are mapped into memory: giving their pages back.
//!
//! Owns: which pages of this process are a file's. Must not know: what the file holds.
#![allow(unsafe_code)]

use rustix::mm::{Advice, madvise};
use std::ffi::c_void;
use std::ops::Range;
use std::path::Path;

/// Takes the pages of a mapped file out of this process. Those that are needed come back when they are touched, from the
/// kernel's cache as long as they are there.
pub fn let_go(file: &Path) {
    // The kernel names the file itself, whatever link led to it.
    let found = file.canonicalize().and_then(|file| Ok((file, std::fs::read_to_string("/proc/self/maps")?)));
    let (file, maps) = match found {
        Ok(found) => found,
        Err(error) => return tracing::warn!(%error, "pages of a model's file stay in memory"),
    };
    for range in maps.lines().filter_map(|line| of_file(line, &file)) {
        // SAFETY: the pages are a file's and nobody writes to them; the kernel reads them again when they are touched.
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// KiB of this process's memory that are pages of a file.
    fn held(file: &Path) -> u64 {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut lines = maps.lines().skip_while(|line| of_file(line, file).is_none());
        let rss = lines.find_map(|line| line.strip_prefix("Rss:")).unwrap();
        rss.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn pages_go_whatever_link_led_to_the_file_and_come_back_when_they_are_read() {
        const LENGTH: usize = 1 << 20;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().canonicalize().unwrap().join("model"), folder.path().join("link"));
        std::fs::write(&file, vec![7; LENGTH]).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let opened = std::fs::File::open(&link).unwrap();
        let (rights, how) = (rustix::mm::ProtFlags::READ, rustix::mm::MapFlags::SHARED);
        // SAFETY: a new mapping of a file that nobody shortens while it is there.
        let start = unsafe { rustix::mm::mmap(std::ptr::null_mut(), LENGTH, rights, how, &opened, 0) }.unwrap();
        // SAFETY: the mapping is so long, is not written to, and ends with this process.
        let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), LENGTH) };
        let sum = || bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        assert_eq!(sum(), 7 * LENGTH as u64);
        assert_eq!(held(&file), LENGTH as u64 >> 10);
        let_go(&link);
        assert_eq!(held(&file), 0);
        assert_eq!(sum(), 7 * LENGTH as u64);
    }

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
