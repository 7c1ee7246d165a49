//! The order in which an actor's addresses are tried.

use std::net::IpAddr;

use crate::addr::Addr;

/// Sorts the addresses of one actor, given in the order of their registration, into the order in which they are tried:
/// Unix sockets, TCP on this host, TCP elsewhere; among equals the latest registered first. `is_ours` says whether an
/// interface of this host has an address.
pub fn by_preference(mut addrs: Vec<Addr>, is_ours: impl Fn(IpAddr) -> bool) -> Vec<Addr> {
    let distance = |addr: &Addr| match addr {
        Addr::Uds { .. } => 0,
        Addr::Tcp(addr) if addr.ip().to_canonical().is_loopback() || is_ours(addr.ip()) => 1,
        Addr::Tcp(_) => 2,
    };
    // The sort is stable, so the latest stay first.
    addrs.reverse();
    addrs.sort_by_cached_key(|addr| distance(addr));
    addrs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_first_and_of_equals_the_latest() {
        let parse =
            |texts: &[&str]| -> Vec<Addr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let registered = parse(&[
            "/ip4/127.0.0.1/tcp/1",
            "/unix/run/a",
            "/ip4/10.0.0.2/tcp/2",
            "/ip4/10.0.0.9/tcp/3",
            "/unix/run/b",
            "/ip6/::ffff:127.0.0.1/tcp/4",
            "/ip4/10.0.0.9/tcp/5",
        ]);
        let ours: IpAddr = "10.0.0.2".parse().unwrap();
        let tried = by_preference(registered, |ip| ip == ours);
        let wanted = parse(&[
            "/unix/run/b",
            "/unix/run/a",
            "/ip6/::ffff:127.0.0.1/tcp/4",
            "/ip4/10.0.0.2/tcp/2",
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/10.0.0.9/tcp/5",
            "/ip4/10.0.0.9/tcp/3",
        ]);
        assert_eq!(tried, wanted);
        assert_eq!(by_preference(Vec::new(), |_| true), []);
    }
}
