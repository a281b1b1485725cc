SUMMARY = "Kilosat's state and configuration on a partition of their own"
DESCRIPTION = "Mounts the partition with the label kilosat, so that the root file system can be replaced as a whole."
HOMEPAGE = "https://kilosat.example"
BUGTRACKER = "https://kilosat.example/issues"
SECTION = "net"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

SRC_URI = "\
    file://data.mount \
    file://etc-kilosat.mount \
    file://kilosat-state.service \
    file://mounted.conf \
    file://var-lib-kilosat.mount \
"

S = "${UNPACKDIR}"

inherit allarch systemd

CVE_PRODUCT = ""

SYSTEMD_SERVICE:${PN} = "data.mount etc-kilosat.mount var-lib-kilosat.mount"

do_install() {
    for unit in data.mount etc-kilosat.mount kilosat-state.service var-lib-kilosat.mount; do
        install -D -m 0644 ${UNPACKDIR}/$unit ${D}${systemd_system_unitdir}/$unit
    done
    install -D -m 0644 ${UNPACKDIR}/mounted.conf ${D}${systemd_system_unitdir}/kilosat.service.d/mounted.conf
    install -d ${D}/data ${D}${sysconfdir}/kilosat ${D}${localstatedir}/lib/kilosat
}

FILES:${PN} += "/data ${systemd_system_unitdir}"

RDEPENDS:${PN} = "e2fsprogs-e2fsck kilosat"
