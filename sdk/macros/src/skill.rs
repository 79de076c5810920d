//! From an `impl` block to a skill.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, LitStr, Result, Token, Type};

/// `id = "…", version = "…"`
pub(crate) struct Arguments {
    id: LitStr,
    version: Option<Expr>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut id, mut version) = (None, None);
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            match key.to_string().as_str() {
                "id" => id = Some(input.parse()?),
                "version" => version = Some(input.parse()?),
                _ => return Err(Error::new(key.span(), "unknown; there are id and version")),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let id =
            id.ok_or_else(|| input.error("the id of skill.toml is missing: #[skill(id = \"org.example.weather\")]"))?;
        Ok(Self { id, version })
    }
}

/// A method that carries out an intent.
struct Intent {
    method: Ident,
    name: String,
    /// How its parameters are made from the call.
    passed: Vec<TokenStream>,
    /// The type of its arguments, if it has any.
    arguments: Option<Type>,
}

pub(crate) fn expand(arguments: &Arguments, mut block: ItemImpl) -> Result<TokenStream> {
    if block.trait_.is_some() {
        return Err(Error::new_spanned(
            &block.self_ty,
            "put #[skill] on a block of the skill's own methods: impl Weather { … }",
        ));
    }
    let mut intents = Vec::new();
    for item in &mut block.items {
        if let ImplItem::Fn(method) = item
            && let Some(intent) = intent(method)?
        {
            intents.push(intent);
        }
    }
    if intents.is_empty() {
        return Err(Error::new_spanned(&block.self_ty, "a skill needs at least one method marked #[intent]"));
    }
    let (of, id) = (&block.self_ty, &arguments.id);
    let version = arguments.version.as_ref().map_or_else(|| quote!(env!("CARGO_PKG_VERSION")), |v| quote!(#v));
    let arms = intents.iter().map(|Intent { method, name, passed, .. }| quote!(#name => self.#method(#(#passed),*),));
    let described = intents.iter().map(|Intent { name, arguments, .. }| {
        let schema = match arguments {
            Some(of) => quote!(<#of as ::hob_sdk::Parameters>::schema()),
            None => quote!(::hob_sdk::schema::nothing()),
        };
        quote!((#name, #schema))
    });
    Ok(quote! {
        #block

        impl ::hob_sdk::Skill for #of {
            fn new(context: &::hob_sdk::Context) -> ::std::result::Result<Self, ::hob_sdk::SkillError> {
                <#of>::new(context)
            }

            fn call(&self, call: &::hob_sdk::Call) -> ::std::result::Result<::hob_sdk::Outcome, ::hob_sdk::SkillError> {
                match call.intent.as_str() {
                    #(#arms)*
                    other => ::std::result::Result::Err(::hob_sdk::SkillError::unknown_intent(other)),
                }
            }
        }

        impl ::hob_sdk::Described for #of {
            fn intents() -> ::std::vec::Vec<(&'static str, ::hob_sdk::serde_json::Value)> {
                ::std::vec![#(#described),*]
            }
        }

        ::hob_sdk::export_skill!(#of, #id, #version);
    })
}

/// Takes the mark off a method, if it has one.
fn intent(method: &mut ImplItemFn) -> Result<Option<Intent>> {
    let Some(at) = method.attrs.iter().position(|attribute| attribute.path().is_ident("intent")) else {
        return Ok(None);
    };
    let mark = method.attrs.remove(at);
    let mut name = camel_case(&method.sig.ident.to_string());
    if !matches!(mark.meta, syn::Meta::Path(_)) {
        mark.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("unknown; there is name"));
            }
            name = meta.value()?.parse::<LitStr>()?.value();
            Ok(())
        })?;
    }
    let mut inputs = method.sig.inputs.iter();
    if !matches!(inputs.next(), Some(FnArg::Receiver(receiver)) if receiver.reference.is_some() && receiver.mutability.is_none())
    {
        return Err(Error::new_spanned(&method.sig, "an intent's method takes &self first"));
    }
    let (mut passed, mut arguments) = (Vec::new(), None);
    for input in inputs {
        let FnArg::Typed(input) = input else { continue };
        match input.ty.as_ref() {
            Type::Reference(reference) => match last_name(&reference.elem).as_deref() {
                Some("Call") => passed.push(quote!(call)),
                Some("Context") => passed.push(quote!(&call.context)),
                _ => return Err(Error::new_spanned(input, "pass a struct of parameters, &Call or &Context")),
            },
            of => {
                if arguments.replace(of.clone()).is_some() {
                    return Err(Error::new_spanned(input, "one struct holds all parameters"));
                }
                passed.push(quote!(call.arguments()?));
            }
        }
    }
    Ok(Some(Intent { method: method.sig.ident.clone(), name, passed, arguments }))
}

fn last_name(of: &Type) -> Option<String> {
    let Type::Path(path) = of else { return None };
    path.path.segments.last().map(|segment| segment.ident.to_string())
}

/// `get_weather` as `GetWeather`.
fn camel_case(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    name.trim_start_matches("r#").split('_').map(word).collect()
}
