//! `export --bundle`: everything behind some tables in one archive, for others to check.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, GzBuilder};
use rustix::system::uname;

use super::{
    CliError,
    args::ExportArgs,
    error::chain,
    machine, print,
    results::Results,
    sweeps::{self, Planned},
    tables,
};
use crate::{
    plan::JobId,
    store::{BundleFile, Content, Store},
};

/// Writes the archive. Equal sweeps and results give equal bytes.
pub fn bundle(args: &ExportArgs, planned: &Planned, out: &Path) -> Result<(), CliError> {
    let store = Store::open(&args.sweeps.store)?
        .ok_or_else(|| CliError::input(format!("there are no results in {}", args.sweeps.store.display())))?;
    let results = Results::read(Some(&store), planned)?;
    let mut files = vec![text("README.md", readme(args, planned)), text("environment.txt", environment())];
    for file in &args.sweeps.files {
        for (name, content) in sweeps::sources(file, args.sweeps.profile.as_deref())? {
            let path = format!("sweeps/{name}");
            match files.iter().find(|file| file.path == path) {
                None => files.push(text(&path, content)),
                Some(BundleFile { content: Content::Bytes(other), .. }) if *other == content.as_bytes() => {}
                Some(_) => return Err(CliError::input(format!("two different files would be {path} in the bundle"))),
            }
        }
    }
    let jobs: BTreeSet<JobId> = planned.plan.jobs().map(|job| job.id).collect();
    let of_store = store.bundle(&jobs, &planned.names, args.encoders)?;
    files.extend(of_store.into_iter().map(|file| BundleFile { path: format!("results/{}", file.path), ..file }));
    let tables = tables::all(planned, &results);
    tables::write_files(planned, &tables, &results, Some(&store), &mut |sweep, file, bytes| {
        let content = Content::Bytes(bytes.to_vec());
        files.push(BundleFile { path: format!("results/tables/{sweep}/{file}"), content });
        Ok(())
    })?;
    let folder = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = folder.trim_end_matches(".gz").trim_end_matches(".tar").trim_end_matches(".tgz").to_owned();
    write(out, &folder, &files)
        .map_err(|error| CliError::failed(format!("cannot write {}: {}", out.display(), chain(&error))))?;
    print(&format!("{}: {} files; its README.md says how to check them\n", out.display(), files.len()))
}

fn text(path: &str, content: String) -> BundleFile {
    BundleFile { path: path.to_owned(), content: Content::Bytes(content.into_bytes()) }
}

/// Writes beside, syncs and renames, so that there is never half an archive.
fn write(out: &Path, folder: &str, files: &[BundleFile]) -> io::Result<()> {
    let beside = PathBuf::from(format!("{}.tmp-{}", out.display(), std::process::id()));
    let result = write_archive(&beside, folder, files).and_then(|()| fs::rename(&beside, out));
    if result.is_err() {
        // The first error counts.
        let _ = fs::remove_file(&beside);
    }
    result
}

fn write_archive(path: &Path, folder: &str, files: &[BundleFile]) -> io::Result<()> {
    // Without times and names in the header, equal content gives equal bytes.
    let packed = GzBuilder::new().mtime(0).write(File::create_new(path)?, Compression::default());
    let mut archive = tar::Builder::new(packed);
    for BundleFile { path, content } in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        let path = format!("{folder}/{path}");
        match content {
            Content::Bytes(bytes) => {
                header.set_size(bytes.len() as u64);
                archive.append_data(&mut header, path, &bytes[..])?;
            }
            Content::File(file) => {
                // A log may grow meanwhile; the header must tell what follows.
                let size = fs::metadata(file)?.len();
                header.set_size(size);
                archive.append_data(&mut header, path, io::Read::take(File::open(file)?, size))?;
            }
        }
    }
    let mut file = archive.into_inner()?.finish()?;
    file.flush()?;
    file.sync_all()
}

fn readme(args: &ExportArgs, planned: &Planned) -> String {
    let profile = args.sweeps.profile.as_ref().map(|name| format!(" --profile '{name}'")).unwrap_or_default();
    let name = |file: &PathBuf| format!("sweeps/{}", file.file_name().unwrap_or_default().to_string_lossy());
    let files = args.sweeps.files.iter().map(name).collect::<Vec<_>>().join(" ");
    let titles: String = planned.sweeps.iter().map(|sweep| format!("- {}\n", sweep.title)).collect();
    format!(
        "Made by `ablate export --bundle`, ablate {} (environment.txt):\n\n{titles}\n\
         | folder | what |\n|---|---|\n\
         | `sweeps/` | the sweep files |\n\
         | `results/tables/` | the tables and figures |\n\
         | `results/jobs/` | of each job the resolved settings, the record with its checksum, metrics per epoch, log |\n\
         | `results/code/` | changes of the code that was not at a commit |\n\n\
         Tables again, byte for byte, without training:\n\n    ablate export {files}{profile} --store results --out tables\n\n\
         A cell again, compared with what is here (see `ablate explain`):\n\n    \
         ablate run {files}{profile} --only AXIS=LABEL --store again\n    ablate diff results again\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// What this archive was made with; what each job ran on is in its record.
fn environment() -> String {
    let (code, system) = (machine::code(), uname());
    let commit = code.commit.unwrap_or_else(|| "unknown".to_owned());
    let changes = code.patch.map(|hash| format!(", with the changes results/code/{hash}.patch")).unwrap_or_default();
    let word = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    format!(
        "ablate {}\ncommit {commit}{changes}\nsystem {} {} {}\nprocessor {}\ncores {}\n",
        code.version,
        word(system.sysname()),
        word(system.release()),
        word(system.machine()),
        machine::processor(),
        machine::cores()
    )
}
