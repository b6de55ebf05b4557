//! The one table of caps. Sizes are in bytes of decoded text unless a line says otherwise.

/// Bytes of one message (on the wire) that always pass the tokeniser. What comes later is only counted, and the message
/// is incomplete.
pub const MESSAGE: u64 = 16 << 20;

/// Bytes of one line after which it is given up whatever is known of it. Between [`MESSAGE`] and this the tokeniser runs
/// on only while the message can't be told yet, because its `id` or its `method` comes last.
pub const LINE: u64 = 64 << 20;

/// Nesting that is followed; what lies deeper is hashed as it is and otherwise ignored.
pub const DEPTH: u32 = 128;

/// A name, version, method, id or task id. A longer one is replaced by the fingerprint of the whole, so that two long ids
/// never fall together.
pub const NAME: usize = 256;

/// Value of one argument.
pub const ARGUMENT: usize = 4096;

/// JSON pointer of one argument. Arguments below a longer one are left out.
pub const POINTER: usize = 512;

/// Object key. A longer one names nothing that is known here.
pub const KEY: usize = 512;

/// Scalar arguments kept of one call.
pub const ARGUMENTS: usize = 256;

/// Tool declarations kept of one answer.
pub const TOOLS: usize = 4096;

/// Keys of one message that are watched for duplicates, over all its objects.
pub const KEYS: usize = 4096;

/// Duplicate keys of one message after which its arguments are no longer kept.
pub const DUPLICATES: u32 = 256;

/// Members of one batch that are delivered.
pub const BATCH: u32 = 4096;

/// Bytes of one ClientHello on the wire; with post-quantum key shares and an encrypted hello inside it has a few thousand.
pub const TLS_HELLO: usize = 64 << 10;

/// Bytes of one TLS record (RFC 8446 section 5.2).
pub const TLS_RECORD: u16 = (1 << 14) + 256;

/// QUIC connections remembered of one socket with one peer, so that packets after the first are known for theirs. Most
/// clients use a socket for one.
pub const QUIC_CONNECTIONS: usize = 4;

/// Initial packets of a QUIC connection that are read for its hello. A hello of [`TLS_HELLO`] bytes takes 56 of the
/// smallest, those of today take one or two.
pub const QUIC_PACKETS: u32 = 64;

/// Pieces of a QUIC hello that lie apart while others are missing. Clients that hide their hellos from simple readers,
/// as Chrome does, were seen to shuffle some thirty, of one byte and more.
pub const QUIC_RANGES: usize = 256;

/// Bytes of a server name on the wire. A longer one is no name of any host, and no server takes it.
pub const SNI: usize = 255;

/// Protocols kept of those that a TLS client offers.
pub const ALPN: usize = 16;

/// Bytes kept of one such protocol, as on the wire.
pub const ALPN_NAME: usize = 64;

/// Bytes of one DNS message on the wire: what the length before it over TCP can say (RFC 1035 section 4.2.2).
pub const DNS_MESSAGE: usize = (1 << 16) - 1;

/// Bytes of a domain name on the wire, its last zero among them (RFC 1035 section 2.3.4), so at most 127 labels.
pub const DNS_NAME: usize = 255;

/// Compression pointers followed for one domain name.
pub const DNS_POINTERS: usize = 128;

/// Names kept of those that a name stands for.
pub const DNS_ALIASES: usize = 16;

/// Addresses kept of one DNS answer.
pub const DNS_ADDRESSES: usize = 64;

/// Messages in a row that are none, after which a stream is no DNS.
pub const DNS_REJECTS: u32 = 16;

/// Bytes of a stream after which [`crate::sniff`] stops asking for more.
pub const SNIFF: usize = 64 << 10;

/// Head of an HTTP message on the wire: of HTTP/1 with its line ends, of HTTP/2 as it is compressed. Node takes 16 KiB,
/// most servers less.
pub const HTTP_HEAD: usize = 64 << 10;

/// Empty lines that may stand before an HTTP/1 head (RFC 9112 section 2.2).
pub const HTTP_EMPTY_LINES: u32 = 4;

/// Method of an HTTP request. What is longer is none.
pub const HTTP_METHOD: usize = 32;

/// Path of an HTTP request, and its query.
pub const HTTP_TARGET: usize = 2048;

/// Host of an HTTP request, with its port.
pub const HTTP_HOST: usize = 256;

/// Names of headers kept of one head.
pub const HTTP_NAMES: usize = 64;

/// Name of one header. A longer one is replaced by its fingerprint.
pub const HTTP_NAME: usize = 128;

/// Values of headers kept of one head.
pub const HTTP_VALUES: usize = 16;

/// Value of one header.
pub const HTTP_VALUE: usize = 256;

/// Line of a chunk's size with its extensions, on the wire.
pub const HTTP_CHUNK_LINE: u64 = 4 << 10;

/// Trailer section of a chunked body, on the wire.
pub const HTTP_TRAILERS: u64 = 64 << 10;

/// Unanswered `HEAD` and `CONNECT` requests of one connection.
pub const HTTP_PIPELINE: usize = 1024;

/// Dynamic table of one HTTP/2 direction, as RFC 7541 section 4.1 counts it. Most clients and servers keep 4 KiB,
/// browsers grant 64 KiB.
pub const HPACK_TABLE: usize = 64 << 10;

/// Fields of one HTTP/2 head, decoded, as RFC 9113 section 6.5.2 counts them: a block of [`HTTP_HEAD`] could name an
/// entry of the table in each of its bytes. Node takes 64 KiB.
pub const HPACK_LIST: usize = 128 << 10;

/// Bytes of text that one byte of an HTTP/2 head may have redacted, in the long run: with a table of 64 KiB a head of
/// ten bytes could ask for that much, again and again. Of a request for a path of 2 KiB that is repeated a byte has
/// about eighty.
pub const HTTP2_RATIO: u64 = 256;

/// Bytes of text by which the heads of one HTTP/2 direction may be ahead of that.
pub const HTTP2_CREDIT: u64 = 1 << 20;

/// Bodies of one HTTP/2 direction that are open at a time. nginx allows 128 streams, Go 250.
pub const HTTP2_STREAMS: usize = 256;

/// Resets of one HTTP/2 direction that wait for being taken.
pub const HTTP2_RESETS: usize = 256;
/// Content codings of one HTTP body, one inside the other.
pub const HTTP_CODINGS: usize = 2;

/// Name kept of a content coding that isn't decoded.
pub const HTTP_CODING_NAME: usize = 32;

/// Bytes that may come out of each coding of one HTTP body whatever its length: a few bytes can hold any number of them,
/// and each costs time. Nothing is kept of them beyond the coding's window.
pub const HTTP_DECODED: u64 = 64 << 20;

/// Bytes that may come out beside these for each byte of the body as it was sent, so that an event stream can go on for
/// days. Messages of MCP have about ten.
pub const HTTP_DECODED_RATIO: u64 = 64;

/// Window of a body in zstd, which RFC 9659 section 3 bounds by as much. Those of gzip and deflate have 32 KiB (RFC
/// 1951 section 2), that of br at most 16 MiB (RFC 7932 section 9.1). The large ones grow with what comes out.
pub const ZSTD_WINDOW: u64 = 8 << 20;

/// Type of one event of an event stream. A longer one is replaced by the fingerprint of the whole.
pub const SSE_TYPE: usize = 64;

/// Boundary of a multipart body (RFC 2046 section 5.1.1).
pub const MULTIPART_BOUNDARY: usize = 70;

/// Headers of one part, on the wire.
pub const MULTIPART_HEAD: usize = 8 << 10;

/// Parts of one multipart body.
pub const MULTIPART_PARTS: u32 = 1000;

/// Blanks behind a boundary, which senders may but don't put there (RFC 2046 section 5.1.1).
pub const MULTIPART_PADDING: usize = 64;
/// Text of one program that is read as code. A longer one is not read at all.
pub const CODE: usize = 1 << 20;

/// Tokens of one program.
pub const CODE_TOKENS: usize = 1 << 18;

/// Nesting of one program's text.
pub const CODE_DEPTH: u32 = 64;

/// Expressions, statements and calls within each other while a program is followed; calls are followed into their
/// functions, so this goes deeper than the text.
pub const CODE_NESTING: u32 = 160;

/// Expressions and statements that are looked at while a program is followed, over all passes.
pub const CODE_STEPS: u32 = 1 << 16;

/// Passes over one program until what its variables may hold doesn't grow any more.
pub const CODE_PASSES: u32 = 8;

/// Values that one expression may have, kept apart. With more it is unknown.
pub const CODE_CHOICES: usize = 32;

/// Bytes of one text that is known. A longer one is unknown.
pub const CODE_TEXT: usize = 4096;

/// Requests kept of one program.
pub const CODE_REQUESTS: usize = 256;

/// Names of query parameters and of body members kept of one request.
pub const CODE_NAMES: usize = 32;

/// Segments of one path.
pub const CODE_SEGMENTS: usize = 64;

/// Fingerprints kept of tokens that stand in one program.
pub const CODE_FOUND: usize = 16;

/// Shortest token that is looked for in streams. What is shorter stands in too many texts by chance.
pub const TOKEN_SHORT: usize = 8;

/// Longest token that is looked for in streams: a private key of RSA with 4096 bits takes 3.3 KB in PEM.
pub const TOKEN: usize = 8 << 10;

/// Tokens that one set holds. Each takes about 3 KiB there.
pub const TOKENS: usize = 8192;

/// Bytes of a stream that a scanner keeps, to find where a token began that it knows from further on.
pub const TOKEN_CARRY: usize = 1 << 10;

/// Possible tokens of one stream whose end hasn't come yet; each takes up to 2 KiB.
pub const TOKEN_RUNS: usize = 64;

/// Tokens told of one piece.
pub const TOKEN_HITS: usize = 1024;

/// Bytes of a token that is known by its form alone; a private key of RSA with 8192 bits takes 6.4 KB in PEM.
pub const TOKEN_FORM: usize = 16 << 10;
