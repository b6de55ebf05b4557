//! Names of types and response codes, as IANA's registry "Domain Name System (DNS) Parameters" has them.

const TYPES: [(u16, &str); 43] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (10, "NULL"),
    (12, "PTR"),
    (13, "HINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (24, "SIG"),
    (25, "KEY"),
    (28, "AAAA"),
    (29, "LOC"),
    (33, "SRV"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (39, "DNAME"),
    (42, "APL"),
    (43, "DS"),
    (44, "SSHFP"),
    (45, "IPSECKEY"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (53, "SMIMEA"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (61, "OPENPGPKEY"),
    (62, "CSYNC"),
    (63, "ZONEMD"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (251, "IXFR"),
    (252, "AXFR"),
    (255, "ANY"),
    (257, "CAA"),
];

const RCODES: [&str; 12] = [
    "NOERROR",
    "FORMERR",
    "SERVFAIL",
    "NXDOMAIN",
    "NOTIMP",
    "REFUSED",
    "YXDOMAIN",
    "YXRRSET",
    "NXRRSET",
    "NOTAUTH",
    "NOTZONE",
    "DSOTYPENI",
];

/// A type.
pub(super) fn of(kind: u16) -> String {
    let known = TYPES.iter().find(|(number, _)| *number == kind);
    known.map_or_else(|| format!("TYPE {kind}"), |(_, name)| (*name).to_owned())
}

/// A response code.
pub(super) fn rcode(code: u16) -> String {
    let known = RCODES.get(usize::from(code));
    known.map_or_else(|| format!("RCODE {code}"), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{of, rcode};

    #[test]
    fn names_what_is_common() {
        assert_eq!([1, 28, 65, 255, 65280].map(of), ["A", "AAAA", "HTTPS", "ANY", "TYPE 65280"]);
        assert_eq!([0, 2, 3, 11, 12].map(rcode), ["NOERROR", "SERVFAIL", "NXDOMAIN", "DSOTYPENI", "RCODE 12"]);
    }
}
