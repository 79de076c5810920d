//! Apps among the skills: calls of `org.hob.SkillProvider1`, and signals that start skills.
//!
//! Owns: that interface, of which hob is the client. Must not know: which apps there are.

use crate::Daemon;
use crate::skills::apps::{AppAnswer, AppCall, AppError, Apps};
use futures_util::StreamExt;
use futures_util::stream::{SelectAll, select_all};
use hob_sdk::manifest::Start;
use std::sync::Arc;
use zbus::fdo::Error as Fdo;
use zbus::message::Type;
use zbus::{Connection, MatchRule, MessageStream};

/// `Call(s intent, s arguments, s context) -> s result`: all but the intent's name are JSON objects.
const PROVIDER: &str = "org.hob.SkillProvider1";

/// The way to apps over a bus, which starts them if they are activatable.
pub struct BusApps {
    connection: Connection,
}

impl BusApps {
    /// Over this connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    async fn ask(&self, call: AppCall) -> Result<String, AppError> {
        let AppCall { bus_name, object, intent, arguments, context, timeout } = call;
        let body = (intent.as_str(), arguments.as_str(), context.as_str());
        let asked =
            self.connection.call_method(Some(bus_name.as_str()), object.as_str(), Some(PROVIDER), "Call", &body);
        let failed = |error: zbus::Error| AppError(unanswered(&bus_name, &error));
        match tokio::time::timeout(timeout, asked).await {
            Err(_) => Err(AppError(format!("{bus_name} did not answer within {} ms; try again", timeout.as_millis()))),
            Ok(reply) => reply.and_then(|reply| reply.body().deserialize::<String>()).map_err(failed),
        }
    }
}

/// Why an app did not answer. That nobody is there is no fault of the app's, and there is something to do about it.
fn unanswered(bus_name: &str, error: &zbus::Error) -> String {
    match error {
        zbus::Error::FDO(why) if matches!(**why, Fdo::ServiceUnknown(_) | Fdo::NameHasNoOwner(_)) => format!(
            "{bus_name} did not answer: no such app is on this message bus, and the bus has no service file to start it \
             with; start the app, or install {bus_name}.service in share/dbus-1/services"
        ),
        other => format!("{bus_name} did not answer {PROVIDER}.Call: {other}"),
    }
}

impl Apps for BusApps {
    fn call(&self, call: AppCall) -> AppAnswer<'_> {
        Box::pin(self.ask(call))
    }
}

/// Starts skills by the signals they wait for; follows what is installed. Runs until dropped.
pub async fn follow_signals(connection: &Connection, daemon: &Arc<Daemon>) -> zbus::Result<()> {
    let mut changes = daemon.skills.changes();
    loop {
        changes.borrow_and_update();
        let mut signals = subscribed(connection, daemon.skills.awaited_signals()).await;
        let listening = async {
            while let Some((start, message)) = signals.next().await {
                if message.is_ok() {
                    daemon.skills.happened(|awaited| *awaited == start).await;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = listening => {}
            changed = changes.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

type Signals = SelectAll<futures_util::stream::BoxStream<'static, (Start, zbus::Result<zbus::Message>)>>;

async fn subscribed(connection: &Connection, awaited: Vec<Start>) -> Signals {
    let mut streams = Vec::new();
    for start in awaited {
        match signal(connection, &start).await {
            Ok(Some(stream)) => streams.push(stream.map(move |message| (start.clone(), message)).boxed()),
            Ok(None) => {}
            Err(error) => tracing::warn!(event = start.event(), %error, "a signal starts no skill"),
        }
    }
    select_all(streams)
}

async fn signal(connection: &Connection, start: &Start) -> zbus::Result<Option<MessageStream>> {
    let Start::BusSignal { name, interface, member } = start else { return Ok(None) };
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(name.as_str())
        .interface(interface.as_str())
        .member(member.as_str())
        .build()?;
    MessageStream::for_match_rule(rule, connection, None).await.map(Some)
}
