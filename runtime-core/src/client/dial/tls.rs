//! TLS with rustls.

use std::io;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::TlsConnector;

use crate::chain::debug_as_text;
use crate::runtime::BoxStream;

/// TLS can't be set up.
#[derive(Clone, PartialEq, thiserror::Error)]
#[error("TLS can't be set up: {0}")]
pub struct TlsError(rustls::Error);

debug_as_text!(TlsError);

/// The TLS configuration of a client: trusted certificates and everything else. Requires the feature `rustls`.
///
/// The cryptography provider is rustls' process-wide default if the application installed one, otherwise ring.
///
/// ```
/// use socketio_runtime::client::Tls;
/// use socketio_runtime::rustls::RootCertStore;
///
/// let own = Tls::roots(RootCertStore { roots: Vec::new() })?;
/// # Ok::<(), socketio_runtime::client::TlsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts the certificates that the operating system trusts. The default for `https` URLs.
    ///
    /// # Errors
    /// The operating system's certificates can't be loaded.
    pub fn platform() -> Result<Self, TlsError> {
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_platform_verifier())
            .map_err(TlsError)?;
        Ok(Self::config(config.with_no_client_auth()))
    }

    /// Trusts only these certificates: your own, or those of the crate `webpki-roots`.
    ///
    /// # Errors
    /// The installed cryptography provider supports no cipher suite of TLS 1.2 or 1.3.
    pub fn roots(roots: RootCertStore) -> Result<Self, TlsError> {
        let config =
            ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(TlsError)?;
        Ok(Self::config(config.with_root_certificates(roots).with_no_client_auth()))
    }

    /// Uses this configuration, for client certificates or a custom verifier. Its ALPN protocols are replaced by `http/1.1`, which
    /// WebSockets require.
    pub fn config(mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { config: Arc::new(config) }
    }

    pub(super) async fn connect(&self, host: &str, stream: BoxStream) -> io::Result<BoxStream> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(self.config.clone()).connect(name, TokioIo::new(stream)).await?;
        Ok(Box::new(TokioIo::new(stream)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(ring::default_provider()))
}
