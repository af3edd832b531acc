//! Certificates for the tests, made by `rcgen`: authorities, what they issue, and the mistakes that people make with both.

use std::process::Command;

use super::TempDir;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub(crate) pem: String,
}

/// A certificate with its key, both PEM.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The certificate first, then what leads from it to the root.
    pub(crate) chain: String,
    /// PKCS#8.
    pub(crate) key: String,
}

impl Authority {
    /// A root: it vouches for itself.
    pub(crate) fn new(name: &str) -> Authority {
        let (params, key) = (authority_params(name), new_key());
        let pem = params.self_signed(&key).expect("an authority can be made").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// An authority that this one vouches for.
    pub(crate) fn deputy(&self, name: &str) -> Authority {
        let (params, key) = (authority_params(name), new_key());
        let pem = params.signed_by(&key, &self.issuer).expect("an authority can be made").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for `name`, a DNS name or an address, that is valid today.
    pub(crate) fn issue(&self, name: &str) -> Identity {
        self.issue_for_years(name, 2020, 2045)
    }

    /// A certificate that is valid from the first day of one year to the first day of the other.
    pub(crate) fn issue_for_years(&self, name: &str, from: i32, to: i32) -> Identity {
        self.sign(name, &new_key(), from, to)
    }

    /// A certificate for an RSA key of 2048 bits, which `openssl` makes: the library at hand cannot.
    pub(crate) fn issue_rsa(&self, name: &str) -> Identity {
        let output = Command::new("openssl").args(["genpkey", "-quiet", "-algorithm", "RSA"]).output();
        let pem = String::from_utf8(output.expect("openssl runs").stdout).expect("PEM is text");
        self.sign(name, &KeyPair::from_pem(&pem).expect("a key in PKCS#8"), 2020, 2045)
    }

    fn sign(&self, name: &str, key: &KeyPair, from: i32, to: i32) -> Identity {
        let certificate = leaf_params(name, from, to).signed_by(key, &self.issuer).expect("a certificate can be made");
        Identity { chain: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Identity {
    /// A certificate that `openssl req` makes for its own key, with these arguments besides: `-newkey rsa:1024`. It is an
    /// authority's, unless they say otherwise.
    pub(crate) fn by_openssl(folder: &TempDir, name: &str, arguments: &[&str]) -> Identity {
        let names = format!("subjectAltName=DNS:{name}");
        let subject = ["-subj", "/CN=the leaf", "-addext", &names];
        Identity::by_openssl_alone(folder, &[&subject[..], arguments].concat())
    }

    /// The same, with all that it says among the arguments.
    pub(crate) fn by_openssl_alone(folder: &TempDir, arguments: &[&str]) -> Identity {
        let [key, certificate] = ["made.key", "made.pem"].map(|file| folder.path(file).display().to_string());
        let request = ["req", "-x509", "-nodes", "-days", "3650", "-keyout", &key, "-out", &certificate];
        openssl(&[&request[..], arguments].concat());
        Identity { chain: read(&certificate), key: read(&key) }
    }

    /// A certificate for a new key on P-256 that `openssl x509` makes in this one's name, with these arguments besides:
    /// `-sha512`.
    pub(crate) fn signs_by_openssl(&self, folder: &TempDir, name: &str, arguments: &[&str]) -> Identity {
        let path = |file: &str| folder.path(file).display().to_string();
        let [request, key, certificate] = ["signed.csr", "signed.key", "signed.pem"].map(path);
        let [ca, ca_key] = [folder.write("ca.pem", &self.chain), folder.write("ca.key", &self.key)];
        let names = folder.write("names", format!("subjectAltName=DNS:{name}"));
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        openssl(&[&["req", "-nodes", "-subj", "/CN=the leaf", "-keyout", &key, "-out", &request][..], &curve].concat());
        let sign = ["x509", "-req", "-days", "3650", "-set_serial", "7", "-in", &request, "-out", &certificate];
        let by = ["-CA", &ca, "-CAkey", &ca_key, "-extfile", &names];
        openssl(&[&sign[..], &by, arguments].concat());
        Identity { chain: read(&certificate), key: read(&key) }
    }

    /// A certificate of X.509 version 1, which has no names but a common one.
    pub(crate) fn of_version_1(folder: &TempDir, name: &str) -> Identity {
        let path = |file: &str| folder.path(file).display().to_string();
        let [request, key, certificate] = ["v1.csr", "v1.key", "v1.pem"].map(path);
        let subject = format!("/CN={name}");
        openssl(&["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject, "-keyout", &key, "-out", &request]);
        openssl(&["x509", "-req", "-days", "3650", "-in", &request, "-signkey", &key, "-out", &certificate]);
        Identity { chain: read(&certificate), key: read(&key) }
    }

    /// One that nobody but itself vouches for.
    pub(crate) fn self_signed(name: &str) -> Identity {
        let key = new_key();
        let certificate = leaf_params(name, 2020, 2045).self_signed(&key).expect("a certificate can be made");
        Identity { chain: certificate.pem(), key: key.serialize_pem() }
    }

    /// The same, with these certificates behind its own.
    pub(crate) fn followed_by<'a>(mut self, certificates: impl IntoIterator<Item = &'a str>) -> Identity {
        self.chain.extend(certificates);
        self
    }
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().expect("openssl runs");
    assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file).expect("openssl has written it")
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2045, 1, 1));
    params
}

fn leaf_params(name: &str, from: i32, to: i32) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name or an address");
    params.distinguished_name.push(DnType::CommonName, "the leaf");
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    params
}
