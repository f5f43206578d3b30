module example.com/stdiogo

go 1.21
