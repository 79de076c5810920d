//! The supervisor against children that die, lie, flood and hang.

use hob_link::supervisor::{Host, HostSpec, LinkError, Supervisor};
use std::path::PathBuf;
use std::time::Duration;

type Saboteur = Host<String, String>;

fn spec(how: &str) -> HostSpec {
    let mut program: PathBuf = std::env::current_exe().expect("this test's path");
    program.pop();
    program.pop();
    HostSpec { kind: "saboteur", program: program.join("examples/saboteur"), args: vec![how.into()] }
}

async fn spawn(how: &str) -> Result<Saboteur, LinkError> {
    Saboteur::spawn(&spec(how)).await
}

#[tokio::test]
async fn requests_are_answered_in_order_and_side_by_side() {
    let host = spawn("").await.expect("a host");
    assert_eq!(host.ask("hello".into()).await.expect("a reply"), "HELLO");
    let (a, b) = tokio::join!(host.ask("a".into()), host.ask("b".into()));
    assert_eq!((a.expect("a").as_str(), b.expect("b").as_str()), ("A", "B"));
    let mut replies = host.request("three".into()).await.expect("a request");
    let mut seen = Vec::new();
    while let Some(reply) = replies.next().await.expect("a reply") {
        seen.push(reply);
    }
    assert_eq!(seen, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_death_ends_every_waiting_request_and_says_how() {
    let host = spawn("").await.expect("a host");
    let mut waiting = host.request("never".into()).await.expect("a request");
    assert!(matches!(host.ask("die".into()).await, Err(LinkError::Died { how, .. }) if how == "signal 6"));
    assert!(matches!(waiting.next().await, Err(LinkError::Died { .. })));
    assert!(!host.is_alive());
    assert!(matches!(host.ask("more".into()).await, Err(LinkError::Died { .. })));
}

#[tokio::test]
async fn a_child_that_is_ended_for_its_memory_says_so_to_all_who_wait() {
    let host = spawn("").await.expect("a host");
    let mut waiting = host.request("never".into()).await.expect("a request");
    host.reclaim("memory was short; ask again".into()).await;
    let told =
        |error| matches!(error, LinkError::OutOfMemory { because, .. } if because == "memory was short; ask again");
    assert!(told(waiting.next().await.expect_err("ended")));
    assert!(!host.is_alive());
    assert!(told(host.ask("more".into()).await.expect_err("it is gone")));
}

#[tokio::test]
async fn strangers_and_liars_are_refused_at_hello() {
    for how in ["early", "garbage", "stranger"] {
        assert!(matches!(spawn(how).await, Err(LinkError::Hello { .. })), "{how}");
    }
    let missing = HostSpec { program: "/nonexistent/host".into(), ..spec("") };
    assert!(matches!(Saboteur::spawn(&missing).await, Err(LinkError::Spawn { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_silent_child_is_given_up() {
    assert!(matches!(spawn("silent").await, Err(LinkError::Hello { reason, .. }) if reason.contains("no hello")));
}

#[tokio::test]
async fn a_dropped_request_is_cancelled_in_the_child() {
    let host = spawn("").await.expect("a host");
    drop(host.request("never".into()).await.expect("a request"));
    assert_eq!(host.ask("cancelled".into()).await.expect("a reply"), "[1]");
}

#[tokio::test]
async fn a_flood_that_nobody_reads_costs_only_its_own_request() {
    let host = spawn("").await.expect("a host");
    let mut unread = host.request("flood".into()).await.expect("a request");
    // The reply behind the flood arrives, so the flood did not block the wire.
    assert_eq!(host.ask("after".into()).await.expect("a reply"), "AFTER");
    let stalled = loop {
        match unread.next().await {
            Ok(reply) => assert!(reply.is_some_and(|n| n != "4999"), "the queue is bounded"),
            Err(error) => break error,
        }
    };
    assert!(matches!(stalled, LinkError::Stalled));
}

#[tokio::test]
async fn stopping_ends_the_process() {
    let host = spawn("").await.expect("a host");
    let pid = host.pid();
    host.stop(Duration::from_secs(5)).await;
    assert!(!PathBuf::from(format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn a_child_that_keeps_dying_rests() {
    let supervisor: Supervisor<String, String> = Supervisor::new(spec(""));
    for _ in 0..4 {
        let host = supervisor.host().await.expect("a host");
        assert!(host.ask("die".into()).await.is_err());
    }
    assert!(matches!(supervisor.host().await, Err(LinkError::Quarantined { .. })));
}
