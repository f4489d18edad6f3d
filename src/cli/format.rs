//! The command `fmt`: sweep files in the canonical layout.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use super::{CliError, args::FmtArgs, error::chain, print, sweeps};
use crate::sweep;

/// Formats sweep files, or says which of them are not; all that are right, even if one is wrong.
pub fn fmt(args: &FmtArgs) -> Result<(), CliError> {
    let (mut wrong, mut differing) = (0, 0);
    for file in &args.files {
        let is_input = file == Path::new("-");
        let name = if is_input { "standard input".to_owned() } else { file.display().to_string() };
        let (text, formatted) = match read(file, is_input).and_then(|text| Ok((formatted(&name, &text)?, text))) {
            Ok((formatted, text)) => (text, formatted),
            Err(error) => {
                error.print();
                wrong += 1;
                continue;
            }
        };
        if is_input && !args.check {
            print(&formatted)?;
        } else if text != formatted {
            differing += 1;
            if args.check {
                print(&format!("{name}\n"))?;
            } else {
                replace(file, &formatted)
                    .map_err(|error| CliError::failed(format!("cannot write {name}: {}", chain(&error))))?;
                print(&format!("{name}: formatted\n"))?;
            }
        }
    }
    let all = args.files.len();
    match (wrong, differing) {
        (0, 0) => Ok(()),
        (0, _) if args.check => {
            Err(CliError::failed(format!("{differing} of {all} files would change; run `ablate fmt` without --check")))
        }
        (0, _) => Ok(()),
        _ => Err(CliError::input(format!("{wrong} of {all} files cannot be formatted"))),
    }
}

fn read(file: &Path, is_input: bool) -> Result<String, CliError> {
    if !is_input {
        return sweeps::text_of(file);
    }
    let mut text = String::new();
    let read = io::stdin().lock().read_to_string(&mut text);
    read.map_err(|error| CliError::input(format!("cannot read standard input: {}", chain(&error))))?;
    Ok(text)
}

fn formatted(name: &str, text: &str) -> Result<String, CliError> {
    sweep::format(name, text).map_err(|wrong| CliError::diagnostics(&wrong))
}

/// Puts a text into the place of a file, which is there all the time: either the old one or the new one, complete.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    // A link stays one.
    let file = file.canonicalize()?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = file.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = write_beside(&beside, &file, text).and_then(|()| fs::rename(&beside, &file));
    if written.is_err() {
        // What is left would only be litter; the error that matters is the first.
        let _ = fs::remove_file(&beside);
    }
    written?;
    match file.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn write_beside(beside: &Path, file: &Path, text: &str) -> io::Result<()> {
    let mut new = File::create(beside)?;
    new.set_permissions(fs::metadata(file)?.permissions())?;
    new.write_all(text.as_bytes())?;
    new.sync_all()
}
