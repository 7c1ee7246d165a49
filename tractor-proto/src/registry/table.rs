//! The rows of a registrar: actors and the addresses on which they listen.
//!
//! # Invariants
//! 1. An address is in one row, once; a row has at least one address.
//! 2. The holder of a row is an open connection to the row's actor. A *held* row goes when its holder goes, and no
//!    other actor can take its addresses.
//! 3. The rows without a holder are bounded (`Limits::registry_rows_max`), and so are the addresses of each row
//!    (`Limits::registry_addrs_max`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::name::{NameProblem, check_name};
use crate::addr::{Addr, AddrError};
use crate::id::Uid;
use crate::limits::{Limits, UDS_PATH_BYTES_MAX};

/// A holder of rows; the table's owner numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder(pub u64);

/// The rows of a registrar.
#[derive(Debug)]
pub struct Table {
    rows_max: usize,
    addrs_max: usize,
    next: u64,
    /// In the order in which they were added.
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
    holder: Option<Holder>,
}

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

    /// Registers an actor at an address: until `holder` is gone, or for good without a holder. Another actor whose row
    /// has no holder loses the address. The last registration sets the holder of the row.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn register(&mut self, uid: &Uid, addr: Addr, holder: Option<Holder>) -> Result<(), Refused> {
        check_name(uid.name())?;
        check_name(uid.uuid())?;
        addr.check_registrable()?;
        if let Some(bytes) =
            addr.uds_path().map(|path| path.len()).filter(|bytes| *bytes >= UDS_PATH_BYTES_MAX)
        {
            return Err(Refused::PathTooLong { bytes });
        }
        let own = self.by_uuid.get(uid.uuid()).copied();
        let other = self.by_addr.get(&addr).copied().filter(|at| Some(*at) != own);
        if let Some(row) = other.and_then(|at| self.rows.get(&at)).filter(|row| row.holder.is_some()) {
            return Err(Refused::Taken { addr, by: row.uid.clone() });
        }
        let is_new = self.by_addr.get(&addr).is_none_or(|at| Some(*at) != own);
        let row = own.and_then(|at| self.rows.get(&at));
        if row.is_some_and(|row| is_new && row.addrs.len() >= self.addrs_max) || self.addrs_max == 0 {
            return Err(Refused::TooManyAddrs { max: self.addrs_max });
        }
        let was_loose = row.is_some_and(|row| row.holder.is_none());
        let loose = usize::from(holder.is_none());
        if loose > usize::from(was_loose) && self.loose >= self.rows_max {
            return Err(Refused::TooManyRows { max: self.rows_max });
        }
        if other.is_some() {
            self.take_addr(&addr);
        }
        self.loose = self.loose - usize::from(was_loose) + loose;
        let at = own.unwrap_or_else(|| self.add_row(uid));
        if is_new {
            self.by_addr.insert(addr.clone(), at);
        }
        let row = self.rows.get_mut(&at).expect("a row that is named is there");
        row.holder = holder;
        if is_new {
            row.addrs.push(addr);
        }
        Ok(())
    }

    fn add_row(&mut self, uid: &Uid) -> u64 {
        let at = self.next;
        self.next += 1;
        self.by_uuid.insert(uid.uuid().into(), at);
        self.by_name.entry(uid.name().into()).or_default().insert(at);
        self.rows.insert(at, Row { uid: uid.clone(), addrs: Vec::new(), holder: None });
        at
    }

    /// Removes the row of an actor. Returns whether it had one.
    pub fn unregister(&mut self, uid: &Uid) -> bool {
        let Some(at) = self.by_uuid.get(uid.uuid()).copied() else { return false };
        self.remove_row(at);
        true
    }

    /// Removes the row of this actor because its holder is gone, unless the row has another holder by now. Returns
    /// whether a row was removed.
    pub fn let_go(&mut self, uid: &Uid, holder: Holder) -> bool {
        let at = self.by_uuid.get(uid.uuid()).copied();
        let at = at.filter(|at| self.rows.get(at).is_some_and(|row| row.holder == Some(holder)));
        at.map(|at| self.remove_row(at)).is_some()
    }

    /// Removes an address at which no actor listens any more. Returns the actor whose row had it. A held row stays as
    /// it is.
    pub fn delete_addr(&mut self, addr: &Addr) -> Option<Uid> {
        let row = self.rows.get(self.by_addr.get(addr)?)?;
        if row.holder.is_some() { None } else { self.take_addr(addr) }
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
        self.loose -= usize::from(row.holder.is_none());
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
