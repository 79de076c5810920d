//! Many requests at once, through the real process: who goes first, what is shared, what is kept.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Answer, CHAT, ModelHost, ask, collect, generate, load, loaded, model, start};
use hob_engine::{
    CacheSpec, EngineError, Finish, GenerateSpec, LoadSpec, Message, ModelReply, ModelRequest, Persist, Priority, Role,
};
use std::path::Path;
use std::time::Duration;

async fn begin(host: &ModelHost, spec: GenerateSpec) -> impl Future<Output = Result<Answer, EngineError>> + use<> {
    let replies = host.request(ModelRequest::Generate(spec)).await.unwrap();
    async { collect(replies).await.unwrap() }
}

fn background(text: &str, max_tokens: u32) -> GenerateSpec {
    GenerateSpec { priority: Priority::Background, max_tokens, ..ask(text) }
}

#[tokio::test]
async fn several_answers_are_written_at_once() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let mut running = Vec::new();
    for question in ["Why is the sky blue?", "Name three fruits.", "What is a lighthouse?", "Tell me a story."] {
        running.push(begin(&host, ask(question)).await);
    }
    for answer in running {
        let answer = answer.await.unwrap();
        assert!(answer.text.len() > 10 && answer.usage.completion_tokens > 3, "{answer:?}");
    }
    // What they left behind does no harm.
    assert!(generate(&host, ask("Why is the sky blue?")).await.unwrap().text.len() > 40);
}

async fn limit(host: &ModelHost, background: bool) {
    let limited = host.ask(ModelRequest::Limits { threads: 0, background }).await.unwrap();
    assert!(matches!(limited, ModelReply::Limited));
}

#[tokio::test]
async fn held_background_work_rests_and_goes_on_and_can_be_cancelled() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let mut held = host.request(ModelRequest::Generate(background("Count to 1000.", 40))).await.unwrap();
    assert!(matches!(held.next().await, Ok(Some(ModelReply::Delta(_)))));
    limit(&host, false).await;
    // One that comes later rests too, and whoever waits is served.
    let late = begin(&host, background("Name a fruit.", 4)).await;
    let dropped = host.request(ModelRequest::Generate(background("Name a tree.", 4))).await.unwrap();
    let served = generate(&host, GenerateSpec { max_tokens: 30, ..ask("Why is the sky blue?") }).await.unwrap();
    assert!(served.usage.completion_tokens > 10, "{served:?}");
    drop(dropped);
    let mut late = Box::pin(late);
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut late).await.is_err(), "it rests");
    limit(&host, true).await;
    assert!(late.await.unwrap().usage.completion_tokens > 0);
    let went_on = collect(held).await.unwrap().unwrap();
    assert!(went_on.finish != Finish::Cancelled && went_on.usage.completion_tokens > 1, "{went_on:?}");
}

#[tokio::test]
async fn somebody_who_waits_goes_before_background_work() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let mut slow = Vec::new();
    for i in 0..4 {
        slow.push(begin(&host, background(&format!("Count from {i} to 1000."), 150)).await);
    }
    // All four wait for their first token or write already; the question comes last and is answered first.
    let question = begin(&host, GenerateSpec { max_tokens: 12, ..ask("Name a fruit.") }).await;
    let mut slow = Box::pin(async {
        let mut answers = Vec::new();
        for answer in slow {
            answers.push(answer.await.unwrap());
        }
        answers
    });
    tokio::select! {
        answer = question => assert!(answer.unwrap().usage.completion_tokens > 0),
        _ = &mut slow => panic!("background work was finished before the question"),
    }
    let answers = slow.await;
    assert!(answers.iter().any(|answer| answer.usage.preempted > 0), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.usage.completion_tokens > 1), "{answers:?}");
}

#[tokio::test]
async fn a_cancel_ends_one_answer_and_not_the_others() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let kept = begin(&host, GenerateSpec { max_tokens: 60, ..ask("Tell me a story.") }).await;
    let replies = host.request(ModelRequest::Generate(GenerateSpec { max_tokens: 0, ..ask("Count to 1000.") })).await;
    drop(replies.unwrap());
    let kept = kept.await.unwrap();
    assert!(matches!(kept.finish, Finish::Length | Finish::Stop) && kept.text.len() > 40, "{kept:?}");
}

#[tokio::test]
async fn who_does_not_fit_makes_way_and_comes_back() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 256).await else { return };
    let mut running = Vec::new();
    for i in 0..4 {
        running.push(begin(&host, background(&format!("Tell me a long story with {i} heroes."), 120)).await);
    }
    let mut made_way = 0;
    for answer in running {
        let answer = answer.await.unwrap();
        assert!(answer.usage.completion_tokens > 40, "{answer:?}");
        made_way += answer.usage.preempted;
    }
    // 4 x (40 + 120) tokens in 256 cells.
    assert!(made_way > 0);
}

#[tokio::test]
async fn a_shared_beginning_is_evaluated_once() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let long = "You know these skills. ".repeat(60);
    let spec = |question: &str| {
        let messages = vec![Message::new("system", long.clone()), Message::new("user", question)];
        GenerateSpec { messages, max_tokens: 4, persist: Persist::System, ..GenerateSpec::default() }
    };
    let first = generate(&host, spec("What time is it?")).await.unwrap().usage;
    assert!(first.prompt_tokens > 300 && first.cached_tokens == 0, "{first:?}");
    let mut both = Vec::new();
    for question in ["Set a timer.", "Who are you?", "What can you do for me today?"] {
        both.push(begin(&host, spec(question)).await);
    }
    for answer in both {
        let usage = answer.await.unwrap().usage;
        assert!(usage.prompt_tokens - usage.cached_tokens < 30, "{usage:?}");
    }
}

#[tokio::test]
async fn who_comes_at_the_same_time_waits_for_the_beginning_that_all_share() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let list = "The skill \"clock\" sets timers and says the time; the skill \"files\" finds files. ".repeat(16);
    let mut running = Vec::new();
    for question in ["What time is it?", "Where is my letter?", "Set a timer."] {
        let spec = ask(question);
        let messages = [vec![Message::new("system", &list)], spec.messages.clone()].concat();
        running.push(begin(&host, GenerateSpec { messages, max_tokens: 4, ..spec }).await);
    }
    let (mut prompts, mut read) = (0, 0);
    for answer in running {
        let usage = answer.await.unwrap().usage;
        prompts += usage.prompt_tokens;
        read += usage.prompt_tokens - usage.cached_tokens;
    }
    assert!(prompts > 900 && read < prompts / 2, "{read} of {prompts} were evaluated");
}

#[tokio::test]
async fn who_waits_for_a_beginning_goes_on_when_its_reader_has_ended() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 0).await else { return };
    let list = "The skill \"clock\" sets timers and says the time; the skill \"files\" finds files. ".repeat(16);
    let spec = |question: &str| {
        let messages = vec![Message::new("system", &list), Message::new("user", question)];
        // The reader of the beginning ends in the step that ends its prompt.
        GenerateSpec { messages, max_tokens: 1, ..ask(question) }
    };
    let first = begin(&host, spec("What time is it?")).await;
    let second = begin(&host, spec("Where is my letter?")).await;
    first.await.unwrap();
    let second = tokio::time::timeout(Duration::from_secs(60), second).await.expect("it goes on").unwrap();
    assert!(second.usage.cached_tokens > 300, "{second:?}");
}

async fn with_cache(path: &Path, folder: &Path) -> ModelHost {
    let host = start().await;
    let cache = CacheSpec {
        memory_bytes: 64 << 20,
        folder: Some(folder.to_path_buf()),
        disk_bytes: 256 << 20,
        fingerprint: "test".into(),
    };
    let spec = LoadSpec { path: path.to_path_buf(), cache, ..LoadSpec::default() };
    load(&host, spec).await.unwrap();
    host
}

fn conversation(persist: Persist) -> GenerateSpec {
    let messages = vec![
        Message::new("system", "You are a lighthouse keeper. ".repeat(30)),
        Message::new("user", "The fog is thick. ".repeat(20) + "What do you do?"),
    ];
    GenerateSpec { messages, max_tokens: 8, logprobs: Some(3), persist, ..GenerateSpec::default() }
}

/// Whether two answers begin from the same state. Sums are rounded differently by other batches and other processors,
/// and where two tokens are about equally likely that changes the words; it does not change how likely they are.
fn begin_alike(a: &Answer, b: &Answer) -> bool {
    let (a, b) = (&a.logprobs[0].top, &b.logprobs[0].top);
    a.iter().all(|(token, logprob)| match b.iter().find(|(other, _)| other == token) {
        Some((_, other)) => (logprob - other).abs() < 0.1,
        None => b.last().is_some_and(|(_, least)| logprob - least < 0.1),
    })
}

#[tokio::test]
async fn a_conversation_goes_on_after_its_process_has_ended() {
    let Some(path) = model(CHAT) else { return };
    let folder = tempfile::tempdir().unwrap();
    let host = with_cache(&path, folder.path()).await;
    let first = generate(&host, conversation(Persist::Conversation)).await.unwrap();
    host.stop(Duration::from_secs(10)).await;

    let host = with_cache(&path, folder.path()).await;
    let mut next = conversation(Persist::Conversation);
    next.messages.push(Message::new("assistant", &*first.text));
    next.messages.push(Message::new("user", "And then?"));
    let second = generate(&host, next).await.unwrap().usage;
    assert!(second.cached_tokens >= first.usage.prompt_tokens - 2, "{second:?} after {:?}", first.usage);
    // The same question gives the same answer, whether its prompt was evaluated or fetched.
    let fetched = generate(&host, conversation(Persist::Conversation)).await.unwrap();
    assert!(begin_alike(&fetched, &first), "{fetched:?} after {first:?}");
    host.stop(Duration::from_secs(10)).await;

    // Damage costs the time to evaluate it again, and nothing else.
    for file in files(folder.path()) {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        std::fs::write(&file, bytes).unwrap();
    }
    let host = with_cache(&path, folder.path()).await;
    let again = generate(&host, conversation(Persist::Conversation)).await.unwrap();
    assert_eq!(again.usage.cached_tokens, 0);
    assert!(begin_alike(&again, &first), "{again:?} after {first:?}");
}

#[tokio::test]
async fn what_comes_back_with_a_model_changes_no_other_answer() {
    let Some(path) = model(CHAT) else { return };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let host = with_cache(&path, folders[0].path()).await;
    generate(&host, conversation(Persist::Conversation)).await.unwrap();
    host.stop(Duration::from_secs(10)).await;
    let mut answers = Vec::new();
    for folder in folders {
        let host = with_cache(&path, folder.path()).await;
        let messages = vec![Message::new("user", "Name three colours of the sea, and say why you like them.")];
        let spec = GenerateSpec { messages, max_tokens: 8, logprobs: Some(3), ..GenerateSpec::default() };
        answers.push(generate(&host, spec).await.unwrap());
        host.stop(Duration::from_secs(10)).await;
    }
    assert!(begin_alike(&answers[0], &answers[1]), "{answers:?}");
}

#[tokio::test]
async fn what_is_private_is_not_written_to_disk() {
    let Some(path) = model(CHAT) else { return };
    for (persist, expected) in [(Persist::Nothing, false), (Persist::System, true)] {
        let folder = tempfile::tempdir().unwrap();
        let host = with_cache(&path, folder.path()).await;
        let first = generate(&host, conversation(persist)).await.unwrap().usage;
        host.stop(Duration::from_secs(10)).await;
        assert_eq!(!files(folder.path()).is_empty(), expected, "{persist:?}");
        for file in files(folder.path()) {
            let bytes = std::fs::read(&file).unwrap();
            let holds = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
            assert!(holds(b"lighthouse keeper") && !holds(b"fog"), "the text of the system message, and no more");
        }
        let host = with_cache(&path, folder.path()).await;
        let second = generate(&host, conversation(persist)).await.unwrap().usage;
        // The system message is about six tokens thirty times; the question follows it.
        let cached = second.cached_tokens;
        assert!(if expected { cached > 150 && cached + 80 < first.prompt_tokens } else { cached == 0 }, "{second:?}");
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn token_probabilities_are_reported_when_asked_for() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 512).await else { return };
    let quiet = generate(&host, ask("Name a fruit.")).await.unwrap();
    assert!(quiet.logprobs.is_empty());
    let spec = GenerateSpec { logprobs: Some(3), ..ask("Name a fruit.") };
    let told = generate(&host, spec).await.unwrap();
    assert_eq!(told.logprobs.len(), told.usage.completion_tokens as usize);
    for token in &told.logprobs {
        assert!(token.logprob <= 0.0 && token.top.len() == 3 && token.top[0].1 >= token.top[1].1, "{token:?}");
    }
    // Without a penalty in play, greedy takes the most likely token.
    assert_eq!(told.logprobs[0].text, told.logprobs[0].top[0].0);
    let too_many = GenerateSpec { logprobs: Some(200), ..ask("x") };
    assert!(matches!(generate(&host, too_many).await, Err(EngineError::InvalidArgument(_))));
}

#[tokio::test]
async fn too_many_requests_are_refused_and_the_rest_are_answered() {
    let Some((host, _)) = loaded(CHAT, Role::Chat, 512).await else { return };
    let mut running = Vec::new();
    for i in 0..200 {
        running.push(begin(&host, GenerateSpec { max_tokens: 2, ..ask(&format!("{i}?")) }).await);
    }
    let (mut answered, mut busy) = (0, 0);
    for answer in running {
        match answer.await {
            Ok(_) => answered += 1,
            Err(EngineError::Busy(_)) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(answered >= 32 && busy > 0, "{answered} answered, {busy} refused");
}
