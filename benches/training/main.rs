//! Whole trainings beside PyTorch's: the losses of SimCLR from the same weights on the same views, then with one thing
//! at a time done as PyTorch and torchvision do it, paired by seed.
//!
//! `ABLATE_PYTHON=/tmp/venv/bin/python cargo bench --bench training -- --data-dir ../shared/data`, where that Python has
//! torch and torchvision. One thread; what it trains is in recipe.ron, what differs in training.py.

mod losses;

use std::{
    env,
    error::Error,
    ffi::OsString,
    fs::{self, File},
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use ablate::{
    recipe::{Loss, PretrainJob, Trained, Training, Transform},
    sweep,
    train::{
        self,
        augment::{self, Adjustment, Change, Shift, changes},
        data::{self, Images, Part},
        device::{Cpu, Device, Processor},
        model::{self, ProjectionHead, ResNet},
        random::{Purpose, Stream},
    },
};
use clap::Parser;

use self::losses::Losses;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Losses of whole trainings beside PyTorch's.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// What is trained: a sweep file of one trial
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/training/recipe.ron"))]
    sweep: PathBuf,
    /// Where the data files are
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Seeds [default: those of the sweep file]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    seeds: Vec<u64>,
    /// How PyTorch trains; training.py has the list
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        default_value = "same,float64,perturbed,torchvision-drawn,weights,loop"
    )]
    ways: Vec<String>,
    /// Python with torch and torchvision
    #[arg(long, value_name = "FILE", env = "ABLATE_PYTHON")]
    python: OsString,
    /// Losses are added to this file, and the table is of all that it holds
    #[arg(long, value_name = "FILE", default_value = "/tmp/losses.txt")]
    losses: PathBuf,
    /// What `cargo bench` says
    #[arg(long, hide = true)]
    bench: bool,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() -> ExitCode {
    match compare(&Options::parse()) {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Trains with each seed on all sides; the table.
fn compare(options: &Options) -> Result<String, Box<dyn Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    let sweep = sweep::parse(&options.sweep.to_string_lossy(), &fs::read_to_string(&options.sweep)?)?;
    let trial = sweep.trials().next().ok_or("the sweep file has no trial")?;
    let seeds = if options.seeds.is_empty() { &sweep.seeds } else { &options.seeds };
    for &seed in seeds {
        let job = trial.recipe.pretrain_job(seed);
        let (Some(set), Training::Trained(trained)) = (&job.data, &job.training) else {
            return Err("the sweep file trains nothing".into());
        };
        let part = Part::train(set);
        let images = data::load(&part, options.data_dir.as_deref(), &mut data::unwatched)?.images;
        let folder = env::temp_dir().join(format!("ablate-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let trained = write(&job, trained, &images, &folder).and_then(|()| train(options, &job, &images, &folder));
        fs::remove_dir_all(&folder)?;
        trained?;
    }
    Ok(Losses::read(&options.losses)?.table())
}

/// Trains here, then there, and adds the losses of each to the file.
fn train(options: &Options, job: &PretrainJob, images: &Images, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut losses = Vec::new();
    train::pretrain(Processor::Cpu, job, images, None, &mut |report: &train::EpochReport| {
        losses.push(report.loss.to_string());
        ControlFlow::Continue(())
    })?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/training/training.py");
    let python = Command::new(&options.python).arg(script).arg(folder).arg(options.ways.join(",")).output()?;
    if !python.status.success() {
        return Err(format!("{script} failed: {}", String::from_utf8_lossy(&python.stderr)).into());
    }
    let lines = format!("ablate {}\n{}", losses.join(" "), String::from_utf8_lossy(&python.stdout));
    let mut file = File::options().create(true).append(true).open(&options.losses)?;
    for line in lines.lines() {
        writeln!(file, "{} {line}", job.seed)?;
    }
    Ok(())
}

/// Writes what training.py reads.
fn write(job: &PretrainJob, trained: &Trained, images: &Images, folder: &Path) -> Result<(), Box<dyn Error>> {
    let (schedule, encoder, device) = (&trained.schedule, &job.encoder, Device::default());
    let network = ResNet::<Cpu>::new(encoder, job.seed, &device);
    let head = trained.head.as_ref().ok_or("there is no projection head")?;
    let dimension = encoder.dimension();
    let projection = ProjectionHead::<Cpu>::new(Some(head), dimension, encoder.precision, job.seed, &device);
    let mut weights = model::tensors(&network, "");
    weights.extend(model::tensors(&projection, "projection."));
    fs::write(folder.join("weights.safetensors"), model::encode(&weights)?)?;

    let pixels: Vec<u8> = (0..images.len()).flat_map(|index| images.picture(index).pixels.to_vec()).collect();
    fs::write(folder.join("images.u8"), pixels)?;
    let create = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
    let (mut order_file, mut views_file, mut draws_file) =
        (create("order.u32")?, create("views.f32")?, create("draws.f32")?);
    for epoch in 0..schedule.epochs {
        let mut order: Vec<u32> = (0..images.len() as u32).collect();
        Stream::new(job.seed, Purpose::Order, [epoch as u64, 0], 0).shuffle(&mut order);
        order.iter().try_for_each(|index| order_file.write_all(&index.to_le_bytes()))?;
        for view in 0..2 {
            let stream =
                |index: usize| Stream::new(job.seed, Purpose::Augmentation, [epoch as u64, index as u64], view);
            let transforms = || trained.augmentation.of_view(view);
            let views = augment::views(images, images.len(), |index| (index, transforms(), stream(index)));
            views.iter().try_for_each(|value| views_file.write_all(&value.to_le_bytes()))?;
            for index in 0..images.len() {
                let picture = images.picture(index);
                let size = (picture.height, picture.width);
                let draws = draws(changes(transforms(), size, images.size, &mut stream(index)));
                draws.iter().try_for_each(|value| draws_file.write_all(&value.to_le_bytes()))?;
            }
        }
    }
    [order_file, views_file, draws_file].iter_mut().try_for_each(Write::flush)?;
    Ok(fs::write(folder.join("case.json"), case(job, trained, images)?)?)
}

/// The settings as JSON.
fn case(job: &PretrainJob, trained: &Trained, images: &Images) -> Result<String, Box<dyn Error>> {
    let (schedule, encoder, optimizer) = (&trained.schedule, &job.encoder, &trained.optimizer);
    let Some(Loss::NtXent { temperature }) = trained.objective.contrastive().map(|objective| objective.loss) else {
        return Err("PyTorch's side knows NT-Xent only".into());
    };
    let find = |what: fn(&Transform) -> bool| trained.augmentation.both.iter().find(|transform| what(transform));
    let crop = find(|transform| matches!(transform, Transform::RandomResizedCrop { .. }));
    let jitter = find(|transform| matches!(transform, Transform::ColorJitter { .. }));
    let (
        Some(Transform::RandomResizedCrop { area, aspect, .. }),
        Some(Transform::ColorJitter { strength, .. }),
        Some(head),
    ) = (crop, jitter, &trained.head)
    else {
        return Err("PyTorch's side crops, jitters and has a head".into());
    };
    Ok(format!(
        r#"{{"seed": {}, "images": {}, "size": {}, "epochs": {}, "batch_size": {}, "warmup_epochs": {}, "peak": {},
        "momentum": {}, "weight_decay": {}, "temperature": {temperature}, "channels": {:?}, "blocks": {:?},
        "expansion": {}, "stem": "{:?}", "zero_init_residual": {}, "dimension": {}, "area": [{}, {}],
        "aspect": [{}, {}], "strength": {strength}}}"#,
        job.seed,
        images.len(),
        images.size,
        schedule.epochs,
        schedule.batch_size,
        schedule.warmup_epochs,
        optimizer.learning_rate.peak(schedule.batch_size),
        optimizer.momentum,
        optimizer.weight_decay,
        encoder.stage_channels(),
        encoder.architecture.blocks(),
        encoder.architecture.block_kind().expansion(),
        encoder.stem,
        encoder.zero_init_residual,
        head.dimension,
        area.0,
        area.1,
        aspect.0,
        aspect.1,
    ))
}

/// The random numbers of a view: box, flip, jitter with its order, color drop.
fn draws(changes: impl Iterator<Item = Option<Change>>) -> [f32; 15] {
    let mut draws = [0.0; 15];
    for change in changes.flatten() {
        match change {
            Change::Crop(cut, _) => {
                draws[..4].copy_from_slice(&[cut.top, cut.left, cut.height, cut.width].map(|pixels| pixels as f32));
            }
            Change::Flip => draws[4] = 1.0,
            Change::Jitter(jitter) => {
                let (Shift::Add(brightness) | Shift::Multiply(brightness)) = jitter.brightness;
                draws[5..10].copy_from_slice(&[1.0, brightness, jitter.contrast, jitter.saturation, jitter.hue]);
                let place = |adjustment: &Adjustment| Adjustment::ALL.iter().position(|one| one == adjustment);
                for (draw, adjustment) in draws[10..14].iter_mut().zip(&jitter.order) {
                    *draw = place(adjustment).unwrap_or_default() as f32;
                }
            }
            Change::Grayscale => draws[14] = 1.0,
            _ => {}
        }
    }
    draws
}
