//! What is known of a server before it is judged.

/// Facts by which a profile is chosen.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerIdentity<'a> {
    /// Resolved executable.
    pub exe_path: &'a str,
    /// Its arguments, the program first.
    pub argv: &'a [String],
    /// Its package, `npm:NAME` or `pypi:NAME`, where the agent found one. Else it is derived from `argv`.
    pub package: Option<&'a str>,
    /// Names of its environment variables.
    pub env_names: &'a [String],
    /// Its container image, without tag or digest.
    pub image: Option<&'a str>,
}

/// The package that a path belongs to: `npm:NAME` below the last `node_modules`, `pypi:NAME` below `site-packages`
/// (the import name with `_` as `-`).
#[must_use]
pub fn package_of_path(path: &str) -> Option<String> {
    let _ = path;
    None
}

/// The package that a command line starts: through `npx`, `npm exec`, `pnpm dlx`, `bunx`, `uvx`, `uv tool run`,
/// `pipx run`, `python -m`, or by the path of its main script. Versions and extras are left out.
#[must_use]
pub fn package_of_argv(argv: &[String]) -> Option<String> {
    let _ = argv;
    None
}
