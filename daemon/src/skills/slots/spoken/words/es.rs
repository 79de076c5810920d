//! Spanish.

use super::{Feast, Lexicon, Part, Unit, Which, strong, weak};

#[rustfmt::skip] // One entry a line would hide the table.
pub static WORDS: Lexicon = Lexicon {
    code: "es",
    numbers: &[
        ("cero", 0), ("un", 1), ("uno", 1), ("una", 1), ("dos", 2), ("tres", 3), ("cuatro", 4), ("cinco", 5), ("seis", 6),
        ("siete", 7), ("ocho", 8), ("nueve", 9), ("diez", 10), ("once", 11), ("doce", 12), ("trece", 13), ("catorce", 14),
        ("quince", 15), ("dieciseis", 16), ("diecisiete", 17), ("dieciocho", 18), ("diecinueve", 19), ("veinte", 20),
        ("veintiun", 21), ("veintiuna", 21), ("veintiuno", 21), ("veintidos", 22), ("veintitres", 23),
        ("veinticuatro", 24), ("veinticinco", 25), ("veintiseis", 26), ("veintisiete", 27), ("veintiocho", 28),
        ("veintinueve", 29), ("treinta", 30), ("cuarenta", 40), ("cincuenta", 50), ("sesenta", 60), ("setenta", 70),
        ("ochenta", 80), ("noventa", 90), ("cien", 100), ("ciento", 100), ("doscientos", 200),
    ],
    joints: &["y"],
    ordinals: &[("primero", 1)],
    ordinal_endings: &["o"],
    units: &[
        ("s", Unit::Second), ("seg", Unit::Second), ("segundo", Unit::Second), ("segundos", Unit::Second),
        ("min", Unit::Minute), ("mins", Unit::Minute), ("minuto", Unit::Minute), ("minutos", Unit::Minute),
        ("h", Unit::Hour), ("hora", Unit::Hour), ("horas", Unit::Hour), ("dia", Unit::Day), ("dias", Unit::Day),
        ("semana", Unit::Week), ("semanas", Unit::Week), ("mes", Unit::Month), ("meses", Unit::Month),
        ("ano", Unit::Year), ("anos", Unit::Year),
    ],
    one: &[],
    spans: &[
        ("media hora", 1_800), ("un cuarto de hora", 900), ("cuarto de hora", 900), ("tres cuartos de hora", 2_700),
        ("medio minuto", 30), ("una hora y cuarto", 4_500), ("una hora y tres cuartos", 6_300), ("una quincena", 1_296_000),
    ],
    half_before: &["y media", "y medio"],
    half_after: &["y media", "y medio"],
    and: &["y"],
    clocks: &[
        weak("H y media", 30, 0), weak("H y cuarto", 15, 0), weak("H menos cuarto", -15, 0), weak("H y M", 0, 1),
        weak("H menos M", 0, -1), weak("H horas y M minutos", 0, 1), weak("H horas", 0, 0), weak("H hora", 0, 0),
        strong("cuarto para las H", -15, 0), strong("un cuarto para las H", -15, 0), strong("M para las H", 0, -1),
        strong("M minutos para las H", 0, -1), weak("HhM", 0, 1), weak("Hh", 0, 0), weak("H en punto", 0, 0),
        weak("H", 0, 0),
    ],
    named: &[("mediodia", 720), ("medio dia", 720), ("medianoche", 1_440), ("media noche", 1_440)],
    after_noon: &[("y media", 30), ("y cuarto", 15)],
    at: &[
        "a las", "a la", "las", "la", "al", "para las", "para la", "para el", "sobre las", "hasta las", "hacia las",
        "de las", "desde las", "antes de las", "a",
    ],
    clock_words: &["horas", "h", "en punto"],
    parts: &[
        ("de la manana", Part::Morning), ("por la manana", Part::Morning), ("en la manana", Part::Morning),
        ("esta manana", Part::Morning), ("a la manana", Part::Morning), ("de la tarde", Part::Afternoon),
        ("por la tarde", Part::Afternoon), ("en la tarde", Part::Afternoon), ("esta tarde", Part::Afternoon),
        ("de la noche", Part::Night), ("por la noche", Part::Evening), ("en la noche", Part::Evening),
        ("esta noche", Part::Tonight), ("de la madrugada", Part::Morning), ("de madrugada", Part::Morning),
        ("am", Part::Morning), ("pm", Part::Afternoon), ("a m", Part::Morning), ("p m", Part::Afternoon),
    ],
    days: &[
        ("hoy", 0), ("manana", 1), ("pasado manana", 2), ("ayer", -1), ("anteayer", -2), ("antes de ayer", -2),
    ],
    weekdays: &[
        ("lunes", 0), ("martes", 1), ("miercoles", 2), ("jueves", 3), ("viernes", 4), ("sabado", 5), ("domingo", 6),
    ],
    which_before: &[
        ("el proximo", Which::Coming), ("proximo", Which::Coming), ("este", Which::Coming), ("el", Which::Coming),
        ("el pasado", Which::Last), ("el ultimo", Which::Last), ("para el", Which::Coming), ("del", Which::Coming),
    ],
    which_after: &[
        ("que viene", Which::Coming), ("proximo", Which::Coming), ("de la proxima semana", Which::NextWeek),
        ("de la semana que viene", Which::NextWeek), ("pasado", Which::Last), ("de esta semana", Which::ThisWeek),
    ],
    months: &[
        ("enero", 1), ("febrero", 2), ("marzo", 3), ("abril", 4), ("mayo", 5), ("junio", 6), ("julio", 7), ("agosto", 8),
        ("septiembre", 9), ("setiembre", 9), ("octubre", 10), ("noviembre", 11), ("diciembre", 12),
    ],
    of: &["de", "del"],
    before_day: &["el", "el dia", "dia", "al", "del", "para el", "para el dia", "al dia"],
    feasts: &[
        ("navidad", Feast::Fixed(25, 12)), ("nochebuena", Feast::Fixed(24, 12)), ("nochevieja", Feast::Fixed(31, 12)),
        ("fin de ano", Feast::Fixed(31, 12)), ("ano nuevo", Feast::Fixed(1, 1)), ("reyes", Feast::Fixed(6, 1)),
        ("dia de reyes", Feast::Fixed(6, 1)), ("san valentin", Feast::Fixed(14, 2)), ("halloween", Feast::Fixed(31, 10)),
        ("pascua", Feast::Easter(0)), ("viernes santo", Feast::Easter(-2)), ("domingo de resurreccion", Feast::Easter(0)),
    ],
    ahead: &["en", "dentro de", "de aqui a", "al cabo de"],
    from_now: &["a partir de ahora", "despues", "mas tarde", "desde ahora"],
    ago_before: &["hace"],
    ago: &["atras"],
    links: &["a las", "a la", "el", "de", "del", "a", "las", "para las", "para el", "sobre las", "por", "al"],
    waking: &["despierta", "despiertame", "despertar", "despertarme", "levantarme", "levantar", "despertador"],
};
