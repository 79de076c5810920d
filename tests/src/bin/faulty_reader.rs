//! A stand-in for the extract host that misbehaves over files of certain names: "die…" ends it, "hang…" hangs it, "flood…"
//! sends what is no message. All others it reads as text.

use hob_link::extract::{Block, Document, ExtractReply, ExtractRequest};
use hob_link::host::{Limits, connect, harden};
use hob_link::wire::ToHost;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

fn main() {
    harden(&Limits::NONE).expect("hardened");
    let (mut requests, replier) = connect::<ExtractRequest, ExtractReply>("extract").expect("connected");
    while let Ok(Some(message)) = requests.receive() {
        match message {
            ToHost::Request { id, body } => {
                for (nth, wanted) in body.files.iter().enumerate() {
                    let file = requests.take_file().expect("a file with the request");
                    match wanted.name.to_string_lossy().split('-').next() {
                        Some("die") => std::process::abort(),
                        Some("hang") => std::thread::park(),
                        Some("flood") => flood(),
                        _ => {}
                    }
                    let reply = ExtractReply::Document(read(File::from(file)));
                    let last = nth + 1 == body.files.len();
                    let told = if last { replier.finish(id, reply) } else { replier.hold(id, reply) };
                    told.expect("sent");
                }
            }
            ToHost::Cancel { .. } => {}
            ToHost::Shutdown => return,
        }
    }
}

fn read(mut file: File) -> Document {
    let mut text = String::new();
    file.read_to_string(&mut text).expect("a text");
    let block = Block { text, line: 1, ..Block::default() };
    Document { kind: "text".into(), blocks: vec![block], ..Document::default() }
}

fn flood() {
    let socket = std::io::stdin().as_fd().try_clone_to_owned().expect("the wire");
    UnixStream::from(socket).write_all(&[7; 4096]).expect("written");
    std::thread::park();
}
