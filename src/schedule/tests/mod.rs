//! Tests of the state machine, in virtual time.

mod devices;
mod driving;
mod faults;
mod makespan;
mod properties;
mod rules;
mod world;
