//! Real processes: how they start, die and are cleaned up after.

mod chaos;
mod chaos_support;
mod drop_actors;
mod drop_everywhere;
mod drop_support;
mod fault_matrix;
mod job_control;
mod log_lines;
mod matrix_support;
mod nursery_below;
mod nursery_cancel;
mod nursery_cluster;
mod nursery_death;
mod nursery_ladder;
mod nursery_nested;
mod nursery_results;
mod nursery_unanswered;
mod other_users;
mod process_boot;
mod process_death;
mod process_hygiene;
mod process_programs;
mod process_signals;
mod process_started;
mod process_support;
mod strangers;
