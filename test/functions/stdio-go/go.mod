module example.com/stdiogo

go 1.19
