//! Several things asked for in one sentence.
//!
//! Owns: where a sentence may be cut. Must not know: how its parts are routed.

use super::RoutedCall;
use serde_json::Value;
use std::ops::Range;

/// More parts than this are a list of something, not of requests.
const MOST: usize = 4;
/// What joins requests, longest first, in the languages of the built-in skills.
const JOINTS: [&str; 20] = [
    ", and then ",
    " and then ",
    " und danach ",
    " und dann ",
    " e depois ",
    " y después ",
    " y luego ",
    ", and ",
    "; then ",
    ", then ",
    " then ",
    " and ",
    " und ",
    " y ",
    " e ",
    "; ",
    "，然后",
    "然后",
    "并且",
    "，再",
];

/// The parts of a sentence between its joints, if it has two to four.
pub fn parts(text: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while let Some(joint) = first_joint(rest) {
        parts.push(rest[..joint.start].trim());
        rest = rest[joint.end..].trim_start();
    }
    parts.push(rest);
    let whole = parts.len() > 1 && parts.len() <= MOST && parts.iter().all(|part| !part.is_empty());
    whole.then_some(parts)
}

fn first_joint(text: &str) -> Option<Range<usize>> {
    let places = JOINTS.iter().filter_map(|joint| text.find(joint).map(|at| at..at + joint.len()));
    places.min_by_key(|place| (place.start, std::cmp::Reverse(place.end)))
}

/// Whether calls for the parts say more than the one call for the whole sentence: each is complete and of another intent,
/// and no argument of the whole reaches across a joint, as in "remind me to call Ana and Rui".
pub fn are_several(parts: &[&str], calls: &[RoutedCall], whole: Option<&RoutedCall>) -> bool {
    let complete = calls.len() == parts.len() && calls.iter().all(|call| call.missing.is_empty());
    let name = |call: &RoutedCall| (call.skill.clone(), call.intent.clone());
    let different = (1..calls.len()).all(|n| calls[..n].iter().all(|earlier| name(earlier) != name(&calls[n])));
    complete && different && !whole.is_some_and(|call| parts.windows(2).any(|pair| crosses(call, pair[0], pair[1])))
}

/// Whether an argument holds the end of one part and the beginning of the next.
fn crosses(call: &RoutedCall, before: &str, after: &str) -> bool {
    let (Some(last), Some(first)) = (before.split_whitespace().last(), after.split_whitespace().next()) else {
        return false;
    };
    let texts = call.arguments.values().filter_map(Value::as_str);
    texts.into_iter().any(|text| text.find(last).is_some_and(|at| text[at..].contains(first)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(intent: &str, arguments: Value) -> RoutedCall {
        RoutedCall {
            skill: "org.hob.clock".into(),
            intent: intent.into(),
            title: String::new(),
            score: 0.9,
            arguments: arguments.as_object().unwrap().clone(),
            missing: Vec::new(),
            needs_confirmation: false,
        }
    }

    #[test]
    fn a_sentence_is_cut_at_its_joints() {
        let cut = |text| parts(text).unwrap_or_default();
        assert_eq!(cut("set a timer and then open the folder"), ["set a timer", "open the folder"]);
        assert_eq!(cut("stell einen Timer und öffne den Ordner"), ["stell einen Timer", "öffne den Ordner"]);
        assert_eq!(cut("设置计时器，然后打开文件夹"), ["设置计时器", "打开文件夹"]);
        assert_eq!(cut("a, then b and c; d").len(), 4);
        for text in ["set a timer", "sand and", " and ", "", "a and b and c and d and e"] {
            assert_eq!(parts(text), None, "{text:?}");
        }
    }

    #[test]
    fn two_names_are_one_request() {
        let two = ["remind me to call Ana", "open the window"];
        let calls = [call("SetReminder", json!({})), call("Open", json!({}))];
        assert!(are_several(&two, &calls, Some(&call("SetReminder", json!({"label": "call Ana"})))));
        assert!(!are_several(
            &two,
            &calls,
            Some(&call("SetReminder", json!({"label": "call Ana and open the window"})))
        ));
        let same = [call("SetTimer", json!({})), call("SetTimer", json!({}))];
        assert!(!are_several(&["a timer for an hour", "ten minutes"], &same, None));
        assert!(!are_several(&two, &calls[..1], None), "a part that is nobody's");
    }
}
