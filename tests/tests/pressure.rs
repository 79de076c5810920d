//! Callers that leave, that ask too much, that never read, that send what is no message: each costs only itself.

use hob_sdk::client::{Error, Hob, Kind, Options, Request, Status, Update};
use hob_tests::raw::RawClient;
use hob_tests::stand_in::{StandIn, resident};
use hob_tests::{NAME, ROOT, Scene, programs};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use zbus::Variant;

async fn start() -> (Scene, StandIn, Hob) {
    let (scene, stand_in) = Scene::with_stand_in("").await.expect("a scene");
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    (scene, stand_in, hob)
}

fn plain() -> Options {
    Options::new().with("context", "none")
}

fn script(say: &str, times: u32, every_ms: u32) -> String {
    json!({"say": say, "times": times, "every_ms": every_ms}).to_string()
}

/// The bytes of a call of `Ask`.
fn ask_message(prompt: &str) -> Vec<u8> {
    let options = HashMap::from([("context", Variant::from("none"))]);
    let call = zbus::Message::method_call(ROOT, "Ask").interface("org.hob.Assistant1").destination(NAME);
    call.build(&(prompt, options)).expect("a message").data().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_ends_its_request_within_100_ms() {
    let (scene, stand_in, hob) = start().await;
    hob.complete("Warm up.", &plain()).await.expect("an answer");
    let mut late = Vec::new();
    for round in 1..=10 {
        let connection = scene.connect().await.expect("the bus");
        let leaving = Hob::over(connection.clone());
        let mut request = leaving.ask(&script("word ", 3_000, 10), plain()).await.expect("a request");
        while !matches!(request.next_update().await, Some(Ok(Update::Delta { .. }))) {}
        // No farewell: the socket just closes, as when a program is killed.
        let left = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as u64;
        connection.close().await.expect("closed");
        let cancelled = stand_in.wait_for("cancel", round).expect("a cancel");
        let at = cancelled[round - 1]["at_us"].as_u64().expect("a time");
        late.push(at.saturating_sub(left) / 1000);
    }
    late.sort_unstable();
    eprintln!("from leaving to the cancel at the model's process, in ms: {late:?}");
    assert!(late[5] < 100, "{late:?}");
    // A busy machine may be late once in a while.
    assert!(late[9] < 1_000, "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_once_are_refused_beyond_what_fits() {
    let (scene, stand_in, hob) = start().await;
    hob.complete("Warm up.", &plain()).await.expect("an answer");
    let before = resident(scene.daemon_pid()).expect("memory");
    let slow = script(&"x".repeat(100), 3_000, 10);
    let asked = (0..1_000).map(|_| hob.ask(&slow, plain()));
    let asked: Vec<Result<Request, Error>> = futures_util::future::join_all(asked).await;
    let (running, refused): (Vec<_>, Vec<_>) = asked.into_iter().partition(Result::is_ok);
    assert_eq!(running.len(), 64, "one caller's share");
    let other = refused.iter().find(|r| !r.as_ref().is_err_and(|e| e.kind() == Kind::Busy));
    assert!(other.is_none(), "{other:?}");

    // Somebody else is served meanwhile.
    let json = scene.hob_json(&["ask", "--context", "none", "Hello?"]).expect("another caller is served");
    assert_eq!(json["text"], "Hello?");
    let grown = resident(scene.daemon_pid()).expect("memory").saturating_sub(before);
    assert!(grown < 64 << 20, "{} MiB for 64 requests and 936 refusals", grown >> 20);

    for request in running {
        request.expect("running").cancel().await.expect("cancelled");
    }
    stand_in.wait_for("cancel", 64).expect("all cancelled");
    hob.complete("Again.", &plain()).await.expect("the next one works");
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_prompts_are_refused_in_words() {
    let (_scene, stand_in, hob) = start().await;
    let long = "x".repeat(10 << 20);
    for error in [
        hob.complete(&long, &plain()).await.expect_err("too long"),
        hob.ask(&long, plain()).await.expect_err("too long"),
        hob.text(hob_sdk::client::TextTask::Rewrite, &long, Options::new()).await.expect_err("too long"),
        hob.complete("x", &plain().with("system", long.clone())).await.expect_err("too long"),
    ] {
        assert_eq!(error.kind(), Kind::TooLong, "{error}");
        assert!(error.to_string().contains("10485760") && error.to_string().contains("1048576"), "{error}");
    }
    assert!(stand_in.log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_text_costs_its_sender_the_bus_and_nobody_else() {
    let (scene, _stand_in, hob) = start().await;
    for byte in [0xff, 0x00] {
        let mut message = ask_message("Mark this byte: @");
        let at = message.windows(2).position(|pair| pair == b" @").expect("the mark") + 1;
        message[at] = byte;
        let mut client = RawClient::connect(&scene.address).expect("connected");
        client.send(&message).expect("sent");
        assert!(client.is_closed_by_the_bus(), "the bus let {byte:#x} through");
    }
    hob.complete("Hello?", &plain()).await.expect("the daemon goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_dies_is_told_within_a_second() {
    let (_scene, _stand_in, hob) = start().await;
    hob.complete("Warm up.", &plain()).await.expect("an answer");
    let dying = json!({"say": "last words", "die": true}).to_string();
    let started = Instant::now();
    let error = hob.complete(&dying, &plain()).await.expect_err("it died");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(error.to_string().contains("signal 6"), "{error}");
    hob.complete("Hello?", &plain()).await.expect("the next one works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_everything_from_the_first_update_on() {
    let (_scene, _stand_in, hob) = start().await;
    for (times, every_ms) in [(0, 0), (1, 0), (300, 2)] {
        let say = if times > 0 { "wörd " } else { "" };
        let asked = json!({"think": "Hm.", "say": say, "times": times, "every_ms": every_ms}).to_string();
        let mut request = hob.ask(&asked, plain()).await.expect("a request");
        // Some things have been told by signal when the stream is opened, or even everything.
        if every_ms > 0 {
            while !matches!(request.next_update().await, Some(Ok(Update::Delta { .. }))) {}
        } else {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let stream = request.open_stream().await.expect("a stream");
        let second = request.open_stream().await.expect_err("one stream");
        assert!(matches!(second, Error::Service { .. }), "{second}");
        let lines = tokio::task::spawn_blocking(move || lines(stream)).await.expect("lines");
        assert_eq!((&lines[0]["type"], &lines[0]["kind"]), (&json!("event"), &json!("route")));
        let said = |kind: &str| -> String {
            let deltas = lines.iter().filter(|line| line["type"] == "delta" && line["kind"] == kind);
            deltas.map(|line| line["text"].as_str().expect("text")).collect()
        };
        let last = lines.last().expect("an end");
        assert_eq!((&last["type"], &last["status"]), (&json!("finished"), &json!(0)), "{last}");
        assert_eq!(said("reasoning"), "Hm.");
        assert_eq!(
            (said("answer").as_str(), said("answer").len()),
            (last["result"]["text"].as_str().expect("text"), times * 6)
        );
        assert_eq!(last["result"]["usage"]["threads"], 2);
        // The end comes by signal too.
        assert_eq!(request.finish().await.expect("an end").status, Status::Done);
    }
}

fn lines(stream: std::os::fd::OwnedFd) -> Vec<Value> {
    let lines = BufReader::new(std::fs::File::from(stream)).lines();
    lines.map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_of_a_stream_misses_nothing_and_holds_nobody_up() {
    let (_scene, _stand_in, hob) = start().await;
    let request = hob.ask(&script(&"y".repeat(2_000), 500, 1), plain()).await.expect("a request");
    let stream = request.open_stream().await.expect("a stream");
    // A megabyte is said while nobody reads; others get their answers.
    for _ in 0..3 {
        hob.complete("Hello?", &plain()).await.expect("an answer");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let lines = tokio::task::spawn_blocking(move || lines(stream)).await.expect("lines");
    let last = lines.last().expect("an end");
    match last["status"].as_u64() {
        Some(0) => assert_eq!(last["result"]["text"].as_str().map(str::len), Some(1_000_000)),
        // More than the bounded queues hold: then it says so.
        _ => assert!(last["result"]["message"].as_str().is_some_and(|m| m.contains("not read")), "{last}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_a_stream_cancels_its_request() {
    let (_scene, stand_in, hob) = start().await;
    let mut request = hob.ask(&script("word ", 3_000, 10), plain()).await.expect("a request");
    while !matches!(request.next_update().await, Some(Ok(Update::Delta { .. }))) {}
    drop(request.open_stream().await.expect("a stream"));
    let end = request.finish().await.expect("an end");
    assert_eq!(end.status, Status::Cancelled);
    assert!(end.into_result().is_err());
    stand_in.wait_for("cancel", 1).expect("cancelled");
}

/// Another program's question; fails when it is not answered in time.
async fn ask_within(scene: &Scene, limit: Duration) -> Value {
    let mut asking = scene.command(programs().join("hob"));
    asking.args(["ask", "--json", "--context", "none", "Hello?"]).stdout(std::process::Stdio::piped());
    let asking = asking.spawn().expect("hob starts");
    let pid = hob_tests::pid(asking.id()).expect("a pid");
    let waiting = tokio::task::spawn_blocking(move || asking.wait_with_output());
    match tokio::time::timeout(limit, waiting).await {
        Ok(output) => serde_json::from_slice(&output.expect("joined").expect("an output").stdout).expect("JSON"),
        Err(_) => {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
            panic!("nobody else was served for {limit:?}");
        }
    }
}

/// Sends calls without ever reading, until the bus takes no more of them; then others must be served as before, and
/// neither the daemon nor the bus may have grown much.
async fn sabotage(scene: &Scene, calls: impl Iterator<Item = Vec<u8>>) {
    let (daemon, bus) = (scene.daemon_pid(), scene.bus_pid());
    let before = (resident(daemon).expect("memory"), resident(bus).expect("memory"));
    let mut saboteur = RawClient::connect(&scene.address).expect("connected");
    for call in calls {
        if saboteur.send_within(&call, Duration::from_millis(500)).is_err() {
            break;
        }
    }
    let started = Instant::now();
    let (mut slowest, mut most) = (Duration::ZERO, (0, 0));
    while started.elapsed() < Duration::from_secs(8) {
        let asked = Instant::now();
        // A process of its own, since connections of one process share what they may have under way.
        assert_eq!(ask_within(scene, Duration::from_secs(30)).await["text"], "Hello?");
        slowest = slowest.max(asked.elapsed());
        let now = (resident(daemon).expect("memory"), resident(bus).expect("memory"));
        most = (most.0.max(now.0), most.1.max(now.1));
    }
    let grown = (most.0.saturating_sub(before.0) >> 20, most.1.saturating_sub(before.1) >> 20);
    eprintln!(
        "hobd grew by {} MiB, the bus by {} MiB; the slowest answer to others took {slowest:?}",
        grown.0, grown.1
    );
    assert!(grown.0 < 128, "hobd grew by {} MiB", grown.0);
    assert!(grown.1 < 64, "the bus grew by {} MiB", grown.1);
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_never_reads_its_signals_costs_bounded_memory_and_nobody_else() {
    let (scene, _stand_in, hob) = start().await;
    hob.complete("Warm up.", &plain()).await.expect("an answer");
    // Each answer is 4 MB in 20,000 pieces; a hundred of them are asked for.
    let asked = script(&"z".repeat(200), 20_000, 0);
    sabotage(&scene, (0..100).map(|_| ask_message(&asked))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_never_reads_what_it_searched_costs_bounded_memory_and_nobody_else() {
    let (scene, _stand_in, hob) = start().await;
    hob.complete("Warm up.", &plain()).await.expect("an answer");
    for n in 0..60 {
        scene
            .write(&format!("docs/{n}.md"), format!("# Whales {n}\n\n{}", "Whales sing. ".repeat(150)))
            .expect("written");
    }
    scene.index(&scene.folder().join("home/docs")).expect("indexed");
    let search = || {
        let options = HashMap::from([("limit", Variant::from(200u32))]);
        let call = zbus::Message::method_call(ROOT, "Search").interface("org.hob.Index1").destination(NAME);
        call.build(&("whales", options)).expect("a message").data().to_vec()
    };
    // Some 100 kB each: without a limit, 3,000 of them would fill the bus's queue and silence the daemon.
    sabotage(&scene, (0..3_000).map(|_| search())).await;
}
