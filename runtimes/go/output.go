package kiln

import (
	"os"
	"sync"
	"syscall"
)

const (
	streamStdout = 1
	streamStderr = 2
)

// printer writes into the log of a call.
type printer struct {
	call   *call
	stream byte
}

func (p printer) Write(data []byte) (int, error) {
	id := p.call.id
	p.call.mutex.Lock()
	if p.call.ended {
		id = 0
	}
	p.call.mutex.Unlock()
	return p.call.calls.log(id, p.stream, data)
}

// attributed writes into the log of the one call that runs.
type attributed struct {
	calls  *calls
	stream byte
}

func (a attributed) Write(data []byte) (int, error) {
	return a.calls.log(a.calls.only(), a.stream, data)
}

func (c *calls) log(id uint32, stream byte, data []byte) (int, error) {
	for rest := data; len(rest) > 0; {
		size := len(rest)
		if size > pieceBytesMax {
			size = pieceBytesMax
		}
		c.connection.sendNow(typeLog, id, 0, []byte{stream}, rest[:size])
		rest = rest[size:]
	}
	return len(data), nil
}

// output is what is printed to os.Stdout and os.Stderr, which become pipes to ourselves. The descriptors 1 and 2 stay what they are:
// what the Go runtime says of a crash still arrives.
type output struct {
	mutex sync.Mutex
	pipes []pipe
	into  []byte
	// Forgotten files are closed, descriptors 1 and 2 too.
	originals []*os.File
}

type pipe struct {
	descriptor int
	to         attributed
}

// captureOutput gives nil where there can be no pipes: what is printed then belongs to no call.
func captureOutput(calls *calls) *output {
	captured := &output{into: make([]byte, pieceBytesMax)}
	for index, file := range []**os.File{&os.Stdout, &os.Stderr} {
		stream := byte(index + streamStdout)
		var ends [2]int
		if syscall.Pipe2(ends[:], syscall.O_CLOEXEC) != nil || syscall.SetNonblock(ends[0], true) != nil {
			return nil
		}
		captured.pipes = append(captured.pipes, pipe{ends[0], attributed{calls, stream}})
		captured.originals = append(captured.originals, *file)
		*file = os.NewFile(uintptr(ends[1]), (*file).Name())
	}
	for _, each := range captured.pipes {
		go captured.watch(os.NewFile(uintptr(each.descriptor), "output"))
	}
	return captured
}

// watch drains whenever there is something.
func (o *output) watch(file *os.File) {
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(uintptr) bool {
		o.drain()
		return false
	})
}

// drain takes what was printed so far, without waiting.
func (o *output) drain() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for _, each := range o.pipes {
		for {
			n, err := syscall.Read(each.descriptor, o.into)
			if n <= 0 || err != nil {
				break
			}
			_, _ = each.to.Write(o.into[:n])
		}
	}
}
