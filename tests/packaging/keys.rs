//! The words, sealed with a key of the machine: by systemd's own key, and by the firmware of a Raspberry Pi. Of a TPM there is
//! one in `tests/packaging/board`.

use crate::machine::{Machine, text};

const STATE: &str = "/var/lib/kilosat";

#[tokio::test]
async fn on_debian_12_the_words_are_sealed_with_a_key_of_the_machine() {
    sealed_by_host("bookworm").await;
}

#[tokio::test]
async fn on_debian_13_the_words_are_sealed_with_a_key_of_the_machine() {
    sealed_by_host("trixie").await;
}

async fn sealed_by_host(release: &str) {
    let machine = Machine::with_kilosat(release).await;
    machine.until("kilosat keys | grep 'on the card as they are'").await;
    let words = machine.sh(&format!("cat {STATE}/seed"));
    assert!(words.split_whitespace().count() == 12, "{release}");
    machine.sh("useradd -G kilosat resident");
    let refused = machine.try_sh("su resident -s /bin/sh -c 'kilosat keys protect --with host'");
    assert!(text(&refused.stderr).contains("only root can make a key"), "{}", text(&refused.stderr));
    let refused = machine.try_sh("kilosat keys protect --with tpm2");
    assert!(text(&refused.stderr).contains("systemd-creds could not do it"), "{}", text(&refused.stderr));
    machine.sh("kilosat keys | grep 'on the card as they are'");

    let refused = machine.try_sh("kilosat keys protect --with host");
    assert!(text(&refused.stderr).contains("Write the words down first"), "{}", text(&refused.stderr));
    machine.sh("kilosat keys | grep 'on the card as they are'");
    written_down(&machine);
    let said = machine.sh("kilosat keys protect --with host");
    assert!(said.contains("sealed with systemd's key of this machine"), "{said}");
    let is_sealed = format!("grep -q kilosat_sealed {STATE}/seed && ! grep -rq \"{}\" {STATE}", words.trim());
    machine.sh(&is_sealed);
    let node = "kilosat status --json | grep -o '\"node_id\":\"[0-9a-f]*\"'";
    machine.sh("systemctl restart kilosat");
    machine.until("systemctl is-active kilosat && kilosat keys | grep 'sealed with systemd'").await;
    let before = machine.try_sh(node).stdout;
    // Made again, it opens what it sealed before.
    machine.sh("kilosat keys protect --with host && kilosat keys | grep 'sealed with systemd'");
    machine.sh(&is_sealed);
    assert_eq!(machine.try_sh(node).stdout, before);
    let exposed = machine.try_sh("systemd-analyze security --threshold=16 kilosat.service");
    assert!(exposed.status.success(), "{}", text(&exposed.stdout));

    // A machine that is switched off and on: what stood in memory is gone, and comes again before Kilosat does.
    let again = "rm -rf /run/credstore && systemctl restart kilosat-keys kilosat";
    machine.sh(again);
    machine.until("systemctl is-active kilosat && ! kilosat keys | grep 'NOTHING IS PAID'").await;
    // The card in another machine, whose systemd has another key, and without the credential; then in its own one again.
    let secret = "/var/lib/systemd/credential.secret";
    for (loss, mended) in [
        (format!("mv {secret} /var/tmp/secret"), format!("mv /var/tmp/secret {secret}")),
        (
            "mv /etc/credstore.encrypted/kilosat.key /var/tmp/key".to_owned(),
            "mv /var/tmp/key /etc/credstore.encrypted/kilosat.key".to_owned(),
        ),
    ] {
        machine.sh(&format!("{loss} && {again}"));
        machine.until("systemctl is-active kilosat && kilosat keys | grep 'this machine has not given it'").await;
        machine.until("kilosat status | grep 'Nothing is paid meanwhile'").await;
        machine.sh(&format!("{mended} && {again}"));
        machine.until("systemctl is-active kilosat && ! kilosat keys | grep 'NOTHING IS PAID'").await;
    }
    // For good: what cannot be opened any more is no hindrance afterwards.
    machine.sh(&format!("rm {secret} && {again}"));
    machine.until("systemctl is-active kilosat && kilosat keys | grep 'this machine has not given it'").await;
    let refused = machine.try_sh("echo five quiet horses eat plums | kilosat keys protect --with passphrase");
    assert!(text(&refused.stderr).contains("This cannot be done now"), "{}", text(&refused.stderr));
    let other = "abandon ".repeat(11) + "about";
    let refused = machine.try_sh(&format!("echo {other} | kilosat keys recover"));
    assert!(text(&refused.stderr).contains("not those of this device"), "{}", text(&refused.stderr));
    let said = machine.sh(&format!("echo {} | kilosat keys recover", words.trim()));
    assert!(said.contains("These are the words of this device"), "{said}");
    machine.until(&format!("grep -q \"{}\" {STATE}/seed", words.trim())).await;
    machine.until("kilosat keys | grep 'on the card as they are'").await;
    let said = machine.sh("kilosat keys protect --with host");
    assert!(said.contains("sealed with systemd's key of this machine"), "{said}");
    machine.sh(&format!("{again} && ls /etc/credstore.encrypted/kilosat.key.former-*"));
    machine.until("systemctl is-active kilosat && ! kilosat keys | grep 'NOTHING IS PAID'").await;
    machine.sh(&is_sealed);
    assert_eq!(machine.property("kilosat", "NRestarts"), "0", "a sealed state is no reason to end");
    let log = machine.sh("journalctl --no-pager");
    assert!(!log.contains(words.trim()), "the words are in the journal");
}

/// No machine here has a Raspberry Pi's firmware: this program answers in its place.
const FIRMWARE: &str = r#"#!/bin/sh
[ "$*" = "hmac --in $3 --key-id 1 --outform hex" ] || exit 255
[ "$(cat "$3")" = "kilosat words 1" ] || exit 255
[ -e /etc/otp ] || { echo "Last crypto error: 2 (Invalid key)" >&2; exit 255; }
cat /etc/otp
"#;

#[tokio::test]
async fn on_a_raspberry_pi_its_firmware_makes_the_key_at_every_start() {
    let machine = Machine::with_kilosat("bookworm").await;
    machine.until(&format!("test -e {STATE}/seed")).await;
    let words = machine.sh(&format!("cat {STATE}/seed"));
    written_down(&machine);
    let refused = machine.try_sh("kilosat keys protect --with otp");
    assert!(text(&refused.stderr).contains("it is in the package raspi-utils"), "{}", text(&refused.stderr));
    machine.put("/usr/bin/rpi-fw-crypto", FIRMWARE.as_bytes());
    machine.sh("chmod 755 /usr/bin/rpi-fw-crypto && touch /dev/vcio");
    let refused = machine.try_sh("kilosat keys protect --with otp");
    assert!(text(&refused.stderr).contains("Last crypto error"), "{}", text(&refused.stderr));
    // HMAC-SHA-256 of the label under a key that is all zero.
    machine.sh(&format!("printf {ZERO_KEY} >/etc/otp"));
    let refused = machine.try_sh("kilosat keys protect --with otp");
    assert!(text(&refused.stderr).contains("no key was ever put into the chip"), "{}", text(&refused.stderr));
    machine.sh("kilosat keys | grep 'on the card as they are'");

    machine.sh("printf %064d 7 >/etc/otp");
    let said = machine.sh("kilosat keys protect --with otp");
    assert!(said.contains("sealed with the key in this Raspberry Pi's chip"), "{said}");
    machine.sh(&format!("! grep -rq \"{}\" {STATE}", words.trim()));
    assert_eq!(machine.sh("stat -c '%a %U' /run/credstore /run/credstore/kilosat.otp-key"), "700 root\n600 root\n");
    // Switched off and on: what stood in memory is gone, and comes again before Kilosat does.
    machine.sh("systemctl stop kilosat kilosat-keys && rm -r /run/credstore && systemctl start kilosat");
    machine.until("systemctl is-active kilosat && kilosat keys | grep \"in this Raspberry Pi's chip\"").await;
    machine.sh("! kilosat keys | grep 'NOTHING IS PAID'");
    // Another Raspberry Pi.
    machine.sh("systemctl stop kilosat kilosat-keys && printf %064d 8 >/etc/otp && systemctl start kilosat");
    machine.until("kilosat keys | grep 'this machine has not given it'").await;
    machine.sh("systemctl stop kilosat kilosat-keys && printf %064d 7 >/etc/otp && systemctl start kilosat");
    machine.until("systemctl is-active kilosat && ! kilosat keys | grep 'NOTHING IS PAID'").await;
    machine.sh("KILOSAT_DELETE_WALLET=yes dpkg --purge kilosat && ! ls /etc/credstore.encrypted/kilosat* /run/credstore/kilosat*");
}

const ZERO_KEY: &str = "3543dd13a8b1fbb4cbe55abbf88554fd6e2011288946386c291219cd8576945e";

/// As the page notes it once three of the words were typed.
fn written_down(machine: &Machine) {
    machine.sh(&format!("touch {STATE}/words-checked && chown kilosat: {STATE}/words-checked"));
}
