//! The enum of a union, and its impls.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Path, Visibility};

use super::{Union, Variant};
use crate::endpoint::user_attributes::Attrs;
use crate::function::last_segment;
use crate::tokens::moved_to;

impl Union {
    /// The enum and its impls.
    pub(crate) fn expand(&self, vis: &Visibility, attrs: &Attrs, krate: &Path) -> TokenStream {
        let Self { name, variants, .. } = self;
        let doc = format!("The types that [`{}`] allows: `{}`.", self.endpoint.unraw(), self.shown());
        let declared = variants.iter().map(|Variant { name, ty, is_unit }| match is_unit {
            true => quote!(#name),
            false => quote!(#name(#ty)),
        });
        let docs = variants.iter().map(|variant| format!("`{}`.", variant.shown()));
        // If the enum's name is taken, rustc underlines the whole enum; this span makes it the function's name.
        let keyword = moved_to(name.span(), quote!(enum));
        let variants = moved_to(name.span(), quote!({ #(#[doc = #docs] #declared),* }));
        let Attrs { cfg, levels, .. } = attrs;
        let (allowed, payload) = (self.allowed(krate), self.payload(krate));
        let conditional = self.conditional(krate);
        quote! {
            #(#cfg)*
            #[doc = #doc]
            #(#levels)*
            #vis #keyword #name #variants

            #(#cfg)*
            #(#levels)*
            const _: () = {
                #allowed
                #payload
                #conditional
            };
        }
    }

    /// The values that may be sent: one of each type, and an option if `None` is among the types.
    fn allowed(&self, krate: &Path) -> TokenStream {
        let value = value();
        let members = self.variants.iter().map(|variant| {
            let (ty, name) = (&variant.ty, &variant.name);
            let (pattern, made) = match variant.is_unit {
                true => (quote!(()), quote!(Self::#name)),
                false => (quote!(#value), quote!(Self::#name(#value))),
            };
            self.allow(&ty.to_token_stream(), ty.span(), &pattern, &made, krate)
        });
        let option = self.option().map(|(ty, made)| {
            let name = &self.name;
            quote! {
                impl #krate::__private::OrNone for #name {
                    type Some = #ty;
                }
                impl ::core::convert::From<::core::option::Option<#ty>> for #name {
                    fn from(#value: ::core::option::Option<#ty>) -> Self { #made }
                }
            }
        });
        quote!(#(#members)* #option)
    }

    /// Allows sending a value of `ty`: `pattern` binds the value, and `made` is the union made of it.
    fn allow(
        &self,
        ty: &TokenStream,
        span: Span,
        pattern: &TokenStream,
        made: &TokenStream,
        krate: &Path,
    ) -> TokenStream {
        let (name, value) = (&self.name, value());
        quote_spanned! {span.resolved_at(Span::mixed_site())=>
            impl #krate::Allows<#ty> for #name {
                type Held = Self;
                fn hold(#value: #ty) -> Self {
                    <Self as ::core::convert::From<#ty>>::from(#value)
                }
            }
            impl ::core::convert::From<#ty> for #name {
                fn from(#pattern: #ty) -> Self { #made }
            }
        }
    }

    /// The content type of the `Option` that may be sent for a union with `None`, and the expression that makes the
    /// union of it. With exactly one other type the option may hold that type; otherwise it can only be `None`.
    fn option(&self) -> Option<(TokenStream, TokenStream)> {
        let none = &self.variants.iter().find(|variant| variant.is_unit)?.name;
        let others: Vec<_> = self.variants.iter().filter(|variant| !variant.is_unit).collect();
        if others.iter().any(|variant| last_segment(&variant.ty).is_some_and(|last| last.ident == "Option")) {
            return None;
        }
        let value = value();
        let (ty, some) = match others[..] {
            [Variant { name, ty, .. }] => (ty.to_token_stream(), quote!(Self::#name(#value))),
            _ => (quote!(::core::convert::Infallible), quote!(match #value {})),
        };
        let made = quote! {
            match #value {
                ::core::option::Option::Some(#value) => #some,
                ::core::option::Option::None => Self::#none,
            }
        };
        Some((ty, made))
    }

    /// The wire form: each variant under its name.
    fn payload(&self, krate: &Path) -> TokenStream {
        let Self { name, variants, .. } = self;
        let private = quote!(#krate::__private);
        let types = variants.iter().map(|variant| &variant.ty);
        let encoded = variants.iter().map(|variant| {
            let Variant { name, ty, .. } = variant;
            let (label, (bound, value)) = (variant.label(), variant.bound("__value"));
            quote! {
                Self::#name #bound => {
                    let __depth_max = #private::union::begin(#label, __format, __depth_max, __out)?;
                    <#ty as #krate::Payload>::encode_payload(#value, __format, __depth_max, __out)
                }
            }
        });
        let read = variants.iter().map(|variant| {
            let (ty, label) = (&variant.ty, variant.label());
            quote! {
                (#label, |__bytes, __format, __depth_max| {
                    let __value = <#ty as #krate::Payload>::decode_payload(__bytes, __format, __depth_max)?;
                    ::core::result::Result::Ok(<Self as ::core::convert::From<#ty>>::from(__value))
                })
            }
        });
        let (shown, error) = (self.shown(), quote!(#private::PayloadError));
        quote! {
            impl #krate::Payload for #name {
                fn encode_payload(
                    &self,
                    __format: #private::PayloadFormat,
                    __depth_max: ::core::primitive::usize,
                    __out: &mut ::std::vec::Vec<::core::primitive::u8>,
                ) -> ::core::result::Result<(), #error> {
                    match self { #(#encoded),* }
                }
                fn decode_payload(
                    __bytes: &[::core::primitive::u8],
                    __format: #private::PayloadFormat,
                    __depth_max: ::core::primitive::usize,
                ) -> ::core::result::Result<Self, #error> {
                    #private::union::decode(&[#(#read),*], __bytes, __format, __depth_max)
                }
                fn shown() -> &'static ::core::primitive::str {
                    #shown
                }
                fn is_positional() -> ::core::primitive::bool {
                    #(<#types as #krate::Payload>::is_positional())&&*
                }
            }
        }
    }

    /// `Clone`, `Debug` and `PartialEq`, if all types of the union have them.
    fn conditional(&self, krate: &Path) -> TokenStream {
        let name = &self.name;
        let types: Vec<_> = self.variants.iter().map(|variant| &variant.ty).collect();
        let where_all = |condition: &str| {
            let condition = Ident::new(condition, Span::call_site());
            quote!(where #(for<'all> #types: #krate::__private::union::#condition<'all>),*)
        };
        let [cloneable, printable, comparable] = ["CloneIf", "DebugIf", "PartialEqIf"].map(where_all);
        let cloned = self.variants.iter().map(|variant| {
            let (name, (bound, _)) = (&variant.name, variant.bound("__value"));
            match variant.is_unit {
                true => quote!(Self::#name => Self::#name),
                false => quote!(Self::#name #bound => Self::#name(::core::clone::Clone::clone(__value))),
            }
        });
        let printed = self.variants.iter().map(|variant| {
            let (name, label, (bound, _)) = (&variant.name, variant.label(), variant.bound("__value"));
            match variant.is_unit {
                true => quote!(Self::#name => ::core::fmt::Formatter::write_str(__f, #label)),
                false => quote!(Self::#name #bound => #krate::__private::union::debug(#label, __value, __f)),
            }
        });
        let compared = self.variants.iter().map(|variant| {
            let (name, (one, _), (two, _)) = (&variant.name, variant.bound("__one"), variant.bound("__two"));
            match variant.is_unit {
                true => quote!((Self::#name, Self::#name) => true),
                false => quote!((Self::#name #one, Self::#name #two) => __one == __two),
            }
        });
        quote! {
            impl ::core::clone::Clone for #name #cloneable {
                fn clone(&self) -> Self {
                    match self { #(#cloned),* }
                }
            }
            impl ::core::fmt::Debug for #name #printable {
                fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    match self { #(#printed),* }
                }
            }
            impl ::core::cmp::PartialEq for #name #comparable {
                fn eq(&self, __other: &Self) -> ::core::primitive::bool {
                    match (self, __other) { #(#compared,)* _ => false }
                }
            }
        }
    }
}

/// The name of a value in an expansion. It equals no constant of the user, which a pattern would match instead.
fn value() -> Ident {
    Ident::new("__value", Span::mixed_site())
}

impl Variant {
    /// The variant's name on the wire.
    fn label(&self) -> String {
        self.name.unraw().to_string()
    }

    /// `(value)` after the variant's name in a pattern, and the reference to what it binds.
    fn bound(&self, value: &str) -> (TokenStream, TokenStream) {
        let value = Ident::new(value, Span::call_site());
        if self.is_unit { (quote!(), quote!(&())) } else { (quote!((#value)), value.into_token_stream()) }
    }
}
