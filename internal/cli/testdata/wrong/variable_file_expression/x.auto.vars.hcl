region = upper("eu")
