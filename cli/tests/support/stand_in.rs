//! A stand-in for hobd: known answers, so that what `hob` makes of them can be checked to the byte.

use std::collections::HashMap;

use tokio::sync::mpsc;
use zbus::message::Header;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, Variant, interface};

type Details = HashMap<String, OwnedVariant>;

/// What the stand-in tells the test.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A question, with its options' names in order.
    Asked(String, Vec<String>),
    Cancelled,
    Answered(bool),
    SessionClosed,
}

type Ear = mpsc::UnboundedSender<Heard>;

fn owned(value: impl Into<Variant<'static>>) -> OwnedVariant {
    value.into().try_into_owned().unwrap()
}

fn row<const N: usize>(entries: [(&str, OwnedVariant); N]) -> Details {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Puts the stand-in on a bus.
pub async fn serve(bus: &super::bus::Bus) -> (Connection, mpsc::UnboundedReceiver<Heard>) {
    let (ear, heard) = mpsc::unbounded_channel();
    let root = "/org/hob/Hob1";
    let connection = bus
        .builder()
        .serve_at(root, Assistant(ear.clone()))
        .serve_at(root, Text(ear))
        .serve_at(root, Index)
        .serve_at(root, Skills)
        .serve_at(root, Daemon)
        .name("org.hob.Hob1")
        .build()
        .await
        .unwrap();
    (connection, heard)
}

/// Creates a request object and plays the piece that `prompt` names.
async fn begin(prompt: &str, options: &Details, from: &Header<'_>, on: &Connection, ear: &Ear) -> OwnedObjectPath {
    let token = String::try_from(options["handle_token"].try_clone().unwrap()).unwrap();
    let caller = from.sender().unwrap().to_owned();
    let path = format!("/org/hob/Hob1/request/{}/{token}", caller.trim_start_matches(':').replace('.', "_"));
    let mut names: Vec<String> = options.keys().filter(|name| *name != "handle_token").cloned().collect();
    names.sort();
    let piece = Request { path: path.clone(), caller: caller.to_string(), ear: ear.clone() };
    ear.send(Heard::Asked(prompt.to_owned(), names)).unwrap();
    on.object_server().at(path.as_str(), piece.clone()).await.unwrap();
    piece.play(prompt, on).await;
    path.try_into().unwrap()
}

#[derive(Clone)]
struct Request {
    path: String,
    caller: String,
    ear: Ear,
}

impl Request {
    async fn emit<B: serde::Serialize + zbus::DynamicType>(&self, on: &Connection, member: &str, body: &B) {
        let to = Some(self.caller.as_str());
        on.emit_signal(to, self.path.as_str(), "org.hob.Request1", member, body).await.unwrap();
    }

    async fn play(&self, prompt: &str, on: &Connection) {
        self.emit(on, "Event", &("route", row([("decision", owned("retrieve"))]))).await;
        match prompt {
            "wait" => self.emit(on, "Delta", &("answer", "Half an")).await,
            "fail" => {
                let result = row([("error", owned("org.hob.Error.NoModel")), ("message", owned("add a model"))]);
                self.emit(on, "Finished", &(1u32, result)).await;
            }
            "think" => {
                self.emit(on, "Delta", &("reasoning", "Let me see.")).await;
                self.emit(on, "Delta", &("answer", "Tuesday.")).await;
                let mut result = answer("Tuesday.");
                let top = vec![("Tuesday".to_owned(), -0.1f64)];
                let token = row([("text", owned("Tuesday")), ("logprob", owned(-0.1f64)), ("top", owned(top))]);
                result.extend(row([("reasoning", owned("Let me see.")), ("logprobs", owned(vec![token]))]));
                self.emit(on, "Finished", &(0u32, result)).await;
            }
            "delete" => self.emit(on, "Confirm", &("Delete a file", Details::new())).await,
            _ => {
                self.emit(on, "Delta", &("answer", "On \x1b[31mTues")).await;
                self.emit(on, "Delta", &("answer", "day.")).await;
                self.emit(on, "Finished", &(0u32, answer("On Tuesday."))).await;
            }
        }
    }
}

fn answer(text: &str) -> Details {
    let citation = row([("path", owned("/n/a.md")), ("line", owned(3u32)), ("quote", owned("On Tuesday at nine."))]);
    let call = row([
        ("skill", owned("org.hob.clock")),
        ("intent", owned("SetTimer")),
        ("arguments", owned("{\"duration\":\"PT10M\"}")),
        ("result", owned("{\"id\":1}")),
    ]);
    row([
        ("text", owned(text.to_owned())),
        ("finish_reason", owned("stop")),
        ("route", owned("retrieve")),
        ("model", owned("")),
        ("citations", owned(vec![citation])),
        ("tool_calls", owned(vec![call])),
        ("usage", owned(row([("total_ms", owned(12u32))]))),
    ])
}

#[interface(name = "org.hob.Request1")]
impl Request {
    async fn cancel(&self, #[zbus(connection)] on: &Connection) {
        self.ear.send(Heard::Cancelled).unwrap();
        self.emit(on, "Finished", &(2u32, Details::new())).await;
    }

    async fn answer(&self, agreed: bool, #[zbus(connection)] on: &Connection) {
        self.ear.send(Heard::Answered(agreed)).unwrap();
        self.emit(on, "Finished", &(0u32, row([("text", owned("Nothing was deleted."))]))).await;
    }
}

struct Assistant(Ear);

#[interface(name = "org.hob.Assistant1")]
impl Assistant {
    async fn ask(
        &self,
        prompt: String,
        options: Details,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> OwnedObjectPath {
        begin(&prompt, &options, &header, connection, &self.0).await
    }

    async fn open_session(&self, _options: Details, #[zbus(connection)] connection: &Connection) -> OwnedObjectPath {
        let path = "/org/hob/Hob1/session/1";
        connection.object_server().at(path, Session(self.0.clone())).await.unwrap();
        path.try_into().unwrap()
    }
}

struct Session(Ear);

#[interface(name = "org.hob.Session1")]
impl Session {
    fn close(&self) {
        self.0.send(Heard::SessionClosed).unwrap();
    }
}

struct Text(Ear);

#[interface(name = "org.hob.Text1")]
impl Text {
    async fn summarize(
        &self,
        text: String,
        options: Details,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> OwnedObjectPath {
        begin(&text, &options, &header, connection, &self.0).await
    }
}

struct Index;

#[interface(name = "org.hob.Index1")]
impl Index {
    fn search(&self, query: String, _options: Details) -> (Vec<Details>, Details) {
        let hit = row([
            ("path", owned("/n/a.md")),
            ("title", owned("Notes")),
            ("snippet", owned(format!("about {query}"))),
            ("score", owned(0.5f64)),
            ("line", owned(3u32)),
            ("lexical_rank", owned(1u32)),
            ("imputed", owned(true)),
        ]);
        let hits = if query == "nothing" { Vec::new() } else { vec![hit] };
        (hits, row([("took_ms", owned(1.5f64)), ("mode", owned("hybrid"))]))
    }

    fn add_folder(&self, path: String, _options: Details) -> zbus::fdo::Result<()> {
        if path.starts_with('/') { Ok(()) } else { Err(zbus::fdo::Error::InvalidArgs(format!("{path} is relative"))) }
    }

    fn wait(&self, _options: Details) {}

    fn skipped_files(&self, limit: u32) -> Vec<(String, String)> {
        let all = [("/n/x.pdf", "encrypted"), ("/n/y.zip", "broken")];
        all.iter().take(limit as usize).map(|(path, reason)| ((*path).to_owned(), (*reason).to_owned())).collect()
    }

    #[zbus(property)]
    fn folders(&self) -> Vec<String> {
        vec!["/n".to_owned()]
    }

    #[zbus(property)]
    fn documents(&self) -> u64 {
        7
    }

    #[zbus(property)]
    fn skipped(&self) -> u64 {
        2
    }

    #[zbus(property)]
    fn state(&self) -> String {
        "idle".to_owned()
    }
}

struct Skills;

#[interface(name = "org.hob.Skills1")]
impl Skills {
    fn call(&self, skill: String, intent: String, arguments: String, _options: Details) -> zbus::fdo::Result<String> {
        if skill == "org.hob.clock" {
            Ok(format!("{{\"intent\":\"{intent}\",\"arguments\":{arguments}}}"))
        } else {
            Err(zbus::fdo::Error::FileNotFound(format!("no skill {skill}")))
        }
    }

    fn route(&self, _text: String, _options: Details) -> (Vec<Details>, Details) {
        let candidate = row([
            ("skill", owned("org.hob.clock")),
            ("intent", owned("SetTimer")),
            ("score", owned(0.9f64)),
            ("arguments", owned("{}")),
            ("missing", owned(vec!["duration"])),
        ]);
        (vec![candidate], row([("decision", owned("skill")), ("took_ms", owned(2.0f64))]))
    }
}

struct Daemon;

#[interface(name = "org.hob.Daemon1")]
impl Daemon {
    fn status(&self) -> Details {
        let host = row([("kind", owned("model")), ("pid", owned(7u32)), ("resident_bytes", owned(1u64 << 20))]);
        row([
            ("version", owned("0.1.0")),
            ("state", owned("ready")),
            ("budget", owned(row([("limit_bytes", owned(10u64)), ("used_bytes", owned(5u64))]))),
            ("hosts", owned(vec![host])),
        ])
    }

    fn explain(&self, what: String) -> String {
        format!("Nothing is wrong with {what}.")
    }
}
