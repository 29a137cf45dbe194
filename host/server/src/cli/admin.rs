//! Lists the commands that talk to a server, one noun each, and runs the one that was asked for; those that need none are here too,
//! because a developer looks for them beside their like.
//!
//! The command line's parser hands them over with what holds for all of them. Whatever goes wrong ends here in one sentence and an
//! exit status: 1 where the server refused, 2 where the command cannot be meant, 3 where the server failed or is not there.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::history::History;
use super::logs::Logs;
use super::nouns::{
    address, captures, cases, closure, connection, contacts, entry, flow, host, hours, plugin, quota, route, secret, settings, tenant,
    token, usage,
};
use super::plan::{self, Apply, Plan};
use super::replay::Replay;
use super::session::{Outcome, Session};
use super::{Globals, bench, explain, print};

/// What can be asked of a server.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Tenants: organisations on the platform.
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Connections: accounts at providers.
    #[command(subcommand)]
    Connection(connection::Connection),
    /// Addresses: what is dialled, and where it goes.
    #[command(subcommand)]
    Address(address::Address),
    /// Flows, their releases and which of them is live.
    #[command(subcommand)]
    Flow(flow::Flow),
    /// Settings of a tenant or a flow.
    #[command(subcommand)]
    Settings(settings::Settings),
    /// Secrets: values that plugins send and nobody sees again.
    #[command(subcommand)]
    Secret(secret::SecretVerb),
    /// Queues: where contacts wait for agents.
    #[command(subcommand)]
    Queue(entry::Queue),
    /// People who can be called.
    #[command(subcommand)]
    Person(entry::Person),
    /// Business hours.
    #[command(subcommand)]
    Hours(hours::Hours),
    /// The emergency closure.
    #[command(subcommand)]
    Closure(closure::Closure),
    /// Quotas: what a tenant may use over time, and what is left of it.
    #[command(subcommand)]
    Quota(quota::QuotaVerb),
    /// Default routes: where contacts go when no plugin answers.
    #[command(subcommand)]
    Route(route::Route),
    /// Plugins and their versions.
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// The host itself, for whoever runs the platform.
    #[command(subcommand)]
    Host(host::Host),
    /// Contacts: calls and conversations.
    #[command(subcommand, visible_alias = "contact")]
    Contacts(contacts::Contacts),
    /// Why did this call go there? The timeline of a contact.
    Explain(explain::Explain),
    /// Run what was captured again: a contact, or a window against a release.
    Replay(Replay),
    /// What of contacts is captured, so that it can be run again.
    #[command(subcommand)]
    Captures(captures::Captures),
    /// What plugins write and decide, as it happens.
    Logs(Logs),
    /// Who changed what of how the tenant is set up, and when.
    History(History),
    /// Test cases that must hold before an upload is kept and before a release becomes live.
    #[command(subcommand)]
    Cases(cases::Cases),
    /// Tokens for this API.
    #[command(subcommand)]
    Token(token::Token),
    /// What was used, by day, flow and release.
    Usage(usage::Usage),
    /// Say what would become other if a file of tenants were applied; status 2 where something would.
    Plan(Plan),
    /// Make tenants as a file says.
    Apply(Apply),
}

impl AdminCommand {
    /// Prints a tenant as a file.
    pub(crate) fn as_code(with_plugins: Option<PathBuf>) -> Self {
        Self::Plan(Plan::from_server(with_plugins))
    }
}

/// Runs a command to its exit status.
pub async fn run(command: AdminCommand, globals: Globals) -> ExitCode {
    match asked(command, &globals, Box::new(std::io::stdout())).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            print::complain(&trouble.tell());
            ExitCode::from(trouble.status())
        }
    }
}

/// Runs a command to what came of it; what it has to say goes to `out`.
pub(super) async fn asked(command: AdminCommand, globals: &Globals, out: Box<dyn Write + Send>) -> Outcome {
    let command = match command {
        AdminCommand::Plugin(plugin::Plugin::Test(tried)) => return bench::run(tried, globals, out).await,
        AdminCommand::Plugin(plugin::Plugin::Run(talked)) => return bench::talk(talked, globals, out).await,
        AdminCommand::Plugin(plugin::Plugin::CaseSchema) => return bench::schema(out),
        AdminCommand::Plugin(plugin::Plugin::New(new)) => return new.run(globals.json, &mut *{ out }),
        AdminCommand::Plugin(plugin::Plugin::Build(build)) => return bench::built(build, globals, out).await,
        AdminCommand::Plugin(plugin::Plugin::Check { component }) => return bench::check(&component, globals, out).await,
        AdminCommand::Plan(plan) if plan.is_about_the_form() => return plan::schema(out),
        other => other,
    };
    let session = Session::open(globals, out)?;
    match command {
        AdminCommand::Tenant(verb) => verb.run(&session).await,
        AdminCommand::Connection(verb) => verb.run(&session).await,
        AdminCommand::Address(verb) => verb.run(&session).await,
        AdminCommand::Flow(verb) => verb.run(&session).await,
        AdminCommand::Settings(verb) => verb.run(&session).await,
        AdminCommand::Secret(verb) => verb.run(&session).await,
        AdminCommand::Queue(verb) => verb.run(&session).await,
        AdminCommand::Person(verb) => verb.run(&session).await,
        AdminCommand::Hours(verb) => verb.run(&session).await,
        AdminCommand::Closure(verb) => verb.run(&session).await,
        AdminCommand::Quota(verb) => verb.run(&session).await,
        AdminCommand::Route(verb) => verb.run(&session).await,
        AdminCommand::Plugin(verb) => verb.run(&session).await,
        AdminCommand::Host(verb) => verb.run(&session).await,
        AdminCommand::Contacts(verb) => verb.run(&session).await,
        AdminCommand::Explain(asked) => asked.run(&session).await,
        AdminCommand::Replay(asked) => asked.run(&session).await,
        AdminCommand::Captures(verb) => verb.run(&session).await,
        AdminCommand::Logs(asked) => asked.run(&session).await,
        AdminCommand::History(asked) => asked.run(&session).await,
        AdminCommand::Cases(verb) => verb.run(&session).await,
        AdminCommand::Token(verb) => verb.run(&session).await,
        AdminCommand::Usage(asked) => asked.run(&session).await,
        AdminCommand::Plan(plan) => plan.run(&session, globals).await,
        AdminCommand::Apply(apply) => apply.run(&session, globals).await,
    }
}
