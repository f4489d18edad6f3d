//! One job on one device; knows nothing of sweeps, plans or the store.

pub mod contact_sheet;
pub mod data;
