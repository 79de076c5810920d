//! What is for the chat model rather than for a skill or the files: talk, and text to be made up.
//!
//! Owns: examples of it. Must not know: how requests are compared with them.

use super::router::RoutedIntent;

/// The sorts of such requests, each an intent of its own, since an average of all would be near none of them.
pub fn intents() -> Vec<RoutedIntent> {
    const SORTS: [(&str, &[(&str, &str)]); 5] = [
        (
            "Say hello",
            &[
                ("en", "hello"),
                ("en", "hi there, how are you?"),
                ("en", "good morning"),
                ("en", "hey, what's up?"),
                ("en", "let's chat"),
                ("de", "hallo, wie geht es dir?"),
                ("pt", "olá, tudo bem?"),
                ("zh", "你好"),
            ],
        ),
        (
            "Say thanks and goodbye",
            &[
                ("en", "thank you very much"),
                ("en", "thanks, that was helpful"),
                ("en", "goodbye"),
                ("en", "see you later"),
                ("en", "great, well done"),
                ("de", "danke schön"),
                ("pt", "muito obrigado"),
                ("zh", "谢谢你"),
            ],
        ),
        (
            "Ask who the assistant is",
            &[
                ("en", "who are you?"),
                ("en", "what can you do?"),
                ("en", "what is your name?"),
                ("en", "are you a robot?"),
                ("en", "how can you help me?"),
                ("de", "wer bist du?"),
                ("pt", "quem és tu?"),
                ("zh", "你是谁"),
            ],
        ),
        (
            "Write something",
            &[
                ("en", "write a poem about the sea"),
                ("en", "write a short story about a lighthouse keeper"),
                ("en", "write a birthday greeting for a friend"),
                ("en", "draft a polite letter that declines an invitation"),
                ("en", "compose a limerick"),
                ("en", "tell me a bedtime story about a dragon"),
                ("en", "tell me a joke"),
                ("en", "make up a riddle"),
                ("de", "schreib ein Gedicht über den Herbst"),
                ("de", "erzähl mir einen Witz"),
                ("pt", "escreve um poema sobre o mar"),
                ("pt", "conta-me uma piada"),
                ("zh", "写一首关于大海的诗"),
                ("zh", "给我讲个笑话"),
            ],
        ),
        (
            "Have an idea",
            &[
                ("en", "suggest a name for a cat"),
                ("en", "give me ideas for a rainy afternoon"),
                ("en", "help me to phrase an apology"),
                ("en", "brainstorm titles for a talk"),
                ("en", "what could I cook with eggs and leeks?"),
                ("en", "give me some advice on sleeping better"),
            ],
        ),
    ];
    let own = |all: &[(&str, &str)]| all.iter().map(|(code, text)| ((*code).into(), (*text).into())).collect();
    let sort = |(title, said): &(&str, &[(&str, &str)])| RoutedIntent {
        intent: "Chat".into(),
        title: (*title).into(),
        examples: own(said),
        ..RoutedIntent::default()
    };
    SORTS.iter().map(sort).collect()
}
