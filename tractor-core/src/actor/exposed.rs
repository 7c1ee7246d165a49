//! The endpoints of this binary, and which of them peers may call.
//!
//! Every annotated function registers itself at link time. The callee checks whether its module, or the endpoint
//! itself, is on the actor's allow-list.

use std::any::TypeId;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use super::image;
use super::invoke::Invocation;
use crate::error::{self, RuntimeFailure};
use crate::proto::args::ArgsError;
use crate::proto::id::Uid;
use crate::proto::msg::{ErrorMsg, FuncType};

/// The future of a running endpoint. If the endpoint returns a result, it concludes its dialog itself before it is
/// ready; the request's task reports a failure.
pub(crate) type EndpointFuture = Pin<Box<dyn Future<Output = Result<(), Box<ErrorMsg>>> + Send>>;

/// One registered endpoint; made by the attribute macros.
#[derive(Debug)]
pub struct EndpointEntry {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    /// Path of the function's type in the source, whatever `module` and `name` its attribute sets.
    pub(crate) path: fn() -> &'static str,
    pub(crate) kind: FuncType,
    /// The function's type.
    pub(crate) endpoint: fn() -> TypeId,
    /// Whether all types of its values may be written without field names.
    pub(crate) types_are_positional: fn() -> bool,
    pub(crate) invoke: fn(Invocation<'_>) -> Result<EndpointFuture, ArgsError>,
}

impl EndpointEntry {
    /// `module:name`, for logs and errors.
    pub(super) fn label(&self) -> Arc<str> {
        [self.module, ":", self.name].concat().into()
    }

    /// Whether its values are written without field names for callers of the same image, which has all of its code.
    pub(super) fn is_positional(&self) -> bool {
        image::contains(self.invoke as *const ()) && (self.types_are_positional)()
    }
}

/// Whether the values of a call of this endpoint are written without field names to actors of the same image. This
/// requires that the endpoint is registered under its name, and is not a declaration of another one.
pub(crate) fn is_positional(module: &str, name: &str, endpoint: TypeId) -> bool {
    let registered = REGISTERED.get(&(module, name));
    registered.is_some_and(|entry| (entry.endpoint)() == endpoint && entry.is_positional())
}

inventory::collect!(EndpointEntry);

static REGISTERED: LazyLock<HashMap<(&'static str, &'static str), &'static EndpointEntry>> =
    LazyLock::new(|| {
        inventory::iter::<EndpointEntry>().map(|entry| ((entry.module, entry.name), entry)).collect()
    });

/// Pairs of endpoints with one key, ordered by key, then by path.
static REGISTERED_TWICE: LazyLock<Vec<[&'static EndpointEntry; 2]>> = LazyLock::new(|| {
    let key = |entry: &EndpointEntry| (entry.module, entry.name);
    let mut all: Vec<_> = inventory::iter::<EndpointEntry>().collect();
    all.sort_unstable_by_key(|entry| (key(entry), (entry.path)()));
    all.windows(2).filter(|pair| key(pair[0]) == key(pair[1])).map(|pair| [pair[0], pair[1]]).collect()
});

/// The allow-list of one actor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Allow {
    pub(crate) modules: Vec<String>,
    /// (module, name)
    pub(crate) endpoints: Vec<(String, String)>,
}

impl Allow {
    /// Refuses an allow-list with an entry that is not registered in this binary, or is registered twice.
    pub(crate) fn check(&self) -> Result<(), RuntimeFailure> {
        for module in &self.modules {
            if !is_known(module) {
                return Err(RuntimeFailure::new(unknown_module(module)));
            }
        }
        for (module, name) in &self.endpoints {
            if !REGISTERED.contains_key(&(module.as_str(), name.as_str())) {
                let text = format!("no endpoint `{module}:{name}` is registered in this program");
                return Err(RuntimeFailure::new(text));
            }
        }
        match REGISTERED_TWICE.iter().find(|[entry, _]| self.allows(entry.module, entry.name)) {
            None => Ok(()),
            Some([one, two]) => {
                let text = format!(
                    "two endpoints are registered as `{}`: `{}` and `{}`; give one of them another `name` in its \
                     attribute",
                    one.label(),
                    (one.path)(),
                    (two.path)()
                );
                Err(RuntimeFailure::new(text))
            }
        }
    }

    fn allows(&self, module: &str, name: &str) -> bool {
        self.modules.iter().any(|allowed| allowed == module)
            || self.endpoints.iter().any(|(m, n)| m == module && n == name)
    }

    /// The endpoint that a peer asks for, or the error for the peer.
    pub(super) fn find(
        &self,
        us: &Uid,
        module: &str,
        name: &str,
    ) -> Result<&'static EndpointEntry, Box<ErrorMsg>> {
        let registered = REGISTERED.get(&(module, name));
        if let Some(entry) = registered
            && self.allows(module, name)
        {
            return Ok(entry);
        }
        if registered.is_none() && self.allows(module, name) {
            let text = self.unknown_name(module, name);
            return Err(Box::new(error::local(us, error::type_names::ATTRIBUTE_ERROR, text)));
        }
        let hint = if registered.is_some() {
            format!(
                "start the actor with `.enable_module(\"{module}\")`, or with `.expose({name})` for this endpoint alone"
            )
        } else if is_known(module) {
            self.unknown_name(module, name)
        } else {
            unknown_module(module)
        };
        let text = format!("`{module}:{name}` is not exposed by actor `{}`: {hint}", us.name());
        Err(Box::new(error::local(us, error::type_names::MODULE_NOT_EXPOSED, text)))
    }

    /// Names only what the peer may call.
    fn unknown_name(&self, module: &str, name: &str) -> String {
        let exposed = REGISTERED.keys().filter(|(known, name)| *known == module && self.allows(module, name));
        let mut names: Vec<_> = exposed.map(|(_, name)| *name).collect();
        names.sort_unstable();
        let names = if names.is_empty() { "none".to_owned() } else { format!("`{}`", names.join("`, `")) };
        format!("module `{module}` has no endpoint `{name}`; it exposes {names}")
    }
}

fn is_known(module: &str) -> bool {
    REGISTERED.keys().any(|(registered, _)| *registered == module)
}

fn unknown_module(module: &str) -> String {
    let mut modules: Vec<_> = REGISTERED.keys().map(|(module, _)| *module).collect();
    modules.sort_unstable();
    modules.dedup();
    let known = if modules.is_empty() { "none".to_owned() } else { format!("`{}`", modules.join("`, `")) };
    let krate = |path: &str| path.split("::").next().unwrap_or_default().to_owned();
    let unlinked = match krate(module) {
        name if modules.iter().any(|module| krate(module) == name) => String::new(),
        name => format!(
            "; if `{name}` is a crate that this program depends on and names nothing of, it is not linked: write \
             `use {name} as _;`"
        ),
    };
    format!(
        "no endpoint is registered in module `{module}` of this program (modules with endpoints: {known}); annotate a \
         function there with `#[tractor::actor_fn]`, `#[tractor::context(..)]` or `#[tractor::stream]`, and name the \
         module as `module_path!()` does{unlinked}"
    )
}
