//! Makes the decoder notice what is missing of a JPEG file and what is too much.
//!
//! By itself it fills up what ends early and passes over what is left, in its strict mode too. So this walks over the
//! markers, puts bits that are no code where the entropy-coded data end, and sees where the decoder looks for the next
//! marker. What then fails is what libjpeg calls corrupt; `docs/fidelity.md` has the counts. A flipped bit that leaves
//! all codes as long as they were cannot be noticed by any decoder.

use std::{cell::Cell, ops::Range};

use zune_core::bytestream::{ZByteIoError, ZByteReaderTrait, ZCursor, ZSeekFrom};

/// Ones, which are a code in no table, and the zeros that stand behind 0xff among codes: enough to complete what ends
/// early and to go on.
const NO_CODE: [[u8; 2]; 16] = [[0xff, 0]; 16];

const TRUNCATED: &str = "the JPEG data are truncated: they have no end marker";
const SURPLUS: &str = "damaged JPEG data: bytes that belong to no pixel";
const MARKER: &str = "damaged JPEG data: a marker among the pixels";

/// A file whose markers are where they should be.
pub struct Jpeg {
    /// Whether an Adobe program wrote it.
    pub adobe: bool,
    /// Its segments and scans, up to the end of the image, with [`NO_CODE`].
    bytes: Vec<u8>,
    /// Where entropy-coded data are in those.
    coded: Vec<Range<usize>>,
    surplus: Cell<bool>,
}

/// What the headers of frame and scans say.
#[derive(Default)]
struct Frame {
    progressive: bool,
    /// Identifiers of the components.
    components: Vec<u8>,
    /// Those that scans have held.
    seen: Vec<u8>,
    scans: usize,
    /// Whether restart markers are in the data.
    restarts: bool,
}

impl Jpeg {
    /// Walks over a file up to the end of its image, or says what is wrong.
    pub fn prepare(file: &[u8]) -> Result<Self, &'static str> {
        let bytes = Vec::with_capacity(file.len() + NO_CODE.as_flattened().len());
        let mut jpeg = Self { adobe: false, bytes, coded: Vec::new(), surplus: Cell::new(false) };
        let (mut frame, mut rest) = (Frame::default(), file);
        loop {
            let start = rest.iter().position(|&byte| byte == 0xff).ok_or(TRUNCATED)?;
            // Between two segments of a header, it costs no pixel.
            if start > 0 && frame.scans > 0 {
                return Err(SURPLUS);
            }
            let &[_, marker, ref after @ ..] = &rest[start..] else { return Err(TRUNCATED) };
            rest = match (marker, after) {
                // Fill bytes.
                (0xff, _) => &rest[start + 1..],
                (0xd8, _) if jpeg.bytes.is_empty() => {
                    jpeg.bytes.extend([0xff, marker]);
                    after
                }
                // Without content or meaning here.
                (0x00 | 0x01 | 0xd0..=0xd8, _) => after,
                (0xd9, _) => return jpeg.end(&frame),
                (_, &[high, low, ..]) => {
                    let length = usize::from(u16::from_be_bytes([high, low])).max(2);
                    let (segment, after) = after.split_at_checked(length).ok_or(TRUNCATED)?;
                    jpeg.adobe |= marker == 0xee && segment[2..].starts_with(b"Adobe");
                    frame.understand(marker, &segment[2..])?;
                    jpeg.bytes.extend([0xff, marker]);
                    jpeg.bytes.extend(segment);
                    if marker == 0xda { jpeg.scan(&frame, after)? } else { after }
                }
                _ => return Err(TRUNCATED),
            };
        }
    }

    /// Takes the entropy-coded data of a scan; returns what follows them.
    fn scan<'a>(&mut self, frame: &Frame, mut data: &'a [u8]) -> Result<&'a [u8], &'static str> {
        for number in (0..8).cycle() {
            let is_marker = |&place: &usize| data.get(place + 1).is_some_and(|&next| next != 0);
            let length = memchr::memchr_iter(0xff, data).find(is_marker).ok_or(TRUNCATED)?;
            let start = self.bytes.len();
            self.bytes.extend(&data[..length]);
            self.coded.push(start..self.bytes.len());
            data = &data[length..];
            let fill = data.iter().take_while(|&&byte| byte == 0xff).count();
            match data.get(fill) {
                Some(marker @ 0xd0..=0xd7) if frame.restarts && *marker == 0xd0 | number => {
                    self.bytes.extend(NO_CODE.as_flattened());
                    self.bytes.extend([0xff, *marker]);
                    data = &data[fill + 1..];
                }
                Some(0xd0..=0xd7) => return Err(MARKER),
                _ => break,
            }
        }
        Ok(data)
    }

    fn end(mut self, frame: &Frame) -> Result<Self, &'static str> {
        if frame.scans == 0 {
            return Err("the JPEG data hold no image");
        }
        if !frame.components.iter().all(|component| frame.seen.contains(component)) {
            return Err("damaged JPEG data: a color component is missing");
        }
        // The decoder wants the marker right behind the first of several scans.
        if !(frame.progressive && frame.scans == 1) {
            self.bytes.extend(NO_CODE.as_flattened());
        }
        self.bytes.extend([0xff, 0xd9]);
        Ok(self)
    }

    /// For the decoder; what it makes of it counts only if [`Self::finish`] says so.
    pub fn reader(&self) -> Reader<'_> {
        Reader { cursor: ZCursor::new(&self.bytes), jpeg: self }
    }

    /// Fails if the decoder has left something.
    pub fn finish(&self) -> Result<(), &'static str> {
        if self.surplus.get() { Err(SURPLUS) } else { Ok(()) }
    }
}

impl Frame {
    /// Learns what a segment says, and whether it may stand where it does.
    fn understand(&mut self, marker: u8, content: &[u8]) -> Result<(), &'static str> {
        // One scan with all components is all of the picture, unless it is progressive.
        let complete = !self.progressive && self.scans == 1 && self.seen.len() == self.components.len();
        // Tables, further scans and comments.
        if complete || self.scans > 0 && !matches!(marker, 0xc4 | 0xda | 0xdb | 0xdd | 0xe0..=0xef | 0xfe) {
            return Err(MARKER);
        }
        let identifiers = |count: Option<&u8>, size: usize, content: &[u8]| -> Vec<u8> {
            content.chunks_exact(size).map(|part| part[0]).take(count.map_or(0, |&count| count.into())).collect()
        };
        match marker {
            0xc0..=0xc2 => {
                self.progressive = marker == 0xc2;
                self.components = identifiers(content.get(5), 3, content.get(6..).unwrap_or_default());
            }
            0xda => {
                self.scans += 1;
                self.seen.extend(identifiers(content.first(), 2, content.get(1..).unwrap_or_default()));
            }
            0xdd => self.restarts = content.iter().any(|&byte| byte > 0),
            _ => {}
        }
        Ok(())
    }
}

/// Reads a prepared file and notices what is passed over.
pub struct Reader<'a> {
    cursor: ZCursor<&'a Vec<u8>>,
    jpeg: &'a Jpeg,
}

impl ZByteReaderTrait for Reader<'_> {
    #[inline(always)]
    fn read_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        // Codes are read four bytes at a time, or without errors; markers are looked for like this.
        if buffer.len() == 1 {
            let at = self.cursor.z_position()? as usize;
            let coded = &self.jpeg.coded;
            let before = coded.partition_point(|range| range.start <= at);
            if coded[..before].last().is_some_and(|range| range.contains(&at)) {
                self.jpeg.surplus.set(true);
            }
        }
        self.cursor.read_exact_bytes(buffer)
    }

    #[inline(always)]
    fn read_byte_no_error(&mut self) -> u8 {
        self.cursor.read_byte_no_error()
    }

    fn read_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        self.cursor.read_bytes(buffer)
    }

    fn peek_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        self.cursor.peek_bytes(buffer)
    }

    fn peek_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        self.cursor.peek_exact_bytes(buffer)
    }

    #[inline(always)]
    fn z_seek(&mut self, from: ZSeekFrom) -> Result<u64, ZByteIoError> {
        self.cursor.z_seek(from)
    }

    #[inline(always)]
    fn is_eof(&mut self) -> Result<bool, ZByteIoError> {
        self.cursor.is_eof()
    }

    fn z_position(&mut self) -> Result<u64, ZByteIoError> {
        self.cursor.z_position()
    }

    fn read_remaining(&mut self, sink: &mut Vec<u8>) -> Result<usize, ZByteIoError> {
        self.cursor.read_remaining(sink)
    }
}
