//! What must hold after every history, whatever happened in it.

mod history;
mod read;
mod same_records;
mod stored;
mod walk;

pub(super) use read::events;

use super::world::World;
use walk::Walk;

/// Checks everything that a history has left.
pub(super) fn check(world: &World<'_>) -> Result<(), String> {
    if let Some(broken) = world.witness.first_broken() {
        return Err(broken);
    }
    let mut walk = Walk::new(world.plan);
    for written in world.witness.written() {
        walk.step(&written)?;
    }
    walk.check_begun(&world.at_work.begun())?;
    walk.check_acknowledged(&world.requests.acknowledged())?;
    stored::check(world, &walk)
}
