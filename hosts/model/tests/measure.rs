//! Measurements and quantization through the real process.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CHAT, EMBEDDING, ModelHost, model, start};
use hob_engine::measure::{MeasureSpec, Measured, Measurement, Question};
use hob_engine::{EngineError, LoadSpec, ModelReply, ModelRequest, Role};
use std::path::Path;

async fn measure(host: &ModelHost, path: &Path, context: u32, what: Measurement) -> Result<Measured, EngineError> {
    let load = LoadSpec { path: path.into(), context, role: Role::Chat, ..LoadSpec::default() };
    let mut replies = host.request(ModelRequest::Measure(MeasureSpec { load, what })).await.unwrap();
    loop {
        match replies.next().await.unwrap().unwrap() {
            ModelReply::Progress(share) => assert!((0.0..=1.0).contains(&share)),
            ModelReply::Measured(measured) => return Ok(measured),
            ModelReply::Failed(error) => return Err(error),
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn text(window: u32, text: &str) -> Measurement {
    Measurement::Perplexity { text: text.into(), window }
}

fn question(prompt: &str, answers: &[&str]) -> Question {
    Question { prompt: prompt.into(), answers: answers.iter().map(ToString::to_string).collect() }
}

async fn nll(host: &ModelHost, path: &Path, window: u32, of: &str) -> (u64, f64) {
    match measure(host, path, 1_024, text(window, of)).await.unwrap() {
        Measured::Perplexity { tokens, nll } => (tokens, nll),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_is_as_likely_as_its_text() {
    let Some(path) = model(CHAT) else { return };
    let host = start().await;
    let (head, tail) =
        ("The", " quick brown fox jumps over the lazy dog, and then it rests in the shade of an old tree.");
    let (tokens, whole) = nll(&host, &path, 512, &format!("{head}{tail}")).await;
    // Twice the same question, and once after another one: nothing is left behind in the context.
    let asked = [
        question(head, &[tail, " Antarctica"]),
        question(head, &[tail]),
        question("Once upon a", &[" time", " fridge"]),
        question(head, &[tail]),
    ];
    let Measured::Choices(found) = measure(&host, &path, 1_024, Measurement::Choices(asked.to_vec())).await.unwrap()
    else {
        panic!("no choices")
    };
    assert!(tokens > 15);
    for row in [&found[0], &found[1], &found[3]] {
        assert!((row[0] + whole).abs() < 0.05, "{row:?} is not {whole} over {tokens} tokens");
    }
    assert!(found[2][0] > found[2][1] + 3.0, "{:?}", found[2]);
}

#[tokio::test]
async fn sense_is_less_perplexing_than_nonsense() {
    let Some(path) = model(CHAT) else { return };
    let host = start().await;
    let story =
        "A long time ago there was a small village by the sea. The people who lived there went out in their boats \
                 every morning and came back every evening with their nets full of fish. "
            .repeat(6);
    let mut words: Vec<&str> = story.split(' ').collect();
    words.sort_unstable_by_key(|word| (word.len() * 7 + word.bytes().map(usize::from).sum::<usize>()) % 13);
    let (tokens, sense) = nll(&host, &path, 64, &story).await;
    let (others, nonsense) = nll(&host, &path, 64, &words.join(" ")).await;
    let mean = |nll: f64, tokens: u64| nll / tokens as f64;
    assert!(tokens > 90, "the second halves of the windows: {tokens}");
    assert!(mean(sense, tokens) < mean(nonsense, others), "{sense} over {tokens}, {nonsense} over {others}");
    // A window may be as long as the context, and one text may be one window.
    let (one, _) = nll(&host, &path, 100_000, &story).await;
    assert!(one > 200, "{one}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let (Some(path), Some(embedding)) = (model(CHAT), model(EMBEDDING)) else { return };
    let host = start().await;
    let refused = async |path: &Path, context, what| measure(&host, path, context, what).await.unwrap_err().to_string();
    assert!(refused(&path, 512, text(512, "")).await.contains("too short"));
    assert!(refused(&embedding, 512, text(512, "a b c")).await.contains("no chat model"));
    assert!(refused(&path, 512, Measurement::Choices(vec![question("", &["a"])])).await.contains("empty"));
    assert!(refused(&path, 512, Measurement::Choices(vec![question("a", &[""])])).await.contains("empty"));
    let long = "word ".repeat(600);
    assert!(
        refused(&path, 512, Measurement::Choices(vec![question(&long, &["a"])])).await.contains("context holds 512")
    );
    let speed = Measurement::Speed { prompt_tokens: 500, answer_tokens: 100, rounds: 1 };
    assert!(refused(&path, 512, speed).await.contains("context holds 512"));
    assert!(refused(Path::new("/no/such.gguf"), 512, text(512, "a b c")).await.contains("/no/such.gguf"));
}

#[tokio::test]
async fn a_file_has_its_name_only_when_it_is_whole() {
    let Some(path) = model(CHAT) else { return };
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("small.gguf");
    let what = |format: &str| Measurement::Quantize { to: to.clone(), format: format.into(), requantize: true };
    let host = start().await;
    let load = LoadSpec { path: path.clone(), ..LoadSpec::default() };
    let mut replies = host.request(ModelRequest::Measure(MeasureSpec { load, what: what("Q4_0") })).await.unwrap();
    assert!(matches!(replies.next().await, Ok(Some(ModelReply::Progress(_)))));
    host.kill().await;
    assert!(!to.exists(), "part of a file has the final name");
    let host = start().await;
    let error = measure(&host, &path, 0, what("Q1_X")).await.unwrap_err().to_string();
    assert!(error.contains("there is no format Q1_X"), "{error}");
    let Measured::Quantized(bytes) = measure(&host, &path, 0, what("Q4_0")).await.unwrap() else { panic!("no file") };
    assert_eq!(std::fs::metadata(&to).unwrap().len(), bytes);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["small.gguf"], "the part of the killed one was taken over");
    let (_, whole) = nll(&host, &to, 512, "The quick brown fox jumps over the lazy dog.").await;
    assert!(whole.is_finite() && whole > 0.0);
}
