//! Skills that are programs: the Python library over the real host, and programs that do the worst.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Running, death, failure, loaded, result};
use hob_link::skill::{SkillReply, SkillRequest};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

const GOOD: &str = r#"
import os, socket
import hob_skill
from hob_skill import Skill, SkillError

skill = Skill("org.example.c", "1.0.0")

@skill.intent("Greet")
def greet(call, name="you"):
    print("printed by the skill")
    return {"message": f"Hello, {name}.", "data": {"locale": call.locale, "storage": call.storage}}

@skill.intent("Write")
def write(call):
    with open(os.path.join(call.storage, "sub.txt"), "w") as file:
        file.write("kept")
    os.makedirs(os.path.join(call.storage, "a/b"), exist_ok=True)
    return sorted(os.listdir(call.storage)).__repr__()

@skill.intent("Try")
def attempt(call, what, path=""):
    tries = {
        "read": lambda: open(path).read(),
        "list": lambda: os.listdir(path),
        "write": lambda: open(path, "w"),
        "tcp": lambda: socket.create_connection(("127.0.0.1", 9)),
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "fork": os.fork,
        "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "kill": lambda: os.kill(os.getppid(), 9),
    }
    try:
        tries[what]()
    except OSError as error:
        return {"message": str(error.errno)}
    return "done"

@skill.intent("Ask")
def ask(call):
    return call.complete("Say hello")

@skill.intent("Fetch")
def fetch(call, port, host="localhost"):
    stream = hob_skill.connect(host, port)
    stream.sendall(b"ping")
    return stream.recv(100).decode()

@skill.intent("Crash")
def crash(call):
    os._exit(3)

@skill.intent("Wait")
def wait(call):
    import time
    while not call.is_cancelled():
        time.sleep(0.01)
    return "cancelled"

skill.run()
"#;

#[tokio::test]
async fn a_python_skill_is_loaded_and_called() {
    let running = Running::start().await;
    assert_eq!(loaded(running.load_python(GOOD, false).await), (1, "1.0.0".into()));
    let answer = result(running.call("Greet", r#"{"name":"Ζωή"}"#).await);
    assert_eq!(answer["message"], "Hello, Ζωή.");
    assert_eq!(answer["data"], json!({"locale": "pt-PT", "storage": running.storage()}));
    assert_eq!(result(running.call("Write", "{}").await)["message"], "['a', 'sub.txt']");
    assert_eq!(result(running.call("Nothing", "{}").await)["code"], "unknown_intent");
    assert_eq!(result(running.call("Greet", r#"{"nam":1}"#).await)["code"], "bug");
    running.host.stop(Duration::from_secs(5)).await;
    assert!(!running.host.is_alive());
}

#[tokio::test]
async fn a_python_skill_reaches_nothing_that_was_not_granted() {
    let running = Running::start().await;
    loaded(running.load_python(GOOD, false).await);
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    std::fs::write(home.path().join(".ssh/id"), "secret").unwrap();
    for (what, path, errno) in [
        ("read", ".ssh/id", "13"),
        ("list", ".ssh", "13"),
        ("write", "new", "13"),
        ("tcp", "", "1"),
        ("udp", "", "1"),
        ("unix", "", "1"),
        ("fork", "", "1"),
        ("spawn", "", "1"),
        ("kill", "", "1"),
    ] {
        let arguments = json!({"what": what, "path": home.path().join(path)}).to_string();
        assert_eq!(result(running.call("Try", &arguments).await)["message"], errno, "{what}");
    }
}

#[tokio::test]
async fn what_a_skill_asks_for_is_passed_on_and_answered() {
    let running = Running::start().await;
    loaded(running.load_python(GOOD, false).await);
    let call = SkillRequest::Call { intent: "Ask".into(), arguments: "{}".into(), context: "{}".into() };
    let mut replies = running.host.request(call).await.unwrap();
    let Some(SkillReply::Ask { ask, what, with }) = replies.next().await.unwrap() else { panic!("an ask comes first") };
    assert_eq!((what.as_str(), with.as_str()), ("model.complete", r#"{"prompt":"Say hello"}"#));
    let answer = SkillRequest::Answer { ask, answer: r#"{"result":{"text":"Hello."}}"#.into() };
    assert_eq!(running.host.ask(answer).await.unwrap(), SkillReply::Taken);
    let Some(SkillReply::Result(json)) = replies.next().await.unwrap() else { panic!("then the result") };
    assert!(json.contains("Hello."), "{json}");
}

#[tokio::test]
async fn the_network_is_open_to_what_was_granted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut four = [0u8; 4];
        stream.read_exact(&mut four).unwrap();
        stream.write_all(b"pong").unwrap();
        four
    });
    let mut running = Running::start().await;
    running.grants.network = vec![format!("localhost:{port}")];
    loaded(running.load_python(GOOD, false).await);
    assert_eq!(result(running.call("Fetch", &json!({"port": port}).to_string()).await)["message"], "pong");
    assert_eq!(&answering.join().unwrap(), b"ping");
    for denied in [json!({"port": other}), json!({"port": port, "host": "127.0.0.1"})] {
        assert_eq!(result(running.call("Fetch", &denied.to_string()).await)["code"], "permission_denied", "{denied}");
    }
    let alone = Running::start().await;
    loaded(alone.load_python(GOOD, false).await);
    assert_eq!(result(alone.call("Fetch", &json!({"port": port}).to_string()).await)["code"], "permission_denied");
}

#[tokio::test]
async fn a_cancelled_call_hears_of_it() {
    let running = Running::start().await;
    loaded(running.load_python(GOOD, false).await);
    let call = SkillRequest::Call { intent: "Wait".into(), arguments: "{}".into(), context: "{}".into() };
    let replies = running.host.request(call).await.unwrap();
    replies.cancel();
    let SkillReply::Result(json) = common::last(replies).await.unwrap() else { panic!("a result") };
    assert!(json.contains("cancelled"), "{json}");
}

#[tokio::test]
async fn a_program_that_dies_is_one_death() {
    let running = Running::start().await;
    loaded(running.load_python(GOOD, false).await);
    assert_eq!(death(running.call("Crash", "{}").await), "exit status 3");
    assert!(!running.host.is_alive());
}

/// A program that says these lines, after the hello if it is to be polite.
fn says(hello: bool, lines: &str) -> String {
    let hello = if hello {
        r#"sys.stdout.write('{"type":"hello","protocol":1,"id":"org.example.c","version":"1.0.0"}\n')"#
    } else {
        ""
    };
    format!(
        "import sys, os, time\nsys.stdin.readline()\n{hello}\nsys.stdout.flush()\nsys.stdin.readline()\n{lines}\nsys.stdout.flush()\ntime.sleep(60)\n"
    )
}

#[tokio::test]
async fn liars_are_refused_at_hello() {
    for (hello, why) in [
        (
            r#"print('{"type":"hello","protocol":1,"id":"org.example.other","version":"1.0.0"}', flush=True)"#,
            "belongs to another skill",
        ),
        (
            r#"print('{"type":"hello","protocol":9,"id":"org.example.c","version":"1.0.0"}', flush=True)"#,
            "speaks version 9",
        ),
        (r#"print('{"type":"result","call":1,"result":{}}', flush=True)"#, "no hello"),
        ("print('garbage', flush=True)", "where a message belongs"),
        ("os.write(1, b'\\xc3\\x28\\n')", "not UTF-8"),
    ] {
        let source = format!("import os, sys, time\n{hello}\ntime.sleep(60)\n");
        let refused = failure(Running::start().await.load_python(&source, false).await);
        assert!(refused.contains(why), "{hello}: {refused}");
    }
    let ended = failure(Running::start().await.load_python("raise SystemExit(7)", false).await);
    assert!(ended.contains("the program ended (exit status 7)"), "{ended}");
    let missing = failure(Running::start().await.load_python("import no_such_module_at_all", false).await);
    assert!(missing.contains("No module named 'no_such_module_at_all'"), "an author reads why: {missing}");
}

/// A program that knows no protocol: a result for every line.
const PLAIN: &str = r#"
import json, sys
for number, line in enumerate(sys.stdin):
    said = json.loads(line)
    if said.get("intent") == "Wait":
        import time
        time.sleep(0.3)
    print(json.dumps({"status": "success", "data": {"line": number, "intent": said.get("intent")}}), flush=True)
"#;

#[tokio::test]
async fn a_program_may_answer_every_line_with_a_bare_result() {
    let running = Running::start().await;
    loaded(running.load_python(PLAIN, false).await);
    let first = result(running.call("Any", "{}").await);
    assert_eq!(first["data"], json!({"line": 1, "intent": "Any"}));
    // A cancel would be answered as well, and what came back would be taken for the next call's result.
    let wait = SkillRequest::Call { intent: "Wait".into(), arguments: "{}".into(), context: "{}".into() };
    let replies = running.host.request(wait).await.unwrap();
    replies.cancel();
    common::last(replies).await.unwrap();
    assert_eq!(result(running.call("Next", "{}").await)["data"], json!({"line": 3, "intent": "Next"}));
}

#[tokio::test]
async fn what_is_no_result_ends_the_call_with_a_reason() {
    let deep = r#"sys.stdout.write('{"type":"result","call":2,"result":' + '[' * 100000 + ']' * 100000 + '}\n')"#;
    for (line, why) in [
        ("print('garbage')", "where a message belongs"),
        (r#"print('{"type":"result","call":99,"result":{"status":"success"}}')"#, "call 99, which was not made"),
        (r#"print('{"type":"result","call":2,"result":{"status":"maybe"}}')"#, "unknown variant"),
        (r#"print('{"type":"result","call":2,"result":[1]}')"#, "gave no valid result"),
        (r#"print('{"status":"success"}')"#, "it said Bare"),
        (deep, "recursion limit"),
        ("os.write(1, b'\\xff\\xfe\\n')", "not UTF-8"),
        ("sys.stdout.write('x' * (9 << 20))", "longer than"),
        (r#"print('{"type":"hello","protocol":1,"id":"org.example.c","version":"1.0.0"}')"#, "it said Hello"),
    ] {
        let running = Running::start().await;
        loaded(running.load_python(&says(true, line), false).await);
        let refused = failure(running.call("Any", "{}").await);
        assert!(refused.contains(why) && refused.contains("bug in the skill"), "{line}: {refused}");
    }
}

const SERVER: &str = r#"
import json, sys

def say(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()

TOOLS = [
    {"name": "add_numbers", "title": "Add", "description": "Adds two numbers.", "annotations": {"readOnlyHint": True},
     "inputSchema": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}},
    {"name": "fail", "description": "Fails.", "inputSchema": {"type": "object"}},
]

for line in sys.stdin:
    message = json.loads(line)
    method, number = message.get("method"), message.get("id")
    if method == "initialize":
        say({"id": number, "result": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "t", "version": "3.1.0"}}})
    elif method == "tools/list":
        page = 1 if message["params"].get("cursor") else 0
        result = {"tools": [TOOLS[page]]}
        if page == 0:
            result["nextCursor"] = "1"
        say({"id": number, "result": result})
    elif method == "tools/call":
        say({"id": "s1", "method": "ping"})
        say({"id": "s2", "method": "sampling/createMessage", "params": {}})
        say({"method": "notifications/message", "params": {"level": "info", "data": "working"}})
        if message["params"]["name"] == "fail":
            say({"id": number, "result": {"content": [{"type": "text", "text": "It did not work."}], "isError": True}})
        elif message["params"]["name"] == "tell":
            say({"id": number, "result": {"content": [], "structuredContent": message["params"]["_meta"]}})
        elif message["params"]["name"] == "add_numbers":
            arguments = message["params"]["arguments"]
            total = arguments["a"] + arguments["b"]
            say({"id": number, "result": {"content": [{"type": "text", "text": str(total)}], "structuredContent": {"sum": total}}})
        else:
            say({"id": number, "error": {"code": -32602, "message": "no such tool"}})
"#;

#[tokio::test]
async fn a_server_s_tools_are_listed_and_called() {
    let running = Running::start().await;
    let reply = running.load_python(SERVER, true).await.unwrap();
    let SkillReply::Loaded { version, tools, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(version, "3.1.0");
    let names: Vec<(&str, bool)> = tools.iter().map(|tool| (tool.name.as_str(), tool.reads_only)).collect();
    assert_eq!(names, [("add_numbers", true), ("fail", false)]);
    let sum = result(running.call("add_numbers", r#"{"a":2,"b":3}"#).await);
    assert_eq!((&sum["message"], &sum["data"]), (&json!("5"), &json!({"sum": 5})));
    let failed = result(running.call("fail", "{}").await);
    assert_eq!((&failed["status"], &failed["message"]), (&json!("error"), &json!("It did not work.")));
    let told = result(running.call("tell", "{}").await);
    assert_eq!(told["data"]["org.hob/locale"], "pt-PT", "{told}");
    assert!(failure(running.call("nothing", "{}").await).contains("refused tools/call: no such tool"));
    assert!(running.host.is_alive());
}

#[tokio::test]
async fn a_server_that_is_none_is_refused() {
    for (source, why) in [
        (
            "import sys\nsys.stdin.readline()\nprint('{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}', flush=True)\nsys.stdin.read()",
            "no protocolVersion",
        ),
        (
            "import sys\nsys.stdin.readline()\nprint('{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"message\":\"no\"}}', flush=True)\nsys.stdin.read()",
            "refused initialize: no",
        ),
        ("import sys\nprint('hello there', flush=True)\nsys.stdin.read()", "where a message belongs"),
    ] {
        let refused = failure(Running::start().await.load_python(source, true).await);
        assert!(refused.contains(why), "{refused}");
    }
    let ended = failure(Running::start().await.load_python("raise SystemExit(4)", true).await);
    assert!(ended.contains("exit status 4"), "{ended}");
}
