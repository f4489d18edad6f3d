//! Tests of the scheduler and of the loop that drives it, in virtual time.

mod driving;
mod makespan;
mod properties;
mod rules;
mod world;
