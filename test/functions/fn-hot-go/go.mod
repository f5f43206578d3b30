module example.com/fnhotgo

go 1.19
