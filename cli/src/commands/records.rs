//! `phasegate records`

use phasegate::core::Run;
use phasegate::{CampaignId, EngineError, PhaseName, Rejection};
use phasegate_server::rows::{Columns, csv_cell};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::args::{RecordsArgs, RecordsFormat};
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::with_campaign;
use crate::output::Output;
use crate::render::tables::{count, scalar, table};
use crate::screen::say;
use crate::target::{self, Target};

/// How many rows a table has by default.
const TABLE_ROWS: u64 = 100;

/// Prints the records of a phase.
pub async fn records(args: RecordsArgs) -> Result<Exit, CliError> {
    with_campaign(&args.campaign, None, async |target, id| {
        let records = Records::find(target, id, &args).await?;
        let mut out = Output::new();
        match args.format {
            RecordsFormat::Ndjson => {
                records.each(|record| out.line(record.get())).await?;
            }
            RecordsFormat::Csv => csv(&records, &mut out).await?,
            RecordsFormat::Table => in_table(&records, &mut out).await?,
        }
        out.flush().map(|()| Exit::Done)
    })
    .await
}

/// Some records of one run. They can be read repeatedly.
struct Records<'a> {
    target: &'a dyn Target,
    campaign: CampaignId,
    phase: PhaseName,
    run: Run,
    from: u64,
    limit: u64,
    total: u64,
}

impl<'a> Records<'a> {
    async fn find(
        target: &'a dyn Target,
        campaign: CampaignId,
        args: &RecordsArgs,
    ) -> Result<Self, CliError> {
        let phase = PhaseName::new(&args.phase).map_err(EngineError::from)?;
        let standing = target.campaign(campaign).await?;
        let phases = &standing.view.phases;
        let Some(shown) = phases.iter().find(|one| one.phase == phase) else {
            let phases = phases.iter().map(|one| one.phase.clone()).collect();
            return Err(EngineError::from(Rejection::UnknownPhase { phase, phases }).into());
        };
        let run = args.run.map(Run).or(shown.run).unwrap_or(Run(0));
        let total = target.run_records(campaign, &phase, run).await?;
        if args.run.is_some() && total.is_none() {
            return Err(CliError::Usage(format!(
                "{phase} has no records of run {run}: 'phasegate events' shows its runs"
            )));
        }
        let most = match args.format {
            RecordsFormat::Table => TABLE_ROWS,
            _ => u64::MAX,
        };
        Ok(Self {
            target,
            campaign,
            phase,
            run,
            from: args.from,
            limit: args.limit.unwrap_or(most),
            total: total.unwrap_or(0),
        })
    }

    async fn each(&self, mut use_it: impl FnMut(&RawValue) -> Result<(), CliError>) -> Result<(), CliError> {
        let mut stream = target::Records::new(self.target, self.campaign, &self.phase, self.run, self.from);
        let mut left = self.limit;
        while left > 0
            && let Some(record) = stream.next().await?
        {
            use_it(&record)?;
            left -= 1;
        }
        Ok(())
    }

    async fn columns(&self) -> Result<Columns, CliError> {
        let mut columns = Columns::default();
        self.each(|record| {
            columns.add(record);
            Ok(())
        })
        .await?;
        Ok(columns)
    }
}

async fn csv(records: &Records<'_>, out: &mut Output) -> Result<(), CliError> {
    let columns = records.columns().await?;
    if columns.names().is_empty() {
        return Ok(());
    }
    let failed = |error: csv::Error| CliError::output(error.into());
    let mut writer = csv::Writer::from_writer(out.writer());
    writer.write_record(columns.names()).map_err(failed)?;
    records
        .each(|record| {
            let cells = columns.row(record).into_iter().map(csv_cell);
            writer.write_record(cells).map_err(failed)
        })
        .await?;
    writer.flush().map_err(CliError::output)
}

async fn in_table(records: &Records<'_>, out: &mut Output) -> Result<(), CliError> {
    let columns = records.columns().await?;
    let mut table = table(columns.names().iter().map(String::as_str));
    let mut rows = 0;
    records
        .each(|record| {
            let cell = |value: &Option<Value>| value.as_ref().map(scalar).unwrap_or_default();
            table.add_row(columns.row(record).iter().map(cell));
            rows += 1;
            Ok(())
        })
        .await?;
    if rows == 0 {
        say(format_args!("{} has no records here", records.phase));
        return Ok(());
    }
    out.line(table)?;
    let shown = records.from + rows;
    let left = records.total.saturating_sub(shown);
    if left > 0 {
        say(format_args!(
            "{} more: --from and --limit choose which",
            count(left)
        ));
    }
    Ok(())
}
