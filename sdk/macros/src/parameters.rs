//! From a struct or enum to its JSON Schema.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, Data, DataEnum, DataStruct, DeriveInput, Error, Expr, ExprLit, Field, Fields, Lit, LitStr, Result,
};

/// What an author says about a field or variant.
#[derive(Default)]
struct Said {
    name: Option<String>,
    all: Option<String>,
    optional: bool,
    copy: bool,
    x_type: Option<LitStr>,
    prefer: Option<LitStr>,
    synonyms: Vec<LitStr>,
    description: String,
}

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    match &input.data {
        Data::Struct(fields) => of_struct(input, fields),
        Data::Enum(variants) => of_enum(input, variants),
        Data::Union(_) => Err(Error::new_spanned(input, "parameters are a struct or an enum")),
    }
}

fn of_struct(input: &DeriveInput, of: &DataStruct) -> Result<TokenStream> {
    let name = &input.ident;
    let Fields::Named(fields) = &of.fields else {
        return Err(Error::new_spanned(input, "parameters have names: write a struct with named fields"));
    };
    let properties = fields.named.iter().map(property).collect::<Result<Vec<_>>>()?;
    Ok(quote! {
        impl ::hob_sdk::Parameters for #name {
            fn schema() -> ::hob_sdk::serde_json::Value {
                let mut schema = ::hob_sdk::schema::Object::default();
                #(#properties)*
                schema.done()
            }
        }
    })
}

fn property(field: &Field) -> Result<TokenStream> {
    let said = said(&field.attrs)?;
    let ident = field.ident.as_ref().map(|ident| ident.to_string().trim_start_matches("r#").to_string());
    let name = said.name.or(ident).unwrap_or_default();
    let of = &field.ty;
    let optional = said.optional;
    let keywords = [
        said.x_type.map(|t| quote!(("x-type", #t.into()))),
        said.copy.then(|| quote!(("x-copy", true.into()))),
        said.prefer.map(|p| quote!(("x-prefer", #p.into()))),
        Some(said.description).filter(|d| !d.is_empty()).map(|d| quote!(("description", #d.into()))),
    ];
    let keywords = keywords.into_iter().flatten();
    Ok(quote! {
        schema.add::<#of>(#name, #optional, ::std::vec![#(#keywords),*]);
    })
}

fn of_enum(input: &DeriveInput, of: &DataEnum) -> Result<TokenStream> {
    let name = &input.ident;
    let style = said(&input.attrs)?.all;
    let (mut values, mut synonyms) = (Vec::new(), Vec::new());
    for variant in &of.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(variant, "a choice is a plain name: variants of parameters hold nothing"));
        }
        let said = said(&variant.attrs)?;
        let value = said.name.unwrap_or_else(|| renamed(&variant.ident.to_string(), style.as_deref()));
        let words = said.synonyms;
        if !words.is_empty() {
            synonyms.push(quote!((#value, ::std::vec![#(#words),*])));
        }
        values.push(value);
    }
    Ok(quote! {
        impl ::hob_sdk::schema::Parameter for #name {
            fn schema() -> ::hob_sdk::serde_json::Value {
                ::hob_sdk::schema::choice(&[#(#values),*], &[#(#synonyms),*])
            }
        }
    })
}

/// A variant's name in the style that serde is told to use.
fn renamed(name: &str, style: Option<&str>) -> String {
    let joined = |by: char| {
        let mut words = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() && !words.is_empty() {
                words.push(by);
            }
            words.extend(letter.to_lowercase());
        }
        words
    };
    match style {
        Some("lowercase") => name.to_lowercase(),
        Some("snake_case") => joined('_'),
        Some("kebab-case") => joined('-'),
        _ => name.to_string(),
    }
}

fn said(attributes: &[Attribute]) -> Result<Said> {
    let mut said = Said::default();
    let mut lines = Vec::new();
    for attribute in attributes {
        if attribute.path().is_ident("doc") {
            if let syn::Meta::NameValue(value) = &attribute.meta
                && let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &value.value
            {
                lines.push(line.value().trim().to_string());
            }
        } else if attribute.path().is_ident("param") {
            ours(attribute, &mut said)?;
        } else if attribute.path().is_ident("serde") {
            serdes(attribute, &mut said)?;
        }
    }
    said.description = lines.join(" ").trim().to_string();
    Ok(said)
}

fn ours(attribute: &Attribute, said: &mut Said) -> Result<()> {
    attribute.parse_nested_meta(|meta| {
        let text = || meta.value()?.parse::<LitStr>();
        if meta.path.is_ident("copy") {
            said.copy = true;
        } else if meta.path.is_ident("x_type") {
            said.x_type = Some(text()?);
        } else if meta.path.is_ident("prefer") {
            said.prefer = Some(text()?);
        } else if meta.path.is_ident("synonyms") {
            let list: syn::ExprArray = meta.value()?.parse()?;
            for word in list.elems {
                let Expr::Lit(ExprLit { lit: Lit::Str(word), .. }) = word else {
                    return Err(meta.error("synonyms are texts: synonyms = [\"photo\", \"picture\"]"));
                };
                said.synonyms.push(word);
            }
        } else {
            return Err(meta.error("unknown; there are x_type, copy, prefer and synonyms"));
        }
        Ok(())
    })
}

/// What serde is told changes names, so it counts here too; the rest is serde's business.
fn serdes(attribute: &Attribute, said: &mut Said) -> Result<()> {
    attribute.parse_nested_meta(|meta| {
        if meta.path.is_ident("rename") {
            said.name = Some(meta.value()?.parse::<LitStr>()?.value());
        } else if meta.path.is_ident("rename_all") {
            said.all = Some(meta.value()?.parse::<LitStr>()?.value());
        } else if meta.path.is_ident("default") {
            said.optional = true;
            if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<Expr>()?;
            }
        } else if meta.input.peek(syn::Token![=]) {
            meta.value()?.parse::<Expr>()?;
        }
        Ok(())
    })
}
