//! A campaign, as an answer shows it.

use std::collections::BTreeMap;

use phasegate::{CampaignView, EngineError};

use crate::problem::Problem;
use crate::server::Server;
use crate::shapes::CampaignBody;

/// A view, with the counts of records and the progress.
pub async fn body(server: &Server, view: CampaignView) -> Result<CampaignBody, Problem> {
    let mut records = BTreeMap::new();
    for phase in &view.phases {
        let count = match phase.run {
            Some(run) => {
                let output = server
                    .engine()
                    .storage()
                    .run_output(view.id, &phase.phase, run)
                    .await;
                output
                    .map_err(EngineError::from)?
                    .map_or(0, |output| output.records)
            }
            None => 0,
        };
        records.insert(phase.phase.clone(), count);
    }
    let progress = server.engine().progress(view.id).map(Into::into);
    Ok(CampaignBody {
        view,
        records,
        progress,
    })
}
