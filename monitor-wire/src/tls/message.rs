//! The ClientHello as a handshake message (RFC 8446 sections 4 and 4.1.2).

use super::ja4::{Client, is_grease};
use super::{Hello, Progress, Reject, Transport};
use crate::cursor::Cursor;
use crate::limits;
use crate::text::escape_bytes;

/// Handshake type of a ClientHello.
const CLIENT_HELLO: u8 = 1;

/// RFC 6066 section 3.
pub(super) const SERVER_NAME: u16 = 0;
/// RFC 8446 section 4.2.3.
const SIGNATURE_ALGORITHMS: u16 = 13;
/// RFC 7301 section 3.1.
pub(super) const ALPN: u16 = 16;
/// RFC 8446 section 4.2.1.
const SUPPORTED_VERSIONS: u16 = 43;
/// RFC 9849 section 5.
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// Reads a handshake message that begins with its type and length. What follows it is not looked at.
pub fn hello(bytes: &[u8], transport: Transport) -> Progress {
    let mut cursor = Cursor::new(bytes);
    match cursor.u8() {
        None => return Progress::Incomplete,
        Some(CLIENT_HELLO) => {}
        Some(_) => return Progress::Reject(Reject::NotHello),
    }
    let Some(length) = cursor.u24() else { return Progress::Incomplete };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > limits::TLS_HELLO {
        return Progress::Reject(Reject::TooLong);
    }
    let Some(body) = cursor.take(length) else { return Progress::Incomplete };
    read(Cursor::new(body), transport).map_or(Progress::Reject(Reject::Malformed), Progress::Done)
}

fn read(mut body: Cursor<'_>, transport: Transport) -> Option<Hello> {
    let mut client = Client::new(transport, body.u16()?);
    let _random: [u8; 32] = body.array()?;
    let session = body.block8()?;
    if session.rest().len() > 32 {
        return None;
    }
    client.ciphers = body.block16()?.numbers()?;
    let _compression = body.block8()?;
    let mut hello = Hello { sni: None, alpn: Vec::new(), ja4: String::new(), ech: false };
    // Clients older than TLS 1.3 may have no extensions, not even their length.
    if !body.is_empty() {
        let extensions = body.block16()?;
        end(body)?;
        read_extensions(extensions, &mut client, &mut hello)?;
    }
    hello.ja4 = client.ja4();
    Some(hello)
}

fn read_extensions<'a>(mut extensions: Cursor<'a>, client: &mut Client<'a>, hello: &mut Hello) -> Option<()> {
    while !extensions.is_empty() {
        let kind = extensions.u16()?;
        let mut data = extensions.block16()?;
        client.extensions.push(kind);
        match kind {
            SERVER_NAME => hello.sni = server_name(data)?,
            SIGNATURE_ALGORITHMS => {
                client.signatures = data.block16()?.numbers()?;
                end(data)?;
            }
            ALPN => {
                let mut list = data.block16()?;
                end(data)?;
                client.alpn = list.clone().block8().map(|first| first.rest());
                while !list.is_empty() {
                    let name = list.block8()?.rest();
                    // An empty one names nothing, and is forbidden.
                    if hello.alpn.len() < limits::ALPN && !name.is_empty() {
                        hello.alpn.push(escape_bytes(name.get(..limits::ALPN_NAME).unwrap_or(name)));
                    }
                }
            }
            SUPPORTED_VERSIONS => {
                let versions = data.block8()?.numbers()?;
                end(data)?;
                if let Some(highest) = versions.into_iter().filter(|&version| !is_grease(version)).max() {
                    client.version = highest;
                }
            }
            // 0 is the outer hello; the inner one, 1, never travels in clear.
            ENCRYPTED_CLIENT_HELLO => hello.ech = data.u8() == Some(0),
            _ => {}
        }
    }
    // With an extension twice, two readers may each take another one.
    let mut kinds = client.extensions.clone();
    kinds.sort_unstable();
    kinds.is_sorted_by(|one, next| one < next).then_some(())
}

/// The one host name of the list; types that nobody defined yet are passed over.
fn server_name(mut data: Cursor<'_>) -> Option<Option<String>> {
    const HOST_NAME: u8 = 0;
    let mut list = data.block16()?;
    end(data)?;
    let mut found = None;
    while !list.is_empty() {
        let kind = list.u8()?;
        let name = list.block16()?.rest();
        if kind == HOST_NAME {
            if found.is_some() || name.is_empty() || name.len() > limits::SNI {
                return None;
            }
            found = Some(name);
        }
    }
    let bare = found.map(|name| name.strip_suffix(b".").unwrap_or(name)).filter(|name| !name.is_empty());
    Some(bare.map(|name| escape_bytes(&name.to_ascii_lowercase())))
}

fn end(cursor: Cursor<'_>) -> Option<()> {
    cursor.is_empty().then_some(())
}
