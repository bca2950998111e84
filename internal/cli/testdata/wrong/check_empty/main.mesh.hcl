check "healthy" {
}
