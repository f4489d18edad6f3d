//! Decoding and reducing against Pillow, and files that are no pictures.

use std::{fs, path::Path};

use serde::Deserialize;

use crate::train::data::folder::{
    decode::{Rgb, decode},
    resize::reduce,
};

#[derive(Deserialize)]
struct Fixture {
    height: usize,
    width: usize,
    files: Vec<Expected>,
    reduced: Vec<Reduced>,
}

#[derive(Deserialize)]
struct Expected {
    name: String,
    kind: String,
    rgb: String,
}

#[derive(Deserialize)]
struct Reduced {
    height: usize,
    width: usize,
    rgb: String,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../../../../tests/fixtures/pictures.json")).unwrap()
}

/// A file beside the fixture.
pub fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures").join(name)).unwrap()
}

/// The differences of the decoded picture from the values in hexadecimal digits, by index.
fn differences(picture: &Rgb, hex: &str) -> Vec<(usize, u8)> {
    assert_eq!(hex.len(), 2 * picture.pixels.len());
    let value = |index: usize| u8::from_str_radix(&hex[2 * index..][..2], 16).unwrap();
    picture.pixels.iter().enumerate().map(|(index, &found)| (index, found.abs_diff(value(index)))).collect()
}

#[test]
fn pictures_are_decoded_as_pillow_does() {
    // A sample of the inverse cosine transform may be off by 1 (ISO/IEC 10918-2). Of three samples a color is made:
    // B = Y + 1.772 Cb is off by 2.8 and half a rounding, below 4. Where color has fewer samples, the weighted mean of
    // neighbors rounds once more, by up to 1. Inks are products of two values off by 1 each, in 255ths: 2; in YCCK one
    // of them is a color first.
    let allowed = |kind: &str| match kind {
        "exact" => 0,
        "plane" => 1,
        "inks" => 2,
        "full" => 3,
        "subsampled" => 5,
        "ycck" => 6,
        other => panic!("{other}"),
    };
    let fixture = fixture();
    for Expected { name, kind, rgb } in &fixture.files {
        let picture = decode(&file(name)).unwrap();
        assert_eq!((picture.height, picture.width), (fixture.height, fixture.width), "{name}");
        let same = fixture.files.iter().find(|other| other.name == *rgb);
        let far = differences(&picture, same.map_or(rgb, |same| &same.rgb));
        // What lies beyond the right and the lower edge is not part of the standard: some decoders mix the last
        // pixels' color with the padding, others with themselves. That is a quarter of the difference of two samples.
        let edge = |&(index, _): &(usize, u8)| {
            kind == "subsampled"
                && (index / 3 % picture.width == picture.width - 1 || index / 3 / picture.width == picture.height - 1)
        };
        let (edge, inner): (Vec<_>, Vec<_>) = far.into_iter().partition(edge);
        let most = |found: &[(usize, u8)]| found.iter().map(|(_, difference)| *difference).max().unwrap_or(0);
        assert!(most(&inner) <= allowed(kind), "{name} differs by {}", most(&inner));
        assert!(most(&edge) <= 12, "{name} differs at the edge by {}", most(&edge));
    }
    assert_eq!(fixture.files.len(), 20);
}

#[test]
fn pictures_are_reduced_as_pillow_does() {
    // The same arithmetic but for weights of 22 bits in Pillow: a value beside one half may be rounded the other way,
    // between the directions (times weights of magnitudes that add up to less than 2) and at the end.
    let original = decode(&file("rgb.png")).unwrap();
    for Reduced { height, width, rgb } in &fixture().reduced {
        let picture = reduce(original.clone(), *height);
        assert_eq!((picture.height, picture.width), (*height, *width));
        assert!(differences(&picture, rgb).iter().all(|(_, difference)| *difference <= 2));
    }
}

#[test]
fn no_part_of_a_file_passes_for_the_whole() {
    for name in ["usual.jpeg", "progressive.JPEG", "cmyk-adobe.jpg", "palette.png", "rgb.png"] {
        let bytes = file(name);
        let whole = decode(&bytes).unwrap();
        for length in 0..bytes.len() {
            // The end of a PNG file holds no pixels.
            let part = decode(&bytes[..length]);
            assert!(part.is_err() || name.ends_with("png") && part == Ok(whole.clone()), "{name} cut at {length}");
        }
        assert_eq!(decode(&[&bytes[..], b"and more"].concat()), Ok(whole), "{name}");
    }
}

#[test]
fn files_that_are_no_pictures_say_why() {
    let reason = |bytes: &[u8]| decode(bytes).unwrap_err();
    let jpeg = file("usual.jpeg");
    insta::assert_snapshot!(reason(b""), @"the file is empty");
    insta::assert_snapshot!(reason(b"<html>"), @"neither a JPEG nor a PNG file");
    insta::assert_snapshot!(reason(&jpeg[..800]), @"the JPEG data are truncated: they have no end marker");
    insta::assert_snapshot!(reason(&jpeg[..3]), @"the JPEG data are truncated: they have no end marker");
    insta::assert_snapshot!(reason(b"\xff\xd8\xff\xd9"), @"the JPEG data hold no image");
    insta::assert_snapshot!(reason(&file("rgb.png")[..800]), @"damaged PNG data: unexpected end of file");
    let mut png = file("rgb.png");
    png[900] ^= 1;
    assert!(reason(&png).starts_with("damaged PNG data: CRC error"));
    let mut large = jpeg.clone();
    let frame = large.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    large[frame + 5..frame + 9].fill(0xff);
    insta::assert_snapshot!(reason(&large), @"65535 × 65535 pixels are no possible size");
}
