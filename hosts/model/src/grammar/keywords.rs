//! Which keywords of JSON Schema are understood, and what becomes of the others.
//!
//! Owns: the table. Must not know: how a keyword is turned into a grammar.
//!
//! A keyword that is left out of a grammar would let wrong answers through, so everything that is
//! not in this table is refused by name. What is kept is what llguidance implements (checked in its
//! sources, version 1.9.1, `json/schema.rs`); it would ignore keywords that are unknown to it.

/// What a keyword's value must be, where the keyword is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One schema.
    Schema,
    /// A list of schemas that is not empty.
    Schemas,
    /// `items`: one schema, or up to draft 2019-09 a list.
    Items,
    /// Schemas by name.
    Properties,
    /// Schemas by regular expression.
    Patterns,
    /// The name of a type, or a list of them.
    Types,
    /// One JSON value.
    Value,
    /// A list of JSON values that is not empty.
    Values,
    /// A list of names.
    Names,
    /// A count that the answer must reach.
    AtLeast,
    /// A count that the answer must not exceed.
    AtMost,
    /// `minimum` and `maximum`.
    Bound,
    /// `exclusiveMinimum` and `exclusiveMaximum`: a number, or in draft 4 a flag.
    ExclusiveBound,
    /// `multipleOf`.
    Step,
    /// A regular expression.
    Pattern,
    /// The name of a format.
    Format,
    /// A pointer to another schema of the document.
    Reference,
    /// `x-copy`.
    Copy,
}

/// What a keyword means for a grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It becomes part of the grammar.
    Kept(Kind),
    /// It says nothing about which values are allowed.
    Note,
    /// Names the dialect.
    Dialect,
    /// Names the schema, so that relative references would start there.
    Identity,
    /// A flag that says nothing while it is false; refused with this advice when true.
    Off(&'static str),
    /// It is refused, with advice on what to write instead.
    Refused(&'static str),
    /// It is none of JSON Schema's.
    Unknown,
}

/// Looks a keyword up.
pub fn meaning(keyword: &str) -> Meaning {
    use Meaning::{Dialect, Identity, Kept, Note, Off, Refused, Unknown};
    match keyword {
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Kept(Kind::Schemas),
        "additionalProperties" | "additionalItems" => Kept(Kind::Schema),
        "items" => Kept(Kind::Items),
        "properties" => Kept(Kind::Properties),
        "patternProperties" => Kept(Kind::Patterns),
        "type" => Kept(Kind::Types),
        "const" => Kept(Kind::Value),
        "enum" => Kept(Kind::Values),
        "required" => Kept(Kind::Names),
        "minLength" | "minItems" | "minProperties" => Kept(Kind::AtLeast),
        "maxLength" | "maxItems" | "maxProperties" => Kept(Kind::AtMost),
        "minimum" | "maximum" => Kept(Kind::Bound),
        "exclusiveMinimum" | "exclusiveMaximum" => Kept(Kind::ExclusiveBound),
        "multipleOf" => Kept(Kind::Step),
        "pattern" => Kept(Kind::Pattern),
        "format" => Kept(Kind::Format),
        "$ref" => Kept(Kind::Reference),
        "x-copy" => Kept(Kind::Copy),

        "title" | "description" | "default" | "examples" | "$comment" | "deprecated" | "readOnly" | "writeOnly" => Note,
        // Only reached through `$ref`, and checked there.
        "$defs" | "definitions" => Note,
        // Of OpenAPI; they say nothing that the other keywords don't.
        "example" | "discriminator" | "externalDocs" | "xml" => Note,
        // Only `$ref` could use it, which refuses names.
        "$anchor" => Note,
        "$schema" => Dialect,
        "$id" | "id" => Identity,

        "uniqueItems" => Off("let the caller drop repeated items"),
        "nullable" => Off("write \"type\": [\"string\", \"null\"] with the type that is meant"),

        "not" => Refused("say what is allowed, with enum, pattern or anyOf"),
        "if" | "then" | "else" => Refused("write the cases as options of anyOf"),
        "dependentRequired" | "dependentSchemas" | "dependencies" => {
            Refused("write the cases as options of anyOf, each with its own required")
        }
        "propertyNames" => Refused("name the properties, or use patternProperties"),
        "contains" | "minContains" | "maxContains" => Refused("describe every item with items or prefixItems"),
        "unevaluatedProperties" => Refused("use additionalProperties"),
        "unevaluatedItems" => Refused("use items"),
        "contentEncoding" | "contentMediaType" | "contentSchema" => {
            Refused("use pattern to say what the text looks like")
        }
        "$dynamicRef" | "$dynamicAnchor" | "$recursiveRef" | "$recursiveAnchor" => {
            Refused("use $ref with a pointer such as #/$defs/name")
        }
        "$vocabulary" => Refused("leave it out"),
        "x-guidance" => Refused("how a schema is followed is not the caller's to set"),
        note if note.starts_with("x-") => Note,
        _ => Unknown,
    }
}

/// Formats of strings that are followed, as far as a regular expression can.
pub const FORMATS: [&str; 10] =
    ["date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"];

/// Dialects whose keywords mean what they mean here.
pub const DIALECTS: [&str; 5] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
];

/// JSON Schema's types.
pub const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_and_strangers_are_told_apart() {
        for note in ["title", "description", "default", "examples", "deprecated", "readOnly", "x-type", "x-prefer"] {
            assert_eq!(meaning(note), Meaning::Note, "{note}");
        }
        for stranger in ["minimun", "Type", "", "allof", "maxlength", "x"] {
            assert_eq!(meaning(stranger), Meaning::Unknown, "{stranger}");
        }
        assert_eq!(meaning("x-copy"), Meaning::Kept(Kind::Copy));
        assert!(matches!(meaning("x-guidance"), Meaning::Refused(_)));
    }
}
