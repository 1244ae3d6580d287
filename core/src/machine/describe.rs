//! Name, attributes and mode.

use super::naming::{check_attributes, check_name};
use super::{Decided, Decision};
use crate::attributes::{self, AttributeChanges};
use crate::campaign::Mode;
use crate::event::EventKind;

impl Decision<'_> {
    pub(super) fn describe(&self, name: Option<&str>, changes: &AttributeChanges) -> Decided {
        if let Some(name) = name {
            check_name(name)?;
        }
        let mut after = self.campaign.attributes.clone();
        let attributes = attributes::change(&mut after, changes);
        check_attributes(&after)?;
        let name = name.filter(|name| *name != self.campaign.name).map(str::to_owned);
        if name.is_none() && attributes.is_empty() {
            return self.nothing();
        }
        self.one(EventKind::CampaignDescribed { name, attributes })
    }

    pub(super) fn set_mode(&self, mode: Mode) -> Decided {
        if self.campaign.mode == mode {
            self.nothing()
        } else {
            self.one(EventKind::ModeChanged { mode })
        }
    }
}
