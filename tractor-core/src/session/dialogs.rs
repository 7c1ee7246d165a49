//! The live dialogs of one connection, by id.
//!
//! An id made from a number of this end gives the dialog's place in a list. Dialogs with other ids are in a hash map
//! with secret keys, because the peer may choose any ids.
//!
//! # Invariants
//! 1. A number is used once. The dialog's place is the number modulo the list's length. A number whose place is taken
//!    is
//!    skipped.
//! 2. The length is a power of two: when it doubles, no two dialogs get the same place. At most half of the places are
//!    taken, so few numbers are skipped.
//! 3. No id is both in the list and in the map.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::cid_hash::CidHash;
use crate::proto::id::Cid;

/// First length of the list, which is made for the first dialog that this end opens.
const PLACES_MIN: usize = 16;

/// The live dialogs of one connection; see the module docs.
#[derive(Debug)]
pub(super) struct Dialogs<T> {
    /// First letter of the ids made from numbers of this end.
    prefix: u8,
    /// Number in the next id.
    next: u64,
    places: Vec<Option<(u64, Arc<T>)>>,
    taken: usize,
    /// Dialogs with other ids.
    others: HashMap<Cid, Arc<T>, CidHash>,
}

impl<T> Dialogs<T> {
    /// An empty table. The two ends of a connection have different prefixes.
    pub(super) fn new(prefix: u8) -> Self {
        Self { prefix, next: 0, places: Vec::new(), taken: 0, others: HashMap::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.taken + self.others.len()
    }

    fn place(&self, number: u64) -> usize {
        number as usize & self.places.len().wrapping_sub(1)
    }

    /// Enters a dialog that this end opens. `make` makes it from its new id.
    pub(super) fn enter_new(&mut self, make: impl FnOnce(&Cid) -> Arc<T>) -> Arc<T> {
        if self.taken * 2 >= self.places.len() {
            self.lengthen();
        }
        loop {
            let number = self.next;
            self.next += 1;
            let place = self.place(number);
            if self.places[place].is_some() {
                continue;
            }
            let cid = Cid::short(self.prefix, number);
            // The peer may have chosen this id.
            if self.others.is_empty() || !self.others.contains_key(&cid) {
                let dialog = make(&cid);
                self.places[place] = Some((number, dialog.clone()));
                self.taken += 1;
                return dialog;
            }
        }
    }

    #[cold]
    fn lengthen(&mut self) {
        let longer = (self.places.len() * 2).max(PLACES_MIN);
        let before =
            std::mem::replace(&mut self.places, std::iter::repeat_with(|| None).take(longer).collect());
        for (number, dialog) in before.into_iter().flatten() {
            let place = self.place(number);
            self.places[place] = Some((number, dialog));
        }
    }

    /// Enters a dialog whose id was not made from a number of this end. Returns whether the id was free.
    pub(super) fn enter(&mut self, cid: Cid, dialog: Arc<T>) -> bool {
        if self.own(cid.as_bytes()).is_some() {
            return false;
        }
        match self.others.entry(cid) {
            Entry::Vacant(free) => {
                free.insert(dialog);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// The place of a dialog in the list.
    #[inline]
    fn own(&self, cid: &[u8]) -> Option<usize> {
        let number = Cid::number(self.prefix, cid)?;
        let place = self.place(number);
        let (found, _) = self.places.get(place)?.as_ref()?;
        (*found == number).then_some(place)
    }

    #[inline]
    pub(super) fn get(&self, cid: &[u8]) -> Option<&Arc<T>> {
        match self.own(cid) {
            Some(place) => self.places[place].as_ref().map(|(_, dialog)| dialog),
            None if self.others.is_empty() => None,
            None => self.others.get(cid),
        }
    }

    /// Takes out a dialog of this end.
    pub(super) fn take_own(&mut self, cid: &[u8]) -> Option<Arc<T>> {
        let place = self.own(cid)?;
        let (_, taken) = self.places[place].take()?;
        self.taken -= 1;
        Some(taken)
    }

    /// Removes this dialog, if it is the one with its id.
    pub(super) fn remove(&mut self, cid: &Cid, over: &T) -> Option<Arc<T>> {
        let is_it = |found: &Arc<T>| std::ptr::eq(&raw const **found, over);
        if let Some(place) = self.own(cid.as_bytes()) {
            let (_, removed) = self.places[place].take_if(|(_, found)| is_it(found))?;
            self.taken -= 1;
            return Some(removed);
        }
        // Most dialogs were in the list.
        if self.others.is_empty() || !self.others.get(cid).is_some_and(is_it) {
            return None;
        }
        self.others.remove(cid)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.places.iter().flatten().map(|(_, dialog)| dialog).chain(self.others.values())
    }

    /// Takes out all dialogs.
    pub(super) fn take(&mut self) -> Vec<Arc<T>> {
        self.taken = 0;
        let none = HashMap::with_hasher(*self.others.hasher());
        let own = std::mem::take(&mut self.places).into_iter().flatten().map(|(_, dialog)| dialog);
        own.chain(std::mem::replace(&mut self.others, none).into_values()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cid(text: &str) -> Cid {
        Cid::new(text).expect("a short id")
    }

    fn opened(dialogs: &mut Dialogs<Cid>) -> Arc<Cid> {
        dialogs.enter_new(|cid| Arc::new(*cid))
    }

    fn ends(dialogs: &mut Dialogs<Cid>, over: &Arc<Cid>) {
        assert!(dialogs.remove(over, over).is_some(), "{over}");
    }

    #[test]
    fn an_id_is_never_made_twice_and_its_dialog_is_found_until_it_ends() {
        let mut dialogs = Dialogs::new(b'd');
        let (mut open, mut seen) = (Vec::new(), std::collections::HashSet::new());
        for round in 0..5_000_usize {
            let new = opened(&mut dialogs);
            assert!(seen.insert(*new), "{new} again");
            open.push(new);
            // Most dialogs are short, a few are long.
            if round % 7 != 0 {
                let over = open.swap_remove(round % open.len());
                ends(&mut dialogs, &over);
                assert!(dialogs.get(over.as_bytes()).is_none());
            }
            assert!(dialogs.places.len() <= (4 * open.len()).max(PLACES_MIN));
        }
        assert_eq!(dialogs.len(), open.len());
        assert!(
            open.iter().all(|dialog| Arc::ptr_eq(
                dialogs.get(dialog.as_bytes()).expect("the dialog is open"),
                dialog
            ))
        );
        assert_eq!(dialogs.iter().count(), open.len());
    }

    #[test]
    fn an_id_that_the_peer_has_chosen_is_not_made_and_one_that_was_made_is_not_entered() {
        let mut dialogs = Dialogs::new(b'd');
        for text in ["d0", "d2", "d00", "a1", "d18446744073709551616", "d"] {
            assert!(dialogs.enter(cid(text), Arc::new(cid(text))), "{text}");
        }
        assert_eq!([(); 2].map(|()| opened(&mut dialogs).to_string()), ["d1", "d3"]);
        for text in ["d0", "d1", "d3", "d00", "a1"] {
            assert!(!dialogs.enter(cid(text), Arc::new(cid(text))), "{text}");
            assert_eq!(dialogs.get(text.as_bytes()).map(|found| found.to_string()).as_deref(), Some(text));
        }
        assert_eq!(dialogs.len(), 8);
    }

    #[test]
    fn only_the_dialog_itself_is_taken_out() {
        let mut dialogs = Dialogs::new(b'd');
        let own = opened(&mut dialogs);
        assert!(dialogs.enter(cid("x"), Arc::new(cid("x"))));
        let other = dialogs.get(b"x").expect("the dialog was entered").clone();
        for dialog in [own, other] {
            let copy = Arc::new(*dialog);
            assert!(dialogs.remove(&copy, &copy).is_none());
            ends(&mut dialogs, &dialog);
            assert!(dialogs.remove(&dialog, &dialog).is_none());
        }
        assert_eq!(dialogs.len(), 0);
    }

    #[test]
    fn a_number_comes_round_to_a_place_that_is_still_taken() {
        let mut dialogs = Dialogs::new(b'd');
        let first = opened(&mut dialogs);
        for _ in 1..PLACES_MIN {
            let next = opened(&mut dialogs);
            ends(&mut dialogs, &next);
        }
        assert_eq!(opened(&mut dialogs).as_str(), "d17");
        assert!(dialogs.get(b"d16").is_none() && dialogs.get(b"d0").is_some());
        ends(&mut dialogs, &first);
    }
}
