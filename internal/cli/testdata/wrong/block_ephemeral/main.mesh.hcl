ephemeral "vault_secret" "token" {
  path = "x"
}
