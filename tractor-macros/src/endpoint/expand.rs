//! The expansion all endpoints share. It is thin on purpose: the work is done by generic functions of the library.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Path;
use syn::ext::IdentExt;

use super::Endpoint;
use crate::sig::edges;

/// What differs between the kinds of endpoints.
pub(crate) struct Kind {
    /// The type of a call: `Call`.
    pub(crate) call: &'static str,
    /// The constructor of its registry entry: `func`.
    pub(crate) entry: &'static str,
    /// The trait it implements besides `Endpoint`.
    pub(crate) endpoint_trait: &'static str,
    /// Type of the final value.
    pub(crate) returns: TokenStream,
    /// The associated types of the trait, besides `Output`.
    pub(crate) types: TokenStream,
    /// The parameter of `run` before the arguments, with its comma; none for a plain function.
    pub(crate) parameter: TokenStream,
    /// What is passed for it to the user's function, with its comma.
    pub(crate) passed: TokenStream,
    /// Turns `output` into the outcome.
    pub(crate) outcome: TokenStream,
}

impl Endpoint<'_> {
    /// All items of the endpoint.
    pub(crate) fn expand(&self, krate: &Path, kind: &Kind) -> TokenStream {
        let handle = self.handle(krate, kind);
        let described = self.described(krate, kind);
        let implemented = self.implemented(krate, kind);
        let Self { attrs, func, .. } = self;
        let (cfg, name) = (&attrs.cfg, self.name());
        let body = func.renamed(&self.body_name(), &attrs.body);
        let entry = format_ident!("{}", kind.entry);
        quote! {
            #handle
            #described
            #implemented
            #(#cfg)* #body
            #(#cfg)*
            #krate::__private::inventory::submit! { #krate::__private::EndpointEntry::#entry::<#name>() }
        }
    }

    /// The type and the function one calls.
    fn handle(&self, krate: &Path, kind: &Kind) -> TokenStream {
        let (name, vis) = (self.name(), &self.func.vis);
        let (cfg, docs, attrs) = (&self.attrs.cfg, &self.attrs.docs, &self.attrs.handle);
        let (args, types) = self.args();
        let call = format_ident!("{}", kind.call);
        quote! {
            #(#cfg)*
            #(#docs)*
            #[allow(
                non_camel_case_types, missing_docs, missing_debug_implementations,
                reason = "named like the function"
            )]
            #vis struct #name {}

            #(#cfg)*
            #(#docs)*
            #(#attrs)*
            #[allow(dead_code, reason = "may be called by name only")]
            #vis fn #name(#(#args: #types),*) -> #krate::#call<#name> {
                #krate::#call::new((#(#args,)*))
            }
        }
    }

    /// The impl of `Endpoint`.
    fn described(&self, krate: &Path, kind: &Kind) -> TokenStream {
        let (cfg, name, returns) = (&self.attrs.cfg, self.name(), &kind.returns);
        let (args, types) = self.args();
        let label = name.unraw().to_string();
        let labels = args.iter().map(|arg| arg.unraw().to_string());
        // rustc underlines the whole tuple, or the keyword, when one of the types will not do: at the argument list, then.
        let tuple = quote_spanned!(self.func.sig.paren_token.span.join()=> type Args = (#(#types,)*););
        let returns = associated_type("Returns", returns);
        quote! {
            #(#cfg)*
            impl #krate::__private::Endpoint for #name {
                const MODULE: &'static str = ::core::module_path!();
                const NAME: &'static str = #label;
                const ARGS: &'static [&'static str] = &[#(#labels),*];
                #tuple
                #returns
            }
        }
    }

    /// The impl of the kind's own trait, which runs the user's function.
    fn implemented(&self, krate: &Path, kind: &Kind) -> TokenStream {
        let Kind { types, parameter, passed, outcome, returns: _, .. } = kind;
        let (cfg, name, body) = (&self.attrs.cfg, self.name(), self.body_name());
        let endpoint_trait = format_ident!("{}", kind.endpoint_trait);
        let (args, _) = self.args();
        let output = associated_type("Output", &self.output.ty);
        // rustc reports a future that is not `Send` where the bound is written: at the function's name, then.
        let future = quote_spanned!(name.span()=> impl ::core::future::Future<Output = Self::Output> + ::core::marker::Send);
        quote! {
            #(#cfg)*
            impl #krate::__private::#endpoint_trait for #name {
                #types
                #output
                fn run(#parameter (#(#args,)*): Self::Args) -> #future {
                    #body(#passed #(#args),*)
                }
                fn outcome(
                    output: Self::Output,
                ) -> ::core::result::Result<Self::Returns, #krate::__private::EndpointError> {
                    #outcome
                }
            }
        }
    }

    /// The type of the final value: the `Ok` type of a `Result`, else what the function returns.
    pub(crate) fn returned(&self, krate: &Path) -> TokenStream {
        let ty = &self.output.ty;
        if !self.output.fallible {
            return ty.clone();
        }
        let blame = self.output.ok.as_ref().unwrap_or(ty);
        associated(blame, ty, &quote!(#krate::__private::Fallible), "Ok")
    }

    /// `fallible(output, ..)` or `infallible(output)`, blamed on the return type.
    pub(crate) fn outcome(&self, krate: &Path) -> TokenStream {
        let (span, _) = edges(self.output.err.as_ref().unwrap_or(&self.output.ty));
        // A type that came through another macro carries that macro's hygiene; the parameter has ours.
        let output = quote_spanned!(span.resolved_at(Span::call_site())=> output);
        if !self.output.fallible {
            return quote!(#krate::__private::infallible(#output));
        }
        quote!(#krate::__private::fallible(#output, #krate::__private::carry!()))
    }

    /// The name the user's function gets.
    fn body_name(&self) -> Ident {
        format_ident!("__tractor_{}", self.name())
    }

    fn args(&self) -> (Vec<&Ident>, Vec<&syn::Type>) {
        self.args.iter().map(|arg| (&arg.ident, &arg.ty)).unzip()
    }
}

/// `type name = ty;`, which rustc underlines at the type: a private one is reported at the keyword.
pub(crate) fn associated_type(name: &str, ty: &impl ToTokens) -> TokenStream {
    let (first, _) = edges(ty);
    let name = Ident::new(name, first);
    quote_spanned!(first=> type #name = #ty;)
}

/// `<ty as imp>::name`, which rustc underlines where the user wrote `blame`.
pub(crate) fn associated(
    blame: &impl ToTokens,
    ty: &impl ToTokens,
    imp: &TokenStream,
    name: &str,
) -> TokenStream {
    let (first, last) = edges(blame);
    let open = quote_spanned!(first=> <);
    let name = Ident::new(name, last);
    quote!(#open #ty as #imp>::#name)
}
