//! Resources that the tasks of an actor share: which user opens, closes and waits, and the effect of a drop at any
//! point.

use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use support::{forever, in_root, poll_once, until};
use tokio::sync::{Barrier, Semaphore};
use tractor::{ActorOptions, Error, Result, Sharing, maybe_open_context};

/// The script and the record of one resource.
#[derive(Default)]
struct Script {
    events: Mutex<Vec<&'static str>>,
    /// The resource waits at these gates before it has a value, and before it is closed. They are open unless a test
    /// holds them.
    enter: Option<Arc<Semaphore>>,
    exit: Option<Arc<Semaphore>>,
    end: End,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum End {
    #[default]
    Well,
    EnterFails,
    EnterPanics,
    NoValue,
    ExitFails,
    ExitPanics,
    /// The resource ends while it is used.
    Dies,
}

impl Script {
    fn ending(end: End) -> Arc<Self> {
        Arc::new(Self { end, ..Self::default() })
    }

    fn held() -> (Arc<Self>, Arc<Semaphore>, Arc<Semaphore>) {
        let (enter, exit) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let script = Self { enter: Some(enter.clone()), exit: Some(exit.clone()), ..Self::default() };
        (Arc::new(script), enter, exit)
    }

    fn log(&self, event: &'static str) {
        self.events.lock().expect("the lock is not poisoned").push(event);
    }

    fn events(&self) -> Vec<&'static str> {
        self.events.lock().expect("the lock is not poisoned").clone()
    }
}

struct LogOnDrop(Arc<Script>);

impl Drop for LogOnDrop {
    fn drop(&mut self) {
        self.0.log("gone");
    }
}

async fn pass(gate: Option<&Arc<Semaphore>>) {
    if let Some(gate) = gate {
        gate.acquire().await.expect("never closed").forget();
    }
}

#[derive(Debug)]
enum Failed {
    Own(&'static str),
    Tractor(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Tractor(error)
    }
}

type Tried<T> = std::result::Result<T, Failed>;

#[track_caller]
fn assert_own<T>(tried: Tried<T>, text: &str) {
    assert!(matches!(tried, Err(Failed::Own(own)) if own == text), "{:?}", tried.err());
}

#[track_caller]
fn assert_ours<T>(tried: Tried<T>, text: &str) {
    assert!(
        matches!(&tried, Err(Failed::Tractor(error)) if error.to_string().contains(text)),
        "{:?}",
        tried.err()
    );
}

/// A script as a key: each script is a resource of its own.
#[derive(Clone)]
struct Scripted(Arc<Script>, u32);

impl PartialEq for Scripted {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) && self.1 == other.1
    }
}

impl Eq for Scripted {}

impl Hash for Scripted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (Arc::as_ptr(&self.0), self.1).hash(state);
    }
}

async fn open(sharing: Sharing<u32>, Scripted(script, key): Scripted) -> Tried<()> {
    let _gone = LogOnDrop(script.clone());
    script.log("enter");
    pass(script.enter.as_ref()).await;
    match script.end {
        End::EnterFails => return Err(Failed::Own("no entry")),
        End::EnterPanics => panic!("entry panics on purpose"),
        End::NoValue => return Ok(()),
        End::Dies => {
            let mut used = pin!(sharing.until_unused(key));
            assert!(poll_once(&mut used).await.is_pending());
            pass(script.exit.as_ref()).await;
            return Err(Failed::Own("died"));
        }
        End::Well | End::ExitFails | End::ExitPanics => {}
    }
    sharing.until_unused(key).await;
    script.log("exit");
    pass(script.exit.as_ref()).await;
    match script.end {
        End::ExitFails => Err(Failed::Own("no exit")),
        End::ExitPanics => panic!("exit panics on purpose"),
        _ => Ok(()),
    }
}

/// Shares the resource of a script, under a key.
async fn share<T>(script: &Arc<Script>, key: u32, body: impl AsyncFnOnce(bool, u32) -> Tried<T>) -> Tried<T> {
    maybe_open_context(open, Scripted(script.clone(), key), body).await
}

/// Returns at once whether it was open before.
async fn hit(script: &Arc<Script>, key: u32) -> Tried<bool> {
    share(script, key, async |hit, value| {
        assert_eq!(value, key);
        Ok(hit)
    })
    .await
}

async fn rooted(body: impl AsyncFnOnce() -> Tried<()>) {
    in_root(async |_| {
        body().await.expect("the test has no failure left");
        Ok(())
    })
    .await
    .expect("the root ends well");
}

#[tractor::test]
async fn the_first_opens_the_others_share_and_the_last_closes() {
    rooted(async || {
        let script = Arc::default();
        share(&script, 1, async |hit_first, _| {
            assert!(!hit_first);
            share(&script, 1, async |hit_second, _| {
                assert!(hit_second && hit(&script, 1).await?);
                Ok(())
            })
            .await?;
            assert_eq!(script.events(), ["enter"], "the last user keeps the resource open");
            Ok(())
        })
        .await?;
        assert_eq!(script.events(), ["enter", "exit", "gone"], "the last user waits for the exit");
        assert!(!hit(&script, 1).await?);
        Ok(())
    })
    .await;
}

#[tractor::test]
async fn a_first_user_that_leaves_first_does_not_close_it() {
    rooted(async || {
        let script: Arc<Script> = Arc::default();
        let (both, first_left) = (Barrier::new(2), Barrier::new(2));
        let first = async {
            let left = share(&script, 1, async |hit, _| {
                both.wait().await;
                Ok(hit)
            });
            let hit = left.await;
            first_left.wait().await;
            hit
        };
        let second = share(&script, 1, async |hit, _| {
            both.wait().await;
            first_left.wait().await;
            assert_eq!(script.events(), ["enter"]);
            Ok(hit)
        });
        let (first, second) = tokio::join!(first, second);
        assert_eq!((first?, second?), (false, true));
        assert_eq!(script.events(), ["enter", "exit", "gone"]);
        Ok(())
    })
    .await;
}

#[tractor::test]
async fn keys_and_functions_are_independent() {
    rooted(async || {
        let (held, enter, exit) = Script::held();
        let mut waits = Box::pin(hit(&held, 1));
        assert!(poll_once(&mut waits).await.is_pending());
        assert!(!hit(&Arc::default(), 1).await?, "another key is not held up");
        let other = async |sharing: Sharing<u32>, _: Scripted| -> Tried<()> {
            sharing.until_unused(7).await;
            Ok(())
        };
        let same = Scripted(held.clone(), 1);
        let value = maybe_open_context(other, same, async |_, value| Ok::<_, Failed>(value)).await?;
        assert_eq!(value, 7, "the same key of another function");
        enter.add_permits(1);
        exit.add_permits(1);
        assert!(!waits.await?);
        Ok(())
    })
    .await;
}

#[tractor::test]
async fn a_user_during_the_entry_shares_it() {
    rooted(async || {
        let (script, enter, exit) = Script::held();
        let all = Barrier::new(3);
        let user = || {
            share(&script, 1, async |hit, _| {
                all.wait().await;
                Ok(hit)
            })
        };
        let opens = async {
            until(|| script.events() == ["enter"]).await;
            exit.add_permits(1);
            enter.add_permits(1);
        };
        let (one, two, three, ()) = tokio::join!(user(), user(), user(), opens);
        assert_eq!((one?, two?, three?), (false, true, true));
        assert_eq!(script.events(), ["enter", "exit", "gone"]);
        Ok(())
    })
    .await;
}

#[tractor::test]
async fn a_user_during_the_exit_opens_anew() {
    rooted(async || {
        let (script, enter, exit) = Script::held();
        enter.add_permits(2);
        let late = async {
            until(|| script.events() == ["enter", "exit"]).await;
            let mut late = pin!(hit(&script, 1));
            for _ in 0..10 {
                assert!(poll_once(&mut late).await.is_pending());
                tokio::task::yield_now().await;
            }
            assert_eq!(script.events(), ["enter", "exit"]);
            exit.add_permits(2);
            late.await
        };
        let (last, late) = tokio::join!(hit(&script, 1), late);
        assert_eq!((last?, late?), (false, false));
        assert_eq!(script.events(), ["enter", "exit", "gone", "enter", "exit", "gone"]);
        Ok(())
    })
    .await;
}

#[tractor::test]
async fn a_failed_entry_is_an_error_of_the_first_user_alone() {
    rooted(async || {
        type Check = fn(Tried<bool>);
        let cases: [(End, Check); 3] = [
            (End::EnterFails, |tried| assert_own(tried, "no entry")),
            (End::EnterPanics, |tried| assert_ours(tried, "entry panics on purpose")),
            (End::NoValue, |tried| assert_ours(tried, "until_unused")),
        ];
        for (end, check) in cases {
            let script = Script::ending(end);
            // The second user waits for the first, and then opens the resource itself.
            let (one, two) = tokio::join!(hit(&script, 1), hit(&script, 1));
            check(one);
            check(two);
            assert_eq!(script.events(), ["enter", "gone", "enter", "gone"]);
        }
        Ok(())
    })
    .await;
}

#[tractor::test]
async fn an_exit_that_fails_is_told_to_the_last_user_only() {
    rooted(async || {
        for end in [End::ExitFails, End::ExitPanics] {
            let script = Script::ending(end);
            let outer = share(&script, 1, async |_, _| {
                assert!(hit(&script, 1).await?, "only the last user sees a failure");
                Ok(())
            });
            match end {
                End::ExitFails => assert_own(outer.await, "no exit"),
                _ => assert_ours(outer.await, "exit panics on purpose"),
            }
            let body: Tried<()> = share(&script, 1, async |_, _| Err(Failed::Own("mine"))).await;
            assert_own(body, "mine"); // the body's error wins
        }
        Ok(())
    })
    .await;
}

#[tractor::test]
async fn a_resource_that_dies_is_not_found_again_and_fails_its_last_user() {
    rooted(async || {
        let exit = Arc::new(Semaphore::new(0));
        let script = Arc::new(Script { exit: Some(exit.clone()), end: End::Dies, ..Script::default() });
        let outer = share(&script, 1, async |_, _| {
            exit.add_permits(2);
            until(|| script.events().contains(&"gone")).await;
            assert_own(hit(&script, 1).await, "died"); // a new resource
            Ok(())
        });
        assert_own(outer.await, "died");
        assert_eq!(script.events(), ["enter", "gone", "enter", "gone"]);
        Ok(())
    })
    .await;
}

/// Drops one of two users after every possible number of polls.
#[tractor::test]
async fn dropping_a_user_at_any_await_leaves_nothing() {
    rooted(async || {
        for polls in 1..40 {
            for opened_late in [false, true] {
                let (script, enter, exit) = Script::held();
                let open_gates = || {
                    enter.add_permits(10);
                    exit.add_permits(10);
                };
                if !opened_late {
                    open_gates();
                }
                let (mut one, mut two) = (Box::pin(hit(&script, 1)), Box::pin(hit(&script, 1)));
                let mut two_is_over = false;
                for _ in 0..polls {
                    if poll_once(&mut one).await.is_ready() {
                        break;
                    }
                    two_is_over = two_is_over || poll_once(&mut two).await.is_ready();
                    tokio::task::yield_now().await;
                }
                drop(one);
                open_gates();
                if !two_is_over {
                    two.await?;
                }
                assert!(!hit(&script, 1).await?, "after {polls} polls");
                let events = script.events();
                let count = |event| events.iter().filter(|known| **known == event).count();
                assert_eq!(count("enter"), count("gone"), "{events:?}");
            }
        }
        Ok(())
    })
    .await;
}

#[tractor::test]
async fn a_first_user_that_is_dropped_during_the_entry_has_it_dropped() {
    rooted(async || {
        let (script, enter, exit) = Script::held();
        let mut first = Box::pin(hit(&script, 1));
        assert!(poll_once(&mut first).await.is_pending());
        until(|| script.events() == ["enter"]).await;
        let mut second = Box::pin(hit(&script, 1));
        assert!(poll_once(&mut second).await.is_pending());
        drop(first);
        until(|| script.events() == ["enter", "gone"]).await;
        enter.add_permits(1);
        exit.add_permits(1);
        assert!(!second.await?, "the second user opens it again");
        assert_eq!(script.events(), ["enter", "gone", "enter", "exit", "gone"]);
        Ok(())
    })
    .await;
}

#[tractor::test]
async fn an_actor_closes_before_it_ends_what_its_tasks_still_use() -> Result<()> {
    let script: Arc<Script> = Arc::default();
    let user = tractor::open_root_actor(ActorOptions::new(), async |actor| -> Result<_> {
        let (actor, user_script) = (actor.clone(), script.clone());
        let user = tokio::spawn(async move {
            let stays = share(&user_script, 1, async |_, _| {
                user_script.log("used");
                forever().await;
                Ok(())
            });
            actor.enter(stays).await
        });
        until(|| script.events().contains(&"used")).await;
        Ok(user)
    })
    .await?;
    assert_eq!(script.events(), ["enter", "used", "exit", "gone"]);
    user.abort();
    Ok(())
}

#[tractor::test]
async fn outside_of_any_actor_there_is_nothing_to_share_in() {
    assert_ours(hit(&Arc::default(), 1).await, "no actor runtime");
}

/// A key whose second copy panics, or each of whose copies panics when it is dropped.
struct Brittle(bool, Arc<AtomicU32>);

impl Clone for Brittle {
    fn clone(&self) -> Self {
        let copies = self.1.fetch_add(1, Ordering::Relaxed);
        assert!(copies == 0 || !self.0, "the copy panics on purpose");
        Self(self.0, self.1.clone())
    }
}

impl Drop for Brittle {
    fn drop(&mut self) {
        assert!(self.0 || std::thread::panicking(), "the key's drop panics on purpose");
    }
}

impl PartialEq for Brittle {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Brittle {}

impl Hash for Brittle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[tractor::test]
async fn a_key_that_panics_keeps_nobody_waiting() {
    async fn open_plain(sharing: Sharing<()>, key: Brittle) -> Tried<()> {
        std::mem::forget(key); // another one is in the table
        sharing.until_unused(()).await;
        Ok(())
    }
    rooted(async || {
        for _again in 0..2 {
            let actor = tractor::current_actor();
            let tried = tokio::spawn(async move {
                let key = Brittle(true, Arc::default());
                actor.enter(maybe_open_context(open_plain, key, async |_, ()| Ok::<_, Failed>(()))).await
            });
            assert!(tried.await.expect_err("its own key has panicked").is_panic());
            let key = Brittle(false, Arc::default());
            let hit = maybe_open_context(open_plain, key, async |hit, ()| Ok::<_, Failed>(hit)).await?;
            assert!(!hit);
        }
        Ok(())
    })
    .await;
}
