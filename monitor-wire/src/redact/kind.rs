//! What a token is, as far as its form tells.

/// Kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Cloudflare's Global API Key: `cfk_…`, or 37 lower-case hex digits.
    CloudflareGlobalKey,
    /// Cloudflare's API token of a user: `cfut_…`, or the old form of 40 characters, which doesn't tell whose it is.
    CloudflareUserToken,
    /// Cloudflare's API token of an account: `cfat_…`.
    CloudflareAccountToken,
    /// Cloudflare's OAuth access token, which wrangler keeps: `cfoat_…`.
    CloudflareOauth,
    /// Cloudflare's Origin CA key: `v1.0-…`.
    CloudflareOriginKey,
    /// What connects a Cloudflare tunnel: base64 of JSON.
    CloudflareTunnel,
    /// OAuth token of an MCP server: user, grant and secret, with colons between.
    McpOauth,
    /// Id of an AWS access key.
    AwsKeyId,
    /// Secret of an AWS access key.
    AwsSecret,
    /// GitHub: `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`, `github_pat_`.
    Github,
    /// GitLab.
    Gitlab,
    /// npm.
    Npm,
    /// `PyPI`.
    Pypi,
    /// Stripe.
    Stripe,
    /// Slack.
    Slack,
    /// JSON Web Token of a Kubernetes service account.
    KubeServiceAccount,
    /// Any other JSON Web Token.
    Jwt,
    /// PEM block of a private key.
    PrivateKey,
    /// PEM block of another secret.
    Armoured,
    /// Another service's token with a prefix of its own.
    Service,
    /// A token without any form that tells.
    Opaque,
}

impl Kind {
    /// Its name in events, in `snake_case`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CloudflareGlobalKey => "cloudflare_global_key",
            Self::CloudflareUserToken => "cloudflare_user_token",
            Self::CloudflareAccountToken => "cloudflare_account_token",
            Self::CloudflareOauth => "cloudflare_oauth",
            Self::CloudflareOriginKey => "cloudflare_origin_key",
            Self::CloudflareTunnel => "cloudflare_tunnel",
            Self::McpOauth => "mcp_oauth",
            Self::AwsKeyId => "aws_key_id",
            Self::AwsSecret => "aws_secret",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Stripe => "stripe",
            Self::Slack => "slack",
            Self::KubeServiceAccount => "kube_service_account",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private_key",
            Self::Armoured => "armoured",
            Self::Service => "service",
            Self::Opaque => "opaque",
        }
    }
}
