//! Giving up leases in order, which is kept until the attempts are taken up.

use phasegate_core::storage::WriteRef;
use phasegate_core::{OwnerId, Ticket, stored};

use super::group::{BASE_WEIGHT, Group, Write};
use crate::envelope::seal;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::metrics::WriteKind;
use crate::tables::RUNNING;

/// The leases that an owner gives up.
pub(crate) struct Release {
    pub(crate) owner: OwnerId,
    pub(crate) tickets: Vec<Ticket>,
}

impl Write for Release {
    type Done = ();
    const KIND: WriteKind = WriteKind::Lease;

    fn apply(&mut self, group: &mut Group<'_>) -> Result<(), Fault> {
        let mut released = Vec::new();
        for ticket in &self.tickets {
            if !group.leases.has(self.owner, ticket) {
                continue;
            }
            // The row is there, and of this attempt, as long as the lease is.
            if let Some(lease) = lookup::lease(group, ticket.campaign)? {
                released.push((ticket.campaign, lease));
            }
        }
        for ticket in &self.tickets {
            group.leases.release(self.owner, ticket);
        }
        for (id, mut lease) in released {
            lease.released = true;
            let key = key::campaign(id);
            let value = seal(&RUNNING, &key, &stored::lease::write(&lease));
            group.put(&RUNNING, key, value);
        }
        Ok(())
    }

    fn weight(&self) -> usize {
        BASE_WEIGHT + self.tickets.len() * 512
    }

    fn write_ref(&self) -> WriteRef {
        WriteRef::Leases {}
    }
}
