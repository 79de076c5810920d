//! Skills that are servers of the Model Context Protocol, over standard input and output.
//!
//! Owns: the client's side of JSON-RPC and the four methods that tools need. Must not know: how the server
//! was confined, nor resources, prompts and sampling, which are not offered.

use crate::child::Child;
use crate::error::{LoadError, shortened};
use crate::post::Post;
use crate::runner::{Agreed, Failure, Reach, Runner};
use crate::speech::Speech;
use hob_link::skill::{Load, Tool};
use hob_sdk::lines::{FromSkill, next_line};
use hob_sdk::{CallResult, Status};
use serde_json::{Value, json};
use std::io::BufReader;
use std::process::ChildStdout;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The protocol's version that is asked for; servers answer with theirs, and tools are alike in all.
const VERSION: &str = "2025-06-18";
/// Tools that are taken from one server.
const MOST_TOOLS: usize = 256;
/// "Method not found", by JSON-RPC.
const NO_METHOD: i64 = -32601;

/// A server that has introduced itself.
pub struct Mcp {
    id: String,
    agreed: Agreed,
    child: Child,
    from: BufReader<ChildStdout>,
    to: Speech,
    post: Arc<Post>,
    next: u64,
    /// The number of the request that carries the present call.
    running: Arc<AtomicU64>,
}

/// Tells the server what happens meanwhile.
pub struct McpReach {
    to: Speech,
    running: Arc<AtomicU64>,
}

impl Reach for McpReach {
    fn answer(&self, ask: u64, _: &str) {
        tracing::debug!(ask, "a server of the Model Context Protocol asked for nothing");
    }

    fn cancel(&self, _: u64) {
        let params = json!({"requestId": self.running.load(Ordering::Relaxed), "reason": "nobody waits any more"});
        self.to.say_if_there(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}));
    }
}

impl Mcp {
    /// Introduces itself to a started server and asks what it can do.
    pub fn greet(load: &Load, mut child: Child, post: Arc<Post>) -> Result<(Self, McpReach), LoadError> {
        let (to, from) = child.streams()?;
        let (to, from) = (Speech::over(to), BufReader::new(from));
        let running = Arc::new(AtomicU64::new(0));
        let (id, agreed) = (load.id.clone(), Agreed::default());
        let mut server = Self { id, agreed, child, from, to: to.clone(), post, next: 0, running: running.clone() };
        let declined = |why: String| LoadError::Declined { id: load.id.clone(), why };
        let client = json!({"name": "hob", "version": env!("CARGO_PKG_VERSION")});
        let hello = json!({"protocolVersion": VERSION, "capabilities": {}, "clientInfo": client});
        let hello = server.request("initialize", &hello).map_err(declined)?;
        let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_string();
        if text(&hello, "protocolVersion").is_empty() {
            return Err(declined("its answer to initialize names no protocolVersion".into()));
        }
        server.agreed.version = text(&hello["serverInfo"], "version");
        server.to.say_if_there(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server.agreed.tools = server.tools().map_err(declined)?;
        Ok((server, McpReach { to, running }))
    }

    fn tools(&mut self) -> Result<Vec<Tool>, String> {
        let mut tools = Vec::new();
        let mut cursor = json!({});
        loop {
            let page = self.request("tools/list", &cursor)?;
            let listed = page.get("tools").and_then(Value::as_array).ok_or("its tools/list names no tools")?;
            tools.extend(listed.iter().filter_map(tool));
            if tools.len() > MOST_TOOLS {
                return Err(format!("it has more than {MOST_TOOLS} tools"));
            }
            match page.get("nextCursor").and_then(Value::as_str) {
                Some(next) if !listed.is_empty() => cursor = json!({"cursor": next}),
                _ => return Ok(tools),
            }
        }
    }

    /// Sends a request and waits for its result; what else arrives meanwhile is dealt with.
    fn request(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        self.next += 1;
        let id = self.next;
        self.running.store(id, Ordering::Relaxed);
        self.to.say_if_there(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let line = match next_line(&mut self.from) {
                Ok(Some(line)) => line,
                Ok(None) => return Err(self.child.last_words()),
                Err(error) => return Err(error.to_string()),
            };
            let message: Value = serde_json::from_str(&line)
                .map_err(|why| format!("it wrote {} where a message belongs ({why})", shortened(&line)))?;
            if message.get("method").is_some() {
                self.heard(&message);
            } else if message.get("id") == Some(&json!(id)) {
                return outcome(method, message);
            }
            // Anything else answers a request that was given up.
        }
    }

    /// A request or notification of the server's.
    fn heard(&self, message: &Value) {
        let method = message["method"].as_str().unwrap_or_default();
        let params = &message["params"];
        match (method, message.get("id")) {
            ("ping", Some(id)) => self.to.say_if_there(&json!({"jsonrpc": "2.0", "id": id, "result": {}})),
            (_, Some(id)) => {
                let error = json!({"code": NO_METHOD, "message": format!("hob offers no {method}")});
                self.to.say_if_there(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
            }
            ("notifications/progress", None) => {
                let total = params["total"].as_f64().filter(|total| *total > 0.0);
                let fraction = total.and_then(|total| Some(params["progress"].as_f64()? / total));
                let text = params["message"].as_str().unwrap_or_default().to_string();
                self.post.pass(FromSkill::Progress { fraction, text });
            }
            ("notifications/message", None) => {
                let level = params["level"].as_str().unwrap_or_default().to_string();
                self.post.pass(FromSkill::Log { level, text: params["data"].to_string() });
            }
            _ => tracing::debug!(method, "a notification that nobody needs"),
        }
    }
}

impl Runner for Mcp {
    fn agreed(&self) -> Agreed {
        Agreed { abi: 0, version: self.agreed.version.clone(), tools: self.agreed.tools.clone() }
    }

    fn call(&mut self, _: u64, tool: &str, arguments: &str, context: &str) -> Result<String, Failure> {
        let arguments: Value =
            serde_json::from_str(arguments).map_err(|e| Failure::Call(format!("the arguments are no JSON: {e}")))?;
        let params = json!({"name": tool, "arguments": arguments, "_meta": told(context, self.next + 1)});
        let answered = self.request("tools/call", &params);
        let id = self.id.clone();
        let bad = |why: String| format!("{id} gave no valid result: {why}; this is a bug in the skill");
        match answered {
            Ok(result) => result_object(&result).map(|r| r.to_json()).map_err(|why| Failure::Call(bad(why))),
            Err(_) if self.child.has_ended() => Err(Failure::End(self.child.mirror_end())),
            Err(why) if why.starts_with(REFUSED) => Err(Failure::Call(format!("{id}: {why}"))),
            Err(why) => Err(Failure::End(bad(why))),
        }
    }
}

/// What a call tells beside its arguments, under names of hob's own that other servers pass over: the user's language, and
/// what the user set for this skill.
fn told(context: &str, number: u64) -> Value {
    let mut told = json!({"progressToken": number});
    let context: Value = serde_json::from_str(context).unwrap_or_default();
    for name in ["locale", "settings"] {
        let known = context.get(name).filter(|value| value.as_object().is_none_or(|settings| !settings.is_empty()));
        if let Some(known) = known.filter(|value| !value.is_null()) {
            told[format!("org.hob/{name}")] = known.clone();
        }
    }
    told
}

/// How the sentence of an error begins that the server gave in due form.
const REFUSED: &str = "it refused";

fn outcome(method: &str, mut message: Value) -> Result<Value, String> {
    if let Some(error) = message.get("error") {
        let why = error["message"].as_str().unwrap_or("without a reason");
        return Err(format!("{REFUSED} {method}: {}", why.chars().take(400).collect::<String>()));
    }
    match message.get_mut("result").map(Value::take) {
        Some(result @ Value::Object(_)) => Ok(result),
        _ => Err(format!("its answer to {method} has neither a result nor an error")),
    }
}

/// A tool as it is listed; what has no name or no schema is no tool.
fn tool(listed: &Value) -> Option<Tool> {
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_string);
    let name = text(listed, "name").filter(|name| !name.is_empty() && name.len() <= 128)?;
    let hint = |key: &str, otherwise: bool| listed["annotations"][key].as_bool().unwrap_or(otherwise);
    Some(Tool {
        title: text(listed, "title").or_else(|| text(&listed["annotations"], "title")).unwrap_or_else(|| name.clone()),
        description: text(listed, "description").unwrap_or_default(),
        parameters: listed.get("inputSchema").filter(|schema| schema.is_object())?.to_string(),
        reads_only: hint("readOnlyHint", false),
        // By the protocol, a tool that says nothing may destroy.
        harmless: !hint("destructiveHint", true),
        name,
    })
}

/// A tool's result as hob's: texts are the sentence for the user, structured content is the data, links are what it is
/// about.
fn result_object(result: &Value) -> Result<CallResult, String> {
    let content = result.get("content").and_then(Value::as_array).ok_or("the result has no content")?;
    let texts: Vec<&str> = content.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect();
    let failed = result.get("isError").and_then(Value::as_bool).unwrap_or(false);
    let links = content.iter().filter(|part| part["type"] == "resource_link");
    let uris = links.filter_map(|link| link["uri"].as_str().map(str::to_string)).collect();
    let is_other = |part: &&Value| part["type"] != "text" && part["type"] != "resource_link";
    let others: Vec<&Value> = content.iter().filter(is_other).collect();
    let data = match (result.get("structuredContent"), others.is_empty()) {
        (Some(data), _) => data.clone(),
        (None, true) => Value::Null,
        (None, false) => json!({ "content": others }),
    };
    Ok(CallResult {
        status: if failed { Status::Error } else { Status::Success },
        code: failed.then(|| "failed".to_string()),
        message: texts.join("\n"),
        suggestion: None,
        data,
        uris,
        wake: Vec::new(),
        cancel_wake: Vec::new(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tools_say_what_they_may_do() {
        let plain = tool(&json!({"name": "wipe", "inputSchema": {"type": "object"}})).unwrap();
        assert!(!plain.reads_only && !plain.harmless && plain.title == "wipe");
        let hints = json!({"readOnlyHint": true, "destructiveHint": false, "title": "Look"});
        let reads = tool(&json!({"name": "look", "inputSchema": {}, "annotations": hints})).unwrap();
        assert!(reads.reads_only && reads.harmless && reads.title == "Look");
        assert!(tool(&json!({"name": "", "inputSchema": {}})).is_none() && tool(&json!({"name": "x"})).is_none());
    }

    #[test]
    fn a_call_tells_what_the_user_set() {
        let context = r#"{"locale":"pt_PT.UTF-8","settings":{"engine":"bing"},"request":"open it","places":{}}"#;
        let all = json!({"progressToken": 3, "org.hob/locale": "pt_PT.UTF-8", "org.hob/settings": {"engine": "bing"}});
        assert_eq!(told(context, 3), all);
        assert_eq!(told(r#"{"locale":null,"settings":{}}"#, 4), json!({"progressToken": 4}));
        assert_eq!(told("no JSON", 5), json!({"progressToken": 5}));
    }

    #[test]
    fn results_become_result_objects() {
        let texts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
        let good = result_object(&json!({"content": texts, "structuredContent": {"n": 1}})).unwrap();
        assert_eq!((good.message.as_str(), good.data), ("a\nb", json!({"n": 1})));
        let bad = result_object(&json!({"content": [], "isError": true})).unwrap();
        assert_eq!((bad.status, bad.code.as_deref()), (Status::Error, Some("failed")));
        assert!(result_object(&json!({})).is_err());
        assert!(outcome("x", json!({"error": {"message": "no"}})).unwrap_err().starts_with(REFUSED));
        assert!(outcome("x", json!({"result": 3})).is_err());
    }
}
