//! Subscriptions: a skill may listen to those it may talk to.

use super::BUS;
use crate::granted::Granted;

/// Whether a match rule asks for signals of a granted name, or of the bus about one.
pub fn is_narrow(rule: &str, granted: &Granted) -> bool {
    let Some(pairs) = pairs(rule) else { return false };
    let value = |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    if pairs.iter().any(|(key, _)| key == "eavesdrop") || value("type").is_some_and(|kind| kind != "signal") {
        return false;
    }
    match value("sender") {
        Some(BUS) => {
            value("arg0").is_some_and(|name| granted.allows_name(name)) || value("member") == Some("NameAcquired")
        }
        Some(sender) => granted.allows_name(sender),
        None => false,
    }
}

/// Keys and values of a rule, whose values stand between apostrophes. `None` for what reads in more than one way.
fn pairs(rule: &str) -> Option<Vec<(String, String)>> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = rule.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once("='")?;
        let (value, after) = after.split_once('\'')?;
        let key = key.trim().to_string();
        if value.contains('\\') || pairs.iter().any(|(known, _)| *known == key) {
            return None;
        }
        pairs.push((key, value.to_string()));
        rest = match after.trim_start() {
            "" => "",
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
    Some(pairs)
}
