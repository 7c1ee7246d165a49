//! Function references as names of endpoints: `expose(add)`.

use super::call::Call;
use super::endpoint::{Endpoint, EndpointBody};
use crate::actor::ActorOptions;

/// An annotated function, named by its path: `add`, `service::add`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an endpoint that can be exposed",
    label = "not the name of an annotated function",
    note = "name the function without calling it: `expose(add)`",
    note = "if the function has no attribute, add `#[tractor::actor_fn]`, `#[tractor::context(..)]` or \
            `#[tractor::stream]` to it; if it is declared `extern`, the program that it lives in exposes it"
)]
pub trait EndpointRef<Marker> {
    /// The endpoint.
    type Endpoint: Endpoint;
}

macro_rules! endpoint_refs {
    ($($ty:ident)*) => {
        impl<F, E: EndpointBody, $($ty),*> EndpointRef<(E, $($ty,)*)> for F
        where
            F: FnOnce($($ty),*) -> Call<E>,
        {
            type Endpoint = E;
        }
    };
}

endpoint_refs!();
endpoint_refs!(A);
endpoint_refs!(A B);
endpoint_refs!(A B C);
endpoint_refs!(A B C D);
endpoint_refs!(A B C D G);
endpoint_refs!(A B C D G H);
endpoint_refs!(A B C D G H I);
endpoint_refs!(A B C D G H I J);
endpoint_refs!(A B C D G H I J K);
endpoint_refs!(A B C D G H I J K L);
endpoint_refs!(A B C D G H I J K L M);
endpoint_refs!(A B C D G H I J K L M N);

impl ActorOptions {
    /// Lets peers call one endpoint: `expose(add)`.
    #[must_use]
    pub fn expose<Marker, R: EndpointRef<Marker>>(mut self, _endpoint: R) -> Self {
        let (module, name) = (<R::Endpoint as Endpoint>::MODULE, <R::Endpoint as Endpoint>::NAME);
        self.allow.endpoints.push((module.to_owned(), name.to_owned()));
        self
    }
}
