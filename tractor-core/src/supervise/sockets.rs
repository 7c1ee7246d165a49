//! Socket files that killed actors have left behind: who reaps a process removes them.

use std::io::ErrorKind;

/// Removes socket files on which nobody listens. A process that never got its address leaves the file to whoever has it.
pub(super) async fn remove_sockets(paths: Vec<String>) {
    for path in paths {
        match tokio::net::UnixStream::connect(&path).await {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Ok(_) | Err(_) => {
                tracing::debug!("left the socket file {path} to whoever listens there");
                continue;
            }
        }
        match std::fs::remove_file(&path) {
            Ok(()) => tracing::debug!("removed the socket file {path}"),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => tracing::warn!("socket file {path} was not removed: {error}"),
        }
    }
}
