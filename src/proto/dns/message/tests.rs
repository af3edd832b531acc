//! Answers that are put together by hand: true ones, and every lie that is told apart.

use super::*;
use crate::proto::dns::query::OPT_LENGTH;
use crate::proto::dns::testing::{Reply, XorShift, wire};
use crate::proto::dns::wire::MAX_JUMPS;

/// The question of most tests, with its letters as they are.
fn query(name: &str, record: RecordType) -> Query {
    Query::new(&Name::parse(name).unwrap(), record, true, &mut || 0x1234)
}

fn reply(query: &Query) -> Reply {
    Reply::to(query.datagram())
}

fn parse(reply: Reply, query: &Query) -> Result<Response, AnswerError> {
    Response::parse(&reply.bytes(), query, Transport::Udp)
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// An answer with one of everything.
fn rich(query: &Query) -> Vec<u8> {
    reply(query)
        .cname("www.example", 300, "web.example")
        .a("web.example", 60, 1)
        .a("web.example", 120, 2)
        .soa(900, 600)
        .opt(0)
        .bytes()
}

#[test]
fn reads_the_id_of_a_message() {
    assert_eq!(message_id(b"\x12\x34..."), Some(0x1234));
    assert_eq!(message_id(b"\x12"), None);
    assert_eq!(message_id(b""), None);
}

#[test]
fn takes_addresses_and_the_smallest_ttl() {
    let query = query("www.example", RecordType::A);
    let response = Response::parse(&rich(&query), &query, Transport::Udp).unwrap();
    assert_eq!(
        response,
        Response {
            rcode: Rcode::NOERROR,
            truncated: false,
            addresses: addresses(&["10.0.0.1", "10.0.0.2"]),
            cnames: 1,
            canonical: Some(Name::parse("web.example").unwrap()),
            ttl: 60,
            negative_ttl: Some(600),
            lame: false,
        }
    );

    let query = self::query("www.example", RecordType::Aaaa);
    let response = parse(reply(&query).aaaa("www.example", 7, 9), &query).unwrap();
    assert_eq!(response.addresses, addresses(&["2001:db8::9"]));
    assert_eq!((response.ttl, response.cnames), (7, 0));
    assert_eq!(response.canonical, None);
}

#[test]
fn follows_compressed_names() {
    // The owner points to the question, the target "web" + ".example" into it, and the last owner to the target.
    let query = query("www.example", RecordType::A);
    let message =
        reply(&query).record(6, &[0xc0, 12], 5, 300, b"\x03WEB\xc0\x10").record(6, &[0xc0, 41], 1, 300, &[10, 0, 0, 1]);
    let response = parse(message, &query).unwrap();
    assert_eq!(response.addresses, addresses(&["10.0.0.1"]));
    assert_eq!(response.canonical.unwrap().to_string(), "web.example");
}

#[test]
fn follows_a_chain_in_any_order_and_ignores_what_it_does_not_lead_to() {
    let query = query("a.example", RecordType::A);
    let message = reply(&query)
        .a("C.example", 50, 3)
        .a("a.example.evil", 10, 66)
        .cname("B.example", 40, "c.example")
        .aaaa("c.example", 1, 67)
        .answer("c.example", 46, 1, b"a signature")
        .cname("x.example", 1, "a.example")
        .cname("A.EXAMPLE", 60, "b.EXAMPLE")
        .a("b.example", 1, 68)
        .a("a.example", 1, 69);
    let response = parse(message, &query).unwrap();
    assert_eq!(response.addresses, addresses(&["10.0.0.3"]));
    assert_eq!((response.cnames, response.ttl), (2, 40));
    assert_eq!(response.canonical.unwrap().to_string(), "c.example");
}

#[test]
fn ignores_other_classes() {
    let query = query("www.example", RecordType::A);
    let at = query.datagram().len() - OPT_LENGTH + 13 + 2;
    let chaos = reply(&query).a("www.example", 60, 1).patch(at, &[0, 3]);
    assert!(parse(chaos, &query).unwrap().addresses.is_empty());
}

#[test]
fn bounds_addresses_ttls_and_chains() {
    let query = query("www.example", RecordType::A);
    let many = (0..40).fold(reply(&query), |reply, last| reply.a("www.example", 60, last));
    let response = parse(many, &query).unwrap();
    assert_eq!(response.addresses.len(), MAX_ADDRESSES);
    assert_eq!(response.addresses[15], IpAddr::from([10, 0, 0, 15]));

    for (sent, taken) in
        [(0, 0), (86_400, 86_400), (86_401, 86_400), (0x7fff_ffff, 86_400), (0x8000_0000, 0), (u32::MAX, 0)]
    {
        let response = parse(reply(&query).a("www.example", sent, 1), &query).unwrap();
        assert_eq!(response.ttl, taken, "TTL {sent}");
    }

    let circle = reply(&query).cname("www.example", 60, "web.example").cname("web.example", 60, "www.example");
    assert_eq!(parse(circle, &query).unwrap().cnames, MAX_CNAMES + 1);
}

#[test]
fn reads_codes() {
    let query = query("www.example", RecordType::A);
    for (rcode, text) in [
        (Rcode::NOERROR, "NOERROR"),
        (Rcode::FORMERR, "FORMERR"),
        (Rcode::SERVFAIL, "SERVFAIL"),
        (Rcode::NXDOMAIN, "NXDOMAIN"),
        (Rcode::NOTIMP, "NOTIMP"),
        (Rcode::REFUSED, "REFUSED"),
        (Rcode::BADVERS, "BADVERS"),
        (Rcode(9), "RCODE9"),
        (Rcode(0x0fff), "RCODE4095"),
    ] {
        let message = reply(&query).rcode(rcode.0 as u8 & 0x0f).opt((rcode.0 >> 4) as u8);
        assert_eq!(parse(message, &query).unwrap().rcode, rcode);
        assert_eq!(rcode.to_string(), text);
    }
}

#[test]
fn takes_no_address_from_a_failure() {
    let query = query("www.example", RecordType::A);
    let message = reply(&query).rcode(2).a("www.example", 60, 1);
    assert!(parse(message, &query).unwrap().addresses.is_empty());
}

#[test]
fn a_truncated_answer_is_not_read_on() {
    let query = query("www.example", RecordType::A);
    let whole = reply(&query).truncated().a("www.example", 60, 1).bytes();
    let question_end = query.datagram().len() - OPT_LENGTH;
    for end in question_end..whole.len() {
        let response = Response::parse(&whole[..end], &query, Transport::Udp).unwrap();
        assert!(response.truncated);
        assert!(response.addresses.is_empty());
    }
}

#[test]
fn tells_how_long_absence_may_be_remembered() {
    let query = query("www.example", RecordType::A);
    for (ttl, minimum, expected) in [
        (900, 600, 600),
        (600, 900, 600),
        (0x8000_0000, 600, 0),
        (600, u32::MAX, 0),
        (1_000_000, 1_000_000, MAX_NEGATIVE_TTL),
    ] {
        let response = parse(reply(&query).rcode(3).soa(ttl, minimum), &query).unwrap();
        assert_eq!(response.negative_ttl, Some(expected), "{ttl} {minimum}");
    }
    let response = parse(reply(&query).rcode(3), &query).unwrap();
    assert_eq!(response.negative_ttl, None);
}

#[test]
fn recognizes_a_server_that_neither_owns_nor_asks() {
    let query = query("www.example", RecordType::A);
    assert!(parse(reply(&query).lame(), &query).unwrap().lame);
    assert!(!parse(reply(&query), &query).unwrap().lame);
    let owner = reply(&query).patch(2, &[0x84, 0]);
    assert!(!parse(owner, &query).unwrap().lame);
}

#[test]
fn refuses_answers_to_other_questions() {
    let query = query("www.example", RecordType::A);
    let class = query.datagram().len() - OPT_LENGTH - 1;
    let good = || reply(&query).a("www.example", 60, 1);
    let cases = [
        (good().patch(0, &[0x12, 0x35]), AnswerError::WrongId),
        (good().patch(2, &[0x01]), AnswerError::NotAResponse),
        (good().patch(2, &[0xa8]), AnswerError::NotAResponse),
        (good().patch(4, &[0, 0]), AnswerError::WrongQuestion),
        (good().patch(4, &[0, 2]), AnswerError::WrongQuestion),
        (good().patch(13, b"vww"), AnswerError::WrongQuestion),
        (good().patch(12, b"\x0bwww."), AnswerError::WrongQuestion),
        (good().patch(class, &[3]), AnswerError::WrongQuestion),
        (good().patch(class - 2, &[28]), AnswerError::WrongQuestion),
        (good().patch(13, b"wWw"), AnswerError::WrongCase),
        (reply(&query).rcode(3).patch(4, &[0, 0]), AnswerError::WrongQuestion),
    ];
    for (index, (message, error)) in cases.into_iter().enumerate() {
        assert_eq!(parse(message, &query), Err(error), "case {index}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn letter_case_does_not_matter_over_tcp() {
    let query = query("www.example", RecordType::A);
    let message = reply(&query).patch(13, b"WWW").a("www.example", 60, 1).bytes();
    let response = Response::parse(&message, &query, Transport::Tcp).unwrap();
    assert_eq!(response.addresses, addresses(&["10.0.0.1"]));
}

#[test]
fn a_server_that_could_not_read_the_question_need_not_repeat_it() {
    let query = query("www.example", RecordType::A);
    let header = b"\x12\x34\x81\x81\x00\x00\x00\x00\x00\x00\x00\x00";
    let response = Response::parse(header, &query, Transport::Udp).unwrap();
    assert_eq!(response.rcode, Rcode::FORMERR);
}

#[test]
fn every_prefix_of_an_answer_is_too_short() {
    let query = query("www.example", RecordType::A);
    let whole = rich(&query);
    for end in 0..whole.len() {
        assert_eq!(
            Response::parse(&whole[..end], &query, Transport::Udp),
            Err(Malformed::Short.into()),
            "{end} of {} bytes",
            whole.len()
        );
    }
    let longer = [&whole[..], b"behind"].concat();
    assert!(Response::parse(&longer, &query, Transport::Udp).is_ok());
}

#[test]
fn refuses_counts_that_lie() {
    let query = query("www.example", RecordType::A);
    for section in [6, 8, 10] {
        let mut message = rich(&query);
        message[section + 1] += 1;
        assert_eq!(
            Response::parse(&message, &query, Transport::Udp),
            Err(Malformed::Short.into()),
            "count at {section}"
        );
        message[section] = 2;
        assert_eq!(
            Response::parse(&message, &query, Transport::Udp),
            Err(Malformed::TooManyRecords.into()),
            "count at {section}"
        );
    }
}

#[test]
fn refuses_data_of_the_wrong_length() {
    let query = query("www.example", RecordType::A);
    let owner = "www.example";
    let soa = [wire("ns"), wire("root"), vec![0; 20]].concat();
    let cases = [
        reply(&query).answer(owner, 1, 60, &[10, 0, 0]),
        reply(&query).answer(owner, 1, 60, &[10, 0, 0, 1, 2]),
        reply(&query).answer(owner, 1, 60, &[]),
        reply(&query).answer(owner, 5, 60, b"\x03web\x00\x00"),
        reply(&query).record(8, &[0], 6, 60, &[&soa[..], &[0]].concat()),
    ];
    for (index, message) in cases.into_iter().enumerate() {
        let error = Err(Malformed::DataLength.into());
        assert_eq!(parse(message, &query), error, "case {index}");
    }
    // Data that ends inside a name or a number, though the message goes on.
    let cases = [
        reply(&query).answer(owner, 5, 60, b"\x03web").a(owner, 60, 1),
        reply(&query).answer(owner, 5, 60, b"\x07we").a(owner, 60, 1),
        reply(&query).answer(owner, 5, 60, b"").a(owner, 60, 1),
        reply(&query).record(8, &[0], 6, 60, &soa[..soa.len() - 1]).opt(0),
    ];
    for (index, message) in cases.into_iter().enumerate() {
        let error = Err(Malformed::Short.into());
        assert_eq!(parse(message, &query), error, "case {index}");
    }
}

#[test]
fn refuses_pointers_that_do_not_point_backwards() {
    let query = query("www.example", RecordType::A);
    let here = (query.datagram().len() - OPT_LENGTH) as u8;
    let owners: [&[u8]; 6] = [
        &[0xc0, here],                       // itself
        &[0xc0, here + 2],                   // forward
        &[1, b'a', 0xc0, here],              // back into its own name: a loop
        &[1, b'a', 0xc0, here + 1],          // into the middle of its own label
        &[0xff, 0xff],                       // out of the message
        &[1, b'a', 1, b'b', 0xc0, here + 2], // to its own second label
    ];
    for owner in owners {
        let message = reply(&query).record(6, owner, 1, 60, &[10, 0, 0, 1]);
        let error = Err(Malformed::Pointer.into());
        assert_eq!(parse(message, &query), error, "{owner:?}");
    }
    // Two names that point at each other: the first points forward.
    let message = reply(&query).record(6, &[0xc0, here + 16], 1, 60, &[10, 0, 0, 1]).record(
        6,
        &[0xc0, here],
        1,
        60,
        &[10, 0, 0, 1],
    );
    assert_eq!(parse(message, &query), Err(Malformed::Pointer.into()));
}

#[test]
fn refuses_a_name_that_runs_over_its_own_start_after_a_jump() {
    // A TXT record's data ends in a label that reaches into the name behind it, which points to that label.
    let query = query("www.example", RecordType::A);
    let here = (query.datagram().len() - OPT_LENGTH) as u8;
    let message = reply(&query).record(6, &[0], 16, 60, &[5]).record(6, &[0xc0, here + 11], 1, 60, &[10, 0, 0, 1]);
    assert_eq!(parse(message, &query), Err(Malformed::Short.into()));
}

#[test]
fn refuses_more_pointers_than_a_name_needs() {
    // Data full of pointers, each to the one before it, and a name that enters at the last.
    let query = query("www.example", RecordType::A);
    let here = query.datagram().len() - OPT_LENGTH;
    for (count, error) in [(MAX_JUMPS - 1, None), (MAX_JUMPS, Some(Malformed::Pointer.into()))] {
        let data_start = here + 11;
        let mut data = vec![0xc0, 12];
        for index in 1..count {
            let before = (data_start + 2 * (index - 1)) as u16 | 0xc000;
            data.extend(before.to_be_bytes());
        }
        let last = (data_start + 2 * (count - 1)) as u16 | 0xc000;
        let message =
            reply(&query).record(6, &[0], 16, 60, &data).record(6, &last.to_be_bytes(), 1, 60, &[10, 0, 0, 1]);
        assert_eq!(parse(message, &query).err(), error, "{count} pointers");
    }
}

#[test]
fn refuses_labels_and_names_that_do_not_exist() {
    let query = query("www.example", RecordType::A);
    for kind in [0x40, 0x80, 0xbf] {
        let message = reply(&query).record(6, &[kind, 0], 1, 60, &[10, 0, 0, 1]);
        assert_eq!(parse(message, &query), Err(Malformed::LabelType.into()));
    }
    let label = [&[63][..], &[b'a'; 63]].concat();
    for last in [62, 63] {
        let long = [label.repeat(3), vec![last], vec![b'a'; last.into()], vec![0]].concat();
        let message = reply(&query).record(6, &long, 1, 60, &[10, 0, 0, 1]);
        assert_eq!(parse(message, &query), Err(Malformed::NameTooLong.into()));
    }
    let longest = [label.repeat(3), vec![61], vec![b'a'; 61], vec![0]].concat();
    let message = reply(&query).record(6, &longest, 1, 60, &[10, 0, 0, 1]);
    assert!(parse(message, &query).unwrap().addresses.is_empty());
}

#[test]
fn every_kind_of_malformed_has_words() {
    for why in [
        Malformed::Short,
        Malformed::LabelType,
        Malformed::Pointer,
        Malformed::NameTooLong,
        Malformed::DataLength,
        Malformed::TooManyRecords,
    ] {
        assert!(AnswerError::from(why).to_string().starts_with("it "));
    }
}

#[test]
fn any_damage_is_an_error_or_an_answer_within_bounds() {
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    let query = query("www.example", RecordType::A);
    let good = rich(&query);
    let question_end = query.datagram().len() - OPT_LENGTH;
    let mut parsed = 0;
    for round in 0..50_000 {
        let mut message = good.clone();
        // Half of the time the question is left alone, so that the damage lies deeper.
        let from = if round % 2 == 0 { question_end } else { 0 };
        for _ in 0..=random.below(3) {
            let at = from + random.below(message.len() - from);
            message[at] = random.next() as u8;
        }
        message.truncate(message.len() - random.below(4).saturating_sub(2));
        let Ok(response) = Response::parse(&message, &query, Transport::Udp) else {
            continue;
        };
        parsed += 1;
        assert!(response.addresses.len() <= MAX_ADDRESSES);
        assert!(response.cnames <= MAX_CNAMES + 1);
        assert!(response.ttl <= MAX_TTL);
    }
    assert!((1_000..49_000).contains(&parsed), "{parsed} parsed");
}
