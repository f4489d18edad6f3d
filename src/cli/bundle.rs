//! `export --bundle`: everything behind some tables in one archive, for others to check.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, GzBuilder};

use super::{
    CliError,
    args::ExportArgs,
    error::chain,
    machine, print,
    results::{self, Results},
    shell::quoted,
    sweeps::{self, Planned},
    tables,
};
use crate::{
    plan::JobId,
    store::{Asked, BundleFile, Content, Store},
};

/// Writes the archive. Equal sweeps and results give equal bytes, whatever the archive's name.
pub fn bundle(args: &ExportArgs, planned: &Planned, out: &Path) -> Result<(), CliError> {
    let store = results::open(&args.sweeps.store)?;
    if store.in_use_since()?.is_some() {
        let place = store.root().display();
        return Err(CliError::input(format!("a run is at work in {place}: bundle its results when it has ended")));
    }
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
    let (jobs, asked) = (shown(planned, &results, &store), asked(planned, &store)?);
    let of_store = store.bundle(results.snapshot(), &jobs, &asked, args.encoders)?;
    files.extend(of_store.into_iter().map(|file| BundleFile { path: format!("results/{}", file.path), ..file }));
    if let Some(path) = patch_path()
        && files.iter().all(|file| file.path != path)
    {
        files.push(BundleFile { path, content: Content::Bytes(machine::PATCH.to_vec()) });
    }
    let tables = tables::all(planned, &results);
    tables::write_files(planned, &tables, &results, Some(&store), &mut |sweep, file, bytes| {
        let content = Content::Bytes(bytes.to_vec());
        files.push(BundleFile { path: format!("results/tables/{sweep}/{file}"), content });
        Ok(())
    })?;
    write(out, &folder(planned), &files)
        .map_err(|error| CliError::failed(format!("cannot write {}: {}", out.display(), chain(&error))))?;
    print(&format!("{}: {} files; its README.md says how to check them\n", out.display(), files.len()))
}

/// The archive's folder, named after its sweeps.
fn folder(planned: &Planned) -> String {
    match &planned.names[..] {
        [one] => one.clone(),
        [first, others @ ..] => format!("{first}-and-{}-more", others.len()),
        [] => "nothing".to_owned(),
    }
}

/// The jobs that cells show or, where they are stale, compare with; and what these were made from.
fn shown(planned: &Planned, results: &Results, store: &Store) -> BTreeSet<JobId> {
    let mut jobs: BTreeSet<JobId> = planned.plan.jobs().map(|job| job.id).collect();
    let earlier: Vec<JobId> = jobs.iter().filter_map(|&job| results.earlier(job)).collect();
    for job in earlier {
        jobs.insert(job);
        jobs.extend(store.job(job).into_iter().flat_map(|job| job.parents));
    }
    jobs
}

/// What the sweeps asked for when they last ran, as from where they are in the archive.
fn asked<'p>(planned: &'p Planned, store: &Store) -> Result<Vec<(&'p str, Asked)>, CliError> {
    let mut found = Vec::new();
    for (index, (name, sweep)) in planned.names.iter().zip(&planned.sweeps).enumerate() {
        let asked = results::asked(store, name)?;
        // That of another file under the same name says nothing of these cells.
        if asked.source == planned.source(index, store) {
            let file = planned.files[index].file_name().unwrap_or_default().to_string_lossy();
            let source = sweeps::source(&format!("../sweeps/{file}"), sweep.profile.as_deref());
            found.push((name.as_str(), Asked { source, dropped: BTreeSet::new(), ..asked }));
        }
    }
    Ok(found)
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
        let bytes = match content {
            Content::Bytes(bytes) => Cow::Borrowed(bytes),
            // As a whole, so that the size in the header is that of what follows.
            Content::File(file) => Cow::Owned(fs::read(file)?),
        };
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, format!("{folder}/{path}"), &bytes[..])?;
    }
    let mut file = archive.into_inner()?.finish()?;
    file.flush()?;
    file.sync_all()
}

fn readme(args: &ExportArgs, planned: &Planned) -> String {
    let profile = args.sweeps.profile.as_ref().map(|name| format!(" --profile {}", quoted(name))).unwrap_or_default();
    let name = |file: &PathBuf| quoted(&format!("sweeps/{}", file.file_name().unwrap_or_default().to_string_lossy()));
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
    let code = machine::code();
    let commit = code.commit.unwrap_or_else(|| "unknown".to_owned());
    let changes = patch_path().map(|path| format!(", with the changes {path}")).unwrap_or_default();
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("ablate {}\ncommit {commit}{changes}\nsystem {system}\nprocessor {processor}\n", code.version)
}

/// Where in the archive the changes are of the program that makes it, if it is not at a commit.
fn patch_path() -> Option<String> {
    machine::code().patch.map(|hash| format!("results/code/{hash}.patch"))
}
