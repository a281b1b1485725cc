SUMMARY = "Read-only image of a hub that pays for electricity and data"
DESCRIPTION = "An image with Kilosat whose root file system is replaced by updates and whose state stays."
LICENSE = "MIT"

inherit core-image

IMAGE_FEATURES += "read-only-rootfs ssh-server-dropbear"
IMAGE_INSTALL:append = " packagegroup-kilosat kilosat-state"
# Where meta-rauc is.
IMAGE_INSTALL:append = "${@bb.utils.contains('BBFILE_COLLECTIONS', 'rauc', ' rauc', '', d)}"

# State lies on a partition of its own, which no update touches.
WKS_FILE = "kilosat-raspberrypi.wks"
IMAGE_FSTYPES:append = " ext4 wic.bz2 wic.bmap"
