//! The skill that opens links and searches: a server of the Model Context Protocol in the sandbox, with the portal as its
//! only way out, and nothing opened unconfirmed.

use super::project::refusal;
use hob_sdk::client::{Hob, Options, Update};
use hob_tests::Scene;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use zbus::connection::Builder;
use zbus::{Connection, ObjectPath, OwnedVariant, interface};

const ID: &str = "org.hob.web";
const HANDLE: &str = "/org/freedesktop/portal/desktop/request/1_1/t";

fn confirmed(scene: &Scene, intent: &str, arguments: &Value) -> Value {
    scene.hob_json(&["skill", "call", "--yes", ID, intent, &arguments.to_string()]).expect("a result")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_opened_unconfirmed_and_without_a_portal_the_link_comes_back() {
    let scene = Scene::start(None).await.expect("a scene");
    for arguments in [["OpenLink", r#"{"address": "example.org"}"#], ["SearchWeb", r#"{"query": "otters"}"#]] {
        let refused = refusal(&scene.hob(&["skill", "call", ID, arguments[0], arguments[1]]).expect("hob runs"));
        assert!(refused.contains("reaches outside of this machine"), "{refused}");
    }
    let asked = refusal(&scene.hob(&["ask", "open the website debian.org"]).expect("hob runs"));
    assert!(
        asked.contains("Open a web address") && asked.contains("debian.org"),
        "it names what would happen: {asked}"
    );

    let link = confirmed(&scene, "OpenLink", &json!({"address": "example.org/a b"}));
    assert_eq!(link["status"], "error", "{link}");
    assert!(link["message"].as_str().is_some_and(|message| message.contains("blanks")), "{link}");
    let link = confirmed(&scene, "OpenLink", &json!({"address": "example.org/news"}));
    assert_eq!(
        (&link["uris"], &link["data"]),
        (&json!(["https://example.org/news"]), &json!({"opened": false})),
        "{link}"
    );
    let search = confirmed(&scene, "SearchWeb", &json!({"query": "otters & seals"}));
    assert_eq!(search["uris"], json!(["https://duckduckgo.com/?q=otters+%26+seals"]), "{search}");
    let wrong = refusal(&scene.hob(&["skill", "call", "--yes", ID, "OpenLink", "{}"]).expect("hob runs"));
    assert!(wrong.contains("address"), "{wrong}");
}

/// Stands in for the desktop's portal: notes the links, and says what came of them.
struct Portal {
    links: Arc<Mutex<Vec<String>>>,
    answer: u32,
}

#[interface(name = "org.freedesktop.portal.OpenURI")]
impl Portal {
    #[zbus(name = "OpenURI")]
    async fn open_uri(
        &self,
        #[zbus(connection)] bus: &Connection,
        _parent: String,
        link: String,
        _options: HashMap<String, OwnedVariant>,
    ) -> ObjectPath<'static> {
        self.links.lock().expect("a lock").push(link);
        let (bus, answer) = (bus.clone(), self.answer);
        tokio::spawn(async move {
            let results: HashMap<&str, OwnedVariant> = HashMap::new();
            let (of, body) = ("org.freedesktop.portal.Request", (answer, results));
            bus.emit_signal(None::<&str>, HANDLE, of, "Response", &body).await.expect("said");
        });
        ObjectPath::from_static_str_unchecked(HANDLE)
    }
}

async fn portal(scene: &Scene, answer: u32) -> (Connection, Arc<Mutex<Vec<String>>>) {
    let links = Arc::default();
    let portal = Portal { links: Arc::clone(&links), answer };
    let builder = Builder::address(scene.address.as_str()).serve_at("/org/freedesktop/portal/desktop", portal);
    (builder.name("org.freedesktop.portal.Desktop").build().await.expect("a portal"), links)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_opens_what_the_user_confirmed() {
    let mut scene = Scene::bus_only(None).expect("a scene");
    let settings = "[skills.settings.\"org.hob.web\"]\nengine = \"https://search.example/?words={query}\"\n";
    std::fs::write(scene.folder().join("config/hob/hob.toml"), settings).expect("settings");
    scene.start_daemon().await.expect("a daemon");
    let (_portal, links) = portal(&scene, 0).await;
    let hob = Hob::over(scene.connect().await.expect("the bus"));
    let mut request = hob.ask("search the web for otters", Options::new()).await.expect("a request");
    let mut asked = String::new();
    let answer = loop {
        match request.next_update().await.expect("an update").expect("no error") {
            Update::Confirm { action, .. } => {
                assert!(links.lock().expect("a lock").is_empty(), "it waits for the word");
                asked = action;
                request.answer(true).await.expect("answered");
            }
            Update::Finished(end) => break end.into_answer().expect("an answer"),
            _ => {}
        }
    };
    assert!(asked.contains("Search the web") && asked.contains("otters"), "{asked}");
    assert_eq!(answer.text, "The search for otters is opening in the browser.");
    assert_eq!(*links.lock().expect("a lock"), ["https://search.example/?words=otters"], "the engine that is set");
    let opened = confirmed(&scene, "OpenLink", &json!({"address": "bücher.example"}));
    assert_eq!((&opened["uris"], &opened["data"]["opened"]), (&json!(["https://xn--bcher-kva.example"]), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_the_desktop_does_not_open_is_an_error() {
    let scene = Scene::start(None).await.expect("a scene");
    let (_portal, _links) = portal(&scene, 1).await;
    let refused = confirmed(&scene, "OpenLink", &json!({"address": "example.org"}));
    assert_eq!(refused["status"], "error", "{refused}");
    assert!(refused["message"].as_str().is_some_and(|m| m.contains("no browser was chosen")), "{refused}");
}
