//! What the process of a job computes on: the processor, or the GPU that it was given and that has all it needs.

use super::{doctor, error::chain, machine};
use crate::{
    recipe::{JobSpec, Precision, PretrainJob, Training},
    schedule::{self, Failure, FailureClass},
    store::Store,
    train::{device::Processor, ops::Implementation},
};

/// Environment variable that turns this program's own operations off.
const SWITCH: &str = "ABLATE_KERNELS";
/// Its only value.
const BURN: &str = "burn";

/// What computes networks here, as [`SWITCH`] says.
pub fn implementation() -> Result<Implementation, String> {
    match std::env::var_os(SWITCH) {
        None => Ok(Implementation::Kernels),
        Some(value) if value == BURN => Ok(Implementation::Burn),
        Some(value) => Err(format!(
            "{SWITCH} is {value:?}: write {BURN}, so that networks are computed by burn's own operations, or leave it out"
        )),
    }
}

/// How to come to a program that computes on GPUs.
pub const REMEDY: &str = "build it by `cargo build --release --features cuda`";

/// A GPU of some model, as records have it.
pub fn gpu_in_records(model: &str) -> String {
    format!("cuda ({model})")
}

/// What a job computes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computer {
    /// For the work itself.
    pub processor: Processor,
    /// Its kind and model, as records have it.
    pub name: String,
}

impl Computer {
    /// The one for a job: the GPU if it was told to use one, which then is there or the job fails, unless the job
    /// computes nothing. Compiled kernels are kept in the store.
    pub fn of(gpu: bool, spec: &JobSpec, store: &Store) -> Result<Self, Failure> {
        implementation().map_err(|text| Failure::new(FailureClass::BadInput, text))?.choose();
        let idle = matches!(
            spec,
            JobSpec::Pretrain(PretrainJob { training: Training::Untrained | Training::Pretrained { .. }, .. })
        );
        if !gpu || idle {
            return Ok(Self { processor: Processor::Cpu, name: named(machine::processor()) });
        }
        let failure = |class, text: String| Failure::new(class, text);
        on_gpus(Implementation::chosen()).map_err(|text| failure(FailureClass::BadInput, text))?;
        let Some(processor) = Processor::gpu() else {
            let text =
                format!("the job is to compute on a GPU, and this build computes on the processor only: {REMEDY}");
            return Err(failure(FailureClass::BadInput, text));
        };
        let gpus = schedule::gpus().map_err(|error| failure(FailureClass::Device, chain(&error)))?;
        let Some(gpu) = gpus.usable.first() else {
            return Err(failure(
                FailureClass::Device,
                "no GPU is visible to this process, which is to compute on one".to_owned(),
            ));
        };
        let compiler = doctor::ready(&gpus).map_err(|text| failure(FailureClass::BadInput, text))?;
        // The cache itself tells neither GPUs nor compilers apart, and a kernel for one is none for another.
        let kind: String = gpu.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let ((major, minor), version) = (gpu.capability, env!("CARGO_PKG_VERSION"));
        processor.cache_in(&store.kernels_folder().join(format!("{kind}-{major}.{minor}-{compiler}-{version}")));
        Ok(Self { processor, name: named(gpu_in_records(&gpu.name)) })
    }
}

/// Refuses what is not computed on GPUs: there burn's own operations are left to its tuning.
pub fn on_gpus(implementation: Implementation) -> Result<(), String> {
    match implementation {
        Implementation::Kernels => Ok(()),
        Implementation::Burn => Err(format!(
            "{SWITCH}={BURN} is for the processor, since on GPUs burn's own matrix products are wrong for some shapes \
             (cubek issue 434): add --devices cpu, or leave {SWITCH} out"
        )),
    }
}

/// Refuses a precision that is not there without this program's own operations.
pub fn takes(precision: Precision) -> Result<(), Failure> {
    if (Implementation::chosen(), precision) == (Implementation::Burn, Precision::BFloat16) {
        let text = format!("the network is to compute in bfloat16, and {SWITCH}={BURN} has float32 only");
        return Err(Failure::new(FailureClass::BadInput, text));
    }
    Ok(())
}

/// The device, and what computes on it if that is not as ever.
fn named(device: String) -> String {
    match Implementation::chosen() {
        Implementation::Kernels => device,
        Implementation::Burn => format!("{device}, burn's own operations"),
    }
}
