//! Clients and servers of TLS in one process, with nothing between them but bytes.

use std::sync::Arc;
use std::time::Duration;

use super::config::read_identity;
use super::pem::certificates;
use super::provider::PROVIDER;
use super::verifier::{Trusted, VerifiedChains, Window, chain_key};
use super::words::{spaced, unsupported, untrusted};
use super::*;
use crate::proto::x509;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, PeerIncompatible, ServerConfig};

/// 2025-01-01, 2025-06-01 and 2026-01-01. Leaves are valid from the first to the last.
const START: i64 = 1_735_689_600;
const NOW: u64 = 1_748_736_000;
const END: i64 = 1_767_225_600;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

struct Issued {
    chain: String,
    key: String,
    der: Vec<u8>,
}

impl Issued {
    fn identity(&self) -> Identity<'_> {
        Identity { chain: self.chain.as_bytes(), key: self.key.as_bytes() }
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    params
}

fn authority(name: &str) -> Authority {
    let params = authority_params(name);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { issuer: Issuer::new(params, key), pem }
}

fn leaf_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2026, 1, 1);
    params
}

fn issue(authority: &Authority, params: &CertificateParams) -> Issued {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    Issued { chain: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
}

/// The time of the tests; a test that is about time sets it elsewhere.
fn clock() -> WallClock {
    let clock = WallClock::default();
    clock.set(NOW);
    clock
}

fn pem(text: &str) -> Roots<'_> {
    Roots { pem: Some(text.as_bytes()), system: &[] }
}

fn options<'a>(roots: &'a str, clock: &WallClock) -> TlsOptions<'a> {
    TlsOptions {
        roots: pem(roots),
        insecure: false,
        identity: None,
        verify_cache: true,
        resumption: false,
        clock: clock.clone(),
    }
}

fn acceptor(issued: &Issued) -> TlsAcceptor {
    TlsAcceptor::new(issued.identity(), &clock()).unwrap()
}

/// A server that does what the product's own never would.
fn odd_server(issued: &Issued, adjust: impl FnOnce(&mut Vec<CertificateDer<'static>>)) -> TlsAcceptor {
    let (mut chain, key) = read_identity(issued.identity()).unwrap();
    adjust(&mut chain);
    let key = PROVIDER.key_provider.load_private_key(key).unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let config = ServerConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    TlsAcceptor { config: Arc::new(config) }
}

/// A server that demands a certificate by `authority` from its clients.
fn demanding(
    issued: &Issued,
    authority: &Authority,
    version: &'static rustls::SupportedProtocolVersion,
) -> TlsAcceptor {
    let roots = Trusted::new(pem(&authority.pem)).unwrap().roots;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), PROVIDER.clone());
    let (chain, key) = read_identity(issued.identity()).unwrap();
    let config = ServerConfig::builder_with_details(PROVIDER.clone(), Arc::new(clock()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor { config: Arc::new(config) }
}

/// What one side has got from the other.
struct Side {
    session: TlsSession,
    plaintext: Vec<u8>,
    error: Option<TlsError>,
}

impl Side {
    fn new(session: TlsSession) -> Self {
        Side { session, plaintext: Vec::new(), error: None }
    }

    fn wire(&mut self) -> Vec<u8> {
        let mut wire = Vec::new();
        while self.session.wants_write() {
            assert!(self.session.wire_out(&mut wire).unwrap() > 0);
        }
        wire
    }

    fn take(&mut self, wire: &[u8]) {
        let plaintext = &mut self.plaintext;
        if let Err(error) = self.session.feed(wire, |piece| plaintext.extend(piece)) {
            self.error = Some(error);
        }
    }
}

/// A client and a server in one process, with nothing between them but `Vec`s.
struct Pair {
    client: Side,
    server: Side,
}

impl Pair {
    fn new(config: &TlsConfig, name: &str, acceptor: &TlsAcceptor) -> Self {
        Pair {
            client: Side::new(TlsSession::new(config, name).unwrap()),
            server: Side::new(acceptor.accept().unwrap()),
        }
    }

    /// Moves bytes, `step` at a time, until neither side has more to say.
    fn run(&mut self, step: usize) {
        for _ in 0..20 {
            let (to_server, to_client) = (self.client.wire(), self.server.wire());
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
            to_server.chunks(step).for_each(|wire| self.server.take(wire));
            to_client.chunks(step).for_each(|wire| self.client.take(wire));
        }
        panic!("the two talk for ever");
    }

    /// Runs a handshake that must succeed, and a request and an answer after it.
    fn exchange(mut self, step: usize) -> Self {
        let written = self.client.session.write_plaintext(REQUEST);
        assert_eq!(written, Ok(REQUEST.len()));
        self.run(step);
        assert_eq!((&self.client.error, &self.server.error), (&None, &None));
        assert!(!self.client.session.is_handshaking() && !self.server.session.is_handshaking());
        assert_eq!(self.server.plaintext, REQUEST);
        let answer = vec![b'x'; 40_000];
        assert_eq!(self.server.session.write_plaintext(&answer), Ok(answer.len()));
        self.run(step);
        assert_eq!(self.client.plaintext, answer);
        self
    }
}

/// The client's error when it asks `acceptor` for `name`, and the leaf that it was shown.
fn refusal(config: &TlsConfig, name: &str, acceptor: &TlsAcceptor) -> (TlsError, Option<Vec<u8>>) {
    let mut pair = Pair::new(config, name, acceptor);
    pair.run(usize::MAX);
    let leaf = pair.client.session.facts().leaf.map(<[u8]>::to_vec);
    (pair.client.error.expect("the client should refuse"), leaf)
}

fn untrusted_issuer() -> TlsError {
    untrusted("no trusted authority has issued the certificate")
}

#[test]
fn a_good_handshake_and_its_facts() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
    let pair = Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);
    let facts = TlsFacts {
        version: Some("1.3"),
        cipher: Some("TLS_AES_128_GCM_SHA256".into()),
        alpn: Some("http/1.1".into()),
        leaf: Some(&issued.der),
        fingerprint: Some(sha256(&issued.der)),
        resumed: false,
    };
    assert_eq!(pair.client.session.facts(), facts);
    assert_eq!(pair.server.session.facts().leaf, None);
}

#[test]
fn the_wire_may_be_cut_anywhere() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
    let acceptor = acceptor(&issued);
    for step in [1, 2, 3, 4, 5, 6, 7, 64, 1000, 4095, 4096, 4097, 16 * 1024] {
        Pair::new(&config, "api.example", &acceptor).exchange(step);
    }
    // And the server's first flight in two pieces, cut at each place.
    let mut cut = 1;
    loop {
        let mut pair = Pair::new(&config, "api.example", &acceptor);
        let hello = pair.client.wire();
        pair.server.take(&hello);
        let flight = pair.server.wire();
        // Signatures differ in length from one handshake to the next, and with them the flight.
        let Some((first, rest)) = flight.split_at_checked(cut) else { break };
        pair.client.take(first);
        if !pair.client.session.is_handshaking() {
            break; // what is left are tickets
        }
        assert_eq!(pair.client.session.eof(), Ok(StreamEnd::InHandshake));
        pair.client.take(rest);
        pair.exchange(usize::MAX);
        cut += 1;
    }
    assert!(cut > 500, "the handshake was done after {cut} bytes");
}

#[test]
fn the_time_decides() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let acceptor = acceptor(&issued);
    let clock = clock();
    let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
    let start = START as u64;
    let end = END as u64;
    let expired = TlsError::Expired { not_after: Some(end) };
    let early = TlsError::NotYetValid { not_before: Some(start) };
    for (now, expected) in [(start - 1, Some(&early)), (start, None), (end, None), (end + 1, Some(&expired))] {
        clock.set(now);
        match expected {
            None => drop(Pair::new(&config, "api.example", &acceptor).exchange(usize::MAX)),
            Some(error) => {
                let refused = refusal(&config, "api.example", &acceptor);
                assert_eq!(refused, (error.clone(), Some(issued.der.clone())));
            }
        }
    }
    assert_eq!(expired.to_string(), "the certificate has expired");
    assert_eq!(early.to_string(), "the certificate is not valid yet");
}

#[test]
fn an_issuer_that_ended_is_told_apart_from_the_leaf() {
    let root = authority("root");
    let mut params = authority_params("intermediate");
    params.not_after = date_time_ymd(2025, 3, 1);
    let key = KeyPair::generate().unwrap();
    let pem = params.signed_by(&key, &root.issuer).unwrap().pem();
    let intermediate = Authority { issuer: Issuer::new(params, key), pem };
    let mut issued = issue(&intermediate, &leaf_params("api.example"));
    issued.chain.push_str(&intermediate.pem);
    let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
    let (error, leaf) = refusal(&config, "api.example", &acceptor(&issued));
    assert_eq!(error, TlsError::Expired { not_after: Some(1_740_787_200) });
    assert_eq!(leaf, Some(issued.der));
}

#[test]
fn without_the_time_no_handshake_begins() {
    let root = authority("root");
    let config = TlsConfig::new(&options(&root.pem, &WallClock::default())).unwrap();
    let error = TlsSession::new(&config, "api.example").unwrap_err();
    assert!(matches!(&error, TlsSetupError::Local(_)), "{error}");
}

#[test]
fn names_must_match() {
    let root = authority("root");
    let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
    let cases = [
        ("api.example", "api.example", true),
        ("api.example", "API.example", true),
        ("api.example", "api.example.", true),
        ("*.api.example", "a.api.example", true),
        ("*.api.example", "api.example", false),
        ("*.api.example", "a.b.api.example", false),
        ("api.example", "other.example", false),
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "127.0.0.2", false),
        ("127.0.0.1", "localhost", false),
        ("::1", "::1", true),
    ];
    for (certified, asked, good) in cases {
        let issued = issue(&root, &leaf_params(certified));
        let acceptor = acceptor(&issued);
        if good {
            Pair::new(&config, asked, &acceptor).exchange(usize::MAX);
        } else {
            let refused = refusal(&config, asked, &acceptor);
            assert_eq!(refused, (TlsError::WrongName, Some(issued.der)), "{certified} {asked}");
        }
    }
}

#[test]
fn only_the_given_roots_are_trusted() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let issued = issue(&theirs, &leaf_params("api.example"));
    let server = acceptor(&issued);
    let both = format!("{}{}", ours.pem, theirs.pem);
    let clock = clock();

    let config = TlsConfig::new(&options(&both, &clock)).unwrap();
    Pair::new(&config, "api.example", &server).exchange(usize::MAX);

    let one = TlsConfig::new(&options(&ours.pem, &clock)).unwrap();
    let mozilla = TlsConfig::new(&TlsOptions { roots: Roots::default(), ..options("", &clock) }).unwrap();
    for config in [one, mozilla] {
        let refused = refusal(&config, "api.example", &server);
        assert_eq!(refused, (untrusted_issuer(), Some(issued.der.clone())));
    }
}

#[test]
fn self_signed_and_unfit_certificates() {
    let root = authority("root");
    let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
    let self_signed = |params: &CertificateParams| {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Issued { chain: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
    };
    let plain = self_signed(&leaf_params("api.example"));
    assert_eq!(refusal(&config, "api.example", &acceptor(&plain)).0, untrusted_issuer());

    let mut params = leaf_params("api.example");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_as_leaf = self_signed(&params);
    let (error, _) = refusal(&config, "api.example", &acceptor(&authority_as_leaf));
    assert_eq!(error, untrusted("the certificate was refused: ca used as end entity"));

    let mut params = leaf_params("api.example");
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::EmailProtection);
    let (error, _) = refusal(&config, "api.example", &acceptor(&issue(&root, &params)));
    assert_eq!(error, untrusted("the certificate is not meant for this use"));
}

#[test]
fn insecure_takes_any_certificate_but_not_a_wrong_key() {
    let nobody = authority("nobody");
    let issued = issue(&nobody, &leaf_params("other.example"));
    let options = TlsOptions { insecure: true, ..options(&nobody.pem, &clock()) };
    options.clock.set(END as u64 + 1);
    let config = TlsConfig::new(&options).unwrap();
    let pair = Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);
    assert_eq!(pair.client.session.facts().leaf, Some(&issued.der[..]));

    let stolen = odd_server(&issue(&nobody, &leaf_params("x")), |chain| {
        *chain = certificates(issued.chain.as_bytes()).unwrap();
    });
    let (error, leaf) = refusal(&config, "api.example", &stolen);
    assert_eq!(error, untrusted("a signature does not match the certificate"));
    assert_eq!(leaf, Some(issued.der));
    assert_eq!(config.verify_cache(), CacheCounts::default());
}

#[test]
fn insecure_takes_what_is_no_certificate_at_all() {
    let nobody = authority("nobody");
    let issued = issue(&nobody, &leaf_params("other.example"));
    let options = TlsOptions { insecure: true, ..options(&nobody.pem, &clock()) };
    let config = TlsConfig::new(&options).unwrap();
    let shown = [b"junk".to_vec(), vec![0x30, 0], issued.der[..issued.der.len() - 1].to_vec()];
    for junk in shown {
        let server = odd_server(&issued, |chain| chain[0] = junk.clone().into());
        let pair = Pair::new(&config, "api.example", &server).exchange(usize::MAX);
        assert_eq!(pair.client.session.facts().leaf, Some(&junk[..]));
    }
}

#[test]
fn a_certificate_among_the_trusted_ones_needs_no_issuer() {
    let root = authority("root");
    let mut params = leaf_params("api.example");
    let issued = issue(&root, &params);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let its_own = issue(&root, &params);
    let clock = clock();
    for trusted in [&issued, &its_own] {
        let config = TlsConfig::new(&options(&trusted.chain, &clock)).unwrap();
        for asked in ["api.example", "API.example"] {
            Pair::new(&config, asked, &acceptor(trusted)).exchange(usize::MAX);
        }
        assert_eq!(refusal(&config, "other.example", &acceptor(trusted)).0, TlsError::WrongName);
        clock.set(END as u64 + 1);
        let expired = TlsError::Expired { not_after: Some(END as u64) };
        assert_eq!(refusal(&config, "api.example", &acceptor(trusted)).0, expired);
        clock.set(START as u64 - 1);
        let early = TlsError::NotYetValid { not_before: Some(START as u64) };
        assert_eq!(refusal(&config, "api.example", &acceptor(trusted)).0, early);
        clock.set(NOW);
        Pair::new(&config, "api.example", &acceptor(trusted)).exchange(usize::MAX);

        // One that it has issued itself, if it may.
        let key = KeyPair::from_pem(&trusted.key).unwrap();
        let below = Authority { issuer: Issuer::new(params.clone(), key), pem: String::new() };
        let issued = acceptor(&issue(&below, &leaf_params("other.example")));
        match x509::may_issue(&trusted.der) {
            true => drop(Pair::new(&config, "other.example", &issued).exchange(usize::MAX)),
            false => assert_eq!(refusal(&config, "other.example", &issued).0, untrusted_issuer()),
        }
        // Another certificate of the same issuer, and this one in the hands of somebody without its key.
        let other = issue(&root, &leaf_params("api.example"));
        assert_eq!(refusal(&config, "api.example", &acceptor(&other)).0, untrusted_issuer());
        let stolen = odd_server(&other, |chain| *chain = certificates(trusted.chain.as_bytes()).unwrap());
        let unsigned = untrusted("a signature does not match the certificate");
        assert_eq!(refusal(&config, "api.example", &stolen).0, unsigned);
    }
}

#[test]
fn hosts_that_the_library_has_no_word_for() {
    let root = authority("root");
    let clock = clock();
    let cases = [
        ("*.wild.example", "shop-.wild.example", true),
        ("*.wild.example", "-.wild.example", true),
        ("*.wild.example", "-a.b-.wild.example", false),
        ("*.wild.example", "shop-.other.example", false),
        ("0.0.0.0", "shop-.wild.example", false),
    ];
    for (certified, asked, good) in cases {
        let acceptor = acceptor(&issue(&root, &leaf_params(certified)));
        for resumption in [false, true] {
            let config = TlsConfig::new(&TlsOptions { resumption, ..options(&root.pem, &clock) }).unwrap();
            if good {
                // None is taken for another because rustls is told the same of all.
                for _ in 0..2 {
                    let pair = Pair::new(&config, asked, &acceptor).exchange(usize::MAX);
                    assert!(!pair.client.session.facts().resumed);
                }
            } else {
                assert_eq!(refusal(&config, asked, &acceptor).0, TlsError::WrongName, "{certified} {asked}");
            }
            assert_eq!(refusal(&config, "a-.example", &acceptor).0, TlsError::WrongName);
        }
        let nobody = authority("nobody");
        let stranger = TlsConfig::new(&options(&nobody.pem, &clock)).unwrap();
        assert_eq!(refusal(&stranger, asked, &acceptor).0, untrusted_issuer());
        let insecure = TlsConfig::new(&TlsOptions { insecure: true, ..options(&nobody.pem, &clock) }).unwrap();
        Pair::new(&insecure, asked, &acceptor).exchange(usize::MAX);
    }
}

#[test]
fn what_cannot_be_read_is_our_lack_only_where_somebody_trusted_could_vouch_for_it() {
    let [root, stranger] = ["root", "stranger"].map(authority);
    let mut params = leaf_params("api.example");
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
    let server = odd_server(&issue(&root, &params), |_| ());
    let with = |roots: &str| refusal(&TlsConfig::new(&options(roots, &clock())).unwrap(), "api.example", &server).0;
    assert_eq!(with(&root.pem), unsupported("a critical extension that is not known here"));
    assert_eq!(with(&stranger.pem), untrusted_issuer());
}

#[test]
fn a_systems_store_may_have_what_cannot_be_read() {
    let [root, other] = ["root", "other"].map(authority);
    let server = acceptor(&issue(&root, &leaf_params("api.example")));
    let clock = clock();
    let junk =
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n!\n-----END";
    let store = [junk, root.pem.as_bytes(), root.pem.as_bytes()].join(&b'\n');
    let with = |pem: Option<&str>, system: &[&[u8]]| {
        let roots = Roots { pem: pem.map(str::as_bytes), system };
        TlsConfig::new(&TlsOptions { roots, ..options("", &clock) })
    };
    for pem in [None, Some(&other.pem[..]), Some(&root.pem[..])] {
        let config = with(pem, &[other.pem.as_bytes(), &store]).unwrap();
        Pair::new(&config, "api.example", &server).exchange(usize::MAX);
    }
    for useless in [&b""[..], junk, b"words"] {
        let error = with(None, &[&store, useless]).unwrap_err().to_string();
        assert_eq!(error, "trusted certificates: no certificate in the system's store can be read");
    }
}

#[test]
fn pem_as_editors_and_other_tools_leave_it() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let clock = clock();
    let marked = format!("\u{feff}{}", root.pem);
    let forms = [
        marked.clone(),
        marked.replace('\n', "\r\n"),
        format!("\u{feff}words\n{0}{marked}{0}", authority("other").pem),
        format!("Certificate:\n    Data: caf\u{e9}\n{}trailing words", root.pem),
    ];
    for form in forms {
        let config = TlsConfig::new(&options(&form, &clock)).unwrap();
        Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);
    }
    let [chain, key] = [&issued.chain, &issued.key].map(|pem| format!("\u{feff}{pem}"));
    TlsAcceptor::new(Identity { chain: chain.as_bytes(), key: key.as_bytes() }, &clock).unwrap();
    let trusted = root.pem.replace(" CERTIFICATE", " TRUSTED CERTIFICATE");
    let error = TlsConfig::new(&options(&trusted, &clock)).unwrap_err().to_string();
    assert!(error.contains("OpenSSL's own form"), "{error}");
}

#[test]
fn directory_names_are_no_matter_of_hosts() {
    let constrained = |names: &[GeneralSubtree], by: Option<&Authority>| {
        let mut params = authority_params("constrained");
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: names.to_vec(), excluded_subtrees: Vec::new() });
        let key = KeyPair::generate().unwrap();
        let certificate = match by {
            None => params.self_signed(&key),
            Some(by) => params.signed_by(&key, &by.issuer),
        };
        Authority { pem: certificate.unwrap().pem(), issuer: Issuer::new(params, key) }
    };
    let mut organization = DistinguishedName::new();
    organization.push(DnType::OrganizationName, "an organization");
    let directory = GeneralSubtree::DirectoryName(organization);
    let dns = GeneralSubtree::DnsName("example".into());
    let clock = clock();
    let server = |authority: &Authority, name: &str| {
        let mut issued = issue(authority, &leaf_params(name));
        issued.chain.push_str(&authority.pem);
        acceptor(&issued)
    };
    for names in [&[directory.clone()][..], &[directory.clone(), dns.clone()]] {
        let root = constrained(names, None);
        let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
        Pair::new(&config, "api.example", &server(&root, "api.example")).exchange(usize::MAX);
    }
    // What it says of hosts holds.
    let root = constrained(&[directory.clone(), dns.clone()], None);
    let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
    let violated = untrusted("the certificate was refused: name constraint violation");
    assert_eq!(refusal(&config, "api.other", &server(&root, "api.other")).0, violated);

    // Below the root nothing can be taken out; it is our lack, not the server's.
    let root = authority("root");
    let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
    let below = constrained(&[directory], Some(&root));
    let lack = unsupported("a name constraint on directory names");
    assert_eq!(refusal(&config, "api.example", &server(&below, "api.example")).0, lack);
    let below = constrained(&[dns], Some(&root));
    Pair::new(&config, "api.example", &server(&below, "api.example")).exchange(usize::MAX);
    assert_eq!(refusal(&config, "api.other", &server(&below, "api.other")).0, violated);
}

#[test]
fn client_certificates() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let own = issue(&root, &leaf_params("client.example"));
    let clock = clock();
    let without = options(&root.pem, &clock);
    let with = TlsOptions { identity: Some(own.identity()), ..without.clone() };
    let (without, with) = (TlsConfig::new(&without).unwrap(), TlsConfig::new(&with).unwrap());
    for version in [&TLS13, &TLS12] {
        let server = demanding(&issued, &root, version);
        let pair = Pair::new(&with, "api.example", &server).exchange(usize::MAX);
        assert_eq!(pair.server.session.facts().leaf, Some(&own.der[..]));

        let (error, leaf) = refusal(&without, "api.example", &server);
        assert_eq!(error, TlsError::Alert { code: 116 });
        let words = "the peer refused with the alert certificate_required";
        assert_eq!(error.to_string(), words);
        assert_eq!(leaf.as_deref(), Some(&issued.der[..]));
    }
}

#[test]
fn a_server_of_tls_1_2_only() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let (chain, key) = read_identity(issued.identity()).unwrap();
    let config = ServerConfig::builder_with_provider(PROVIDER.clone())
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let server = TlsAcceptor { config: Arc::new(config) };
    let clock = clock();
    let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
    for step in [1, usize::MAX] {
        let pair = Pair::new(&config, "api.example", &server).exchange(step);
        let facts = pair.client.session.facts();
        assert_eq!(facts.version, Some("1.2"));
        assert_eq!(facts.cipher.as_deref(), Some("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"));
        assert_eq!(facts.alpn, None);
        assert_eq!(facts.leaf, Some(&issued.der[..]));
    }
    clock.set(END as u64 + 1);
    let (error, leaf) = refusal(&config, "api.example", &server);
    assert_eq!(error, TlsError::Expired { not_after: Some(END as u64) });
    assert_eq!(leaf, Some(issued.der));
}

/// The client's error when the server answers its hello with `bytes`, whole or byte by byte,
/// and then ends.
fn answered_with(bytes: &[u8]) -> Result<StreamEnd, TlsError> {
    let root = authority("root");
    let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
    let end = |step| {
        let mut client = Side::new(TlsSession::new(&config, "api.example").unwrap());
        assert!(!client.wire().is_empty());
        bytes.chunks(step).for_each(|wire| client.take(wire));
        if let Some(error) = &client.error {
            assert_eq!(client.session.eof().as_ref(), Err(error));
        }
        client.session.eof()
    };
    let whole = end(usize::MAX);
    assert_eq!(end(1), whole);
    whole
}

#[test]
fn servers_that_speak_something_else() {
    let cases: &[(&[u8], &str)] = &[
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the server spoke HTTP on this port"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the server spoke SSH on this port"),
        (b"220 mail.example ESMTP\r\n", "a mail or FTP server spoke on this port"),
        (b"220-welcome\r\n", "a mail or FTP server spoke on this port"),
        (b"\0\x01\xff\"garbage", "what came is not TLS, it starts with \"\\x00\\x01\\xff\\\"g\""),
        (b"no", "what came is not TLS, it starts with \"no\""),
        (b"H", "what came is not TLS, it starts with \"H\""),
    ];
    for (bytes, what) in cases {
        assert_eq!(answered_with(bytes), Err(TlsError::NotTls { what: (*what).into() }));
    }
    assert_eq!(answered_with(b""), Ok(StreamEnd::InHandshake));
    assert_eq!(answered_with(&[22, 3, 3]), Ok(StreamEnd::InHandshake));
}

#[test]
fn servers_that_refuse_or_break_the_protocol() {
    // A ServerHello of TLS 1.1: version, random, no session, a cipher suite, no compression.
    let hello = [&[22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let cases: &[(&[u8], TlsError)] = &[
        (&[21, 3, 1, 0, 2, 2, 70], TlsError::OldVersion),
        (&hello, TlsError::OldVersion),
        (&[21, 3, 3, 0, 2, 2, 40], TlsError::OfferRefused { code: 40, insecure: false }),
        (&[21, 3, 3, 0, 2, 2, 71], TlsError::OfferRefused { code: 71, insecure: false }),
        (&[21, 3, 3, 0, 2, 2, 112], TlsError::Alert { code: 112 }),
        (&[21, 3, 3, 0, 2, 2, 200], TlsError::Alert { code: 200 }),
    ];
    for (bytes, error) in cases {
        assert_eq!(answered_with(bytes), Err(error.clone()));
    }
    let broken: &[(&[u8], &str)] = &[
        (&[22, 3, 3, 0xff, 0xff], "a malformed message: message too large"),
        (&[22, 3, 3, 0, 4, 99, 0, 0, 0], "received unexpected handshake message"),
        (&[23, 3, 3, 0, 1, 0], "received unexpected message"),
    ];
    for (bytes, start) in broken {
        let error = answered_with(bytes).unwrap_err();
        assert!(matches!(error, TlsError::Protocol(_)), "{error:?}");
        assert!(error.to_string().starts_with(start), "{error}");
    }
}

#[test]
fn the_peer_gets_its_alert_after_a_failure() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let issued = issue(&theirs, &leaf_params("api.example"));
    let config = TlsConfig::new(&options(&ours.pem, &clock())).unwrap();
    let mut pair = Pair::new(&config, "api.example", &acceptor(&issued));
    pair.run(usize::MAX);
    assert_eq!(pair.client.error, Some(untrusted_issuer()));
    assert_eq!(pair.server.error, Some(TlsError::Alert { code: 48 }));
    assert_eq!(alert_name(48), Some("unknown_ca"));

    let client = &mut pair.client;
    assert_eq!(client.session.feed(b"more", |_| ()), Err(untrusted_issuer()));
    assert_eq!(client.session.write_plaintext(b"more"), Err(untrusted_issuer()));
    assert_eq!(client.session.eof(), Err(untrusted_issuer()));
}

#[test]
fn truncation_is_seen() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
    let mut pair = Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);
    assert_eq!(pair.client.session.eof(), Ok(StreamEnd::Truncated));
    assert!(!pair.client.session.close_notify_seen());

    pair.server.session.write_plaintext(b"the end").unwrap();
    pair.server.session.close();
    let mut wire = pair.server.wire();
    wire.extend(b"what follows is ignored");
    pair.client.plaintext.clear();
    pair.client.take(&wire);
    assert_eq!((&pair.client.plaintext[..], &pair.client.error), (&b"the end"[..], &None));
    assert!(pair.client.session.close_notify_seen());
    assert_eq!(pair.client.session.eof(), Ok(StreamEnd::Clean));
}

#[test]
fn plaintext_before_damage_is_given_out() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
    let mut pair = Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);
    pair.client.plaintext.clear();
    pair.server.session.write_plaintext(b"whole").unwrap();
    let mut wire = pair.server.wire();
    pair.server.session.write_plaintext(b"damaged").unwrap();
    wire.extend(pair.server.wire());
    *wire.last_mut().unwrap() ^= 1;
    pair.client.take(&wire);
    assert_eq!(pair.client.plaintext, b"whole");
    assert!(matches!(pair.client.error, Some(TlsError::Protocol(_))));
    pair.run(usize::MAX);
    assert_eq!(pair.server.error, Some(TlsError::Alert { code: 20 }));
}

#[test]
fn unsent_plaintext_is_bounded() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
    let mut pair = Pair::new(&config, "api.example", &acceptor(&issued));
    let body = vec![b'b'; MAX_UNSENT + 1];
    assert_eq!(pair.client.session.write_plaintext(&body), Ok(MAX_UNSENT));
    assert_eq!(pair.client.session.write_plaintext(&body), Ok(0));
    pair.run(usize::MAX);
    assert_eq!(pair.client.session.write_plaintext(b"b"), Ok(1));
    pair.run(usize::MAX);
    assert_eq!(pair.server.plaintext, body);
}

#[test]
fn a_known_chain_is_verified_once() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("*.api.example"));
    let server = acceptor(&issued);
    let clock = clock();
    let config = TlsConfig::new(&options(&root.pem, &clock)).unwrap();
    let mut hits_and_misses = (0, 0);
    let mut expect = |hits, misses| {
        hits_and_misses.0 += hits;
        hits_and_misses.1 += misses;
        let counts = CacheCounts { hits: hits_and_misses.0, misses: hits_and_misses.1 };
        assert_eq!(config.verify_cache(), counts);
    };

    Pair::new(&config, "a.api.example", &server).exchange(usize::MAX);
    expect(0, 1);
    Pair::new(&config, "a.api.example", &server).exchange(usize::MAX);
    expect(1, 0);
    // Another name that the certificate also has, and one that it has not.
    Pair::new(&config, "b.api.example", &server).exchange(usize::MAX);
    expect(0, 1);
    assert_eq!(refusal(&config, "other.example", &server).0, TlsError::WrongName);
    expect(0, 1);
    // A refused chain is not remembered.
    assert_eq!(refusal(&config, "other.example", &server).0, TlsError::WrongName);
    expect(0, 1);
    // Another server with the same root.
    let again = issue(&root, &leaf_params("*.api.example"));
    Pair::new(&config, "a.api.example", &acceptor(&again)).exchange(usize::MAX);
    expect(0, 1);
    // The last second, and the one after; before the first; and back.
    clock.set(END as u64);
    Pair::new(&config, "a.api.example", &server).exchange(usize::MAX);
    expect(1, 0);
    clock.set(END as u64 + 1);
    let expired = TlsError::Expired { not_after: Some(END as u64) };
    assert_eq!(refusal(&config, "a.api.example", &server).0, expired);
    expect(0, 1);
    clock.set(START as u64 - 1);
    let early = TlsError::NotYetValid { not_before: Some(START as u64) };
    assert_eq!(refusal(&config, "a.api.example", &server).0, early);
    expect(0, 1);
    clock.set(NOW);
    Pair::new(&config, "a.api.example", &server).exchange(usize::MAX);
    expect(1, 0);
}

#[test]
fn a_changed_byte_is_not_a_known_chain() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let config = TlsConfig::new(&options(&root.pem, &clock())).unwrap();
    Pair::new(&config, "api.example", &acceptor(&issued)).exchange(usize::MAX);

    let forged = odd_server(&issued, |chain| {
        let mut der = chain[0].to_vec();
        *der.last_mut().unwrap() ^= 1; // in the issuer's signature
        chain[0] = der.into();
    });
    let (error, leaf) = refusal(&config, "api.example", &forged);
    assert_eq!(error, untrusted("a signature does not match the certificate"));
    assert_ne!(leaf.unwrap(), issued.der);
    // One certificate more is another chain too, though the leaf is the same and good.
    let longer = odd_server(&issued, |chain| chain.push(chain[0].clone()));
    Pair::new(&config, "api.example", &longer).exchange(usize::MAX);
    assert_eq!(config.verify_cache(), CacheCounts { hits: 0, misses: 3 });

    // The certificate of a known chain without its key: known, and refused all the same.
    let other = issue(&root, &leaf_params("api.example"));
    let stolen = odd_server(&other, |chain| {
        *chain = certificates(issued.chain.as_bytes()).unwrap();
    });
    let (error, leaf) = refusal(&config, "api.example", &stolen);
    assert_eq!(error, untrusted("a signature does not match the certificate"));
    assert_eq!(leaf, Some(issued.der));
    assert_eq!(config.verify_cache(), CacheCounts { hits: 1, misses: 3 });
}

#[test]
fn the_cache_can_be_off_and_forgets_what_has_no_dates() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let server = acceptor(&issued);
    let clock = clock();
    let usual = options(&root.pem, &clock);
    let config = TlsConfig::new(&TlsOptions { verify_cache: false, ..usual.clone() }).unwrap();
    for _ in 0..2 {
        Pair::new(&config, "api.example", &server).exchange(usize::MAX);
    }
    assert_eq!(config.verify_cache(), CacheCounts::default());

    // One that cannot be read is shown besides.
    let dateless = odd_server(&issued, |chain| chain.push(CertificateDer::from(vec![0x30, 0])));
    let config = TlsConfig::new(&usual).unwrap();
    for _ in 0..2 {
        Pair::new(&config, "api.example", &dateless).exchange(usize::MAX);
    }
    assert_eq!(config.verify_cache(), CacheCounts { hits: 0, misses: 2 });
}

#[test]
fn the_narrowest_dates_of_a_chain_count() {
    let years = |from, until| {
        let mut params = leaf_params("api.example");
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        CertificateDer::from(issue(&authority("root"), &params).der)
    };
    let chain = [years(2010, 2090), years(2025, 2099), years(2000, 2026)];
    let window = Window::of_chain(&chain[0], &chain[1..]).unwrap();
    assert_eq!(window, Window { from: START, until: END });
    let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let (from, until) = (START as u64, END as u64);
    let inside = [from - 1, from, until, until + 1, u64::MAX].map(|seconds| window.contains(at(seconds)));
    assert_eq!(inside, [false, true, true, false, false]);
    assert_eq!(Window::of_chain(&chain[0], &[CertificateDer::from(vec![0x30, 0])]), None);
}

#[test]
fn the_cache_is_bounded_and_forgets_the_oldest() {
    let mut chains = VerifiedChains::default();
    let window = Window { from: 0, until: 10 };
    let key = |number: usize| sha256(&number.to_le_bytes());
    for number in 0..=MAX_VERIFIED_CHAINS {
        chains.insert(key(number), window);
        chains.insert(key(number), window);
    }
    assert_eq!((chains.windows.len(), chains.oldest.len()), (MAX_VERIFIED_CHAINS, MAX_VERIFIED_CHAINS));
    let now = UnixTime::since_unix_epoch(Duration::from_secs(5));
    let held = [0, 1, MAX_VERIFIED_CHAINS].map(|number| chains.holds(&key(number), now));
    assert_eq!(held, [false, true, true]);
}

#[test]
fn chain_keys_do_not_run_together() {
    let der = |bytes: &[u8]| CertificateDer::from(bytes.to_vec());
    let keys = [
        chain_key(&der(b"ab"), &[der(b"c")], "a"),
        chain_key(&der(b"a"), &[der(b"bc")], "a"),
        chain_key(&der(b"abc"), &[], "a"),
        chain_key(&der(b"abc"), &[der(b"")], "a"),
        chain_key(&der(b"c"), &[der(b"ab")], "a"),
        chain_key(&der(b"ab"), &[der(b"c")], "b"),
    ];
    let distinct: std::collections::HashSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
}

#[test]
fn sessions_are_resumed_if_asked_for() {
    let root = authority("root");
    let issued = issue(&root, &leaf_params("api.example"));
    let server = acceptor(&issued);
    let clock = clock();
    for resumption in [false, true] {
        let config = TlsConfig::new(&TlsOptions { resumption, ..options(&root.pem, &clock) }).unwrap();
        let first = Pair::new(&config, "api.example", &server).exchange(usize::MAX);
        assert!(!first.client.session.facts().resumed);
        let second = Pair::new(&config, "api.example", &server).exchange(usize::MAX);
        let facts = second.client.session.facts();
        assert_eq!((facts.resumed, facts.leaf), (resumption, Some(&issued.der[..])));
    }
}

#[test]
fn unusable_configuration_is_named() {
    let root = authority("root");
    let clock = clock();
    let roots = |pem: &[u8]| {
        let options = TlsOptions { roots: Roots { pem: Some(pem), system: &[] }, ..options("", &clock) };
        TlsConfig::new(&options).unwrap_err().to_string()
    };
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(roots(b""), "trusted certificates: empty, expected PEM with -----BEGIN CERTIFICATE-----");
    assert_eq!(roots(b"hello"), "trusted certificates: no PEM section -----BEGIN CERTIFICATE-----");
    assert_eq!(
        roots(&[0x30, 0x82]),
        "trusted certificates: this looks like DER, expected PEM with -----BEGIN CERTIFICATE-----"
    );
    assert_eq!(roots(junk.as_bytes()), "trusted certificates: none of the certificates can be read");
    assert!(roots(&root.pem.as_bytes()[..100]).starts_with("trusted certificates: "));
    assert!(roots(root.pem.replace('M', "!").as_bytes()).starts_with("trusted certificates: "));

    let some = format!("{}{junk}", root.pem);
    assert_eq!(TlsConfig::new(&options(&some, &clock)).unwrap().ignored_roots(), 1);

    let (one, two) = (issue(&root, &leaf_params("a")), issue(&root, &leaf_params("b")));
    let identity = |chain: &str, key: &str| {
        let identity = Identity { chain: chain.as_bytes(), key: key.as_bytes() };
        let options = TlsOptions { identity: Some(identity), ..options(&root.pem, &clock) };
        let client = TlsConfig::new(&options).unwrap_err().to_string();
        let server = TlsAcceptor::new(identity, &clock).unwrap_err().to_string();
        assert_eq!(client, server);
        client
    };
    assert_eq!(identity(&one.chain, &two.key), "private key: it does not belong to the certificate");
    assert_eq!(identity(&one.chain, &one.chain), "private key: no PEM section -----BEGIN PRIVATE KEY-----");
    assert_eq!(identity(&one.key, &one.key), "certificate: no PEM section -----BEGIN CERTIFICATE-----");
    assert_eq!(identity(junk, &one.key), "certificate: the certificate cannot be read");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(identity(&one.chain, encrypted).starts_with("private key: it is encrypted"));
    for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        let key = format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n");
        let words = identity(&one.chain, &key);
        assert!(words.starts_with("private key: failed to parse"), "{words}");
    }
}

#[test]
fn hashes() {
    // FIPS 180-4, the one-block example.
    let abc = sha256(b"abc");
    assert_eq!(&abc[..4], [0xba, 0x78, 0x16, 0xbf]);
    assert_eq!(&abc[28..], [0xf2, 0x00, 0x15, 0xad]);
}

#[test]
fn finer_causes_become_words() {
    assert_eq!(spaced("NoCipherSuitesInCommon"), "no cipher suites in common");
    assert_eq!(spaced("ServerDoesNotSupportTls12Or13"), "server does not support tls12 or13");
    assert_eq!(spaced("MissingData(\"KeyShare\")"), "missing data(\"key share\")");
    let error = rustls::Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon);
    let words = TlsError::from_rustls(&error).to_string();
    assert_eq!(words, "no common ground: no cipher suites in common");
    let error = TlsError::from_rustls(&rustls::Error::NoCertificatesPresented);
    assert_eq!(error.to_string(), "the server has shown no certificate");
    assert_eq!(TlsError::Alert { code: 200 }.to_string(), "the peer refused with the alert 200");
    let refused = |insecure| TlsError::OfferRefused { code: 40, insecure }.to_string();
    assert!(
        refused(false).starts_with("the peer refused with the alert handshake_failure (offered were TLS 1.3 and 1.2,")
    );
    assert!(refused(false).ends_with("and signatures by RSA, ECDSA on P-256 and P-384, and Ed25519)"));
    assert!(refused(true).ends_with("and signatures of any kind)"));
}

#[test]
fn every_alert_of_rustls_has_a_name() {
    for code in 0..=u8::MAX {
        let known = AlertDescription::from(code).as_str().is_some();
        assert_eq!(alert_name(code).is_some(), known, "{code}");
    }
}
