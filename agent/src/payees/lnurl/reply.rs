//! The two answers of an LNURL-pay service, read and checked without any I/O.

use bitcoin::hashes::{Hash, sha256};
use serde_json::Value;
use url::Url;

use super::{LnurlFault, OfferWarning};
use crate::http::{HttpAnswer, host_of};
use crate::json::{Document, whole_number};
use crate::text::cleaned;

/// The `tag` of the sub-protocol for paying.
pub(super) const PAY_TAG: &str = "payRequest";

/// The first answer, checked. Source: LUD-06, LUD-12, LUD-18.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PayRequest {
    pub callback: Url,
    pub min_msat: u64,
    pub max_msat: u64,
    pub comment_chars_max: usize,
    pub metadata: Metadata,
}

/// The `metadata` text, which is hashed as it came, and what is shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metadata {
    pub hash: [u8; 32],
    pub text: String,
    identifiers: Vec<String>,
}

impl Metadata {
    /// Compares with the Lightning address that was asked; a tag after `+` may be missing.
    pub fn warning(&self, address: &str) -> Option<OfferWarning> {
        let first = self.identifiers.first();
        let Some(first) = first else {
            return Some(OfferWarning::NoIdentifier);
        };
        let untagged = address.split_once('@').map(|(user, domain)| {
            let user = user.split('+').next().unwrap_or(user);
            format!("{user}@{domain}")
        });
        let matches = |identifier: &String| identifier == address || untagged.as_deref() == Some(identifier.as_str());
        (!self.identifiers.iter().any(matches)).then(|| OfferWarning::OtherIdentifier { identifier: first.clone() })
    }
}

/// The second answer, checked except for the invoice. Source: LUD-06, LUD-09, LUD-11, LUD-21.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PayReply {
    pub bolt11: String,
    pub success: Option<String>,
    pub verify: Option<Url>,
    pub disposable: bool,
}

/// Parses any LNURL answer: its body counts, its status does not.
pub(super) fn document<'a>(host: &str, answer: &'a HttpAnswer) -> Result<Document<'a>, LnurlFault> {
    let unreadable = |_| LnurlFault::Unreadable { host: host.to_owned(), status: answer.status };
    let document = Document::parse(&answer.body).map_err(unreadable)?;
    let status = string(&document.value, "status");
    if status.is_some_and(|status| status.eq_ignore_ascii_case("error")) {
        let reason = string(&document.value, "reason").unwrap_or_default();
        return Err(LnurlFault::Refused { host: host.to_owned(), reason: cleaned(reason, REASON_CHARS_MAX) });
    }
    Ok(document)
}

pub(super) fn pay_request(document: &Document<'_>) -> Result<PayRequest, LnurlFault> {
    let value = &document.value;
    let tag = string(value, "tag").unwrap_or_default();
    if tag != PAY_TAG {
        return Err(LnurlFault::WrongTag { tag: cleaned(tag, TAG_CHARS_MAX) });
    }
    refuse_payer_data(value)?;
    let amount = |pointer| document.text_at(pointer).and_then(whole_number);
    let (min_msat, max_msat) = match (amount("/minSendable"), amount("/maxSendable")) {
        (Some(min), Some(max)) if 1 <= min && min <= max => (min, max),
        _ => return Err(LnurlFault::BadLimits),
    };
    let callback = string(value, "callback").and_then(|text| Url::parse(text).ok());
    let comment_chars_max = value.get("commentAllowed").and_then(Value::as_u64);
    Ok(PayRequest {
        callback: callback.ok_or(LnurlFault::BadCallback)?,
        min_msat,
        max_msat,
        comment_chars_max: usize::try_from(comment_chars_max.unwrap_or(0)).unwrap_or(0),
        metadata: metadata(string(value, "metadata").ok_or(NO_METADATA)?)?,
    })
}

pub(super) fn pay_reply(document: &Document<'_>, callback: &Url) -> Result<PayReply, LnurlFault> {
    let value = &document.value;
    let bolt11 = string(value, "pr").unwrap_or_default();
    let is_invoice = !bolt11.is_empty()
        && bolt11.len() <= INVOICE_CHARS_MAX
        && bolt11.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_invoice {
        return Err(LnurlFault::NoInvoice { host: host_of(callback) });
    }
    let action = value.get("successAction").filter(|action| !action.is_null());
    Ok(PayReply {
        bolt11: bolt11.to_owned(),
        success: action.map_or(Ok(None), |action| success(action, callback))?,
        verify: string(value, "verify").and_then(|text| Url::parse(text).ok()),
        // Absent means true: only an explicit false makes the target a lasting one.
        disposable: value.get("disposable") != Some(&Value::Bool(false)),
    })
}

/// We have no name, key or mail address to give, so a payee that insists cannot be paid.
fn refuse_payer_data(value: &Value) -> Result<(), LnurlFault> {
    let items = value.get("payerData").and_then(Value::as_object);
    let mandatory = |item: &Value| item.get("mandatory") == Some(&Value::Bool(true));
    match items.into_iter().flatten().find(|(_, item)| mandatory(item)) {
        Some((name, _)) => Err(LnurlFault::WantsPayerData { item: cleaned(name, TAG_CHARS_MAX) }),
        None => Ok(()),
    }
}

fn metadata(text: &str) -> Result<Metadata, LnurlFault> {
    if text.len() > METADATA_BYTES_MAX {
        return Err(LnurlFault::BadMetadata("it is longer than 16 KiB"));
    }
    let parsed = Document::parse(text.as_bytes()).map_err(|_| NO_LIST)?.value;
    let mut entries = Vec::new();
    for entry in parsed.as_array().ok_or(NO_LIST)? {
        let kind = entry.get(0).and_then(Value::as_str).ok_or(NO_LIST)?;
        let content = entry.get(1).and_then(Value::as_str);
        entries.push((kind, content));
    }
    if entries.iter().filter(|(kind, _)| kind.starts_with("image/")).count() > 1 {
        return Err(LnurlFault::BadMetadata("it holds more than one image"));
    }
    let mut texts = entries.iter().filter(|(kind, _)| *kind == "text/plain");
    let (Some((_, Some(plain))), None) = (texts.next(), texts.next()) else {
        return Err(LnurlFault::BadMetadata("it must hold exactly one plain text"));
    };
    let identifiers = entries
        .iter()
        .filter(|(kind, _)| matches!(*kind, "text/identifier" | "text/email"))
        .filter_map(|(_, content)| *content)
        .map(|identifier| cleaned(&identifier.to_lowercase(), DESCRIPTION_CHARS_MAX));
    Ok(Metadata {
        hash: sha256::Hash::hash(text.as_bytes()).to_byte_array(),
        text: cleaned(plain, DESCRIPTION_CHARS_MAX),
        identifiers: identifiers.collect(),
    })
}

/// What to show once paid; text only, since nothing of it is ever opened by itself.
fn success(action: &Value, callback: &Url) -> Result<Option<String>, LnurlFault> {
    let shown = |key| string(action, key).map(|text| cleaned(text, SUCCESS_CHARS_MAX));
    match string(action, "tag").unwrap_or_default() {
        "message" => Ok(shown("message")),
        "url" => {
            let description = shown("description").unwrap_or_default();
            let link = string(action, "url")
                .and_then(|text| Url::parse(text).ok())
                .filter(|link| link.host().is_some() && link.host() == callback.host())
                .map(|link| cleaned(link.as_str(), URL_CHARS_SHOWN_MAX));
            let parts = [Some(description), link].into_iter().flatten();
            let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
            Ok((!parts.is_empty()).then(|| parts.join(" ")))
        }
        // The rest is encrypted to the preimage; its description is all that is shown.
        "aes" => Ok(shown("description")),
        other => Err(LnurlFault::UnknownSuccessAction { tag: cleaned(other, TAG_CHARS_MAX) }),
    }
}

fn string<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

const NO_METADATA: LnurlFault = LnurlFault::BadMetadata("it is missing");
const NO_LIST: LnurlFault = LnurlFault::BadMetadata("it is not a list of kinds and texts");
const METADATA_BYTES_MAX: usize = 16 * 1024;
const INVOICE_CHARS_MAX: usize = 4096;
const DESCRIPTION_CHARS_MAX: usize = 256;
const REASON_CHARS_MAX: usize = 256;
const TAG_CHARS_MAX: usize = 32;
/// Limit of LUD-09 for messages and descriptions.
const SUCCESS_CHARS_MAX: usize = 144;
const URL_CHARS_SHOWN_MAX: usize = 256;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const METADATA: &str = r#"[["text/plain","Meter 1, 5 kWh"],["text/identifier","meter1@pay.example"]]"#;

    fn callback() -> Url {
        "https://pay.example/cb".parse().unwrap()
    }

    #[track_caller]
    fn action(json: &str, expected: Option<&str>) {
        let action: Value = serde_json::from_str(json).unwrap();
        assert_eq!(success(&action, &callback()).unwrap().as_deref(), expected);
    }

    #[test]
    fn the_metadata_is_hashed_byte_for_byte() {
        assert_eq!(METADATA.len(), 74);
        let read = metadata(METADATA).unwrap();
        let hash = sha256::Hash::from_byte_array(read.hash).to_string();
        assert_eq!(hash, "e3b05603b6b7bb34b54a5bd77396f0538dc6902367d9c51fa28b100e321fddf9");
        assert_eq!(read.text, "Meter 1, 5 kWh");
        assert_eq!(read.warning("meter1@pay.example"), None);
        assert_eq!(read.warning("meter1+flat2@pay.example"), None);
        assert_eq!(
            read.warning("meter2@pay.example"),
            Some(OfferWarning::OtherIdentifier { identifier: "meter1@pay.example".to_owned() })
        );
    }

    #[test]
    fn metadata_without_one_plain_text_is_refused() {
        for text in [
            "",
            "{}",
            "[]",
            "[1]",
            "[[]]",
            r#"[["text/plain"]]"#,
            r#"[["text/plain",1]]"#,
            r#"[["text/plain","a"],["text/plain","b"]]"#,
            r#"[["text/plain","a"],["image/png;base64","x"],["image/jpeg;base64","x"]]"#,
            &format!("{}{}", "[".repeat(40), "]".repeat(40)),
            &format!(r#"[["text/plain","{}"]]"#, "a".repeat(METADATA_BYTES_MAX)),
        ] {
            let fault = metadata(text).unwrap_err();
            assert!(matches!(fault, LnurlFault::BadMetadata(_)), "{text:.40}");
        }
    }

    #[test]
    fn a_description_is_cleaned_and_cut() {
        let long = "x".repeat(1_000);
        let read = metadata(&format!(r#"[["text/plain","a\n\u202e{long}"]]"#)).unwrap();
        assert!(read.text.starts_with("a xxx"));
        assert_eq!(read.text.chars().count(), DESCRIPTION_CHARS_MAX);
        assert_eq!(read.warning("a@b"), Some(OfferWarning::NoIdentifier));
    }

    #[test]
    fn a_success_action_is_text_and_its_link_stays_with_the_payee() {
        action(r#"{"tag":"message","message":"Thank\u202e you"}"#, Some("Thank you"));
        action(
            r#"{"tag":"url","description":"Receipt","url":"https://pay.example/r/1"}"#,
            Some("Receipt https://pay.example/r/1"),
        );
        action(r#"{"tag":"url","description":"Receipt","url":"https://evil.example/"}"#, Some("Receipt"));
        action(r#"{"tag":"url","url":"data:text/html,x"}"#, None);
        action(r#"{"tag":"aes","description":"Code","ciphertext":"x","iv":"y"}"#, Some("Code"));
        let unknown: Value = serde_json::from_str(r#"{"tag":"run"}"#).unwrap();
        let fault = success(&unknown, &callback()).unwrap_err();
        assert!(matches!(fault, LnurlFault::UnknownSuccessAction { tag } if tag == "run"));
    }

    #[test]
    fn a_reply_is_disposable_unless_it_says_otherwise() {
        for (field, disposable) in [
            ("", true),
            (r#","disposable":null"#, true),
            (r#","disposable":true"#, true),
            (r#","disposable":false"#, false),
        ] {
            let body = format!(r#"{{"pr":"lnbc1"{field}}}"#);
            let document = Document::parse(body.as_bytes()).unwrap();
            let reply = pay_reply(&document, &callback()).unwrap();
            assert_eq!(reply.disposable, disposable, "{field}");
        }
    }
}
