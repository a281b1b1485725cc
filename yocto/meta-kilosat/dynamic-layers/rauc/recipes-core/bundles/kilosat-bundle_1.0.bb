SUMMARY = "Update of kilosat-image"
DESCRIPTION = "The root file system of kilosat-image, signed, for the slot that does not run."
HOMEPAGE = "https://kilosat.example"
LICENSE = "MIT"

inherit bundle

RAUC_BUNDLE_FORMAT = "verity"
RAUC_BUNDLE_COMPATIBLE = "kilosat"
RAUC_BUNDLE_VERSION = "${DISTRO_VERSION}"
RAUC_BUNDLE_DESCRIPTION = "Root file system of a hub with Kilosat"
RAUC_BUNDLE_SLOTS = "rootfs"

RAUC_SLOT_rootfs = "kilosat-image"
RAUC_SLOT_rootfs[fstype] = "ext4"

# RAUC_KEY_FILE and RAUC_CERT_FILE are yours; set them in local.conf and keep the key out of every repository.
