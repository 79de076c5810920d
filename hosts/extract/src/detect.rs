//! Tells a file's format, by its name and, where names lie or are missing, by its first bytes.
//!
//! Must not know: how a format is read.

use crate::error::Skip;
use crate::{browser, charset, sqlite};
use std::path::Path;

/// A format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Plain text.
    Text,
    /// Org mode.
    Org,
    /// reStructuredText.
    Rst,
    /// Markdown.
    Markdown,
    /// HTML and XHTML.
    Html,
    /// Source code, configuration and other text with a syntax.
    Code,
    /// JSON, one value or one a line.
    Json,
    /// SubRip and WebVTT.
    Subtitles,
    /// Rich Text Format.
    Rtf,
    /// A mail message (RFC 5322).
    Mail,
    /// Many of them in one file (mbox).
    MailFolder,
    /// iCalendar.
    Calendar,
    /// vCard.
    Contact,
    /// Delimited text, with its delimiter when the name says it.
    Table(Option<u8>),
    /// PDF.
    Pdf,
    /// Office Open XML text.
    Docx,
    /// OpenDocument text.
    Odt,
    /// OpenDocument spreadsheet.
    Ods,
    /// Office Open XML spreadsheet.
    Xlsx,
    /// Excel 97 to 2003.
    Xls,
    /// Office Open XML presentation.
    Pptx,
    /// OpenDocument presentation.
    Odp,
    /// An electronic book (EPUB).
    Epub,
    /// A picture, for what it says of itself.
    Image,
    /// A recording, for its tags.
    Audio,
    /// Zip and tar, for the names in them.
    Archive,
    /// A browser's history, with Firefox's bookmarks.
    History,
    /// Chromium's bookmarks.
    Bookmarks,
}

impl Format {
    /// The document kind that the index knows.
    pub fn kind(self) -> &'static str {
        match self {
            Format::Text | Format::Org | Format::Rst => "text",
            Format::Markdown => "markdown",
            Format::Html => "html",
            Format::Code => "code",
            Format::Json => "data",
            Format::Subtitles => "subtitles",
            Format::Mail | Format::MailFolder => "mail",
            Format::Calendar => "calendar",
            Format::Contact => "contact",
            Format::Table(_) => "table",
            Format::Pdf => "pdf",
            Format::Docx | Format::Odt | Format::Rtf => "document",
            Format::Pptx | Format::Odp => "presentation",
            Format::Epub => "book",
            Format::Image => "image",
            Format::Audio => "audio",
            Format::Archive => "archive",
            Format::Ods | Format::Xlsx | Format::Xls => "spreadsheet",
            Format::History => "history",
            Format::Bookmarks => "bookmarks",
        }
    }
}

/// What a file's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A format that can be read.
    Known(Format),
    /// An extension that stands for something that can't be read.
    Unreadable(String),
    /// An extension nobody knows.
    Unknown(String),
    /// No extension.
    Nothing,
}

/// What the file's name says about its format.
pub fn by_name(path: &Path) -> Named {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    if let Some(format) = by_whole_name(&name) {
        return Named::Known(format);
    }
    match name.trim_start_matches('.').rsplit_once('.') {
        Some((_, extension)) if is_extension(extension) => by_extension(extension),
        _ => Named::Nothing,
    }
}

/// A version number, a sentence or a mail folder's flags after the last dot are no extension.
fn is_extension(text: &str) -> bool {
    (1..=12).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-+~".contains(&b))
        && !text.bytes().all(|b| b.is_ascii_digit())
}

fn by_whole_name(name: &str) -> Option<Format> {
    Some(match name {
        "makefile" | "gnumakefile" | "dockerfile" | "containerfile" | "justfile" | "rakefile" | "gemfile"
        | "cmakelists.txt" | "meson.build" | "pkgbuild" | "vagrantfile" | "jenkinsfile" | ".bashrc" | ".profile"
        | ".bash_profile" | ".zshrc" | ".gitignore" | ".gitconfig" | ".vimrc" | ".editorconfig" => Format::Code,
        // What browsers call their files; others may, too, which the content settles.
        "places.sqlite" | "history" => Format::History,
        "bookmarks" => Format::Bookmarks,
        _ => return None,
    })
}

fn by_extension(extension: &str) -> Named {
    Named::Known(match extension {
        "txt" | "text" | "log" | "asc" | "me" | "nfo" | "tex" | "adoc" | "asciidoc" | "textile" => Format::Text,
        "org" => Format::Org,
        "rst" | "rest" => Format::Rst,
        "md" | "markdown" | "mdown" | "mkd" | "mdx" | "qmd" | "rmd" => Format::Markdown,
        "html" | "htm" | "xhtml" | "xht" => Format::Html,
        "json" | "jsonl" | "ndjson" | "geojson" | "ipynb" | "webmanifest" => Format::Json,
        "srt" | "vtt" => Format::Subtitles,
        "rtf" => Format::Rtf,
        "eml" => Format::Mail,
        "mbox" | "mbx" => Format::MailFolder,
        "ics" | "ical" | "ifb" | "icalendar" => Format::Calendar,
        "vcf" | "vcard" => Format::Contact,
        "csv" => Format::Table(None),
        "tsv" | "tab" => Format::Table(Some(b'\t')),
        "pdf" => Format::Pdf,
        "docx" | "docm" | "dotx" => Format::Docx,
        "odt" | "ott" => Format::Odt,
        "ods" | "ots" => Format::Ods,
        "xlsx" | "xlsm" | "xltx" => Format::Xlsx,
        "xls" | "xlt" => Format::Xls,
        "pptx" | "pptm" | "ppsx" | "potx" => Format::Pptx,
        "odp" | "otp" => Format::Odp,
        "epub" => Format::Epub,
        "jpg" | "jpeg" | "tif" | "tiff" | "heic" | "heif" | "webp" | "png" | "avif" => Format::Image,
        "mp3" | "flac" | "ogg" | "oga" | "opus" | "m4a" | "m4b" | "aac" => Format::Audio,
        "zip" | "jar" | "tar" | "tgz" | "gz" => Format::Archive,
        extension if is_code(extension) => Format::Code,
        extension if is_unreadable(extension) => return Named::Unreadable(extension.into()),
        extension => return Named::Unknown(extension.into()),
    })
}

fn is_code(extension: &str) -> bool {
    const CODE: &str = "rs py pyi c h cc cpp cxx hpp hh hxx m mm js mjs cjs jsx ts tsx vue svelte go java kt kts scala \
        groovy gradle cs fs vb swift dart rb php pl pm lua r jl hs ml mli elm ex exs erl clj lisp el scm nim \
        zig v vhd vhdl sv asm s f90 f pas d vala blp qml sh bash zsh fish ps1 bat cmd awk sed toml yaml yml \
        json5 jsonc ini cfg conf config properties env service socket timer desktop rules xml xsd \
        xsl xslt css scss sass less sql graphql proto thrift cmake mk ninja bazel bzl nix tf hcl patch diff \
        bib dot gv po pot lock ui glsl wgsl dts dtsi spec ebuild in am ac m4";
    CODE.split(' ').any(|known| known == extension)
}

fn is_unreadable(extension: &str) -> bool {
    const UNREADABLE: &str = "gif bmp ico jxl raw cr2 nef dng psd xcf svg svgz eps ai \
        wav wma aiff mid midi mp4 m4v mkv webm avi mov wmv flv mpg mpeg 3gp \
        ogv so a o ko dll exe msi bin elf class war pyc pyo wasm rlib rmeta bz2 xz zst lz4 br \
        7z rar cpio iso img dmg qcow2 vdi vmdk deb rpm apk flatpak snap appimage ttf otf woff woff2 \
        sqlite sqlite3 db mdb accdb dbf gguf safetensors onnx pt pth npy npz pkl parquet feather h5 doc dot \
        ppt odg odf xlsb mobi azw3 djvu ps pages numbers key msg pst gpg pgp p12 pfx kdbx age \
        swp part crdownload blend stl glb map";
    UNREADABLE.split(' ').any(|known| known == extension)
}

/// Settles the format now that the bytes are there.
pub fn by_content(named: Named, bytes: &[u8]) -> Result<Format, Skip> {
    match named {
        Named::Known(format) => settle(format, bytes),
        Named::Nothing => match sniff(bytes) {
            Some(format) => Ok(format),
            None => charset::refuse_binary(bytes).map(|()| Format::Text),
        },
        Named::Unknown(extension) => match sniff(bytes) {
            Some(format) => Ok(format),
            None if charset::refuse_binary(bytes).is_ok() => Ok(Format::Text),
            None => Err(Skip::Unsupported(extension)),
        },
        Named::Unreadable(extension) => Err(Skip::Unsupported(extension)),
    }
}

/// Office names that hold another office format, or none.
fn settle(format: Format, bytes: &[u8]) -> Result<Format, Skip> {
    let compound = bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    match format {
        // Encrypted Office Open XML is a compound file around the real one.
        Format::Docx | Format::Xlsx | Format::Pptx if compound => Err(Skip::Encrypted("document")),
        Format::History if !bytes.starts_with(sqlite::MAGIC) => by_content(Named::Nothing, bytes),
        Format::Bookmarks if !browser::is_bookmarks(&String::from_utf8_lossy(bytes)) => {
            by_content(Named::Nothing, bytes)
        }
        Format::Xls if bytes.starts_with(b"PK\x03\x04") => Ok(Format::Xlsx),
        // Many programs export a table of text or HTML and call it .xls.
        Format::Xls if !compound && charset::refuse_binary(bytes).is_ok() => {
            Ok(sniff(bytes).unwrap_or(Format::Table(None)))
        }
        format => Ok(format),
    }
}

/// The format that the first bytes give away.
fn sniff(bytes: &[u8]) -> Option<Format> {
    let head = &bytes[..bytes.len().min(4096)];
    if head.starts_with(b"%PDF-") {
        return Some(Format::Pdf);
    }
    let text = String::from_utf8_lossy(head);
    let start: String =
        text.trim_start_matches('\u{feff}').trim_start().chars().take(64).collect::<String>().to_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        Some(Format::Html)
    } else if start.starts_with("begin:vcalendar") {
        Some(Format::Calendar)
    } else if start.starts_with("begin:vcard") {
        Some(Format::Contact)
    } else if start.starts_with("#!") || start.starts_with("<?xml") {
        Some(Format::Code)
    } else if start.starts_with("{\\rtf") {
        Some(Format::Rtf)
    } else if text.starts_with("From ") && is_mail(text.split_once('\n').map_or("", |(_, rest)| rest)) {
        Some(Format::MailFolder)
    } else if is_mail(&text) {
        Some(Format::Mail)
    } else {
        None
    }
}

/// Mail folders (maildir) hold messages without an extension.
fn is_mail(text: &str) -> bool {
    const HEADERS: &[&str] =
        &["from", "to", "date", "subject", "received", "return-path", "message-id", "mime-version", "delivered-to"];
    let mut seen = 0;
    for (at, line) in text.lines().take(60).enumerate() {
        let header = line.split_once(':').filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace));
        match header {
            Some((name, _)) => seen += usize::from(HEADERS.contains(&name.to_lowercase().as_str())),
            None if at > 0 && line.starts_with([' ', '\t']) => {}
            None => break,
        }
    }
    seen >= 3
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn named(path: &str) -> Named {
        by_name(Path::new(path))
    }

    #[test]
    fn names_say_what_they_mean() {
        assert_eq!(named("/a/Notes.MD"), Named::Known(Format::Markdown));
        assert_eq!(named("/a/x.tar.xz"), Named::Unreadable("xz".into()));
        assert_eq!(named("/a/x.tar.gz"), Named::Known(Format::Archive));
        assert_eq!(named("/a/README"), Named::Nothing);
        assert_eq!(named("/a/.hidden"), Named::Nothing);
        assert_eq!(named("/a/1700000000.M1P2.host,S=1:2,S"), Named::Nothing);
        assert_eq!(named("/a/release-1.0"), Named::Nothing);
        assert_eq!(named("/a/Makefile"), Named::Known(Format::Code));
        assert_eq!(named("/a/data.xyz"), Named::Unknown("xyz".into()));
    }

    #[test]
    fn first_bytes_settle_what_names_leave_open() {
        let settled = |name: &str, bytes: &[u8]| by_content(named(name), bytes);
        assert_eq!(settled("/a/b", b"%PDF-1.4 ...").unwrap(), Format::Pdf);
        assert_eq!(settled("/a/b", b"\n<!DOCTYPE HTML><p>").unwrap(), Format::Html);
        assert_eq!(
            settled("/a/cur/17.h:2,S", b"Return-Path: <a@b>\nFrom: a@b\n\tx\nSubject: s\nDate: d\n\nx").unwrap(),
            Format::Mail
        );
        assert_eq!(settled("/a/b", b"From: here\nto: there\n").unwrap(), Format::Text);
        assert_eq!(settled("/a/b.xyz", b"plain words").unwrap(), Format::Text);
        assert_eq!(settled("/a/b.xls", b"a;b\n1;2\n").unwrap(), Format::Table(None));
        assert_eq!(settled("/a/b.xls", b"PK\x03\x04xx").unwrap(), Format::Xlsx);
        let skip = settled("/a/b.xyz", b"\0\x01\x02").unwrap_err();
        assert_eq!(skip.to_string(), "no text can be read from .xyz files yet");
        assert_eq!(settled("/p/History", b"SQLite format 3\0").unwrap(), Format::History);
        assert_eq!(settled("/a/HISTORY", b"Version 1: first").unwrap(), Format::Text);
        assert!(matches!(settled("/a/b.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), Err(Skip::Encrypted(_))));
    }
}
