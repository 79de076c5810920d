//! Subtitles, pictures and recordings with their tags, archives.
#![allow(missing_docs, dead_code, clippy::unwrap_used)]

use flate2::{Compression, write::GzEncoder};
use std::io::Write;

pub const SRT: &str =
    "1\n00:00:01,500 --> 00:00:03,000\nGood <i>evening</i>.\n\n2\n00:01:02,000 --> 00:01:04,000\nThe ferry\nis late.\n";

/// One entry of an image file directory: tag, type, count, value.
type Entry = (u16, u16, u32, Vec<u8>);

fn ascii(tag: u16, text: &str) -> Entry {
    (tag, 2, text.len() as u32 + 1, [text.as_bytes(), b"\0"].concat())
}

/// A directory at this offset, its longer values behind it.
fn directory(at: u32, entries: &[Entry]) -> Vec<u8> {
    let mut head = (entries.len() as u16).to_le_bytes().to_vec();
    let mut values: Vec<u8> = Vec::new();
    let behind = at + 2 + 12 * entries.len() as u32 + 4;
    for (tag, kind, count, value) in entries {
        head.extend(tag.to_le_bytes());
        head.extend(kind.to_le_bytes());
        head.extend(count.to_le_bytes());
        if value.len() <= 4 {
            head.extend(value);
            head.extend(vec![0; 4 - value.len()]);
        } else {
            head.extend((behind + values.len() as u32).to_le_bytes());
            values.extend(value);
        }
    }
    head.extend([0; 4]);
    head.extend(values);
    head
}

fn tiff() -> Vec<u8> {
    let third =
        |parts: [(u32, u32); 3]| parts.iter().flat_map(|(n, d)| [n.to_le_bytes(), d.to_le_bytes()].concat()).collect();
    let first = |exif: u32, gps: u32| {
        directory(
            8,
            &[
                ascii(0x010e, "Harbour at dusk"),
                ascii(0x010f, "Nokon"),
                ascii(0x0110, "Nokon D90"),
                ascii(0x013b, "Ana Silva"),
                (0x8769, 4, 1, exif.to_le_bytes().to_vec()),
                (0x8825, 4, 1, gps.to_le_bytes().to_vec()),
            ],
        )
    };
    let exif_at = 8 + first(0, 0).len() as u32;
    let exif = directory(exif_at, &[ascii(0x9003, "2026:03:14 18:30:05")]);
    let gps_at = exif_at + exif.len() as u32;
    let gps = directory(
        gps_at,
        &[
            ascii(1, "N"),
            (2, 5, 3, third([(38, 1), (42, 1), (5004, 100)])),
            ascii(3, "W"),
            (4, 5, 3, third([(9, 1), (8, 1), (2184, 100)])),
        ],
    );
    [b"II*\0\x08\0\0\0".to_vec(), first(exif_at, gps_at), exif, gps].concat()
}

pub fn jpeg() -> Vec<u8> {
    let exif = [b"Exif\0\0".to_vec(), tiff()].concat();
    [b"\xff\xd8\xff\xe1".to_vec(), (exif.len() as u16 + 2).to_be_bytes().to_vec(), exif, b"\xff\xd9".to_vec()].concat()
}

pub fn png() -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]),
        chunk(b"tEXt", b"Description\0Map of the harbour"),
        chunk(b"iTXt", "Author\0\0\0pt\0Autora\0Sónia".as_bytes()),
        chunk(b"IEND", b""),
    ]
    .concat()
}

pub fn mp3() -> Vec<u8> {
    let frame = |id: &[u8], text: &[u8]| [id, &(text.len() as u32).to_be_bytes()[..], &[0, 0], text].concat();
    let utf16: Vec<u8> = [0xfeff].into_iter().chain("Saudade".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let frames = [
        frame(b"TIT2", &[&[1], utf16.as_slice()].concat()),
        frame(b"TPE1", b"\x03Ana & Rui"),
        frame(b"TALB", b"\x00Mar\xe9"),
        frame(b"APIC", &[7; 300]),
        frame(b"USLT", b"\x03por\0first line\nsecond line"),
    ]
    .concat();
    let size = frames.len() as u32;
    let sevens = [21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8);
    [b"ID3\x03\0\0".to_vec(), sevens.to_vec(), frames, vec![0xff; 64]].concat()
}

fn comments() -> Vec<u8> {
    let field = |text: &str| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    [field("hob"), 3_u32.to_le_bytes().to_vec(), field("TITLE=Barco"), field("artist=Sónia"), field("DATE=2019-02-03")]
        .concat()
}

pub fn flac() -> Vec<u8> {
    let block = |kind: u8, data: &[u8]| [&[kind], &(data.len() as u32).to_be_bytes()[1..], data].concat();
    [b"fLaC".to_vec(), block(0, &[0; 34]), block(0x84, &comments())].concat()
}

pub fn ogg() -> Vec<u8> {
    let page = |data: &[u8]| [b"OggS".to_vec(), vec![0; 22], vec![1, data.len() as u8], data.to_vec()].concat();
    [page(b"\x01vorbis"), page(&[b"\x03vorbis", comments().as_slice()].concat())].concat()
}

pub fn m4a() -> Vec<u8> {
    let atom = |kind: &[u8], data: &[u8]| [&(data.len() as u32 + 8).to_be_bytes()[..], kind, data].concat();
    let tag =
        |kind: &[u8], text: &str| atom(kind, &atom(b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0], text.as_bytes()].concat()));
    let list = atom(b"ilst", &[tag(b"\xa9nam", "Farol"), tag(b"\xa9ART", "Rui")].concat());
    let meta = atom(b"meta", &[&[0; 4], list.as_slice()].concat());
    [atom(b"ftyp", b"M4A \0\0\0\0"), atom(b"mdat", &[1; 50]), atom(b"moov", &atom(b"udta", &meta))].concat()
}

pub fn tar() -> Vec<u8> {
    let entry = |name: &str, data: &[u8], kind: u8| {
        let mut header = [0_u8; 512];
        header[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
        header[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
        header[156] = kind;
        header[257..262].copy_from_slice(b"ustar");
        let mut bytes = [&header[..], data].concat();
        bytes.resize(bytes.len().div_ceil(512) * 512, 0);
        bytes
    };
    let long = format!("letters/{}.txt", "very-".repeat(30));
    let entries = [
        entry("letters/", b"", b'5'),
        entry("letters/to-ana.txt", b"Dear Ana", b'0'),
        entry("././@LongLink", long.as_bytes(), b'L'),
        entry(&long, b"x", b'0'),
    ];
    [entries.concat(), vec![0; 1024]].concat()
}

pub fn tar_gz() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&tar()).unwrap();
    encoder.finish().unwrap()
}
