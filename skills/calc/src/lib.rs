//! The calculator skill: sums in words and signs, and units of measure.
//!
//! Owns: which intent is answered by which part, and how a number is said. Must not know: how words were routed here.

mod expression;
mod tokens;
mod units;

use hob_sdk::{Context, Outcome, Parameters, SkillError, skill};
use serde::Deserialize;
use serde_json::json;

/// The skill itself; it keeps nothing.
struct Calc;

/// What `Calculate` takes.
#[derive(Deserialize, Parameters)]
struct Calculate {
    /// The sum, in words or signs
    #[param(x_type = "freetext", copy)]
    expression: String,
}

/// What `Convert` takes.
#[derive(Deserialize, Parameters)]
struct Convert {
    /// How much; left out: one
    #[param(x_type = "number")]
    amount: Option<f64>,
    /// The unit it is in
    #[param(x_type = "freetext", copy)]
    from: String,
    /// The unit that is wanted
    #[param(x_type = "freetext", copy)]
    to: String,
}

#[skill(id = "org.hob.calc")]
impl Calc {
    fn new(_: &Context) -> Result<Self, SkillError> {
        Ok(Self)
    }

    #[intent]
    fn calculate(&self, asked: Calculate) -> Result<Outcome, SkillError> {
        let value = expression::value(&asked.expression)?;
        let message = format!("{} = {}", asked.expression.trim(), shown(value));
        Ok(Outcome::say(message).with_data(json!({ "value": value })))
    }

    #[intent]
    fn convert(&self, asked: Convert) -> Result<Outcome, SkillError> {
        let amount = asked.amount.unwrap_or(1.0);
        let (from, to) = (units::unit(&asked.from)?, units::unit(&asked.to)?);
        let value = units::converted(amount, from, to)?;
        let message = format!("{} {} = {} {}", shown(amount), from.name, shown(value), to.name);
        Ok(Outcome::say(message).with_data(json!({ "value": value, "from": from.name, "to": to.name })))
    }
}

/// A number as a person writes it: ten significant digits, no trailing zeros.
fn shown(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let digits = value.abs().log10().floor();
    if !(-6.0..15.0).contains(&digits) {
        return format!("{value:.6e}");
    }
    let places = (9.0 - digits).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

#[cfg(test)]
mod tests;
