//! Tests of the state machine, in virtual time.

mod devices;
mod driving;
mod faults;
mod properties;
mod rules;
mod world;
