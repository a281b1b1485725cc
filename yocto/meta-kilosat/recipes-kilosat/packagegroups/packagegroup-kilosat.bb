SUMMARY = "A hub that pays: Kilosat and what it works with"
DESCRIPTION = "Kilosat, its name in the house's network, and tools to look at GPIO lines and adapters."

inherit packagegroup

RDEPENDS:${PN} = "\
    avahi-daemon \
    ca-certificates \
    kilosat \
    libgpiod-tools \
    tzdata \
    usbutils \
"
