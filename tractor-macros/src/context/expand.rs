//! The expansion of `#[context]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;

use super::check::Dialog;
use crate::endpoint::Endpoint;
use crate::endpoint::expand::{Kind, associated, associated_type};
use crate::sig::edges;

/// All items of a context.
pub(crate) fn expand(endpoint: &Endpoint<'_>, dialog: &Dialog, context: &Type) -> TokenStream {
    let (vis, cfg, krate) = (&endpoint.func.vis, &endpoint.attrs.cfg, &endpoint.options.krate);
    let unions = dialog.unions.iter().map(|union| union.expand(vis, cfg, krate));
    let unions: TokenStream = unions.collect();
    let expanded = endpoint.expand(&kind(endpoint, dialog, context));
    quote!(#expanded #unions)
}

/// What makes an endpoint a context.
fn kind(endpoint: &Endpoint<'_>, dialog: &Dialog, context: &Type) -> Kind {
    let krate = &endpoint.options.krate;
    let declared = quote!(#krate::__private::ContextOf<Self>);
    let same = quote!(#krate::__private::SameAs<#declared, Self>);
    let convert = associated(context, context, &same, "from_declared");
    let returns = dialog.returns.as_ref().map_or_else(|| endpoint.returned(), |ty| quote!(#ty));
    // Not in scope for the user's argument names.
    let ctx = Ident::new("ctx", Span::mixed_site());
    let types = [("Started", &dialog.started), ("Send", &dialog.send), ("Recv", &dialog.recv)];
    let types = types.map(|(name, ty)| associated_type(name, ty, endpoint.name()));
    let strict = endpoint.options.strictness();
    Kind {
        entry: "context",
        endpoint_trait: "ContextEndpoint",
        lead: declared.clone(),
        returns,
        types: quote!(#(#types)* #strict),
        parameter: quote!(#ctx),
        passed: quote!(#convert(#ctx),),
        outcome: outcome(endpoint, dialog),
        witness: witness(endpoint, dialog, context),
    }
}

/// The outcome, whose type has to be the declared one.
fn outcome(endpoint: &Endpoint<'_>, dialog: &Dialog) -> TokenStream {
    let krate = &endpoint.options.krate;
    let outcome = endpoint.outcome();
    if dialog.returns.is_none() {
        return outcome;
    }
    // rustc underlines the value when its type will not do: at the return type, then.
    let (blame, _) = edges(endpoint.output.blame());
    let output = Ident::new("output", Span::call_site());
    let declared = quote_spanned!(blame=> declared::<Self, _>(#output));
    quote! {
        let output = #outcome?;
        ::core::result::Result::Ok(#krate::__private::#declared)
    }
}

/// Without a body nothing else compares the types of the signature with those of the attribute.
fn witness(endpoint: &Endpoint<'_>, dialog: &Dialog, context: &Type) -> TokenStream {
    let (krate, cfg, name) = (&endpoint.options.krate, &endpoint.attrs.cfg, endpoint.name());
    let private = quote!(#krate::__private);
    let types = ["Started", "Send", "Recv"].map(|ty| {
        let ty = Ident::new(ty, Span::call_site());
        quote!(<#name as #private::ContextEndpoint>::#ty)
    });
    let declared = quote!(#krate::Context<#(#types),*>);
    let same = associated(context, context, &quote!(#private::SameAs<#declared, #name>), "into_declared");
    let returned = dialog.returns.as_ref().map(|_| {
        let returned = endpoint.returned();
        let blame = endpoint.output.blame();
        let declared = quote!(<#name as #private::Endpoint>::Returns);
        let same = associated(blame, &returned, &quote!(#private::SameAs<#declared, #name>), "into_declared");
        quote!(#(#cfg)* const _: fn(#returned) -> #declared = #same;)
    });
    quote! {
        #(#cfg)*
        const _: fn(#context) -> #declared = #same;
        #returned
    }
}
