//! A peer of the world that speaks TLS: the library's own server side, fed by hand.

use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};

/// One connection, seen from the peer.
#[derive(Debug)]
pub struct Session(ServerConnection);

/// The same certificate for all: who vouches for it is not what is simulated.
fn config() -> Arc<ServerConfig> {
    static CONFIG: OnceLock<Arc<ServerConfig>> = OnceLock::new();
    let make = || {
        let key = KeyPair::generate().expect("a key can be made");
        let params = CertificateParams::new(["sim.test".to_owned()]).expect("it is a name");
        let certificate = params.self_signed(&key).expect("a certificate can be made");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("it is PKCS#8");
        let builder = ServerConfig::builder_with_provider(ring::default_provider().into());
        let builder = builder.with_safe_default_protocol_versions().expect("the provider has them all");
        let made = builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(made.expect("the two belong together"))
    };
    CONFIG.get_or_init(make).clone()
}

impl Session {
    pub fn new() -> Session {
        Session(ServerConnection::new(config()).expect("a configuration that was made above"))
    }

    /// Hears these bytes: what they say, in the clear. What it has to say itself is [`said`](Self::said) afterwards.
    pub fn hear(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut heard = Vec::new();
        while !bytes.is_empty() {
            if self.0.read_tls(&mut bytes).is_err() {
                break;
            }
            // What is wrong it says itself, with an alert.
            if self.0.process_new_packets().is_err() {
                break;
            }
            let _ = self.0.reader().read_to_end(&mut heard);
        }
        heard
    }

    /// Says this.
    pub fn say(&mut self, bytes: &[u8]) {
        self.0.writer().write_all(bytes).expect("its buffer has no end");
    }

    /// Says that it will say no more.
    pub fn say_farewell(&mut self) {
        self.0.send_close_notify();
    }

    /// The bytes that are to go over the wire now.
    pub fn said(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut said).expect("memory takes all");
        }
        said
    }
}
