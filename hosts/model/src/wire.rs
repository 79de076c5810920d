//! The queue between the reader and the worker, and the way back.
//!
//! Owns: which request is served next, the limit on waiting ones, cancellation flags. Must not
//! know: how a request is served.
//!
//! Every request gets exactly one last reply, also when it is cancelled: the daemon keeps a table
//! entry until then.

use hob_engine::{EngineError, Finish, ModelReply, ModelRequest, Priority, Usage};
use hob_link::host::{Replier, Requests};
use hob_link::wire::{ToHost, WireError};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most requests that may be unfinished.
const MOST_WAITING: usize = 64;

/// A request on its way through the host.
#[derive(Clone)]
pub struct Job {
    /// The daemon's number for it.
    pub id: u64,
    /// What is asked; shared, because a conversation can be long.
    pub body: Arc<ModelRequest>,
    /// When it arrived.
    pub received: Instant,
    cancelled: Arc<AtomicBool>,
}

impl Job {
    /// The caller lost interest, or the host is to end.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Takes milliseconds at most and may have a waiting user: served before everything else.
    pub fn is_urgent(&self) -> bool {
        matches!(
            *self.body,
            ModelRequest::Embed { interactive: true, .. }
                | ModelRequest::Rerank { interactive: true, .. }
                | ModelRequest::MaxSim { interactive: true, .. }
                | ModelRequest::CountTokens { .. }
                | ModelRequest::Limits { .. }
                | ModelRequest::Trim { .. }
        )
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    flags: HashMap<u64, Arc<AtomicBool>>,
    closed: bool,
}

/// Both directions of the wire, shared by the two threads.
pub struct Wire {
    queue: Mutex<Queue>,
    arrived: Condvar,
    replier: Replier<ModelReply>,
    /// Set when the running step should end early.
    interrupt: Arc<AtomicBool>,
    /// The running step is for nobody who waits, so somebody who does may interrupt it.
    gives_way: AtomicBool,
}

impl Wire {
    /// An open wire with nothing waiting.
    pub fn new(replier: Replier<ModelReply>) -> Self {
        Self {
            queue: Mutex::default(),
            arrived: Condvar::new(),
            replier,
            interrupt: Arc::default(),
            gives_way: AtomicBool::new(false),
        }
    }

    /// The flag that ends a running step early: somebody cancelled, or somebody who waits has come.
    pub fn interrupt(&self) -> Arc<AtomicBool> {
        self.interrupt.clone()
    }

    /// Everything that has arrived since this was asked before; waits up to `wait` for something, or for a cancel of what
    /// runs. Clears the flag of
    /// [`Wire::interrupt`] first, so that whatever comes later sets it again. `None` when the host is to end.
    pub fn take(&self, wait: Duration) -> Option<Vec<Job>> {
        let mut queue = self.lock();
        if !wait.is_zero() {
            let interrupted = || self.interrupt.load(Ordering::Relaxed);
            let nothing = |queue: &mut Queue| !queue.closed && queue.waiting.is_empty() && !interrupted();
            let waited = self.arrived.wait_timeout_while(queue, wait, nothing);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.interrupt.store(false, Ordering::Relaxed);
        if queue.closed { None } else { Some(queue.waiting.drain(..).collect()) }
    }

    /// Says whether the step that begins now is background work alone.
    pub fn begin_step(&self, gives_way: bool) {
        self.gives_way.store(gives_way, Ordering::Relaxed);
    }

    /// Waits for the next request, urgent ones first; `None` when the host is to end.
    pub fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(job) = take_urgent(&mut queue).or_else(|| queue.waiting.pop_front()) {
                return Some(job);
            }
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends a reply that others follow.
    pub fn send(&self, job: &Job, reply: ModelReply) {
        let sent = self.replier.send(job.id, reply);
        self.noticed(sent);
    }

    /// Sends the last reply to a request.
    pub fn finish(&self, job: &Job, reply: ModelReply) {
        self.lock().flags.remove(&job.id);
        let sent = self.replier.finish(job.id, reply);
        self.noticed(sent);
    }

    /// Refuses further requests and cancels the present ones.
    pub fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        self.interrupt.store(true, Ordering::Relaxed);
        for flag in queue.flags.values() {
            flag.store(true, Ordering::Relaxed);
        }
        self.arrived.notify_all();
    }

    fn push(&self, id: u64, body: ModelRequest) {
        let mut queue = self.lock();
        if queue.flags.len() >= MOST_WAITING {
            drop(queue);
            let busy = ModelReply::Failed(EngineError::Busy(MOST_WAITING as u32));
            let sent = self.replier.finish(id, busy);
            return self.noticed(sent);
        }
        let cancelled = Arc::new(AtomicBool::new(queue.closed));
        queue.flags.insert(id, cancelled.clone());
        let waits = matches!(&body, ModelRequest::Generate(spec) if spec.priority == Priority::Interactive);
        if waits && self.gives_way.load(Ordering::Relaxed) {
            self.interrupt.store(true, Ordering::Relaxed);
        }
        queue.waiting.push_back(Job { id, body: Arc::new(body), received: Instant::now(), cancelled });
        self.arrived.notify_all();
    }

    fn cancel(&self, id: u64) {
        let mut queue = self.lock();
        // A request that has ended meanwhile has no flag any more.
        let Some(flag) = queue.flags.get(&id) else { return };
        flag.store(true, Ordering::Relaxed);
        match queue.waiting.iter().position(|job| job.id == id).and_then(|at| queue.waiting.remove(at)) {
            Some(job) => {
                drop(queue);
                self.finish(&job, cancelled(&job.body));
            }
            None => {
                // It may rest, and nobody else be there. Under the lock, so that no waiting thread misses it.
                self.interrupt.store(true, Ordering::Relaxed);
                self.arrived.notify_all();
            }
        }
    }

    /// A broken wire means that the daemon is gone, so there is nobody left to work for.
    fn noticed(&self, sent: Result<(), WireError>) {
        match sent {
            Ok(()) => {}
            Err(WireError::Io(error)) => {
                tracing::debug!(%error, "the daemon closed the wire");
                self.close();
            }
            Err(error) => tracing::error!(%error, "a reply could not be sent"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_urgent(queue: &mut Queue) -> Option<Job> {
    let at = queue.waiting.iter().position(Job::is_urgent)?;
    queue.waiting.remove(at)
}

/// The last reply to a request that its caller cancelled.
pub fn cancelled(body: &ModelRequest) -> ModelReply {
    match body {
        ModelRequest::Generate(_) => {
            ModelReply::Done { finish: Finish::Cancelled, usage: Usage::default(), logprobs: Vec::new() }
        }
        _ => ModelReply::Failed(EngineError::Inference("the request was cancelled".into())),
    }
}

/// Takes messages until the daemon closes the wire.
pub fn read_requests(mut requests: Requests<ModelRequest>, wire: &Wire) {
    loop {
        match requests.receive() {
            Ok(Some(ToHost::Request { id, body })) => wire.push(id, body),
            Ok(Some(ToHost::Cancel { id })) => wire.cancel(id),
            Ok(Some(ToHost::Shutdown) | None) => break,
            Err(error) => {
                tracing::error!(%error, "the daemon sent something that is no request");
                break;
            }
        }
    }
    wire.close();
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hob_link::wire::{FromHost, read_frame};
    use std::os::unix::net::UnixStream;

    fn wire() -> (Wire, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (_, replier) = hob_link::host::over::<ModelRequest, ModelReply>(ours, "model").unwrap();
        (Wire::new(replier), theirs)
    }

    fn embed(interactive: bool) -> ModelRequest {
        ModelRequest::Embed { texts: vec!["a".into()], interactive }
    }

    #[test]
    fn urgent_requests_come_first_and_the_rest_in_order() {
        let (wire, _other) = wire();
        wire.push(1, embed(false));
        wire.push(2, embed(false));
        wire.push(3, embed(true));
        assert_eq!(wire.next().unwrap().id, 3);
        assert_eq!(wire.next().unwrap().id, 1);
        wire.push(4, ModelRequest::CountTokens { text: "x".into() });
        assert_eq!(wire.next().unwrap().id, 4);
        assert_eq!(wire.next().unwrap().id, 2);
    }

    #[test]
    fn too_many_waiting_requests_are_refused() {
        let (wire, mut other) = wire();
        for id in 0..=MOST_WAITING as u64 {
            wire.push(id, embed(false));
        }
        let _hello: FromHost<ModelReply> = read_frame(&mut other).unwrap().unwrap();
        let refused: FromHost<ModelReply> = read_frame(&mut other).unwrap().unwrap();
        assert!(matches!(
            refused,
            FromHost::Reply { id: 64, last: true, body: ModelReply::Failed(EngineError::Busy(64)) }
        ));
    }

    #[test]
    fn a_cancelled_request_gets_its_last_reply_whether_it_waits_or_runs() {
        let (wire, mut other) = wire();
        wire.push(1, ModelRequest::Generate(Default::default()));
        wire.push(2, ModelRequest::Generate(Default::default()));
        let running = wire.next().unwrap();
        wire.cancel(1);
        assert!(running.is_cancelled());
        wire.cancel(2);
        wire.cancel(99);
        let _hello: FromHost<ModelReply> = read_frame(&mut other).unwrap().unwrap();
        let reply: FromHost<ModelReply> = read_frame(&mut other).unwrap().unwrap();
        assert!(matches!(
            reply,
            FromHost::Reply { id: 2, last: true, body: ModelReply::Done { finish: Finish::Cancelled, .. } }
        ));
        wire.close();
        assert!(wire.next().is_none());
    }
}
