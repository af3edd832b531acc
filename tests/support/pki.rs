//! Certificates for the tests, made by `rcgen`: authorities, what they issue, and the mistakes that people make with both.

use std::process::Command;

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
