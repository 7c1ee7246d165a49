//! Live actors against scripted peers: frames, sockets, endings.

mod cancel_actor;
mod deadline_wire;
mod payload_table;
mod registry_methods;
mod registry_roots;
mod registry_trust;
mod socket_files;
mod table_support;
mod trace_wire;
mod wire_base;
mod wire_blame;
mod wire_callers;
mod wire_contexts;
mod wire_endings;
mod wire_frames;
mod wire_handshake;
mod wire_layout;
mod wire_memory;
mod wire_overflow;
mod wire_requests;
mod wire_shields;
mod wire_sockets;
mod wire_storm;
mod wire_support;
