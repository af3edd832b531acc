//! Certificates that are put together by hand, byte by byte, and some that another program made.

use super::der::*;
use super::distinguished::*;
use super::hosts::*;
use super::*;
use crate::proto::calendar::unix_seconds;
use rcgen::{CertificateParams, DnType, DnValue, IsCa, KeyPair, SanType, date_time_ymd};

const CN: &[u8] = &[0x55, 0x04, 0x03];
const O: &[u8] = &[0x55, 0x04, 0x0a];
const SAN: &[u8] = &[0x55, 0x1d, 0x11];
const DATES: [(u8, &[u8]); 2] = [(UTC_TIME, b"250101000000Z"), (UTC_TIME, b"260101000000Z")];

/// A value in its DER form.
fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut der = vec![tag];
    match content.len() {
        length @ 0..0x80 => der.push(length as u8),
        length @ 0x80..0x100 => der.extend([0x81, length as u8]),
        length => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    [der, content].concat()
}

fn attribute(oid: &[u8], tag: u8, string: &[u8]) -> Vec<u8> {
    value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[oid]), &value(tag, &[string])])
}

fn name(parts: &[&[u8]]) -> Vec<u8> {
    value(SEQUENCE, parts)
}

fn common_name(tag: u8, string: &[u8]) -> Vec<u8> {
    name(&[&value(SET, &[&attribute(CN, tag, string)])])
}

fn extension(oid: &[u8], content: &[u8]) -> Vec<u8> {
    value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[oid]), &value(OCTET_STRING, &[content])])
}

fn extensions(list: &[&[u8]]) -> Vec<u8> {
    value(EXTENSIONS, &[&value(SEQUENCE, list)])
}

fn alt_names(names: &[&[u8]]) -> Vec<u8> {
    extensions(&[&extension(SAN, &value(SEQUENCE, names))])
}

/// A certificate around the parts that a test is about; `tail` stands after the public key.
fn certificate(subject: &[u8], dates: [(u8, &[u8]); 2], tail: &[&[u8]]) -> Vec<u8> {
    let algorithm = value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[&[0x2a, 0x03]])]);
    let [start, end] = dates.map(|(tag, text)| value(tag, &[text]));
    let body = value(
        SEQUENCE,
        &[
            &value(VERSION, &[&value(INTEGER, &[&[2]])]),
            &value(INTEGER, &[&[1]]),
            &algorithm,
            &common_name(UTF8_STRING, b"Issuer"),
            &value(SEQUENCE, &[&start, &end]),
            subject,
            &value(SEQUENCE, &[&algorithm, &value(BIT_STRING, &[&[0, 1, 2, 3]])]),
            &tail.concat(),
        ],
    );
    value(SEQUENCE, &[&body, &algorithm, &value(BIT_STRING, &[&[0, 9, 9]])])
}

fn subject_of(subject: &[u8]) -> Result<String, &'static str> {
    match parse(&certificate(subject, DATES, &[])) {
        Ok(certificate) => Ok(certificate.subject),
        Err(error) => Err(error.what),
    }
}

fn names_of(names: &[&[u8]]) -> Result<Vec<String>, &'static str> {
    match parse(&certificate(&name(&[]), DATES, &[&alt_names(names)])) {
        Ok(certificate) => Ok(certificate.names.iter().map(AltName::to_string).collect()),
        Err(error) => Err(error.what),
    }
}

fn dates_of(start: (u8, &[u8]), end: (u8, &[u8])) -> Result<(i64, i64), &'static str> {
    match parse(&certificate(&name(&[]), [start, end], &[])) {
        Ok(certificate) => Ok((certificate.not_before, certificate.not_after)),
        Err(error) => Err(error.what),
    }
}

/// A certificate made by another program: a self-signed one with all that we read.
fn issued() -> Vec<u8> {
    let mut params = CertificateParams::new(["api.example.com".into(), "*.example.com".into()]).unwrap();
    params.subject_alt_names.push(SanType::IpAddress("10.0.0.7".parse().unwrap()));
    params.subject_alt_names.push(SanType::IpAddress("2001:db8::1".parse().unwrap()));
    params.subject_alt_names.push(SanType::Rfc822Name("ops@example.com".try_into().unwrap()));
    params.not_before = date_time_ymd(2024, 2, 29);
    params.not_after = date_time_ymd(2051, 12, 31);
    params.is_ca = IsCa::ExplicitNoCa;
    let subject = &mut params.distinguished_name;
    subject.push(DnType::CountryName, "SE");
    subject.push(DnType::OrganizationName, "Åkeri, Söner & Co");
    subject.push(DnType::CommonName, DnValue::BmpString("api Ω".try_into().unwrap()));
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

#[test]
fn reads_a_certificate_made_by_another_program() {
    let der = issued();
    let certificate = parse(&der).unwrap();
    assert_eq!(certificate.subject, "O=Åkeri\\, Söner & Co, C=SE, CN=api Ω");
    assert_eq!(certificate.issuer, certificate.subject);
    assert!(certificate.self_issued);
    assert_eq!(certificate.not_before, unix_seconds(2024, 2, 29, 0, 0, 0).unwrap());
    assert_eq!(certificate.not_after, unix_seconds(2051, 12, 31, 0, 0, 0).unwrap());
    assert_eq!(validity(&der), Some((certificate.not_before, certificate.not_after)));
    let names: Vec<String> = certificate.names.iter().map(AltName::to_string).collect();
    assert_eq!(names, ["api.example.com", "*.example.com", "10.0.0.7", "2001:db8::1"]);
}

#[test]
fn every_prefix_is_an_error() {
    let der = issued();
    for length in 0..der.len() {
        let error = parse(&der[..length]).unwrap_err();
        assert!(error.at <= length, "{error} in {length} bytes");
        assert_eq!(validity(&der[..length]), None);
    }
}

#[test]
fn changed_bytes_never_panic_and_never_grow() {
    let der = issued();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut changed = der.clone();
        for _ in 0..=random() % 4 {
            let at = random() % changed.len();
            changed[at] = random() as u8;
        }
        match parse(&changed) {
            Ok(certificate) => {
                read += 1;
                assert!(certificate.subject.len() <= MAX_NAME_TEXT);
                assert!(certificate.names.len() <= MAX_NAMES);
            }
            Err(error) => {
                refused += 1;
                assert!(error.at <= changed.len());
            }
        }
    }
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
}

#[test]
fn subjects() {
    let two = [
        &value(SET, &[&attribute(O, PRINTABLE_STRING, b"bar")])[..],
        &value(SET, &[&attribute(CN, UTF8_STRING, b"foo"), &attribute(&[0x2a, 0x03], UTF8_STRING, b"x")]),
    ];
    let cases: &[(Vec<u8>, &str)] = &[
        (name(&[]), ""),
        (name(&two), "CN=foo+1.2.3=x, O=bar"),
        (common_name(TELETEX_STRING, b"caf\xe9"), "CN=café"),
        (common_name(BMP_STRING, &[0x03, 0xa9, 0xd8, 0x3d, 0xde, 0x00]), "CN=Ω😀"),
        (common_name(BMP_STRING, &[0x03]), "CN=#1e0103"),
        (common_name(BMP_STRING, &[0xd8, 0x00]), "CN=#1e02d800"),
        (common_name(UNIVERSAL_STRING, &[0, 1, 0xf6, 0]), "CN=😀"),
        (common_name(UNIVERSAL_STRING, &[0, 1, 0xf6]), "CN=#1c030001f6"),
        (common_name(UNIVERSAL_STRING, &[0, 0, 0xd8, 0]), "CN=#1c040000d800"),
        (common_name(UTF8_STRING, &[0xff]), "CN=#0c01ff"),
        (common_name(INTEGER, &[7]), "CN=#020107"),
        (common_name(UTF8_STRING, b" #a, b+c\"<;\\ "), "CN=\\ #a\\, b\\+c\\\"\\<\\;\\\\\\ "),
        (common_name(UTF8_STRING, b"#a\n\x1b[31m\xc2\x9b"), "CN=\\#a\\0a\\1b[31m\\c2\\9b"),
        (common_name(UTF8_STRING, b""), "CN="),
    ];
    for (subject, text) in cases {
        assert_eq!(subject_of(subject).as_deref(), Ok(*text));
    }
}

#[test]
fn dotted_identifiers() {
    // 2.25 is where UUIDs live: arcs of 128 bits are read, longer ones are not.
    let arc = |first: u8| [&[0x69, first][..], &[0xff; 17], &[0x7f]].concat();
    let largest = format!("2.25.{}=x", u128::MAX);
    let cases: &[(&[u8], Result<&str, ()>)] = &[
        (&[0x00], Ok("0.0=x")),
        (&[0x27], Ok("0.39=x")),
        (&[0x28], Ok("1.0=x")),
        (&[0x4f], Ok("1.39=x")),
        (&[0x50], Ok("2.0=x")),
        (&[0x88, 0x37, 0x03], Ok("2.999.3=x")),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d], Ok("1.2.840.113549=x")),
        (&arc(0x83), Ok(&largest)),
        (&arc(0x84), Err(())),
        (&[], Err(())),
        (&[0x2a, 0x80, 0x01], Err(())),
        (&[0x2a, 0x81], Err(())),
    ];
    for &(oid, expected) in cases {
        let subject = name(&[&value(SET, &[&attribute(oid, UTF8_STRING, b"x")])]);
        let expected = expected.map(String::from).map_err(|()| "an object identifier that is not one");
        assert_eq!(subject_of(&subject), expected, "{oid:02x?}");
    }
}

#[test]
fn long_texts_are_cut_between_characters() {
    let text = subject_of(&common_name(UTF8_STRING, "é".repeat(2000).as_bytes())).unwrap();
    assert!(text.len() <= MAX_NAME_TEXT && text.len() > MAX_NAME_TEXT - 4, "{}", text.len());
    assert!(text.starts_with("CN=éé") && text.ends_with("é…"));
    let hex = subject_of(&common_name(OCTET_STRING, &[0xab; 4000])).unwrap();
    assert!(hex.len() <= MAX_NAME_TEXT && hex.ends_with('…'));
    let dns = names_of(&[&value(0x82, &[&[b'a'; 513]])]).unwrap();
    assert!(dns[0].len() <= MAX_DNS_TEXT && dns[0].ends_with("a…"));
    let whole = names_of(&[&value(0x82, &[&[b'a'; 512]])]).unwrap();
    assert_eq!(whole[0], "a".repeat(512));
}

#[test]
fn malformed_subjects() {
    let part = value(SET, &[&attribute(CN, UTF8_STRING, b"x")]);
    let many = value(SET, &[&attribute(CN, UTF8_STRING, b"x").repeat(MAX_ATTRIBUTES + 1)]);
    let no_type = value(SET, &[&value(SEQUENCE, &[&value(UTF8_STRING, &[b"x"])])]);
    let no_value = value(SET, &[&value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[CN])])]);
    let third = [value(OBJECT_IDENTIFIER, &[CN]), value(UTF8_STRING, &[b"x"]).repeat(2)].concat();
    let extra = value(SET, &[&value(SEQUENCE, &[&third])]);
    let cases: &[(&[u8], &str)] = &[
        (&value(SEQUENCE, &[b"x"]), "a part of a name that is not a set"),
        (&value(INTEGER, &[b"\x01"]), "a part of a name that is not a set"),
        (&value(SET, &[&value(SET, &[])]), "an attribute that is not a sequence"),
        (&no_type, "an attribute without its type"),
        (&no_value, "the end in the middle of a value"),
        (&extra, "bytes after an attribute's value"),
        (&many, "a name of more than 128 attributes"),
    ];
    assert_eq!(subject_of(&name(&[&part])).as_deref(), Ok("CN=x"));
    for (subject, what) in &cases[1..] {
        assert_eq!(subject_of(&name(&[subject])), Err(*what));
    }
    assert_eq!(subject_of(cases[0].0), Err("the end in the middle of a value"));
}

#[test]
fn alternative_names_are_read_in_order_and_others_passed_over() {
    let names = names_of(&[
        &value(0x81, &[b"ops@example.com"]),
        &value(0x82, &[b"a.example"]),
        &value(0x86, &[b"https://a.example/"]),
        &value(0xa4, &[&name(&[])]),
        &value(0x87, &[&[127, 0, 0, 1]]),
        &value(0x82, &[b"evil\0.example\x1b\xff\\ "]),
        &value(0x87, &[&[0; 16]]),
    ]);
    let expected = ["a.example", "127.0.0.1", "evil\\x00.example\\x1b\\xff\\\\\\x20", "::"];
    assert_eq!(names.unwrap(), expected);
}

#[test]
fn names_past_the_bound_are_left_out() {
    let many = value(0x82, &[b"a"]).repeat(MAX_NAMES + 1);
    assert_eq!(names_of(&[&many]).unwrap().len(), MAX_NAMES);
}

#[test]
fn hosts_are_compared_with_the_names() {
    let [dns, wild, odd] = [&b"Api.Example"[..], b"*.wild.test", b"-a-.test"].map(|name| value(0x82, &[name]));
    let others = [value(0x82, &[b"*.test"]), value(0x82, &[b"x*.wild.test"]), value(0x81, &[b"mail.test"])].concat();
    let addresses = [value(0x87, &[&[127, 0, 0, 1]]), value(0x87, &[&[0; 16]])].concat();
    let names = [&dns[..], &wild, &odd, &others, &addresses].concat();
    let der = certificate(&common_name(UTF8_STRING, b"cn.test"), DATES, &[&alt_names(&[&names])]);
    for host in
        ["api.example", "API.example", "shop-.wild.test", "-.wild.test", "_a.wild.test", "-a-.test", "127.0.0.1", "::"]
    {
        assert!(is_for(&der, host), "{host}");
    }
    let no_label = ["wild.test", ".wild.test.", "a.b.wild.test", "x.test", "xa.b", "mail.test", "*"];
    for host in no_label.into_iter().chain(["127.0.0.2", "0.0.0.0", "::1", "cn.test", "", "api.example."]) {
        assert!(!is_for(&der, host) && !is_called(&der, host), "{host}");
    }
    assert!(!is_for(b"", "a"));
}

#[test]
fn the_common_name_counts_where_there_are_no_others() {
    let parts = [
        &value(SET, &[&attribute(O, UTF8_STRING, b"org.test")])[..],
        &value(SET, &[&attribute(CN, PRINTABLE_STRING, b"Cn.test")]),
    ];
    let der = certificate(&name(&parts), DATES, &[]);
    assert!(is_called(&der, "cn.test") && !is_for(&der, "cn.test"));
    assert!(!is_called(&der, "org.test") && !is_called(&der, ""));
    let address = certificate(&common_name(UTF8_STRING, b"*.0.0.1"), DATES, &[]);
    assert!(is_called(&address, "a.0.0.1") && !is_called(&address, "127.0.0.1"));
    let literal = certificate(&common_name(UTF8_STRING, b"127.0.0.1"), DATES, &[]);
    assert!(is_called(&literal, "127.0.0.1"));
    let empty_list = certificate(&common_name(UTF8_STRING, b"cn.test"), DATES, &[&alt_names(&[])]);
    assert!(!is_called(&empty_list, "cn.test"));
}

#[test]
fn what_makes_no_sense_leaves_an_outline() {
    let bad_address = alt_names(&[&value(0x87, &[&[1; 5]])]);
    let bad_name = name(&[&value(INTEGER, &[b"\x01"])]);
    for der in [certificate(&name(&[]), DATES, &[&bad_address]), certificate(&bad_name, DATES, &[])] {
        assert!(parse(&der).is_err());
        let outline = outline(&der).unwrap();
        assert_eq!((outline.not_before, outline.not_after), validity(&der).unwrap());
        assert_eq!((&outline.subject[..], &outline.issuer[..], outline.names.len()), ("", "CN=Issuer", 0));
    }
    let whole = certificate(&common_name(UTF8_STRING, b"x"), DATES, &[&alt_names(&[&value(0x82, &[b"a"])])]);
    assert_eq!(outline(&whole), parse(&whole).ok());
    assert_eq!(outline(&whole[..whole.len() - 1]), None);
}

#[test]
fn who_vouches_for_others() {
    let itself = common_name(UTF8_STRING, b"Issuer");
    let other = common_name(UTF8_STRING, b"other");
    let constraints = |content: &[u8]| extensions(&[&extension(BASIC_CONSTRAINTS, &value(SEQUENCE, &[content]))]);
    let garbage = extensions(&[&extension(BASIC_CONSTRAINTS, b"\xff")]);
    let cases: [(&[u8], Vec<u8>, bool); 8] = [
        (&itself, Vec::new(), true),
        (&other, Vec::new(), false),
        (&itself, constraints(&[]), false),
        (&itself, constraints(&[BOOLEAN, 1, 0]), false),
        (&itself, constraints(&[BOOLEAN, 1, 0xff]), true),
        (&other, constraints(&[BOOLEAN, 1, 0xff, INTEGER, 1, 0]), true),
        (&other, constraints(&[INTEGER, 1, 0]), false),
        (&itself, garbage, false),
    ];
    for (subject, tail, expected) in cases {
        assert_eq!(may_issue(&certificate(subject, DATES, &[&tail])), expected, "{tail:02x?}");
    }
    assert!(!may_issue(b""));
}

#[test]
fn keys_and_their_sizes() {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    let info = |kind: &[u8], key: &[u8]| {
        let algorithm = value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[kind]), &[5, 0]]);
        [algorithm, value(BIT_STRING, &[&[0], key])].concat()
    };
    let rsa = |modulus: &[u8]| info(RSA, &value(SEQUENCE, &[&value(INTEGER, &[modulus]), &value(INTEGER, &[&[3]])]));
    let bits = |info: &[u8]| PublicKey::of_info(info).and_then(|key| key.rsa_bits());
    assert_eq!(bits(&rsa(&[&[0, 0x80][..], &[1; 127]].concat())), Some(1024));
    assert_eq!(bits(&rsa(&[&[0x7f][..], &[1; 127]].concat())), Some(1023));
    assert_eq!(bits(&rsa(&[1])), Some(1));
    for nothing in [rsa(&[0]), rsa(&[]), info(CN, b""), info(RSA, b""), Vec::new(), vec![0x30, 0]] {
        assert_eq!(bits(&nothing), None, "{nothing:02x?}");
    }
    let der = certificate(&name(&[]), DATES, &[]);
    let key = PublicKey::of_certificate(&der).unwrap();
    assert_eq!((key.bits, algorithm::name(key.algorithm)), (&[1, 2, 3][..], "1.2.3".to_owned()));
    assert_eq!(issuer(&der), Some(&common_name(UTF8_STRING, b"Issuer")[2..]));
}

#[test]
fn directory_names_are_taken_out_of_name_constraints() {
    let subtree = |base: &[u8]| value(SEQUENCE, &[base]);
    let directory = subtree(&value(DIRECTORY_NAME, &[&common_name(UTF8_STRING, &[b'x'; 200])]));
    let dns = subtree(&value(DNS_NAME, &[b"good.test"]));
    let (permitted, excluded) = (0xa0, 0xa1);
    let both = value(permitted, &[&directory, &dns, &directory]);
    let kept = value(permitted, &[&dns]);
    let cases: &[(&[&[u8]], &[u8])] = &[
        (&[&both], &kept),
        (&[&both, &value(excluded, &[&directory])], &kept),
        (&[&value(permitted, &[&directory])], &[]),
        (&[&value(excluded, &[&dns.repeat(20)])], &value(excluded, &[&dns.repeat(20)])),
        (&[], &[]),
        // Not to be read: left to be refused.
        (&[&both, &[0xa1]], &[&both[..], &[0xa1]].concat()),
        (&[&value(permitted, &[&[0x30, 0]])], &value(permitted, &[&[0x30, 0]])),
    ];
    for (constraints, expected) in cases {
        let constraints = constraints.concat();
        assert_eq!(without_directory_names(&constraints), *expected, "{constraints:02x?}");
        let critical = [&value(OBJECT_IDENTIFIER, &[NAME_CONSTRAINTS])[..], &value(BOOLEAN, &[&[0xff]])].concat();
        let octets = value(OCTET_STRING, &[&value(SEQUENCE, &[&constraints])]);
        let der = certificate(&name(&[]), DATES, &[&extensions(&[&value(SEQUENCE, &[&critical, &octets])])]);
        assert_eq!(constrains_directory_names(&der), constraints != *expected);
    }
    assert!(!constrains_directory_names(&certificate(&name(&[]), DATES, &[])));
}

#[test]
fn malformed_extensions() {
    let san = extension(SAN, &value(SEQUENCE, &[]));
    let other = extension(&[0x55, 0x1d, 0x0f], b"\xff\xff");
    let critical = [&value(OBJECT_IDENTIFIER, &[SAN])[..], &value(BOOLEAN, &[&[0xff]])].concat();
    let named = value(SEQUENCE, &[&value(0x82, &[b"a"])]);
    let cases: &[(&[u8], Result<usize, &str>)] = &[
        (&[], Ok(0)),
        (&extensions(&[]), Ok(0)),
        (&extensions(&[&other]), Ok(0)),
        (&extensions(&[&other, &extension(SAN, &named)]), Ok(1)),
        (&extensions(&[&value(SEQUENCE, &[&critical, &value(OCTET_STRING, &[&named])])]), Ok(1)),
        (&extensions(&[&san, &other, &san]), Err("an extension that comes twice")),
        (&value(EXTENSIONS, &[]), Err("no list of extensions")),
        (&value(EXTENSIONS, &[&value(SEQUENCE, &[]).repeat(2)]), Err("bytes after the extensions")),
        (&extensions(&[&value(SET, &[])]), Err("an extension that is not a sequence")),
        (&extensions(&[&value(SEQUENCE, &[])]), Err("an extension without its identifier")),
        (&extensions(&[&value(SEQUENCE, &[&critical])]), Err("an extension without a value")),
        (
            &extensions(&[&value(SEQUENCE, &[&critical, &value(OCTET_STRING, &[&named]).repeat(2)])]),
            Err("bytes after an extension's value"),
        ),
        (&extensions(&[&extension(SAN, b"")]), Err("no list of alternative names")),
        (&extensions(&[&extension(SAN, &named.repeat(2))]), Err("bytes after the alternative names")),
        (&value(INTEGER, &[&[1]]), Err("bytes after the certificate's last field")),
    ];
    for (tail, expected) in cases {
        let read = parse(&certificate(&name(&[]), DATES, &[tail]));
        assert_eq!(read.map(|certificate| certificate.names.len()).map_err(|error| error.what), *expected);
    }
    for length in [0, 3, 5, 15, 17] {
        let names = names_of(&[&value(0x87, &[&vec![1; length]])]);
        assert_eq!(names, Err("an address of neither 4 nor 16 bytes"));
    }
    // The unique identifiers of X.509v2 stand between the key and the extensions.
    let ids = [value(ISSUER_UNIQUE_ID, &[&[0, 1]]), value(SUBJECT_UNIQUE_ID, &[&[0, 2]])].concat();
    let with_ids = certificate(&name(&[]), DATES, &[&ids, &alt_names(&[&value(0x82, &[b"a"])])]);
    assert_eq!(parse(&with_ids).unwrap().names, [AltName::Dns("a".into())]);
}

#[test]
fn missing_fields_are_named() {
    // Take the fields of a body away from the end, one at a time.
    let whole = certificate(&name(&[]), DATES, &[]);
    let mut certificate = DerReader { rest: &whole, at: 0 }.value().unwrap().inside();
    let mut body = certificate.value().unwrap().inside();
    let mut fields = Vec::new();
    while !body.is_empty() {
        fields.push(body.value().unwrap().der.to_vec());
    }
    let rest = certificate.rest;
    let whats = [
        "no serial number", // the version is optional
        "no serial number",
        "no signature algorithm in the body",
        "no issuer",
        "no validity",
        "no subject",
        "no public key",
    ];
    for (kept, what) in whats.iter().enumerate() {
        let body = value(SEQUENCE, &[&fields[..kept].concat()]);
        let error = parse(&value(SEQUENCE, &[&body, rest])).unwrap_err();
        assert_eq!(error.what, *what);
    }

    let body = value(SEQUENCE, &[&fields.concat()]);
    let algorithm = value(SEQUENCE, &[]);
    let signature = value(BIT_STRING, &[&[0]]);
    let cases: &[(Vec<u8>, &str)] = &[
        (vec![], "no certificate"),
        (value(SET, &[]), "no certificate"),
        (value(SEQUENCE, &[]), "no certificate body"),
        (value(SEQUENCE, &[&body]), "no signature algorithm"),
        (value(SEQUENCE, &[&body, &algorithm]), "no signature"),
        (value(SEQUENCE, &[&body, &algorithm, &signature, &signature]), "bytes after the signature"),
        ([&whole[..], b"\0"].concat(), "bytes after the certificate"),
        (vec![0x30; MAX_CERTIFICATE + 1], "a certificate of more than 64 KiB"),
    ];
    for (der, what) in cases {
        assert_eq!(parse(der).unwrap_err().what, *what);
    }
}

#[test]
fn lengths_have_one_form() {
    let cases: &[(&[u8], &str)] = &[
        (&[0x30, 0x80, 0x00, 0x00], "an indefinite length"),
        (&[0x30, 0x81, 0x7f], "a length that is not in its shortest form"),
        (&[0x30, 0x82, 0x00, 0xff], "a length that is not in its shortest form"),
        (&[0x30, 0x85, 1, 0, 0, 0, 0], "a length of more than four bytes"),
        (&[0x30, 0xff], "a length of more than four bytes"),
        (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], "a value longer than what holds it"),
        (&[0x30, 0x01], "a value longer than what holds it"),
        (&[0x30, 0x82, 0x01], "the end in the middle of a value"),
        (&[0x30], "the end in the middle of a value"),
        (&[0x3f, 0x01, 0x00], "a tag of more than one byte"),
    ];
    for &(der, what) in cases {
        assert_eq!(parse(der).unwrap_err().what, what, "{der:02x?}");
    }
    let error = parse(&[0x30, 0x04, 0x30, 0x02, 0x02, 0x05]).unwrap_err();
    assert_eq!(error.to_string(), "no signature algorithm at byte 6");
}

#[test]
fn dates_follow_rfc_5280() {
    let good: &[(u8, &[u8], i64)] = &[
        (UTC_TIME, b"500101000000Z", -631_152_000),
        (UTC_TIME, b"491231235959Z", 2_524_607_999),
        (UTC_TIME, b"000229120000Z", 951_825_600),
        (GENERALIZED_TIME, b"20500101000000Z", 2_524_608_000),
        (GENERALIZED_TIME, b"99991231235959Z", 253_402_300_799),
        (GENERALIZED_TIME, b"00000101000000Z", -62_167_219_200),
    ];
    for &(tag, text, expected) in good {
        assert_eq!(dates_of((tag, text), DATES[1]), Ok((expected, 1_767_225_600)));
    }
    let bad: &[(u8, &[u8])] = &[
        (UTC_TIME, b"2501010000Z"),
        (UTC_TIME, b"250101000000"),
        (UTC_TIME, b"250101000000+0000"),
        (UTC_TIME, b"20250101000000Z"),
        (UTC_TIME, b"25010100000 Z"),
        (UTC_TIME, b"+50101000000Z"),
        (UTC_TIME, b"250001000000Z"),
        (UTC_TIME, b"251301000000Z"),
        (UTC_TIME, b"250229000000Z"),
        (UTC_TIME, b"250100000000Z"),
        (UTC_TIME, b"250101240000Z"),
        (UTC_TIME, b"250101006000Z"),
        (UTC_TIME, b"250101000060Z"),
        (UTC_TIME, b""),
        (GENERALIZED_TIME, b"250101000000Z"),
        (GENERALIZED_TIME, b"20250101000000.5Z"),
        (UTF8_STRING, b"250101000000Z"),
    ];
    let what = "a date that does not exist or is not written as RFC 5280 wants";
    for &date in bad {
        assert_eq!(dates_of(date, DATES[1]), Err(what), "{date:?}");
        assert_eq!(dates_of(DATES[0], date), Err(what), "{date:?}");
    }
}
