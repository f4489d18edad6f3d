//! The font of all drawings, which is part of the program: labels are as wide as they are measured on every machine.

use std::{collections::BTreeMap, sync::LazyLock};

use skrifa::{
    FontRef, MetadataProvider,
    instance::{LocationRef, Size},
};
use unicode_width::UnicodeWidthChar;

/// DejaVu Sans, reduced to Latin, Greek, Cyrillic and mathematical signs; its license is beside it.
pub(super) const DATA: &[u8] = include_bytes!("font/DejaVuSans.ttf");

/// What drawings ask for: this font, one of the same widths, any.
pub(super) const FAMILIES: &str = "DejaVu Sans, Verdana, sans-serif";

/// Widths of characters at size 1.
static ADVANCES: LazyLock<BTreeMap<u32, f64>> = LazyLock::new(|| {
    let Ok(font) = FontRef::new(DATA) else { return BTreeMap::new() };
    let metrics = font.glyph_metrics(Size::new(1.0), LocationRef::default());
    let advance = |glyph| metrics.advance_width(glyph).map(f64::from);
    font.charmap().mappings().filter_map(|(character, glyph)| Some((character, advance(glyph)?))).collect()
});

/// Width of a text in pixels.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let advance = |character: char| {
        // What the font lacks is drawn by another one, where there is one.
        let elsewhere = if character.width() == Some(2) { 1.0 } else { 0.65 };
        ADVANCES.get(&u32::from(character)).copied().unwrap_or(elsewhere)
    };
    size * text.chars().map(advance).sum::<f64>()
}

/// Whether pictures of pixels can show a character.
pub(super) fn has(character: char) -> bool {
    character.is_ascii() || ADVANCES.contains_key(&u32::from(character))
}

/// Width of the widest of some texts.
pub(super) fn widest<'t>(texts: impl IntoIterator<Item = &'t str>, size: f64) -> f64 {
    texts.into_iter().map(|text| width(text, size)).fold(0.0, f64::max)
}

/// The text, its end replaced by … if it is wider than `room`.
pub(super) fn fit(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = width("…", size);
    for character in text.chars() {
        used += width(character.encode_utf8(&mut [0; 4]), size);
        if used > room {
            break;
        }
        kept.push(character);
    }
    kept.truncate(kept.trim_end().len());
    kept + "…"
}

/// The label, its middle replaced by … if it is wider than `room`: labels often differ at the end.
pub(super) fn fit_label(label: &str, size: f64, room: f64) -> String {
    if width(label, size) <= room {
        return label.to_owned();
    }
    let head = fit(label, size, 0.55 * room);
    let mut tail = String::new();
    for character in label.chars().rev() {
        let longer = format!("{character}{tail}");
        if width(&head, size) + width(&longer, size) > room {
            break;
        }
        tail = longer;
    }
    head + tail.trim_start()
}

/// The text in lines that are at most `room` wide, broken between words; longer words are cut.
pub(super) fn wrap(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(word, size) + width(" ", size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fit(word, size, room)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        // DejaVu Sans has 2048 units per em; a space takes 651 of them, an M 1767.
        assert!((width(" ", 2048.0) - 651.0).abs() < 0.5);
        assert!((width("M M", 2048.0) - (651.0 + 2.0 * 1767.0)).abs() < 0.5);
        assert!(width("iii", 10.0) < width("MMM", 10.0));
    }

    #[test]
    fn the_font_has_what_our_own_texts_need() {
        for character in "aZ09 %()+-−–—×±τ≤≥→…√²¹αβ·°✓✗éß".chars() {
            assert!(ADVANCES.contains_key(&u32::from(character)), "{character}");
        }
    }

    #[test]
    fn long_texts_are_cut_and_wrapped() {
        assert_eq!(fit("short", 10.0, 100.0), "short");
        let cut = fit("a label of many words", 10.0, 60.0);
        assert!(cut.ends_with('…') && cut.starts_with("a label") && width(&cut, 10.0) <= 60.0, "{cut}");
        let (one, other) = ("a label of many words, one", "a label of many words, two");
        let cut = [one, other].map(|label| fit_label(label, 10.0, 80.0));
        assert!(cut[0] != cut[1] && cut[0].starts_with("a la") && cut[0].ends_with("one"), "{cut:?}");
        assert!(cut.iter().all(|label| label.contains('…') && width(label, 10.0) <= 80.0), "{cut:?}");
        let lines = wrap("one two three four", 10.0, 50.0);
        assert_eq!(lines.join(" "), "one two three four");
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 10.0) <= 50.0));
        assert_eq!(wrap("", 10.0, 50.0), [""]);
    }
}
