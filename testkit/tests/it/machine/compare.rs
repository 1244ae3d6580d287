//! What the machine shows, compared with what the model shows.

use phasegate_core::{Command, CommandKind, Mode, PhaseView, Told, view};
use phasegate_testkit::simulation::{Answer, ShownPhase, check_events};

use super::Paper;

impl Paper {
    pub fn compare(&self) -> Result<(), String> {
        let facts = self.facts(&Command::Delete {}.into(), false);
        let view = view(&self.campaign, &facts, &Told::default());
        let shown: Vec<ShownPhase> = view.phases.iter().map(|phase| self.shown(phase)).collect();
        let differs = |what: &str, is: String, should: String| {
            if is == should {
                Ok(())
            } else {
                Err(format!("{what}: it is {is}\nbut should be {should}"))
            }
        };
        let model = &self.model;
        differs("shown", format!("{shown:?}"), format!("{:?}", model.shown()))?;
        differs("status", view.status.to_string(), model.status().to_string())?;
        differs("mode", view.mode.to_string(), model.mode().to_string())?;
        differs(
            "due",
            view.due_at.is_some().to_string(),
            model.is_due_some_day().to_string(),
        )?;
        let failures: Vec<_> = view
            .phases
            .iter()
            .map(|phase| phase.failure.as_ref().map(|failure| failure.code.as_str()))
            .collect();
        differs(
            "failures",
            format!("{failures:?}"),
            format!("{:?}", model.failures()),
        )?;
        let skips: Vec<_> = view
            .phases
            .iter()
            .map(|phase| {
                let skip = phase.skip.as_ref()?;
                let reason: u8 = skip.reason.as_ref()?.parse().ok()?;
                Some((skip.reads, reason))
            })
            .collect();
        differs("skips", format!("{skips:?}"), format!("{:?}", model.skips()))?;
        let pruned: Vec<_> = self.campaign.phases.iter().map(|slot| slot.pruned.0).collect();
        differs("pruned", format!("{pruned:?}"), format!("{:?}", model.pruned()))?;
        let own_tries: Vec<_> = view
            .phases
            .iter()
            .map(|phase| phase.retry.as_ref().map(|policy| policy.max_tries))
            .collect();
        differs(
            "policies",
            format!("{own_tries:?}"),
            format!("{:?}", model.own_tries()),
        )?;
        let (name, tag) = model.described();
        differs("name", view.name.clone(), format!("name {name}"))?;
        differs(
            "tag",
            format!("{:?}", view.attributes.get("tag")),
            format!("{:?}", tag.map(|tag| tag.to_string())),
        )?;
        self.compare_upstream()?;
        self.compare_next(&view.next)?;
        check_events(&self.log, &self.campaign)
    }

    fn shown(&self, phase: &PhaseView) -> ShownPhase {
        let output = phase
            .run
            .and_then(|run| self.outputs.get(&(phase.phase.clone(), run)));
        (
            phase.status,
            phase.configured,
            phase.run.map(|run| run.0),
            phase.attempt.map(|attempt| attempt.0),
            output.map_or(0, |output| output.records),
        )
    }

    fn compare_upstream(&self) -> Result<(), String> {
        let position = self.campaign.position();
        let Some(run) = self.campaign.activity.run() else {
            return Ok(());
        };
        let upstream = run.pins.upstream.as_ref().and_then(|upstream| {
            let index = self.campaign.index_of(&upstream.phase)?;
            Some((index, upstream.run.0))
        });
        let expected = self.model.upstreams()[position];
        if upstream == expected {
            Ok(())
        } else {
            Err(format!("it reads {upstream:?}\nbut should read {expected:?}"))
        }
    }

    fn compare_next(&self, next: &[phasegate_core::NextCommand]) -> Result<(), String> {
        for entry in next {
            let index = entry
                .phase
                .as_ref()
                .and_then(|phase| self.campaign.index_of(phase));
            let mut model = self.model.clone();
            let answer = match (entry.command, index) {
                (CommandKind::Start, Some(index)) => model.start(index),
                (CommandKind::Restart, Some(index)) => model.restart(index, None),
                (CommandKind::Unconfigure, Some(index)) => model.unconfigure(index),
                (CommandKind::SetRetry, Some(index)) => model.set_retry(index, None),
                (CommandKind::Skip, Some(index)) => model.skip(index, 0),
                (CommandKind::Unskip, Some(index)) => model.unskip(index),
                (CommandKind::SetMode, _) => model.set_mode(entry.mode.unwrap_or(Mode::StepByStep)),
                (CommandKind::Prune, _) => model.prune(1, None),
                (CommandKind::Pause, _) => model.pause(),
                (CommandKind::Resume, _) => model.resume(),
                (CommandKind::Stop, _) => model.stop(),
                _ => continue,
            };
            let expected = match answer {
                Answer::Accepted => None,
                Answer::Refused(code) => Some(code),
            };
            let shown = entry.refusal.as_ref().map(|refusal| refusal.code());
            if shown != expected {
                return Err(format!(
                    "next says of {:?} {:?}: {shown:?}, but it is {answer:?}",
                    entry.command, entry.phase
                ));
            }
        }
        Ok(())
    }
}
