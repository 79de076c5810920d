//! The skill with tools for text, in the sandbox: by calls and by words.

use super::project::{call, refusal};
use hob_tests::Scene;
use serde_json::json;

const ID: &str = "org.hob.text";

#[tokio::test(flavor = "multi_thread")]
async fn each_tool_answers_a_call() {
    let scene = Scene::start(None).await.expect("a scene");
    let counted = call(&scene, ID, "CountWords", r#"{"text": "one two\nthree"}"#);
    assert_eq!((&counted["data"]["words"], &counted["data"]["lines"]), (&json!(3), &json!(2)), "{counted}");
    let changed = call(&scene, ID, "ChangeCase", r#"{"text": "straße", "style": "upper"}"#);
    assert_eq!(changed["message"], "STRASSE");
    let sorted = call(&scene, ID, "TidyLines", r#"{"text": "b\na\nb"}"#);
    assert_eq!(sorted["data"]["lines"], json!(["a", "b", "b"]));
    let unique = call(&scene, ID, "TidyLines", r#"{"text": "b\na\nb", "action": "unique"}"#);
    assert_eq!(unique["message"], "b\na");
    let encoded = call(&scene, ID, "EncodeText", r#"{"text": "olá", "encoding": "base64"}"#);
    assert_eq!(encoded["message"], "b2zDoQ==");
    let decoded = call(&scene, ID, "EncodeText", r#"{"text": "b2zDoQ==", "direction": "decode"}"#);
    assert_eq!(decoded["data"], json!({"text": "olá", "encoding": "base64", "direction": "decode"}));
    let absent = call(&scene, ID, "CountWords", r#"{"text": "the clipboard"}"#);
    assert_eq!(absent["code"], "missing_text", "{absent}");
    let wrong = refusal(
        &scene.hob(&["skill", "call", ID, "ChangeCase", r#"{"text": "a", "style": "tall"}"#]).expect("hob runs"),
    );
    assert!(wrong.contains("style"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_lead_to_each_tool() {
    let scene = Scene::start(None).await.expect("a scene");
    for (asked, text) in [
        ("count the words in the quick brown fox jumps", "5 words, 25 characters, 1 sentence."),
        ("make the quick brown fox uppercase", "THE QUICK BROWN FOX"),
        ("sort these lines: pears, apples, figs", "apples, figs, pears"),
        ("remove the duplicates from red, blue, red", "red, blue"),
        ("encode hello world in base64", "aGVsbG8gd29ybGQ="),
        ("decode aGVsbG8gd29ybGQ from base64", "hello world"),
    ] {
        let answer = scene.hob_json(&["ask", asked]).expect("an answer");
        assert_eq!((&answer["route"], &answer["text"]), (&json!("skill"), &json!(text)), "{asked}: {answer}");
    }
}
