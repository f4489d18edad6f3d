//! Files of weights that were pretrained elsewhere.

use std::{fs, path::Path};

/// The content of a file, if it is the one that the recipe means; otherwise what is wrong and what to do.
pub fn read(file: Option<&Path>, blake3: &str) -> Result<Vec<u8>, String> {
    let Some(file) = file else {
        return Err("the file of the weights is not known: name it by `objective: Pretrained(file: …)`".to_owned());
    };
    let bytes = fs::read(file).map_err(|error| format!("cannot read the weights {}: {error}", file.display()))?;
    let found = blake3::hash(&bytes).to_hex();
    if found.as_str() == blake3 {
        Ok(bytes)
    } else {
        let file = file.display();
        Err(format!("{file} is not the file that the recipe means: its BLAKE3 hash is {found}, not {blake3}"))
    }
}
