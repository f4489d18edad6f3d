//! Letters of 8 × 8 pixels, enlarged, for labels in pictures.

use font8x8::{BASIC_FONTS, LATIN_FONTS, UnicodeFonts};

/// Pixels from one letter to the next.
pub(super) const ADVANCE: usize = 8 * SCALE;
/// Height of a letter.
pub(super) const HEIGHT: usize = 8 * SCALE;
/// By how much letters are enlarged.
const SCALE: usize = 2;

/// Calls `ink` with the place of every dark pixel of a text, from its upper left corner. What is not in Latin letters
/// becomes question marks.
pub(super) fn write(text: &str, mut ink: impl FnMut(usize, usize)) {
    for (place, letter) in text.chars().enumerate() {
        let glyph = BASIC_FONTS.get(letter).or_else(|| LATIN_FONTS.get(letter)).or_else(|| BASIC_FONTS.get('?'));
        // One byte a row, the leftmost pixel lowest.
        let rows = glyph.unwrap_or_default();
        for (y, x) in (0..HEIGHT).flat_map(|y| (0..ADVANCE).map(move |x| (y, x))) {
            if rows[y / SCALE] >> (x / SCALE) & 1 == 1 {
                ink(place * ADVANCE + x, y);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pixels of a text before they are enlarged.
    fn drawn(text: &str) -> String {
        let mut rows = vec![vec![' '; text.chars().count() * 8]; 8];
        write(text, |x, y| rows[y / SCALE][x / SCALE] = '#');
        rows.into_iter().map(|row| row.into_iter().collect::<String>().trim_end().to_owned() + "\n").collect()
    }

    #[test]
    fn names_of_classes_can_be_read() {
        insta::assert_snapshot!(drawn("n0/T-é"), @"
                 #####       ## ######             ###
                ##   ##     ##  # ## #
        #####   ##  ###    ##     ##             ####
        ##  ##  ## ####   ##      ##    ######  ##  ##
        ##  ##  #### ##  ##       ##            ######
        ##  ##  ###  ## ##        ##            ##
        ##  ##   #####  #        ####            ####
        ");
        let all = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.,:;()[]'&+";
        let glyphs: std::collections::BTreeSet<_> = all.chars().map(|letter| drawn(&letter.to_string())).collect();
        assert_eq!(glyphs.len(), all.len(), "no two look alike, and none is blank");
        assert!(!glyphs.contains(&drawn("?")) && !glyphs.contains(&drawn(" ")));
        assert_eq!(drawn("猫"), drawn("?"));
    }
}
