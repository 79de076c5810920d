//! The media skill against players that dbusmock plays: each intent, its effect on the player, and its undo.

use hob_tests::Scene;
use hob_tests::dbusmock::{Mock, has_dbusmock};
use serde_json::{Value, json};
use std::collections::HashMap;
use zbus::{OwnedVariant, Variant};

const ID: &str = "org.hob.media";
const PATH: &str = "/org/mpris/MediaPlayer2";
const ROOT: &str = "org.mpris.MediaPlayer2";
const PLAYER: &str = "org.mpris.MediaPlayer2.Player";

/// A player with three tracks of three minutes.
struct Player {
    mock: Mock,
}

impl Player {
    /// Plays one under that name; `track` is the one under way, from 0.
    async fn start(scene: &Scene, name: &'static str, title: &str, status: &str, track: u8) -> Self {
        let mock = Mock::empty(scene, name, PATH).await.expect("a player");
        mock.add_properties(ROOT, &[("Identity", title.into())]).await.expect("properties");
        let metadata: HashMap<&str, Variant<'_>> = HashMap::new();
        let properties = [
            ("PlaybackStatus", status.into()),
            ("Volume", 0.6.into()),
            ("Position", 5_000_000i64.into()),
            ("CanGoNext", true.into()),
            ("CanGoPrevious", true.into()),
            ("CanSeek", true.into()),
            ("Metadata", Variant::from(metadata)),
        ];
        mock.add_properties(PLAYER, &properties).await.expect("properties");
        let methods = methods();
        let methods: Vec<_> = methods.iter().map(|(name, takes, code)| (*name, *takes, "", code.as_str())).collect();
        mock.add_methods(PLAYER, &methods).await.expect("methods");
        let player = Self { mock };
        player.put(scene, name, track).await;
        player
    }

    /// Puts it five seconds into a track.
    async fn put(&self, scene: &Scene, name: &str, track: u8) {
        let bus = scene.connect().await.expect("the bus");
        bus.call_method(Some(name), PATH, Some(PLAYER), "Put", &i32::from(track)).await.expect("put");
        self.set("Position", 5_000_000i64.into()).await;
    }

    async fn set(&self, property: &str, value: Variant<'_>) {
        let body = (PLAYER, HashMap::from([(property, value)]));
        self.mock.control("UpdateProperties", &body).await.expect("set");
    }

    async fn get(&self, property: &str) -> OwnedVariant {
        self.mock.get(PATH, PLAYER, property).await.expect("a property")
    }

    /// Whether it plays, its track, and the seconds into it.
    async fn state(&self) -> (String, String, i64) {
        let status = String::try_from(self.get("PlaybackStatus").await).expect("a text");
        let metadata: HashMap<String, OwnedVariant> = self.get("Metadata").await.try_into().expect("metadata");
        let title = <&str>::try_from(&metadata["xesam:title"]).expect("a title").to_string();
        let position = i64::try_from(self.get("Position").await).expect("a position");
        (status, title, position / 1_000_000)
    }

    async fn is(&self, status: &str, title: &str, seconds: i64) {
        assert_eq!(self.state().await, (status.to_string(), title.to_string(), seconds));
    }

    async fn volume(&self) -> f64 {
        f64::try_from(self.get("Volume").await).expect("a volume")
    }
}

/// What a player does: the method, what it takes, and its work in Python.
fn methods() -> Vec<(&'static str, &'static str, String)> {
    let update = |what: &str| format!("self.UpdateProperties('{PLAYER}', {{{what}}})");
    let state = |status: &str| update(&format!("'PlaybackStatus': '{status}'"));
    let at = |position: &str| update(&format!("'Position': dbus.Int64({position})"));
    let track = "dbus.Dictionary({'mpris:trackid': dbus.ObjectPath('/track/%d' % self.track), \
                 'xesam:title': ['Gaivota', 'Barco Negro', 'Estranha'][self.track], \
                 'xesam:artist': dbus.Array(['Amália'], signature='s'), \
                 'mpris:length': dbus.Int64(180000000)}, signature='sv')";
    let go = |to: &str| format!("self.track = {to}; self.Set('{PLAYER}', 'Metadata', {track}); {}", at("0"));
    let now = format!("self.props['{PLAYER}']['Position']");
    // As many do: the first time it goes to the start of the same track.
    let back = go("max(self.track - 1, 0)");
    let previous = format!("if {now} > 3000000:\n  {}\nelse:\n  {back}", at("0"));
    vec![
        ("Play", "", state("Playing")),
        ("Pause", "", state("Paused")),
        ("Stop", "", state("Stopped")),
        ("Next", "", go("min(self.track + 1, 2)")),
        ("Previous", "", previous),
        ("SetPosition", "ox", at("args[1]")),
        ("Seek", "x", at(&format!("max(0, {now} + args[0])"))),
        ("Put", "i", go("args[0]")),
    ]
}

fn call(scene: &Scene, intent: &str, arguments: &Value) -> Value {
    scene.hob_json(&["skill", "call", ID, intent, &arguments.to_string()]).expect("a result")
}

/// Calls an intent without arguments, which must succeed; what it says.
fn done(scene: &Scene, intent: &str) -> String {
    let result = call(scene, intent, &json!({}));
    assert_eq!(result["status"], "success", "{intent}: {result}");
    result["message"].as_str().unwrap_or_default().to_string()
}

fn undo(scene: &Scene) {
    let result = scene.hob_json(&["skill", "undo"]).expect("undone");
    assert_eq!(result["status"], "success", "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn playing_pausing_and_stopping_are_done_and_undone() {
    if !has_dbusmock() {
        return;
    }
    let scene = Scene::start(None).await.expect("a scene");
    let nobody = call(&scene, "Play", &json!({}));
    assert_eq!((&nobody["code"], &nobody["message"]), (&json!("unavailable"), &json!("No media player is running.")));
    let player = Player::start(&scene, "org.mpris.MediaPlayer2.one", "One", "Paused", 0).await;
    assert_eq!(call(&scene, "Pause", &json!({}))["code"], "not_playing");
    assert_eq!(done(&scene, "Play"), "Playing: Gaivota by Amália.");
    player.is("Playing", "Gaivota", 5).await;
    assert_eq!(done(&scene, "Play"), "One is playing already.");
    assert_eq!(done(&scene, "WhatIsPlaying"), "One is playing Gaivota by Amália.");
    assert_eq!(done(&scene, "Pause"), "One is paused.");
    player.is("Paused", "Gaivota", 5).await;
    undo(&scene);
    player.is("Playing", "Gaivota", 5).await;
    undo(&scene);
    player.is("Paused", "Gaivota", 5).await;
    assert_eq!(done(&scene, "Stop"), "One has stopped.");
    player.is("Stopped", "Gaivota", 5).await;
    assert_eq!(done(&scene, "WhatIsPlaying"), "Nothing is playing.");
    undo(&scene);
    player.is("Paused", "Gaivota", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn skipping_and_moving_are_done_and_undone() {
    if !has_dbusmock() {
        return;
    }
    let scene = Scene::start(None).await.expect("a scene");
    let player = Player::start(&scene, "org.mpris.MediaPlayer2.one", "One", "Playing", 1).await;
    assert_eq!(done(&scene, "Next"), "Now: Estranha by Amália.");
    player.is("Playing", "Estranha", 0).await;
    player.set("Position", 20_000_000i64.into()).await;
    undo(&scene);
    player.is("Playing", "Barco Negro", 5).await;
    undo(&scene);
    player.is("Playing", "Estranha", 20).await;
    player.set("Position", 0i64.into()).await;
    assert_eq!(done(&scene, "Previous"), "Now: Barco Negro by Amália.");
    undo(&scene);
    player.is("Playing", "Estranha", 0).await;

    player.set("Position", 60_000_000i64.into()).await;
    let ahead = call(&scene, "Seek", &json!({"offset": "PT30S"}));
    assert_eq!(ahead["message"], "30 seconds ahead.", "{ahead}");
    player.is("Playing", "Estranha", 90).await;
    call(&scene, "Seek", &json!({"offset": "PT1M", "direction": "back"}));
    player.is("Playing", "Estranha", 30).await;
    undo(&scene);
    player.is("Playing", "Estranha", 90).await;
    call(&scene, "Seek", &json!({"direction": "start"}));
    player.is("Playing", "Estranha", 0).await;
    let too_far = call(&scene, "Seek", &json!({"offset": "PT10M"}));
    assert_eq!(too_far["message"], "Only 180 seconds are left of it.");
    player.set("CanGoNext", false.into()).await;
    assert_eq!(call(&scene, "Next", &json!({}))["message"], "One has no next track.");
    player.set("CanSeek", false.into()).await;
    assert_eq!(call(&scene, "Seek", &json!({}))["code"], "unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_player_s_volume_is_set_and_set_back() {
    if !has_dbusmock() {
        return;
    }
    let scene = Scene::start(None).await.expect("a scene");
    let nobody = call(&scene, "SetPlayerVolume", &json!({"percent": 30}));
    let suggestion = nobody["suggestion"].as_str().unwrap_or_default();
    assert!(suggestion.contains("loudspeakers"), "what can't be done is said: {nobody}");
    let player = Player::start(&scene, "org.mpris.MediaPlayer2.one", "One", "Playing", 0).await;
    let set = call(&scene, "SetPlayerVolume", &json!({"percent": 30}));
    assert_eq!((&set["message"], player.volume().await), (&json!("One plays at 30% volume."), 0.3));
    call(&scene, "SetPlayerVolume", &json!({"change": "up", "by": 20}));
    assert_eq!(player.volume().await, 0.5);
    let muted = call(&scene, "SetPlayerVolume", &json!({"change": "mute"}));
    assert_eq!((&muted["message"], player.volume().await), (&json!("One is muted."), 0.0));
    call(&scene, "SetPlayerVolume", &json!({"change": "unmute"}));
    assert_eq!(player.volume().await, 0.5);
    undo(&scene);
    assert_eq!(player.volume().await, 0.0);
    player.is("Playing", "Gaivota", 5).await;
    let wrong = call(&scene, "SetPlayerVolume", &json!({"percent": 200}));
    assert_eq!((&wrong["code"], player.volume().await), (&json!("invalid_argument"), 0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_players_the_playing_one_is_meant_else_the_most_recent() {
    if !has_dbusmock() {
        return;
    }
    let scene = Scene::start(None).await.expect("a scene");
    let one = Player::start(&scene, "org.mpris.MediaPlayer2.one", "One", "Playing", 0).await;
    let two = Player::start(&scene, "org.mpris.MediaPlayer2.two.instance7", "Two", "Paused", 1).await;
    assert_eq!(done(&scene, "Pause"), "One is paused.");
    two.is("Paused", "Barco Negro", 5).await;
    // Both rest: the one that was used last goes on, though the other came later.
    assert_eq!(done(&scene, "Play"), "Playing: Gaivota by Amália.");
    one.set("PlaybackStatus", "Paused".into()).await;
    two.set("PlaybackStatus", "Playing".into()).await;
    assert_eq!(done(&scene, "WhatIsPlaying"), "Two is playing Barco Negro by Amália.");
    two.set("PlaybackStatus", "Paused".into()).await;
    assert!(done(&scene, "WhatIsPlaying").contains("Two is paused"), "it was seen last");
    // Where playerctld runs, it knows better.
    let keeper = Mock::empty(&scene, "org.mpris.MediaPlayer2.playerctld", PATH).await.expect("playerctld");
    let names = vec!["org.mpris.MediaPlayer2.one", "org.mpris.MediaPlayer2.two.instance7"];
    keeper.add_properties("com.github.altdesktop.playerctld", &[("PlayerNames", names.into())]).await.expect("names");
    assert!(done(&scene, "WhatIsPlaying").contains("One is paused"));
    assert_eq!(done(&scene, "Play"), "Playing: Gaivota by Amália.");
    one.is("Playing", "Gaivota", 5).await;
    two.is("Paused", "Barco Negro", 5).await;
}
