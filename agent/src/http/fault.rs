//! What can go wrong with one request, sorted by whether anything left this machine.

use std::error::Error;

use super::names::NameFault;

/// Why a request gave no answer; each sentence names the host and nothing else of the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpFault {
    /// The URL breaks a rule; nothing was sent.
    #[error("the address at {host} was refused: {reason}; Kilosat sent nothing")]
    RefusedUrl {
        /// Host of the URL.
        host: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The host is, or resolves to, an address that is not public; nothing was sent.
    #[error("{host} leads to a private address, which only the owner may allow; Kilosat sent nothing")]
    PrivateAddress {
        /// Host of the URL.
        host: String,
    },
    /// The host name has no address; nothing was sent.
    #[error("{host} was not found by name; Kilosat sent nothing, check the name and the internet connection")]
    UnknownHost {
        /// Host of the URL.
        host: String,
    },
    /// No connection; nothing was sent.
    #[error("{host} could not be reached; Kilosat sent nothing")]
    NoConnection {
        /// Host of the URL.
        host: String,
    },
    /// The server's certificate is not valid or not the expected one; nothing was sent.
    #[error("{host} showed a certificate that is not valid or not the expected one; Kilosat sent nothing")]
    Certificate {
        /// Host of the URL.
        host: String,
    },
    /// Too many of our own requests are waiting; nothing was sent.
    #[error("too many requests are waiting already; Kilosat did not ask {host}, it can be tried again")]
    Busy {
        /// Host of the URL.
        host: String,
    },
    /// A header of ours cannot be sent, or the client cannot be built; nothing was sent.
    #[error("the request to {host} could not be prepared; Kilosat sent nothing")]
    NotPrepared {
        /// Host of the URL, or the payee's origin.
        host: String,
    },
    /// The answer did not come, or did not end, in time.
    #[error("{host} did not answer in time")]
    TooSlow {
        /// Host of the URL.
        host: String,
    },
    /// The answer is larger than allowed.
    #[error("{host} sent more data than Kilosat accepts")]
    TooLarge {
        /// Host of the URL.
        host: String,
    },
    /// The answer points elsewhere, which is never followed.
    #[error("{host} answered with another address to go to, which Kilosat does not follow")]
    Redirected {
        /// Host of the URL.
        host: String,
    },
    /// The connection broke after the request may have been sent.
    #[error("the connection to {host} broke before the answer was complete")]
    Broken {
        /// Host of the URL.
        host: String,
    },
}

impl HttpFault {
    /// Whether it is certain that no byte of the request left this machine.
    pub fn was_not_sent(&self) -> bool {
        match self {
            Self::RefusedUrl { .. }
            | Self::PrivateAddress { .. }
            | Self::UnknownHost { .. }
            | Self::NoConnection { .. }
            | Self::Certificate { .. }
            | Self::Busy { .. }
            | Self::NotPrepared { .. } => true,
            Self::TooSlow { .. } | Self::TooLarge { .. } | Self::Redirected { .. } | Self::Broken { .. } => false,
        }
    }

    /// Sorts what `reqwest` reports; whatever is not certainly before the first byte counts as after it.
    pub(super) fn of(host: &str, error: &reqwest::Error) -> Self {
        let host = host.to_owned();
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(found) = cause {
            if certificate_is_wrong(found) {
                return HttpFault::Certificate { host };
            }
            match found.downcast_ref::<NameFault>() {
                Some(NameFault::Private) => return HttpFault::PrivateAddress { host },
                Some(NameFault::Unknown) => return HttpFault::UnknownHost { host },
                None => cause = found.source(),
            }
        }
        if error.is_connect() {
            HttpFault::NoConnection { host }
        } else if error.is_timeout() {
            HttpFault::TooSlow { host }
        } else if error.is_builder() {
            HttpFault::NotPrepared { host }
        } else {
            HttpFault::Broken { host }
        }
    }
}

/// TLS errors travel inside I/O errors, which may be wrapped in each other and do not show them as their source.
pub(super) fn certificate_is_wrong(error: &(dyn Error + 'static)) -> bool {
    let mut innermost = error;
    for _ in 0..WRAPPED_MAX {
        let Some(inner) = innermost.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) else { break };
        innermost = inner;
    }
    matches!(innermost.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
}

const WRAPPED_MAX: usize = 8;
