//! How large a schema may be. A schema comes from an app or a tool, so it may be hostile.
//!
//! Owns: the numbers. They are generous for schemas that people write (a large tool's parameters
//! have some 200 nodes) and keep the worst one below a second and some tens of megabytes.

use llguidance::api::ParserLimits;

/// Most bytes of a schema as JSON.
pub const BYTES: usize = 256 << 10;
/// Most schemas in a document, counting what `$ref` reaches once.
pub const SCHEMAS: usize = 1_000;
/// Most fixed values in a document.
pub const VALUES: usize = 4_000;
/// Most bytes of all property names and fixed texts together.
pub const TEXTS: usize = 64 << 10;
/// Deepest nesting of schemas, and of a fixed value.
pub const DEPTH: usize = 40;
/// Deepest nesting along references, because compilers recurse.
pub const REACH: usize = 160;
/// Most options of one `anyOf` or `oneOf`.
pub const OPTIONS: usize = 200;
/// Most schemas that merging (`allOf`, or `$ref` and `anyOf` beside other keywords) may make.
pub const MERGED: u64 = 20_000;
/// Most characters of a regular expression.
pub const PATTERN: usize = 1_000;
/// Most repetitions that counted repeats in one regular expression may multiply to.
pub const REPEATS: u64 = 20_000;
/// Most expressions in one `patternProperties`: each pair is checked for overlap.
pub const PATTERNS: usize = 8;
/// Lengths and counts beyond this can't be reached by any answer: a larger maximum is taken as
/// this, a larger minimum is refused.
pub const LONGEST: u64 = 32_768;
/// Numbers beyond this are not generated. It is close to the end of 64-bit integers, and every
/// number below it can be read by every JSON parser.
pub const LARGEST: f64 = 9e18;
/// Levels of free JSON where a schema allows anything.
pub const FREE_LEVELS: usize = 8;
/// Most bytes of the text that `x-copy` takes values from.
pub const COPY: usize = 64 << 10;
/// Most bytes of a grammar that has to be written out for `x-copy`.
pub const WRITTEN: usize = 1 << 20;

/// llguidance's own limits, for one request.
pub fn parser() -> ParserLimits {
    ParserLimits {
        // An object of a thousand optional properties has some four items for each.
        max_items_in_row: 8_000,
        step_max_items: 200_000,
        max_lexer_states: 50_000,
        max_grammar_size: 200_000,
        precompute_large_lexemes: false,
        // Its errors would repeat the whole grammar and answer.
        verbose_errors: false,
        ..ParserLimits::default()
    }
}
