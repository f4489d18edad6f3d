//! The per-epoch metrics of a job, read back.

use std::{collections::BTreeMap, fs, io};

use super::{Error, Store, error::At};
use crate::plan::JobId;

/// Columns of `metrics.csv`, in their order; the job writes one row per epoch.
pub const EPOCH_COLUMNS: [&str; 8] = [
    "epoch",
    "loss_nats",
    "contrastive_accuracy_percent",
    "contrastive_entropy_nats",
    "online_top1_percent",
    "learning_rate",
    "images_per_second",
    "waiting_for_data_percent",
];

/// What a job wrote after each epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EpochMetrics {
    /// The epochs, from 1, each larger than the one before.
    pub epochs: Vec<usize>,
    /// The values of each column, one per epoch; `None` where the job does not measure it. Values may be infinite or no
    /// number at all, as the job found them.
    pub columns: BTreeMap<String, Vec<Option<f64>>>,
    /// What could not be read, if anything: then the epochs end before it.
    pub problem: Option<String>,
}

impl Store {
    /// The per-epoch metrics of a job, as far as they can be read; `None` if it wrote none yet.
    pub fn epochs(&self, id: JobId) -> Result<Option<EpochMetrics>, Error> {
        let path = self.metrics_path(id);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(parse(&bytes))),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(source).at("read", &path),
        }
    }
}

fn parse(bytes: &[u8]) -> EpochMetrics {
    let mut found = EpochMetrics::default();
    // A job that was killed, or that is writing just now, leaves half a line.
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let mut reader = csv::ReaderBuilder::new().from_reader(&bytes[..whole]);
    let names: Vec<String> = match reader.headers() {
        Ok(names) => names.iter().map(str::to_owned).collect(),
        Err(error) => return EpochMetrics { problem: Some(format!("no header: {error}")), ..found },
    };
    if names.first().is_some_and(|name| name != EPOCH_COLUMNS[0]) {
        return EpochMetrics { problem: Some("the header is damaged".to_owned()), ..found };
    }
    for (index, row) in reader.records().enumerate() {
        let read = row.ok().and_then(|row| read(&row, found.epochs.last().copied()));
        let Some((epoch, values)) = read else {
            found.problem = Some(format!("line {} is damaged", index + 2));
            return found;
        };
        found.epochs.push(epoch);
        for (name, value) in names.iter().skip(1).zip(values) {
            found.columns.entry(name.clone()).or_default().push(value);
        }
    }
    if whole < bytes.len() {
        found.problem = Some("the last line ends in the middle".to_owned());
    }
    found
}

/// The epoch and the other values of a row; `None` if it is damaged.
fn read(row: &csv::StringRecord, before: Option<usize>) -> Option<(usize, Vec<Option<f64>>)> {
    let epoch = row.get(0)?.parse().ok().filter(|epoch| before.is_none_or(|before| before < *epoch))?;
    let value = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
    Some((epoch, row.iter().skip(1).map(value).collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::{super::fixture, *};

    const WHOLE: &str = "epoch,loss_nats,online_top1_percent\n1,5.25,\n2,4.5,12.5\n3,NaN,13\n";

    #[test]
    fn what_a_job_writes_is_read_back() {
        let (_folder, store) = fixture::store();
        let id = fixture::id(0);
        assert!(store.epochs(id).unwrap().is_none());
        fs::create_dir_all(store.job_folder(id)).unwrap();
        fs::write(store.metrics_path(id), WHOLE).unwrap();
        let found = store.epochs(id).unwrap().unwrap();
        assert_eq!(found.epochs, [1, 2, 3]);
        assert_eq!(found.columns["online_top1_percent"], [None, Some(12.5), Some(13.0)]);
        assert_eq!(found.columns["loss_nats"][..2], [Some(5.25), Some(4.5)]);
        assert!(found.columns["loss_nats"][2].unwrap().is_nan());
        assert_eq!(found.problem, None);
    }

    #[test]
    fn damage_ends_the_epochs_and_is_said() {
        for (text, epochs, problem) in [
            ("", 0, None),
            ("epoch,loss_nats\n", 0, None),
            ("epoch,loss_nats\n1,5\n2,4.", 1, Some("the last line ends in the middle")),
            ("epoch,loss_nats\n1,5\nx,4\n3,3\n", 1, Some("line 3 is damaged")),
            ("epoch,loss_nats\n1,5\n2,4,9\n", 1, Some("line 3 is damaged")),
            ("epoch,loss_nats\n2,5\n2,4\n", 1, Some("line 3 is damaged")),
            ("\0\0\0\n1,5\n", 0, Some("the header is damaged")),
        ] {
            let found = parse(text.as_bytes());
            assert_eq!((found.epochs.len(), found.problem.as_deref()), (epochs, problem), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(cut in 0..WHOLE.len(), change in 0..WHOLE.len(), byte: u8) {
            let mut bytes = WHOLE.as_bytes().to_vec();
            bytes[change] = byte;
            bytes.truncate(cut);
            let found = parse(&bytes);
            prop_assert!(found.epochs.len() <= 3);
            prop_assert!(found.columns.values().all(|values| values.len() == found.epochs.len()));
        }
    }
}
