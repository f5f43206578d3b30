module example.com/fnhotwrap

go 1.19
