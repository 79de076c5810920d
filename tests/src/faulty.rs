//! A small HTTP server that does as it is told: drop, lie, stall, redirect, go on without an end.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A request that came.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How many came before it.
    pub nth: usize,
    /// The path with its query.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Seen {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The byte from which on the file is wanted.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What is sent after the headers.
pub enum Body {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, then the connection breaks.
    Cut(Vec<u8>),
    /// These bytes, then nothing more, and the connection stays.
    Silence(Vec<u8>),
    /// These bytes in blocks of that size, with a pause after each.
    Slow(Vec<u8>, usize, Duration),
    /// These bytes in chunks, without a length, then zeros for ever.
    Endless(Vec<u8>),
    /// These bytes in chunks, without a length.
    Chunked(Vec<u8>),
    /// Calls the function after so many of the bytes.
    Calling(Vec<u8>, usize, Box<dyn FnOnce() + Send>),
}

/// An answer.
pub struct Reply {
    /// The status line's number.
    pub status: u16,
    /// Headers; a length is sent only when it stands here.
    pub headers: Vec<(String, String)>,
    /// The rest.
    pub body: Body,
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self::new(status, Body::Bytes(Vec::new())).with("content-length", "0")
    }

    /// An answer without headers.
    pub fn new(status: u16, body: Body) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    /// With one more header.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// A redirect.
    pub fn redirect(to: &str) -> Self {
        Self::empty(302).with("location", to)
    }

    /// What an honest server sends of a file, from where it is wanted; `etag` may be empty. A range is only
    /// honoured when its condition holds.
    pub fn honest(file: &[u8], etag: &str, seen: &Seen) -> Self {
        let holds = seen.header("if-range").is_none_or(|wanted| wanted == etag);
        let reply = match seen.from().filter(|_| holds) {
            Some(from) if from < file.len() => Self::new(206, Body::Bytes(file[from..].to_vec()))
                .with("content-length", file.len() - from)
                .with("content-range", format!("bytes {from}-{}/{}", file.len() - 1, file.len())),
            Some(_) => Self::empty(416).with("content-range", format!("bytes */{}", file.len())),
            None => Self::new(200, Body::Bytes(file.to_vec())).with("content-length", file.len()),
        };
        if etag.is_empty() { reply } else { reply.with("etag", etag) }
    }

    /// The same, but the connection breaks after at most `most` bytes.
    pub fn cut(mut self, most: usize) -> Self {
        if let Body::Bytes(bytes) = &mut self.body
            && bytes.len() > most
        {
            self.body = Body::Cut(bytes[..most].to_vec());
        }
        self
    }
}

type Handler = dyn Fn(&Seen) -> Reply + Send + Sync;

/// A certificate and its key.
pub struct Tls(Arc<ServerConfig>);

impl Tls {
    /// Reads both from PEM files.
    pub fn read(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let chain = vec![CertificateDer::from_pem_file(certificate)?];
        let config = config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
        Ok(Self(Arc::new(config)))
    }
}

/// What a server and a client talk over.
trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// A server on a port of its own; it serves until the test's process ends.
pub struct Faulty {
    /// `http://127.0.0.1:PORT`, or `https://localhost:PORT`
    pub address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Faulty {
    /// Answers every request by the handler.
    pub fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> std::io::Result<Self> {
        Self::start_over(None, handler)
    }

    /// The same, encrypted.
    pub fn start_tls(tls: Tls, handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> std::io::Result<Self> {
        Self::start_over(Some(tls), handler)
    }

    fn start_over(tls: Option<Tls>, handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let at = listener.local_addr()?;
        let address = if tls.is_some() { format!("https://localhost:{}", at.port()) } else { format!("http://{at}") };
        let tls = tls.map(|tls| tls.0);
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (log, handler): (_, Arc<Handler>) = (seen.clone(), Arc::new(handler));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, handler, tls) = (log.clone(), handler.clone(), tls.clone());
                std::thread::spawn(move || {
                    // A client that is killed closes its end in mid-sentence.
                    if let Err(error) = accept(stream, tls, &log, &*handler) {
                        eprintln!("a client left: {error}");
                    }
                });
            }
        });
        Ok(Self { address, seen })
    }

    /// The requests that came so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An address on this server.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

fn accept(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    log: &Mutex<Vec<Seen>>,
    handler: &Handler,
) -> std::io::Result<()> {
    let Some(config) = tls else { return serve(&mut &stream, log, handler) };
    let mut wire = StreamOwned::new(ServerConnection::new(config).map_err(std::io::Error::other)?, stream);
    serve(&mut wire, log, handler)?;
    wire.conn.send_close_notify();
    wire.flush()
}

fn serve(stream: &mut dyn Wire, log: &Mutex<Vec<Seen>>, handler: &Handler) -> std::io::Result<()> {
    let Some(mut seen) = read(stream)? else { return Ok(()) };
    {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        seen.nth = log.len();
        log.push(seen.clone());
    }
    let reply = handler(&seen);
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", reply.status);
    if matches!(reply.body, Body::Endless(_) | Body::Chunked(_)) {
        head.push_str("transfer-encoding: chunked\r\n");
    }
    reply.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    send(stream, reply.body)
}

fn read(stream: &mut dyn Wire) -> std::io::Result<Option<Seen>> {
    let mut lines = BufReader::new(stream).lines();
    let Some(first) = lines.next().transpose()? else { return Ok(None) };
    let path = first.split(' ').nth(1).unwrap_or_default().to_string();
    let mut headers = Vec::new();
    for line in lines {
        let line = line?;
        match line.split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_string())),
            None => break,
        }
    }
    Ok(Some(Seen { nth: 0, path, headers }))
}

fn send(stream: &mut dyn Wire, body: Body) -> std::io::Result<()> {
    match body {
        Body::Bytes(bytes) | Body::Cut(bytes) => stream.write_all(&bytes),
        Body::Silence(bytes) => {
            stream.write_all(&bytes)?;
            // Until the client has had enough.
            stream.read(&mut [0; 1]).map(|_| ())
        }
        Body::Slow(bytes, block, pause) => bytes.chunks(block).try_for_each(|part| {
            stream.write_all(part)?;
            std::thread::sleep(pause);
            Ok(())
        }),
        Body::Calling(bytes, after, call) => {
            stream.write_all(&bytes[..after])?;
            call();
            stream.write_all(&bytes[after..])
        }
        Body::Chunked(bytes) => {
            bytes.chunks(1 << 16).try_for_each(|part| chunk(stream, part))?;
            chunk(stream, &[])
        }
        Body::Endless(bytes) => {
            bytes.chunks(1 << 16).try_for_each(|part| chunk(stream, part))?;
            loop {
                chunk(stream, &[0; 1 << 16])?;
            }
        }
    }
}

fn chunk(stream: &mut dyn Wire, part: &[u8]) -> std::io::Result<()> {
    let mut out = format!("{:x}\r\n", part.len()).into_bytes();
    out.extend(part);
    out.extend(b"\r\n");
    stream.write_all(&out)
}
