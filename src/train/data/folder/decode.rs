//! JPEG and PNG files → 8-bit RGB, as Pillow's `convert("RGB")` has it.
//!
//! The content decides, not the name: ImageNet has a PNG file and CMYK JPEG files under the name `.JPEG`. As in
//! TensorFlow and torchvision, EXIF orientation and color profiles are ignored, and alpha is dropped. Of samples with
//! 16 bits the high byte is kept (Pillow does so for color, but cuts gray at 255).

use std::{io::Cursor, panic};

use png::{ColorType, Limits, Transformations};
use zune_core::{colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::jpeg::Jpeg;

/// Increase it when decoding changes: caches are then built anew.
pub const DECODER: u32 = 2;

/// Most pixels of a picture; a damaged header could ask for all memory.
const MOST_PIXELS: usize = 1 << 27;

/// A decoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// `[height, width, 3]`.
    pub pixels: Vec<u8>,
}

/// Decodes a file, or says what is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<Rgb, String> {
    // Should a decoder panic over one of a million files, the message must still name that file.
    let decoded = panic::catch_unwind(|| match bytes {
        [0xff, 0xd8, ..] => decode_jpeg(bytes),
        [0x89, b'P', b'N', b'G', ..] => decode_png(bytes),
        [] => Err("the file is empty".to_owned()),
        _ => Err("neither a JPEG nor a PNG file".to_owned()),
    });
    decoded.unwrap_or_else(|_| Err("the decoder gave up".to_owned()))
}

fn decode_jpeg(bytes: &[u8]) -> Result<Rgb, String> {
    let jpeg = Jpeg::prepare(bytes)?;
    let failed = |error: &dyn std::fmt::Debug| format!("damaged JPEG data: {error:?}");
    let options = DecoderOptions::default().set_max_width(1 << 16).set_max_height(1 << 16).set_strict_mode(true);
    let mut header = JpegDecoder::new_with_options(jpeg.reader(), options);
    header.decode_headers().map_err(|error| failed(&error))?;
    let (width, height) = header.info().map_or((0, 0), |info| (usize::from(info.width), usize::from(info.height)));
    check_size(height, width)?;
    // Inks are converted here: the decoder takes all of them for inverted, and mixes up those of YCCK.
    let output = match header.input_colorspace() {
        Some(inks @ (ColorSpace::CMYK | ColorSpace::YCCK)) => inks,
        _ => ColorSpace::RGB,
    };
    let mut decoder = JpegDecoder::new_with_options(jpeg.reader(), options.jpeg_set_out_colorspace(output));
    let decoded = decoder.decode().map_err(|error| failed(&error))?;
    jpeg.finish()?;
    let pixels = match output {
        ColorSpace::CMYK => decoded.chunks_exact(4).flat_map(|inks| inks_to_rgb(cmyk(inks), jpeg.adobe)).collect(),
        ColorSpace::YCCK => decoded.chunks_exact(4).flat_map(|inks| inks_to_rgb(ycck(inks), jpeg.adobe)).collect(),
        _ => decoded,
    };
    complete(Rgb { height, width, pixels })
}

fn cmyk(inks: &[u8]) -> [u8; 4] {
    [inks[0], inks[1], inks[2], inks[3]]
}

/// YCCK → CMYK as libjpeg does it: the inverse of the RGB that YCbCr stands for.
fn ycck(inks: &[u8]) -> [u8; 4] {
    let [y, cb, cr] = [f32::from(inks[0]), f32::from(inks[1]) - 128.0, f32::from(inks[2]) - 128.0];
    let invert = |value: f32| 255 - value.round().clamp(0.0, 255.0) as u8;
    [invert(y + 1.402 * cr), invert(y - 0.344_136 * cb - 0.714_136 * cr), invert(y + 1.772 * cb), inks[3]]
}

/// What is left of white light after each ink and the black one. Adobe's programs store inverted inks; other files are
/// read as TensorFlow does, while Pillow takes them for inverted too.
fn inks_to_rgb(inks: [u8; 4], inverted: bool) -> [u8; 3] {
    let [cyan, magenta, yellow, black] = inks.map(|ink| u32::from(if inverted { ink } else { 255 - ink }));
    [cyan, magenta, yellow].map(|light| ((light * black + 127) / 255) as u8)
}

fn decode_png(bytes: &[u8]) -> Result<Rgb, String> {
    let failed = |error: png::DecodingError| format!("damaged PNG data: {error}");
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 8 * MOST_PIXELS });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(failed)?;
    let (height, width) = (reader.info().height as usize, reader.info().width as usize);
    check_size(height, width)?;
    let mut samples = vec![0; reader.output_buffer_size().unwrap_or_default()];
    let info = reader.next_frame(&mut samples).map_err(failed)?;
    samples.truncate(info.buffer_size());
    let pixels = match info.color_type {
        ColorType::Grayscale => samples.iter().flat_map(|&gray| [gray; 3]).collect(),
        ColorType::GrayscaleAlpha => samples.chunks_exact(2).flat_map(|pixel| [pixel[0]; 3]).collect(),
        ColorType::Rgba => samples.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        ColorType::Rgb | ColorType::Indexed => samples,
    };
    complete(Rgb { height, width, pixels })
}

fn check_size(height: usize, width: usize) -> Result<(), String> {
    match height.checked_mul(width) {
        Some(1..=MOST_PIXELS) => Ok(()),
        _ => Err(format!("{width} × {height} pixels are no possible size")),
    }
}

/// Makes sure that later code may rely on the length.
fn complete(rgb: Rgb) -> Result<Rgb, String> {
    let (expected, found) = (rgb.height * rgb.width * 3, rgb.pixels.len());
    if expected == found { Ok(rgb) } else { Err(format!("{found} values were decoded instead of {expected}")) }
}
