module kt.test/stands

go 1.24
