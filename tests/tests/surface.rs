//! The public D-Bus surface is a reviewed file: it changes only when that is meant.

use hob_sdk::client::{Hob, Options};
use hob_tests::{NAME, ROOT, Scene, project};

#[tokio::test(flavor = "multi_thread")]
async fn introspection_is_the_reviewed_one() {
    let scene = Scene::start(None).await.expect("a scene");
    let bus = scene.connect().await.expect("the bus");
    let hob = Hob::over(bus.clone());
    let session = hob.assistant().await.expect("a proxy").open_session(&Options::new()).await.expect("a session");
    // Without a model it fails at once; its object stays for a moment.
    let request = hob.ask("Hi", Options::new().with("context", "none")).await.expect("a request");
    let mut xml = String::new();
    for path in [ROOT, session.as_str(), request.path()] {
        let proxy = zbus::fdo::IntrospectableProxy::builder(&bus).destination(NAME).path(path);
        let whole = proxy.build().await.expect("a proxy").introspect().await.expect("introspection");
        // Child nodes are described within their parents; here each object speaks for itself.
        xml.push_str(whole.split("<node name=").next().unwrap_or_default());
    }
    let now = ours(&xml);
    let file = project().join("docs/dbus/org.hob.Hob1.xml");
    if std::env::var_os("HOB_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(&file, &now).expect("written");
    }
    let reviewed = std::fs::read_to_string(&file).expect("the reviewed file");
    assert!(
        now == reviewed,
        "the D-Bus surface differs from {}; if that is meant, run this test with HOB_BLESS=1, review the change and say it in CHANGELOG.md",
        file.display()
    );
}

/// Our own interfaces, without those that every object has and without child nodes, which come
/// and go; sorted, since the order is the server's affair.
fn ours(xml: &str) -> String {
    let mut interfaces: Vec<String> = xml
        .split("<interface ")
        .skip(1)
        .filter(|part| part.starts_with("name=\"org.hob."))
        .filter_map(|part| part.split_once("</interface>"))
        .map(|(body, _)| format!("  <interface {}</interface>\n", trimmed(body)))
        .collect();
    interfaces.sort();
    format!("<node>\n{}</node>\n", interfaces.concat())
}

fn trimmed(body: &str) -> String {
    body.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
