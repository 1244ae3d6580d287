//! The rows of the indexes: what a campaign is found by.

use phasegate_core::storage::ActivityKind;
use phasegate_core::{Campaign, CampaignId, Mode, PipelineId, Timestamp};

use super::group::Group;
use crate::key::{self, Key};
use crate::tables::{BY_ATTRIBUTE, BY_DUE, BY_NAME, BY_STATE, TableSpec};

/// The rows of a snapshot in the indexes.
pub(crate) fn index_keys(campaign: &Campaign) -> Vec<(&'static TableSpec, Key)> {
    let indexed = Indexed::of(campaign);
    let prefixes = indexed.prefixes();
    prefixes
        .map(|(spec, prefix)| (spec, key::with_campaign(prefix, campaign.id)))
        .collect()
}

/// What a campaign is found by.
struct Indexed<'c> {
    id: CampaignId,
    state: Option<(ActivityKind, Mode, u32)>,
    name: Option<&'c str>,
    attributes: Vec<(&'c str, &'c str)>,
    due: Option<(&'c PipelineId, Timestamp)>,
}

impl<'c> Indexed<'c> {
    fn of(campaign: &'c Campaign) -> Self {
        let activity = ActivityKind::from(&campaign.activity);
        let position = key::position_in_state(activity, campaign.position());
        let attributes = campaign.attributes.iter();
        Self {
            id: campaign.id,
            state: Some((activity, campaign.mode, position)),
            name: Some(&campaign.name),
            attributes: attributes.map(|(key, value)| (&**key, &**value)).collect(),
            due: campaign.due().map(|at| (&campaign.pipeline, at)),
        }
    }

    /// Leaves out of both what both have.
    fn leave_out(&mut self, other: &mut Self) {
        fn unless_same<T: PartialEq>(one: &mut Option<T>, other: &mut Option<T>) {
            if one == other {
                (*one, *other) = (None, None);
            }
        }
        unless_same(&mut self.state, &mut other.state);
        unless_same(&mut self.name, &mut other.name);
        unless_same(&mut self.due, &mut other.due);
        let before = self.attributes.clone();
        self.attributes.retain(|pair| !other.attributes.contains(pair));
        other.attributes.retain(|pair| !before.contains(pair));
    }

    /// The tables and the parts of their keys before the campaign.
    fn prefixes(&self) -> impl Iterator<Item = (&'static TableSpec, Key)> {
        let state = self
            .state
            .map(|(activity, mode, position)| (&BY_STATE, key::state_prefix(activity, mode, position)));
        let name = self.name.map(|name| (&BY_NAME, key::name_prefix(name)));
        let attributes = self
            .attributes
            .iter()
            .map(|(key, value)| (&BY_ATTRIBUTE, key::attribute_prefix(key, value)));
        let due = self
            .due
            .map(|(pipeline, at)| (&BY_DUE, key::due_prefix(pipeline, at)));
        state.into_iter().chain(name).chain(attributes).chain(due)
    }
}

/// Moves the rows of the indexes that change.
pub(super) fn index(before: Option<&Campaign>, after: Option<&Campaign>, group: &mut Group<'_>) {
    let (mut before, mut after) = (before.map(Indexed::of), after.map(Indexed::of));
    // What stays needs no key.
    if let (Some(before), Some(after)) = (&mut before, &mut after) {
        before.leave_out(after);
    }
    if let Some(before) = &before {
        for (spec, prefix) in before.prefixes() {
            group.remove(spec, key::with_campaign(prefix, before.id));
        }
    }
    if let Some(after) = &after {
        for (spec, prefix) in after.prefixes() {
            group.put_key(spec, key::with_campaign(prefix, after.id));
        }
    }
}
