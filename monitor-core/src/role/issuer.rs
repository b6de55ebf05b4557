//! Which hosts a token is for, by its form.

/// Services whose tokens tell by their form whose they are, and the names below which their hosts lie. Those that people
/// also run themselves (GitHub, GitLab, package registries, object stores), and prefixes that several services have, are
/// for hosts anywhere, and aren't here. Of an AWS key the secret never travels in a signed request; its id does.
const ISSUERS: [(&str, &[&str]); 2] = [
    ("cloudflare_", &["cloudflare.com", "argotunnel.com"]),
    ("aws_secret", &["amazonaws.com", "amazonaws.com.cn", "api.aws", "aws.amazon.com"]),
];

/// Whether a token of this form is for that host. A private key is for none. `None`: it may be for any.
#[must_use]
pub fn is_for(form: &str, host: &str) -> Option<bool> {
    if form == "private_key" {
        return Some(false);
    }
    let (_, names) = ISSUERS.iter().find(|(issuer, _)| form.starts_with(issuer))?;
    Some(names.iter().any(|name| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))))
}

#[cfg(test)]
mod tests {
    use super::is_for;

    #[test]
    fn a_token_is_for_the_hosts_of_who_gave_it() {
        assert_eq!(is_for("cloudflare_user_token", "api.cloudflare.com"), Some(true));
        assert_eq!(is_for("cloudflare_user_token", "evil.workers.dev"), Some(false));
        assert_eq!(is_for("cloudflare_user_token", "notcloudflare.com"), Some(false));
        assert_eq!(is_for("aws_secret", "sts.eu-west-1.amazonaws.com"), Some(true));
        assert_eq!(is_for("private_key", "github.com"), Some(false));
        assert_eq!(is_for("aws_key_id", "objects.example"), None);
        assert_eq!(is_for("github", "git.example"), None);
        assert_eq!(is_for("opaque", "example.com"), None);
    }
}
