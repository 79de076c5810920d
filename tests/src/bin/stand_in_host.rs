//! A stand-in for the model host: it speaks the model host's wire, runs no model and writes down what it is asked.
//!
//! What it answers is in the question: a last message that is a JSON object is a [`Script`], anything else is said back.
//! Who may call functions goes by `plan.jsonl` instead, if there is one: a script for each of its turns.
//! `HOB_STAND_IN` names the folder for its log (`log.jsonl`), and may hold a file `slow-exit` with the milliseconds
//! that it takes to end after it was told to.

use hob_engine::{
    EngineError, Finish, GenerateSpec, ModelInfo, ModelReply, ModelRequest, Priority, TokenLogprob, ToolCall, Usage,
};
use hob_link::host::{Limits, Replier, connect, harden};
use hob_link::wire::ToHost;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes that count as a token.
const TOKEN: usize = 4;

/// How to answer.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Script {
    /// What is said, so many times, so far apart.
    say: String,
    times: usize,
    every_ms: u64,
    /// What is thought before.
    think: String,
    /// The tool that is called, with these arguments.
    call: String,
    arguments: Value,
    /// Ends the process instead of the answer.
    die: bool,
    /// Fails so.
    fail: String,
}

#[derive(Clone)]
struct Host {
    folder: PathBuf,
    replier: Replier<ModelReply>,
    running: Arc<Mutex<HashMap<u64, Arc<AtomicBool>>>>,
    /// Background generations rest.
    held: Arc<AtomicBool>,
}

fn main() {
    harden(&Limits::default()).expect("hardened");
    let (mut requests, replier) = connect::<ModelRequest, ModelReply>("model").expect("connected");
    let folder = std::env::var_os("HOB_STAND_IN").map(PathBuf::from).expect("HOB_STAND_IN");
    let host = Host { folder, replier, running: Arc::default(), held: Arc::default() };
    let mut context = 0;
    while let Ok(Some(message)) = requests.receive() {
        match message {
            ToHost::Request { id, body: ModelRequest::Load(spec) } => {
                host.log(json!({"load": spec}));
                context = if spec.context == 0 { 4096 } else { spec.context };
                host.finish(id, loaded(context));
            }
            ToHost::Request { id, body: ModelRequest::Generate(spec) } => {
                host.log(json!({"generate": spec, "id": id}));
                let flag = Arc::new(AtomicBool::new(false));
                host.running.lock().expect("a lock").insert(id, flag.clone());
                let host = host.clone();
                std::thread::spawn(move || host.generate(id, &spec, context, &flag));
            }
            ToHost::Request { id, body: ModelRequest::Limits { threads, background } } => {
                host.log(json!({"limits": {"threads": threads, "background": background}}));
                host.held.store(!background, Ordering::Relaxed);
                host.finish(id, ModelReply::Limited);
            }
            ToHost::Request { id, body: ModelRequest::Trim { prompts } } => {
                host.log(json!({"trim": {"prompts": prompts}}));
                host.finish(id, ModelReply::Trimmed);
            }
            ToHost::Request { id, body } => {
                let reply = EngineError::InvalidArgument(format!("the stand-in does not know {body:.40?}"));
                host.finish(id, ModelReply::Failed(reply));
            }
            ToHost::Cancel { id } => {
                host.log(json!({"cancel": id}));
                if let Some(flag) = host.running.lock().expect("a lock").get(&id) {
                    flag.store(true, Ordering::Relaxed);
                }
            }
            ToHost::Shutdown => break,
        }
    }
    host.log(json!({"shutdown": true}));
    let slow = std::fs::read_to_string(host.folder.join("slow-exit")).ok().and_then(|ms| ms.trim().parse().ok());
    std::thread::sleep(Duration::from_millis(slow.unwrap_or(0)));
    host.log(json!({"written": true}));
}

fn loaded(context: u32) -> ModelReply {
    ModelReply::Loaded(ModelInfo {
        name: "Stand-in".into(),
        architecture: "llama".into(),
        parameters: 1,
        context,
        embedding_length: 64,
        has_chat_template: true,
        backend: "stand-in".into(),
    })
}

impl Host {
    fn generate(&self, id: u64, spec: &GenerateSpec, context: u32, cancelled: &AtomicBool) {
        let last = spec.messages.last().map_or("", |message| message.content.as_str());
        let planned = if spec.tools.is_empty() { None } else { self.planned(spec) };
        let script = serde_json::from_str::<Script>(planned.as_deref().unwrap_or(last))
            .unwrap_or_else(|_| Script { say: last.chars().take(200).collect(), ..Script::default() });
        let tokens = spec.messages.iter().map(|m| m.content.len()).sum::<usize>() / TOKEN;
        let tokens = u32::try_from(tokens).expect("few enough");
        let reply = if tokens >= context {
            ModelReply::Failed(EngineError::TooLong { tokens, limit: context })
        } else if !script.fail.is_empty() {
            ModelReply::Failed(EngineError::Inference(script.fail))
        } else {
            self.say(id, spec, &script, tokens, cancelled)
        };
        self.running.lock().expect("a lock").remove(&id);
        self.finish(id, reply);
    }

    /// The script of this turn: as many turns went before it as the model has spoken in the conversation.
    fn planned(&self, spec: &GenerateSpec) -> Option<String> {
        let plan = std::fs::read_to_string(self.folder.join("plan.jsonl")).ok()?;
        let turn = spec.messages.iter().filter(|message| message.role == "assistant").count();
        Some(plan.lines().nth(turn).unwrap_or("{}").to_string())
    }

    fn say(&self, id: u64, spec: &GenerateSpec, script: &Script, prompt: u32, cancelled: &AtomicBool) -> ModelReply {
        if !script.think.is_empty() {
            self.send(id, ModelReply::Reasoning(script.think.clone()));
        }
        let times = script.times.max(usize::from(!script.say.is_empty()));
        for _ in 0..times {
            while spec.priority == Priority::Background && self.held.load(Ordering::Relaxed) {
                if cancelled.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            if cancelled.load(Ordering::Relaxed) {
                return done(Finish::Cancelled, prompt, 0, Vec::new());
            }
            self.send(id, ModelReply::Delta(script.say.clone()));
            std::thread::sleep(Duration::from_millis(script.every_ms));
        }
        if script.die {
            std::process::abort();
        }
        let mut finish = Finish::Stop;
        if !script.call.is_empty() {
            let arguments = match &script.arguments {
                Value::Null => json!({"place": "Porto"}),
                given => given.clone(),
            };
            let call = ToolCall { id: "call_1".into(), name: script.call.clone(), arguments: arguments.to_string() };
            self.send(id, ModelReply::ToolCall(call));
            finish = Finish::ToolCalls;
        }
        let token = |most: u8| TokenLogprob {
            text: script.say.clone(),
            logprob: -0.5,
            top: (0..most).map(|n| (format!("t{n}"), -0.5 - f32::from(n))).collect(),
        };
        let logprobs = spec.logprobs.map(|most| vec![token(most); times]).unwrap_or_default();
        done(finish, prompt, times as u32, logprobs)
    }

    fn send(&self, id: u64, reply: ModelReply) {
        // The daemon may be gone, which ends this process too.
        self.replier.send(id, reply).ok();
    }

    fn finish(&self, id: u64, reply: ModelReply) {
        self.replier.finish(id, reply).ok();
    }

    fn log(&self, mut entry: Value) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        entry["at_us"] = json!(now.as_micros() as u64);
        entry["pid"] = json!(std::process::id());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log.jsonl"));
        file.and_then(|mut file| file.write_all(format!("{entry}\n").as_bytes())).expect("logged");
    }
}

fn done(finish: Finish, prompt_tokens: u32, completion_tokens: u32, logprobs: Vec<TokenLogprob>) -> ModelReply {
    let usage = Usage {
        prompt_tokens,
        completion_tokens,
        cached_tokens: 3,
        first_token_ms: 20,
        total_ms: 120,
        queued_ms: 5,
        prompt_ms: 15,
        threads: 2,
        preempted: 1,
        drafted: 4,
        accepted: 3,
    };
    ModelReply::Done { finish, usage, logprobs }
}
