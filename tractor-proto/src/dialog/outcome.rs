//! Which actor caused the end of a dialog, and whether the scope that opened it fails.

use crate::id::Uid;
use crate::msg::ErrorMsg;

/// Wire name of the error that acknowledges a cancellation.
const CONTEXT_CANCELLED: &str = "ContextCancelled";

/// Wire name of the error that says that a value found no room.
const STREAM_OVERRUN: &str = "StreamOverrun";

/// The effect of a dialog's failure on the scope that opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Our own request caused it: the scope ends without an error.
    Absorbed,
    /// It is an error of the scope.
    Raised,
}

/// The failures of a dialog that this side has asked for, and so absorbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Absorbs {
    /// It asked for the cancellation.
    pub cancellation: bool,
    /// It asked for the cancellation, or it has declared that lost values are no failure.
    pub overrun: bool,
}

/// Whether an `Error` message of the peer only reports that a value of ours found no room. Such a report is not the
/// outcome: if it were, the scope at this end would return while the peer's task still runs. (An overrun that made the
/// task fail is boxed once more, and so has another boxed type.)
pub fn is_own_overrun(us: &Uid, error: &ErrorMsg) -> bool {
    error.boxed_type_str == STREAM_OVERRUN && error.sender.as_ref() == Some(us)
}

fn is_cancellation(error: &ErrorMsg) -> bool {
    error.boxed_type_str == CONTEXT_CANCELLED
}

/// Decides whether a failure that ended a dialog is raised in the scope that opened it.
///
/// A side absorbs a cancellation only if it called `cancel()`, the error comes from the direct peer, and the error
/// names this side as the canceller. It absorbs an overrun that it caused at the direct peer only if it wants no
/// overruns reported.
pub fn judge(us: &Uid, peer: &Uid, absorbs: Absorbs, error: &ErrorMsg) -> Verdict {
    let cancelled = absorbs.cancellation && is_cancellation(error) && error.canceller.as_ref() == Some(us);
    let overrun =
        absorbs.overrun && error.src_type_str == STREAM_OVERRUN && error.sender.as_ref() == Some(us);
    if (cancelled || overrun) && error.src_uid == *peer { Verdict::Absorbed } else { Verdict::Raised }
}

/// The actor responsible for a failure, as seen from `us`: ourselves when a cancellation names us, otherwise the actor
/// whose task failed or was cancelled.
pub fn blame<'a>(us: &'a Uid, error: &'a ErrorMsg) -> &'a Uid {
    if is_cancellation(error) && error.canceller.as_ref() == Some(us) { us } else { &error.src_uid }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(name: &str) -> Uid {
        Uid::new(name, name)
    }

    fn cancelled(src: &str, canceller: &str) -> ErrorMsg {
        let mut error = ErrorMsg::new(uid(src), CONTEXT_CANCELLED, "");
        error.canceller = Some(uid(canceller));
        error
    }

    #[test]
    fn the_rule_table() {
        let (us, kid) = (uid("root"), uid("kid"));
        let failed = ErrorMsg::new(kid.clone(), "ValueError", "");
        let overrun = |sender: &str| {
            let mut error = ErrorMsg::new(kid.clone(), STREAM_OVERRUN, "");
            error.sender = Some(uid(sender));
            error
        };
        let table: [(&str, bool, ErrorMsg, Verdict, &str); 11] = [
            ("our cancel, acknowledged", true, cancelled("kid", "root"), Verdict::Absorbed, "root"),
            ("our cancel, another won", true, cancelled("kid", "third"), Verdict::Raised, "kid"),
            ("our cancel, child failed", true, failed.clone(), Verdict::Raised, "kid"),
            ("we cancelled the actor", false, cancelled("kid", "root"), Verdict::Raised, "root"),
            ("a third actor cancelled", false, cancelled("kid", "third"), Verdict::Raised, "kid"),
            ("the peer cancelled itself", false, cancelled("kid", "kid"), Verdict::Raised, "kid"),
            ("relayed through the peer", true, cancelled("bob", "root"), Verdict::Raised, "root"),
            ("child failed", false, failed, Verdict::Raised, "kid"),
            ("we overran the peer", false, overrun("root"), Verdict::Raised, "kid"),
            ("the same, cancelled", true, overrun("root"), Verdict::Absorbed, "kid"),
            ("a third overran the peer", true, overrun("third"), Verdict::Raised, "kid"),
        ];
        for (case, called, error, verdict, blamed) in table {
            let absorbs = Absorbs { cancellation: called, overrun: called };
            assert_eq!(judge(&us, &kid, absorbs, &error), verdict, "{case}");
            assert_eq!(blame(&us, &error), &uid(blamed), "{case}");
        }
    }
}
