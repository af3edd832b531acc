//! Certificates that other clients take and that a strict library would not, and those that this program cannot judge: who is
//! up all the same, and who is not blamed for what we lack.
//!
//! The servers are OpenSSL's, as are most of the certificates: what is asked here is what people do with that tool.

use serde_json::Value;

use crate::support::{Authority, Demands, Identity, TempDir, TlsPeer, Upcheck, has_program, skipped};

/// The name that most certificates here are for.
const NAME: &str = "good.example.test";

/// Checks a server that shows this certificate, under a name that leads to it.
#[track_caller]
fn check(folder: &TempDir, identity: &Identity, only: Option<&str>, host: &str, flags: &[&str]) -> Value {
    let peer = TlsPeer::openssl(folder, identity, Demands { only, client_ca: None });
    let url = peer.url("/");
    let port = url.trim_end_matches('/').rsplit(':').next().expect("a port");
    let resolve = format!("{host}:{port}:127.0.0.1");
    let report = Upcheck::new().args(["-t", "20", "--resolve", &resolve]).args(flags);
    report.arg(format!("https://{host}:{port}/")).report().single().clone()
}

#[track_caller]
fn expect(check: &Value, about: &str, verdict: &str, reason: &str, words: &[&str]) {
    assert_eq!((&check["verdict"], &check["reason"]), (&verdict.into(), &reason.into()), "{about}: {check:#}");
    let detail = check["detail"].as_str().unwrap_or_default();
    for word in words {
        assert!(detail.contains(word), "{about}: no {word:?} in {check:#}");
    }
}

fn has_openssl() -> bool {
    let has = has_program("openssl");
    if !has {
        skipped!("no openssl on this machine");
    }
    has
}

/// A certificate for a key on this curve, made by OpenSSL.
fn on_curve(folder: &TempDir, curve: &str, more: &[&str]) -> Identity {
    let curve = format!("ec_paramgen_curve:{curve}");
    Identity::by_openssl(folder, NAME, &[&["-newkey", "ec", "-pkeyopt", &curve][..], more].concat())
}

#[test]
fn the_very_certificate_of_the_server_can_be_trusted() {
    if !has_openssl() {
        return;
    }
    let folder = TempDir::new();
    let made = |arguments: &[&str]| Identity::by_openssl(&folder, NAME, arguments);
    let inside = Authority::new("inside").issue(NAME);
    let certificates = [
        ("self-signed, by the tutorial", made(&["-newkey", "rsa:2048"])),
        ("self-signed, no authority", made(&["-newkey", "rsa:2048", "-addext", "basicConstraints=critical,CA:FALSE"])),
        ("issued by nobody known", inside.clone()),
        ("with the authority's certificate behind it", inside.followed_by([Authority::new("other").pem.as_str()])),
        ("signed in a way that is lacking here", on_curve(&folder, "P-256", &["-sha512"])),
        ("of version 1", Identity::of_version_1(&folder, NAME)),
        ("with what nobody knows", made(&["-newkey", "rsa:2048", "-addext", "1.2.3.4=critical,DER:0500"])),
        ("for clients only", made(&["-newkey", "rsa:2048", "-addext", "extendedKeyUsage=clientAuth"])),
    ];
    let another = folder.write("another.pem", &made(&["-newkey", "rsa:2048"]).chain);
    for (about, identity) in &certificates {
        let file = folder.write("trusted.pem", Authority::new("besides").pem + &identity.chain);
        for only in [None, Some("1.2")] {
            let it = |host, file: &str| check(&folder, identity, only, host, &["--cacert", file]);
            expect(&it(NAME, &file), about, "up", "ok", &[]);
            expect(&it("other.test", &file), about, "down", "tls_name", &["is not for other.test"]);
            assert_ne!(it(NAME, &another)["verdict"], "up", "{about}: another of the same name");
        }
    }
    let expired = Authority::new("inside").issue_for_years(NAME, 2019, 2020);
    let file = folder.write("expired.pem", &expired.chain);
    let ended = check(&folder, &expired, None, NAME, &["--cacert", &file]);
    expect(&ended, "expired", "down", "tls_expired", &["expired on 2020-01-01"]);
}

#[test]
fn insecure_takes_any_certificate() {
    if !has_openssl() {
        return;
    }
    let folder = TempDir::new();
    let made = |arguments: &[&str]| Identity::by_openssl(&folder, "other.test", arguments);
    let both = &[None, Some("1.2")][..];
    let (latest, older) = (&both[..1], &both[1..]);
    let certificates = [
        ("of version 1", Identity::of_version_1(&folder, "other.test"), both),
        ("RSA of 1024 bits", made(&["-newkey", "rsa:1024"]), both),
        // For TLS 1.3 it is too short.
        ("RSA of 512 bits", made(&["-newkey", "rsa:512", "-sha256"]), older),
        ("what nobody knows", made(&["-newkey", "rsa:2048", "-addext", "1.2.3.4=critical,DER:0500"]), both),
        ("names that are none", made(&["-newkey", "rsa:2048", "-addext", "1.2.3.5=DER:0500"]), both),
        ("an unknown signature", on_curve(&folder, "P-256", &["-sha512"]), both),
        ("P-521", on_curve(&folder, "P-521", &[]), latest),
        ("Ed448", made(&["-newkey", "ed448"]), latest),
        ("RSASSA-PSS", made(&["-newkey", "rsa-pss"]), latest),
    ];
    for (about, identity, versions) in &certificates {
        for only in *versions {
            let check = check(&folder, identity, *only, NAME, &["-k"]);
            expect(&check, about, "up", "ok", &[]);
            assert!(check["tls"]["not_after"].is_string() && check["tls"]["days_left"].is_i64(), "{about}: {check:#}");
            assert_eq!(check["tls"]["sha256"].as_str().map(str::len), Some(64), "{about}: {check:#}");
        }
    }
}

#[test]
fn what_our_cryptography_lacks_is_not_the_servers_fault() {
    if !has_openssl() {
        return;
    }
    let folder = TempDir::new();
    let made = |arguments: &[&str]| Identity::by_openssl(&folder, NAME, arguments);
    let [p256, p521] = ["P-256", "P-521"].map(|curve| on_curve(&folder, curve, &["-sha512"]));
    let [rsa, short, ed448] = [["rsa:2048"], ["rsa:1024"], ["ed448"]].map(|[kind]| made(&["-newkey", kind]));
    let switch = Identity::of_version_1(&folder, NAME);
    expect(&check(&folder, &switch, None, NAME, &[]), "version 1", "down", "tls_untrusted", &["no trusted authority"]);
    let pss = |salt| ["-sigopt", "rsa_padding_mode:pss", "-sigopt", salt];
    let cases: [(&Identity, &[&str], &[&str]); 8] = [
        (&p521, &["-sha512"], &["ecdsa-with-SHA512"]),
        (&p521, &["-sha256"], &["ecdsa-with-SHA256", "P-521"]),
        (&p256, &["-sha512"], &["ecdsa-with-SHA512"]),
        (&p256, &["-sha1"], &["ecdsa-with-SHA1"]),
        (&rsa, &["-sha1"], &["sha1WithRSAEncryption"]),
        (&rsa, &pss("rsa_pss_saltlen:20"), &["RSASSA-PSS"]),
        (&short, &["-sha256"], &["an RSA key of 1024 bits"]),
        (&ed448, &[], &["Ed448"]),
    ];
    for (authority, arguments, words) in cases {
        let leaf = authority.signs_by_openssl(&folder, NAME, arguments);
        let file = folder.write("root.pem", &authority.chain);
        let it = check(&folder, &leaf, None, NAME, &["--cacert", &file]);
        expect(&it, words[0], "unknown", "unsupported", &[words, &["this program lacks", "the leaf"]].concat());
        // Who is not trusted is not asked for more.
        let stranger = folder.write("stranger.pem", Authority::new("a stranger").pem);
        let it = check(&folder, &leaf, None, NAME, &["--cacert", &stranger]);
        expect(&it, words[0], "down", "tls_untrusted", &["no trusted authority"]);
    }
    let known = rsa.signs_by_openssl(&folder, NAME, &pss("rsa_pss_saltlen:32"));
    let file = folder.write("root.pem", &rsa.chain);
    expect(&check(&folder, &known, None, NAME, &["--cacert", &file]), "usual PSS", "up", "ok", &[]);

    let file = folder.write("short.pem", &short.chain);
    let its_own = check(&folder, &short, None, NAME, &["--cacert", &file]);
    expect(&its_own, "its own key is short", "unknown", "unsupported", &["an RSA key of 1024 bits"]);
    for only in ["1.2", "1.3"] {
        let file = folder.write("p521.pem", &p521.chain);
        let refused = check(&folder, &p521, Some(only), NAME, &["--cacert", &file]);
        let words = ["handshake_failure", "offered were TLS 1.3 and 1.2", "ECDSA on P-256 and P-384"];
        expect(&refused, "its own key is on P-521", "down", "tls_failed", &words);
    }
}

#[test]
fn labels_may_begin_and_end_in_a_hyphen() {
    if !has_openssl() {
        return;
    }
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let identity = root.issue("*.wild.test");
    let file = folder.write("root.pem", &root.pem);
    let trusting = ["--cacert", &file];
    for host in
        ["shop-.wild.test", "-shop.wild.test", "-.wild.test", "a_b.wild.test", "SHOP-.Wild.Test", "shop-.wild.test."]
    {
        expect(&check(&folder, &identity, None, host, &trusting), host, "up", "ok", &[]);
    }
    for host in ["shop-.other.test", "a.b-.wild.test", "-"] {
        expect(&check(&folder, &identity, None, host, &trusting), host, "down", "tls_name", &["but for *.wild.test"]);
        expect(&check(&folder, &identity, None, host, &["-k"]), host, "up", "ok", &[]);
    }
    expect(&check(&folder, &identity, None, "shop-.wild.test", &[]), "no root", "down", "tls_untrusted", &[]);
    let named = ["--cacert", &file, "--servername", "shop-.wild.test"];
    expect(&check(&folder, &identity, None, "other.test", &named), "named", "up", "ok", &[]);
    let output = Upcheck::new().args(["--servername", "a b", "https://127.0.0.1:1/"]).run();
    output.expect_code(3);
    assert!(output.err().contains("--servername: 'a b' is no host name and no address"), "{output:?}");
}

#[test]
fn a_folder_of_certificates_is_trusted_besides() {
    if !has_openssl() {
        return;
    }
    let folder = TempDir::new();
    let [root, other] = ["the root", "another"].map(Authority::new);
    let identity = root.issue("127.0.0.1");
    let peer = TlsPeer::openssl(&folder, &identity, Demands::default());
    let [full, empty] = [TempDir::new(), TempDir::new()];
    full.write("root.pem", &root.pem);
    full.write("all.crt", other.pem.clone() + &root.pem);
    full.write("readme", "no certificate is in here\n");
    std::os::unix::fs::symlink("root.pem", full.path("0a1b2c3d.0")).expect("a link");
    std::os::unix::fs::symlink("nowhere", full.path("4e5f6071.0")).expect("a link");
    let file = folder.write("other.pem", &other.pem);
    let path = |folder: &TempDir| folder.path("").display().to_string();
    let reason = |variables: &[(&str, &str)], flags: &[&str]| {
        let program = variables.iter().fold(Upcheck::new(), |program, (name, value)| program.env(name, value));
        let report = program.args(flags).args(["-t", "20"]).arg(peer.url("/")).report();
        report.single()["reason"].as_str().expect("a word").to_owned()
    };
    let folders = format!("/nowhere:{}", path(&full));
    assert_eq!(reason(&[("SSL_CERT_DIR", &path(&full))], &[]), "ok");
    assert_eq!(reason(&[("SSL_CERT_DIR", &folders)], &[]), "ok", "one of several");
    assert_eq!(reason(&[("SSL_CERT_DIR", &folders), ("SSL_CERT_FILE", &file)], &[]), "ok", "both");
    assert_eq!(reason(&[("SSL_CERT_DIR", &path(&full))], &["--cacert", &file]), "tls_untrusted", "the flag wins");
    assert_eq!(reason(&[("SSL_CERT_DIR", "")], &[]), "tls_untrusted", "empty is unset");
    assert_eq!(reason(&[("SSL_CERT_DIR", "/nowhere")], &[]), "tls_untrusted", "as for others, not there is nothing");
    assert_eq!(reason(&[("SSL_CERT_DIR", &path(&empty))], &[]), "tls_untrusted");
}

#[test]
fn the_systems_store_is_trusted_besides() {
    if !has_openssl() {
        return;
    }
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let peer = TlsPeer::openssl(&folder, &root.issue("127.0.0.1"), Demands::default());
    let file = folder.write("root.pem", &root.pem);
    let run = |flags: &[&str]| Upcheck::new().args(["-t", "20", "-o", "ndjson"]).args(flags).arg(peer.url("/")).run();
    let output = run(&["--ca-native"]);
    if output.err().contains("no trusted certificates where systems keep them") {
        output.expect_code(3);
        return skipped!("this machine has no store of its own");
    }
    assert_eq!(output.report().single()["reason"], "tls_untrusted", "{output:?}");
    assert_eq!(run(&["--ca-native", "--cacert", &file]).report().single()["reason"], "ok");
    let line = format!("{} ca-native cacert={file}\n", peer.url("/"));
    let report = Upcheck::new().args(["-t", "20", "-f", "-"]).stdin(line).report();
    assert_eq!(report.single()["reason"], "ok", "as an option of a line");
}

#[test]
fn what_a_certificate_says_does_not_flood_a_detail() {
    if !has_openssl() {
        return;
    }
    let folder = TempDir::new();
    let long = |letter: &str| ["x", "y", "z"].map(|label| label.repeat(50)).join(".") + &letter.repeat(40) + ".test";
    let names: Vec<String> = ["a", "b", "c", "d", "e", "f", "g"].map(|letter| format!("DNS:{}", long(letter))).into();
    let subject = format!("/CN=the leaf{}", "/O=an organization of at most sixty-four letters".repeat(20));
    let extension = format!("subjectAltName={}", names.join(","));
    let arguments = ["-newkey", "rsa:2048", "-subj", &subject, "-addext", &extension];
    let identity = Identity::by_openssl_alone(&folder, &arguments);
    let root = folder.write("its.pem", &identity.chain);
    let cases: [(&[&str], &str, &str); 2] =
        [(&[], "tls_untrusted", "issued by"), (&["--cacert", &root], "tls_name", "and 2 more")];
    for (flags, reason, word) in cases {
        let it = check(&folder, &identity, None, NAME, flags);
        expect(&it, reason, "down", reason, &[word, "..."]);
        let length = it["detail"].as_str().map_or(0, |detail| detail.chars().count());
        assert!(length <= 600, "{length}: {it:#}");
    }
}
