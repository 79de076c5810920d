//! What kind of file a name's ending tells.
//!
//! Owns: the endings. Must not know: what is done with them. The content is not looked at.

use serde::{Deserialize, Serialize};

/// A kind of file, as people ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Texts of all sorts, PDF among them.
    Document,
    /// PDF alone.
    Pdf,
    /// Tables.
    Spreadsheet,
    /// Slides.
    Presentation,
    /// Pictures and photos.
    Image,
    /// Films.
    Video,
    /// Music and speech.
    Audio,
    /// Packed files.
    Archive,
    /// Source code.
    Code,
    /// Folders.
    Folder,
}

const PDF: &[&str] = &["pdf"];
const DOCUMENT: &[&str] = &[
    "pdf", "txt", "md", "markdown", "rst", "rtf", "doc", "docx", "odt", "pages", "tex", "epub", "html", "htm", "eml",
    "org", "ps", "djvu",
];
const SPREADSHEET: &[&str] = &["xls", "xlsx", "xlsm", "ods", "csv", "tsv", "numbers"];
const PRESENTATION: &[&str] = &["ppt", "pptx", "odp", "key"];
const IMAGE: &[&str] = &[
    "jpg", "jpeg", "png", "gif", "webp", "avif", "heic", "heif", "svg", "bmp", "tif", "tiff", "raw", "cr2", "nef",
    "dng", "xcf",
];
const VIDEO: &[&str] = &["mp4", "mkv", "webm", "avi", "mov", "m4v", "mpg", "mpeg", "ogv", "wmv", "3gp"];
const AUDIO: &[&str] = &["mp3", "ogg", "oga", "opus", "flac", "wav", "m4a", "aac", "wma", "mid", "midi"];
const ARCHIVE: &[&str] = &["zip", "tar", "gz", "tgz", "xz", "bz2", "zst", "7z", "rar", "deb", "rpm", "iso", "jar"];
const CODE: &[&str] = &[
    "rs", "c", "h", "cpp", "hpp", "cc", "py", "js", "ts", "tsx", "jsx", "go", "java", "kt", "swift", "rb", "php", "sh",
    "bash", "pl", "lua", "sql", "toml", "json", "yaml", "yml", "xml", "css", "ipynb", "cs", "scala", "hs", "vala",
];

impl Kind {
    /// Whether a file of that name, or a folder, is of this kind.
    pub fn holds(self, name: &str, is_folder: bool) -> bool {
        let endings = match self {
            Self::Folder => return is_folder,
            Self::Document => DOCUMENT,
            Self::Pdf => PDF,
            Self::Spreadsheet => SPREADSHEET,
            Self::Presentation => PRESENTATION,
            Self::Image => IMAGE,
            Self::Video => VIDEO,
            Self::Audio => AUDIO,
            Self::Archive => ARCHIVE,
            Self::Code => CODE,
        };
        !is_folder && ending(name).is_some_and(|ending| endings.contains(&ending.as_str()))
    }

    /// One and several of them, in a sentence.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Document => ("document", "documents"),
            Self::Pdf => ("PDF", "PDFs"),
            Self::Spreadsheet => ("spreadsheet", "spreadsheets"),
            Self::Presentation => ("presentation", "presentations"),
            Self::Image => ("picture", "pictures"),
            Self::Video => ("video", "videos"),
            Self::Audio => ("recording", "recordings"),
            Self::Archive => ("archive", "archives"),
            Self::Code => ("source file", "source files"),
            Self::Folder => ("folder", "folders"),
        }
    }
}

/// One and several files of a kind, or of any.
pub fn words(kind: Option<Kind>) -> (&'static str, &'static str) {
    kind.map_or(("file", "files"), Kind::words)
}

/// The ending in lower case, without its dot.
fn ending(name: &str) -> Option<String> {
    let (stem, ending) = name.rsplit_once('.')?;
    (!stem.is_empty()).then(|| ending.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_tell_the_kind() {
        assert!(Kind::Image.holds("Photo.JPG", false) && !Kind::Image.holds("photo.jpg.txt", false));
        assert!(
            Kind::Document.holds("a.pdf", false) && Kind::Pdf.holds("a.pdf", false) && !Kind::Pdf.holds("a.odt", false)
        );
        assert!(Kind::Folder.holds("a.pdf", true) && !Kind::Document.holds("a.pdf", true));
        assert!(!Kind::Code.holds(".rs", false) && !Kind::Code.holds("rs", false));
    }
}
