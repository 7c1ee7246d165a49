//! Addresses as arguments and values of a registrar's methods.

use std::net::{IpAddr, SocketAddr};

use serde::de::{self, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::addr::Addr;

/// An address as a payload in the base protocol: an array of host and port, or of directory and file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireAddr(pub Addr);

impl Serialize for WireAddr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Addr::Tcp(addr) => (addr.ip().to_string(), addr.port()).serialize(serializer),
            Addr::Uds { dir, file } => (dir, file).serialize(serializer),
        }
    }
}

/// With two parts, the last one tells the transport. Otherwise the transport's name comes first, before two parts or
/// before a whole path.
#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Port(u16),
    Text(String),
}

impl<'de> Deserialize<'de> for WireAddr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parts = Option::<Vec<Option<Part>>>::deserialize(deserializer)?;
        let addr = match parts.as_deref() {
            None | Some([None, None]) => Addr::DEFAULT_REGISTRY,
            Some([Some(Part::Text(tag)), Some(Part::Text(path))]) if tag == "unix" => {
                Addr::of_uds_path(path).map_err(D::Error::custom)?
            }
            Some([Some(Part::Text(dir)), Some(Part::Text(file))]) => {
                Addr::Uds { dir: dir.clone(), file: file.clone() }
            }
            Some([Some(Part::Text(host)), Some(Part::Port(port))]) => tcp(host, *port)?,
            Some([Some(Part::Text(tag)), Some(Part::Text(host)), Some(Part::Port(port))]) if tag == "tcp" => {
                tcp(host, *port)?
            }
            Some([None, Some(_)] | [Some(_), None]) => return Err(D::Error::custom("half an address")),
            Some(_) => return Err(D::Error::custom("an address is host and port, or directory and file")),
        };
        Ok(Self(addr))
    }
}

fn tcp<E: de::Error>(host: &str, port: u16) -> Result<Addr, E> {
    let ip: IpAddr = host.parse().map_err(|_| E::custom("the host is not an IP literal"))?;
    Ok(Addr::Tcp(SocketAddr::new(ip, port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Payload, PayloadFormat};

    fn bytes(addr: &WireAddr) -> Vec<u8> {
        let mut out = Vec::new();
        addr.encode_payload(PayloadFormat::Base, 8, &mut out).unwrap();
        out
    }

    #[test]
    fn an_address_is_an_array_of_two() {
        for (text, wire) in [
            ("/ip4/127.0.0.1/tcp/1616", &b"\x92\xa9127.0.0.1\xcd\x06\x50"[..]),
            ("/unix/run/t/a@1.sock", b"\x92\xa6/run/t\xa8a@1.sock"),
        ] {
            let addr = WireAddr(text.parse().unwrap());
            assert_eq!(bytes(&addr), wire);
            assert_eq!(WireAddr::decode_payload(wire, PayloadFormat::Base, 8).unwrap(), addr);
        }
    }

    #[test]
    fn a_transport_may_be_named() {
        let read = |bytes: &[u8]| WireAddr::decode_payload(bytes, PayloadFormat::Base, 8);
        for (wire, text) in [
            (&b"\x93\xa3tcp\xa9127.0.0.1\xcd\x06\x50"[..], "/ip4/127.0.0.1/tcp/1616"),
            (b"\x92\xa4unix\xaf/run/t/a@1.sock", "/unix/run/t/a@1.sock"),
        ] {
            assert_eq!(read(wire).unwrap().0.to_string(), text);
        }
        for bad in [
            &b"\x92\xa4unix\xa1a"[..],
            b"\x92\xa4unix\xa4/../",
            b"\x93\xa4unix\xa1/\xa1a",
            b"\x93\xa3tcp\xa9127.0.0.1\xc0",
            b"\x91\xa1a",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nil_is_the_default_registry_and_half_an_address_none() {
        let read = |bytes: &[u8]| WireAddr::decode_payload(bytes, PayloadFormat::Base, 8);
        for nil in [&b"\xc0"[..], b"\x92\xc0\xc0"] {
            assert_eq!(read(nil).unwrap().0, Addr::DEFAULT_REGISTRY);
        }
        for bad in [
            &b"\x92\xa1x\xc0"[..],
            b"\x92\xc0\x01",
            b"\x92\xa9localhost\x01",
            b"\x93\xa1x\xa1y\xa1z",
            b"\x01",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(read(b"\x92\xa7127.0.0\xce\x00\x01\x00\x00").is_err(), "no such port");
    }
}
