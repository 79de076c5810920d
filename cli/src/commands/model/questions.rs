//! Multiple-choice questions in the CSV forms of MMLU, C-Eval and CMMLU, as prompts.

use std::path::Path;

use serde::Serialize;

use crate::failure::Failure;

/// The answers' letters.
const LETTERS: [&str; 4] = ["A", "B", "C", "D"];

/// A question with four answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    text: String,
    answers: [String; 4],
    /// Which one is right.
    pub right: usize,
}

/// A question as the daemon takes it.
#[derive(Debug, Serialize)]
pub struct Asked {
    prompt: String,
    answers: Vec<String>,
}

/// Reads a file; its first line may be a header with the names question, A, B, C, D and answer (in any order, as
/// C-Eval and CMMLU have it), else the six columns stand in that order (MMLU).
pub fn read(file: &Path) -> Result<Vec<Question>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| Failure::Local(format!("{}: {e}", file.display())))?;
    parse(&text).map_err(|problem| Failure::Local(format!("{}: {problem}", file.display())))
}

/// Reads the text of such a file.
pub fn parse(text: &str) -> Result<Vec<Question>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    let Some(first) = rows.first() else { return Err("it is empty".to_owned()) };
    let named = columns(first);
    let (places, rows) = match named {
        Some(places) => (places, &rows[1..]),
        None => ([0, 1, 2, 3, 4, 5], &rows[..]),
    };
    let questions: Vec<Question> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| question(row, places).map_err(|e| format!("question {}: {e}", at + 1)))
        .collect::<Result<_, _>>()?;
    if questions.is_empty() { Err("it has no questions".to_owned()) } else { Ok(questions) }
}

/// Where question, A, B, C, D and answer stand, when the row is a header.
fn columns(row: &csv::StringRecord) -> Option<[usize; 6]> {
    let at = |name: &str| row.iter().position(|cell| cell.trim().eq_ignore_ascii_case(name));
    Some([at("question")?, at("a")?, at("b")?, at("c")?, at("d")?, at("answer")?])
}

fn question(row: &csv::StringRecord, places: [usize; 6]) -> Result<Question, String> {
    let cell = |at: usize| row.get(places[at]).map(str::trim).ok_or("it has fewer than six columns");
    let letter = cell(5)?;
    let right = LETTERS.iter().position(|known| known.eq_ignore_ascii_case(letter));
    let right = right.ok_or_else(|| format!("its answer is {letter:?}, not A, B, C or D"))?;
    let answers = [cell(1)?, cell(2)?, cell(3)?, cell(4)?].map(str::to_owned);
    Ok(Question { text: cell(0)?.to_owned(), answers, right })
}

/// The questions as prompts, each after the examples with their right answers.
pub fn prompts(questions: &[Question], examples: &[Question]) -> Vec<Asked> {
    questions.iter().map(|question| asked(question, examples)).collect()
}

fn asked(question: &Question, examples: &[Question]) -> Asked {
    let chinese = question.text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let (head, label, space) = if chinese {
        ("下面是单项选择题,请给出正确答案的字母。", "答案:", "")
    } else {
        ("Each question has one right answer out of four. Give its letter.", "Answer:", " ")
    };
    let mut prompt = format!("{head}\n\n");
    for example in examples {
        prompt.push_str(&format!("{}{label}{space}{}\n\n", body(example), LETTERS[example.right]));
    }
    prompt.push_str(&body(question));
    prompt.push_str(label);
    Asked { prompt, answers: LETTERS.iter().map(|letter| format!("{space}{letter}")).collect() }
}

fn body(question: &Question) -> String {
    let answers = LETTERS.iter().zip(&question.answers).map(|(letter, answer)| format!("{letter}. {answer}\n"));
    format!("{}\n{}", question.text, answers.collect::<String>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_read() {
        let mmlu = parse("\"One, two?\",a,b,c,d,B\n").unwrap();
        assert_eq!((mmlu[0].text.as_str(), mmlu[0].right), ("One, two?", 1));
        let ceval = parse("id,question,A,B,C,D,answer,explanation\n0,问题,甲,乙,丙,丁,D,\n").unwrap();
        assert_eq!((ceval[0].answers[3].as_str(), ceval[0].right), ("丁", 3));
        let cmmlu = parse("\u{feff},Question,A,B,C,D,Answer\n0,问题,甲,乙,丙,丁,A\n").unwrap();
        assert_eq!((cmmlu[0].text.as_str(), cmmlu[0].right), ("问题", 0));
    }

    #[test]
    fn mistakes_are_named_by_their_question() {
        assert_eq!(parse("").unwrap_err(), "it is empty");
        assert!(parse("q,a,b,c,d,A\nq,a,b,c\n").unwrap_err().starts_with("question 2: it has fewer"));
        assert!(parse("q,a,b,c,d,E\n").unwrap_err().contains("\"E\", not A, B, C or D"));
    }

    #[test]
    fn a_prompt_ends_where_the_letter_comes() {
        let one = parse("Two and two?,3,4,5,6,B\n").unwrap();
        let asked = &prompts(&one, &one)[0];
        assert!(asked.prompt.ends_with("D. 6\nAnswer:") && asked.prompt.contains("Answer: B\n\n"));
        assert_eq!(asked.answers, [" A", " B", " C", " D"]);
        let chinese = parse("一加一?,1,2,3,4,B\n").unwrap();
        assert!(prompts(&chinese, &[])[0].prompt.ends_with("答案:"));
    }

    #[test]
    fn the_projects_own_sample_is_sound() {
        let all = parse(super::super::measuring::SAMPLE_QUESTIONS).unwrap();
        assert!(all.len() >= 40);
        // No letter is right much more often than another.
        for letter in 0..4 {
            let share = all.iter().filter(|question| question.right == letter).count();
            assert!((all.len() / 8..=all.len() * 3 / 8).contains(&share), "{letter}: {share}");
        }
    }
}
