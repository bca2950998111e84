d = "file"
c = "file"
