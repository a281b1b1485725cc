require kilosat.inc

# The commit that is checked out in the repository that the layer lies in: recipe and source are never of two versions.
SRC_URI += "git://${KILOSAT_REPOSITORY};protocol=file;nobranch=1"
SRCREV = "${@bb.process.run('git -C %s rev-parse HEAD' % d.getVar('KILOSAT_REPOSITORY'))[0].strip()}"
