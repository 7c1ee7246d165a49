//! Holds nothing: the crate exists for its tests (`tests/ui.rs` compiles `pass/` and `fail/`, `tests/texts.rs` reads what came out).
