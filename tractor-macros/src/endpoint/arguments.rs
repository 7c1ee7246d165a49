//! The arguments of an endpoint that travel: their checks and their parts of the expansion.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{FnArg, Ident, Pat, Path, Type};

use super::argument_attribute::{DefaultValue, Param};
use super::leading_argument::Lead;
use super::owned_types::{MAX_ARGS, check_lent, check_owned};
use crate::errors::{Errors, show};
use crate::function::{Func, last_segment, peel};
use crate::tokens::{moved_to, ours};

/// One argument that travels.
pub(crate) struct Arg<'f> {
    pub(crate) ident: Ident,
    /// The type as written.
    pub(crate) ty: Type,
    /// `T` of an argument of type `&T`; `None` for an argument that is passed by value.
    lent: Option<Type>,
    param: &'f Param,
}

impl Arg<'_> {
    /// Its name on the wire.
    pub(crate) fn label(&self) -> String {
        match &self.param.rename {
            Some(name) => name.value(),
            None => self.ident.unraw().to_string(),
        }
    }

    /// The span of the type that travels, for errors.
    pub(crate) fn blame(&self) -> Span {
        self.lent.as_ref().unwrap_or(&self.ty).span()
    }

    pub(crate) fn is_lent(&self) -> bool {
        self.lent.is_some()
    }

    /// The type that travels. For a reference it is the type that `to_owned` gives. `[u8]` travels as bytes, not as a
    /// list of numbers.
    pub(crate) fn owned(&self, krate: &Path) -> TokenStream {
        match &self.lent {
            None => self.ty.to_token_stream(),
            Some(lent) if is_bytes(lent) => quote!(#krate::__private::Bytes),
            Some(lent) if is_unsized(lent) => quote!(<#lent as ::std::borrow::ToOwned>::Owned),
            Some(lent) => lent.to_token_stream(),
        }
    }

    /// Turns `value`, an expression of the argument's type, into a value that travels. If there is no conversion, rustc
    /// underlines `blame`.
    pub(crate) fn packed(&self, value: impl ToTokens, blame: Span, krate: &Path) -> TokenStream {
        let to_owned = match &self.lent {
            None => return value.to_token_stream(),
            Some(lent) if is_bytes(lent) => quote!(#krate::__private::Bytes::copy_from_slice),
            Some(lent) if is_unsized(lent) => quote!(<#lent as ::std::borrow::ToOwned>::to_owned),
            Some(lent) => quote!(<#lent as ::core::clone::Clone>::clone),
        };
        let to_owned = moved_to(blame, to_owned);
        quote!(#to_owned(#value))
    }

    /// Turns the value that travelled into the argument of the user's function, which may be a reference.
    pub(crate) fn passed(&self) -> TokenStream {
        let ident = ours(&self.ident);
        if self.is_lent() { quote!(&#ident) } else { quote!(#ident) }
    }

    /// The value of an argument that the caller omits.
    pub(crate) fn default(&self, endpoint: &Ident, krate: &Path) -> Option<TokenStream> {
        let owned = self.owned(krate);
        // Any value that coerces to the type is accepted. Otherwise rustc underlines the value and shows the called
        // function: the endpoint.
        let value = match self.param.default.as_ref()? {
            DefaultValue::OfType => {
                quote_spanned!(self.ty.span()=> <#owned as ::core::default::Default>::default())
            }
            DefaultValue::Given(value) => self.packed(value, endpoint.span(), krate),
        };
        let default_arg = moved_to(endpoint.span(), quote!(#krate::__private::default_arg::<#owned>));
        Some(quote!(#default_arg(|| #value)))
    }
}

/// Checks the arguments that travel, which are all but the leading one.
pub(super) fn check_args<'f>(func: &'f Func, lead: Option<&Lead>, errors: &mut Errors) -> Vec<Arg<'f>> {
    let mut args = Vec::new();
    let mut travelling = Vec::new();
    for (input, param) in func.sig.inputs.iter().zip(&func.params) {
        match input {
            FnArg::Receiver(receiver) => errors.at(
                receiver,
                "an endpoint is a free function, it has no `self`",
                "move it out of the `impl` block and pass what it needs as arguments",
            ),
            FnArg::Typed(typed) if lead.is_some_and(|lead| lead.is(&typed.ty)) => {
                if !param.is_empty() {
                    let what = "this argument does not travel: it has no name to change and no default";
                    errors.at(&typed.pat, what, "leave the `#[tractor(..)]` out");
                }
            }
            FnArg::Typed(typed) => {
                travelling.push(input);
                args.extend(check_arg(typed, param, errors));
            }
        }
    }
    if let Some(surplus) = travelling.get(MAX_ARGS) {
        errors.at(
            surplus,
            format_args!("an endpoint takes at most {MAX_ARGS} arguments"),
            "group some of them in a struct that derives `Serialize` and `Deserialize`",
        );
    }
    check_labels(&args, errors);
    args
}

/// Reports two arguments that would travel under one name.
fn check_labels(args: &[Arg<'_>], errors: &mut Errors) {
    for (position, arg) in args.iter().enumerate() {
        if args[..position].iter().any(|other| other.label() == arg.label()) {
            let what = format!("two arguments would travel as `{}`", arg.label());
            let blame = arg.param.rename.as_ref().map_or_else(|| quote!(), ToTokens::to_token_stream);
            let ident = &arg.ident;
            errors.at(
                if blame.is_empty() { quote!(#ident) } else { blame },
                what,
                "give one of them another name",
            );
        }
    }
}

fn check_arg<'f>(input: &syn::PatType, param: &'f Param, errors: &mut Errors) -> Option<Arg<'f>> {
    for attr in &input.attrs {
        if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
            let what = "an argument cannot be conditional: both sides have to agree on the arguments";
            errors.at(attr, what, "use an `Option<T>` argument, or give it a `#[tractor(default)]`");
        }
    }
    let ident = check_pattern(&input.pat, errors);
    let lent = match peel(&input.ty) {
        Type::Reference(reference) => check_lent(reference, errors).map(Some),
        ty => (check_position(ty, errors) && check_owned(ty, "an argument", errors)).then_some(None),
    };
    Some(Arg { ident: ident?, ty: (*input.ty).clone(), lent: lent?, param })
}

/// The name of an argument; arguments travel by name, so it has to have one.
fn check_pattern(pat: &Pat, errors: &mut Errors) -> Option<Ident> {
    match pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Some(pat.ident.clone()),
        Pat::Ident(pat) => {
            let help = format!("write `{}`", pat.ident);
            errors.at(pat, format_args!("an argument is a plain name, not `{}`", show(pat)), help);
            None
        }
        other => {
            errors.at(
                other,
                format_args!(
                    "an argument needs a name, as it travels by name; `{}` is a pattern",
                    show(other)
                ),
                "give it a name, such as `_unused` or `pair`, and take it apart in the body",
            );
            None
        }
    }
}

/// Reports a `Context` or `StreamSender` that is not where its macro expects it.
fn check_position(ty: &Type, errors: &mut Errors) -> bool {
    let Some(last) = last_segment(ty) else { return true };
    let (takes, example) = match last.ident.unraw().to_string().as_str() {
        "Context" if !last.arguments.is_empty() => ("Context", "#[tractor::context(pld_spec = T)]"),
        "StreamSender" => ("StreamSender", "#[tractor::stream]"),
        _ => return true,
    };
    errors.at(
        ty,
        format_args!("a `{takes}` cannot be sent to another process"),
        format_args!("use `{example}` and make it the first argument"),
    );
    false
}

/// Whether the type is `[u8]`.
fn is_bytes(ty: &Type) -> bool {
    let Type::Slice(slice) = peel(ty) else { return false };
    matches!(peel(&slice.elem), Type::Path(item) if item.path.is_ident("u8"))
}

/// Whether a reference to the type has an owned form of another type. The name decides, which is enough: a sized type
/// called `Path` is its own owned form.
fn is_unsized(ty: &Type) -> bool {
    matches!(peel(ty), Type::Slice(_))
        || last_segment(ty)
            .is_some_and(|last| ["str", "Path", "OsStr", "CStr"].iter().any(|name| last.ident == name))
}
