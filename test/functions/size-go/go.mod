module size

go 1.21
