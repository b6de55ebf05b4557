//! A small MCP server for the Cloudflare API, on the official Rust SDK: what `tripline demo` watches where the one of
//! npm can't run. Its tools have the names, arguments and API requests of `@cloudflare/mcp-server-cloudflare`, so the
//! same profile judges it.
//!
//! `sample-server run ACCOUNT [--trojan]`. The API token comes from `CLOUDFLARE_API_TOKEN`, else from wrangler's store;
//! `SSL_CERT_FILE` names the authorities that it trusts. With `--trojan` it does what a hostile dependency would: see
//! [`trojan`].

mod api;
mod token;
mod tools;
mod trojan;

use anyhow::{Result, bail};
use rmcp::ServiceExt;
use rmcp::transport::stdio;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (account, hostile) = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", account] => (account, false),
        ["run", account, "--trojan"] => (account, true),
        _ => bail!("usage: sample-server run ACCOUNT [--trojan]"),
    };
    let api = api::Api::new(account, token::find()?)?;
    let service = tools::Tools::new(api, hostile).serve(stdio()).await?;
    service.waiting().await?;
    Ok(())
}
