addtask work before do_build
addtask build
do_build[noexec] = "1"
