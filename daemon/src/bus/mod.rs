//! The D-Bus surface: one file per interface, each thin: convert, send, await, convert.
//!
//! The only room that knows zbus. Objects own nothing; everything is in [`crate::Daemon`].

mod apps;
mod ask_options;
mod assistant;
mod convert;
mod daemon;
mod dict;
mod door;
mod error;
mod index;
mod items;
mod metered;
mod model_work;
mod models;
mod openai;
mod outlet;
mod request;
mod skills;
mod system;
mod text;

pub use system::follow as follow_system;

use door::Door;
use skills::SkillsInterface;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use zbus::{Connection, connection};

/// The root object.
pub const ROOT: &str = "/org/hob/Hob1";
/// The well-known name.
pub const NAME: &str = "org.hob.Hob1";
/// Property changes of the index are told at most this often.
const TELL_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

/// Serves all interfaces on a connection that is being built: on a bus, or peer to peer in tests.
/// Conversations of earlier runs are there again, where they were.
pub fn serve(builder: connection::Builder<'static>, daemon: &Arc<crate::Daemon>) -> connection::Builder<'static> {
    let shared = Arc::new(Door::new(daemon.decisions.clone()));
    let daemon = || daemon.clone();
    let door = || shared.clone();
    let builder = builder
        .serve_at(ROOT, assistant::AssistantInterface { daemon: daemon(), door: door() })
        .serve_at(ROOT, text::TextInterface { daemon: daemon(), door: door() })
        .serve_at(ROOT, index::IndexInterface { daemon: daemon(), door: door() })
        .serve_at(ROOT, models::ModelsInterface { daemon: daemon(), door: door() })
        .serve_at(ROOT, SkillsInterface { daemon: daemon(), door: door() })
        .serve_at(ROOT, daemon::DaemonInterface { daemon: daemon() })
        .serve_at(ROOT, zbus::fdo::ObjectManager);
    let sessions = daemon().assistant.sessions().ids();
    sessions.into_iter().fold(builder, |builder, id| {
        builder.serve_at(format!("{ROOT}/session/{id}"), assistant::Session { id, daemon: daemon() })
    })
}

/// Connects to the session (or system) bus, serves everything, then takes the name: whoever sees
/// the name can call.
pub async fn connect(daemon: &Arc<crate::Daemon>, system: bool) -> zbus::Result<Connection> {
    let bus = if system { connection::Builder::system() } else { connection::Builder::session() };
    let connection = serve(bus, daemon).name(NAME).build().await?;
    daemon.skills.set_apps(Arc::new(apps::BusApps::new(connection.clone())));
    Ok(connection)
}

/// Tells clients what changes: the index's counters, what skills say, which models were checked.
/// Runs until dropped.
pub async fn tell(connection: &Connection, daemon: &Arc<crate::Daemon>) -> zbus::Result<()> {
    tokio::try_join!(
        tell_index(connection, daemon),
        tell_skills(connection, daemon),
        tell_checks(connection, daemon),
        tell_conditions(connection, daemon),
        apps::follow_signals(connection, daemon)
    )?;
    Ok(())
}

async fn tell_conditions(connection: &Connection, daemon: &Arc<crate::Daemon>) -> zbus::Result<()> {
    let interface = connection.object_server().interface::<_, daemon::DaemonInterface>(ROOT).await?;
    // The limits follow from the conditions a little later, and are told with them.
    let (mut conditions, mut limits) = (daemon.governor.watch(), daemon.steward.limits());
    loop {
        let changed = tokio::select! {
            changed = conditions.changed() => changed,
            changed = limits.changed() => changed,
        };
        if changed.is_err() {
            return Ok(());
        }
        interface.get().await.conditions_changed(interface.signal_emitter()).await?;
        tokio::time::sleep(TELL_EVERY).await;
    }
}

async fn tell_checks(connection: &Connection, daemon: &Arc<crate::Daemon>) -> zbus::Result<()> {
    let models = connection.object_server().interface::<_, models::ModelsInterface>(ROOT).await?;
    let mut ended = daemon.models.checks().ended();
    loop {
        match ended.recv().await {
            Ok((id, result)) => {
                models::ModelsInterface::checked(models.signal_emitter(), &id, result.passed()).await?;
            }
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "more checks ended than could be told"),
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

async fn tell_index(connection: &Connection, daemon: &Arc<crate::Daemon>) -> zbus::Result<()> {
    let index = connection.object_server().interface::<_, index::IndexInterface>(ROOT).await?;
    let emitter = index.signal_emitter();
    let mut status = daemon.index_status.clone();
    let mut told = status.borrow_and_update().clone();
    while status.changed().await.is_ok() {
        let now = status.borrow_and_update().clone();
        let interface = index.get().await;
        if now.documents != told.documents {
            interface.documents_changed(emitter).await?;
        }
        if now.chunks != told.chunks {
            interface.chunks_changed(emitter).await?;
        }
        if now.embeddable != told.embeddable {
            interface.embeddable_changed(emitter).await?;
        }
        if now.embedded != told.embedded {
            interface.embedded_changed(emitter).await?;
        }
        if now.pending != told.pending {
            interface.pending_changed(emitter).await?;
        }
        if now.skipped != told.skipped {
            interface.skipped_changed(emitter).await?;
        }
        if now.state != told.state {
            interface.state_changed(emitter).await?;
            interface.folders_changed(emitter).await?;
        }
        told = now;
        tokio::time::sleep(TELL_EVERY).await;
    }
    Ok(())
}

async fn tell_skills(connection: &Connection, daemon: &Arc<crate::Daemon>) -> zbus::Result<()> {
    let skills = connection.object_server().interface::<_, SkillsInterface>(ROOT).await?;
    let mut said = daemon.skills.notifications();
    loop {
        match said.recv().await {
            Ok(said) => {
                SkillsInterface::notified(skills.signal_emitter(), &said.skill, &said.title, &said.text).await?;
                notify_desktop(connection, &said).await;
            }
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "skills said more than could be told"),
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// Shows it on the desktop, where there is one (freedesktop Desktop Notifications 1.2).
async fn notify_desktop(connection: &Connection, said: &crate::skills::Notification) {
    let service = "org.freedesktop.Notifications";
    let hints: dict::Dict = dict::Dict::new();
    let body =
        ("hob", 0u32, "appointment-soon", said.title.as_str(), said.text.as_str(), Vec::<String>::new(), hints, -1i32);
    let shown =
        connection.call_method(Some(service), "/org/freedesktop/Notifications", Some(service), "Notify", &body).await;
    if let Err(error) = shown {
        tracing::info!(%error, text = said.text, "no desktop showed a skill's notification");
    }
}
