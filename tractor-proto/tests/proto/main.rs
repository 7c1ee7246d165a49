//! The protocol by itself: tables of transitions, frames and payloads, and searches through them.

#![allow(clippy::unwrap_used, reason = "tests unwrap, and so do their helpers")]

mod codec_properties;
mod codec_rules;
mod dialog_search;
mod dialog_transitions;
mod dialog_world;
mod golden_frames;
mod guest_rules;
mod ladder;
mod payload_bytes;
mod payload_layouts;
mod payload_paths;
mod payload_serializers;
mod payload_types;
mod payload_values;
mod registry_table;
mod supervision_properties;
mod supervision_rules;
