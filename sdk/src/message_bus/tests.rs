#![allow(clippy::unwrap_used)]

use super::*;

/// A message as the other end writes it: `kind` answers `serial` with a text.
fn message(kind: u8, serial: u32, error: &str, text: &str) -> Vec<u8> {
    let mut fields = vec![5, 1, b'u', 0];
    fields.extend(serial.to_le_bytes());
    for (code, of, text) in [(4u8, b's', error), (8, b'g', "s")] {
        if text.is_empty() {
            continue;
        }
        fields.resize(fields.len().next_multiple_of(8), 0);
        fields.extend([code, 1, of, 0]);
        match of {
            b'g' => fields.push(text.len() as u8),
            _ => fields.extend((text.len() as u32).to_le_bytes()),
        }
        fields.extend(text.as_bytes());
        fields.push(0);
    }
    let mut bytes = vec![b'l', kind, 0, 1];
    bytes.extend((text.len() as u32 + 5).to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend((fields.len() as u32).to_le_bytes());
    bytes.extend(fields);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
    bytes
}

#[test]
fn answers_and_errors_are_read() {
    let read = Received::read(&mut message(2, 7, "", "hello").as_slice()).unwrap();
    assert_eq!((read.kind, read.answers), (Kind::Return, Some(7)));
    assert_eq!(read.body::<String>().unwrap(), "hello");
    assert!(read.body::<(String, u32)>().is_err(), "it has another form");
    let name = "org.freedesktop.DBus.Error.ServiceUnknown";
    let refused = Received::read(&mut message(3, 7, name, "Nobody is there.").as_slice()).unwrap().refusal();
    assert!(refused.is_absent() && !refused.is_unknown());
    assert_eq!(refused.to_string(), "Nobody is there.");
    let silent =
        Received::read(&mut message(3, 7, "org.example.Error.UnknownMethod", "").as_slice()).unwrap().refusal();
    assert!(!silent.is_unknown(), "it is no error of the bus");
    assert_eq!(silent.to_string(), "org.example.Error.UnknownMethod");
}

#[test]
fn whatever_a_byte_says_reading_ends() {
    let good = message(3, 7, "org.example.Error", "hello");
    for at in 0..good.len() {
        assert!(Received::read(&mut &good[..at]).is_err(), "cut at {at}");
        for value in [0u8, 1, 7, 0x7f, 0xff] {
            let mut changed = good.clone();
            changed[at] = value;
            if let Ok(read) = Received::read(&mut changed.as_slice()) {
                assert!(read.refusal().to_string().len() <= good.len());
            }
        }
    }
}

#[test]
fn who_is_not_let_in_and_who_hears_nothing_is_told() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"REJECTED EXTERNAL\r\n").unwrap();
    assert!(matches!(MessageBus::over(ours), Err(BusError::Lost(_))));

    let (ours, theirs) = UnixStream::pair().unwrap();
    let stream = BufReader::new(ours);
    let mut bus = MessageBus { stream, patience: Duration::from_millis(20), is_lost: false };
    let silent = bus.call::<_, String>(&BUS, "GetId", &()).unwrap_err();
    assert!(matches!(silent, BusError::Silent(_)), "{silent}");
    drop(theirs);
    assert!(matches!(bus.call::<_, String>(&BUS, "GetId", &()), Err(BusError::Lost(_))));
    assert_eq!(SkillError::from(silent).code, "unavailable");
}
