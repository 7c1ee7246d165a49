//! `tractor tree`: the tree of actors, and the open dialogs between them.
//!
//! Actors report their parents and children. For an actor without a report, the system tells the parent of its process.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value as Json, json};
use tractor_core::DialogReport;
use tractor_core::proto::id::Uid;

use crate::exit::Failure;
use crate::options::{Asking, print};
use crate::ps::head;
use crate::reach::read_registry;
use crate::survey::{Seen, State, survey};

/// An actor in the tree.
#[derive(Debug)]
struct Node<'a> {
    uid: Uid,
    pid: Option<i32>,
    /// Whether a supervisor restarts it. `None` if its parent gives no report.
    is_supervised: Option<bool>,
    /// `None` for an actor that is known only from its parent's report.
    seen: Option<&'a Seen>,
}

/// All actors, by uuid.
#[derive(Debug)]
struct Tree<'a> {
    nodes: BTreeMap<String, Node<'a>>,
    children: HashMap<String, Vec<String>>,
    roots: Vec<String>,
}

pub(crate) async fn run(asking: &Asking) -> Result<(), Failure> {
    let registry = read_registry(&asking.registry).await?;
    let actors = survey(&registry).await;
    let tree = Tree::of(&actors);
    if asking.json {
        let roots: Vec<_> = tree.roots.iter().map(|root| tree.to_json(root)).collect();
        print(&json!({ "registry": registry.to_json(), "roots": roots }).to_string());
    } else {
        print(&head(&registry));
        for root in &tree.roots {
            tree.print(root, "", "");
        }
    }
    Ok(())
}

impl<'a> Tree<'a> {
    fn of(actors: &'a [Seen]) -> Self {
        let mut nodes = BTreeMap::new();
        for seen in actors {
            let node =
                Node { uid: seen.row.uid.clone(), pid: seen.pid, is_supervised: None, seen: Some(seen) };
            nodes.insert(seen.row.uid.uuid().to_owned(), node);
        }
        let mut parents: HashMap<String, String> = HashMap::new();
        let of_process: HashMap<i32, &Uid> =
            actors.iter().filter_map(|seen| Some((seen.pid?, &seen.row.uid))).collect();
        for seen in actors {
            let own = seen.row.uid.uuid();
            let told = seen.report.as_ref().and_then(|report| report.parent.as_ref());
            let by_process =
                || seen.report.is_none().then(|| of_process.get(&seen.facts.parent?).copied()).flatten();
            if let Some(parent) = told.or_else(by_process) {
                parents.entry(own.to_owned()).or_insert_with(|| parent.uuid().to_owned());
            }
            for child in seen.report.iter().flat_map(|report| &report.children) {
                let uuid = child.uid.uuid().to_owned();
                let pid = child.pid.and_then(|pid| i32::try_from(pid).ok());
                let node = nodes.entry(uuid.clone()).or_insert_with(|| Node {
                    uid: child.uid.clone(),
                    pid,
                    is_supervised: None,
                    seen: None,
                });
                node.is_supervised = Some(child.is_supervised);
                parents.insert(uuid, own.to_owned());
            }
        }
        let mut tree = Self { nodes, children: HashMap::new(), roots: Vec::new() };
        tree.link(&parents);
        tree
    }

    /// An actor without a known parent is a root, and so is one actor of a cycle.
    fn link(&mut self, parents: &HashMap<String, String>) {
        for uuid in self.nodes.keys() {
            let mut met = HashSet::from([uuid]);
            let mut above = parents.get(uuid).filter(|parent| self.nodes.contains_key(*parent));
            let own = above;
            while let Some(uuid) = above.filter(|uuid| met.insert(uuid)) {
                above = parents.get(uuid).filter(|parent| self.nodes.contains_key(*parent));
            }
            match own {
                Some(parent) if above.is_none() => {
                    self.children.entry(parent.clone()).or_default().push(uuid.clone());
                }
                Some(_) | None => self.roots.push(uuid.clone()),
            }
        }
        let nodes = &self.nodes;
        let by_name = |uuid: &String| (nodes[uuid].uid.name().to_owned(), uuid.clone());
        self.roots.sort_by_key(by_name);
        self.children.values_mut().for_each(|children| children.sort_by_key(by_name));
    }

    fn children(&self, uuid: &str) -> &[String] {
        self.children.get(uuid).map_or(&[], Vec::as_slice)
    }

    fn to_json(&self, uuid: &str) -> Json {
        let node = &self.nodes[uuid];
        let report = node.seen.and_then(|seen| seen.report.as_ref());
        let dialog = |dialog: &DialogReport| {
            json!({
                "endpoint": dialog.endpoint,
                "peer": dialog.peer.name(),
                "peer_uuid": dialog.peer.uuid(),
                "served": dialog.is_served,
                "state": dialog.state,
            })
        };
        let dialogs = report.map(|report| report.dialogs.iter().map(dialog).collect::<Vec<_>>());
        json!({
            "name": node.uid.name(),
            "uuid": node.uid.uuid(),
            "pid": node.pid,
            "state": node.seen.map_or("unregistered", |seen| seen.state.name()),
            "supervised": node.is_supervised,
            "dialogs": dialogs,
            "dialogs_total": report.map(|report| report.dialogs_total),
            "children": self.children(uuid).iter().map(|child| self.to_json(child)).collect::<Vec<_>>(),
        })
    }

    fn print(&self, uuid: &str, first: &str, rest: &str) {
        let node = &self.nodes[uuid];
        print(&format!("{first}{}", line_of(node)));
        let children = self.children(uuid);
        let report = node.seen.and_then(|seen| seen.report.as_ref());
        let bar = if children.is_empty() { "   " } else { "│  " };
        for dialog in report.iter().flat_map(|report| &report.dialogs) {
            // The other end shows the dialog, if it gives a report.
            let is_shown_there = !dialog.is_served
                && self.nodes.get(dialog.peer.uuid()).and_then(|node| node.seen?.report.as_ref()).is_some();
            if !is_shown_there {
                print(&format!("{rest}{bar}{}", dialog_line(dialog)));
            }
        }
        if let Some(report) = report.filter(|report| report.dialogs_total > report.dialogs.len() as u64) {
            print(&format!("{rest}{bar}.. {} dialogs in all", report.dialogs_total));
        }
        for (at, child) in children.iter().enumerate() {
            let is_last = at + 1 == children.len();
            let (first, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            self.print(child, &format!("{rest}{first}"), &format!("{rest}{below}"));
        }
    }
}

fn line_of(node: &Node<'_>) -> String {
    let mut line = node.uid.to_string();
    if let Some(pid) = node.pid {
        line.push_str(&format!(" pid {pid}"));
    }
    if node.is_supervised == Some(true) {
        line.push_str(" supervised");
    }
    match node.seen.map(|seen| seen.state) {
        Some(State::Up) => {}
        Some(state) => line.push_str(&format!(" {}", state.name())),
        None => line.push_str(" unregistered"),
    }
    line
}

fn dialog_line(dialog: &DialogReport) -> String {
    use tractor_core::proto::id::Escaped;

    let (verb, towards) = if dialog.is_served { ("runs", "for") } else { ("asks for", "of") };
    let (endpoint, state) = (Escaped(&dialog.endpoint), Escaped(&dialog.state));
    format!("· {verb} {endpoint} {towards} {} ({state})", dialog.peer)
}
