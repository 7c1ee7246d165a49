//! The rows of a registrar: actors and the addresses on which they listen.
//!
//! # Invariants
//! 1. An address is in one row, once; a row has at least one address.
//! 2. The holder of a row is an open connection to the row's actor. A *held* row goes when its holder goes, and no
//!    other actor can take its addresses.
//! 3. The rows without a holder are bounded (`Limits::registry_rows_max`), and so are the addresses of each row
//!    (`Limits::registry_addrs_max`).
//! 4. A stranger may claim any identity, and any address. Its registration changes no row of a member, and no row that
//!    another connection holds; that of a member replaces whatever a stranger has claimed, and takes a stranger's room.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::name::{NameProblem, check_name};
use crate::addr::{Addr, AddrError};
use crate::id::Uid;
use crate::limits::{Limits, UDS_PATH_BYTES_MAX};

/// A holder of rows; the table's owner numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder(pub u64);

/// The peer that registers an actor, or takes that back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By {
    /// The connection that holds the row, if one does.
    pub holder: Option<Holder>,
    /// Whether it is of our user, or has proved that it is of our tree; else it is a stranger.
    pub is_member: bool,
}

/// The rows of a registrar.
#[derive(Debug)]
pub struct Table {
    rows_max: usize,
    addrs_max: usize,
    next: u64,
    /// Those of members and then those of strangers, in the order in which they were added.
    rows: BTreeMap<u64, Row>,
    by_uuid: HashMap<Arc<str>, u64>,
    by_name: HashMap<Arc<str>, BTreeSet<u64>>,
    by_addr: HashMap<Addr, u64>,
    /// The number of rows without a holder.
    loose: usize,
}

#[derive(Debug)]
struct Row {
    uid: Uid,
    /// In the order in which they were added.
    addrs: Vec<Addr>,
    by: By,
}

impl Row {
    /// Whether the row, or an address in it, may be changed.
    fn yields_to(&self, by: By) -> bool {
        by.is_member || (!self.by.is_member && self.by.holder.is_none_or(|holder| by.holder == Some(holder)))
    }
}

/// In the keys of rows that strangers have added.
const STRANGERS: u64 = 1 << 63;

/// The reason why an actor is not registered at an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Its name or uuid cannot be registered.
    #[error(transparent)]
    Name(#[from] NameProblem),
    /// No connection to the address is possible.
    #[error(transparent)]
    Addr(#[from] AddrError),
    /// The path of a Unix socket is too long.
    #[error(
        "a Unix socket's path is shorter than {UDS_PATH_BYTES_MAX} bytes (`UDS_PATH_BYTES_MAX`), this one has {bytes}"
    )]
    PathTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A stranger claims to be another actor.
    #[error("{0} is registered already, and a peer that has proved nothing cannot change that")]
    Claimed(Uid),
    /// The address is that of an actor that is connected to the registrar.
    #[error("{addr} is an address of {by}, which is connected to the registrar")]
    Taken {
        /// The address.
        addr: Addr,
        /// The actor that is registered there.
        by: Uid,
    },
    /// There are too many rows without a holder.
    #[error(
        "{max} actors that are not connected to the registrar are registered (`Limits::registry_rows_max`)"
    )]
    TooManyRows {
        /// The limit.
        max: usize,
    },
    /// The actor has too many addresses.
    #[error("an actor is registered at {max} addresses at most (`Limits::registry_addrs_max`)")]
    TooManyAddrs {
        /// The limit.
        max: usize,
    },
}

impl Table {
    /// An empty table.
    pub fn new(limits: &Limits) -> Self {
        Self {
            rows_max: limits.registry_rows_max,
            addrs_max: limits.registry_addrs_max,
            next: 0,
            rows: BTreeMap::new(),
            by_uuid: HashMap::new(),
            by_name: HashMap::new(),
            by_addr: HashMap::new(),
            loose: 0,
        }
    }

    /// Registers an actor at an address: until its holder is gone, or for good without a holder. Another actor whose
    /// row has no holder loses the address. The last registration sets the holder of the row.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn register(&mut self, uid: &Uid, addr: Addr, by: By) -> Result<(), Refused> {
        check_name(uid.name())?;
        check_name(uid.uuid())?;
        addr.check_registrable()?;
        if let Some(bytes) =
            addr.uds_path().map(|path| path.len()).filter(|bytes| *bytes >= UDS_PATH_BYTES_MAX)
        {
            return Err(Refused::PathTooLong { bytes });
        }
        let same = self.by_uuid.get(uid.uuid()).copied();
        if self.row(same).is_some_and(|row| !row.yields_to(by)) {
            return Err(Refused::Claimed(uid.clone()));
        }
        // A member takes nothing over from a stranger that has claimed to be it.
        let claimed = same.filter(|_| self.row(same).is_some_and(|row| by.is_member && !row.by.is_member));
        let own = same.filter(|_| claimed.is_none());
        let other = self.by_addr.get(&addr).copied().filter(|at| Some(*at) != own);
        let is_held = |row: &&Row| row.by.holder.is_some() && row.by.is_member >= by.is_member;
        if let Some(row) = self.row(other).filter(|row| is_held(row) || !row.yields_to(by)) {
            return Err(Refused::Taken { addr, by: row.uid.clone() });
        }
        let is_new = self.by_addr.get(&addr).is_none_or(|at| Some(*at) != own);
        let row = self.row(own);
        if row.is_some_and(|row| is_new && row.addrs.len() >= self.addrs_max) || self.addrs_max == 0 {
            return Err(Refused::TooManyAddrs { max: self.addrs_max });
        }
        let was_loose = row.is_some_and(|row| row.by.holder.is_none());
        let loose = usize::from(by.holder.is_none());
        if loose > usize::from(was_loose) && self.loose >= self.rows_max {
            let mut strangers = self.rows.range(STRANGERS..);
            let leaves =
                strangers.find(|(_, row)| by.is_member && row.by.holder.is_none()).map(|(at, _)| *at);
            self.remove_row(leaves.ok_or(Refused::TooManyRows { max: self.rows_max })?);
        }
        if other.is_some() {
            self.take_addr(&addr);
        }
        claimed.into_iter().for_each(|at| self.remove_row(at));
        let at = own.unwrap_or_else(|| self.add_row(uid, by));
        if is_new {
            self.by_addr.insert(addr.clone(), at);
        }
        let row = self.rows.get_mut(&at).expect("a row that is named is there");
        self.loose = self.loose - usize::from(row.by.holder.is_none()) + loose;
        row.by = by;
        if is_new {
            row.addrs.push(addr);
        }
        Ok(())
    }

    fn row(&self, at: Option<u64>) -> Option<&Row> {
        self.rows.get(&at?)
    }

    fn add_row(&mut self, uid: &Uid, by: By) -> u64 {
        // Those of strangers are the last, so that no stranger stands before a member of the same name.
        let at = if by.is_member { self.next } else { self.next | STRANGERS };
        self.next += 1;
        self.by_uuid.insert(uid.uuid().into(), at);
        self.by_name.entry(uid.name().into()).or_default().insert(at);
        self.rows.insert(at, Row { uid: uid.clone(), addrs: Vec::new(), by });
        self.loose += usize::from(by.holder.is_none());
        at
    }

    /// Removes the row of an actor. Returns whether it had one that may be removed.
    pub fn unregister(&mut self, uid: &Uid, by: By) -> bool {
        let at = self.by_uuid.get(uid.uuid()).copied();
        let at = at.filter(|_| self.row(at).is_some_and(|row| row.yields_to(by)));
        at.map(|at| self.remove_row(at)).is_some()
    }

    /// Removes the row of this actor because its holder is gone, unless the row has another holder by now. Returns
    /// whether a row was removed.
    pub fn let_go(&mut self, uid: &Uid, holder: Holder) -> bool {
        let at = self.by_uuid.get(uid.uuid()).copied();
        let at = at.filter(|at| self.rows.get(at).is_some_and(|row| row.by.holder == Some(holder)));
        at.map(|at| self.remove_row(at)).is_some()
    }

    /// Removes an address at which no actor listens any more. Returns the actor whose row had it. A held row stays as
    /// it is.
    pub fn delete_addr(&mut self, addr: &Addr, by: By) -> Option<Uid> {
        let row = self.rows.get(self.by_addr.get(addr)?)?;
        if row.by.holder.is_some() || !row.yields_to(by) { None } else { self.take_addr(addr) }
    }

    fn take_addr(&mut self, addr: &Addr) -> Option<Uid> {
        let at = self.by_addr.remove(addr)?;
        let row = self.rows.get_mut(&at)?;
        row.addrs.retain(|known| known != addr);
        let uid = row.uid.clone();
        if row.addrs.is_empty() {
            self.remove_row(at);
        }
        Some(uid)
    }

    fn remove_row(&mut self, at: u64) {
        let Some(row) = self.rows.remove(&at) else { return };
        self.loose -= usize::from(row.by.holder.is_none());
        self.by_uuid.remove(row.uid.uuid());
        for addr in &row.addrs {
            self.by_addr.remove(addr);
        }
        if let Some(same_name) = self.by_name.get_mut(row.uid.name()) {
            same_name.remove(&at);
            if same_name.is_empty() {
                self.by_name.remove(row.uid.name());
            }
        }
    }

    /// The addresses of the first row with this name or uuid.
    pub fn find(&self, key: &str) -> Option<&[Addr]> {
        let by_name = self.by_name.get(key).and_then(BTreeSet::first);
        let first = by_name.into_iter().chain(self.by_uuid.get(key)).min()?;
        self.rows.get(first).map(|row| row.addrs.as_slice())
    }

    /// All addresses of all rows with this name.
    pub fn all_of(&self, name: &str) -> Vec<Addr> {
        let rows = self.by_name.get(name).into_iter().flatten().filter_map(|at| self.rows.get(at));
        rows.flat_map(|row| row.addrs.iter().cloned()).collect()
    }

    /// Every row.
    pub fn rows(&self) -> impl Iterator<Item = (&Uid, &[Addr])> {
        self.rows.values().map(|row| (&row.uid, row.addrs.as_slice()))
    }
}
