//! Made-up data sets for tests.

use std::{fs, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};

/// Writes all files of CIFAR-10 with `per_class` images of each class in each, creating the folder.
///
/// The pixels of no two images are equal.
pub fn write_cifar10(folder: &Path, per_class: u8) {
    fs::create_dir_all(folder).unwrap();
    let names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
    fs::write(folder.join("batches.meta.txt"), names).unwrap();
    for file in 0..6 {
        let mut bytes = Vec::new();
        for label in 0..10 {
            for number in 0..per_class {
                bytes.push(label);
                bytes.extend([file, label, number, 200].iter().cycle().take(3072));
            }
        }
        let name = if file == 0 { "test_batch.bin".to_owned() } else { format!("data_batch_{file}.bin") };
        fs::write(folder.join(name), bytes).unwrap();
    }
}

/// Writes all files of an IDX data set with `per_class` images of each class in both halves, compressed or not.
///
/// The pixels of no two images are equal: the first has the label, the second the number of the image in its class.
pub fn write_idx(folder: &Path, per_class: u8, compressed: bool) {
    fs::create_dir_all(folder).unwrap();
    let count = u32::from(per_class) * 10;
    for (begin, half) in [("train", 0), ("t10k", 1)] {
        let mut images = [0x0803, count, 28, 28].map(u32::to_be_bytes).concat();
        let mut labels = [0x0801, count].map(u32::to_be_bytes).concat();
        for label in 0..10 {
            for number in 0..per_class {
                labels.push(label);
                images.extend([label, number, half]);
                images.resize(images.len() + 28 * 28 - 3, 100);
            }
        }
        for (name, bytes) in [("images-idx3", images), ("labels-idx1", labels)] {
            let path = folder.join(format!("{begin}-{name}-ubyte"));
            if compressed {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(&bytes).unwrap();
                fs::write(path.with_extension("gz"), encoder.finish().unwrap()).unwrap();
            } else {
                fs::write(path, bytes).unwrap();
            }
        }
    }
}

/// A PNG file of one color.
pub fn png(height: u32, width: u32, value: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let pixels = vec![value; (height * width * 3) as usize];
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}
