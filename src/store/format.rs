//! The `FORMAT` file: which layout the folder has.

use std::path::Path;

use super::{Error, ErrorKind};

/// The newest layout this program understands.
pub(super) const VERSION: u32 = 1;

/// The content of the file.
pub(super) const LINE: &str = "ablate store 1\n";

/// Refuses other files' content and newer layouts.
pub(super) fn check(path: &Path, content: &[u8]) -> Result<(), Error> {
    let version = std::str::from_utf8(content)
        .ok()
        .and_then(|text| text.strip_prefix("ablate store "))
        .and_then(|number| number.trim_ascii_end().parse().ok());
    match version {
        Some(VERSION) => Ok(()),
        Some(found) if found > VERSION => Err(ErrorKind::NewerFormat { path: path.to_owned(), found }.into()),
        _ => Err(ErrorKind::NotAStore { path: path.to_owned() }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content: &[u8]) -> String {
        check(Path::new("results/FORMAT"), content).unwrap_err().to_string()
    }

    #[test]
    fn own_format_is_accepted() {
        assert_eq!(LINE, format!("ablate store {VERSION}\n"));
        assert!(check(Path::new("FORMAT"), LINE.as_bytes()).is_ok());
        assert!(check(Path::new("FORMAT"), b"ablate store 1\r\n").is_ok());
    }

    #[test]
    fn newer_formats_are_refused() {
        insta::assert_snapshot!(message(b"ablate store 2\n"), @"results/FORMAT says store format 2, but this ablate understands only 1: update ablate or choose another results folder");
    }

    #[test]
    fn other_content_is_refused() {
        for content in
            [&b""[..], b"ablate store", b"ablate store 0\n", b"ablate store x\n", b"\xff\xfe", b"ablate store -1"]
        {
            assert_eq!(message(content), message(b"something else"));
        }
        insta::assert_snapshot!(message(b""), @"results/FORMAT is not that of an ablate store: choose another results folder, or restore its one line, `ablate store 1`");
    }
}
