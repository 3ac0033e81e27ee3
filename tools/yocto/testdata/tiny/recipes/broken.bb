do_work[depends] = "quick:do_work"
do_work() {
    echo "compiling main.c"
    echo "main.c:3:5: error: unknown type name 'flaot'; did you mean 'float'?" >&2
    exit 1
}
