use super::*;

fn granted() -> Granted {
    Granted::from_arguments(["--dbus=org.example.A".to_string()].into_iter()).expect("good arguments")
}

/// A call as a client writes it.
fn call(destination: &str, member: &str, argument: &str) -> Message {
    let mut fields = Vec::new();
    for (code, text) in [(3u8, member), (6, destination)] {
        fields.resize(fields.len().next_multiple_of(8), 0);
        fields.extend([code, 1, b's', 0]);
        fields.extend((text.len() as u32).to_le_bytes());
        fields.extend(text.as_bytes());
        fields.push(0);
    }
    fields.resize(fields.len().next_multiple_of(8), 0);
    fields.extend([8, 1, b'g', 0, 1, b's', 0]);
    let mut bytes = vec![b'l', 1, 0, 1];
    bytes.extend((argument.len() as u32 + 5).to_le_bytes());
    bytes.extend(7u32.to_le_bytes());
    bytes.extend((fields.len() as u32).to_le_bytes());
    bytes.extend(fields);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend((argument.len() as u32).to_le_bytes());
    bytes.extend(argument.as_bytes());
    bytes.push(0);
    Message::read(&mut bytes.as_slice()).expect("a message").expect("one")
}

#[test]
fn calls_go_to_granted_names_only() {
    let judged = |to, member, about| judge(&call(to, member, about), &granted());
    assert_eq!(judged("org.example.A", "Anything", ""), Verdict::Pass);
    assert_eq!(judged(BUS, "Hello", ""), Verdict::Pass);
    assert_eq!(judged(BUS, "GetNameOwner", "org.example.A"), Verdict::Pass);
    for (to, member, about) in [
        ("org.example.B", "Anything", ""),
        (":1.5", "Anything", ""),
        ("", "Anything", ""),
        (BUS, "ListNames", ""),
        (BUS, "RequestName", "org.example.A"),
        (BUS, "BecomeMonitor", ""),
        (BUS, "GetNameOwner", "org.example.B"),
        (BUS, "StartServiceByName", "org.example.B"),
        (BUS, "AddMatch", "type='signal'"),
        (BUS, "AddMatch", "type='signal',sender='org.example.B'"),
        (BUS, "AddMatch", "eavesdrop='true',sender='org.example.A'"),
        (BUS, "AddMatch", "sender='org.example.A',sender='org.example.B'"),
        (BUS, "AddMatch", "sender=org.example.A"),
        (BUS, "AddMatch", "type='method_call',sender='org.example.A'"),
        (BUS, "AddMatch", "sender='org.freedesktop.DBus',member='NameOwnerChanged'"),
    ] {
        assert!(matches!(judged(to, member, about), Verdict::Refuse(_)), "{to} {member} {about}");
    }
    let rule = "type='signal',sender='org.example.A',path='/a'";
    assert_eq!(judged(BUS, "AddMatch", rule), Verdict::Pass);
}

fn players() -> Granted {
    Granted::from_arguments(["--dbus=org.example.Player.*".to_string()].into_iter()).expect("good arguments")
}

#[test]
fn a_family_of_names_can_be_listed_and_called() {
    let judged = |to, member, about| judge(&call(to, member, about), &players());
    assert_eq!(judged("org.example.Player.one", "Play", ""), Verdict::Pass);
    assert_eq!(judged(BUS, "ListNames", ""), Verdict::Pass);
    assert_eq!(judged(BUS, "GetNameOwner", "org.example.Player.one"), Verdict::Pass);
    for (to, member, about) in [
        ("org.example.Player", "Play", ""),
        ("org.example.Other", "Play", ""),
        (BUS, "ListActivatableNames", ""),
        (BUS, "ListQueuedOwners", "org.example.Player.one"),
        (BUS, "GetNameOwner", "org.example.Other"),
    ] {
        assert!(matches!(judged(to, member, about), Verdict::Refuse(_)), "{to} {member} {about}");
    }
}

/// What the bus answers to a question for names.
fn names(of: &str, names: &[&str]) -> Vec<u8> {
    let mut list = Vec::new();
    for name in names {
        list.resize(list.len().next_multiple_of(4), 0);
        list.extend((name.len() as u32).to_le_bytes());
        list.extend(name.as_bytes());
        list.push(0);
    }
    let mut fields = vec![5, 1, b'u', 0, 7, 0, 0, 0];
    fields.extend([7, 1, b's', 0]);
    fields.extend((of.len() as u32).to_le_bytes());
    fields.extend(of.as_bytes());
    fields.push(0);
    fields.resize(fields.len().next_multiple_of(8), 0);
    fields.extend([8, 1, b'g', 0, 2, b'a', b's', 0]);
    let mut bytes = vec![b'l', 2, 1, 1];
    bytes.extend((list.len() as u32 + 4).to_le_bytes());
    bytes.extend(9u32.to_le_bytes());
    bytes.extend((fields.len() as u32).to_le_bytes());
    bytes.extend(fields);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend((list.len() as u32).to_le_bytes());
    bytes.extend(list);
    bytes
}

fn passed_on(message: &[u8]) -> Vec<u8> {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    let writer: Writer = Arc::new(Mutex::new(ours));
    let ended = inwards(message, &writer, &players());
    drop(writer);
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut theirs, &mut bytes).expect("read");
    if ended.is_ok() { bytes } else { Vec::new() }
}

#[test]
fn the_bus_s_lists_are_cut_down_to_what_was_granted() {
    let all = ["org.freedesktop.DBus", ":1.7", "org.example.Player.one", "org.example.Secret", "org.example.Player.b"];
    let granted = ["org.example.Player.one", "org.example.Player.b"];
    assert_eq!(passed_on(&names(BUS, &all)), names(BUS, &granted));
    assert_eq!(passed_on(&names(BUS, &[":1.7"])), names(BUS, &[]));
    assert_eq!(passed_on(&names(":1.9", &all)), names(":1.9", &all), "other lists are the services' own");
    // Whatever one byte says, nothing that was not granted passes.
    let good = names(BUS, &["org.example.Secret"]);
    let body = good.len() - 4 - 4 - "org.example.Secret".len() - 1;
    for at in body..good.len() {
        for value in [0u8, 1, 0x7f, 0xff] {
            let mut changed = good.clone();
            changed[at] = value;
            let passed = passed_on(&changed);
            assert!(!String::from_utf8_lossy(&passed).contains("Secret"), "byte {at} as {value}");
        }
    }
}

#[test]
fn a_refusal_is_a_message_of_the_bus() {
    let refused = call("org.example.B", "Anything", "");
    let bytes = refusal(&refused, "No.");
    let read = Message::read(&mut bytes.as_slice()).expect("a message").expect("one");
    assert_eq!((read.kind, read.first_text().as_deref()), (Kind::Other, Some("No.")));
}

#[test]
fn what_is_no_message_is_an_error() {
    let good = call("org.example.A", "Anything", "hello");
    let bytes = good.bytes();
    for cut in 1..bytes.len() {
        assert!(Message::read(&mut &bytes[..cut]).is_err(), "cut at {cut}");
    }
    // Whatever one byte of the header says, reading ends, without a panic.
    for at in 0..bytes.len() {
        for value in [0u8, 1, 2, 0x7f, 0xff] {
            let mut changed = bytes.to_vec();
            changed[at] = value;
            if let Ok(Some(read)) = Message::read(&mut changed.as_slice()) {
                assert!(read.first_text().is_none_or(|text| text.len() < changed.len()));
            }
        }
    }
    let mut huge = bytes.to_vec();
    huge[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(Message::read(&mut huge.as_slice()).is_err());
}
