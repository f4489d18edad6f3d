//! What was changed in the code since its commit, kept once for each such program.

use std::path::PathBuf;

use super::{
    Error, Store,
    durable::{create_folders, write_atomic},
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

    fn patches_folder(&self) -> PathBuf {
        self.root.join("code")
    }
}
