//! JPEG files that are damaged between their first and their last byte.

use std::ops::Range;

use super::pillow::file;
use crate::train::data::folder::decode::{Rgb, decode};

/// Where the data of the last scan are, without the end marker.
fn scan(jpeg: &[u8]) -> Range<usize> {
    let start = jpeg.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let end = jpeg.windows(2).rposition(|pair| pair == [0xff, 0xd9]).unwrap();
    start + 2 + usize::from(jpeg[start + 3])..end
}

/// The file with these bytes in place of a range of it.
fn replaced(jpeg: &[u8], range: Range<usize>, by: &[u8]) -> Vec<u8> {
    [&jpeg[..range.start], by, &jpeg[range.end..]].concat()
}

/// Three gray blocks of 8 × 8 pixels, one below the other, and a restart marker after each but the last. In a block, a
/// bit says that its mean is that of the one before, and another that there is nothing else; ones fill up the byte.
fn three_blocks() -> Vec<u8> {
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    jpeg.extend([1; 64]);
    jpeg.extend([0xff, 0xc0, 0, 11, 8, 0, 24, 0, 8, 1, 1, 0x11, 0]);
    for table in [0x00, 0x10] {
        jpeg.extend([0xff, 0xc4, 0, 20, table, 1]);
        jpeg.extend([0; 16]);
    }
    jpeg.extend([0xff, 0xdd, 0, 4, 0, 1]);
    jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    jpeg.extend([0x3f, 0xff, 0xd0, 0x3f, 0xff, 0xd1, 0x3f, 0xff, 0xd9]);
    jpeg
}

#[test]
fn data_that_end_early_are_noticed() {
    for name in ["usual.jpeg", "full.jpg", "gray.jpg", "cmyk-adobe.jpg", "progressive.JPEG"] {
        let jpeg = file(name);
        let data = scan(&jpeg);
        // The last byte may hold no more than what fills it up.
        for from in data.start..data.end - 1 {
            assert!(decode(&replaced(&jpeg, from..data.end, &[])).is_err(), "{name} from {from}");
        }
    }
    let reason = |jpeg: &[u8], range: Range<usize>| decode(&replaced(jpeg, range, &[])).unwrap_err();
    let usual = file("usual.jpeg");
    let data = scan(&usual);
    insta::assert_snapshot!(reason(&usual, data.start + data.len() / 2..data.end), @r#"damaged JPEG data: "Bad Huffman Code 0xFFFF, corrupt JPEG""#);
}

#[test]
fn data_that_are_left_over_are_noticed() {
    for name in ["usual.jpeg", "full.jpg", "gray.jpg", "cmyk-adobe.jpg"] {
        let jpeg = file(name);
        let end = scan(&jpeg).end;
        let reason = decode(&replaced(&jpeg, end..end, &[0x55; 9])).unwrap_err();
        assert_eq!(reason, "damaged JPEG data: bytes that belong to no pixel", "{name}");
    }
    // Before the first scan they cost nothing.
    let usual = file("usual.jpeg");
    assert_eq!(decode(&replaced(&usual, 20..20, &[0; 9])), decode(&usual));
}

#[test]
fn markers_among_the_pixels_are_noticed() {
    let usual = file("usual.jpeg");
    let data = scan(&usual);
    for marker in [0x02, 0xc0, 0xc4, 0xd0, 0xd8, 0xd9, 0xda, 0xe1] {
        for place in (data.start..data.end - 1).filter(|place| usual[place - 1] != 0xff) {
            assert!(decode(&replaced(&usual, place..place, &[0xff, marker])).is_err(), "{marker:#x} at {place}");
        }
    }
}

#[test]
fn a_missing_component_is_noticed() {
    let full = file("full.jpg");
    let start = full.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    // A scan with the first of three.
    let header = [0xff, 0xda, 0, 8, 1, full[start + 5], full[start + 6], 0, 63, 0];
    insta::assert_snapshot!(decode(&replaced(&full, start..scan(&full).start, &header)).unwrap_err(), @"damaged JPEG data: a color component is missing");
}

#[test]
fn restart_markers_are_counted() {
    let jpeg = three_blocks();
    let gray = Rgb { height: 24, width: 8, pixels: vec![128; 24 * 8 * 3] };
    assert_eq!(decode(&jpeg), Ok(gray));
    let second = scan(&jpeg).start + 3;
    let reason = |range: Range<usize>, by: &[u8]| decode(&replaced(&jpeg, range, by)).unwrap_err();
    insta::assert_snapshot!(reason(second..second + 1, &[]), @r#"damaged JPEG data: "Bad Huffman Code 0xFFFF, corrupt JPEG""#);
    insta::assert_snapshot!(reason(second + 2..second + 3, &[0xd2]), @"damaged JPEG data: a marker among the pixels");
    insta::assert_snapshot!(reason(second + 1..second + 3, &[]), @r#"damaged JPEG data: "Bad Huffman Code 0xFCFF, corrupt JPEG""#);
    insta::assert_snapshot!(reason(second + 1..second + 1, &[0x3f; 9]), @"damaged JPEG data: bytes that belong to no pixel");
    insta::assert_snapshot!(reason(second + 1..second + 4, &[]), @r#"damaged JPEG data: "Bad Huffman Code 0xFFFF, corrupt JPEG""#);
}
