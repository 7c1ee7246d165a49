//! The enum of a union, and its impls.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Path, Visibility};

use super::{Union, Variant};
use crate::function::last_segment;

impl Union {
    /// The enum and its impls.
    pub(crate) fn expand(&self, vis: &Visibility, cfg: &[Attribute], krate: &Path) -> TokenStream {
        let Self { name, variants, .. } = self;
        let doc = format!("What [`{}`] allows: `{}`.", self.endpoint.unraw(), self.shown());
        let declared = variants.iter().map(|Variant { name, ty, is_unit }| match is_unit {
            true => quote!(#name),
            false => quote!(#name(#ty)),
        });
        let (allowed, payload) = (self.allowed(krate), self.payload(krate));
        let conditional = self.conditional(krate);
        quote! {
            #(#cfg)*
            #[doc = #doc]
            #[allow(missing_docs, clippy::all, reason = "made of the types in the attribute")]
            #vis enum #name { #(#declared),* }

            #(#cfg)*
            const _: () = {
                #allowed
                #payload
                #conditional
            };
        }
    }

    /// What may be sent: a value of each type, and for a `None` that option too.
    fn allowed(&self, krate: &Path) -> TokenStream {
        let value = Ident::new("value", Span::mixed_site());
        let members = self.variants.iter().map(|variant| {
            let (ty, name) = (&variant.ty, &variant.name);
            let made = if variant.is_unit { quote!(Self::#name) } else { quote!(Self::#name(#value)) };
            self.allow(&ty.to_token_stream(), ty.span(), &made, krate)
        });
        let option = self.option().map(|(ty, made)| {
            let option = quote!(::core::option::Option<#ty>);
            let allowed = self.allow(&option, Span::call_site(), &made, krate);
            // The list of rustc is for the types of the attribute.
            quote!(#[diagnostic::do_not_recommend] #allowed)
        });
        quote!(#(#members)* #option)
    }

    fn allow(&self, ty: &TokenStream, span: Span, made: &TokenStream, krate: &Path) -> TokenStream {
        let name = &self.name;
        let value = Ident::new("value", Span::mixed_site());
        quote_spanned! {span.resolved_at(Span::mixed_site())=>
            impl #krate::Allows<#ty> for #name {
                type Held = Self;
                fn hold(value: #ty) -> Self {
                    Self::from(value)
                }
            }
            impl ::core::convert::From<#ty> for #name {
                #[allow(unused_variables, reason = "`()` has no content")]
                fn from(#value: #ty) -> Self { #made }
            }
        }
    }

    /// The content of the `Option` that stands for a union with `None`, and how to make the union of it. Of a union with one
    /// other type the option of that; otherwise only `None`.
    fn option(&self) -> Option<(TokenStream, TokenStream)> {
        let none = &self.variants.iter().find(|variant| variant.is_unit)?.name;
        let others: Vec<_> = self.variants.iter().filter(|variant| !variant.is_unit).collect();
        if others.iter().any(|variant| last_segment(&variant.ty).is_some_and(|last| last.ident == "Option")) {
            return None;
        }
        let value = Ident::new("value", Span::mixed_site());
        let (ty, some) = match others[..] {
            [Variant { name, ty, .. }] => (ty.to_token_stream(), quote!(Self::#name(some))),
            _ => (quote!(::core::convert::Infallible), quote!(match some {})),
        };
        let made = quote! {
            match #value {
                ::core::option::Option::Some(some) => #some,
                ::core::option::Option::None => Self::#none,
            }
        };
        Some((ty, made))
    }

    /// How it travels: each variant under its name.
    fn payload(&self, krate: &Path) -> TokenStream {
        let Self { name, variants, .. } = self;
        let private = quote!(#krate::__private);
        let types = variants.iter().map(|variant| &variant.ty);
        let encoded = variants.iter().map(|variant| {
            let Variant { name, ty, .. } = variant;
            let (label, (bound, value)) = (variant.label(), variant.bound("value"));
            quote! {
                Self::#name #bound => {
                    #private::union::encode::<#ty>(#label, #value, format, depth_max, out)
                }
            }
        });
        let read = variants.iter().map(|variant| {
            let (ty, label) = (&variant.ty, variant.label());
            quote! {
                (#label, |bytes, format, depth_max| {
                    <#ty as #krate::Payload>::decode_payload(bytes, format, depth_max).map(Self::from)
                })
            }
        });
        let (shown, error) = (self.shown(), quote!(#private::PayloadError));
        quote! {
            #[diagnostic::do_not_recommend]
            impl #krate::Payload for #name {
                fn encode_payload(
                    &self,
                    format: #private::PayloadFormat,
                    depth_max: usize,
                    out: &mut ::std::vec::Vec<u8>,
                ) -> ::core::result::Result<(), #error> {
                    match self { #(#encoded),* }
                }
                fn decode_payload(
                    bytes: &[u8],
                    format: #private::PayloadFormat,
                    depth_max: usize,
                ) -> ::core::result::Result<Self, #error> {
                    #private::union::decode(&[#(#read),*], bytes, format, depth_max)
                }
                fn shown() -> &'static str {
                    #shown
                }
                fn is_positional() -> bool {
                    #(<#types as #krate::Payload>::is_positional())&&*
                }
            }
        }
    }

    /// `Clone`, `Debug` and `PartialEq`, if all of its types have them.
    fn conditional(&self, krate: &Path) -> TokenStream {
        let name = &self.name;
        let types: Vec<_> = self.variants.iter().map(|variant| &variant.ty).collect();
        let where_all = |condition: &str| {
            let condition = Ident::new(condition, Span::call_site());
            quote!(where #(for<'all> #types: #krate::__private::union::#condition<'all>),*)
        };
        let [cloneable, printable, comparable] = ["CloneIf", "DebugIf", "PartialEqIf"].map(where_all);
        let cloned = self.variants.iter().map(|variant| {
            let (name, (bound, _)) = (&variant.name, variant.bound("value"));
            match variant.is_unit {
                true => quote!(Self::#name => Self::#name),
                false => quote!(Self::#name #bound => Self::#name(::core::clone::Clone::clone(value))),
            }
        });
        let printed = self.variants.iter().map(|variant| {
            let (name, label, (bound, _)) = (&variant.name, variant.label(), variant.bound("value"));
            match variant.is_unit {
                true => quote!(Self::#name => f.write_str(#label)),
                false => quote!(Self::#name #bound => f.debug_tuple(#label).field(value).finish()),
            }
        });
        let compared = self.variants.iter().map(|variant| {
            let (name, (one, _), (two, _)) = (&variant.name, variant.bound("one"), variant.bound("two"));
            match variant.is_unit {
                true => quote!((Self::#name, Self::#name) => true),
                false => quote!((Self::#name #one, Self::#name #two) => one == two),
            }
        });
        quote! {
            impl ::core::clone::Clone for #name #cloneable {
                fn clone(&self) -> Self {
                    match self { #(#cloned),* }
                }
            }
            impl ::core::fmt::Debug for #name #printable {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    match self { #(#printed),* }
                }
            }
            impl ::core::cmp::PartialEq for #name #comparable {
                fn eq(&self, other: &Self) -> bool {
                    match (self, other) { #(#compared,)* _ => false }
                }
            }
        }
    }
}

impl Variant {
    /// The name it travels under.
    fn label(&self) -> String {
        self.name.unraw().to_string()
    }

    /// `(value)` after the variant's name in a pattern, and the reference to what it binds.
    fn bound(&self, value: &str) -> (TokenStream, TokenStream) {
        let value = Ident::new(value, Span::call_site());
        if self.is_unit { (quote!(), quote!(&())) } else { (quote!((#value)), value.into_token_stream()) }
    }
}
