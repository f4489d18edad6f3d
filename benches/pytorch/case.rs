//! Which steps are timed, and what all sides read of them.

use std::{fs, path::Path, thread};

use ablate::{
    plan::forward_macs,
    recipe::{Architecture, Encoder, Precision, ProjectionHead, ProjectionShortcut, Stem},
    train::{device::Cpu, model},
};
use clap::ValueEnum;

use super::own::Network;

pub const DIMENSION: usize = 64;
pub const TEMPERATURE: f64 = 0.5;
pub const LEARNING_RATE: f64 = 0.001;
pub const MOMENTUM: f64 = 0.9;
pub const WEIGHT_DECAY: f64 = 1e-4;

/// What is computed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Place {
    /// The processor, all its threads
    Cpu,
    /// The first GPU that CUDA shows
    Cuda,
    /// The processor, but all as on a GPU
    Rehearsal,
}

impl Place {
    /// Turns of each side. The first is one step and warms up, the median of the others counts.
    pub fn turns(self) -> usize {
        if self == Self::Cpu { 8 } else { 6 }
    }

    /// Steps of a turn but the first.
    pub fn steps(self) -> usize {
        if self == Self::Cpu { 3 } else { 5 }
    }

    /// Steps before those that are timed: on a GPU a side gives back its memory after each turn, so that the others have
    /// it, and takes it again in the first step.
    pub fn untimed(self) -> usize {
        if self == Self::Cpu { 0 } else { 1 }
    }
}

/// How PyTorch computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// Eager, NCHW
    Contiguous,
    /// Eager, channels last
    ChannelsLast,
    /// By torch.compile, channels last
    Compiled,
}

impl Way {
    /// What a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contiguous => "PyTorch, NCHW",
            Self::ChannelsLast => "PyTorch, channels last",
            Self::Compiled => "torch.compile, channels last",
        }
    }

    /// What pytorch.py calls it.
    pub fn argument(self) -> &'static str {
        match self {
            Self::Contiguous => "contiguous",
            Self::ChannelsLast => "channels_last",
            Self::Compiled => "compiled",
        }
    }
}

/// A training step.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    /// Where it is timed unless others are named.
    pub place: Place,
    pub architecture: Architecture,
    pub stem: Stem,
    /// Twice as many as images.
    pub views: usize,
    /// Views are so high and wide.
    pub size: usize,
}

const fn case(
    name: &'static str,
    place: Place,
    architecture: Architecture,
    stem: Stem,
    views: usize,
    size: usize,
) -> Case {
    Case { name, place, architecture, stem, views, size }
}

/// The most telling first.
pub const CASES: [Case; 7] = [
    case("resnet20", Place::Cpu, Architecture::ResNet20, Stem::Cifar, 256, 32),
    case("resnet18", Place::Cpu, Architecture::ResNet18, Stem::Cifar, 128, 32),
    case("resnet18", Place::Cuda, Architecture::ResNet18, Stem::Cifar, 1024, 32),
    case("resnet50", Place::Cuda, Architecture::ResNet50, Stem::Cifar, 1024, 32),
    case("resnet50-224", Place::Cuda, Architecture::ResNet50, Stem::ImageNet, 256, 224),
    case("resnet8", Place::Rehearsal, Architecture::ResNet8, Stem::Cifar, 16, 16),
    case("resnet50-32", Place::Rehearsal, Architecture::ResNet50, Stem::ImageNet, 4, 64),
];

impl Case {
    pub fn encoder(&self, precision: Precision) -> Encoder {
        let Self { architecture, stem, .. } = *self;
        Encoder {
            architecture,
            width: 1.0,
            stem,
            zero_init_residual: false,
            projection_shortcut: ProjectionShortcut::WhereShapeChanges,
            input_normalization: None,
            precision,
        }
    }

    pub fn head(&self) -> ProjectionHead {
        ProjectionHead { hidden_layers: 1, dimension: DIMENSION, batch_norm: true }
    }

    /// Views with values in [0, 1].
    pub fn pixels(&self) -> Vec<f32> {
        let values = self.views * self.size * self.size * 3;
        (0..values).map(|index| ((index as f32 * 0.61).sin() + 1.0) / 2.0).collect()
    }

    /// Floating-point operations of a step: convolutions and matrix products of encoder and head, forward and twice as
    /// many backward; a multiplication and an addition count as two.
    pub fn operations(&self, precision: Precision) -> f64 {
        let encoder = self.encoder(precision);
        let width = encoder.dimension() as f64;
        let head = width * width + width * DIMENSION as f64;
        6.0 * self.views as f64 * (forward_macs(&encoder, self.size) + head)
    }

    pub fn title(&self) -> String {
        let Self { architecture, stem, views, size, .. } = self;
        let stem = if *stem == Stem::Cifar { "" } else { " with ImageNet's stem" };
        format!("{architecture:?}{stem}, {views} views of {size} px")
    }

    /// What all sides read.
    pub fn write(&self, precision: Precision, place: Place, folder: &Path) -> Result<(), String> {
        let told = |error: std::io::Error| format!("cannot write {}: {error}", folder.display());
        let Self { architecture, stem, size, .. } = *self;
        let (encoder, network) = (self.encoder(precision), Network::<Cpu>::new(self, precision));
        let mut weights = model::tensors(&network.encoder, "");
        weights.extend(model::tensors(&network.head, "projection."));
        let bytes: Vec<u8> = self.pixels().iter().flat_map(|value| value.to_le_bytes()).collect();
        let case = format!(
            r#"{{"channels": {:?}, "blocks": {:?}, "expansion": {}, "stem": "{stem:?}", "size": {size}, "precision": "{}",
            "dimension": {DIMENSION}, "temperature": {TEMPERATURE}, "learning_rate": {LEARNING_RATE},
            "momentum": {MOMENTUM}, "weight_decay": {WEIGHT_DECAY}, "device": "{}", "threads": {}}}"#,
            encoder.stage_channels(),
            architecture.blocks(),
            architecture.block_kind().expansion(),
            name(precision),
            if place == Place::Cuda { "cuda" } else { "cpu" },
            threads(),
        );
        fs::create_dir_all(folder).map_err(told)?;
        fs::write(folder.join("weights.safetensors"), model::encode(&weights).map_err(|error| error.to_string())?)
            .map_err(told)?;
        fs::write(folder.join("views.f32"), bytes).map_err(told)?;
        fs::write(folder.join("case.json"), case).map_err(told)
    }
}

/// The name of a precision, as it is typed.
pub fn name(precision: Precision) -> &'static str {
    match precision {
        Precision::Float32 => "float32",
        Precision::BFloat16 => "bfloat16",
    }
}

pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
