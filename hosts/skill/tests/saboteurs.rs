//! Skills that do the worst: the daemon's end gets a clear error each time, and never hangs.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Running, c_skill, compile, death, failure};
use hob_link::skill::{SkillReply, SkillRequest};
use hob_link::supervisor::LinkError;
use std::time::Duration;

/// Loads a skill with that `call` and calls it once.
async fn called(body: &str) -> (Running, Result<SkillReply, LinkError>) {
    let running = Running::start().await;
    running.load_c(&c_skill(body)).await.unwrap();
    let reply = running.call("Any", "{}").await;
    (running, reply)
}

/// Loads the C skill after a change to its source.
async fn refused(from: &str, to: &str) -> String {
    let source = c_skill("return 0;");
    assert!(source.contains(from), "{from} is not in the source");
    failure(Running::start().await.load_c(&source.replace(from, to)).await)
}

#[tokio::test]
async fn another_abi_version_is_refused() {
    let newer = refused("HOB_SKILL_ABI_VERSION, sizeof", "2, sizeof").await;
    assert_eq!(newer, "the skill speaks version 2 of the skill ABI and this hob version 1; update hob");
    let older = refused("HOB_SKILL_ABI_VERSION, sizeof", "0, sizeof").await;
    assert!(older.ends_with("update the skill"), "{older}");
}

#[tokio::test]
async fn broken_tables_are_refused() {
    assert!(refused("*hob_skill_entry(void)", "*other_entry(void)").await.contains("does not export hob_skill_entry"));
    assert!(refused("return &table;", "(void)table; return 0;").await.contains("returned NULL"));
    assert!(refused("sizeof(hob_skill_table),", "8,").await.contains("smaller than hob_skill_table"));
    assert!(refused("create, call, free", "create, 0, free").await.contains("a function is NULL"));
    assert!(refused("\"org.example.c\"", "0").await.contains("id is no short UTF-8 text"));
    assert!(refused("\"0.9.1\"", "\"\\xff\"").await.contains("version is no short UTF-8 text"));
    let other = refused("\"org.example.c\"", "\"org.example.other\"").await;
    assert!(other.contains("skill.toml says org.example.c but the library says org.example.other"), "{other}");
}

#[tokio::test]
async fn a_create_that_fails_is_reported() {
    assert!(refused("return copy(context);", "return 0;").await.ends_with("it gave no reason"));
    let said = refused("return copy(context);", "*error = copy(\"no \\\"json\\\"\"); return 0;").await;
    assert!(said.contains("did not start"), "{said}");
}

#[tokio::test]
async fn what_is_no_result_is_refused() {
    for (body, says) in [
        ("return 0;", "returned NULL"),
        ("return copy(\"garbage\");", "expected value"),
        ("return copy(\"3\");", "invalid type"),
        ("return copy(\"{}\");", "missing field `status`"),
        ("return copy(\"{\\\"status\\\":\\\"success\\\",\\\"x\\\":1}\");", "unknown field `x`"),
        ("return copy(\"\\xc3\\x28\");", "not UTF-8"),
        (
            "char *deep = calloc(1, 210000); strcpy(deep, \"{\\\"status\\\":\\\"success\\\",\\\"data\\\":\"); size_t at = strlen(deep); memset(deep + at, '[', 100000); memset(deep + at + 100000, ']', 100000); deep[at + 200000] = '}'; return deep;",
            "recursion limit",
        ),
        (
            "char *flood = malloc(9 << 20); if (flood) { memset(flood, 'x', 9 << 20); flood[(9 << 20) - 1] = 0; } return flood;",
            "longer than 8388608 bytes",
        ),
    ] {
        let (running, reply) = called(body).await;
        let why = failure(reply);
        assert!(why.starts_with("org.example.c gave no valid result: ") && why.contains(says), "{body}: {why}");
        assert!(running.host.is_alive(), "{body}");
    }
}

#[tokio::test]
async fn deaths_are_reported_with_their_cause() {
    for (body, how) in [
        ("abort();", "signal 6"),
        ("exit(3);", "exit status 3"),
        ("*(volatile int *)0 = 1; return 0;", "signal 11"),
        ("kill_self: raise(9); goto kill_self;", "signal 9"),
    ] {
        let source = format!("extern int raise(int); {body}");
        let (running, reply) = called(&source).await;
        assert_eq!(death(reply), how, "{body}");
        assert!(!running.host.is_alive());
        assert!(matches!(running.call("Any", "{}").await, Err(LinkError::Died { .. })));
    }
}

#[tokio::test]
async fn a_constructor_that_exits_ends_the_load_only() {
    let running = Running::start().await;
    let source = c_skill("return 0;") + "\n__attribute__((constructor)) static void early(void) { _exit(7); }\n";
    assert_eq!(death(running.load_c(&source).await), "exit status 7");
}

#[tokio::test]
async fn a_hang_is_ended_by_the_daemon() {
    let running = Running::start().await;
    running.load_c(&c_skill("for (;;) pause();")).await.unwrap();
    let call = SkillRequest::Call { intent: "Any".into(), arguments: "{}".into(), context: String::new() };
    let mut replies = running.host.request(call).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(300), replies.next()).await;
    assert!(waited.is_err(), "a hang gives no reply");
    running.host.kill().await;
    assert!(matches!(replies.next().await, Err(LinkError::Died { .. })));
}

#[tokio::test]
async fn a_hang_does_not_outlive_the_daemon() {
    let running = Running::start().await;
    running.load_c(&c_skill("for (;;) pause();")).await.unwrap();
    let pid = running.host.pid();
    // Shutting down can't end a call that hangs; the grace period does.
    let call = SkillRequest::Call { intent: "Any".into(), arguments: "{}".into(), context: String::new() };
    let replies = running.host.request(call).await.unwrap();
    running.host.stop(Duration::from_millis(300)).await;
    drop(replies);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the host is reaped");
}

#[tokio::test]
async fn a_glutton_dies_alone() {
    let (running, reply) =
        called("for (;;) { char *more = malloc(64 << 20); if (!more) abort(); memset(more, 1, 64 << 20); }").await;
    assert_eq!(death(reply), "signal 6");
    drop(running);
}

#[tokio::test]
async fn a_skill_that_writes_to_every_descriptor_breaks_its_own_wire_only() {
    let body = "for (int fd = 3; fd < 64; fd++) { if (write(fd, \"garbage!\", 8) < 0) continue; } return copy(\"{\\\"status\\\":\\\"success\\\"}\");";
    let (running, reply) = called(body).await;
    match reply {
        Err(LinkError::Died { how, .. }) => assert!(how.contains("broke the protocol"), "{how}"),
        other => panic!("garbage on the wire must end the child, got {other:?}"),
    }
    assert!(!running.host.is_alive());
}

#[tokio::test]
async fn the_library_of_another_skill_is_refused() {
    let running = Running::start().await;
    let library = compile(running.folder.path(), &c_skill("return 0;"));
    let why = failure(running.load(&library, "org.example.mine").await);
    assert!(why.contains("skill.toml says org.example.mine but the library says org.example.c"), "{why}");
}
