module functions

go 1.19

require polykiln/kiln v0.0.0

replace polykiln/kiln => ../../../runtimes/go
