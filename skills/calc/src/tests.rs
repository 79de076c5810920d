use super::*;
use hob_sdk::testing::Harness;

fn calc() -> Harness {
    Harness::new(hob_skill_entry, include_str!("../skill.toml"))
}

fn value(expression: &str) -> f64 {
    let result = calc().call("Calculate", json!({ "expression": expression }));
    assert!(result.is_success(), "{expression}: {}", result.message);
    result.data["value"].as_f64().expect("a number")
}

#[test]
fn the_manifest_says_what_the_methods_take() {
    calc().check_schemas::<Calc>();
}

#[test]
fn sums_in_signs_and_words() {
    for (expression, wanted) in [
        ("2 + 3 * 4", 14.0),
        ("(2+3)*4", 20.0),
        ("2^3^2", 512.0),
        ("-3 - -4", 1.0),
        ("1,234.5 + 0.5", 1235.0),
        ("1.234,5 + 0,5", 1235.0),
        ("12,5 / 5", 2.5),
        ("15% of 80", 12.0),
        ("80 + 10%", 88.0),
        ("√16 × 2", 8.0),
        ("twelve times seven", 84.0),
        ("twenty one plus two hundred five", 226.0),
        ("100 divided by 8", 12.5),
        ("the square root of 144", 12.0),
        ("nine squared", 81.0),
        ("zwölf mal sieben", 84.0),
        ("20 Prozent von 50", 10.0),
        ("Wurzel aus 81", 9.0),
        ("doze vezes sete", 84.0),
        ("100 dividido por 8", 12.5),
        ("20 por ciento de 50", 10.0),
        ("siete por ocho", 56.0),
        ("12乘以7", 84.0),
        ("100除以8", 12.5),
        ("3 x 4 =", 12.0),
    ] {
        assert!((value(expression) - wanted).abs() < 1e-9, "{expression}: {}", value(expression));
    }
}

#[test]
fn what_has_no_value_says_why() {
    for (expression, code) in [
        ("", "invalid_argument"),
        ("2 +", "invalid_argument"),
        ("(2", "invalid_argument"),
        ("2 2", "invalid_argument"),
        ("five bananas", "invalid_argument"),
        ("1 / 0", "no_value"),
        ("9^9^9^9", "no_value"),
    ] {
        let result = calc().call("Calculate", json!({ "expression": expression }));
        assert_eq!(result.code.as_deref(), Some(code), "{expression}: {}", result.message);
    }
    let deep = "(".repeat(100_000);
    assert!(!calc().call("Calculate", json!({ "expression": deep })).is_success());
}

#[test]
fn units_in_five_languages() {
    for (amount, from, to, wanted) in [
        (10.0, "miles", "km", 16.09344),
        (100.0, "°F", "celsius", 37.777_777_777_8),
        (0.0, "celsius", "kelvin", 273.15),
        (1.0, "Seemeile", "Kilometer", 1.852),
        (3.0, "Pfund", "Gramm", 1360.77711),
        (2.0, "litros", "mililitros", 2000.0),
        (5.0, "pulgadas", "centímetros", 12.7),
        (1.0, "英里", "公里", 1.609344),
        (90.0, "minutes", "hours", 1.5),
        (1.0, "hectare", "square metres", 10_000.0),
        (100.0, "km/h", "mph", 62.137_119_223_7),
        (1.0, "GiB", "MB", 1073.741824),
    ] {
        let result = calc().call("Convert", json!({ "amount": amount, "from": from, "to": to }));
        assert!(result.is_success(), "{from}: {}", result.message);
        let value = result.data["value"].as_f64().expect("a number");
        assert!((value - wanted).abs() < 1e-6, "{amount} {from}: {value}");
    }
    let wrong = calc().call("Convert", json!({ "from": "metres", "to": "seconds" }));
    assert_eq!(wrong.code.as_deref(), Some("different_quantities"));
    let unknown = calc().call("Convert", json!({ "from": "smoots", "to": "metres" }));
    assert_eq!(unknown.code.as_deref(), Some("unknown_unit"));
}

#[test]
fn numbers_are_written_as_people_write_them() {
    for (value, text) in [
        (0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (1e9, "1000000000"),
        (1.0 / 3.0, "0.3333333333"),
        (-2.5, "-2.5"),
        (1e20, "1.000000e20"),
    ] {
        assert_eq!(shown(value), text);
    }
}
