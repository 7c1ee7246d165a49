//! Addresses of actors: [`Addr`], its text form and the rules for socket files.
//!
//! | transport | on the wire | as text |
//! | --- | --- | --- |
//! | tcp | `["127.0.0.1", 1616]` | `/ip4/127.0.0.1/tcp/1616`, `/ip6/::1/tcp/1616` |
//! | uds | `["/run/user/1000/tractor", "registry@1616.sock"]` | `/unix/run/user/1000/tractor/registry@1616.sock` |
//!
//! A receiver tells the two apart by the second element: an integer or text.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Port of the default registry, and the "pid" in the default registry's socket file name.
pub const REGISTRY_PORT: u16 = 1616;

/// An address of an actor.
///
/// The scope id and flow label of an IPv6 socket address are in neither the wire form nor the text form.
///
/// In arguments and all other serde values an address is its text form, in every format: `/ip4/127.0.0.1/tcp/1616`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Addr {
    /// IP address and port.
    Tcp(SocketAddr),
    /// Unix socket: `file` in the directory `dir`.
    Uds {
        /// Absolute directory.
        dir: String,
        /// File name, or a relative path below `dir`.
        file: String,
    },
}

impl Addr {
    /// The TCP address that a registry has when nothing is configured: `127.0.0.1:1616`.
    pub const DEFAULT_REGISTRY: Self =
        Self::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), REGISTRY_PORT));

    /// The transport's name in runtime variables: `tcp` or `uds`.
    pub const fn transport(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Uds { .. } => "uds",
        }
    }

    /// The full path of a Unix socket; `None` for other transports.
    pub fn uds_path(&self) -> Option<String> {
        match self {
            Self::Tcp(_) => None,
            Self::Uds { dir, file } if dir.ends_with('/') => Some([dir.as_str(), file].concat()),
            Self::Uds { dir, file } => Some([dir, "/", file].concat()),
        }
    }

    /// The Unix socket with an absolute path.
    ///
    /// # Errors
    /// No socket can have this path.
    pub fn of_uds_path(path: &str) -> Result<Self, AddrError> {
        match path.strip_prefix('/') {
            Some(rest) => parse_uds(rest),
            None => Err(AddrError::Dir { dir: path.to_owned() }),
        }
    }

    /// Checks that other processes can connect to this address, so that it may be registered.
    ///
    /// TCP: a port other than zero; an IP that is not unspecified, reserved, link-local or multicast. Global addresses
    /// pass. Unix sockets: a file below its own absolute directory.
    ///
    /// # Errors
    /// The first rule that the address breaks.
    pub fn check_registrable(&self) -> Result<(), AddrError> {
        match self {
            Self::Tcp(addr) => {
                if addr.port() == 0 {
                    return Err(AddrError::ZeroPort { addr: self.clone() });
                }
                match unreachable_kind(addr.ip()) {
                    Some(kind) => Err(AddrError::Unreachable { addr: self.clone(), kind }),
                    None => Ok(()),
                }
            }
            Self::Uds { dir, file } => check_uds(dir, file),
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => {
                let family = if addr.is_ipv4() { "ip4" } else { "ip6" };
                write!(f, "/{family}/{}/tcp/{}", addr.ip(), addr.port())
            }
            Self::Uds { dir, file } => {
                let dir = dir.strip_prefix('/').unwrap_or(dir);
                let slash = if dir.is_empty() || dir.ends_with('/') { "" } else { "/" };
                write!(f, "/unix/{dir}{slash}{file}")
            }
        }
    }
}

impl FromStr for Addr {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let unknown = || AddrError::Form { text: text.to_owned() };
        let (family, rest) = text.strip_prefix('/').and_then(|t| t.split_once('/')).ok_or_else(unknown)?;
        if family == "unix" {
            return parse_uds(rest);
        }
        let mut parts = rest.split('/');
        let (Some(host), Some("tcp"), Some(port), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(unknown());
        };
        let ip = match family {
            "ip4" => host.parse::<Ipv4Addr>().map(IpAddr::V4),
            "ip6" => host.parse::<Ipv6Addr>().map(IpAddr::V6),
            _ => return Err(unknown()),
        };
        let ip = ip.map_err(|_| AddrError::Host { host: host.to_owned() })?;
        let port = port.parse().map_err(|_| AddrError::Port { port: port.to_owned() })?;
        Ok(Self::Tcp(SocketAddr::new(ip, port)))
    }
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

impl Serialize for Addr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Addr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The error for an address that is malformed or cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddrError {
    /// The text has none of the forms.
    #[error(
        "address {text:?} is not /ip4/<ip>/tcp/<port>, /ip6/<ip>/tcp/<port> or /unix/<path without its first slash>"
    )]
    Form {
        /// The text.
        text: String,
    },
    /// The host is a name, or an IP of the other family.
    #[error("host {host:?} is not an ip literal of the stated family")]
    Host {
        /// The host.
        host: String,
    },
    /// Not a port number.
    #[error("port {port:?} is not a number from 0 to 65535")]
    Port {
        /// The port.
        port: String,
    },
    /// Port zero means "any port" and leads nowhere.
    #[error("address {addr} has port 0: no connection to it is possible")]
    ZeroPort {
        /// The address.
        addr: Addr,
    },
    /// The IP address leads nowhere from another process.
    #[error("address {addr} is {kind}: no connection to it is possible")]
    Unreachable {
        /// The address.
        addr: Addr,
        /// `unspecified`, `reserved`, `link-local` or `multicast`.
        kind: &'static str,
    },
    /// The socket's directory is not an absolute path.
    #[error("socket directory {dir:?} is not an absolute path")]
    Dir {
        /// The directory.
        dir: String,
    },
    /// The socket's file is not below its directory.
    #[error("socket file {file:?} is not below its directory {dir:?}")]
    File {
        /// The directory.
        dir: String,
        /// The file.
        file: String,
    },
}

/// The error when no socket file name is short enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no socket path fits in directory {dir:?}: {bytes} bytes, must be under {limit} \
     (actor name unsafe as a file name: {unsafe_name}, too long: {too_long})"
)]
pub struct SocketNameError {
    /// The directory.
    pub dir: String,
    /// Whether the actor's name cannot be a file name.
    pub unsafe_name: bool,
    /// Whether the path with the actor's own name is too long.
    pub too_long: bool,
    /// Bytes of the shortest path that was tried.
    pub bytes: usize,
    /// The platform's limit; a path must be shorter.
    pub limit: usize,
}

/// The file name of an actor's socket in `dir`: `<name>@<pid>.sock`, or `actor.<hash of the name>@<pid>.sock` when the
/// name holds a slash or NUL or the path would reach `path_bytes_max`.
///
/// The end `@<pid>.sock` is always kept, because tools that clean up read it. Pass [`UDS_PATH_BYTES_MAX`] as the limit.
///
/// # Errors
/// [`SocketNameError`] when even the hashed name is too long.
///
/// [`UDS_PATH_BYTES_MAX`]: super::limits::UDS_PATH_BYTES_MAX
pub fn socket_file_name(
    dir: &str,
    name: &str,
    pid: u32,
    path_bytes_max: usize,
) -> Result<String, SocketNameError> {
    let slash = usize::from(!dir.ends_with('/'));
    let path_bytes = |file: &str| dir.len() + slash + file.len();
    let end = socket_file_end(pid);
    let plain = format!("{name}{end}");
    let unsafe_name = name.contains(['/', '\0']);
    let too_long = path_bytes(&plain) >= path_bytes_max;
    if !unsafe_name && !too_long {
        return Ok(plain);
    }
    let hash = blake2s_simd::Params::new().hash_length(16).hash(name.as_bytes()).to_hex();
    let hashed = format!("actor.{hash}{end}");
    let bytes = path_bytes(&hashed);
    if bytes >= path_bytes_max {
        return Err(SocketNameError {
            dir: dir.to_owned(),
            unsafe_name,
            too_long,
            bytes,
            limit: path_bytes_max,
        });
    }
    Ok(hashed)
}

/// The end of the file name of every socket of a process.
pub fn socket_file_end(pid: u32) -> String {
    format!("@{pid}.sock")
}

fn parse_uds(rest: &str) -> Result<Addr, AddrError> {
    let path = format!("/{rest}");
    let (dir, file) = path.rsplit_once('/').unwrap_or(("", &path));
    let dir = if dir.is_empty() { "/" } else { dir };
    check_uds(dir, file)?;
    Ok(Addr::Uds { dir: dir.to_owned(), file: file.to_owned() })
}

fn check_uds(dir: &str, file: &str) -> Result<(), AddrError> {
    if !dir.starts_with('/') || dir.contains('\0') {
        return Err(AddrError::Dir { dir: dir.to_owned() });
    }
    let climbs = file.split('/').any(|part| matches!(part, "" | "." | ".."));
    if climbs || file.contains('\0') {
        return Err(AddrError::File { dir: dir.to_owned(), file: file.to_owned() });
    }
    Ok(())
}

/// Why `ip` is unreachable, or `None` if it is not.
fn unreachable_kind(ip: IpAddr) -> Option<&'static str> {
    let ip = ip.to_canonical();
    if ip.is_unspecified() {
        return Some("unspecified");
    }
    if ip.is_multicast() {
        return Some("multicast");
    }
    let (link_local, reserved) = match ip {
        IpAddr::V4(ip) => (ip.is_link_local(), ip.octets()[0] >= 240),
        IpAddr::V6(ip) => (ip.is_unicast_link_local(), !(ip.is_loopback() || is_assigned_v6(ip))),
    };
    if link_local {
        return Some("link-local");
    }
    reserved.then_some("reserved")
}

/// Whether `ip` is in a block given out for unicast: global 2000::/3, unique local fc00::/7, old site-local fec0::/10,
/// link-local fe80::/10.
fn is_assigned_v6(ip: Ipv6Addr) -> bool {
    let first = ip.segments()[0];
    first & 0xe000 == 0x2000 || first & 0xfe00 == 0xfc00 || first & 0xff80 == 0xfe80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Addr, AddrError> {
        text.parse()
    }

    #[test]
    fn text_forms_round_trip() {
        for text in [
            "/ip4/127.0.0.1/tcp/1616",
            "/ip6/::1/tcp/0",
            "/ip6/2001:db8::7/tcp/65535",
            "/unix/run/user/1000/tractor/registry@1616.sock",
            "/unix/top.sock",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("/ip4/127.0.0.1/tcp/1616").unwrap(), Addr::DEFAULT_REGISTRY);
    }

    #[test]
    fn as_a_value_it_is_its_text() {
        let text = "/unix/run/t/a@1.sock";
        let written = rmp_serde::to_vec(&parse(text).unwrap()).unwrap();
        assert_eq!(rmp_serde::from_slice::<String>(&written).unwrap(), text);
        assert_eq!(rmp_serde::from_slice::<Addr>(&written).unwrap(), parse(text).unwrap());
        let error = rmp_serde::from_slice::<Addr>(&rmp_serde::to_vec("tcp:1").unwrap()).unwrap_err();
        assert!(error.to_string().contains("is not /ip4/"), "{error}");
    }

    #[test]
    fn a_unix_path_splits_at_its_last_slash() {
        let addr = parse("/unix/run/t/a@1.sock").unwrap();
        assert_eq!(addr, Addr::Uds { dir: "/run/t".into(), file: "a@1.sock".into() });
        assert_eq!(addr.uds_path().unwrap(), "/run/t/a@1.sock");
        let top = parse("/unix/a.sock").unwrap();
        assert_eq!(top.uds_path().unwrap(), "/a.sock");
    }

    #[test]
    fn bad_texts_are_named() {
        for text in ["", "/", "127.0.0.1:80", "/ip4/1.2.3.4", "/ip4/1.2.3.4/udp/1", "/ip4/1.2.3.4/tcp/1/x"] {
            assert!(matches!(parse(text), Err(AddrError::Form { .. })), "{text}");
        }
        for text in ["/ip4/localhost/tcp/1", "/ip4/::1/tcp/1", "/ip6/127.0.0.1/tcp/1"] {
            assert!(matches!(parse(text), Err(AddrError::Host { .. })), "{text}");
        }
        for text in ["/ip4/1.2.3.4/tcp/", "/ip4/1.2.3.4/tcp/65536", "/ip4/1.2.3.4/tcp/-1"] {
            assert!(matches!(parse(text), Err(AddrError::Port { .. })), "{text}");
        }
        for text in ["/unix/", "/unix/run/", "/unix/run/..", "/unix/a\0b"] {
            assert!(matches!(parse(text), Err(AddrError::File { .. })), "{text:?}");
        }
    }

    #[test]
    fn only_reachable_addresses_are_registrable() {
        for good in ["/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/8.8.8.8/tcp/1", "/ip6/::1/tcp/1"] {
            assert_eq!(parse(good).unwrap().check_registrable(), Ok(()), "{good}");
        }
        for good in ["/ip6/2600::1/tcp/1", "/ip6/fd00::1/tcp/1", "/ip6/::ffff:10.0.0.1/tcp/1", "/unix/a/b"] {
            assert_eq!(parse(good).unwrap().check_registrable(), Ok(()), "{good}");
        }
        for (bad, want) in [
            ("/ip4/0.0.0.0/tcp/1", "unspecified"),
            ("/ip6/::/tcp/1", "unspecified"),
            ("/ip4/240.0.0.1/tcp/1", "reserved"),
            ("/ip6/4000::1/tcp/1", "reserved"),
            ("/ip4/169.254.1.1/tcp/1", "link-local"),
            ("/ip6/fe80::1/tcp/1", "link-local"),
            ("/ip4/224.0.0.1/tcp/1", "multicast"),
            ("/ip6/ff02::1/tcp/1", "multicast"),
            ("/ip6/::ffff:0.0.0.0/tcp/1", "unspecified"),
        ] {
            let got = parse(bad).unwrap().check_registrable();
            assert!(
                matches!(got, Err(AddrError::Unreachable { kind, .. }) if kind == want),
                "{bad}: {got:?}"
            );
        }
        let zero = parse("/ip4/127.0.0.1/tcp/0").unwrap().check_registrable();
        assert!(matches!(zero, Err(AddrError::ZeroPort { .. })));
    }

    #[test]
    fn a_socket_file_must_be_below_its_absolute_directory() {
        let check =
            |dir: &str, file: &str| Addr::Uds { dir: dir.into(), file: file.into() }.check_registrable();
        assert_eq!(check("/run", "sub/a.sock"), Ok(()));
        assert!(matches!(check("run", "a"), Err(AddrError::Dir { .. })));
        for file in ["", "/etc/x", "../x", "a/../../x", "a\0"] {
            assert!(matches!(check("/run", file), Err(AddrError::File { .. })), "{file:?}");
        }
    }

    #[test]
    fn socket_names_are_plain_when_safe_and_short() {
        assert_eq!(socket_file_name("/run/t", "alice", 7, 108).unwrap(), "alice@7.sock");
        let dir = "/";
        // "/" + 96 + "@7.sock" = 104 bytes
        let name = "n".repeat(96);
        assert_eq!(socket_file_name(dir, &name, 7, 105).unwrap(), format!("{name}@7.sock"));
        let hashed = socket_file_name(dir, &name, 7, 104).unwrap();
        assert!(hashed.starts_with("actor.") && hashed.ends_with("@7.sock"), "{hashed}");
        assert_eq!(hashed.len(), "actor.".len() + 32 + "@7.sock".len());
    }

    #[test]
    fn unsafe_names_are_hashed() {
        for name in ["a/b", "/abs", "nul\0"] {
            let file = socket_file_name("/run", name, 42, 108).unwrap();
            assert!(file.starts_with("actor.") && file.ends_with("@42.sock"), "{file}");
            assert!(!file.contains(['/', '\0']));
        }
        assert_ne!(socket_file_name("/r", "a/b", 1, 108), socket_file_name("/r", "a/c", 1, 108));
    }

    #[test]
    fn when_nothing_fits_the_error_names_every_fact() {
        let dir = format!("/{}", "d".repeat(80));
        let error = socket_file_name(&dir, "a/b", 12345, 104).unwrap_err();
        let want = SocketNameError {
            dir: dir.clone(),
            unsafe_name: true,
            too_long: false,
            bytes: 81 + 1 + 6 + 32 + 11,
            limit: 104,
        };
        assert_eq!(error, want);
        let text = error.to_string();
        for fact in [dir.as_str(), "131 bytes", "under 104", "file name: true", "too long: false"] {
            assert!(text.contains(fact), "{text} lacks {fact}");
        }
    }
}
