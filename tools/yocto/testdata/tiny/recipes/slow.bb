DEPENDS = "quick"
do_work[depends] = "quick:do_work"
do_work() {
    # Beside and rename: what an interrupt leaves must be nothing or all.
    sleep ${SLOW_SECONDS}
    echo slow > ${B}/slow.part
    mv ${B}/slow.part ${B}/slow
}
SLOW_SECONDS ?= "3"
