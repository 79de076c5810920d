//! Whose turn it is to load, when the models that answer would never all be idle.
//!
//! A load waits until a model that can go has nobody to answer. With enough callers that moment never
//! comes: each request begins before another ends. So a load that has waited for a while gets its turn:
//! requests for other models begin after it.
//!
//! Owns: the one turn. Must not know: what is loaded, and how room is made.

use std::time::Duration;
use tokio::sync::watch;

/// So long a request gives way at most. One that is part of a longer piece of work, whose other
/// model the load waits for, would otherwise wait for itself.
const GIVE_WAY: Duration = Duration::from_secs(10);

/// The turn, which at most one model has: its id.
pub(super) struct Turn(watch::Sender<Option<String>>);

/// The turn is somebody's while this lives.
pub(super) struct Taken<'a>(&'a Turn);

impl Default for Turn {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Turn {
    /// Takes the turn for a model; `None` while another has it.
    pub fn take(&self, id: &str) -> Option<Taken<'_>> {
        let taken = self.0.send_if_modified(|holder| {
            let is_free = holder.is_none();
            if is_free {
                *holder = Some(id.to_owned());
            }
            is_free
        });
        taken.then(|| Taken(self))
    }

    /// Waits while another model than this has the turn, but not for ever.
    pub async fn give_way(&self, id: &str) {
        let mut holder = self.0.subscribe();
        let mine = holder.wait_for(|holder| holder.as_deref().is_none_or(|other| other == id));
        // Late or not, the request goes on: it then waits for its own load at worst.
        let _in_time = tokio::time::timeout(GIVE_WAY, mine).await.is_ok();
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.0.send_replace(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_the_turn_and_the_others_begin_after_it() {
        let turn = Turn::default();
        turn.give_way("small").await;
        let taken = turn.take("large").expect("nobody has it");
        assert!(turn.take("small").is_none());
        // The model that loads takes requests.
        turn.give_way("large").await;
        let small = turn.give_way("small");
        tokio::pin!(small);
        assert!(tokio::time::timeout(Duration::from_millis(10), &mut small).await.is_err());
        drop(taken);
        small.await;
        assert!(turn.take("small").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_gives_way_for_ever() {
        let turn = Turn::default();
        let _taken = turn.take("large").expect("nobody has it");
        let begin = tokio::time::Instant::now();
        turn.give_way("small").await;
        assert_eq!(begin.elapsed().as_secs(), GIVE_WAY.as_secs());
    }
}
