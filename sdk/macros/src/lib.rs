//! What a skill's author would otherwise write twice: schemas, and the way from an intent's name to a method.
//!
//! Owns: reading the author's Rust. Must not know: manifests, the ABI, how a call arrives; what is made here is
//! plain code over `hob_sdk`.

mod parameters;
mod skill;

use proc_macro::TokenStream;

/// Makes a struct's fields parameters of an intent: `hob_sdk::Parameters`.
///
/// A field's type becomes its JSON type; `Option` makes it optional; its documentation is its description.
/// `#[param(x_type = "duration")]` says what it means, `#[param(copy)]` that its value is a piece of the request,
/// `#[param(prefer = "past")]` which of two dates is meant. `#[serde(rename = "…")]` is honoured, `#[serde(default)]`
/// makes a field optional. A unit enum becomes a list of values; `#[param(synonyms = ["…"])]` on a variant says what
/// else people call it.
#[proc_macro_derive(Parameters, attributes(param, serde))]
pub fn parameters(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    parameters::derive(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes the methods of an `impl` block a skill.
///
/// `#[skill(id = "org.example.weather")]`, with `version = "…"` unless it is the package's. The block has a
/// `fn new(context: &Context) -> Result<Self, SkillError>` and methods marked `#[intent]`, each named like its
/// intent in snake case (or `#[intent(name = "…")]`), that take `&self`, a struct of parameters if there are any, and
/// `&Call` or `&Context` if they want it, and return `Result<Outcome, SkillError>`.
#[proc_macro_attribute]
pub fn skill(arguments: TokenStream, input: TokenStream) -> TokenStream {
    let arguments = syn::parse_macro_input!(arguments as skill::Arguments);
    let input = syn::parse_macro_input!(input as syn::ItemImpl);
    skill::expand(&arguments, input).unwrap_or_else(|error| error.to_compile_error()).into()
}
