b = "auto a"
c = "auto a"
d = "auto a"
