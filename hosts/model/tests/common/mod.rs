//! Starting the real host and talking to it as the daemon does.
#![allow(clippy::unwrap_used, dead_code)]

use hob_engine::{
    EngineError, Finish, GenerateSpec, LoadSpec, Message, ModelInfo, ModelReply, ModelRequest, Role, TokenLogprob,
    ToolCall, Usage,
};
use hob_link::supervisor::{Host, HostSpec, LinkError, Replies};
use std::path::PathBuf;

pub const CHAT: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
pub const EMBEDDING: &str = "all-MiniLM-L6-v2.F16.gguf";

pub type ModelHost = Host<ModelRequest, ModelReply>;

/// A fresh host without a model.
pub async fn start() -> ModelHost {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_hob-model-host"));
    Host::spawn(&HostSpec { kind: "model", program, args: Vec::new() }).await.unwrap()
}

/// The path of a test model, or `None` with a loud line when there are none on this machine.
pub fn model(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("HOB_TEST_MODELS").map(|folder| PathBuf::from(folder).join(name));
    if path.is_none() {
        eprintln!("SKIPPED: HOB_TEST_MODELS is not set to a folder with {name}");
    }
    path
}

/// A host with a loaded model.
pub async fn loaded(name: &str, role: Role, context: u32) -> Option<(ModelHost, ModelInfo)> {
    let path = model(name)?;
    let host = start().await;
    let info = load(&host, LoadSpec { path, role, context, ..LoadSpec::default() }).await.unwrap();
    Some((host, info))
}

pub async fn load(host: &ModelHost, spec: LoadSpec) -> Result<ModelInfo, EngineError> {
    let mut replies = host.request(ModelRequest::Load(spec)).await.unwrap();
    let mut share = 0.0;
    loop {
        match replies.next().await.unwrap().unwrap() {
            ModelReply::Progress(next) => {
                assert!((share..=1.0).contains(&next), "{next} after {share}");
                share = next;
            }
            ModelReply::Loaded(info) => return Ok(info),
            ModelReply::Failed(error) => return Err(error),
            other => panic!("unexpected {other:?}"),
        }
    }
}

pub fn ask(text: &str) -> GenerateSpec {
    let messages = vec![Message::new("user", text)];
    GenerateSpec { messages, max_tokens: 48, ..GenerateSpec::default() }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
    pub pieces: usize,
    pub finish: Finish,
    pub usage: Usage,
    pub logprobs: Vec<TokenLogprob>,
    pub reasoning: String,
    pub calls: Vec<ToolCall>,
}

pub async fn generate(host: &ModelHost, spec: GenerateSpec) -> Result<Answer, EngineError> {
    let replies = host.request(ModelRequest::Generate(spec)).await.unwrap();
    collect(replies).await.unwrap()
}

pub async fn collect(mut replies: Replies<ModelRequest, ModelReply>) -> Result<Result<Answer, EngineError>, LinkError> {
    let (mut text, mut pieces, mut reasoning, mut calls) = (String::new(), 0, String::new(), Vec::new());
    loop {
        match replies.next().await?.unwrap() {
            ModelReply::Delta(piece) => {
                text.push_str(&piece);
                pieces += 1;
            }
            ModelReply::Reasoning(piece) => reasoning.push_str(&piece),
            ModelReply::ToolCall(call) => calls.push(call),
            ModelReply::Done { finish, usage, logprobs } => {
                return Ok(Ok(Answer { text, pieces, finish, usage, logprobs, reasoning, calls }));
            }
            ModelReply::Failed(error) => return Ok(Err(error)),
            other => panic!("unexpected {other:?}"),
        }
    }
}

pub async fn embed(host: &ModelHost, texts: &[&str]) -> Vec<Vec<f32>> {
    let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
    match host.ask(ModelRequest::Embed { texts, interactive: true }).await.unwrap() {
        ModelReply::Vectors { dim, values } => values.chunks(dim as usize).map(<[f32]>::to_vec).collect(),
        other => panic!("unexpected {other:?}"),
    }
}

pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
