//! The program on a real Slurm: a private cluster of two nodes with fake GPUs for each test.

mod cluster;
mod doctor;
mod faults;
mod lab;
mod policy;
mod runs;
