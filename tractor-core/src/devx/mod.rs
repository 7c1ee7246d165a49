//! Help for developers: logging.

#[cfg(feature = "log")]
pub mod log;

/// The current log filter, for children; empty when `log` is not in use.
pub(crate) fn current_filter() -> String {
    #[cfg(feature = "log")]
    return log::current_filter();
    #[cfg(not(feature = "log"))]
    String::new()
}

/// Sets up logging in a child whose parent logs.
pub(crate) fn init_child(filter: &str) {
    #[cfg(feature = "log")]
    log::init_child(filter);
    #[cfg(not(feature = "log"))]
    let _ = filter; // unused without the feature `log`
}

/// Sets up logging in a root if `TRACTOR_LOGLEVEL` is set and the program has no subscriber.
pub(crate) fn init_root() {
    #[cfg(feature = "log")]
    log::init_root();
}
