//! The model of an annotated function: its header is parsed, its body is not.
//!
//! The body stays the token group that the user typed. So a half-typed body still expands, and editors keep completing
//! inside it.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{
    Attribute, FnArg, GenericArgument, Ident, PathArguments, PathSegment, ReturnType, Signature, Token, Type,
    Visibility,
};

use crate::endpoint::argument_attribute::Param;
use crate::errors::Errors;
use crate::half_typed::recover;
use crate::tokens::parenthesized;

/// An annotated function.
pub(crate) struct Func {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The `#[tractor(..)]` options of each argument; the attributes are no longer in the signature.
    pub(crate) params: Vec<Param>,
    /// The `{ .. }` group as typed; `None` if the function ends with `;`.
    pub(crate) body: Option<TokenTree>,
}

impl Func {
    /// Parses an annotated item. The error is the tokens to emit instead of an expansion.
    pub(crate) fn parse_item(item: TokenStream, errors: &mut Errors) -> Result<Self, TokenStream> {
        let mut func: Self = syn::parse2(item.clone()).map_err(|error| {
            errors.push(error);
            recover(item)
        })?;
        let attrs = func.sig.inputs.iter_mut().map(|input| match input {
            FnArg::Receiver(receiver) => &mut receiver.attrs,
            FnArg::Typed(typed) => &mut typed.attrs,
        });
        func.params = attrs.map(|attrs| Param::take(attrs, errors)).collect();
        let types = func.sig.inputs.iter_mut().filter_map(|input| match input {
            FnArg::Receiver(_) => None,
            FnArg::Typed(typed) => Some(&mut typed.ty),
        });
        let output = match &mut func.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(ty),
        };
        for ty in types.chain(output) {
            // The length of an array may be an operation.
            **ty = syn::parse2(parenthesized(ty.to_token_stream())).unwrap_or_else(|_| Type::clone(ty));
        }
        Ok(func)
    }

    /// Reports a missing body. `or_else` is an alternative for the help text.
    pub(crate) fn check_body(&self, or_else: &str, errors: &mut Errors) {
        if self.body.is_none() {
            let name = &self.sig.ident;
            let help = format!("{}{or_else}", self.plain_with_body());
            errors.at(name, format_args!("`{name}` has no body"), help);
        }
    }

    /// The function with another name and body, always `async`, with `attrs` and no visibility.
    pub(crate) fn renamed(&self, name: &Ident, attrs: &[Attribute], body: &TokenStream) -> TokenStream {
        let mut sig = self.sig.clone();
        sig.asyncness.get_or_insert(Token![async](sig.fn_token.span));
        sig.ident = name.clone();
        quote!(#(#attrs)* #sig #body)
    }

    /// The body. A function without one gets a stub that fits any return type, so that rustc reports nothing more.
    pub(crate) fn body_or_stub(&self) -> TokenStream {
        self.body.as_ref().map_or_else(|| quote!({ ::core::unreachable!() }), ToTokens::to_token_stream)
    }

    /// Reports everything that no macro of this crate accepts in a function's header, except a missing `async`.
    ///
    /// `what` names the function in the error texts: "the endpoint `add`".
    pub(crate) fn check_header(&self, what: &str, errors: &mut Errors) {
        let sig = &self.sig;
        let plain = self.plain();
        if let Some(token) = &sig.constness {
            errors.at(token, format_args!("{what} cannot be a `const fn`"), &plain);
        }
        if let syn::Safety::Unsafe(token) = &sig.safety {
            let help = format!("{plain} and put the `unsafe` block in its body");
            errors.at(
                token,
                format_args!("{what} cannot be an `unsafe fn`: the caller cannot vouch for it"),
                help,
            );
        }
        if let Some(abi) = &sig.abi {
            errors.at(abi, format_args!("{what} cannot have a foreign ABI"), &plain);
        }
        let generics = &sig.generics;
        if generics.lt_token.is_some() {
            errors.at(
                generics,
                format_args!("{what} cannot be generic: both sides have to know its types beforehand"),
                "use concrete, owned types",
            );
        } else if let Some(clause) = &generics.where_clause {
            errors.at(clause, format_args!("{what} cannot have a `where` clause"), "leave it out");
        }
        if let Some(variadic) = &sig.variadic {
            errors.at(variadic.dots, format_args!("{what} cannot be variadic"), "use a `Vec<T>` argument");
        }
    }

    /// Reports a missing `async`. `or_else` is an alternative for the help text.
    pub(crate) fn check_async(&self, what: &str, or_else: &str, errors: &mut Errors) {
        if self.sig.asyncness.is_none() {
            let help = format!("{}{or_else}", self.plain());
            errors.at(self.sig.fn_token, format_args!("{what} has to be an `async fn`"), help);
        }
    }

    /// The header to write instead of a refused one.
    fn plain(&self) -> String {
        let args = if self.sig.inputs.is_empty() { "" } else { ".." };
        format!("write `async fn {}({args})`", self.sig.ident)
    }

    fn plain_with_body(&self) -> String {
        format!("write `async fn {}(..) {{ .. }}`", self.sig.ident)
    }

    /// The type after `->`, if one is written.
    pub(crate) fn output(&self) -> Option<&Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(peel(ty)),
        }
    }
}

impl ToTokens for Func {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, sig, .. } = self;
        let body = self.body_or_stub();
        tokens.extend(quote!(#(#attrs)* #vis #sig #body));
    }
}

impl Parse for Func {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig: Signature = input.parse()?;
        if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            return Ok(Self { attrs, vis, sig, params: Vec::new(), body: None });
        }
        match input.parse::<Option<TokenTree>>()? {
            // A `block` fragment of a `macro_rules!` has invisible delimiters around the body.
            Some(TokenTree::Group(group))
                if matches!(group.delimiter(), Delimiter::Brace | Delimiter::None) =>
            {
                Ok(Self { attrs, vis, sig, params: Vec::new(), body: Some(TokenTree::Group(group)) })
            }
            _ => Err(syn::Error::new_spanned(
                &sig.ident,
                format_args!("`{0}` has no body\n  = help: write `async fn {0}(..) {{ .. }}`", sig.ident),
            )),
        }
    }
}

/// The type without the invisible groups and parentheses around it.
pub(crate) fn peel(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            bare => return bare,
        };
    }
}

/// The last segment of a type that is a path: `Result<u8>` of `tractor::Result<u8>`.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match peel(ty) {
        Type::Path(ty) => ty.path.segments.last(),
        _ => None,
    }
}

/// The type at `position` in the angle brackets of a path segment.
pub(crate) fn generic(segment: &PathSegment, position: usize) -> Option<&Type> {
    let PathArguments::AngleBracketed(list) = &segment.arguments else { return None };
    let mut types = list.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.nth(position)
}
