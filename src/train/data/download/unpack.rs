//! Unpacks a tar.gz archive and lets nothing in it reach outside the target folder.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Component, Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::{Error, ErrorKind, for_each_block};

/// Unpacks the folders and files of `archive` into the new folder `target`; anything else in it is an error.
pub fn unpack(archive: &Path, target: &Path) -> Result<(), Error> {
    let damaged = |error: io::Error| Error::caused(ErrorKind::Archive { path: archive.to_owned() }, error);
    let file = File::open(archive).map_err(|error| Error::read(archive, error))?;
    fs::create_dir_all(target).map_err(|error| Error::write(target, error))?;

    let mut tar = Archive::new(MultiGzDecoder::new(io::BufReader::new(file)));
    for entry in tar.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?.into_owned();
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let inside = inside(&name).filter(|_| matches!(kind, EntryType::Directory | EntryType::Regular));
        let Some(inside) = inside else {
            return Err(ErrorKind::Unsafe { path: archive.to_owned(), entry: name }.into());
        };
        let path = target.join(inside);
        let refused = |error| Error::write(&path, error);
        if kind == EntryType::Directory {
            fs::create_dir_all(&path).map_err(refused)?;
        } else {
            fs::create_dir_all(path.parent().unwrap_or(target)).map_err(refused)?;
            let mut file = File::create_new(&path).map_err(refused)?;
            for_each_block(entry, damaged, |block| file.write_all(block).map_err(refused))?;
            // On the disk before the folder gets its final name, so that a power cut leaves no half of a file there.
            file.sync_all().map_err(refused)?;
        }
    }
    // What follows the last entry holds the checksum of the compressed data.
    for_each_block(tar.into_inner(), damaged, |_| Ok(()))
}

/// The path as it is below the target folder; `None` if it would leave it.
fn inside(name: &Path) -> Option<PathBuf> {
    name.components()
        .filter(|component| *component != Component::CurDir)
        .map(|component| match component {
            Component::Normal(part) => Some(part),
            _ => None,
        })
        .collect()
}
