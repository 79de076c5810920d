//! A child that misbehaves on request, for the supervisor's tests.

use hob_link::host::{Limits, connect, harden};
use hob_link::wire::ToHost;
use std::io::Write;
use std::os::fd::AsFd;

fn main() {
    let how = std::env::args().nth(1).unwrap_or_default();
    match how.as_str() {
        "silent" => std::thread::park(),
        "early" => std::process::exit(3),
        "garbage" => {
            let socket = std::io::stdin().as_fd().try_clone_to_owned().expect("the wire");
            std::os::unix::net::UnixStream::from(socket).write_all(&[7; 4096]).expect("write");
            std::thread::park();
        }
        "stranger" => drop(connect::<String, String>("stranger")),
        _ => serve(),
    }
}

fn serve() {
    harden(&Limits { open_files: Some(64), ..Limits::default() }).expect("harden");
    let (mut requests, replier) = connect::<String, String>("saboteur").expect("connect");
    let mut cancelled = Vec::new();
    while let Ok(Some(message)) = requests.receive() {
        match message {
            ToHost::Request { id, body } => match body.as_str() {
                "die" => std::process::abort(),
                "flood" => (0..5_000).for_each(|i| replier.send(id, i.to_string()).expect("send")),
                "never" => {}
                "cancelled" => replier.finish(id, format!("{cancelled:?}")).expect("send"),
                "three" => {
                    replier.send(id, "1".into()).expect("send");
                    replier.send(id, "2".into()).expect("send");
                    replier.finish(id, "3".into()).expect("send");
                }
                other => replier.finish(id, other.to_uppercase()).expect("send"),
            },
            ToHost::Cancel { id } => cancelled.push(id),
            ToHost::Shutdown => return,
        }
    }
}
