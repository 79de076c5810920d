//! Reckoning: the usual order of signs, percentages, roots.

use crate::tokens::{Token, tokens};
use hob_sdk::SkillError;

/// Brackets within brackets.
const DEEPEST: usize = 64;

/// The value of a sum.
///
/// # Errors
/// Which word is not understood, where something is missing, or why there is no value.
pub fn value(text: &str) -> Result<f64, SkillError> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Err(SkillError::invalid_argument("There is nothing to reckon."));
    }
    let mut sum = Sum { tokens: &tokens, at: 0, depth: 0 };
    let value = sum.terms()?;
    if sum.at < tokens.len() {
        return Err(SkillError::invalid_argument("The sum goes on where it should end."));
    }
    match value.is_finite() {
        true => Ok(value),
        false => Err(SkillError::new("no_value", "That has no value: it divides by zero or is too large.")),
    }
}

struct Sum<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: usize,
}

impl Sum<'_> {
    fn takes(&mut self, token: Token) -> bool {
        let there = self.tokens.get(self.at) == Some(&token);
        self.at += usize::from(there);
        there
    }

    fn terms(&mut self) -> Result<f64, SkillError> {
        let mut value = self.factors()?;
        loop {
            let add = self.takes(Token::Sign('+'));
            if !add && !self.takes(Token::Sign('-')) {
                return Ok(value);
            }
            let from = self.at;
            let more = self.factors()?;
            // "80 + 10 %" adds a tenth of the eighty.
            let part = self.at > from && self.tokens[self.at - 1] == Token::Sign('%') && self.at - from == 2;
            let more = if part { value * more } else { more };
            value = if add { value + more } else { value - more };
        }
    }

    fn factors(&mut self) -> Result<f64, SkillError> {
        let mut value = self.power()?;
        loop {
            if self.takes(Token::Sign('*')) || self.takes(Token::Of) {
                value *= self.power()?;
            } else if self.takes(Token::Sign('/')) {
                value /= self.power()?;
            } else {
                return Ok(value);
            }
        }
    }

    fn power(&mut self) -> Result<f64, SkillError> {
        if self.takes(Token::Sign('-')) {
            return self.deeper(|sum| Ok(-sum.power()?));
        }
        let mut value = self.one()?;
        while self.takes(Token::Sign('%')) {
            value /= 100.0;
        }
        if self.takes(Token::Sign('^')) {
            let by = self.deeper(Self::power)?;
            return Ok(value.powf(by));
        }
        Ok(value)
    }

    fn one(&mut self) -> Result<f64, SkillError> {
        if self.takes(Token::Sign('r')) {
            return self.deeper(|sum| Ok(sum.one()?.sqrt()));
        }
        if self.takes(Token::Sign('(')) {
            let value = self.deeper(Self::terms)?;
            return match self.takes(Token::Sign(')')) {
                true => Ok(value),
                false => Err(SkillError::invalid_argument("A bracket is not closed.")),
            };
        }
        match self.tokens.get(self.at) {
            Some(Token::Number(value)) => {
                self.at += 1;
                Ok(*value)
            }
            Some(_) => Err(SkillError::invalid_argument("There is a sign where a number belongs.")),
            None => Err(SkillError::invalid_argument("A number is missing at the end.")),
        }
    }

    fn deeper(&mut self, inner: impl FnOnce(&mut Self) -> Result<f64, SkillError>) -> Result<f64, SkillError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(SkillError::invalid_argument("There are too many brackets within brackets."));
        }
        let value = inner(self);
        self.depth -= 1;
        value
    }
}
