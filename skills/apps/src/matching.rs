//! From what people call an app to the app.
//!
//! Owns: how like a name words are, and when one app is meant and no other. Must not know: where apps come from, nor
//! what is done with them.

use crate::catalogue::App;
use crate::kinds::Kind;
use hob_sdk::text::fold;

/// From here on an app is worth being named.
const FOUND: f64 = 0.5;
/// From here on it may be opened.
const MEANT: f64 = 0.6;
/// Apps whose scores are this near to each other are equally meant.
const TIE: f64 = 0.03;
/// Names this like each other are one with a slip of the finger.
const SLIP: f64 = 0.75;
/// Apps that are offered when several are meant, or none.
const OFFERED: usize = 5;

/// Words around a name that are no part of it, folded: articles, what apps are called, and what German puts at the end.
const FILLERS: &str = "the a an my app apps application applications program programs please o os as um uma meu minha \
                       aplicacao aplicacoes programa programas der die das den mein meine meinen anwendung anwendungen \
                       programm programme bitte starten offnen aufmachen ausfuhren el la los las un una mi mis aplicacion \
                       aplicaciones";
/// The same in a script without blanks, at the end.
const ENDINGS: &[&str] = &["应用程序", "应用", "程序", "软件", "app"];

/// Which app words mean.
#[derive(Debug, PartialEq)]
pub enum Meant<'a> {
    /// This one.
    One(&'a App),
    /// One of these, the likeliest first.
    Several(Vec<&'a App>),
    /// None; these are the nearest.
    Nobody(Vec<&'a App>),
}

/// What is left of words without what only surrounds a name; empty for "my apps".
pub fn core(words: &str) -> String {
    let folded = fold(words);
    let trimmed = folded.trim_matches(|c: char| !c.is_alphanumeric() && !"+#".contains(c));
    let mut parts: Vec<&str> = trimmed.split(' ').filter(|part| !part.is_empty()).collect();
    let filler = |part: &&str| FILLERS.split_ascii_whitespace().any(|filler| filler == *part);
    while parts.first().is_some_and(filler) {
        parts.remove(0);
    }
    while parts.last().is_some_and(filler) {
        parts.pop();
    }
    let joined = parts.join(" ");
    let ending = ENDINGS.iter().find_map(|ending| joined.strip_suffix(ending).filter(|_| !joined.is_ascii()));
    ending.map_or_else(|| joined.clone(), |rest| rest.trim_end().to_string())
}

/// The apps that words may mean with how well they fit, 0 to 1, the best first.
pub fn ranked<'a>(apps: &'a [App], words: &str) -> Vec<(&'a App, f64)> {
    let wanted = core(words);
    let scored = apps.iter().map(|app| (app, score(app, &wanted)));
    let mut found: Vec<_> = scored.filter(|(_, score)| *score >= FOUND).collect();
    found.sort_by(|(a, a_score), (b, b_score)| {
        b_score.total_cmp(a_score).then_with(|| fold(&a.name).cmp(&fold(&b.name)))
    });
    found
}

/// Which app is to be opened. `default_of` gives the ids of the default apps for a type of files.
pub fn meant<'a>(apps: &'a [App], words: &str, default_of: impl Fn(&str) -> Vec<String>) -> Meant<'a> {
    let wanted = core(words);
    let ranked = ranked(apps, words);
    let best = ranked.first().map_or(0.0, |(_, score)| *score);
    // An app may be called what others only are: "Calculator".
    if best < 1.0
        && let Some(of_kind) = Kind::of(&wanted).and_then(|kind| of_kind(apps, kind, &default_of))
    {
        return of_kind;
    }
    let even: Vec<&App> = ranked.iter().filter(|(_, score)| *score >= best - TIE).map(|(app, _)| *app).collect();
    match even.as_slice() {
        [only] if best >= MEANT => Meant::One(only),
        [_, _, ..] if best >= MEANT => Meant::Several(even.into_iter().take(OFFERED).collect()),
        _ => Meant::Nobody(ranked.into_iter().map(|(app, _)| app).take(OFFERED).collect()),
    }
}

/// The default app of a kind, or the only one; `None` if there is no app of it.
fn of_kind<'a>(apps: &'a [App], kind: &Kind, default_of: &impl Fn(&str) -> Vec<String>) -> Option<Meant<'a>> {
    let mut all: Vec<&App> = apps.iter().filter(|app| kind.holds(&app.categories)).collect();
    all.sort_by_key(|app| fold(&app.name));
    let defaults = kind.opens.map(default_of).unwrap_or_default();
    let default = defaults.iter().find_map(|id| all.iter().find(|app| app.id == *id));
    match (default, all.as_slice()) {
        (Some(default), _) => Some(Meant::One(default)),
        (None, []) => None,
        (None, [only]) => Some(Meant::One(only)),
        (None, _) => Some(Meant::Several(all.into_iter().take(OFFERED).collect())),
    }
}

/// How well an app fits folded words: the best of all that it goes by.
fn score(app: &App, wanted: &str) -> f64 {
    let program = app.command.as_deref().and_then(|command| command.split_whitespace().next());
    let program = program.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let named = app.names.iter().map(|name| named_in(wanted, &fold(name))).fold(0.0, f64::max);
    let own = [app.name.as_str()].into_iter().chain(app.names.iter().map(String::as_str)).map(|name| (name, 1.0));
    let what = app.generic_names.iter().map(|name| (name.as_str(), 0.9));
    let keywords = app.keywords.iter().map(|word| (word.as_str(), 0.8));
    let kinds = Kind::words_for(&app.categories).map(|word| (word, 0.8));
    let plain = own.chain(what).chain(keywords).chain(kinds).chain([(program, 0.9)]);
    let plain = plain.map(|(term, weight)| weight * likeness(wanted, &fold(term)));
    let id = app.id.rsplit('.').next().unwrap_or_default();
    let joined = app.categories.iter().map(|category| (category.as_str(), 0.6)).chain([(id, 0.9)]);
    let joined = joined.map(|(term, weight)| weight * likeness(wanted, &fold(&apart(term))));
    plain.chain(joined).fold(named, f64::max)
}

/// "TextEditor" as "Text Editor".
fn apart(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for sign in name.chars() {
        if sign.is_uppercase() && before.is_lowercase() {
            words.push(' ');
        }
        words.push(if "-_".contains(sign) { ' ' } else { sign });
        before = sign;
    }
    words
}

/// How like folded words are to a folded name, 0 to 1.
fn likeness(wanted: &str, term: &str) -> f64 {
    if wanted.is_empty() || term.is_empty() {
        return 0.0;
    }
    if wanted == term {
        return 1.0;
    }
    let close = |text: &str| text.chars().filter(|c| c.is_alphanumeric() || "+#".contains(*c)).collect::<String>();
    let (close_wanted, close_term) = (close(wanted), close(term));
    if close_wanted == close_term {
        return 0.97;
    }
    in_part(wanted, term).max(slip(&close_wanted, &close_term))
}

fn words(text: &str) -> Vec<&str> {
    text.split([' ', '-']).filter(|word| !word.is_empty()).collect()
}

fn share(few: usize, many: usize) -> f64 {
    few as f64 / many.max(1) as f64
}

/// One holds the words of the other.
fn in_part(wanted: &str, term: &str) -> f64 {
    let (said, of_term) = (words(wanted), words(term));
    if said.iter().all(|word| of_term.contains(word)) {
        return 0.85 + 0.1 * share(said.len(), of_term.len());
    }
    let begins = |word: &&str| word.chars().count() >= 3 && of_term.iter().any(|other| other.starts_with(word));
    if said.iter().all(begins) {
        return 0.75;
    }
    // Scripts without blanks have no words to compare.
    if !wanted.is_ascii() && wanted.chars().count() >= 2 && term.contains(wanted) {
        return 0.8;
    }
    let within = term.chars().count() >= 3 && of_term.iter().all(|word| said.contains(word));
    if within { 0.6 + 0.3 * share(of_term.len(), said.len()) } else { 0.0 }
}

/// A name among other words tells more than what an app is: "firefox web browser".
fn named_in(wanted: &str, name: &str) -> f64 {
    let (said, of_name) = (words(wanted), words(name));
    let within = name.chars().count() >= 3 && of_name.iter().all(|word| said.contains(word));
    if within { 0.8 + 0.15 * share(of_name.len(), said.len()) } else { 0.0 }
}

fn slip(wanted: &str, term: &str) -> f64 {
    if wanted.chars().count() < 4 || term.chars().count() < 4 {
        return 0.0;
    }
    let like = strsim::normalized_damerau_levenshtein(wanted, term);
    if like >= SLIP { 0.8 * like } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(id: &str, name: &str, generic: &str, categories: &[&str]) -> App {
        App {
            id: id.into(),
            name: name.into(),
            names: vec![name.into()],
            generic_names: vec![generic.into()],
            categories: categories.iter().map(|c| (*c).to_string()).collect(),
            command: Some(format!("/usr/bin/{} %U", name.to_lowercase().replace(' ', "-"))),
            ..App::default()
        }
    }

    fn apps() -> Vec<App> {
        let mut editor = app("org.gnome.TextEditor", "Text Editor", "", &["Utility", "TextEditor"]);
        editor.names.push("Editor de texto".into());
        editor.command = Some("gnome-text-editor %U".into());
        let mut chess = app("org.gnome.Chess", "Chess", "", &["Game", "BoardGame"]);
        chess.keywords = vec!["board".into(), "国际象棋".into()];
        vec![
            app("firefox", "Firefox", "Web Browser", &["Network", "WebBrowser"]),
            app("chromium", "Chromium", "Web Browser", &["Network", "WebBrowser"]),
            app("libreoffice-writer", "LibreOffice Writer", "Word Processor", &["Office", "WordProcessor"]),
            app("libreoffice-calc", "LibreOffice Calc", "Spreadsheet", &["Office", "Spreadsheet"]),
            app("org.gnome.Calculator", "Calculator", "", &["Utility", "Calculator"]),
            editor,
            chess,
        ]
    }

    fn opened(words: &str) -> String {
        let apps = apps();
        match meant(&apps, words, |_| Vec::new()) {
            Meant::One(app) => app.name.clone(),
            Meant::Several(several) => format!("{} of several", several.len()),
            Meant::Nobody(_) => "nobody".into(),
        }
    }

    #[test]
    fn one_app_is_meant_by_name_kind_or_slip() {
        for (words, name) in [
            ("firefox", "Firefox"),
            ("the Firefox app", "Firefox"),
            ("fierfox", "Firefox"),
            ("Libre Office Writer", "LibreOffice Writer"),
            ("writer", "LibreOffice Writer"),
            ("word processor", "LibreOffice Writer"),
            ("folha de cálculo", "LibreOffice Calc"),
            ("Taschenrechner", "Calculator"),
            ("den Taschenrechner starten", "Calculator"),
            ("gnome-text-editor", "Text Editor"),
            ("o editor de texto", "Text Editor"),
            ("国际象棋应用", "Chess"),
            ("游戏", "Chess"),
            ("firefox web browser", "Firefox"),
            ("browser", "2 of several"),
            ("libreoffice", "2 of several"),
            ("photoshop", "nobody"),
            ("the door", "nobody"),
            ("a", "nobody"),
            ("", "nobody"),
        ] {
            assert_eq!(opened(words), name, "{words}");
        }
    }

    #[test]
    fn the_default_app_of_a_kind_is_the_one() {
        let apps = apps();
        let default_of = |opens: &str| {
            if opens == "x-scheme-handler/https" { vec!["gone".into(), "chromium".into()] } else { Vec::new() }
        };
        assert_eq!(meant(&apps, "my browser", default_of), Meant::One(&apps[1]));
    }

    #[test]
    fn what_is_found_is_ordered_by_how_well_it_fits() {
        let apps = apps();
        let names = |words: &str| ranked(&apps, words).iter().map(|(app, _)| app.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names("browser"), ["Chromium", "Firefox"]);
        assert_eq!(names("games"), ["Chess"]);
        assert_eq!(names("office"), ["LibreOffice Calc", "LibreOffice Writer"]);
        assert_eq!(core("my apps"), "");
    }
}
