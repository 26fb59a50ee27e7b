//! The built pages on Spin: files that the manifest mounts into the component.

use std::{fs, io::ErrorKind, path::Path};

use farebox_ports::{Assets, Fault};

use crate::{Platform, fault};

/// Where `spin.toml` mounts them.
const MOUNTED: &str = "/pages";

impl Assets for Platform {
    async fn asset(&self, path: &str) -> Result<Option<Vec<u8>>, Fault> {
        match fs::read(Path::new(MOUNTED).join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault("assets")(error)),
        }
    }
}
