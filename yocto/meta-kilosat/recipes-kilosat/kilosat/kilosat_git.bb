require kilosat.inc

PV = "0.1.0+git"

# The newest commit of the repository that the layer lies in.
SRC_URI += "git://${KILOSAT_REPOSITORY};protocol=file;branch=main"
SRCREV = "${AUTOREV}"

DEFAULT_PREFERENCE = "-1"
