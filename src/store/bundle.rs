//! The part of a store that belongs to some jobs, for others to take along.

use std::{collections::BTreeSet, fs, io, path::PathBuf};

use super::{Asked, Error, Snapshot, Store, error::At, format, jobs::sealed, journal::decode};
use crate::plan::JobId;

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleFile {
    /// Its path from the root of the store, with `/` between folders.
    pub path: String,
    /// What is in it.
    pub content: Content,
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// That of this file.
    File(PathBuf),
    /// These bytes.
    Bytes(Vec<u8>),
}

impl Store {
    /// The files of a store that knows these jobs and what these sweeps asked for, in the order of their paths. A job's
    /// checkpoint is left out, its encoder too unless wanted; files that are gone are not missed. The snapshot says which
    /// code the jobs ran.
    pub fn bundle(
        &self,
        snapshot: &Snapshot,
        jobs: &BTreeSet<JobId>,
        sweeps: &[(&str, Asked)],
        encoders: bool,
    ) -> Result<Vec<BundleFile>, Error> {
        let bytes = |path: &str, bytes: Vec<u8>| BundleFile { path: path.to_owned(), content: Content::Bytes(bytes) };
        let mut files = vec![bytes("FORMAT", format::LINE.into()), bytes("journal.jsonl", self.journal_of(jobs)?)];
        for (name, asked) in sweeps {
            let path = format!("sweeps/{name}.json");
            files.push(bytes(&path, sealed(asked, &self.root.join(&path))?.into_bytes()));
        }
        let mut add = |path: String| {
            let file = self.root.join(&path);
            if file.is_file() {
                files.push(BundleFile { path, content: Content::File(file) });
            }
        };
        for job in jobs {
            let wanted = ["job.json", "log.txt", "metrics.csv", "record.json"];
            let encoder = encoders.then_some("encoder.safetensors");
            wanted.into_iter().chain(encoder).for_each(|name| add(format!("jobs/{job}/{name}")));
        }
        let patches = jobs.iter().filter_map(|&job| snapshot.record(job)?.code.patch.as_deref());
        patches.collect::<BTreeSet<&str>>().into_iter().for_each(|hash| add(format!("code/{hash}.patch")));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// The whole lines of the journal that are about these jobs.
    fn journal_of(&self, jobs: &BTreeSet<JobId>) -> Result<Vec<u8>, Error> {
        let path = self.journal_path();
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            result => result.at("read", &path)?,
        };
        let lines = bytes.split_inclusive(|&byte| byte == b'\n');
        let about = |line: &&[u8]| {
            let entry = line.strip_suffix(b"\n").and_then(|line| decode(line).ok().flatten());
            entry.is_some_and(|entry| jobs.contains(&entry.job))
        };
        Ok(lines.filter(about).flatten().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        CodeVersion, Record,
        fixture::{self, id},
    };

    #[test]
    fn a_bundle_is_a_store_of_its_jobs() {
        let (_folder, store) = fixture::store();
        let (_, mut journal) = store.journal(store.lock(&fixture::holder(0)).unwrap()).unwrap();
        for seed in [1, 2] {
            store.write_job(&fixture::job(seed)).unwrap();
            let patch = Some(format!("{seed}").repeat(64));
            store.keep_patch(patch.as_deref().unwrap(), b"changes").unwrap();
            let record = fixture::record(seed);
            let code = CodeVersion { patch, ..record.code.clone() };
            let record = store.publish(Record { code, ..record }, Some(b"weights")).unwrap();
            journal.append(&[fixture::started(seed), fixture::succeeded(&record)]).unwrap();
        }
        let asked = Asked { source: "../b.ron".into(), ..Asked::default() };
        for encoders in [false, true] {
            let other = fixture::folder();
            for BundleFile { path, content } in
                store.bundle(&store.load().unwrap(), &[id(2)].into(), &[("b", asked.clone())], encoders).unwrap()
            {
                let path = other.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                match content {
                    Content::File(file) => drop(fs::copy(file, path).unwrap()),
                    Content::Bytes(bytes) => fs::write(path, bytes).unwrap(),
                }
            }
            let bundled = Store::open(other.path()).unwrap().unwrap();
            let (snapshot, whole) = (bundled.load().unwrap(), store.load().unwrap());
            assert_eq!(snapshot.jobs.into_iter().collect::<Vec<_>>(), [(id(2), whole.jobs[&id(2)].clone())]);
            assert_eq!(bundled.job(id(2)).unwrap(), fixture::job(2));
            assert_eq!(bundled.encoder(id(2)).is_ok(), encoders);
            assert_eq!(bundled.asked("b").unwrap(), Some(asked.clone()));
            assert_eq!([1, 2].map(|seed| bundled.patch_path(&format!("{seed}").repeat(64)).exists()), [false, true]);
        }
    }
}
