require kilosat.inc

# The tag is made with the release.
SRC_URI += "git://${KILOSAT_REPOSITORY};protocol=file;nobranch=1;tag=v${PV}"
