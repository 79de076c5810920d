//! Units of measure: what they are called in five languages, and how large they are.
//!
//! Owns: the table. Sizes are in metres, kilograms, litres, seconds, square metres, metres a second, bytes, joules.

use hob_sdk::SkillError;
use hob_sdk::text::fold;

/// What a unit measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// How long something is.
    Length,
    /// How heavy.
    Mass,
    /// How much fits in.
    Volume,
    /// How long it lasts.
    Time,
    /// How large a surface.
    Area,
    /// How fast.
    Speed,
    /// How warm.
    Temperature,
    /// How many bytes.
    Data,
    /// How much work.
    Energy,
}

/// A unit.
#[derive(Debug, PartialEq)]
pub struct Unit {
    /// As results write it.
    pub name: &'static str,
    of: Quantity,
    /// In base units.
    size: f64,
    /// What is added after that (temperatures).
    offset: f64,
    /// What people call it, folded.
    called: &'static [&'static str],
}

const fn plain(name: &'static str, of: Quantity, size: f64, called: &'static [&'static str]) -> Unit {
    Unit { name, of, size, offset: 0.0, called }
}

use Quantity::{Area, Data, Energy, Length, Mass, Speed, Temperature, Time, Volume};

const UNITS: &[Unit] = &[
    plain("mm", Length, 0.001, &["mm", "millimetre", "millimeter", "milimetro", "毫米"]),
    plain("cm", Length, 0.01, &["cm", "centimetre", "centimeter", "zentimeter", "centimetro", "厘米"]),
    plain("m", Length, 1.0, &["m", "metre", "meter", "metro", "米"]),
    plain("km", Length, 1000.0, &["km", "kilometre", "kilometer", "quilometro", "kilometro", "公里", "千米"]),
    plain("in", Length, 0.0254, &["in", "inch", "inches", "zoll", "polegada", "pulgada", "英寸"]),
    plain("ft", Length, 0.3048, &["ft", "foot", "feet", "fuss", "pe", "pes", "pie", "英尺"]),
    plain("yd", Length, 0.9144, &["yd", "yard", "jarda", "yarda", "码"]),
    plain("mi", Length, 1609.344, &["mi", "mile", "meile", "meilen", "milha", "milla", "英里"]),
    plain(
        "nmi",
        Length,
        1852.0,
        &["nmi", "nautical mile", "seemeile", "seemeilen", "milha nautica", "milla nautica", "海里"],
    ),
    plain("g", Mass, 0.001, &["g", "gram", "gramme", "gramm", "grama", "gramo", "克"]),
    plain(
        "kg",
        Mass,
        1.0,
        &["kg", "kilo", "kilogram", "kilogramm", "quilo", "quilograma", "kilogramo", "公斤", "千克"],
    ),
    plain("t", Mass, 1000.0, &["t", "tonne", "tonnen", "tonelada", "吨"]),
    plain("oz", Mass, 0.028_349_523_125, &["oz", "ounce", "unze", "unzen", "onca", "onza", "盎司"]),
    plain("lb", Mass, 0.453_592_37, &["lb", "lbs", "pound", "pfund", "libra", "磅"]),
    plain("st", Mass, 6.350_293_18, &["st", "stone"]),
    plain("ml", Volume, 0.001, &["ml", "millilitre", "milliliter", "mililitro", "毫升"]),
    plain("l", Volume, 1.0, &["l", "litre", "liter", "litro", "升"]),
    plain(
        "gal",
        Volume,
        3.785_411_784,
        &["gal", "gallon", "gallone", "gallonen", "galao", "galoes", "galon", "galones", "加仑"],
    ),
    plain("cup", Volume, 0.236_588_236_5, &["cup", "tasse", "tassen", "xicara", "taza", "杯"]),
    plain("tbsp", Volume, 0.014_786_764_78, &["tbsp", "tablespoon", "essloffel"]),
    plain("tsp", Volume, 0.004_928_921_59, &["tsp", "teaspoon", "teeloffel"]),
    plain("pt", Volume, 0.568_261_25, &["pint"]),
    plain("s", Time, 1.0, &["s", "second", "sekunde", "sekunden", "segundo", "秒"]),
    plain("min", Time, 60.0, &["min", "minute", "minuten", "minuto", "分钟"]),
    plain("h", Time, 3600.0, &["h", "hour", "stunde", "stunden", "hora", "小时"]),
    plain("d", Time, 86_400.0, &["d", "day", "tag", "tage", "tagen", "dia", "天"]),
    plain("weeks", Time, 604_800.0, &["week", "woche", "wochen", "semana", "周", "星期"]),
    plain(
        "m²",
        Area,
        1.0,
        &[
            "m2",
            "m²",
            "square metre",
            "square meter",
            "quadratmeter",
            "metro quadrado",
            "metros quadrados",
            "metro cuadrado",
            "metros cuadrados",
            "平方米",
        ],
    ),
    plain("km²", Area, 1e6, &["km2", "km²", "square kilometre", "square kilometer", "quadratkilometer", "平方公里"]),
    plain("ha", Area, 1e4, &["ha", "hectare", "hektar", "hectarea", "公顷"]),
    plain("acre", Area, 4_046.856_422_4, &["acre", "英亩"]),
    plain("ft²", Area, 0.092_903_04, &["ft2", "sq ft", "square foot", "square feet", "平方英尺"]),
    plain("m/s", Speed, 1.0, &["m/s", "metres per second", "meters per second"]),
    plain(
        "km/h",
        Speed,
        1.0 / 3.6,
        &["km/h", "kmh", "kph", "kilometres per hour", "kilometers per hour", "stundenkilometer", "公里每小时"],
    ),
    plain("mph", Speed, 0.447_04, &["mph", "miles per hour", "milhas por hora", "millas por hora"]),
    plain("kn", Speed, 1852.0 / 3600.0, &["kn", "knot", "knoten", "no", "nos", "nudo", "节"]),
    Unit {
        name: "°C",
        of: Temperature,
        size: 1.0,
        offset: 273.15,
        called: &[
            "c",
            "°c",
            "celsius",
            "degrees celsius",
            "degree celsius",
            "grad celsius",
            "grad",
            "graus celsius",
            "grados celsius",
            "摄氏度",
        ],
    },
    Unit {
        name: "°F",
        of: Temperature,
        size: 5.0 / 9.0,
        offset: 459.67 * 5.0 / 9.0,
        called: &[
            "f",
            "°f",
            "fahrenheit",
            "degrees fahrenheit",
            "degree fahrenheit",
            "grad fahrenheit",
            "graus fahrenheit",
            "grados fahrenheit",
            "华氏度",
        ],
    },
    plain("K", Temperature, 1.0, &["k", "kelvin"]),
    plain("B", Data, 1.0, &["b", "byte", "字节"]),
    plain("kB", Data, 1e3, &["kb", "kilobyte"]),
    plain("MB", Data, 1e6, &["mb", "megabyte"]),
    plain("GB", Data, 1e9, &["gb", "gigabyte"]),
    plain("TB", Data, 1e12, &["tb", "terabyte"]),
    plain("KiB", Data, 1024.0, &["kib", "kibibyte"]),
    plain("MiB", Data, 1_048_576.0, &["mib", "mebibyte"]),
    plain("GiB", Data, 1_073_741_824.0, &["gib", "gibibyte"]),
    plain("J", Energy, 1.0, &["j", "joule"]),
    plain("kcal", Energy, 4184.0, &["kcal", "calorie", "kilocalorie", "kalorie", "kalorien", "caloria", "卡路里"]),
    plain("kWh", Energy, 3.6e6, &["kwh", "kilowatt hour", "kilowattstunde", "kilowattstunden"]),
];

fn unit_of(name: &str) -> Option<&'static Unit> {
    let name = fold(name.trim().trim_end_matches(['?', '.', '!']));
    let is = |wanted: &str| UNITS.iter().find(|unit| unit.called.contains(&wanted));
    is(&name).or_else(|| is(name.strip_suffix('s')?)).or_else(|| is(name.strip_suffix("es")?))
}

/// The unit of that name.
///
/// # Errors
/// `unknown_unit`, for what is none.
pub fn unit(name: &str) -> Result<&'static Unit, SkillError> {
    unit_of(name).ok_or_else(|| {
        SkillError::new("unknown_unit", format!("\"{}\" is no unit that this skill knows.", name.trim()))
            .suggest("It knows lengths, masses, volumes, times, areas, speeds, temperatures, bytes and energies.")
    })
}

/// So much of one unit in another.
///
/// # Errors
/// `different_quantities`, when they measure different things.
pub fn converted(amount: f64, from: &Unit, to: &Unit) -> Result<f64, SkillError> {
    if from.of != to.of {
        let why = format!("{} and {} measure different things.", from.name, to.name);
        return Err(SkillError::new("different_quantities", why));
    }
    Ok((amount * from.size + from.offset - to.offset) / to.size)
}
