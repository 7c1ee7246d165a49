//! Who is to blame for the end of a dialog, and which side has to hear of it.

use crate::proto::id::Uid;
use crate::proto::msg::ErrorMsg;

/// Wire name of the error that acknowledges a cancellation.
const CONTEXT_CANCELLED: &str = "ContextCancelled";
/// Wire name of the error of a stream whose sender was too fast.
const STREAM_OVERRUN: &str = "StreamOverrun";

/// What a dialog's failure means for the scope that opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It comes of our own request: the scope ends quietly.
    Absorbed,
    /// It is an error of the scope.
    Raised,
}

fn is_cancellation(error: &ErrorMsg) -> bool {
    error.boxed_type_str == CONTEXT_CANCELLED
}

/// Whether the peer says that this side has sent faster than the stream was read.
pub fn is_overrun(error: &ErrorMsg) -> bool {
    error.boxed_type_str == STREAM_OVERRUN
}

/// Decides whether a failure that ended a dialog is raised in the scope that opened it.
///
/// Only the side that called `cancel()` absorbs, and only two failures of the direct peer: a `ContextCancelled` that
/// names it as the canceller, and a `StreamOverrun` that names it as the sender, for nobody reads any more what it has
/// sent.
pub fn judge(us: &Uid, peer: &Uid, cancel_called: bool, error: &ErrorMsg) -> Verdict {
    let acknowledged = is_cancellation(error) && error.canceller.as_ref() == Some(us);
    let too_fast = is_overrun(error) && error.sender.as_ref() == Some(us);
    let ours = (acknowledged || too_fast) && error.src_uid == *peer;
    if cancel_called && ours { Verdict::Absorbed } else { Verdict::Raised }
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
        let overrun = |sender: &Uid| {
            let mut error = ErrorMsg::new(kid.clone(), STREAM_OVERRUN, "");
            error.sender = Some(sender.clone());
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
            ("our cancel, we had sent too fast", true, overrun(&us), Verdict::Absorbed, "kid"),
            ("our cancel, another had sent too fast", true, overrun(&kid), Verdict::Raised, "kid"),
            ("we have sent too fast", false, overrun(&us), Verdict::Raised, "kid"),
            ("child failed", false, failed, Verdict::Raised, "kid"),
        ];
        for (case, called, error, verdict, blamed) in table {
            assert_eq!(judge(&us, &kid, called, &error), verdict, "{case}");
            assert_eq!(blame(&us, &error), &uid(blamed), "{case}");
        }
    }
}
