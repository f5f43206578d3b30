// Tells how big the machine is, to Go.
package main

import (
	"encoding/json"
	"os"
	"runtime"
)

func main() {
	json.NewEncoder(os.Stdout).Encode([]int{runtime.NumCPU(), runtime.GOMAXPROCS(0)})
}
