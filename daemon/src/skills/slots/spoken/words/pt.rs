//! Portuguese, as in Portugal and in Brazil.

use super::{Feast, Lexicon, Part, Unit, Which, strong, weak};

#[rustfmt::skip] // One entry a line would hide the table.
pub static WORDS: Lexicon = Lexicon {
    code: "pt",
    numbers: &[
        ("zero", 0), ("um", 1), ("uma", 1), ("dois", 2), ("duas", 2), ("tres", 3), ("quatro", 4), ("cinco", 5),
        ("seis", 6), ("sete", 7), ("oito", 8), ("nove", 9), ("dez", 10), ("onze", 11), ("doze", 12), ("treze", 13),
        ("catorze", 14), ("quatorze", 14), ("quinze", 15), ("dezasseis", 16), ("dezesseis", 16), ("dezassete", 17),
        ("dezessete", 17), ("dezoito", 18), ("dezanove", 19), ("dezenove", 19), ("vinte", 20), ("trinta", 30),
        ("quarenta", 40), ("cinquenta", 50), ("sessenta", 60), ("setenta", 70), ("oitenta", 80), ("noventa", 90),
        ("cem", 100), ("cento", 100), ("duzentos", 200),
    ],
    joints: &["e"],
    ordinals: &[("primeiro", 1)],
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
        ("meia hora", 1_800), ("um quarto de hora", 900), ("quarto de hora", 900), ("tres quartos de hora", 2_700),
        ("meio minuto", 30), ("uma hora e um quarto", 4_500), ("uma hora e tres quartos", 6_300), ("meio dia de", 43_200),
        ("uma quinzena", 1_296_000),
    ],
    half_before: &["e meia", "e meio"],
    half_after: &["e meia", "e meio"],
    and: &["e"],
    clocks: &[
        weak("H e meia", 30, 0), weak("H horas e meia", 30, 0), weak("H e um quarto", 15, 0), weak("H e quarto", 15, 0),
        weak("H menos um quarto", -15, 0), weak("H menos quarto", -15, 0), weak("H menos M", 0, -1),
        strong("um quarto para as H", -15, 0), strong("um quarto para a H", -15, 0), strong("M para as H", 0, -1),
        strong("M para a H", 0, -1), strong("M minutos para as H", 0, -1), weak("H e M", 0, 1),
        weak("H horas e M minutos", 0, 1), weak("H horas e M", 0, 1), weak("H horas", 0, 0), weak("H hora", 0, 0),
        weak("HhM", 0, 1), weak("H h M", 0, 1), weak("Hh", 0, 0), weak("H em ponto", 0, 0),
        weak("H horas em ponto", 0, 0), weak("H", 0, 0),
    ],
    named: &[("meio dia", 720), ("meia noite", 1_440)],
    after_noon: &[("e meia", 30), ("e meio", 30), ("e um quarto", 15), ("e quinze", 15), ("e dez", 10)],
    at: &[
        "as", "a", "ao", "para as", "para a", "para o", "pelas", "pela", "ate as", "por volta das", "por volta da", "das",
        "antes das", "desde as",
    ],
    clock_words: &["horas", "h", "em ponto"],
    parts: &[
        ("da manha", Part::Morning), ("de manha", Part::Morning), ("pela manha", Part::Morning), ("manha", Part::Morning),
        ("esta manha", Part::Morning), ("da tarde", Part::Afternoon), ("a tarde", Part::Afternoon),
        ("de tarde", Part::Afternoon), ("tarde", Part::Afternoon), ("esta tarde", Part::Afternoon),
        ("da noite", Part::Night), ("a noite", Part::Evening), ("de noite", Part::Evening), ("noite", Part::Evening),
        ("hoje a noite", Part::Tonight), ("esta noite", Part::Tonight), ("logo a noite", Part::Tonight),
        ("da madrugada", Part::Morning), ("de madrugada", Part::Morning), ("am", Part::Morning), ("pm", Part::Afternoon),
    ],
    days: &[
        ("hoje", 0), ("amanha", 1), ("depois de amanha", 2), ("ontem", -1), ("anteontem", -2), ("antes de ontem", -2),
    ],
    weekdays: &[
        ("segunda", 0), ("segunda feira", 0), ("terca", 1), ("terca feira", 1), ("quarta", 2), ("quarta feira", 2),
        ("quinta", 3), ("quinta feira", 3), ("sexta", 4), ("sexta feira", 4), ("sabado", 5), ("domingo", 6),
    ],
    which_before: &[
        ("proxima", Which::Coming), ("proximo", Which::Coming), ("na proxima", Which::Coming),
        ("no proximo", Which::Coming), ("esta", Which::Coming), ("este", Which::Coming), ("na", Which::Coming),
        ("no", Which::Coming), ("ultima", Which::Last), ("ultimo", Which::Last), ("na ultima", Which::Last),
    ],
    which_after: &[
        ("que vem", Which::Coming), ("proxima", Which::Coming), ("proximo", Which::Coming),
        ("da proxima semana", Which::NextWeek), ("da semana que vem", Which::NextWeek), ("passada", Which::Last),
        ("passado", Which::Last), ("desta semana", Which::ThisWeek),
    ],
    months: &[
        ("janeiro", 1), ("fevereiro", 2), ("marco", 3), ("abril", 4), ("maio", 5), ("junho", 6), ("julho", 7),
        ("agosto", 8), ("setembro", 9), ("outubro", 10), ("novembro", 11), ("dezembro", 12),
    ],
    of: &["de", "do"],
    before_day: &["dia", "o dia", "no dia", "ao dia", "o", "do dia"],
    feasts: &[
        ("natal", Feast::Fixed(25, 12)), ("dia de natal", Feast::Fixed(25, 12)),
        ("vespera de natal", Feast::Fixed(24, 12)), ("ano novo", Feast::Fixed(1, 1)), ("dia de ano novo", Feast::Fixed(1, 1)),
        ("vespera de ano novo", Feast::Fixed(31, 12)), ("passagem de ano", Feast::Fixed(31, 12)),
        ("reveillon", Feast::Fixed(31, 12)), ("pascoa", Feast::Easter(0)), ("sexta feira santa", Feast::Easter(-2)),
        ("carnaval", Feast::Easter(-47)), ("dia dos namorados", Feast::Fixed(14, 2)), ("25 de abril", Feast::Fixed(25, 4)),
    ],
    ahead: &["daqui a", "daqui", "dentro de", "em", "em ate", "depois de"],
    from_now: &["a partir de agora", "depois", "mais tarde"],
    ago_before: &["ha", "faz"],
    ago: &["atras"],
    links: &["as", "a", "de", "da", "do", "no", "na", "pelas", "o", "em", "para as", "para", "ao"],
    waking: &["acorda", "acordar", "acorde", "desperta", "despertar", "levantar", "despertador"],
};
