//! Ablate's side: trains as many steps as each line asks for, as `train::pretrain` does it.

use std::{fs, path::Path, time::Instant};

use ablate::{
    recipe::{Algorithm, Contrastive, Loss, Negatives, Precision},
    train::{
        device::{Compute, Cpu},
        model::{self, Mode, ResNet},
        objective::{contrastive, contrastive_on_device},
        ops::Ops,
        optimizer::{Rule, gradients},
        trainee::Trainee,
    },
};
#[cfg(feature = "cuda")]
use ablate::{
    schedule::own_bytes,
    train::device::{Gpu, Processor},
};
use burn::{
    backend::Autodiff,
    module::Module,
    tensor::{Tensor, TensorData},
};

use super::case::{Case, DIMENSION, LEARNING_RATE, MOMENTUM, Place, TEMPERATURE, WEIGHT_DECAY, threads};

/// Encoder and head, trained together.
#[derive(Module, Debug)]
pub struct Network<B: Ops> {
    pub encoder: ResNet<B>,
    pub head: model::ProjectionHead<B>,
}

impl<B: Ops> Network<B> {
    pub fn new(case: &Case, precision: Precision) -> Self {
        let (encoder, device) = (case.encoder(precision), B::Device::default());
        Self {
            encoder: ResNet::new(&encoder, 0, &device),
            head: model::ProjectionHead::new(Some(&case.head()), encoder.dimension(), precision, 0, &device),
        }
    }
}

/// Trains until nobody asks any more.
#[cfg_attr(not(feature = "cuda"), expect(unused_variables, reason = "only kernels of GPUs are compiled"))]
pub fn serve(place: Place, case: &Case, precision: Precision, kernels: Option<&Path>) -> Result<(), String> {
    // As in a job, whose main thread works along.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads());
    let pool = if threads() > 1 { pool.use_current_thread() } else { pool };
    pool.build_global().map_err(|error| format!("cannot start threads: {error}"))?;
    match place {
        Place::Cpu | Place::Rehearsal => train::<Cpu>(place, case, precision, resident),
        #[cfg(feature = "cuda")]
        Place::Cuda => {
            if let Some(folder) = kernels {
                Processor::Cuda.cache_in(folder);
            }
            train::<Gpu>(place, case, precision, || own_bytes().max(Processor::Cuda.reserved()))
        }
        #[cfg(not(feature = "cuda"))]
        Place::Cuda => Err("this build computes on the processor only: cargo bench --features cuda".to_owned()),
    }
}

/// `held` tells the bytes that this process has taken.
#[expect(clippy::print_stdout, reason = "the other process reads it")]
fn train<B: Compute>(
    place: Place,
    case: &Case,
    precision: Precision,
    held: impl Fn() -> Option<u64>,
) -> Result<(), String> {
    let device = B::Device::default();
    let finished = || B::sync(&device).map_err(|error| format!("the device failed: {error}"));
    let rule = Rule { algorithm: Algorithm::Sgd { nesterov: false }, momentum: MOMENTUM, weight_decay: WEIGHT_DECAY };
    let mut network = Trainee::new(Network::<Autodiff<B>>::new(case, precision), rule);
    let pixels = case.pixels();
    let shape = [case.views, case.size, case.size, 3];
    let views = || Tensor::<Autodiff<B>, 4>::from_data(TensorData::new(pixels.clone(), shape), &device);
    // A GPU makes views in its own memory, the processor hands them over.
    let resident = (place != Place::Cpu).then(&views);
    for line in std::io::stdin().lines() {
        let line = line.map_err(|error| format!("a turn cannot be read: {error}"))?;
        let numbers: Option<Vec<usize>> = line.split(' ').map(|number| number.parse().ok()).collect();
        let Some([untimed, steps]) = numbers.as_deref() else {
            return Err(format!("a turn is two numbers of steps, not {line:?}"));
        };
        let (mut start, mut loss) = (Instant::now(), f64::NAN);
        for step in 0..untimed + steps {
            if step == *untimed {
                finished()?;
                start = Instant::now();
            }
            let views = resident.clone().unwrap_or_else(&views);
            loss = one_step(&mut network, views, place != Place::Cpu)?;
        }
        finished()?;
        let seconds = start.elapsed().as_secs_f64();
        let held = held().map_or_else(|| "nan".to_owned(), |bytes| bytes.to_string());
        // The others have the memory while this side waits.
        B::memory_cleanup(&device);
        finished()?;
        println!("{seconds} {loss} nan {held}");
    }
    Ok(())
}

/// Forward, loss, backward, update; the loss.
fn one_step<B: Compute>(
    trainee: &mut Trainee<B, Network<Autodiff<B>>>,
    views: Tensor<Autodiff<B>, 4>,
    on_device: bool,
) -> Result<f64, String> {
    let objective = Contrastive {
        loss: Loss::NtXent { temperature: TEMPERATURE },
        normalize: true,
        negatives: Negatives::BothViews,
    };
    let network = &mut trainee.module;
    let h = network.encoder.forward(views, Mode::Train);
    let z = network.head.forward(h, Mode::Train);
    if on_device {
        let batch = contrastive_on_device(&objective, z.clone().inner());
        let gradients = gradients(network, &(z * Tensor::from_inner(batch.gradient)).sum());
        // Waits for the device, so it comes when all else is under way.
        let loss = batch.measured.into_data().iter::<f64>().next().unwrap_or(f64::NAN);
        trainee.step(LEARNING_RATE, gradients).map_err(|error| error.to_string())?;
        return Ok(loss);
    }
    let values: Vec<f32> = z.clone().inner().into_data().iter::<f32>().collect();
    let batch = contrastive(&objective, &values, DIMENSION);
    let gradient = Tensor::from_data(TensorData::new(batch.gradient, z.dims()), &z.device());
    let gradients = gradients(network, &(z * gradient).sum());
    trainee.step(LEARNING_RATE, gradients).map_err(|error| error.to_string())?;
    Ok(batch.loss)
}

/// Largest resident set of this process in bytes, where the kernel tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
}
