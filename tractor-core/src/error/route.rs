//! What every failure of another actor has underneath: the message that brought it.

use std::fmt;
use std::sync::Arc;

use crate::proto::msg::ErrorMsg;

/// The `Error` message that a failure arrived with. As the last source of that failure it is found inside of any error type
/// that wraps one, such as `anyhow::Error`.
#[derive(Clone)]
pub(crate) struct Route(pub(super) Arc<ErrorMsg>);

impl Route {
    pub(super) fn msg(&self) -> &ErrorMsg {
        &self.0
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.relay_path).finish()
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("told by actor")?;
        for (index, hop) in self.0.relay_path.iter().enumerate() {
            write!(f, "{} {hop}", if index == 0 { "" } else { ", passed on by" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Route {}
