//! The listening socket, in a folder that others cannot write to.

use {
    crate::{
        files::{self, FileError},
        note,
        peers::Peers,
    },
    rustix::event::{PollFd, PollFlags, poll},
    std::{
        fs, io,
        os::unix::{
            fs::{FileTypeExt, MetadataExt, PermissionsExt},
            net::{UnixListener, UnixStream},
        },
        path::{Path, PathBuf},
    },
};

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("others may write to `{}`, and could put another socket in our place", .0.display())]
    SharedFolder(PathBuf),
    #[error("`{}` is there already, and is no socket", .0.display())]
    NotASocket(PathBuf),
    #[error("somebody listens on `{}` already", .0.display())]
    InUse(PathBuf),
    #[error("cannot listen on `{}`: {cause}", path.display())]
    Bind { path: PathBuf, cause: io::Error },
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
}

/// The socket. Removed from its folder when dropped.
pub(crate) struct Listener {
    path: PathBuf,
    listener: UnixListener,
    peers: Peers,
    woken: UnixStream,
}

/// What the listener waited for.
pub(crate) enum Next {
    /// Somebody who may ask.
    Connection(UnixStream),
    /// It is time to stop.
    Stop,
}

impl Listener {
    /// Listens on `path` for `peers`, until something arrives on `woken`.
    pub(crate) fn bind(path: &Path, peers: Peers, woken: UnixStream) -> Result<Self, SocketError> {
        prepare_folder(path)?;
        remove_stale(path)?;
        let failed = |cause| SocketError::Bind {
            path: path.to_owned(),
            cause,
        };
        let listener = UnixListener::bind(path).map_err(failed)?;
        // Other users need the right to connect at all; the peer check then says which.
        let mode = if peers.only_own() { 0o600 } else { 0o666 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            listener,
            peers,
            woken,
        })
    }

    /// Waits for a peer that may ask, or the end. Others are cut off without a word.
    pub(crate) fn next(&self) -> Result<Next, SocketError> {
        let failed = |cause| SocketError::Bind {
            path: self.path.clone(),
            cause,
        };
        loop {
            let mut waiting = [
                PollFd::new(&self.listener, PollFlags::IN),
                PollFd::new(&self.woken, PollFlags::IN),
            ];
            match poll(&mut waiting, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(cause) => return Err(failed(cause.into())),
            }
            let [arrived, woken] = waiting.map(|waited| !waited.revents().is_empty());
            if woken {
                return Ok(Next::Stop);
            }
            if !arrived {
                continue;
            }
            match self.listener.accept() {
                Ok((stream, _)) if self.peers.admit(&stream) => {
                    stream.set_nonblocking(false).map_err(failed)?;
                    return Ok(Next::Connection(stream));
                }
                Ok(_) => note(&"refused a connection by another user"),
                // It hung up before we got to it, or we are short of descriptors: the next one may do better.
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {}
                Err(cause) => note(&format_args!("cannot accept a connection: {cause}")),
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A socket that stays is found stale at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

fn prepare_folder(socket: &Path) -> Result<(), SocketError> {
    let folder = match socket.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.exists() {
        files::make_folder(folder)?;
    }
    let found = fs::metadata(folder).map_err(FileError::io("look at", folder))?;
    if found.mode() & 0o022 == 0 {
        Ok(())
    } else {
        Err(SocketError::SharedFolder(folder.to_owned()))
    }
}

/// A socket that nobody listens on was left by a process that was killed.
fn remove_stale(socket: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(socket) {
        Err(_) => Ok(()),
        Ok(found) if !found.file_type().is_socket() => Err(SocketError::NotASocket(socket.to_owned())),
        Ok(_) if UnixStream::connect(socket).is_ok() => Err(SocketError::InUse(socket.to_owned())),
        Ok(_) => fs::remove_file(socket).map_err(|cause| FileError::io("remove", socket)(cause).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(path: &Path) -> Result<Listener, SocketError> {
        let (_, woken) = UnixStream::pair().unwrap();
        Listener::bind(path, Peers::new(Vec::new()), woken)
    }

    #[test]
    fn the_socket_is_this_users_alone_and_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inner").join("s.sock");
        let listener = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_others_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o720, 0o702, 0o1777] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                matches!(bind(&folder.path().join("s.sock")), Err(SocketError::SharedFolder(_))),
                "{mode:o}"
            );
        }
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_or_another_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let living = bind(&path).unwrap();
        assert!(matches!(bind(&path), Err(SocketError::InUse(_))));
        drop(living);
        fs::write(&path, b"precious").unwrap();
        assert!(matches!(bind(&path), Err(SocketError::NotASocket(_))));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }
}
