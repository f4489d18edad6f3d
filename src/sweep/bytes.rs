//! From the bytes of a file to its text: what is not UTF-8 is shown at its place.

use super::diagnostic::{Diagnostic, Diagnostics, Findings};

/// The text of a file whose name is for diagnostics. A byte order mark at its beginning says nothing and is left out.
pub fn text<'b>(file_name: &str, bytes: &'b [u8]) -> Result<&'b str, Diagnostics> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let place = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error.valid_up_to(),
    };
    let shown = String::from_utf8_lossy(bytes);
    let found = match (bytes, bytes.get(place)) {
        ([0xff, 0xfe, ..] | [0xfe, 0xff, ..], _) => "the file is UTF-16".to_owned(),
        (_, Some(byte)) => format!("byte {} of the file is 0x{byte:02x}, which is not UTF-8", place + 1),
        (_, None) => "the file is not UTF-8".to_owned(),
    };
    let mut findings = Findings::default();
    let end = place + '\u{fffd}'.len_utf8();
    findings.push(Diagnostic::new(place..end, found, "not text").help("save the file as UTF-8"));
    Err(findings.into_diagnostics(file_name, &shown))
}
