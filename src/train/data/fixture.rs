//! A made-up CIFAR-10 for tests.

use std::{fs, path::Path};

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
