//! Kinds of apps as people name them: "browser", "Taschenrechner", "juegos".
//!
//! Owns: which words mean which category of the Desktop Menu specification, and which files a kind's default app opens.
//! Must not know: which apps there are.

use hob_sdk::text::fold;

/// A kind of apps.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// What an app of this kind belongs to: all categories of one of these lists.
    categories: &'static [&'static [&'static str]],
    /// The type of files or links whose default app is this kind's default, if there is one.
    pub opens: Option<&'static str>,
    /// What people call it, folded.
    words: &'static [&'static str],
}

const KINDS: &[Kind] = &[
    Kind {
        categories: &[&["WebBrowser"]],
        opens: Some("x-scheme-handler/https"),
        words: &[
            "browser",
            "browsers",
            "web browser",
            "internet browser",
            "navegador",
            "navegadores",
            "navegador web",
            "webbrowser",
            "internetbrowser",
            "浏览器",
            "网页浏览器",
        ],
    },
    Kind {
        categories: &[&["Email"]],
        opens: Some("x-scheme-handler/mailto"),
        words: &[
            "mail",
            "email",
            "e-mail",
            "mail client",
            "email client",
            "correio",
            "correio eletronico",
            "mailprogramm",
            "e-mail-programm",
            "correo",
            "correo electronico",
            "邮件",
            "邮箱",
            "电子邮件",
        ],
    },
    Kind {
        categories: &[&["FileManager"]],
        opens: Some("inode/directory"),
        words: &[
            "file manager",
            "file browser",
            "file explorer",
            "gestor de ficheiros",
            "gestor de archivos",
            "explorador de archivos",
            "dateimanager",
            "dateiverwaltung",
            "文件管理器",
        ],
    },
    Kind {
        categories: &[&["TextEditor"]],
        opens: Some("text/plain"),
        words: &[
            "text editor",
            "editor",
            "editors",
            "notepad",
            "editor de texto",
            "editores de texto",
            "texteditor",
            "bloco de notas",
            "bloc de notas",
            "文本编辑器",
            "记事本",
        ],
    },
    Kind {
        categories: &[&["Calculator"]],
        opens: None,
        words: &["calculator", "calculadora", "maquina de calcular", "taschenrechner", "rechner", "计算器"],
    },
    Kind {
        categories: &[&["Calendar"]],
        opens: Some("text/calendar"),
        words: &["calendar", "calendario", "kalender", "agenda", "日历"],
    },
    Kind {
        categories: &[&["ContactManagement"]],
        opens: Some("text/vcard"),
        words: &[
            "contacts",
            "address book",
            "contactos",
            "kontakte",
            "adressbuch",
            "agenda de contactos",
            "通讯录",
            "联系人",
        ],
    },
    Kind {
        categories: &[&["TerminalEmulator"]],
        opens: None,
        words: &["terminal", "terminals", "terminal emulator", "console", "consola", "konsole", "终端", "命令行"],
    },
    Kind {
        categories: &[&["Settings"]],
        opens: None,
        words: &["settings", "preferences", "definicoes", "einstellungen", "ajustes", "configuracion", "设置"],
    },
    Kind {
        categories: &[&["Game"]],
        opens: None,
        words: &["game", "games", "jogo", "jogos", "spiel", "spiele", "juego", "juegos", "游戏"],
    },
    Kind {
        categories: &[&["Music"], &["Audio", "Player"]],
        opens: Some("audio/mpeg"),
        words: &[
            "music player",
            "music players",
            "audio player",
            "leitor de musica",
            "leitores de musica",
            "musikplayer",
            "musikspieler",
            "reproductor de musica",
            "音乐播放器",
        ],
    },
    Kind {
        categories: &[&["Video", "Player"]],
        opens: Some("video/mp4"),
        words: &[
            "video player",
            "video players",
            "leitor de video",
            "videoplayer",
            "reproductor de video",
            "视频播放器",
            "播放器",
        ],
    },
    Kind {
        categories: &[&["Graphics", "Viewer"], &["Photography"]],
        opens: Some("image/png"),
        words: &[
            "image viewer",
            "picture viewer",
            "photo viewer",
            "visualizador de imagens",
            "bildbetrachter",
            "visor de imagenes",
            "图片查看器",
        ],
    },
    Kind {
        categories: &[&["RasterGraphics"], &["VectorGraphics"]],
        opens: None,
        words: &[
            "image editor",
            "photo editor",
            "drawing program",
            "editor de imagem",
            "editor de imagens",
            "bildbearbeitung",
            "editor de imagenes",
            "图片编辑器",
        ],
    },
    Kind {
        categories: &[&["WordProcessor"]],
        opens: None,
        words: &[
            "word processor",
            "processador de texto",
            "textverarbeitung",
            "procesador de texto",
            "procesador de textos",
            "文字处理",
        ],
    },
    Kind {
        categories: &[&["Spreadsheet"]],
        opens: None,
        words: &["spreadsheet", "folha de calculo", "tabellenkalkulation", "hoja de calculo", "电子表格"],
    },
    Kind {
        categories: &[&["InstantMessaging"], &["Chat"]],
        opens: None,
        words: &["messenger", "chat", "messaging", "mensagens", "nachrichten", "mensajeria", "聊天", "短信"],
    },
    Kind {
        categories: &[&["Maps"]],
        opens: Some("x-scheme-handler/geo"),
        words: &["map", "maps", "mapa", "mapas", "karte", "karten", "地图"],
    },
];

impl Kind {
    /// The kind that these words mean, if they mean one and nothing else.
    pub fn of(words: &str) -> Option<&'static Self> {
        let folded = fold(words);
        KINDS.iter().find(|kind| kind.words.contains(&folded.as_str()))
    }

    /// What people call apps with these categories.
    pub fn words_for(categories: &[String]) -> impl Iterator<Item = &'static str> {
        let kinds = KINDS.iter().filter(|kind| kind.holds(categories));
        kinds.flat_map(|kind| kind.words).copied()
    }

    /// Whether an app with these categories is of this kind.
    pub fn holds(&self, categories: &[String]) -> bool {
        let all = |wanted: &&[&str]| wanted.iter().all(|one| categories.iter().any(|category| category == one));
        self.categories.iter().any(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_mean_one_kind() {
        let mut seen = std::collections::HashSet::new();
        for word in KINDS.iter().flat_map(|kind| kind.words) {
            assert_eq!(fold(word), *word);
            assert!(seen.insert(word), "{word} is there twice");
        }
    }

    #[test]
    fn kinds_in_five_languages() {
        for (words, category) in [
            ("Web Browser", "WebBrowser"),
            ("correio eletrónico", "Email"),
            ("Taschenrechner", "Calculator"),
            ("juegos", "Game"),
            ("终端", "TerminalEmulator"),
        ] {
            let kind = Kind::of(words).unwrap_or_else(|| panic!("{words} means nothing"));
            assert!(kind.holds(&[category.to_string()]), "{words}");
        }
        assert!(Kind::of("firefox").is_none() && Kind::of("").is_none());
        assert!(Kind::words_for(&["Calculator".into()]).any(|word| word == "calculadora"));
    }
}
