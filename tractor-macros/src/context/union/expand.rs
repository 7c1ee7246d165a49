//! The enum of a union, and its impls.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Path, Visibility};

use super::{Union, Variant};
use crate::sig::last_segment;

impl Union {
    /// The enum and its impls.
    pub(crate) fn expand(&self, vis: &Visibility, cfg: &[Attribute], krate: &Path) -> TokenStream {
        let Self { name, variants, .. } = self;
        let doc = format!("What [`{}`] allows: `{}`.", self.endpoint.unraw(), self.shown());
        let declared = variants.iter().map(|Variant { name, ty, is_unit }| match is_unit {
            true => quote!(#name),
            false => quote!(#name(#ty)),
        });
        let (allowed, variants, payload) = (self.allowed(krate), self.variants(krate), self.payload(krate));
        let (conditional, distinct) = (self.conditional(krate), self.distinct(krate));
        quote! {
            #(#cfg)*
            #[doc = #doc]
            #[allow(missing_docs, clippy::all, reason = "made of the types in the attribute")]
            #vis enum #name { #(#declared),* }

            #(#cfg)*
            const _: () = {
                #allowed
                #variants
                #payload
                #conditional
                #distinct
            };
        }
    }

    /// What may be sent: the enum, and values of its types. A trait of its own lets rustc name these types.
    fn allowed(&self, krate: &Path) -> TokenStream {
        let Self { name, endpoint, variants } = self;
        let (endpoint, shown) = (endpoint.unraw(), escaped(&self.shown()));
        let message = format!("`{{Self}}` cannot be sent here: `{endpoint}` allows `{shown}`");
        let note = format!(
            "send a value of one of these types, or add `{{Self}}` to the types in the attribute of `{endpoint}`"
        );
        let member = format_ident!("In{name}", span = Span::mixed_site());
        let value = Ident::new("value", Span::mixed_site());
        let members = variants.iter().map(|variant| {
            let (ty, name_of) = (&variant.ty, &variant.name);
            let made = if variant.is_unit { quote!(Self::#name_of) } else { quote!(Self::#name_of(#value)) };
            // rustc reports a type that is there twice, by an alias, at the type.
            quote_spanned! {ty.span().resolved_at(Span::mixed_site())=>
                impl #member for #ty {}
                impl ::core::convert::From<#ty> for #name {
                    #[allow(unused_variables, reason = "`()` has no content")]
                    fn from(#value: #ty) -> Self { #made }
                }
            }
        });
        let option = self.option(&member);
        quote! {
            #[diagnostic::on_unimplemented(message = #message, label = "not among the allowed types", note = #note)]
            trait #member: ::core::convert::Into<#name> {}
            #(#members)*
            #option

            impl<V: #member> #krate::__private::Allows<V> for #name {
                type Held = Self;
                fn hold(value: V) -> Self {
                    ::core::convert::Into::into(value)
                }
            }
            impl<V: #member, E> #krate::__private::AllowsIn<V, E> for #name {
                type Held = Self;
                fn hold(value: V) -> Self {
                    ::core::convert::Into::into(value)
                }
            }
        }
    }

    /// Where there is a `None`, one may send `None` as it is, and in `T | None` an `Option<T>`. There is one such type, for rustc to
    /// infer which `None` it is; hence none where one of the types is an `Option` itself.
    fn option(&self, member: &Ident) -> Option<TokenStream> {
        let name = &self.name;
        let none = &self.variants.iter().find(|variant| variant.is_unit)?.name;
        let others: Vec<_> = self.variants.iter().filter(|variant| !variant.is_unit).collect();
        if others.iter().any(|variant| last_segment(&variant.ty).is_some_and(|last| last.ident == "Option")) {
            return None;
        }
        let value = Ident::new("value", Span::mixed_site());
        let (ty, some) = match others[..] {
            [Variant { name, ty, .. }] => (ty.to_token_stream(), quote!(Self::#name(#value))),
            _ => (quote!(::core::convert::Infallible), quote!(match #value {})),
        };
        Some(quote! {
            #[diagnostic::do_not_recommend]
            impl #member for ::core::option::Option<#ty> {}
            impl ::core::convert::From<::core::option::Option<#ty>> for #name {
                fn from(value: ::core::option::Option<#ty>) -> Self {
                    match value {
                        ::core::option::Option::Some(#value) => #some,
                        ::core::option::Option::None => Self::#none,
                    }
                }
            }
        })
    }

    /// Each type is there once, under whatever names. rustc finds that the impls conflict; this says why.
    fn distinct(&self, krate: &Path) -> TokenStream {
        let union = quote!(#krate::__private::union);
        let pairs = self.variants.iter().enumerate().flat_map(|(position, variant)| {
            self.variants[..position].iter().map(move |before| (before, variant))
        });
        let checks = pairs.map(|(before, variant)| {
            let (one, two) = (&before.ty, &variant.ty);
            let [shown, other] = [before, variant].map(|variant| variant.shown());
            let problem = format!(
                "`{}` and `{}` are one type, which `{}` allows twice\n  = help: keep one of the two",
                escaped(&shown),
                escaped(&other),
                self.endpoint.unraw()
            );
            // rustc underlines the check: at the type, then.
            quote_spanned!(two.span()=> ::core::assert!(!#union::Both::<#one, #two>::SAME, #problem);)
        });
        quote! {
            use #union::Differ as _;
            #(#checks)*
        }
    }

    /// How its types are told apart on the wire.
    fn variants(&self, krate: &Path) -> TokenStream {
        let Self { name, endpoint, .. } = self;
        let private = quote!(#krate::__private);
        let variant_of = quote!(#private::union::VariantOf<#endpoint>);
        let labels = self.variants.iter().map(|variant| variant.name.unraw().to_string());
        let positions = self.variants.iter().enumerate().map(|(position, variant)| {
            let (name, rest) = (&variant.name, variant.rest());
            quote!(Self::#name #rest => #position)
        });
        let encoded = self.variants.iter().map(|variant| {
            let (name, ty) = (&variant.name, &variant.ty);
            let (bound, value) = variant.bound("value");
            quote!(Self::#name #bound => <#ty as #variant_of>::encode(#value, format, out))
        });
        let decoded = self.variants.iter().enumerate().map(|(position, variant)| {
            let ty = &variant.ty;
            quote! {
                #position => <#ty as #variant_of>::decode(bytes, format, depth_max).map(Self::from)
            }
        });
        let error = quote!(#private::PayloadError);
        quote! {
            impl #private::union::Union for #name {
                const VARIANTS: &'static [&'static str] = &[#(#labels),*];
                fn variant(&self) -> usize {
                    match self { #(#positions),* }
                }
                fn encode_inner(
                    &self,
                    format: #private::PayloadFormat,
                    out: &mut ::std::vec::Vec<u8>,
                ) -> ::core::result::Result<(), #error> {
                    match self { #(#encoded),* }
                }
                fn decode_inner(
                    position: usize,
                    bytes: &[u8],
                    format: #private::PayloadFormat,
                    depth_max: usize,
                ) -> ::core::result::Result<Self, #error> {
                    match position { #(#decoded,)* _ => ::core::unreachable!("not among `VARIANTS`") }
                }
            }
        }
    }

    /// How it travels.
    fn payload(&self, krate: &Path) -> TokenStream {
        let Self { name, endpoint, variants } = self;
        let private = quote!(#krate::__private);
        let types = variants.iter().map(|variant| &variant.ty);
        let (shown, error) = (self.shown(), quote!(#private::PayloadError));
        quote! {
            #[diagnostic::do_not_recommend]
            impl #private::Payload for #name {
                fn encode_payload(
                    &self,
                    format: #private::PayloadFormat,
                    out: &mut ::std::vec::Vec<u8>,
                ) -> ::core::result::Result<(), #error> {
                    #private::union::encode(self, format, out)
                }
                fn decode_payload(
                    bytes: &[u8],
                    format: #private::PayloadFormat,
                    depth_max: usize,
                ) -> ::core::result::Result<Self, #error> {
                    #private::union::decode(bytes, format, depth_max)
                }
                fn shown() -> &'static str {
                    #shown
                }
                fn is_positional() -> bool {
                    #(<#types as #private::union::VariantOf<#endpoint>>::is_positional())&&*
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
            let (name, label, (bound, _)) =
                (&variant.name, variant.name.unraw().to_string(), variant.bound("value"));
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

/// The text for a place where braces are for arguments.
fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

impl Variant {
    /// `(..)` after the variant's name in a pattern.
    fn rest(&self) -> TokenStream {
        if self.is_unit { quote!() } else { quote!((..)) }
    }

    /// `(value)` after the variant's name in a pattern, and the reference to what it binds.
    fn bound(&self, value: &str) -> (TokenStream, TokenStream) {
        let value = Ident::new(value, Span::call_site());
        if self.is_unit { (quote!(), quote!(&())) } else { (quote!((#value)), value.into_token_stream()) }
    }
}
