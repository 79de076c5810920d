//! The system skill against services that dbusmock plays: what it says, what it changes, and that undo sets it back.

use super::project::listed;
use hob_tests::dbusmock::{Mock, has_dbusmock};
use hob_tests::{Scene, programs};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use zbus::Variant;

const ID: &str = "org.hob.system";
const LOGIN: (&str, &str) = ("org.freedesktop.login1", "/org/freedesktop/login1");
const SESSION: (&str, &str) = ("/org/freedesktop/login1/session/auto", "org.freedesktop.login1.Session");
const NOTIFICATIONS: (&str, &str) = ("org.freedesktop.Notifications", "/org/freedesktop/Notifications");

/// A scene whose bus is the system bus too, and whose backlight is a folder of the test's. It lies in the skill's own
/// storage, since the sandbox lets the skill read the kernel's files and its own, and nothing else.
async fn scene() -> Scene {
    let mut scene = Scene::bus_only(None).expect("a bus");
    let sysfs = sysfs(&scene);
    let settings = format!("[skills.settings.\"{ID}\"]\nsysfs = \"{}\"\n", sysfs.display());
    std::fs::write(scene.folder().join("config/hob/hob.toml"), settings).expect("settings");
    let bus = vec![("DBUS_SYSTEM_BUS_ADDRESS".to_string(), scene.address.clone())];
    scene.use_daemon(programs().join("hobd"), bus);
    scene.start_daemon().await.expect("a daemon");
    scene
}

fn sysfs(scene: &Scene) -> PathBuf {
    scene.folder().join("data/hob/skill-data").join(ID).join("sys")
}

fn put(folder: &Path, files: &[(&str, &str)]) {
    std::fs::create_dir_all(folder).expect("a folder");
    for (file, text) in files {
        std::fs::write(folder.join(file), format!("{text}\n")).expect("written");
    }
}

/// Calls an intent, which has to answer, well or not.
fn call(scene: &Scene, intent: &str, arguments: &Value) -> Value {
    scene.hob_json(&["skill", "call", ID, intent, &arguments.to_string()]).expect("a result")
}

fn message(result: &Value) -> &str {
    result["message"].as_str().unwrap_or_default()
}

/// Undoes the latest change.
fn undo(scene: &Scene) -> Value {
    let result = scene.hob_json(&["skill", "undo"]).expect("undone");
    assert_eq!(result["status"], "success", "{result}");
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn the_battery_is_told_in_each_state() {
    if !has_dbusmock() {
        return;
    }
    let scene = scene().await;
    let absent = call(&scene, "BatteryStatus", &json!({}));
    assert_eq!(absent["code"], "unavailable");
    assert!(message(&absent).starts_with("UPower is not running"), "{absent}");
    let upower =
        Mock::template(&scene, "upower", "org.freedesktop.UPower", "/org/freedesktop/UPower").await.expect("UPower");
    let none = call(&scene, "BatteryStatus", &json!({}));
    assert_eq!(
        (message(&none), &none["data"]["present"]),
        ("This machine has no battery; it runs on mains power.", &json!(false))
    );
    let set = async |state: u32, percent: f64, to_empty: i64, to_full: i64| {
        let body = (2u32, state, percent, percent, 100.0, 10.0, to_empty, to_full, true, "", 1u32);
        upower.control("SetupDisplayDevice", &body).await.expect("a battery");
    };
    set(2, 41.0, 5400, 0).await;
    let left = call(&scene, "BatteryStatus", &json!({}));
    assert_eq!(message(&left), "The battery is at 41%; about 1 hour and 30 minutes are left.");
    assert_eq!((&left["data"]["seconds_left"], &left["data"]["charging"]), (&json!(5400), &json!(false)));
    set(1, 82.0, 0, 2700).await;
    let charging = call(&scene, "BatteryStatus", &json!({}));
    assert_eq!(message(&charging), "The battery is at 82% and charging; full in about 45 minutes.");
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_and_memory_are_told_without_any_service() {
    let scene = Scene::start(None).await.expect("a scene");
    let disk = call(&scene, "DiskSpace", &json!({}));
    assert_eq!(disk["status"], "success", "the sandbox lets it measure: {disk}");
    assert!(disk["data"]["disks"][0]["total_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{disk}");
    let memory = call(&scene, "MemoryStatus", &json!({}));
    assert!(memory["data"]["available_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{memory}");
    assert!(message(&memory).contains("memory are in use"), "{memory}");
    // The kernel's interfaces are within reach too, and the missing bus is named.
    let network = call(&scene, "NetworkStatus", &json!({}));
    assert_eq!(network["status"], "success", "{network}");
    assert!(message(&network).contains("NetworkManager can't be asked"), "{network}");
    let battery = call(&scene, "BatteryStatus", &json!({}));
    assert!(message(&battery).starts_with("UPower can't be asked: There is no such message bus"), "{battery}");
    assert_eq!(listed(&scene, ID)["state"], "unloadable", "one process answered all of it");
}

fn path(path: &str) -> Variant<'static> {
    Variant::from(zbus::ObjectPath::try_from(path.to_string()).expect("a path"))
}

fn paths(paths: &[&str]) -> Variant<'static> {
    let paths = paths.iter().map(|path| zbus::ObjectPath::try_from(path.to_string()).expect("a path"));
    Variant::from(paths.collect::<Vec<_>>())
}

/// Lets NetworkManager be connected by Wi-Fi, and through a VPN over that.
async fn connect(manager: &Mock, name: &str) {
    let (wifi, vpn) = ("/org/freedesktop/NetworkManager/Active/1", "/org/freedesktop/NetworkManager/Active/2");
    let (point, config) =
        ("/org/freedesktop/NetworkManager/AccessPoint/1", "/org/freedesktop/NetworkManager/IP4Config/1");
    let active = paths(&[wifi, vpn]);
    let properties = [("Connectivity", 4u32.into()), ("WirelessEnabled", true.into()), ("ActiveConnections", active)];
    manager.add_properties(name, &properties).await.expect("properties");
    let of = |kind: &'static str, id: &'static str, of: &str| {
        let mut all = vec![("Type", kind.into()), ("Id", id.into()), ("Vpn", (kind == "vpn").into())];
        all.extend([("State", 2u32.into()), ("Default", true.into())]);
        all.extend([("SpecificObject", path(of)), ("Ip4Config", path(config))]);
        all
    };
    let interface = "org.freedesktop.NetworkManager.Connection.Active";
    manager.add_object(wifi, interface, &of("802-11-wireless", "home 1", point), &[]).await.expect("a connection");
    manager.add_object(vpn, interface, &of("vpn", "Work", "/"), &[]).await.expect("a connection");
    let heard = [("Ssid", Variant::from(b"Casa".to_vec())), ("Strength", 72u8.into())];
    manager.add_object(point, "org.freedesktop.NetworkManager.AccessPoint", &heard, &[]).await.expect("a point");
    let address = vec![std::collections::HashMap::from([("address", Variant::from("192.0.2.7"))])];
    let own = [("AddressData", Variant::from(address))];
    manager.add_object(config, "org.freedesktop.NetworkManager.IP4Config", &own, &[]).await.expect("an address");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_is_told_by_name() {
    if !has_dbusmock() {
        return;
    }
    let scene = scene().await;
    put(&sysfs(&scene).join("class/net/eth0"), &[("operstate", "up"), ("type", "1")]);
    let by_kernel = call(&scene, "NetworkStatus", &json!({}));
    assert!(message(&by_kernel).starts_with("Connected by eth0. NetworkManager is not running"), "{by_kernel}");
    assert_eq!(by_kernel["data"]["internet"], Value::Null);
    let name = "org.freedesktop.NetworkManager";
    let manager = Mock::empty(&scene, name, "/org/freedesktop/NetworkManager").await.expect("NetworkManager");
    connect(&manager, name).await;
    let told = call(&scene, "NetworkStatus", &json!({}));
    let said = "Connected by Wi-Fi to Casa (signal 72%) and through the VPN Work. The internet is within reach.";
    assert_eq!(message(&told), said, "{told}");
    assert_eq!(told["data"]["connections"][0]["address"], "192.0.2.7");
    manager.set("/org/freedesktop/NetworkManager", name, "Connectivity", 2u32.into()).await.expect("set");
    let portal = call(&scene, "NetworkStatus", &json!({}));
    assert_eq!((&portal["data"]["internet"], &portal["data"]["sign_in_needed"]), (&json!(false), &json!(true)));
    let nothing = paths(&[]);
    manager.set("/org/freedesktop/NetworkManager", name, "ActiveConnections", nothing).await.expect("set");
    manager.set("/org/freedesktop/NetworkManager", name, "WirelessEnabled", false.into()).await.expect("set");
    let off = call(&scene, "NetworkStatus", &json!({}));
    assert_eq!(message(&off), "This machine is not connected to any network. Wi-Fi is switched off.");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brightness_is_set_through_logind_and_set_back() {
    if !has_dbusmock() {
        return;
    }
    let scene = scene().await;
    let none = call(&scene, "GetBrightness", &json!({}));
    assert_eq!(message(&none), "This machine has no screen whose brightness can be set.");
    let light = sysfs(&scene).join("class/backlight/panel");
    put(&light, &[("type", "raw"), ("max_brightness", "400"), ("brightness", "300")]);
    assert_eq!(message(&call(&scene, "GetBrightness", &json!({}))), "The screen's brightness is 75%.");
    let without = call(&scene, "SetBrightness", &json!({"percent": 40}));
    assert!(message(&without).starts_with("The log-in service (systemd-logind) is not running"), "{without}");

    let login = Mock::empty(&scene, LOGIN.0, LOGIN.1).await.expect("logind");
    let writes = format!(
        "assert args[:2] == ['backlight', 'panel']; open('{}', 'w').write(str(args[2]))",
        light.join("brightness").display()
    );
    login.add_object(SESSION.0, SESSION.1, &[], &[("SetBrightness", "ssu", "", &writes)]).await.expect("a session");
    let level = || std::fs::read_to_string(light.join("brightness")).expect("a level").trim().to_string();
    let set = call(&scene, "SetBrightness", &json!({"percent": 40}));
    assert_eq!((message(&set), level().as_str()), ("The screen's brightness is 40% now.", "160"), "{set}");
    call(&scene, "SetBrightness", &json!({"change": "down", "by": 20}));
    assert_eq!(level(), "80");
    undo(&scene);
    assert_eq!(level(), "160");
    undo(&scene);
    assert_eq!(level(), "80", "what was undone can be undone");
    call(&scene, "SetBrightness", &json!({"change": "min"}));
    assert_eq!(level(), "4", "never black");
    let wrong = call(&scene, "SetBrightness", &json!({"percent": 400}));
    assert_eq!((&wrong["code"], level().as_str()), (&json!("invalid_argument"), "4"));
}

#[tokio::test(flavor = "multi_thread")]
async fn power_profiles_are_chosen_under_either_name() {
    if !has_dbusmock() {
        return;
    }
    let scene = scene().await;
    let absent = call(&scene, "GetPowerProfile", &json!({}));
    assert!(message(&absent).contains("power-profiles-daemon or tuned-ppd) is not running"), "{absent}");
    let old = ("net.hadess.PowerProfiles", "/net/hadess/PowerProfiles");
    let old_mock = Mock::template(&scene, "power_profiles_daemon", old.0, old.1).await.expect("profiles");
    check_profiles(&scene, &old_mock, old).await;
    drop(old_mock);

    let new = ("org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles");
    let mock = Mock::empty(&scene, new.0, new.1).await.expect("profiles");
    let offered: Vec<_> = ["power-saver", "balanced"]
        .map(|name| std::collections::HashMap::from([("Profile", Variant::from(name))]))
        .into();
    let properties = [
        ("ActiveProfile", "balanced".into()),
        ("PerformanceDegraded", "".into()),
        ("Profiles", Variant::from(offered)),
    ];
    mock.add_properties(new.0, &properties).await.expect("properties");
    check_profiles(&scene, &mock, new).await;
    let lacking = call(&scene, "SetPowerProfile", &json!({"profile": "performance"}));
    assert_eq!(
        (&lacking["code"], message(&lacking)),
        (&json!("not_found"), "This machine does not offer performance.")
    );
    assert_eq!(lacking["suggestion"], "There is power saver and balanced.");
}

async fn check_profiles(scene: &Scene, mock: &Mock, (name, path): (&'static str, &'static str)) {
    let active =
        async || String::try_from(mock.get(path, name, "ActiveProfile").await.expect("a profile")).expect("a text");
    let told = call(scene, "GetPowerProfile", &json!({}));
    assert!(message(&told).starts_with("The power profile is balanced; there is also power saver"), "{told}");
    let set = call(scene, "SetPowerProfile", &json!({"profile": "power-saver"}));
    assert_eq!((message(&set), active().await.as_str()), ("The power profile is power saver now.", "power-saver"));
    undo(scene);
    assert_eq!(active().await, "balanced");
}

/// Plasma's notifications, which count who inhibits them.
struct Plasma {
    server: Mock,
}

impl Plasma {
    async fn start(scene: &Scene) -> Self {
        let server = Mock::empty(scene, NOTIFICATIONS.0, NOTIFICATIONS.1).await.expect("a server");
        let interface = NOTIFICATIONS.0;
        let count = |by: &str| {
            let counted = format!("self.count = getattr(self, 'count', 0) {by} 1");
            format!("{counted}; self.UpdateProperties('{interface}', {{'Inhibited': dbus.Boolean(self.count > 0)}})")
        };
        let (inhibit, lift) = (format!("{}; ret = 7", count("+")), count("-"));
        let methods = [
            ("GetCapabilities", "", "as", "ret = ['body', 'inhibitions']"),
            ("Inhibit", "ssa{sv}", "u", inhibit.as_str()),
            ("UnInhibit", "u", "", lift.as_str()),
        ];
        server.add_methods(interface, &methods).await.expect("methods");
        server.add_properties(interface, &[("Inhibited", false.into())]).await.expect("properties");
        Self { server }
    }

    async fn is_inhibited(&self) -> bool {
        let told = self.server.get(NOTIFICATIONS.1, NOTIFICATIONS.0, "Inhibited").await.expect("told");
        bool::try_from(told).expect("a truth")
    }
}

/// The calls that the skill asked for at a later time.
fn planned(scene: &Scene) -> String {
    std::fs::read_to_string(scene.folder().join("state/hob/wakes.json")).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn plasma_s_notifications_are_held_back_until_told_otherwise() {
    if !has_dbusmock() {
        return;
    }
    let scene = scene().await;
    let absent = call(&scene, "DoNotDisturb", &json!({}));
    assert!(message(&absent).starts_with("A notification service is not running"), "{absent}");
    let plasma = Plasma::start(&scene).await;
    let on = call(&scene, "DoNotDisturb", &json!({}));
    assert_eq!((message(&on), plasma.is_inhibited().await), ("Do not disturb is on.", true));
    assert!(planned(&scene).contains("KeepQuiet") && !planned(&scene).contains("quiet-over"), "{}", planned(&scene));
    call(&scene, "KeepQuiet", &json!({}));
    assert!(plasma.is_inhibited().await);
    undo(&scene);
    assert!(!plasma.is_inhibited().await && !planned(&scene).contains("KeepQuiet"), "{}", planned(&scene));
    let hour = call(&scene, "DoNotDisturb", &json!({"state": "on", "duration": "PT1H"}));
    assert_eq!((message(&hour), plasma.is_inhibited().await), ("Do not disturb is on for 1 hour.", true));
    assert!(planned(&scene).contains("quiet-over"), "{}", planned(&scene));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_ended_on_the_screen_and_what_others_hold_back_stays_so() {
    if !has_dbusmock() {
        return;
    }
    let scene = scene().await;
    let plasma = Plasma::start(&scene).await;
    call(&scene, "DoNotDisturb", &json!({"duration": "PT1H"}));
    plasma.server.set(NOTIFICATIONS.1, NOTIFICATIONS.0, "Inhibited", false.into()).await.expect("set");
    call(&scene, "KeepQuiet", &json!({}));
    assert!(!plasma.is_inhibited().await && !planned(&scene).contains("quiet"), "{}", planned(&scene));
    // A process that was ended meanwhile holds nothing, and begins again.
    call(&scene, "KeepQuiet", &json!({}));
    assert!(plasma.is_inhibited().await && planned(&scene).contains("keep-quiet"), "{}", planned(&scene));
    // The first one was never lifted, so that somebody else's stands for the service.
    let off = call(&scene, "DoNotDisturb", &json!({"state": "off"}));
    assert!(message(&off).contains("another program") && plasma.is_inhibited().await, "{off}");
    assert!(!planned(&scene).contains("quiet"), "{}", planned(&scene));
}

#[tokio::test(flavor = "multi_thread")]
async fn switches_of_other_notification_services_are_turned_and_turned_back() {
    if !has_dbusmock() {
        return;
    }
    let scene = scene().await;
    let server = Mock::empty(&scene, NOTIFICATIONS.0, NOTIFICATIONS.1).await.expect("a server");
    let methods = [
        ("GetCapabilities", "", "as", "ret = ['body']"),
        ("GetServerInformation", "", "ssss", "ret = ('gnome-shell', 'GNOME', '48', '1.2')"),
    ];
    server.add_methods(NOTIFICATIONS.0, &methods).await.expect("methods");
    let gnome = call(&scene, "DoNotDisturb", &json!({}));
    assert_eq!(gnome["code"], "unavailable");
    assert_eq!(message(&gnome), "gnome-shell has no way for programs to turn do not disturb on or off.");

    server.add_properties("org.dunstproject.cmd0", &[("paused", false.into())]).await.expect("properties");
    let paused = async || {
        bool::try_from(server.get(NOTIFICATIONS.1, "org.dunstproject.cmd0", "paused").await.expect("told"))
            .expect("a truth")
    };
    call(&scene, "DoNotDisturb", &json!({}));
    assert!(paused().await);
    let off = call(&scene, "DoNotDisturb", &json!({"state": "off"}));
    assert_eq!((message(&off), paused().await), ("Do not disturb is off.", false));
    undo(&scene);
    assert!(paused().await, "undoing the end begins it again");

    let name = "org.erikreider.swaync.cc";
    let sway = Mock::empty(&scene, name, "/org/erikreider/swaync/cc").await.expect("swaync");
    let methods = [("GetDnd", "", "b", "ret = getattr(self, 'dnd', False)"), ("SetDnd", "b", "", "self.dnd = args[0]")];
    sway.add_methods(name, &methods).await.expect("methods");
    let on = call(&scene, "DoNotDisturb", &json!({}));
    assert_eq!((&on["data"]["on"], &on["data"]["before"]["do_not_disturb"]["on"]), (&json!(true), &json!(false)));
    let off = call(&scene, "DoNotDisturb", &json!({"state": "off"}));
    assert_eq!(off["data"]["before"]["do_not_disturb"]["on"], json!(true), "it was really on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_is_locked_by_whoever_can() {
    if !has_dbusmock() {
        return;
    }
    let scene = scene().await;
    let absent = call(&scene, "LockScreen", &json!({}));
    assert!(message(&absent).starts_with("A screen lock is not running"), "{absent}");
    let login = Mock::empty(&scene, LOGIN.0, LOGIN.1).await.expect("logind");
    login
        .add_object(SESSION.0, SESSION.1, &[("LockedHint", false.into())], &[("Lock", "", "", "")])
        .await
        .expect("a session");
    let unsure = call(&scene, "LockScreen", &json!({}));
    assert_eq!((&unsure["status"], &unsure["data"]["locked"]), (&json!("success"), &Value::Null));
    assert!(message(&unsure).contains("nothing confirmed"), "{unsure}");
    {
        let saver = "org.freedesktop.ScreenSaver";
        let kde = Mock::empty(&scene, saver, "/org/freedesktop/ScreenSaver").await.expect("a lock");
        kde.add_properties(saver, &[("Locked", false.into())]).await.expect("properties");
        let locks = format!("self.UpdateProperties('{saver}', {{'Locked': dbus.Boolean(True)}})");
        kde.add_methods(saver, &[("Lock", "", "", &locks)]).await.expect("methods");
        assert_eq!(message(&call(&scene, "LockScreen", &json!({}))), "The screen is locked.");
        let locked = kde.get("/org/freedesktop/ScreenSaver", saver, "Locked").await.expect("told");
        assert_eq!(bool::try_from(locked).ok(), Some(true));
    }
    login.set(SESSION.0, SESSION.1, "LockedHint", true.into()).await.expect("set");
    let hinted = call(&scene, "LockScreen", &json!({}));
    assert_eq!((message(&hinted), &hinted["data"]["locked"]), ("The screen is locked.", &json!(true)));
    assert!(hinted.get("action").is_none(), "unlocking takes the user");
}
