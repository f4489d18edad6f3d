//! Speed of evaluation protocols on one thread, and of scikit-learn on the same features where it is at hand.
//!
//! `cargo bench --bench evaluation`, or `ABLATE_PYTHON=/tmp/venv/bin/python cargo bench --bench evaluation`

use std::{env, error::Error, fs, hint::black_box, path::Path, process::Command, time::Instant};

use ablate::train::{
    evaluation::{Classifier, Features, Labeled, Limits, fit, grid_search, knn, log_spaced},
    random::{Purpose, Stream},
};

const DIMENSION: usize = 512;
const CLASSES: usize = 10;
const IMAGES: usize = 50_000;
/// Images of the smaller problem, and of the queries.
const FEW: usize = 10_000;
const QUERIES: usize = 2_000;
const LIMITS: Limits = Limits { iterations: 1000, gradient: 1e-4 };

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() -> Result<(), Box<dyn Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    let (values, labels) = encoded(IMAGES);
    println!("{DIMENSION} features, {CLASSES} classes, one thread; best of three unless said");
    let few = Labeled::new(Features::new(&values[..FEW * DIMENSION], DIMENSION)?, &labels[..FEW], CLASSES)?;
    let all = Labeled::new(Features::new(&values, DIMENSION)?, &labels, CLASSES)?;
    for data in [few, all] {
        for lambda in [1e-4, 1e-2] {
            let mut seconds = f64::INFINITY;
            let mut found = fit(data, lambda, Classifier::zeros(DIMENSION, CLASSES), LIMITS, &mut || true)?;
            for _ in 0..3 {
                let start = Instant::now();
                found = fit(data, lambda, Classifier::zeros(DIMENSION, CLASSES), LIMITS, &mut || true)?;
                seconds = seconds.min(start.elapsed().as_secs_f64());
            }
            println!(
                "ablate logistic n={} λ={lambda}: {seconds:.2} s, {} steps, loss {:.6}, {:?}",
                data.features.images(),
                found.iterations,
                found.loss,
                found.stop
            );
        }
    }
    let cut = FEW * 4 / 5;
    let train = Labeled::new(Features::new(&values[..cut * DIMENSION], DIMENSION)?, &labels[..cut], CLASSES)?;
    let rest = Features::new(&values[cut * DIMENSION..FEW * DIMENSION], DIMENSION)?;
    let validation = Labeled::new(rest, &labels[cut..FEW], CLASSES)?;
    let start = Instant::now();
    let search = grid_search(train, validation, &log_spaced(1e-6, 1e5, 45), LIMITS, &mut || true)?;
    let steps: usize = search.curve.iter().map(|point| point.iterations).sum();
    println!("ablate grid of 45, n={cut}+{}: {:.1} s once, {steps} steps", FEW - cut, start.elapsed().as_secs_f64());
    let queries = Features::new(&values[..QUERIES * DIMENSION], DIMENSION)?;
    let mut seconds = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        black_box(knn::weighted(all, queries, 200, 0.1)?);
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    println!("ablate kNN k=200, n={IMAGES}: {:.0} queries/s", QUERIES as f64 / seconds);
    match env::var("ABLATE_PYTHON") {
        Ok(python) => scikit_learn(&python, &values, &labels),
        Err(_) => Ok(()),
    }
}

/// Features like those of an encoder: not negative, correlated, with a direction per class.
fn encoded(count: usize) -> (Vec<f32>, Vec<u16>) {
    const FACTORS: usize = 24;
    let normal = |count: usize, number: u64| -> Vec<f32> {
        let mut stream = Stream::new(0, Purpose::Shapes, [number, 0], 0);
        (0..count).map(|_| stream.normal()).collect()
    };
    let (centers, mixing) = (normal(CLASSES * DIMENSION, 0), normal(FACTORS * DIMENSION, 1));
    let mut stream = Stream::new(0, Purpose::Shapes, [2, 0], 0);
    let labels: Vec<u16> = (0..count).map(|_| stream.below(CLASSES as u32) as u16).collect();
    let mut values = Vec::with_capacity(count * DIMENSION);
    for &label in &labels {
        let factors: [f32; FACTORS] = std::array::from_fn(|_| stream.normal());
        for column in 0..DIMENSION {
            let mixed: f32 = (0..FACTORS).map(|factor| factors[factor] * mixing[factor * DIMENSION + column]).sum();
            let center = 0.2 * centers[usize::from(label) * DIMENSION + column];
            values.push((0.3 + center + 0.15 * mixed + 0.5 * stream.normal()).max(0.0));
        }
    }
    (values, labels)
}

/// Runs `evaluation.py` on the same numbers, also on one thread.
fn scikit_learn(python: &str, values: &[f32], labels: &[u16]) -> Result<(), Box<dyn Error>> {
    let folder = env::temp_dir().join(format!("ablate-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("features.bin"), values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?;
    fs::write(folder.join("labels.bin"), labels.iter().flat_map(|label| label.to_le_bytes()).collect::<Vec<u8>>())?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/evaluation.py");
    let mut command = Command::new(python);
    command.arg(script).arg(&folder).args([DIMENSION, FEW, QUERIES].map(|number| number.to_string()));
    for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
        command.env(variable, "1");
    }
    let ended = command.status();
    fs::remove_dir_all(&folder)?;
    if ended?.success() { Ok(()) } else { Err("the Python script failed".into()) }
}
