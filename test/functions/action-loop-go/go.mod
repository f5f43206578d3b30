module example.com/actionloopgo

go 1.19
