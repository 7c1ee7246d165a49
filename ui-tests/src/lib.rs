//! Holds nothing: the crate exists for its tests (`tests/ui.rs`, `pass/`, `fail/`).
