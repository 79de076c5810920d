//! Requests against a service on the other end of a socket pair.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use tokio::sync::mpsc;
use zbus::connection::Builder;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, Variant, interface};

use super::*;

/// What the stand-in does with a question.
enum Script {
    /// Two deltas, an event, the end.
    Answer,
    /// A question to the user; the end says what the user said.
    Ask,
    /// A delta; the end only after a cancel.
    Wait,
    /// An error in place of a request.
    Refuse,
    /// A request object that was not asked for.
    Elsewhere,
}

struct Service {
    script: Script,
    heard: mpsc::UnboundedSender<String>,
}

fn owned(value: impl Into<Variant<'static>>) -> OwnedVariant {
    value.into().try_into_owned().unwrap()
}

fn token_of(options: &Details) -> String {
    String::try_from(options["handle_token"].try_clone().unwrap()).unwrap()
}

async fn emit<B: serde::Serialize + zbus::DynamicType>(on: &Connection, path: &str, member: &str, body: &B) {
    on.emit_signal(None::<&str>, path, "org.hob.Request1", member, body).await.unwrap();
}

async fn finish(on: &Connection, path: &str, status: u32, text: &str) {
    emit(on, path, "Finished", &(status, Details::from([("text".to_owned(), owned(text.to_owned()))]))).await;
}

#[interface(name = "org.hob.Assistant1")]
impl Service {
    async fn ask(
        &self,
        prompt: String,
        options: Details,
        #[zbus(connection)] connection: &Connection,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        let path = format!("/org/hob/Hob1/request/peer/{}", token_of(&options));
        let object = RequestObject { heard: self.heard.clone(), path: path.clone() };
        connection.object_server().at(path.as_str(), object).await?;
        match self.script {
            Script::Answer => {
                emit(connection, &path, "Delta", &("reasoning", "hm")).await;
                emit(connection, &path, "Delta", &("answer", prompt)).await;
                emit(connection, &path, "Tomorrow", &"a signal of a later version").await;
                emit(connection, &path, "Event", &("route", Details::from([("decision".to_owned(), owned("chat"))])))
                    .await;
                finish(connection, &path, 0, "done").await;
            }
            Script::Ask => emit(connection, &path, "Confirm", &("delete a file", Details::new())).await,
            Script::Wait => emit(connection, &path, "Delta", &("answer", "a ")).await,
            Script::Refuse => return Err(zbus::fdo::Error::LimitsExceeded("too much at once".into())),
            Script::Elsewhere => return Ok("/somewhere/else".try_into()?),
        }
        Ok(path.try_into()?)
    }

    fn complete(&self, prompt: String, _options: Details) -> (String, Details) {
        let call = Details::from([("skill".to_owned(), owned("s")), ("arguments".to_owned(), owned("{\"n\":1}"))]);
        (prompt, Details::from([("tool_calls".to_owned(), owned(vec![call])), ("route".to_owned(), owned("skill"))]))
    }
}

struct RequestObject {
    heard: mpsc::UnboundedSender<String>,
    path: String,
}

#[interface(name = "org.hob.Request1")]
impl RequestObject {
    async fn cancel(&self, #[zbus(connection)] connection: &Connection) {
        self.heard.send("cancel".into()).unwrap();
        finish(connection, &self.path, 2, "").await;
    }

    async fn answer(&self, confirmed: bool, #[zbus(connection)] connection: &Connection) {
        self.heard.send(format!("answer {confirmed}")).unwrap();
        finish(connection, &self.path, 0, "agreed").await;
    }
}

/// A client, what the stand-in hears, and the stand-in's connection, which must be kept.
async fn pair(script: Script) -> (Hob, mpsc::UnboundedReceiver<String>, Connection) {
    let (here, there) = UnixStream::pair().unwrap();
    let (heard, hears) = mpsc::unbounded_channel();
    let service =
        Builder::unix_stream(there).server(zbus::Guid::generate()).p2p().serve_at(ROOT_PATH, Service { script, heard });
    let (client, service) =
        futures_util::future::try_join(Builder::unix_stream(here).p2p().build(), service.build()).await.unwrap();
    (Hob::over(client), hears, service)
}

/// A test that hangs has failed.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("the request hangs")
}

#[tokio::test]
async fn updates_come_in_order_and_then_end() {
    let (hob, _hears, _service) = pair(Script::Answer).await;
    let mut request = hob.ask("forty-two", Options::new()).await.unwrap();
    let mut seen = Vec::new();
    while let Some(update) = soon(request.next_update()).await {
        seen.push(match update.unwrap() {
            Update::Delta { kind, text } => format!("{kind:?} {text}"),
            Update::Event { kind, details } => format!("{kind} {}", details_to_json(&details)),
            Update::Confirm { .. } => panic!("nothing to confirm"),
            Update::Finished(end) => {
                let status = end.status;
                format!("{status:?} {}", end.into_answer().unwrap().text)
            }
        });
    }
    assert_eq!(seen, ["Reasoning hm", "Answer forty-two", "route {\"decision\":\"chat\"}", "Done done"]);
    assert!(soon(request.next_update()).await.is_none());
}

#[tokio::test]
async fn a_service_that_vanishes_is_an_error() {
    let (hob, _hears, service) = pair(Script::Wait).await;
    let mut request = hob.ask("q", Options::new()).await.unwrap();
    service.close().await.unwrap();
    assert!(matches!(soon(request.next_update()).await, Some(Ok(Update::Delta { text, .. })) if text == "a "));
    assert!(matches!(soon(request.next_update()).await, Some(Err(Error::Vanished | Error::Connection(_)))));
    assert!(soon(request.next_update()).await.is_none());
}

#[tokio::test]
async fn cancelling_ends_the_request() {
    let (hob, mut hears, _service) = pair(Script::Wait).await;
    let request = hob.ask("q", Options::new()).await.unwrap();
    request.cancel().await.unwrap();
    let end = soon(request.finish()).await.unwrap();
    assert_eq!(end.status, Status::Cancelled);
    assert_eq!(end.into_result().unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(soon(hears.recv()).await.unwrap(), "cancel");
}

#[tokio::test]
async fn dropping_cancels_but_not_after_the_end() {
    let (hob, mut hears, _service) = pair(Script::Wait).await;
    drop(hob.ask("q", Options::new()).await.unwrap());
    assert_eq!(soon(hears.recv()).await.unwrap(), "cancel");

    let (hob, mut hears, service) = pair(Script::Answer).await;
    let request = hob.ask("q", Options::new()).await.unwrap();
    soon(request.finish()).await.unwrap();
    drop(hob);
    soon(service.closed()).await;
    assert!(hears.try_recv().is_err());
}

#[tokio::test]
async fn a_confirmation_is_answered() {
    let (hob, mut hears, _service) = pair(Script::Ask).await;
    let mut request = hob.ask("q", Options::new()).await.unwrap();
    match soon(request.next_update()).await {
        Some(Ok(Update::Confirm { action, .. })) => assert_eq!(action, "delete a file"),
        other => panic!("{other:?}"),
    }
    request.answer(true).await.unwrap();
    assert_eq!(soon(request.finish()).await.unwrap().into_answer().unwrap().text, "agreed");
    assert_eq!(soon(hears.recv()).await.unwrap(), "answer true");
}

#[tokio::test]
async fn refusals_and_strange_objects_are_errors() {
    let (hob, _hears, _service) = pair(Script::Refuse).await;
    let error = hob.ask("q", Options::new()).await.unwrap_err();
    assert_eq!(error.name(), "org.freedesktop.DBus.Error.LimitsExceeded");
    assert_eq!(error.to_string(), "too much at once");

    let (hob, _hears, _service) = pair(Script::Elsewhere).await;
    assert!(matches!(hob.ask("q", Options::new()).await, Err(Error::Protocol(_))));
}

#[tokio::test]
async fn a_bad_token_is_refused_before_anything_is_sent() {
    let (hob, _hears, _service) = pair(Script::Answer).await;
    let error = hob.ask("q", Options::new().with("handle_token", "no/token")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidArgument);
}

#[tokio::test]
async fn complete_gives_a_typed_answer() {
    let (hob, _hears, _service) = pair(Script::Answer).await;
    let answer = hob.complete("hello", &Options::new()).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.route.as_str()), ("hello", "skill"));
    assert_eq!(answer.tool_calls[0].arguments["n"], 1);
    assert_eq!(answer.model, None);
}
