//! Downloads from a server on this machine, well-behaved and not.

use std::{cell::RefCell, path::PathBuf};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use super::{
    server::{Reply, Server},
    *,
};
use crate::train::data::fixture;

const PATIENCE: Patience = Patience { failures: 3, pause: Duration::ZERO, timeout: Duration::from_secs(30) };

fn md5_hex(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn compress(tar: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    io::Write::write_all(&mut encoder, tar).unwrap();
    encoder.finish().unwrap()
}

/// The archive of a CIFAR-10 of 60 images.
fn cifar10_archive() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fixture::write_cifar10(folder.path(), 1);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_dir_all("./cifar-10-batches-bin", folder.path()).unwrap();
    compress(&tar.into_inner().unwrap())
}

/// A place to download to, and what happened there.
struct Site {
    folder: TempDir,
    download: Download,
    progress: RefCell<Vec<(u64, Option<u64>)>>,
}

impl Site {
    /// A site for `archive`, which is found at `url`.
    fn new(archive: &[u8], url: &str) -> Self {
        let download = Download {
            source: DataSource::Cifar10,
            url: url.to_owned(),
            md5: md5_hex(archive),
            archive_name: "cifar.tar.gz".to_owned(),
        };
        Self { folder: tempfile::tempdir().unwrap(), download, progress: RefCell::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn get_with(&self, patience: Patience) -> Result<Outcome, Error> {
        let mut progress = |done, total| self.progress.borrow_mut().push((done, total));
        get(std::slice::from_ref(&self.download), self.folder.path(), patience, &mut progress)
    }

    fn get(&self) -> Result<Outcome, Error> {
        self.get_with(PATIENCE)
    }

    /// The error of a failing download, without what differs between runs.
    fn message(&self) -> String {
        let folder = self.folder.path().display().to_string();
        self.get().unwrap_err().to_string().replace(&folder, "FOLDER").replace(&self.download.url, "URL")
    }

    /// Names of what is in the folder.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The outcome of a download that must work.
    fn unpacked(&self) -> Outcome {
        let folder = Some(self.path("cifar-10-batches-bin"));
        Outcome::Unpacked(Summary { folder, train_images: 50, test_images: 10, ..Summary::default() })
    }
}

#[test]
fn a_data_set_is_downloaded_once() {
    let archive = cifar10_archive();
    let server = Server::start(&archive, &[Reply::Range]);
    let site = Site::new(&archive, &server.url);
    assert_eq!(site.get().unwrap(), site.unpacked());
    assert_eq!(site.files(), ["cifar-10-batches-bin"]);
    let total = archive.len() as u64;
    assert_eq!(site.progress.borrow().first(), Some(&(0, Some(total))));
    assert_eq!(site.progress.borrow().last(), Some(&(total, Some(total))));

    let Outcome::Kept(summary) = site.get().unwrap() else { panic!("the folder was there") };
    assert_eq!((summary.train_images, summary.test_images), (50, 10));
    assert_eq!(server.starts(), [0]);
}

#[test]
fn an_earlier_download_is_resumed() {
    let archive = cifar10_archive();
    let beyond = [archive.as_slice(), b"more"].concat();
    // What is there already, how the server replies, and which bytes it is asked for.
    let cases: [(&[u8], &[Reply], &[usize]); 6] = [
        (&archive[..500], &[Reply::Range], &[500]),
        (&archive[..500], &[Reply::Everything], &[500]),
        (&archive[..500], &[Reply::WrongRange, Reply::Range], &[500, 0]),
        (&archive, &[Reply::Range], &[archive.len()]),
        (&archive, &[Reply::Status(416)], &[archive.len()]),
        (&beyond, &[Reply::Range, Reply::Range], &[beyond.len(), 0]),
    ];
    for (there, replies, starts) in cases {
        let server = Server::start(&archive, replies);
        let site = Site::new(&archive, &server.url);
        fs::write(site.path("cifar.tar.gz.part"), there).unwrap();
        assert_eq!(site.get().unwrap(), site.unpacked(), "{replies:?}");
        assert_eq!(server.starts(), starts, "{replies:?}");
    }
}

#[test]
fn a_broken_transfer_goes_on() {
    let archive = cifar10_archive();
    // More failures than `PATIENCE` allows in a row, but each brings new bytes.
    let replies = [
        Reply::CutRange(100),
        Reply::CutRange(50),
        Reply::Status(503),
        Reply::CutRange(50),
        Reply::CutRange(1),
        Reply::Range,
    ];
    let server = Server::start(&archive, &replies);
    let site = Site::new(&archive, &server.url);
    assert_eq!(site.get().unwrap(), site.unpacked());
    assert_eq!(server.starts(), [0, 100, 150, 150, 200, 201]);
}

#[test]
fn a_silent_server_is_asked_again() {
    let archive = cifar10_archive();
    let server = Server::start(&archive, &[Reply::Stall(100), Reply::Range]);
    let site = Site::new(&archive, &server.url);
    let patience = Patience { timeout: Duration::from_millis(500), ..PATIENCE };
    assert_eq!(site.get_with(patience).unwrap(), site.unpacked());
    assert_eq!(server.starts(), [0, 100]);
}

#[test]
fn a_transfer_without_progress_is_given_up() {
    let archive = cifar10_archive();
    let server = Server::start(&archive, &[Reply::CutEverything(100); 3]);
    let site = Site::new(&archive, &server.url);
    let total = archive.len();
    assert_eq!(
        site.message(),
        format!("the download of URL broke off after 100 bytes of {total}: run this command again to go on from there")
    );
    assert_eq!(server.starts(), [0, 100, 100]);
    assert_eq!(site.files(), ["cifar.tar.gz.part"]);
}

#[test]
fn a_wrong_archive_is_set_aside() {
    let archive = cifar10_archive();
    let server = Server::start(b"please log in", &[Reply::Range]);
    let mut site = Site::new(&archive, &server.url);
    site.download.md5 = "0123456789abcdef0123456789abcdef".to_owned();
    insta::assert_snapshot!(site.message(), @"the archive is not the expected one: its MD5 checksum is ed8317a878adf6bb5128bcdb1e6e7348 instead of 0123456789abcdef0123456789abcdef; it was set aside as FOLDER/cifar.tar.gz.wrong, run this command again to download URL from the start");
    assert_eq!(site.files(), ["cifar.tar.gz.wrong"]);

    let server = Server::start(&archive, &[Reply::Range]);
    site.download = Download { url: server.url.clone(), md5: md5_hex(&archive).to_uppercase(), ..site.download };
    assert_eq!(site.get().unwrap(), site.unpacked());
    assert_eq!(server.starts(), [0]);
}

#[test]
fn a_refusal_is_final() {
    let server = Server::start(b"", &[Reply::Status(404)]);
    let site = Site::new(b"", &server.url);
    insta::assert_snapshot!(site.message(), @"the server answered 404 to URL: name a mirror with --from, or try again later");
    assert_eq!(server.starts(), [0]);
}

#[test]
fn without_a_connection_the_message_says_what_to_do() {
    // No server may use this port without special rights, and none does.
    let site = Site::new(b"", "http://127.0.0.1:1/archive.tar.gz");
    insta::assert_snapshot!(site.message(), @"cannot reach URL: check the network, name a mirror with --from, or download the file elsewhere, put it at FOLDER/cifar.tar.gz and run this command again");
}

#[test]
fn an_address_must_be_one() {
    for url in ["", "cifar.tar.gz", "file:///tmp/cifar.tar.gz", "http://"] {
        let error = Site::new(b"", url).get().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Address { url: url.to_owned() });
    }
}

#[test]
fn an_archive_that_is_there_needs_no_network() {
    let archive = cifar10_archive();
    let site = Site::new(&archive, "http://host.invalid/");
    fs::write(site.path("cifar.tar.gz"), &archive).unwrap();
    // What a killed process left behind is replaced.
    fs::create_dir(site.path("cifar-10-batches-bin.unpacking")).unwrap();
    fs::write(site.path("cifar-10-batches-bin.unpacking/junk"), "").unwrap();
    assert_eq!(site.get().unwrap(), site.unpacked());
    assert_eq!(site.files(), ["cifar-10-batches-bin", "cifar.tar.gz"]);
}

#[test]
fn a_damaged_folder_is_reported_and_left_alone() {
    let site = Site::new(b"", "http://host.invalid/");
    let folder = site.path("cifar-10-batches-bin");
    fixture::write_cifar10(&folder, 1);
    fs::write(folder.join("data_batch_2.bin"), [0; 99]).unwrap();
    insta::assert_snapshot!(site.message(), @"FOLDER/cifar-10-batches-bin does not hold a complete data set: move it away and run this command again to get one");
    assert_eq!(fs::read(folder.join("data_batch_2.bin")).unwrap(), [0; 99]);
}

#[test]
fn two_downloads_do_not_mix() {
    let site = Site::new(b"", "http://host.invalid/");
    let _lock = lock(site.folder.path()).unwrap().expect("the temporary folder has locks");
    insta::assert_snapshot!(site.message(), @"another process is downloading into FOLDER: wait until it is done");
}

#[test]
fn an_impossible_folder_is_named() {
    let site = Site::new(b"", "http://host.invalid/");
    fs::write(site.path("file"), "").unwrap();
    let folder = site.path("file").join("data");
    let error = get(std::slice::from_ref(&site.download), &folder, PATIENCE, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Write { path: folder });
    assert!(std::error::Error::source(&error).is_some());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_download() {
    let archive = cifar10_archive();
    let server = Server::start(&archive, &[Reply::Range]);
    let site = Site::new(&archive, &server.url);
    let part = site.path("cifar.tar.gz.part");
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let error = site.get().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Write { path: part });
    let cause = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(cause.kind(), io::ErrorKind::StorageFull);
}

/// The error of unpacking an archive that lies in the folder; nothing else may be left there.
fn unpacking_error(archive: &[u8]) -> String {
    let site = Site::new(archive, "http://host.invalid/");
    fs::write(site.path("cifar.tar.gz"), archive).unwrap();
    let message = site.message();
    assert_eq!(site.files(), ["cifar.tar.gz"]);
    message
}

/// An archive with one entry, whose name goes in unchecked.
fn archive_of(name: &str, kind: tar::EntryType) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_link_name("/etc/passwd").unwrap();
    header.set_size(4);
    header.set_cksum();
    let mut tar = tar::Builder::new(Vec::new());
    tar.append(&header, &b"evil"[..]).unwrap();
    compress(&tar.into_inner().unwrap())
}

#[test]
fn archives_cannot_reach_outside() {
    use tar::EntryType::{Char, Link, Regular, Symlink};
    let outside = std::env::temp_dir().join("ablate-evil");
    let outside = outside.to_str().unwrap();
    for (name, kind) in
        [("../evil", Regular), ("a/../../evil", Regular), (outside, Regular), ("a", Symlink), ("a", Link), ("a", Char)]
    {
        assert_eq!(
            unpacking_error(&archive_of(name, kind)),
            format!(
                "FOLDER/cifar.tar.gz holds `{name}`, which is not a plain file or folder inside it; nothing of it was kept"
            )
        );
        assert!(!Path::new(outside).exists());
    }
}

#[test]
fn damaged_archives_leave_nothing() {
    let archive = cifar10_archive();
    let mut flipped = archive.clone();
    *flipped.iter_mut().rev().nth(5).unwrap() ^= 1; // in the checksum at the end
    for damaged in [&archive[..archive.len() / 2], &archive[..archive.len() - 1], &flipped, b"no archive"] {
        assert_eq!(unpacking_error(damaged), "cannot unpack FOLDER/cifar.tar.gz: remove it and run this command again");
    }
}

#[test]
fn an_archive_of_something_else_is_not_moved_into_place() {
    insta::assert_snapshot!(unpacking_error(&archive_of("cifar-10-batches-bin/readme.html", tar::EntryType::Regular)), @"FOLDER/cifar.tar.gz does not hold a complete data set: move it away and run this command again to get one");
}

#[test]
fn official_archives_are_known() {
    let downloads = Download::official(DataSource::Cifar100).unwrap();
    assert_eq!(downloads.len(), 1);
    assert_eq!(downloads[0].url, "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz");
    let downloads = Download::official(DataSource::KMnist).unwrap();
    assert_eq!(downloads[3].url, "http://codh.rois.ac.jp/kmnist/dataset/kmnist/t10k-labels-idx1-ubyte.gz");
    for source in DataSource::KNOWN.into_iter().filter(|source| *source != DataSource::Shapes) {
        assert!(Download::official(source).unwrap().iter().all(|download| download.md5.len() == 32));
    }
    insta::assert_snapshot!(Download::official(DataSource::Shapes).unwrap_err(), @"Shapes is generated while training, so there is nothing to download");
}

/// A small Fashion-MNIST of gzip files on servers of its own, and what is needed to get it.
fn fashion() -> (TempDir, Vec<Download>, Vec<Server>) {
    let folder = tempfile::tempdir().unwrap();
    fixture::write_idx(folder.path(), 2, true);
    let (mut downloads, mut servers) = (Vec::new(), Vec::new());
    for official in Download::official(DataSource::FashionMnist).unwrap() {
        let content = fs::read(folder.path().join(&official.archive_name)).unwrap();
        let server = Server::start(&content, &[Reply::Range]);
        downloads.push(Download { url: server.url.clone(), md5: md5_hex(&content), ..official });
        servers.push(server);
    }
    (tempfile::tempdir().unwrap(), downloads, servers)
}

#[test]
fn several_files_become_visible_together() {
    let (folder, downloads, servers) = fashion();
    let get = || get(&downloads, folder.path(), PATIENCE, &mut |_, _| {});
    let place = folder.path().join("fashion-mnist");
    // A file that is not the right one stops everything; the others are kept for the next try.
    let collecting = folder.path().join("fashion-mnist.downloading");
    fs::create_dir(&collecting).unwrap();
    fs::write(collecting.join("t10k-labels-idx1-ubyte.gz"), "another file").unwrap();
    let error = get().unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Checksum { .. }), "{error}");
    assert!(!place.exists());

    let Outcome::Unpacked(summary) = get().unwrap() else { panic!("it was not there") };
    assert_eq!((summary.train_images, summary.test_images, summary.folder), (20, 20, Some(place)));
    assert!(servers.iter().all(|server| server.starts() == [0]), "each file is downloaded once");
    assert!(matches!(get().unwrap(), Outcome::Kept(_)));
    assert!(!collecting.exists());
}
