//! The expansion that all endpoints share. It is thin on purpose: generic functions of the library do the work.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::LitStr;
use syn::ext::IdentExt;

use super::Endpoint;
use super::arguments::Arg;
use super::user_attributes::Attrs;
use crate::tokens::{edges, moved_to, our_visibility, ours};

/// The parts of the expansion that differ between the kinds of endpoints.
pub(crate) struct Kind {
    /// The constructor of its registry entry: `func`.
    pub(crate) entry: &'static str,
    /// The trait with the types that `Endpoint` does not have, if there are any.
    pub(crate) endpoint_trait: &'static str,
    /// Type of the value that the function gets before its arguments.
    pub(crate) lead: TokenStream,
    /// Type of the final value.
    pub(crate) returns: TokenStream,
    /// The items of `endpoint_trait`.
    pub(crate) types: TokenStream,
    /// The parameter of `run` before the arguments, with its comma; none for a plain function.
    pub(crate) parameter: TokenStream,
    /// The argument that passes this parameter to the user's function, with its comma.
    pub(crate) passed: TokenStream,
    /// For an endpoint without a body: items that check the types of the declaration.
    pub(crate) witness: TokenStream,
}

impl Endpoint<'_> {
    /// All items of the endpoint.
    pub(crate) fn expand(&self, kind: &Kind) -> TokenStream {
        let krate = &self.options.krate;
        let handle = self.handle();
        let described = self.described(kind);
        let cfg = &self.attrs.cfg;
        let behind = if !self.is_elsewhere() {
            let name = self.name();
            let implemented = self.implemented(kind);
            let body = self.func.renamed(&self.body_name(), &self.attrs.body, &self.func.body_or_stub());
            let entry = format_ident!("{}", kind.entry);
            // If the leading argument does not fit, rustc underlines the name; this span makes it the user's type of
            // that argument.
            let (blame, _) = edges(&kind.lead);
            let registered = moved_to(blame, quote!(#name));
            quote! {
                #implemented
                #(#cfg)*
                #body
                #(#cfg)*
                #krate::__private::inventory::submit! { #krate::__private::EndpointEntry::#entry::<#registered>() }
            }
        } else {
            kind.witness.clone()
        };
        quote!(#handle #described #behind)
    }

    /// The type and the function that callers use.
    fn handle(&self) -> TokenStream {
        let krate = &self.options.krate;
        let (name, vis) = (self.name(), our_visibility(&self.func.vis));
        // If the type's name is taken, rustc underlines the whole type; this span makes it the function's name.
        let declared = moved_to(name.span(), quote!(struct));
        let (ty, empty) = (ours(name), moved_to(name.span(), quote!({})));
        let Attrs { cfg, docs, levels, handle, .. } = &self.attrs;
        let (args, types) = (self.args.iter().map(|arg| &arg.ident), self.args.iter().map(|arg| &arg.ty));
        let packed = self.args.iter().map(|arg| arg.packed(&arg.ident, arg.blame(), krate));
        let doc = format!("The endpoint `{}`, as a type.", self.name().unraw());
        let gap = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
        quote! {
            #(#cfg)*
            #[doc = #doc]
            #gap
            #(#docs)*
            #(#levels)*
            #vis #declared #ty #empty

            #(#cfg)*
            #(#docs)*
            #(#handle)*
            #vis fn #name(#(#args: #types),*) -> #krate::Call<#name> {
                #krate::Call::new((#(#packed,)*))
            }
        }
    }

    /// The impl of `Endpoint`, and of the trait with the further types.
    fn described(&self, kind: &Kind) -> TokenStream {
        let krate = &self.options.krate;
        let Kind { returns, types, .. } = kind;
        let (cfg, levels, name) = (&self.attrs.cfg, &self.attrs.levels, self.name());
        let module = match &self.options.module {
            Some(module) => quote!(#module),
            None => quote!(::core::module_path!()),
        };
        let label = self.options.name.as_ref().map_or_else(|| name.unraw().to_string(), LitStr::value);
        let labels = self.args.iter().map(Arg::label);
        let owned = self.args.iter().map(|arg| arg.owned(krate));
        // If one of the types does not fit, rustc underlines the whole tuple; this span makes it the argument list.
        let tuple = quote_spanned!(self.func.sig.paren_token.span.join()=> (#(#owned,)*));
        let tuple = associated_type("Args", &tuple, name);
        let returns = associated_type("Returns", returns, name);
        let output = if self.is_elsewhere() { &quote!(()) } else { &self.output.ty };
        let output = associated_type("Output", output, name);
        let defaults = self.defaults();
        let endpoint_trait = format_ident!("{}", kind.endpoint_trait);
        let further = quote!(#(#cfg)* #(#levels)* impl #krate::#endpoint_trait for #name { #types });
        quote! {
            #(#cfg)*
            #(#levels)*
            impl #krate::Endpoint for #name {
                const MODULE: &'static ::core::primitive::str = #module;
                const NAME: &'static ::core::primitive::str = #label;
                const ARGS: &'static [&'static ::core::primitive::str] = &[#(#labels),*];
                #tuple
                #returns
                #output
                #defaults
            }
            #further
        }
    }

    /// The method that gives the default values, if there are any.
    fn defaults(&self) -> TokenStream {
        let krate = &self.options.krate;
        let defaults = self.args.iter().enumerate().filter_map(|(position, arg)| {
            let value = arg.default(self.name(), krate)?;
            Some(quote!(#position => #value,))
        });
        let defaults: TokenStream = defaults.collect();
        if defaults.is_empty() {
            return defaults;
        }
        // The hygiene of this name keeps it out of scope for the user's expressions.
        let position = Ident::new("__position", Span::mixed_site());
        quote! {
            fn default_arg(
                #position: ::core::primitive::usize,
            ) -> ::core::option::Option<::std::boxed::Box<dyn ::core::any::Any>> {
                match #position {
                    #defaults
                    _ => ::core::option::Option::None,
                }
            }
        }
    }

    /// The impl of the trait that runs the user's function.
    fn implemented(&self, kind: &Kind) -> TokenStream {
        let krate = &self.options.krate;
        let Kind { lead, parameter, passed, .. } = kind;
        let outcome = self.outcome();
        let (cfg, levels, name) = (&self.attrs.cfg, &self.attrs.levels, self.name());
        let (function, body) = (self.body_name(), Ident::new("__body", Span::mixed_site()));
        let args = self.idents();
        let values = self.args.iter().map(Arg::passed);
        let mut run = quote!(#body(#passed #(#values),*));
        if self.args.iter().any(Arg::is_lent) {
            // The borrowed values live in this future.
            run = quote!(async move { #run.await });
        }
        let lead = associated_type("Lead", lead, name);
        // Clippy does not suggest to remove `async` from a function that is used as a value.
        let used = quote!(let #body = #function;);
        // rustc reports a future that is not `Send` at the bound; this span makes it the function's name.
        let future = quote_spanned! {name.span()=>
            impl ::core::future::Future<Output = Self::Output> + ::core::marker::Send
        };
        quote! {
            #(#cfg)*
            #(#levels)*
            impl #krate::__private::EndpointBody for #name {
                #lead
                fn run(#parameter: Self::Lead, (#(#args,)*): Self::Args) -> #future {
                    #used
                    #run
                }
                fn outcome(__output: Self::Output) -> #krate::__private::EndpointResult<Self> {
                    #outcome
                }
            }
        }
    }

    /// The type of the final value: the `Ok` type of a `Result`, else what the function returns.
    pub(crate) fn returned(&self) -> TokenStream {
        let krate = &self.options.krate;
        let ty = &self.output.ty;
        if !self.output.fallible {
            return ty.clone();
        }
        associated(self.output.blame(), ty, &quote!(#krate::__private::Fallible), "Ok")
    }

    /// Turns `output` into the outcome: `Ok(output)`, after `fallible(output, ..)?` or `fallible_as::<E, _>(output,
    /// ..)?` if it may be a failure. If its type does not fit, rustc underlines the value; the span makes it the return
    /// type.
    fn outcome(&self) -> TokenStream {
        let krate = &self.options.krate;
        // A type that came through another macro carries that macro's hygiene; the parameter must have ours.
        let output_at = |ty: &TokenStream| Ident::new("__output", edges(ty).0.resolved_at(Span::call_site()));
        let value = output_at(self.output.blame());
        let outcome = quote!(#krate::__private::EndpointResult::<Self>::Ok(#value));
        if !self.output.fallible {
            return outcome;
        }
        let wrap = match &self.options.error {
            Some(error) => quote!(fallible_as::<#error, _>),
            None => quote!(fallible),
        };
        let output = output_at(self.output.err.as_ref().unwrap_or(&self.output.ty));
        quote! {
            let __output = #krate::__private::#wrap(#output, #krate::__private::error_value!())?;
            #outcome
        }
    }

    /// The new name of the user's function.
    fn body_name(&self) -> Ident {
        ours(&format_ident!("__tractor_{}", self.name()))
    }

    fn idents(&self) -> Vec<Ident> {
        self.args.iter().map(|arg| ours(&arg.ident)).collect()
    }
}

/// `type name = ty;` of an endpoint. rustc reports a type that is too private at the name, so all such errors become
/// one.
pub(crate) fn associated_type(name: &str, ty: &impl ToTokens, endpoint: &Ident) -> TokenStream {
    let name = Ident::new(name, endpoint.span());
    quote_spanned!(endpoint.span()=> type #name = #ty;)
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
