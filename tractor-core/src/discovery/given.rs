//! The supervised children whose handles this actor has given out. The holder of a handle asks here for the child's
//! current process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::sleep;

use super::reach::{GONE_PAUSE, Place};
use crate::actor::ActorLocal;
use crate::error::Error;
use crate::restart::Supervised;

/// The method that returns the current process of such a child.
pub(super) const FIND_SUPERVISED: &str = "find_supervised";
/// The error for a child that is not in the table.
pub(super) const NO_MORE: &str = "it is no longer supervised";

/// The number of children above which the table drops those that have ended for good.
const CHILDREN_KEPT_MAX: usize = 64;

static GIVEN: ActorLocal<Given> = ActorLocal::new(Given::default);

/// The lock is held for a lookup only.
#[derive(Debug, Default)]
struct Given(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// Each child with the place of its last known process.
    children: BTreeMap<u64, (Supervised, Option<Place>)>,
}

impl Given {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number by which other actors ask for a child of this actor.
pub(super) fn number(child: &Supervised) -> u64 {
    let given = GIVEN.get();
    let mut table = given.lock();
    if let Some((number, _)) = table.children.iter().find(|(_, (known, _))| known.is_same(child)) {
        return *number;
    }
    if table.children.len() >= CHILDREN_KEPT_MAX {
        table.children.retain(|_, (child, _)| !child.is_over());
    }
    let number = table.next;
    table.next += 1;
    table.children.insert(number, (child.clone(), None));
    number
}

/// The child of this actor that has a number.
pub(super) fn child(number: u64) -> Option<Supervised> {
    GIVEN.get().lock().children.get(&number).map(|(child, _)| child.clone())
}

/// Where the current process of a child listens; waits while there is none. The error says why there will be none.
pub(super) async fn place(number: u64) -> Result<Place, String> {
    let child = child(number).ok_or(NO_MORE)?;
    loop {
        let portal = child.portal().await.map_err(|over| over.to_string())?;
        let given = GIVEN.get();
        let known = given.lock().children.get(&number).and_then(|(_, place)| place.clone());
        if let Some(place) = known.filter(|place| place.uuid == portal.uid().uuid()) {
            return Ok(place);
        }
        match Place::of(&portal).await {
            Ok(place) => {
                if let Some((_, known)) = given.lock().children.get_mut(&number) {
                    *known = Some(place.clone());
                }
                return Ok(place);
            }
            // The process is ending, which the supervisor is about to notice.
            Err(Error::Cancelled(_) | Error::Closed(_) | Error::Died(_)) => sleep(GONE_PAUSE).await,
            Err(error) => return Err(error.to_string()),
        }
    }
}
