//! The two panels of Figure 6 as one self-contained SVG picture.

use std::fmt::Write as _;

use super::{BINS, CropHistograms, Histogram};

/// Width and height of one histogram, in pixels.
const CHART: (f64, f64) = (84.0, 66.0);
/// Space between histograms, and around everything.
const GAP: f64 = 10.0;
const MARGIN: f64 = 24.0;
/// Height of the titles, and of the axis below.
const TITLE: f64 = 34.0;
const AXIS: f64 = 40.0;
/// Space between the panels.
const BETWEEN: f64 = 34.0;

/// Draws one row per image: its picture, then the histograms of its crops without and with color distortion. `pictures`
/// are PNG files, one for each row. All axes have the same range; bars that are far higher than most are cut off.
pub fn figure(rows: &[CropHistograms], pictures: &[Vec<u8>]) -> String {
    let crops = rows.iter().map(|row| row.plain.len()).max().unwrap_or(0) as f64;
    let step = (CHART.0 + GAP, CHART.1 + GAP);
    let panel = crops * step.0 - GAP;
    let lefts = [MARGIN + CHART.1 + 2.0 * GAP, MARGIN + CHART.1 + 2.0 * GAP + panel + BETWEEN];
    let width = lefts[1] + panel + MARGIN;
    let bottom = MARGIN + TITLE + rows.len() as f64 * step.1 - GAP;
    let highest = limit(rows);

    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="DejaVu Sans, Verdana, sans-serif" fill="#333">
<rect width="100%" height="100%" fill="#fff"/>
"##,
        height = bottom + AXIS
    );
    let panels = [("Without color distortion", "#4c72b0"), ("With color distortion", "#c44e52")];
    for (left, (title, color)) in lefts.into_iter().zip(panels) {
        let middle = left + panel / 2.0;
        text(&mut svg, (middle, MARGIN + 12.0), 15, "middle", title);
        text(&mut svg, (middle, bottom + 30.0), 12, "middle", "pixel intensity, all channels");
        text(&mut svg, (left, bottom + 14.0), 10, "middle", "0");
        text(&mut svg, (left + CHART.0, bottom + 14.0), 10, "middle", "1");
        for (number, row) in rows.iter().enumerate() {
            let charts = if color == panels[0].1 { &row.plain } else { &row.distorted };
            let top = MARGIN + TITLE + number as f64 * step.1;
            for (column, counts) in charts.iter().enumerate() {
                chart(&mut svg, (left + column as f64 * step.0, top), counts, highest, color);
            }
        }
    }
    for (number, picture) in pictures.iter().take(rows.len()).enumerate() {
        let (top, side, data) = (MARGIN + TITLE + number as f64 * step.1, CHART.1, base64(picture));
        let _ = writeln!(
            svg,
            r#"<image x="{MARGIN}" y="{top}" width="{side}" height="{side}" style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>"#
        );
    }
    svg + "</svg>\n"
}

/// The count at the top of all charts: somewhat more than 98 of 100 bars without distortion reach. Black and white
/// areas pile up in a single bin, which would leave everything else flat.
fn limit(rows: &[CropHistograms]) -> u32 {
    let mut counts: Vec<u32> = rows.iter().flat_map(|row| &row.plain).flatten().copied().collect();
    counts.sort_unstable();
    counts.get(counts.len() * 98 / 100).map_or(1, |count| count + count / 4 + 1)
}

/// A filled staircase on a base line.
fn chart(svg: &mut String, (left, top): (f64, f64), counts: &Histogram, highest: u32, color: &str) {
    let (bottom, right) = (top + CHART.1, left + CHART.0);
    let mut path = format!("M{left:.2} {bottom:.2}");
    for (bin, &count) in counts.iter().enumerate() {
        let share = f64::from(count.min(highest)) / f64::from(highest);
        let x = left + CHART.0 * (bin + 1) as f64 / BINS as f64;
        let _ = write!(path, "V{:.2}H{x:.2}", bottom - share * CHART.1);
    }
    let _ = writeln!(
        svg,
        r##"<rect x="{left:.2}" y="{top:.2}" width="{}" height="{}" fill="#f5f5f7"/>
<path d="{path}V{bottom:.2}Z" fill="{color}"/>
<path d="M{left:.2} {bottom:.2}H{right:.2}" stroke="#888" fill="none"/>"##,
        CHART.0, CHART.1
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), size: u32, anchor: &str, words: &str) {
    let _ = writeln!(svg, r#"<text x="{x:.2}" y="{y:.2}" font-size="{size}" text-anchor="{anchor}">{words}</text>"#);
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().enumerate().fold(0_u32, |group, (place, &byte)| group | u32::from(byte) << (16 - 8 * place));
        for digit in 0..4 {
            let known = digit <= chunk.len();
            text.push(if known { char::from(DIGITS[(group >> (18 - 6 * digit)) as usize & 63]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn every_histogram_is_drawn_on_the_same_scale() {
        let (even, mut spike) = ([3; BINS], [0; BINS]);
        spike[9] = 1000;
        let row = CropHistograms { image: 0, plain: vec![even, spike], distorted: vec![spike, even] };
        let svg = figure(&[row.clone(), row], &[vec![1], vec![2]]);
        for color in ["#4c72b0", "#c44e52"] {
            assert_eq!(svg.matches(&format!("Z\" fill=\"{color}\"")).count(), 4);
        }
        assert_eq!(svg.matches("<image ").count(), 2);
        // The top of all charts is 3 + 3 / 4 + 1 = 4: the spike is cut off there, the even bars reach three quarters.
        let (top, even) = (MARGIN + TITLE, MARGIN + TITLE + CHART.1 / 4.0);
        assert_eq!(svg.matches(&format!("V{top:.2}H")).count(), 2, "{svg}");
        assert_eq!(svg.matches(&format!("V{even:.2}H")).count(), 2 * BINS);
    }

    #[test]
    fn panels_and_rows_stand_apart() {
        let row = CropHistograms { image: 0, plain: vec![[3; BINS]; 2], distorted: vec![[3; BINS]; 2] };
        let svg = figure(&[row.clone(), row], &[vec![1], vec![2]]);
        // Margin 24, picture 66, gaps of 10, histograms of 84 × 66, 34 between the panels and above, 40 below.
        for (x, y) in [110, 204, 322, 416].into_iter().flat_map(|x| [(x, 58), (x, 134)]) {
            assert!(
                svg.contains(&format!("<rect x=\"{x}.00\" y=\"{y}.00\" width=\"84\" height=\"66\"")),
                "{x} {y}: {svg}"
            );
        }
        assert!(svg.contains("width=\"524\" height=\"240\""), "{svg}");
    }
}
