use super::{Block, Decoder};
use crate::http::head::Reason;
use crate::limits;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<String>, Reason> {
    let mut fields = Vec::new();
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    decoder.decode(block, &mut |name, value| fields.push(format!("{}: {}", text(name), text(value))))?;
    Ok(fields)
}

/// The dynamic table, the newest first.
fn table(decoder: &Decoder) -> Vec<String> {
    let text = |(name, value): (&[u8], &[u8])| format!("{}: {}", name.escape_ascii(), value.escape_ascii());
    (62..).map_while(|index| decoder.table.get(index).map(text)).collect()
}

/// Decodes blocks one after the other, and compares what they say and what is remembered behind each.
fn series(decoder: &mut Decoder, steps: &[(&str, &[&str], &[&str])]) {
    for (block, fields, remembered) in steps {
        assert_eq!(decode(decoder, &bytes(block)).unwrap(), *fields, "{block}");
        assert_eq!(table(decoder), *remembered, "{block}");
    }
}

#[test]
fn integers_as_in_appendix_c_1() {
    for (hex, prefix, value, left) in [
        ("0a", 5, Some(10), 0),
        ("ea", 5, Some(10), 0),
        ("1f9a0a", 5, Some(1337), 0),
        ("2a", 8, Some(42), 0),
        ("7f00ff", 7, Some(127), 1),
        // zeros that add nothing
        ("7f808000", 7, Some(127), 0),
        ("7f80ffffff0f", 7, Some(0xffff_ffff), 0),
        ("7f81ffffff0f", 7, None, 0),
        ("7f808080808001", 7, None, 0),
        ("7fffffffffffffffffff01", 7, None, 0),
        ("7f", 7, None, 0),
        ("7f80", 7, None, 0),
        ("", 7, None, 0),
    ] {
        let encoded = bytes(hex);
        let mut block = Block { rest: &encoded };
        assert_eq!(block.integer(prefix), value, "{hex}");
        assert!(value.is_none() || block.rest.len() == left, "{hex}");
    }
}

#[test]
fn literals_as_in_appendix_c_2() {
    let field = "custom-key: custom-header";
    series(&mut Decoder::new(), &[("400a637573746f6d2d6b65790d637573746f6d2d686561646572", &[field], &[field])]);
    series(&mut Decoder::new(), &[("040c2f73616d706c652f70617468", &[":path: /sample/path"], &[])]);
    series(&mut Decoder::new(), &[("100870617373776f726406736563726574", &["password: secret"], &[])]);
    series(&mut Decoder::new(), &[("82", &[":method: GET"], &[])]);
}

#[test]
fn requests_as_in_appendices_c_3_and_c_4() {
    let plain = [
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ];
    let huffman = [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ];
    let (host, control, custom) =
        (":authority: www.example.com", "cache-control: no-cache", "custom-key: custom-value");
    for [first, second, third] in [plain, huffman] {
        series(
            &mut Decoder::new(),
            &[
                (first, &[":method: GET", ":scheme: http", ":path: /", host], &[host]),
                (second, &[":method: GET", ":scheme: http", ":path: /", host, control], &[control, host]),
                (
                    third,
                    &[":method: GET", ":scheme: https", ":path: /index.html", host, custom],
                    &[custom, control, host],
                ),
            ],
        );
    }
}

#[test]
fn responses_as_in_appendices_c_5_and_c_6() {
    let plain = [
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e17\
         68747470733a2f2f7777772e6578616d706c652e636f6d",
        "4803333037c1c0bf",
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d41\
         53444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
    ];
    let huffman = [
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97\
         c8e9ae82ae43d3",
        "4883640effc1c0bf",
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd\
         5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ];
    let (private, first_date) = ("cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT");
    let (location, last_date) = ("location: https://www.example.com", "date: Mon, 21 Oct 2013 20:13:22 GMT");
    let cookie = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
    for [first, second, third] in [plain, huffman] {
        let mut decoder = Decoder::new();
        assert!(decoder.table.resize(256));
        series(
            &mut decoder,
            &[
                (
                    first,
                    &[":status: 302", private, first_date, location],
                    &[location, first_date, private, ":status: 302"],
                ),
                (
                    second,
                    &[":status: 307", private, first_date, location],
                    &[":status: 307", location, first_date, private],
                ),
                (
                    third,
                    &[":status: 200", private, last_date, location, "content-encoding: gzip", cookie],
                    &[cookie, "content-encoding: gzip", last_date],
                ),
            ],
        );
    }
}

#[test]
fn the_table_has_the_size_that_its_encoder_says() {
    let (mut decoder, long) = (Decoder::new(), "61".repeat(30));
    let insert = format!("40 01 61 1e {long}");
    let field = format!("a: {}", "a".repeat(30));
    // 63 bytes each: two fit into 126, and nothing into 0
    decode(&mut decoder, &bytes(&format!("3f5f {insert} {insert} {insert}"))).unwrap();
    assert_eq!(table(&decoder), [field.as_str(), &field]);
    decode(&mut decoder, &bytes("3f5e")).unwrap();
    assert_eq!(table(&decoder), [field.as_str()]);
    assert_eq!(decode(&mut decoder, &bytes("20 3fe11f")), Ok(vec![]));
    assert_eq!(table(&decoder), Vec::<String>::new());
    // the cap, and one more
    assert_eq!(decode(&mut Decoder::new(), &bytes("3fe1ff03")), Ok(vec![]));
    assert_eq!(decode(&mut Decoder::new(), &bytes("3fe2ff03")), Err(Reason::TooLong));
}

/// RFC 7541 section 4.4: the entry whose name is taken may have to go for the new one.
#[test]
fn a_name_may_come_from_the_entry_that_goes() {
    let mut decoder = Decoder::new();
    decode(&mut decoder, &bytes("3f05 40 01 61 01 62")).unwrap();
    assert_eq!(decode(&mut decoder, &bytes("7e 01 63")).unwrap(), ["a: c"]);
    assert_eq!(table(&decoder), ["a: c"]);
}

#[test]
fn broken_blocks_are_malformed() {
    for hex in [
        "80", // index 0
        "be", // nothing remembered
        "ffffffffff0f",
        "40", // no name
        "4001",
        "400161",   // no value
        "40016102", // shorter than it says
        "7e01",     // a name that isn't there
        "00",
        "10",
        "4081ff0161", // padding of a whole byte
        "3f",
        "3fffffffffff0f",
    ] {
        assert_eq!(decode(&mut Decoder::new(), &bytes(hex)), Err(Reason::Malformed), "{hex}");
    }
    assert_eq!(decode(&mut Decoder::new(), b""), Ok(vec![]));
}

/// A short block may stand for a long list.
#[test]
fn a_list_has_an_end() {
    let mut decoder = Decoder::new();
    let value = "62".repeat(3967);
    let insert = format!("40 01 61 7f 80 1e {value}");
    assert_eq!(decode(&mut decoder, &bytes(&insert)).unwrap().len(), 1);
    let most = limits::HPACK_LIST / 4000;
    assert_eq!(decode(&mut decoder, &vec![0xbe; most]).map(|fields| fields.len()), Ok(most));
    assert_eq!(decode(&mut decoder, &vec![0xbe; most + 1]), Err(Reason::TooLong));
}
