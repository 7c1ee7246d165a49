//! The operations of the tests that need `unsafe`.

/// Ends the process at once.
pub(super) fn exit_at_once(code: i32) -> ! {
    // SAFETY: the process ends.
    unsafe { libc::_exit(code) }
}

/// Writes to an unmapped address.
pub(super) fn fault() {
    // SAFETY: there is none. The kernel ends the process.
    unsafe { std::hint::black_box(std::ptr::dangling_mut::<u64>()).write_volatile(1) }
}

/// Ignores a signal, also in programs that are started later.
pub(super) fn ignore(signal: i32) {
    // SAFETY: no handler is set.
    let before = unsafe { libc::signal(signal, libc::SIG_IGN) };
    assert_ne!(before, libc::SIG_ERR);
}

/// Closes descriptors that other code owns.
pub(super) fn close(descriptors: impl IntoIterator<Item = i32>) {
    for descriptor in descriptors {
        // SAFETY: their owners get errors, or use files that are opened later. Memory is not affected.
        unsafe { libc::close(descriptor) };
    }
}

/// Makes a copy of this process, in which only the calling thread goes on. Returns whether this is the copy.
pub(super) fn fork() -> bool {
    // SAFETY: a lock that another thread holds stays locked in the copy, so the copy may wait for ever, which is one of
    // the ways to misbehave.
    let pid = unsafe { libc::fork() };
    assert_ne!(pid, -1, "a process can be made");
    pid == 0
}
