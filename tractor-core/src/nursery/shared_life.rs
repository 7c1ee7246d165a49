//! The life of one shared resource, as a state machine without I/O.
//!
//! ```text
//! Entering --value--> Open --last user leaves--> Leaving --ended--> Over
//!    |                  |                           ^
//!    |                  +--ended--> Dead --last user leaves--> Over
//!    +-- first user leaves -------------------------+
//!    +-- ended ------------------------------------------------> Over
//! ```
//!
//! # Invariants
//! 1. The resource is asked to end exactly once: by the last user, or by the first one before there is a value.
//! 2. A user that arrives while the resource is being entered or left waits; no user gets a value of a resource that is
//!    being left.

/// One shared resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Life {
    /// The first user waits for the value.
    #[default]
    Entering,
    /// There is a value, and at least one user.
    Open { users: usize },
    /// The last user has left; the resource has not ended yet.
    Leaving,
    /// The resource has ended while it was used.
    Dead { users: usize },
    /// The resource has ended, and has no user.
    Over,
}

/// The state that a new user finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// There is a value; the new user is counted.
    Hit,
    /// The resource is being entered or left: ask again after a change.
    Wait,
    /// There is no usable resource: enter it again.
    Miss,
}

/// The duty of a user that leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// None: there are other users.
    Others,
    /// Wait for the end, which this user has requested, or which has come.
    Last,
    /// Wait for the end of a resource without a value, which is dropped at its next await.
    Abandoned,
}

impl Life {
    pub(super) fn arrive(&mut self) -> Arrival {
        match self {
            Self::Open { users } => {
                *users += 1;
                Arrival::Hit
            }
            Self::Entering | Self::Leaving => Arrival::Wait,
            Self::Dead { .. } | Self::Over => Arrival::Miss,
        }
    }

    /// Records that there is a value. Returns whether it has a user.
    pub(super) fn entered(&mut self) -> bool {
        let wanted = *self == Self::Entering;
        if wanted {
            *self = Self::Open { users: 1 };
        }
        wanted
    }

    pub(super) fn leave(&mut self) -> Leave {
        match self {
            Self::Open { users } | Self::Dead { users } if *users > 1 => {
                *users -= 1;
                Leave::Others
            }
            Self::Entering => {
                *self = Self::Leaving;
                Leave::Abandoned
            }
            Self::Open { .. } => {
                *self = Self::Leaving;
                Leave::Last
            }
            Self::Dead { .. } => {
                *self = Self::Over;
                Leave::Last
            }
            Self::Leaving | Self::Over => Leave::Last,
        }
    }

    /// Ends the resource even if it is used, because its actor ends. Returns whether it had no user.
    pub(super) fn close(&mut self) -> bool {
        let unused = self.is_unused();
        if !self.has_ended() {
            *self = Self::Leaving;
        }
        unused
    }

    /// Records that the resource has ended.
    pub(super) fn ended(&mut self) {
        *self = match *self {
            Self::Open { users } | Self::Dead { users } => Self::Dead { users },
            Self::Entering | Self::Leaving | Self::Over => Self::Over,
        };
    }

    /// Whether the last user has left.
    pub(super) fn is_unused(self) -> bool {
        matches!(self, Self::Leaving | Self::Over)
    }

    pub(super) fn has_ended(self) -> bool {
        matches!(self, Self::Dead { .. } | Self::Over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_several_users_ends_it() {
        let mut life = Life::default();
        assert_eq!(life.arrive(), Arrival::Wait, "it is being entered");
        assert!(life.entered());
        assert_eq!(life.arrive(), Arrival::Hit);
        assert_eq!(life.leave(), Leave::Others);
        assert!(!life.is_unused());
        assert_eq!(life.leave(), Leave::Last);
        assert!(life.is_unused() && !life.has_ended());
        assert_eq!(life.arrive(), Arrival::Wait, "it is being left");
        life.ended();
        assert_eq!((life, life.arrive()), (Life::Over, Arrival::Miss));
    }

    #[test]
    fn a_first_user_that_leaves_early_abandons_it() {
        let mut life = Life::default();
        assert_eq!(life.leave(), Leave::Abandoned);
        assert!(!life.entered(), "no user is left");
        assert_eq!(life.arrive(), Arrival::Wait);
        life.ended();
        assert_eq!(life.arrive(), Arrival::Miss);
    }

    #[test]
    fn a_resource_that_has_died_gets_no_further_users() {
        let mut life = Life::default();
        life.entered();
        life.arrive();
        life.ended();
        assert_eq!(life.arrive(), Arrival::Miss);
        assert_eq!(life.leave(), Leave::Others);
        assert_eq!(life.leave(), Leave::Last);
        assert_eq!(life, Life::Over);
    }

    /// Every order of up to eight events keeps the invariants.
    #[test]
    fn every_order() {
        for number in 0..4usize.pow(8) {
            let (mut life, mut users, mut asked) = (Life::default(), 1, 0);
            let (mut entered, mut over) = (false, false);
            for step in 0..8 {
                match (number / 4usize.pow(step)) % 4 {
                    0 => match life.arrive() {
                        Arrival::Hit => {
                            assert!(entered && !over && users > 0, "{life:?}");
                            users += 1;
                        }
                        Arrival::Wait => assert!(!over, "waits for ever: {life:?}"),
                        Arrival::Miss => assert!(over, "{life:?}"),
                    },
                    1 if !entered && !over => entered = life.entered(),
                    2 if users > 0 => {
                        users -= 1;
                        let leave = life.leave();
                        assert_eq!(leave == Leave::Others, users > 0, "{life:?}");
                        asked += usize::from(users == 0);
                    }
                    3 => {
                        life.ended();
                        over = true;
                    }
                    _ => {}
                }
                assert_eq!(life.has_ended(), over);
                assert_eq!(life.is_unused(), asked == 1 || (over && !entered), "{life:?}");
                assert!(asked <= 1);
            }
        }
    }
}
