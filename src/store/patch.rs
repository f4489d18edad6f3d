//! What was changed in the code since its commit, kept once for each such program.

use std::{fs, io, path::PathBuf};

use super::{
    Error, Store,
    durable::{create_folders, write_atomic},
    error::At,
};

impl Store {
    /// Keeps the changes of a program that is not at a commit.
    pub fn keep_patch(&self, hash: &str, patch: &[u8]) -> Result<(), Error> {
        let path = self.patch_path(hash);
        if path.exists() {
            return Ok(());
        }
        create_folders(&*self.disk, &self.patches_folder())?;
        write_atomic(&*self.disk, &path, patch)
    }

    /// Where the changes with this hash are: a patch that `git apply` takes.
    pub fn patch_path(&self, hash: &str) -> PathBuf {
        self.patches_folder().join(format!("{hash}.patch"))
    }

    /// The file names of all patches, in order.
    pub(super) fn patches(&self) -> Result<Vec<String>, Error> {
        let folder = self.patches_folder();
        let files = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            result => result.at("read", &folder)?,
        };
        let mut names = Vec::new();
        for file in files {
            let name = file.at("read", &folder)?.file_name().to_string_lossy().into_owned();
            names.extend(name.ends_with(".patch").then_some(name));
        }
        names.sort();
        Ok(names)
    }

    fn patches_folder(&self) -> PathBuf {
        self.root.join("code")
    }
}
