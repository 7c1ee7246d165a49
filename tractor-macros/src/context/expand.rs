//! The expansion of `#[context]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Path, Type};

use super::check::Dialog;
use crate::endpoint::Endpoint;
use crate::endpoint::expand::{Kind, associated, associated_type};

/// What makes an endpoint a context.
pub(crate) fn kind(endpoint: &Endpoint<'_>, dialog: &Dialog, context: &Type, krate: &Path) -> Kind {
    let Dialog { started, send, recv, .. } = dialog;
    let declared = quote!(#krate::Context<Self::Started, Self::Send, Self::Recv>);
    let same = quote!(#krate::__private::SameAs<#declared>);
    let convert = associated(context, context, &same, "from_declared");
    let returns = match &dialog.returns {
        Some(ty) => quote!(#ty),
        None => endpoint.returned(krate),
    };
    // Not in scope for the user's argument names.
    let ctx = Ident::new("ctx", Span::mixed_site());
    let [started, send, recv] =
        [("Started", started), ("Send", send), ("Recv", recv)].map(|(name, ty)| associated_type(name, ty));
    Kind {
        call: "ContextCall",
        entry: "context",
        endpoint_trait: "ContextEndpoint",
        returns,
        types: quote!(#started #send #recv),
        parameter: quote!(#ctx: #declared,),
        passed: quote!(#convert(#ctx),),
        outcome: outcome(endpoint, dialog, krate),
    }
}

/// The outcome, whose type has to be the declared one.
fn outcome(endpoint: &Endpoint<'_>, dialog: &Dialog, krate: &Path) -> TokenStream {
    let outcome = endpoint.outcome(krate);
    if dialog.returns.is_none() {
        return outcome;
    }
    let returned = endpoint.returned(krate);
    let blame = endpoint.output.ok.as_ref().unwrap_or(&endpoint.output.ty);
    let convert =
        associated(blame, &returned, &quote!(#krate::__private::SameAs<Self::Returns>), "into_declared");
    quote!(::core::result::Result::Ok(#convert(#outcome?)))
}
