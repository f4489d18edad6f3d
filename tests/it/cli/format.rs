//! `ablate fmt`: what is rewritten, what is refused, what is listed.

use std::{
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    process::Stdio,
};

use super::{Lab, SWEEP};

#[test]
fn files_are_rewritten_once() {
    let lab = Lab::new();
    let path = lab.path("tiny.ron");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("tiny.ron", lab.path("link.ron")).unwrap();
    let (code, out, told) = lab.ablate(&["fmt", "--check", "tiny.ron"]);
    assert_eq!((code, out.as_str()), (1, "tiny.ron\n"), "{told}");
    assert!(told.contains("1 of 1 files would change"), "{told}");
    assert_eq!(fs::read_to_string(&path).unwrap(), SWEEP);
    let (code, out, told) = lab.ablate(&["fmt", "link.ron"]);
    assert_eq!((code, out.as_str(), told.as_str()), (0, "link.ron: formatted\n", ""));
    let formatted = fs::read_to_string(&path).unwrap();
    assert!(formatted != SWEEP && formatted.contains("    evaluations: { \"linear\": () },\n"), "{formatted}");
    assert!(fs::symlink_metadata(lab.path("link.ron")).unwrap().is_symlink());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    // What is right already is not even touched.
    let before = fs::metadata(&path).unwrap().ino();
    assert_eq!(lab.ablate(&["fmt", "tiny.ron"]), (0, String::new(), String::new()));
    assert_eq!(fs::metadata(&path).unwrap().ino(), before);
    assert_eq!(lab.ablate(&["fmt", "--check", "tiny.ron", "link.ron"]).0, 0);
    assert_eq!(lab.ablate(&["check", "tiny.ron"]).0, 0);
    let left: Vec<_> = fs::read_dir(lab.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".tmp")), "{left:?}");
}

#[test]
fn wrong_files_are_refused_and_others_formatted() {
    let lab = Lab::new();
    let wrong = SWEEP.replace("seeds: [0, 1],", "seeds: [0, 1)");
    fs::write(lab.path("wrong.ron"), &wrong).unwrap();
    let (code, out, told) = lab.ablate(&["fmt", "wrong.ron", "tiny.ron", "missing.ron"]);
    assert_eq!((code, out.as_str()), (2, "tiny.ron: formatted\n"), "{told}");
    assert!(told.contains("--> wrong.ron:19:17") && told.contains("cannot read missing.ron"), "{told}");
    assert!(told.contains("2 of 3 files cannot be formatted"), "{told}");
    assert_eq!(fs::read_to_string(lab.path("wrong.ron")).unwrap(), wrong);
}

#[test]
fn standard_input_is_printed() {
    let lab = Lab::new();
    let mut child = lab.command(&["fmt", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"(a:[1,2])").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "(a: [1, 2])\n");
}

#[test]
fn bytes_that_are_no_text_are_shown() {
    let lab = Lab::new();
    let mut bytes = SWEEP.as_bytes().to_vec();
    let place = SWEEP.find("Tiny").unwrap();
    bytes[place] = 0xfc;
    fs::write(lab.path("latin.ron"), &bytes).unwrap();
    let (code, _, told) = lab.ablate(&["check", "latin.ron"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(told, @r#"
        error: byte 15 of the file is 0xfc, which is not UTF-8
         --> latin.ron:2:13
          |
        2 |     title: "�iny",
          |             ^ not text
          |
          = help: save the file as UTF-8
        error: the sweep file is wrong
    "#);
    let wide: Vec<u8> = SWEEP.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(lab.path("wide.ron"), [&[0xff, 0xfe][..], &wide].concat()).unwrap();
    assert!(lab.ablate(&["fmt", "wide.ron"]).2.contains("the file is UTF-16"));
    // A byte order mark says nothing and hurts nobody.
    fs::write(lab.path("marked.ron"), format!("\u{feff}{SWEEP}")).unwrap();
    assert_eq!(lab.ablate(&["check", "marked.ron"]).0, 0);
}
