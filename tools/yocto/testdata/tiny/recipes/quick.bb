do_work() {
    echo quick > ${B}/quick
}
