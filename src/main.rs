//! The `regsweep` command.

use clap::Parser;
use regsweep::cli::args::{Cli, Command};
use regsweep::cli::{
    about_itself, apply, audit, explain, fsck, garbage_collect, ls, pending, plan, policy, prune, remove, restore, show,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("REGSWEEP_LOG")
        .unwrap_or_else(|_| "error,rustls_platform_verifier=off".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    ExitCode::from(match &cli.command {
        Command::GarbageCollect(args) => garbage_collect::run(args, &cli.common),
        Command::Rm(args) => remove::run(args, &cli.common),
        Command::Plan(args) => plan::run(args, &cli.common),
        Command::Show(args) => show::run(args, &cli.common),
        Command::Apply(args) => apply::run(args, &cli.common),
        Command::Ls(args) => ls::run(args, &cli.common),
        Command::Audit(args) => audit::run(args, &cli.common),
        Command::Explain(args) => explain::run(args, &cli.common),
        Command::Fsck(args) => fsck::run(args, &cli.common),
        Command::Restore(args) => restore::run(args, &cli.common),
        Command::Pending(args) => pending::run(args, &cli.common),
        Command::Prune(args) => prune::run(args, &cli.common),
        Command::Policy(args) => policy::command::run(args, &cli.common),
        Command::Completions(args) => about_itself::completions(args, &cli.common),
        Command::Man(args) => about_itself::man(args, &cli.common),
    })
}
