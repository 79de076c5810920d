//! The door: who calls, how much each caller may have under way, and when it leaves.
//!
//! Owns: the callers that are on the bus, one subscription to their departures, the limits that keep
//! a caller from taking the daemon for itself. Must not know: what a request does.
//!
//! What dbus-daemon does with a caller that never reads its socket: it keeps what the daemon sends,
//! up to 127 MiB by default and 1 GB on most session buses, and then stops reading from the daemon,
//! which so falls silent for everybody. (dbus-broker disconnects such a caller much earlier.) So the
//! daemon counts what it sends to each caller and asks the bus every [`CHECK_EVERY`] bytes how much
//! of it still lies there: see [`Guest::reads`].

use crate::decisions::{Decisions, Deed};
use crate::error::{HobError, Kind};
use crate::permissions::Caller;
use futures_util::StreamExt;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit, watch};
use zbus::message::{Header, Type};
use zbus::names::UniqueName;
use zbus::{Connection, MatchRule, MessageStream, OwnedObjectPath, OwnedVariant};

/// Requests that one caller may have under way.
const MOST_OF_ONE: usize = 64;
/// Requests of all callers.
const MOST_OF_ALL: usize = 256;
/// Bytes of all their texts.
const MOST_BYTES: usize = 64 << 20;
/// Calls with large replies that are worked on for one caller at a time; the others wait.
const LARGE_AT_ONCE: usize = 8;
/// Bytes sent to a caller between two looks at whether it reads them.
const CHECK_EVERY: u64 = 1 << 20;
/// Unread bytes that a caller may leave on the bus before the daemon waits for it.
const MOST_UNREAD: u64 = 1 << 20;
/// How long the daemon waits for a caller that does not read.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Refusals of one caller are written down this far apart.
const REFUSALS_APART: Duration = Duration::from_secs(10);
/// How often it looks meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// Everybody comes in here.
#[derive(Default)]
pub struct Door {
    /// The callers that are on the bus, by unique name.
    present: Mutex<HashMap<String, Arc<Present>>>,
    busy: Mutex<Busy>,
    lingering: Mutex<Lingering>,
    watching: OnceCell<()>,
    /// The bus does not tell how much lies unread.
    blind: AtomicBool,
    /// Where refusals are written down.
    decisions: Arc<Decisions>,
}

/// What is under way.
#[derive(Default)]
struct Busy {
    all: usize,
    bytes: usize,
    by_caller: HashMap<String, usize>,
    /// Whose refusal was written down of late.
    refused: HashMap<String, std::time::Instant>,
}

/// Objects of requests that have ended, oldest first, each with a number of its own.
#[derive(Default)]
struct Lingering {
    objects: VecDeque<(OwnedObjectPath, u64)>,
    next: u64,
}

/// A caller that is on the bus.
struct Present {
    name: UniqueName<'static>,
    caller: OnceCell<Caller>,
    /// Bytes sent since the last look.
    sent: AtomicU64,
    /// Turns of its calls with large replies.
    turns: Semaphore,
    /// Dropped with the table's entry, which tells everybody who waits for it.
    here: Mutex<Option<watch::Sender<()>>>,
    left: watch::Receiver<()>,
}

/// A caller as one of its calls sees it.
#[derive(Clone)]
pub struct Guest {
    /// Who it is, as far as the bus tells.
    pub caller: Caller,
    present: Option<Arc<Present>>,
    connection: Connection,
    door: Arc<Door>,
}

/// A request's place among those that are under way; given back when dropped.
pub struct Place {
    door: Arc<Door>,
    caller: String,
    bytes: usize,
}

impl Door {
    /// Nobody is in yet.
    pub fn new(decisions: Arc<Decisions>) -> Self {
        Self { decisions, ..Self::default() }
    }

    /// Writes down that a caller was refused, once in a while: a flood must not wash away what else was decided.
    fn note_refusal(&self, busy: &mut Busy, caller: &str, because: String) {
        busy.refused.retain(|_, at| at.elapsed() < REFUSALS_APART);
        if busy.refused.contains_key(caller) {
            return;
        }
        busy.refused.insert(caller.to_string(), std::time::Instant::now());
        let figures = [("requests", busy.all as f64), ("text_bytes", busy.bytes as f64)];
        self.decisions.record(Deed::Refused, caller, because, &figures);
    }

    /// Meets the sender of a message. Without a bus it is nobody in particular and never leaves.
    pub async fn meet(self: &Arc<Self>, header: &Header<'_>, connection: &Connection) -> Result<Guest, HobError> {
        let guest = |caller, present| Guest { caller, present, connection: connection.clone(), door: self.clone() };
        let Some(sender) = header.sender().filter(|_| connection.is_bus()) else {
            return Ok(guest(Caller::default(), None));
        };
        self.watching.get_or_try_init(|| self.watch(connection)).await.map_err(bus_failed)?;
        let present = self.present(sender);
        let caller = present.caller.get_or_try_init(|| identify(connection, sender)).await;
        match caller {
            Ok(caller) => Ok(guest(caller.clone(), Some(present.clone()))),
            Err(error) => {
                self.forget(sender.as_str());
                Err(error)
            }
        }
    }

    fn present(&self, name: &UniqueName<'_>) -> Arc<Present> {
        let entry = |name: &UniqueName<'_>| {
            let (here, left) = watch::channel(());
            Arc::new(Present {
                name: name.to_owned(),
                caller: OnceCell::new(),
                sent: AtomicU64::new(0),
                turns: Semaphore::new(LARGE_AT_ONCE),
                here: Mutex::new(Some(here)),
                left,
            })
        };
        lock(&self.present).entry(name.to_string()).or_insert_with(|| entry(name)).clone()
    }

    /// One subscription for all callers: unique names are never given twice, so a name without an
    /// owner is a caller that has left.
    async fn watch(self: &Arc<Self>, connection: &Connection) -> zbus::Result<()> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(BUS)
            .interface(BUS)
            .member("NameOwnerChanged")
            .arg(2, "")
            .build()?;
        let mut departures = MessageStream::for_match_rule(rule, connection, None).await?;
        let door = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(Ok(message)) = departures.next().await {
                let Some(door) = door.upgrade() else { return };
                match message.body().deserialize::<(String, String, String)>() {
                    Ok((name, _, _)) => door.forget(&name),
                    Err(error) => tracing::warn!(%error, "the bus told a departure in a way that is not understood"),
                }
            }
        });
        Ok(())
    }

    fn forget(&self, name: &str) {
        if let Some(present) = lock(&self.present).remove(name) {
            lock(&present.here).take();
        }
    }

    /// Notes that an object outlives its request: its number, and the object that must go for it.
    pub fn linger(&self, path: &OwnedObjectPath, most: usize) -> (u64, Option<OwnedObjectPath>) {
        let mut lingering = lock(&self.lingering);
        let serial = lingering.next;
        lingering.next += 1;
        let crowded = lingering.objects.len() >= most;
        let crowded_out = if crowded { lingering.objects.pop_front() } else { None };
        lingering.objects.push_back((path.clone(), serial));
        (serial, crowded_out.map(|(path, _)| path))
    }

    /// Whether the object lingers (under this number); whoever is told so removes it.
    pub fn claim(&self, path: &OwnedObjectPath, serial: Option<u64>) -> bool {
        let mut lingering = lock(&self.lingering);
        let is = |(of, number): &(OwnedObjectPath, u64)| of == path && serial.is_none_or(|serial| serial == *number);
        let at = lingering.objects.iter().position(is);
        at.and_then(|at| lingering.objects.remove(at)).is_some()
    }

    fn leave(&self, place: &Place) {
        let mut busy = lock(&self.busy);
        busy.all -= 1;
        busy.bytes -= place.bytes;
        if let Some(count) = busy.by_caller.get_mut(&place.caller) {
            *count -= 1;
            if *count == 0 {
                busy.by_caller.remove(&place.caller);
            }
        }
    }
}

impl Guest {
    /// The caller's unique name; `None` without a bus.
    pub fn name(&self) -> Option<&UniqueName<'static>> {
        self.present.as_ref().map(|present| &present.name)
    }

    /// The connection that the caller was met on.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The door.
    pub fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// Takes a place for a request with so many bytes of text, or says that too much is under way.
    pub async fn take_place(&self, bytes: usize) -> Result<Place, HobError> {
        self.must_read().await?;
        let caller = self.caller.identity();
        let mut under_way = lock(&self.door.busy);
        if under_way.by_caller.get(&caller).is_some_and(|count| *count >= MOST_OF_ONE) {
            let because = format!("it had {MOST_OF_ONE} requests under way, as many as one program may have");
            self.door.note_refusal(&mut under_way, &caller, because);
            return busy(format!("you have {MOST_OF_ONE} requests under way; wait until some have ended"));
        }
        if under_way.all >= MOST_OF_ALL || under_way.bytes + bytes > MOST_BYTES {
            let because = format!("{} requests of all programs were under way", under_way.all);
            self.door.note_refusal(&mut under_way, &caller, because);
            return busy(format!("{} requests are under way; try again when some have ended", under_way.all));
        }
        under_way.all += 1;
        under_way.bytes += bytes;
        *under_way.by_caller.entry(caller.clone()).or_default() += 1;
        Ok(Place { door: self.door.clone(), caller, bytes })
    }

    /// Waits for the turn of a call whose reply is large, and is kept until that is sent. Without it
    /// a caller could have any number of replies made before it reads the first.
    pub async fn turn(&self) -> Result<Option<SemaphorePermit<'_>>, HobError> {
        let turn = match &self.present {
            Some(present) => Some(present.turns.acquire().await.map_err(|_| HobError::cancelled())?),
            None => None,
        };
        self.must_read().await?;
        Ok(turn)
    }

    /// An error when the caller has left, or leaves too much unread to be sent more.
    async fn must_read(&self) -> Result<(), HobError> {
        if self.present.as_ref().is_some_and(|present| present.left.has_changed().is_err()) {
            return Err(HobError::cancelled());
        }
        if let Some(present) = &self.present
            && present.sent.load(Ordering::Relaxed) >= CHECK_EVERY
            && let Some(unread) = self.unread(present).await.filter(|unread| *unread > MOST_UNREAD)
        {
            return busy(format!("{unread} bytes that were sent to you wait to be read; read them first"));
        }
        Ok(())
    }

    /// Takes note that so much is sent to the caller.
    pub fn was_sent(&self, bytes: usize) {
        if let Some(present) = &self.present {
            present.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Completes when the caller has left the bus; never without one.
    pub async fn left(&self) {
        let Some(present) = &self.present else { return std::future::pending().await };
        let mut left = present.left.clone();
        while left.changed().await.is_ok() {}
    }

    /// Takes note that so much is sent to the caller, and waits while it leaves too much unread.
    /// False when it does not read for [`PATIENCE`].
    pub async fn reads(&self, bytes: usize) -> bool {
        self.was_sent(bytes);
        let Some(present) = self.present.as_ref().filter(|p| p.sent.load(Ordering::Relaxed) >= CHECK_EVERY) else {
            return true;
        };
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.unread(present).await.is_some_and(|unread| unread > MOST_UNREAD) {
            if tokio::time::Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        true
    }

    /// How much the bus keeps for the caller, in bytes; `None` when it does not tell.
    async fn unread(&self, present: &Present) -> Option<u64> {
        if self.door.blind.load(Ordering::Relaxed) {
            return None;
        }
        let stats = "org.freedesktop.DBus.Debug.Stats";
        let name = present.name.as_str();
        let asked = self.connection.call_method(Some(BUS), BUS_PATH, Some(stats), "GetConnectionStats", &name).await;
        let unread = asked.and_then(|reply| {
            let figures: HashMap<String, OwnedVariant> = reply.body().deserialize()?;
            Ok(figures.get("OutgoingBytes").and_then(|bytes| u32::try_from(bytes).ok()))
        });
        match unread {
            Ok(Some(unread)) => {
                if u64::from(unread) <= MOST_UNREAD {
                    present.sent.store(0, Ordering::Relaxed);
                }
                Some(u64::from(unread))
            }
            // It has left, which ends its requests elsewhere.
            Err(zbus::Error::FDO(error)) if matches!(*error, zbus::fdo::Error::NameHasNoOwner(_)) => None,
            Ok(None) | Err(_) => {
                tracing::debug!("this bus does not tell what its clients leave unread");
                self.door.blind.store(true, Ordering::Relaxed);
                None
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let door = self.door.clone();
        door.leave(self);
    }
}

/// Asks the bus who has this name; an error when it has left already.
async fn identify(connection: &Connection, name: &UniqueName<'_>) -> Result<Caller, HobError> {
    let method = "GetConnectionUnixProcessID";
    let asked = connection.call_method(Some(BUS), BUS_PATH, Some(BUS), method, &name.as_str()).await;
    match asked.and_then(|reply| reply.body().deserialize::<u32>()) {
        Ok(pid) => Ok(Caller::client(name.to_string(), pid)),
        Err(zbus::Error::FDO(error)) if matches!(*error, zbus::fdo::Error::NameHasNoOwner(_)) => {
            Err(HobError::cancelled())
        }
        Err(error) => {
            tracing::debug!(%error, "the bus does not tell who called");
            Ok(Caller { name: name.to_string(), ..Caller::default() })
        }
    }
}

fn busy<T>(message: String) -> Result<T, HobError> {
    Err(HobError::new(Kind::Busy, message))
}

fn bus_failed(error: zbus::Error) -> HobError {
    HobError::internal(format!("the bus does not tell when callers leave: {error}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guests by name, over a connection that has no bus.
    async fn hall() -> (Arc<Door>, Connection, Connection) {
        let (here, there) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let server = zbus::connection::Builder::unix_stream(there).server(zbus::Guid::generate()).p2p().build();
        let client = zbus::connection::Builder::unix_stream(here).p2p().build();
        let (server, client) = tokio::try_join!(server, client).expect("connected");
        (Arc::default(), server, client)
    }

    fn guest(door: &Arc<Door>, connection: &Connection, name: &str) -> Guest {
        let caller = Caller { name: name.into(), ..Caller::default() };
        Guest { caller, present: None, connection: connection.clone(), door: door.clone() }
    }

    #[tokio::test]
    async fn places_are_bounded_for_one_and_for_all_and_given_back() {
        let (door, connection, _client) = hall().await;
        let mut places = Vec::new();
        for caller in 0..MOST_OF_ALL / MOST_OF_ONE {
            let guest = guest(&door, &connection, &format!(":1.{caller}"));
            for _ in 0..MOST_OF_ONE {
                places.push(guest.take_place(10).await.expect("a place"));
            }
            let refused = guest.take_place(10).await.err().expect("too many of one");
            assert!(refused.kind == Kind::Busy && refused.message.contains("you have 64"), "{refused}");
        }
        let other = guest(&door, &connection, ":1.99");
        for _again in 0..3 {
            let refused = other.take_place(10).await.err().expect("too many of all");
            assert!(refused.kind == Kind::Busy && refused.message.contains("256 requests"), "{refused}");
        }
        // Of each caller one refusal is written down, with its reason.
        let told = door.decisions.latest(|decision| decision.deed == Deed::Refused);
        assert_eq!(told.len(), MOST_OF_ALL / MOST_OF_ONE + 1);
        assert!(told[0].because.contains("256 requests") && told[1].because.contains("64 requests"), "{told:?}");
        drop(places);
        assert_eq!(lock(&door.busy).bytes, 0);
        assert!(lock(&door.busy).by_caller.is_empty());
        let _large = other.take_place(MOST_BYTES).await.expect("room again");
        assert_eq!(other.take_place(1).await.err().map(|e| e.kind), Some(Kind::Busy), "texts count too");
    }

    #[tokio::test]
    async fn the_oldest_lingering_object_makes_way() {
        let door = Door::default();
        let path = |n: u32| OwnedObjectPath::try_from(format!("/r/{n}")).expect("a path");
        let (first, none) = door.linger(&path(1), 2);
        assert!(none.is_none());
        door.linger(&path(2), 2);
        assert_eq!(door.linger(&path(3), 2).1, Some(path(1)));
        assert!(!door.claim(&path(1), Some(first)), "it is gone");
        assert!(door.claim(&path(2), None) && !door.claim(&path(2), None));
    }
}
