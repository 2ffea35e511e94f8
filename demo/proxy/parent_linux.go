package proxy

import "syscall"

// dieWithParent ends a proxy even if its test is killed or times out.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
