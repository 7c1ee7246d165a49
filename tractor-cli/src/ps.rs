//! `tractor ps`: lists the registered actors.

use std::time::Duration;

use serde_json::json;
use tractor_core::proto::id::Escaped;

use crate::exit::Failure;
use crate::options::{Asking, print, table};
use crate::reach::{Registry, read_registry};
use crate::survey::{Seen, survey};

pub(crate) async fn run(asking: &Asking) -> Result<(), Failure> {
    let registry = read_registry(&asking.registry).await?;
    let actors = survey(&registry).await;
    if asking.json {
        let actors: Vec<_> = actors.iter().map(Seen::to_json).collect();
        print(&json!({ "registry": registry.to_json(), "actors": actors }).to_string());
    } else {
        print(&head(&registry));
        let header = ["NAME", "UUID", "PID", "STATE", "UPTIME", "MEMORY", "ADDRESSES"];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        rows.extend(actors.iter().map(row_of));
        print(&table(&rows));
    }
    Ok(())
}

/// The line that names the registry.
pub(crate) fn head(registry: &Registry) -> String {
    format!("{} registry {}", registry.library.name(), registry.addr)
}

fn row_of(seen: &Seen) -> Vec<String> {
    let addrs: Vec<_> = seen.row.addrs.iter().map(ToString::to_string).collect();
    let mut last = addrs.join(" ");
    if let Some(why) = &seen.why {
        last = format!("{last}  ({})", Escaped(why));
    }
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        Escaped(seen.row.uid.name()).to_string(),
        Escaped(seen.row.uid.uuid()).to_string(),
        or_none(seen.pid.map(|pid| pid.to_string())),
        seen.state.name().to_owned(),
        or_none(seen.uptime().map(shown)),
        or_none(seen.facts.memory_bytes.map(|bytes| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)))),
        last,
    ]
}

/// A time in its two largest units.
fn shown(time: Duration) -> String {
    match time.as_secs() {
        secs @ 0..60 => format!("{secs}s"),
        secs @ 60..3600 => format!("{}m{:02}s", secs / 60, secs % 60),
        secs @ 3600..86400 => format!("{}h{:02}m", secs / 3600, secs % 3600 / 60),
        secs => format!("{}d{:02}h", secs / 86400, secs % 86400 / 3600),
    }
}
