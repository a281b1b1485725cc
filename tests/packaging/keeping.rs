//! What stays when a package is replaced, removed and purged.

use crate::machine::{Machine, Network, package, text};

/// The package, under a lower number: what somebody has who is about to upgrade.
fn make_older(machine: &Machine) {
    machine.put("/var/tmp/new.deb", &std::fs::read(package()).unwrap());
    machine.sh(
        "cd /var/tmp && dpkg-deb --raw-extract new.deb older && sed -i 's/^Version: .*/Version: 0.0.9-1/' older/DEBIAN/control \
         && dpkg-deb --build --root-owner-group older older.deb",
    );
}

#[tokio::test]
async fn an_upgrade_keeps_what_was_written_and_asks_nothing_and_no_older_version_takes_its_place() {
    let machine = Machine::boot("bookworm", Network::Own).await;
    make_older(&machine);
    machine.sh("dpkg --install /var/tmp/older.deb");
    machine.until("systemctl is-active kilosat").await;
    machine.sh("kilosat stop && sed -i '1i # mine' /etc/kilosat/kilosat.toml && sed -i 's/My house/Elm Street/' /etc/kilosat/kilosat.toml");
    machine.until("kilosat status | grep 'Elm Street on bitcoin'").await;
    let before = machine.sh("kilosat events");
    assert!(before.contains("\"stopped\""), "{before}");
    let kept = "cat /etc/kilosat/kilosat.toml; sha256sum /var/lib/kilosat/seed";
    let files = machine.sh(kept);
    assert!(files.starts_with("# mine\n") && files.contains("/seed"), "{files}");

    machine.sh("dpkg --install /var/tmp/new.deb");
    machine.until("systemctl is-active kilosat").await;
    assert_eq!(machine.sh(kept), files);
    assert!(machine.sh("kilosat events").starts_with(&before), "the journal goes on");
    assert!(machine.sh("kilosat status").contains("STOPPED BY YOU"));
    assert_eq!(machine.property("kilosat", "NRestarts"), "0");

    // A database of a version that nobody here knows.
    machine.sh("systemctl stop kilosat && cp /var/lib/kilosat/money.db /var/tmp/money.db");
    machine.sh("printf '\\000\\000\\000\\143' | dd of=/var/lib/kilosat/money.db bs=1 seek=60 conv=notrunc status=none");
    let refused = machine.try_sh("dpkg --install /var/tmp/older.deb");
    let said = text(&refused.stderr);
    assert!(!refused.status.success() && said.contains("tables of version 99"), "{said}");
    assert!(said.contains("Nothing was replaced"), "{said}");
    machine.sh("cp /var/tmp/money.db /var/lib/kilosat/money.db && systemctl start kilosat");
    let version = machine.sh("dpkg-query --show --showformat '${Version} ${db:Status-Abbrev}' kilosat");
    assert!(version.ends_with("ii ") && !version.starts_with("0.0.9"), "{version}");
    assert!(machine.sh("kilosat status").contains("STOPPED BY YOU"));
}

#[tokio::test]
async fn a_wallet_outlives_a_purge_unless_its_owner_says_otherwise() {
    let machine = Machine::with_kilosat("trixie").await;
    machine.sh("kilosat stop");
    let words = machine.sh("sha256sum /var/lib/kilosat/seed");

    machine.sh("dpkg --remove kilosat");
    assert_eq!(machine.property("kilosat", "ActiveState"), "inactive");
    assert_eq!(machine.sh("sha256sum /var/lib/kilosat/seed"), words);
    machine.sh("test -e /etc/kilosat/kilosat.toml && ! test -e /run/kilosat/control.sock");
    // Installed again, it goes on where it was.
    machine.sh("dpkg --install /var/tmp/kilosat.deb");
    machine.until("kilosat status | grep 'STOPPED BY YOU'").await;

    let said = text(&machine.try_sh("dpkg --purge kilosat").stderr);
    assert!(said.contains("is kept, because it holds the words of a wallet"), "{said}");
    assert_eq!(machine.sh("sha256sum /var/lib/kilosat/seed"), words);
    machine.sh(
        "test -e /var/lib/kilosat/money.db && test -e /var/lib/kilosat/configuration.kept/kilosat.toml && ! test -e /etc/kilosat",
    );
    machine.sh("dpkg --install /var/tmp/kilosat.deb");
    machine.until("kilosat status | grep 'STOPPED BY YOU'").await;

    machine.sh("KILOSAT_DELETE_WALLET=yes dpkg --purge kilosat");
    machine.sh("! test -e /var/lib/kilosat && ! test -e /etc/kilosat");
    let left = machine
        .sh("find / -xdev -name '*kilosat*' -not -path '/var/tmp/*' -not -path '/proc/*' -not -path '/var/log/*'");
    let left: Vec<_> =
        left.lines().filter(|path| !path.starts_with("/var/lib/dpkg") && !path.starts_with("/sys")).collect();
    assert_eq!(left, [""; 0], "files that nobody owns any more");
}

/// The commands of packaging/guides/updates.md.
#[tokio::test]
async fn a_backup_on_a_stick_makes_a_new_card() {
    let machine = Machine::with_kilosat("bookworm").await;
    machine.sh("mkdir -p /media/usb/kilosat && chown kilosat: /media/usb/kilosat && kilosat stop");
    let refused = machine.try_sh("kilosat backup --to /media/usb/kilosat");
    assert!(!refused.status.success(), "the service may write to its own folders only");
    let passing = text(&machine.try_sh("kilosat backup --to /tmp").stderr);
    assert!(passing.contains("only the service sees"), "{passing}");
    machine.sh("mkdir -p /etc/systemd/system/kilosat.service.d");
    machine.put("/etc/systemd/system/kilosat.service.d/usb.conf", b"[Service]\nReadWritePaths=-/media/usb/kilosat\n");
    machine.sh("systemctl daemon-reload && systemctl restart kilosat");
    let made = machine.sh("kilosat backup --to /media/usb/kilosat");
    assert!(made.contains("/media/usb/kilosat/"), "{made}");

    machine.sh("cp /var/lib/kilosat/seed /var/tmp/words && systemctl stop kilosat");
    machine.sh("mv /var/lib/kilosat /var/lib/kilosat.empty");
    let restore = "kilosat restore /media/usb/kilosat/* --state-directory /var/lib/kilosat --words-file /var/tmp/words";
    machine.sh(&format!("{restore} && chown -R kilosat:kilosat /var/lib/kilosat && systemctl start kilosat"));
    machine.until("kilosat status | grep 'PAYMENTS ARE LOCKED'").await;
    let status = machine.sh("kilosat status");
    assert!(status.contains("STOPPED BY YOU"), "what was in the books is there: {status}");
    assert_eq!(machine.sh("stat -c %U:%a /var/lib/kilosat /var/lib/kilosat/money.db"), "kilosat:700\nkilosat:600\n");
}
