//! A grid of images as one PNG picture, to look at a data set or at what augmentation does to it.

mod letters;

use super::{augment::square, data::Picture};

/// Height and width that small images are enlarged to, as nearly as a whole factor can, in pixels.
const CELL: usize = 96;
/// White space around each image in pixels.
const GAP: usize = 4;
/// Gray level of letters.
const INK: u8 = 40;

/// A square color image of 8 bits per channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb8Image {
    size: usize,
    pixels: Vec<u8>,
}

impl Rgb8Image {
    /// An image of `size` × `size` pixels, row by row, RGB interleaved; panics if their number is another.
    pub fn new(size: usize, pixels: &[u8]) -> Self {
        assert_eq!(pixels.len(), size * size * 3, "number of channel values of a {size} x {size} image");
        Self { size, pixels: pixels.to_owned() }
    }

    /// Like [`Rgb8Image::new`], from values of 0 to 1: each is clamped to that range, scaled to 255 and rounded to
    /// the nearest whole number, halves up; NaN becomes 0.
    pub fn from_unit(size: usize, pixels: &[f32]) -> Self {
        let bytes: Vec<_> = pixels.iter().map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
        Self::new(size, &bytes)
    }

    /// The central square of a picture, resized to `size`.
    pub fn of_picture(size: usize, picture: Picture<'_>) -> Self {
        let mut pixels = vec![0.0; size * size * 3];
        square(picture, size).interleave(&mut pixels);
        Self::from_unit(size, &pixels)
    }

    /// The bytes of a PNG file with this image, not enlarged.
    pub fn to_png(&self) -> Result<Vec<u8>, png::EncodingError> {
        encode(self.size, self.size, &self.pixels)
    }

    /// By how much each pixel is enlarged.
    fn factor(&self) -> usize {
        (CELL / self.size.max(1)).max(1)
    }

    /// Height and width once enlarged, in pixels.
    fn enlarged(&self) -> usize {
        self.size * self.factor()
    }
}

/// A row of images with a few words before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What the row shows; what is not in Latin letters is drawn as question marks.
    pub label: String,
    /// From left to right.
    pub images: Vec<Rgb8Image>,
}

/// Draws rows of images on white, each enlarged by a whole factor without smoothing; returns the bytes of a PNG file.
///
/// Rows may differ in length and images in size. Fails only if the picture is too large for the format.
pub fn contact_sheet(rows: &[Row]) -> Result<Vec<u8>, png::EncodingError> {
    let columns = rows.iter().map(|row| row.images.len()).max().unwrap_or(0);
    let cell = rows.iter().flat_map(|row| &row.images).map(Rgb8Image::enlarged).max().unwrap_or(0);
    let longest = rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
    let margin = if longest == 0 { 0 } else { longest * letters::ADVANCE + 2 * GAP };
    let extent = |cells: usize| GAP + cells * (cell + GAP);
    let (width, height) = (margin + extent(columns), extent(rows.len()));

    let mut sheet = vec![255; width * height * 3];
    for (number, row) in rows.iter().enumerate() {
        let middle = extent(number) + cell.saturating_sub(letters::HEIGHT) / 2;
        letters::write(&row.label, |x, y| {
            if let Some(pixel) = sheet.get_mut(((middle + y) * width + 2 * GAP + x) * 3..) {
                pixel.iter_mut().take(3).for_each(|value| *value = INK);
            }
        });
        for (column, image) in row.images.iter().enumerate() {
            draw(image, &mut sheet, width, margin + extent(column), extent(number));
        }
    }
    encode(width, height, &sheet)
}

/// The bytes of a PNG file with the given RGB values.
fn encode(width: usize, height: usize, pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, saturating_u32(width), saturating_u32(height));
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// Copies an image, enlarged, into a sheet of the given width, with its upper left corner at (`left`, `top`).
fn draw(image: &Rgb8Image, sheet: &mut [u8], width: usize, left: usize, top: usize) {
    let factor = image.factor();
    for y in 0..image.enlarged() {
        for x in 0..image.enlarged() {
            let from = (y / factor * image.size + x / factor) * 3;
            let to = ((top + y) * width + left + x) * 3;
            sheet[to..to + 3].copy_from_slice(&image.pixels[from..from + 3]);
        }
    }
}

/// Too large a number becomes one that the encoder refuses.
fn saturating_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Width, height and pixels of a PNG file.
    fn decode(bytes: &[u8]) -> (usize, usize, Vec<[u8; 3]>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let pixels = pixels.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2]]).collect();
        (info.width as usize, info.height as usize, pixels)
    }

    fn row_of(label: &str, images: Vec<Rgb8Image>) -> Row {
        Row { label: label.to_owned(), images }
    }

    #[test]
    fn images_lie_side_by_side_on_white() {
        let (red, blue) = (Rgb8Image::new(1, &[255, 0, 0]), Rgb8Image::new(1, &[0, 0, 255]));
        let two = Rgb8Image::new(2, &[1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
        let (width, height, pixels) =
            decode(&contact_sheet(&[row_of("", vec![red, blue]), row_of("", vec![two])]).unwrap());
        assert_eq!((width, height), (4 + 100 + 100, 4 + 100 + 100));
        let at = |x: usize, y: usize| pixels[y * width + x];
        assert_eq!([at(4, 4), at(99, 99), at(104, 4)], [[255, 0, 0], [255, 0, 0], [0, 0, 255]]);
        assert_eq!([at(3, 4), at(100, 4), at(203, 203), at(104, 104)], [[255; 3]; 4], "gaps and the empty cell");
        assert_eq!([at(4, 104), at(52, 104), at(51, 152), at(52, 152)], [[1; 3], [2; 3], [3; 3], [4; 3]]);
    }

    #[test]
    fn large_images_keep_their_size() {
        let large = Rgb8Image::new(100, &[7; 30_000]);
        let (width, height, pixels) = decode(&contact_sheet(&[row_of("", vec![large])]).unwrap());
        assert_eq!((width, height), (108, 108));
        assert_eq!(pixels.iter().filter(|&&pixel| pixel == [7; 3]).count(), 10_000);
    }

    #[test]
    fn no_images_make_a_blank_sheet() {
        let (width, height, pixels) = decode(&contact_sheet(&[]).unwrap());
        assert_eq!((width, height, pixels), (4, 4, vec![[255; 3]; 16]));
    }

    #[test]
    fn unit_values_are_clamped_and_rounded() {
        let values = [-0.5, 0.0, 0.49 / 255.0, 0.5 / 255.0, 1.0, 1.5, f32::NAN, 0.5, f32::INFINITY, 0.2, 0.4, 0.6];
        let image = Rgb8Image::from_unit(2, &values);
        assert_eq!(image.pixels, [0, 0, 0, 1, 255, 255, 0, 128, 255, 51, 102, 153]);
    }

    #[test]
    fn labels_stand_before_the_images() {
        let rows = ["zero", "i"].map(|label| row_of(label, vec![Rgb8Image::new(1, &[9; 3])]));
        let (width, _, pixels) = decode(&contact_sheet(&rows).unwrap());
        assert_eq!(width, 4 * 16 + 8 + 4 + 100);
        let dark = |rows: std::ops::Range<usize>| {
            let inked = |&&place: &&usize| pixels[place] == [INK; 3];
            let places: Vec<usize> = (rows.start * width..rows.end * width).collect();
            places.iter().filter(inked).count()
        };
        // Fifteen dark pixels make an i, each drawn as two by two; they stand in the middle of the second row.
        assert_eq!((dark(104..204), dark(144..160)), (4 * 15, 4 * 15));
        assert!(dark(4..104) > 4 * 15);
    }
}
