//! Where the time of a pretraining step goes: the whole step against its loss, its optimizer and its views, in one
//! process and on one thread.
//!
//! `cargo bench --bench step`

use std::{hint::black_box, ops::ControlFlow, time::Instant};

use ablate::{
    recipe::{DataSource, PretrainJob, Training},
    sweep,
    train::{
        self, EpochReport,
        augment::view_pairs,
        data::{self, Images, Part, Split},
        device::{Device, Processor, TrainCpu},
        model::ResNet,
        objective::contrastive,
        optimizer::{Gradients, Rule},
        trainee::Trainee,
    },
};
use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};

const ROUNDS: usize = 5;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
fn main() {
    if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(1).build_global() {
        return eprintln!("cannot set the number of threads: {error}");
    }
    println!("{:<28} {:>8} {:>8} {:>9} {:>8}", "recipe", "step", "loss", "optimizer", "views");
    for (name, changes) in [
        ("quickstart: batch 64", vec![]),
        ("batch 256", vec![("batch_size: 64", "batch_size: 256")]),
        (
            "batch 256, LARS",
            vec![("batch_size: 64", "batch_size: 256"), ("Sgd(nesterov: false)", "Lars(trust_coefficient: 0.001)")],
        ),
        ("batch 1024, micro-batch 128", vec![("batch_size: 64", "batch_size: 1024, micro_batch: 128")]),
    ] {
        match measure(&changes) {
            Ok([step, loss, optimizer, views]) => {
                let share = |part: f64| format!("{:.1} %", 100.0 * part / step);
                println!(
                    "{name:<28} {:>5.0} ms {:>8} {:>9} {:>8}",
                    1e3 * step,
                    share(loss),
                    share(optimizer),
                    share(views)
                );
            }
            Err(message) => eprintln!("{name}: {message}"),
        }
    }
}

/// Seconds of a step, its loss, its optimizer and its views, for the quickstart's first trial with changes of its text.
fn measure(changes: &[(&str, &str)]) -> Result<[f64; 4], String> {
    let mut text = include_str!("../sweeps/quickstart.ron").replace("epochs: 20", "epochs: 2");
    for (from, to) in changes {
        text = text.replace(from, to);
    }
    let sweep = sweep::parse("quickstart.ron", &text).map_err(|error| error.to_string())?;
    let trial = sweep.trials().next().ok_or("no trial")?;
    let job = trial.recipe.pretrain_job(0);
    let part = Part::of_size(DataSource::Shapes, Split::Train, 2000);
    let images = data::load(&part, None, &mut data::unwatched).map_err(|error| error.to_string())?.images;
    let Training::Trained(trained) = &job.training else { return Err("the trial does not train".into()) };
    let batch = trained.schedule.batch_size;
    let objective = trained.objective.contrastive().ok_or("not contrastive")?;

    let step = step(&job, &images)?;
    let z: Vec<f32> = (0..2 * batch * 64).map(|index| (index as f32 * 0.7).sin()).collect();
    let loss = best(|| _ = black_box(contrastive(&objective, &z, 64)));
    let views = best(|| {
        let indices: Vec<usize> = (0..batch).collect();
        black_box(view_pairs(&images, &indices, &trained.augmentation, 0, 0));
    });
    let network = ResNet::<TrainCpu>::new(&job.encoder, 0, &Device::default());
    let mut trainee = Trainee::new(network, Rule::from(&trained.optimizer));
    let gradients = ones(&trainee.module);
    let mut stepped = Ok(());
    let optimizer = best(|| stepped = trainee.step(0.1, gradients.clone()));
    stepped.map_err(|error| error.to_string())?;
    Ok([step, loss, optimizer, views])
}

/// Seconds per step of the job's last epoch.
fn step(job: &PretrainJob, images: &Images) -> Result<f64, String> {
    let mut rate = 0.0;
    let mut watch = |report: &EpochReport| {
        rate = report.images_per_second;
        ControlFlow::Continue(())
    };
    train::pretrain(Processor::Cpu, job, images, None, &mut watch).map_err(|error| error.to_string())?;
    let Training::Trained(trained) = &job.training else { return Err("the job does not train".into()) };
    Ok(trained.schedule.batch_size as f64 / rate)
}

fn best(mut run: impl FnMut()) -> f64 {
    let times = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

/// A gradient for every parameter that is trained.
fn ones(network: &ResNet<TrainCpu>) -> Gradients<ablate::train::device::Cpu> {
    struct Ones {
        path: Vec<String>,
        found: Gradients<ablate::train::device::Cpu>,
    }
    impl ModuleVisitor<TrainCpu> for Ones {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<TrainCpu, D>>) {
            if param.is_require_grad() {
                self.found.insert(self.path.join("."), param.val().inner().ones_like().flatten(0, D - 1));
            }
        }
    }
    let mut ones = Ones { path: vec![], found: Gradients::new() };
    network.visit(&mut ones);
    ones.found
}
