//! `org.hob.Assistant1` and `org.hob.Session1`: asking and conversing.

use super::dict::{Dict, Options};
use super::error::BusError;
use super::{ROOT, caller_of, convert, request};
use crate::assistant::{AskOptions, ContextMode};
use crate::error::{HobError, Kind};
use crate::settings::AnswerMode;
use hob_engine::Role;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use zbus::message::Header;
use zbus::{Connection, ObjectServer, OwnedObjectPath, interface};

/// The object behind `org.hob.Assistant1`.
pub struct AssistantInterface {
    pub(super) daemon: Arc<crate::Daemon>,
}

/// Asks the machine.
#[interface(name = "org.hob.Assistant1")]
impl AssistantInterface {
    /// Starts a request and returns its object (`org.hob.Request1`), which streams the answer.
    ///
    /// Options: session o, model s, system s, context s ("auto", "index", "none"), answer s
    /// ("auto", "quote", "generate"), folder s, max_tokens u, temperature d, seed t, stop as,
    /// schema s, route s ("auto", "local"), priority s, language s, handle_token s.
    async fn ask(
        &self,
        prompt: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, BusError> {
        let (token, options) = parse(options)?;
        let caller = caller_of(&header, connection).await;
        let daemon = self.daemon.clone();
        let work = move |updates| async move { daemon.assistant.ask(&prompt, &options, &caller, &updates).await };
        let name = header.sender().map(|name| name.to_owned());
        Ok(request::start(connection, name, &token, work).await?)
    }

    /// The same, waiting for the whole answer, for clients that can't stream. The details have the
    /// keys of `Finished`'s result.
    #[zbus(out_args("text", "details"))]
    async fn complete(
        &self,
        prompt: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(String, Dict), BusError> {
        let (_, options) = parse(options)?;
        let caller = caller_of(&header, connection).await;
        let (updates, mut seen) = mpsc::channel(64);
        let drain = async { while seen.recv().await.is_some() {} };
        let work = async move { self.daemon.assistant.ask(&prompt, &options, &caller, &updates).await };
        let name = header.sender().map(|name| name.to_owned());
        let answer = tokio::select! {
            (answer, ()) = async { tokio::join!(work, drain) } => answer?,
            () = request::caller_left(connection, name) => return Err(HobError::cancelled().into()),
        };
        Ok((answer.text.clone(), convert::answer(answer)))
    }

    /// Opens a conversation and returns its object (`org.hob.Session1`), which is what the option
    /// `session` names. Options: none.
    async fn open_session(
        &self,
        options: Dict,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> Result<OwnedObjectPath, BusError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Options::new(options).end()?;
        let path = format!("{ROOT}/session/{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let object = OwnedObjectPath::try_from(path.clone()).map_err(|e| BusError::Internal(e.to_string()))?;
        self.daemon.assistant.sessions().open(&path);
        server.at(&object, Session { path, daemon: self.daemon.clone() }).await?;
        Ok(object)
    }

    /// Loads the models that a question needs, so that it need not wait. Options: model s.
    async fn prewarm(&self, options: Dict) -> Result<(), BusError> {
        let mut options = Options::new(options);
        let model = options.string("model")?;
        options.end()?;
        self.daemon.models.lease(model.as_deref(), Role::Chat).await?;
        match self.daemon.models.lease(None, Role::Embedding).await {
            Err(error) if error.kind != Kind::NoModel => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// A conversation.
pub struct Session {
    path: String,
    daemon: Arc<crate::Daemon>,
}

/// A conversation: later questions see the earlier turns.
#[interface(name = "org.hob.Session1")]
impl Session {
    /// Ends the conversation and forgets its turns.
    async fn close(&self, #[zbus(object_server)] server: &ObjectServer) -> Result<(), BusError> {
        self.daemon.assistant.sessions().close(&self.path);
        let path = OwnedObjectPath::try_from(self.path.clone()).map_err(|e| BusError::Internal(e.to_string()))?;
        server.remove::<Session, _>(&path).await?;
        Ok(())
    }
}

/// The options, and the token of the request's object.
fn parse(options: Dict) -> Result<(String, AskOptions), HobError> {
    let mut options = Options::new(options);
    let token = options.string("handle_token")?.unwrap_or_else(request_token);
    local_only(&mut options)?;
    // Accepted for what the API promises of them: one queue serves all priorities in this version,
    // and the answer's language is the model's choice.
    one_of("priority", options.string("priority")?, &["interactive", "background"])?;
    options.string("language")?;
    let parsed = AskOptions {
        session: options.string("session")?,
        model: options.string("model")?,
        system: options.string("system")?,
        context: context(options.string("context")?)?,
        answer: answer_mode(options.string("answer")?)?,
        folder: folder(options.string("folder")?)?,
        max_tokens: options.number32("max_tokens")?.unwrap_or(0),
        temperature: temperature(options.double("temperature")?)?,
        seed: options.number("seed")?.unwrap_or(0),
        stop: options.strings("stop")?,
        schema: options.string("schema")?,
    };
    options.end()?;
    Ok((token, parsed))
}

/// A token for callers that choose none.
pub(super) fn request_token() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("hob{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn local_only(options: &mut Options) -> Result<(), HobError> {
    match options.string("route")?.as_deref() {
        None | Some("auto" | "local") => Ok(()),
        Some("remote") => {
            Err(HobError::new(Kind::Remote, "no remote back end is set up; this version answers on the device only"))
        }
        Some(other) => Err(HobError::invalid(format!("option route is \"{other}\", it must be \"auto\" or \"local\""))),
    }
}

fn context(given: Option<String>) -> Result<ContextMode, HobError> {
    match one_of("context", given, &["auto", "index", "none"])?.as_deref() {
        Some("index") => Ok(ContextMode::Index),
        Some("none") => Ok(ContextMode::None),
        _ => Ok(ContextMode::Auto),
    }
}

fn answer_mode(given: Option<String>) -> Result<AnswerMode, HobError> {
    match one_of("answer", given, &["auto", "quote", "generate"])?.as_deref() {
        Some("quote") => Ok(AnswerMode::Quote),
        Some("generate") => Ok(AnswerMode::Generate),
        _ => Ok(AnswerMode::Auto),
    }
}

/// An absolute folder.
pub(super) fn folder(given: Option<String>) -> Result<Option<PathBuf>, HobError> {
    match given.map(PathBuf::from) {
        Some(path) if !path.is_absolute() => {
            Err(HobError::invalid(format!("option folder must be an absolute path, not {}", path.display())))
        }
        folder => Ok(folder),
    }
}

fn temperature(given: Option<f64>) -> Result<Option<f32>, HobError> {
    match given {
        Some(t) if !(0.0..=2.0).contains(&t) => {
            Err(HobError::invalid(format!("option temperature is {t}, it must lie between 0 and 2")))
        }
        given => Ok(given.map(|t| t as f32)),
    }
}

/// The given word, if it is one of the allowed.
pub(super) fn one_of(name: &str, given: Option<String>, allowed: &[&str]) -> Result<Option<String>, HobError> {
    match given {
        Some(word) if !allowed.contains(&word.as_str()) => {
            Err(HobError::invalid(format!("option {name} is \"{word}\", it must be one of: {}", allowed.join(", "))))
        }
        given => Ok(given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::dict::DictBuilder;

    #[test]
    fn options_are_checked_at_the_door() {
        let dict = |key: &str, value: &str| DictBuilder::default().put(key, value.to_string()).done();
        assert_eq!(parse(dict("context", "index")).expect("fine").1.context, ContextMode::Index);
        for (key, value, says) in [
            ("context", "web", "must be one of: auto, index, none"),
            ("folder", "notes", "absolute path"),
            ("route", "remote", "on the device only"),
            ("colour", "red", "unknown option colour"),
        ] {
            let error = parse(dict(key, value)).expect_err(key);
            assert!(error.message.contains(says), "{}", error.message);
        }
        let hot = DictBuilder::default().put("temperature", 9.0f64).done();
        assert!(parse(hot).is_err());
    }
}
