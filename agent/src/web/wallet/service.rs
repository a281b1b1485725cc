//! Which wallet pays: the form tries the credential before anything is saved, and says what it may do.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::Deserialize;

use super::super::answers::Answer;
use super::super::change::{Changes, Pending, told};
use super::super::{Frame, Words, page};
use crate::config::{Config, Draft, DraftFault, Place, Setting};
use crate::keys::Secret;
use crate::lightning::providers::{Provider, knock, providers};
use crate::lightning::{Grade, LightningService, Remote, ServiceKind, Waits};
use crate::settings::Proposal;
use crate::status::StatusSource;
use crate::vault::credential_file;

/// What the owner fills in, as it was written.
#[derive(Clone, Default, Deserialize)]
pub(in super::super) struct Entries {
    #[serde(default)]
    service: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    certificate: String,
    /// A provider of the list, or else the one that is written.
    #[serde(default)]
    provider: String,
    #[serde(default)]
    lsp: String,
}

#[derive(Template)]
#[template(path = "wallet_service.html")]
struct ServicePage {
    frame: Frame,
    t: Words,
    entries: Entries,
    providers: &'static [Provider],
    faults: Vec<String>,
}

impl ServicePage {
    /// Every kind with what it is called.
    fn kinds(&self) -> Vec<(&'static str, String)> {
        let name = |kind: ServiceKind| (kind.name(), self.t.say(&format!("service-{}", kind.name())));
        ServiceKind::ALL.into_iter().map(name).collect()
    }
}

/// `GET /wallet/service`
pub(in super::super) async fn form(State(source): State<StatusSource>, t: Words) -> Answer {
    let config = source.config();
    let entries = match &config.wallet {
        None => Entries { service: ServiceKind::Node.name().to_owned(), ..in_use(&config) },
        Some(wallet) => Entries {
            service: wallet.kind.name().to_owned(),
            certificate: wallet.pins.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            url: if wallet.kind == ServiceKind::Nwc { String::new() } else { wallet.url.to_string() },
            ..Entries::default()
        },
    };
    shown(&source, t, entries, Vec::new()).await
}

/// The provider that is configured: one of the list, or as it was written.
fn in_use(config: &Config) -> Entries {
    let lsp = config.node.lsp.as_ref().map_or_else(String::new, |(key, address)| format!("{key}@{address}"));
    match providers(config.network).iter().any(|provider| provider.lsp == lsp) {
        true => Entries { provider: lsp, ..Entries::default() },
        false => Entries { lsp, ..Entries::default() },
    }
}

async fn shown(source: &StatusSource, t: Words, entries: Entries, faults: Vec<String>) -> Answer {
    let frame = Frame::of(source, t, "wallet").await?;
    let providers = providers(source.config().network);
    // What proves who may spend is typed anew each time.
    Ok(page(&ServicePage { frame, t, entries: Entries { secret: String::new(), ..entries }, providers, faults }))
}

/// `POST /wallet/service`: tries it, and shows what would change.
pub(in super::super) async fn save(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
    Form(entries): Form<Entries>,
) -> Answer {
    match tried(&source, t, &entries).await {
        Ok(pending) => Ok(changes.ask(&source, pending)),
        Err(faults) => {
            let page = shown(&source, t, entries, faults).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn tried(source: &StatusSource, t: Words, entries: &Entries) -> Result<Pending, Vec<String>> {
    let kind = ServiceKind::ALL.into_iter().find(|kind| kind.name() == entries.service);
    let kind = kind.ok_or_else(|| vec![t.with("fault-empty", "field", t.say("payment-wallet"))])?;
    let propose = |draft: Result<Draft, DraftFault>| -> Result<Proposal, Vec<String>> {
        let draft = draft.map_err(|fault| vec![fault.to_string()])?;
        source.settings.propose(draft.into_text()).map_err(told)
    };
    let draft = Draft::of(&source.settings.text());
    let pending = |proposal| {
        let (from, then) = ("/wallet/service".to_owned(), "/wallet".to_owned());
        Pending::new(proposal, format!("the wallet was set to {}", kind.name()), from, then)
    };
    if kind == ServiceKind::Node {
        let proposal = propose(draft.and_then(|draft| entries.node(&in_use(&source.config()).lsp, draft)))?;
        let facts = about_provider(&proposal.config, t).await;
        return Ok(pending(proposal).about(facts, None).headed("change-wallet"));
    }
    if entries.secret.trim().is_empty() {
        return Err(vec![t.with("fault-empty", "field", t.say("service-secret"))]);
    }
    let number = source.clock.now().wall.0;
    let file = credential_file(&source.config().state_directory, kind.name(), number);
    let proposal = propose(draft.and_then(|draft| entries.remote(kind, &file.display().to_string(), draft)))?;
    let findings = findings(source, &proposal.config, &entries.secret).await?;
    Ok(pending(proposal).about(findings, None).headed("change-wallet").with_secret(file, Secret::new(&entries.secret)))
}

/// Whether the provider can be reached from here; a house that is not online yet may choose one all the same.
async fn about_provider(config: &Config, t: Words) -> Vec<String> {
    let Some((_, address)) = &config.node.lsp else { return vec![t.say("service-no-lsp")] };
    match knock(address).await {
        Ok(()) => vec![t.with("service-lsp-there", "address", address.clone())],
        Err(why) => vec![t.fill("service-lsp-silent", &[("address", address.clone()), ("why", why)])],
    }
}

/// What trying the credential showed, one sentence each; it costs nothing and moves nothing.
async fn findings(source: &StatusSource, config: &Config, secret: &str) -> Result<Vec<String>, Vec<String>> {
    let Some(wallet) = &config.wallet else { return Ok(Vec::new()) };
    let remote = Remote {
        url: wallet.url.clone(),
        secret: Secret::new(secret),
        pins: wallet.pins.clone(),
        network: config.network,
        clock: source.clock.clone(),
        waits: Waits::default(),
    };
    let service = LightningService::remote(wallet.kind, remote).map_err(|fault| vec![fault.to_string()])?;
    let findings = service.try_out(config, true).await;
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.grade == Grade::Error).collect();
    match wrong.is_empty() {
        true => Ok(findings.into_iter().map(|finding| finding.text).collect()),
        false => Err(wrong.into_iter().map(|finding| finding.text.clone()).collect()),
    }
}

impl Entries {
    /// What is written now counts more than the list, and what stood there before less.
    fn node(&self, before: &str, mut draft: Draft) -> Result<Draft, DraftFault> {
        draft.set(Place::Section("lightning"), "service", &ServiceKind::Node.name().into())?;
        let node = Place::Section("lightning.node");
        let (listed, written) = (self.provider.trim(), self.lsp.trim());
        let is_left_over = written.is_empty() || written == before;
        match if is_left_over && !listed.is_empty() { listed } else { written } {
            "" => draft.clear(node, "lsp")?,
            lsp => draft.set(node, "lsp", &lsp.into())?,
        }
        Ok(draft)
    }

    fn remote(&self, kind: ServiceKind, file: &str, mut draft: Draft) -> Result<Draft, DraftFault> {
        draft.set(Place::Section("lightning"), "service", &kind.name().into())?;
        let name = format!("lightning.{}", kind.name());
        let section = Place::Section(&name);
        if kind != ServiceKind::Nwc {
            draft.set(section, "url", &self.url.trim().into())?;
        }
        draft.set(section, "secret_file", &Setting::Text(file.to_owned()))?;
        match self.certificate.trim() {
            "" => draft.clear(section, "certificate_sha256")?,
            certificate => draft.set(section, "certificate_sha256", &certificate.into())?,
        }
        Ok(draft)
    }
}
