//! The whole system: its simulator on files that lose power, and the rules of the house.

mod guides;
mod simulation;
mod structure;
