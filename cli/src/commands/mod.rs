//! The commands, each in its own file. A new command is a variant of [`Command`](crate::args::Command) and an arm here.

mod backup;
mod check;
mod completions;
mod configure;
mod delete;
mod describe;
mod events;
mod list;
mod mode;
mod prune;
mod records;
mod retry;
mod run;
mod schema;
mod serve;
mod show;
mod skip;
mod start;
mod stop;
mod verify;

use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;

/// Carries out a command.
pub async fn execute(cli: Cli) -> Result<Exit, CliError> {
    match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Start(args) => start::start(args).await,
        Command::Resume(args) => start::resume(args).await,
        Command::Restart(args) => start::restart(args).await,
        Command::Pause(args) => stop::pause(args).await,
        Command::Stop(args) => stop::stop(args).await,
        Command::List(args) => list::list(args).await,
        Command::Show(args) => show::show(args).await,
        Command::Configure(args) => configure::configure(args).await,
        Command::Unconfigure(args) => configure::unconfigure(args).await,
        Command::Mode(args) => mode::mode(args).await,
        Command::Describe(args) => describe::describe(args).await,
        Command::Skip(args) => skip::skip(args).await,
        Command::Unskip(args) => skip::unskip(args).await,
        Command::Retry(args) => retry::retry(args).await,
        Command::Prune(args) => prune::prune(args).await,
        Command::Delete(args) => delete::delete(args).await,
        Command::Events(args) => events::events(args).await,
        Command::Records(args) => records::records(args).await,
        Command::Serve(args) => serve::serve(args).await,
        Command::Check(args) => check::check(args).await,
        Command::Schema(args) => schema::schema(args),
        Command::Diagram => {
            let mut out = Output::new();
            out.line(phasegate::core::mermaid().trim_end())?;
            out.flush().map(|()| Exit::Done)
        }
        Command::Verify(args) => verify::verify(args).await,
        Command::Backup(args) => backup::backup(args).await,
        Command::Completions { shell } => completions::completions(shell),
    }
}
