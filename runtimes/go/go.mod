module polykiln/kiln

go 1.19
