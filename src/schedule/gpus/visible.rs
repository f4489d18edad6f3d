//! Which GPUs `CUDA_VISIBLE_DEVICES` leaves to a process, by CUDA's documented rules.

use std::collections::BTreeSet;

use super::{Gpu, GpuError};

/// What the variable leaves.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Visible {
    /// Places in the list of GPUs, in the order in which CUDA counts them.
    pub places: Vec<usize>,
    /// What a user should know about it.
    pub notes: Vec<String>,
}

/// Reads `CUDA_VISIBLE_DEVICES` (`list`) and `CUDA_DEVICE_ORDER` (`order`). `gpus` are those that the process can
/// open, in the driver's order.
///
/// Without the variable all are visible, if it is empty none. Otherwise each entry is a number or the beginning of a
/// UUID that no other GPU shares; the first that names no GPU ends the list, and one that names a GPU again makes it
/// void, as PyTorch's reading of the variable has it after CUDA's.
pub(super) fn visible(list: Option<&str>, order: Option<&str>, gpus: &[Gpu]) -> Result<Visible, GpuError> {
    let Some(list) = list else { return Ok(Visible { places: (0..gpus.len()).collect(), notes: Vec::new() }) };
    let mut found = Visible { places: Vec::new(), notes: Vec::new() };
    let mut numbers = false;
    for entry in list.split(',').map(str::trim) {
        if entry.starts_with("MIG-") {
            return Err(GpuError::Part { entry: entry.to_owned() });
        }
        let Some(place) = place(entry, gpus) else {
            found.notes.extend(complaint(list, entry));
            break;
        };
        if found.places.contains(&place) {
            return Err(GpuError::Repeated { entry: entry.to_owned() });
        }
        numbers |= !entry.starts_with("GPU-");
        found.places.push(place);
    }
    let models: BTreeSet<&str> = gpus.iter().map(|gpu| gpu.name.as_str()).collect();
    if numbers && models.len() > 1 && order != Some("PCI_BUS_ID") {
        let models = models.into_iter().collect::<Vec<_>>().join(", ");
        found.notes.push(format!(
            "the numbers in CUDA_VISIBLE_DEVICES={list} are taken as those of nvidia-smi, but other CUDA programs count \
             the fastest GPU first, and the GPUs differ ({models}): set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name GPUs by \
             UUID"
        ));
    }
    Ok(found)
}

/// The GPU that an entry names.
fn place(entry: &str, gpus: &[Gpu]) -> Option<usize> {
    if entry.starts_with("GPU-") {
        let mut named = gpus.iter().enumerate().filter(|(_, gpu)| gpu.uuid.starts_with(entry));
        let (place, _) = named.next()?;
        return named.next().is_none().then_some(place);
    }
    entry.parse().ok().filter(|&place| place < gpus.len())
}

/// What to say of an entry that names no GPU; nothing if it is one of the usual ways to end the list, of which
/// `NoDevFiles` is Slurm's for a job without GPUs.
fn complaint(list: &str, entry: &str) -> Option<String> {
    if matches!(entry, "" | "-1" | "NoDevFiles") {
        return None;
    }
    Some(format!(
        "{entry} in CUDA_VISIBLE_DEVICES={list} names none of the GPUs, or several, and ends the list: `nvidia-smi -L` \
         shows their names"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(index: u32, uuid: &str, name: &str) -> Gpu {
        let (uuid, name) = (uuid.to_owned(), name.to_owned());
        Gpu { index, uuid, name, memory: 0, free: 0, capability: (8, 0), foreign: vec![], slowdowns: vec![] }
    }

    fn four() -> Vec<Gpu> {
        let uuids = ["GPU-8932f937-d72c", "GPU-8932aaaa-0000", "GPU-12345678-9abc", "GPU-ffff0000-1111"];
        (0..).zip(uuids).map(|(index, uuid)| gpu(index, uuid, "NVIDIA A100")).collect()
    }

    /// Places and notes, or the error.
    fn of(list: &str) -> (Vec<usize>, String) {
        match visible(Some(list), None, &four()) {
            Ok(Visible { places, notes }) => (places, notes.join("\n")),
            Err(error) => (vec![], format!("error: {error}")),
        }
    }

    #[track_caller]
    fn quiet(list: &str, places: &[usize]) {
        assert_eq!(of(list), (places.to_vec(), String::new()), "{list}");
    }

    #[test]
    fn without_the_variable_all_are_visible_and_if_it_is_empty_none() {
        let all = visible(None, None, &four());
        assert_eq!(all.unwrap(), Visible { places: vec![0, 1, 2, 3], notes: vec![] });
        quiet("", &[]);
        quiet(" ", &[]);
        quiet("-1", &[]);
        quiet("NoDevFiles", &[]);
    }

    #[test]
    fn numbers_and_beginnings_of_uuids_choose_and_order() {
        quiet("2,1", &[2, 1]);
        quiet(" 3 , 0", &[3, 0]);
        quiet("GPU-8932f937-d72c", &[0]);
        quiet("GPU-8932f", &[0]);
        quiet("GPU-f,GPU-1", &[3, 2]);
        quiet("GPU-f,0", &[3, 0]);
    }

    #[test]
    fn the_first_entry_that_names_no_gpu_ends_the_list() {
        quiet("0,2,-1,1", &[0, 2]);
        quiet("1,", &[1]);
        let (places, note) = of("0,4,1");
        assert_eq!(places, [0]);
        insta::assert_snapshot!(note, @"4 in CUDA_VISIBLE_DEVICES=0,4,1 names none of the GPUs, or several, and ends the list: `nvidia-smi -L` shows their names");
        // Two GPUs begin so; 1g is no number; names of models mean nothing.
        for (list, places) in [("GPU-8932,0", vec![]), ("1,1g", vec![1]), ("3,A100,1", vec![3]), ("GPU-9", vec![])] {
            let (found, note) = of(list);
            assert_eq!(found, places, "{list}");
            assert!(note.contains("ends the list"), "{note}");
        }
    }

    #[test]
    fn a_gpu_named_twice_is_an_error() {
        for list in ["0,0", "1,GPU-8932a", "GPU-f,GPU-ff", "0,1,0,7"] {
            assert!(matches!(visible(Some(list), None, &four()), Err(GpuError::Repeated { .. })), "{list}");
        }
        // What stands behind the end of the list is not looked at.
        assert_eq!(of("0,7,0").0, [0]);
        insta::assert_snapshot!(of("0,0").1, @"error: CUDA_VISIBLE_DEVICES names a GPU for the second time by 0, and CUDA then shows no GPU at all: name each once");
    }

    #[test]
    fn parts_of_gpus_are_refused_by_name() {
        insta::assert_snapshot!(of("MIG-41b3359c-e721").1, @"error: CUDA_VISIBLE_DEVICES names a part of a GPU, MIG-41b3359c-e721, which is not supported: name whole GPUs as `nvidia-smi -L` does, GPU-…");
        assert!(of("0,MIG-GPU-8932f937-d72c/1/0").1.contains("MIG-GPU-8932f937-d72c/1/0"));
    }

    #[test]
    fn numbers_of_unlike_gpus_are_ambiguous_unless_the_order_is_set() {
        let gpus = [gpu(0, "GPU-a", "NVIDIA T4"), gpu(1, "GPU-b", "NVIDIA A100")];
        let of = |list, order| visible(list, order, &gpus).unwrap();
        let found = of(Some("0"), None);
        assert_eq!(found.places, [0]);
        insta::assert_snapshot!(found.notes.join("\n"), @"the numbers in CUDA_VISIBLE_DEVICES=0 are taken as those of nvidia-smi, but other CUDA programs count the fastest GPU first, and the GPUs differ (NVIDIA A100, NVIDIA T4): set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name GPUs by UUID");
        assert_eq!(of(Some("0"), Some("FASTEST_FIRST")).notes.len(), 1);
        assert!(of(Some("0"), Some("PCI_BUS_ID")).notes.is_empty());
        assert!(of(Some("GPU-a"), None).notes.is_empty());
        assert!(of(None, None).notes.is_empty());
    }
}
