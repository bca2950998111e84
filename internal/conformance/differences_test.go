package conformance

// differences are the expressions whose result is another than Terraform's on purpose.
var differences = map[string]difference{
	// Null is a value that a list can have.
	`contains([null], null)`: {"true : bool", whyNull},
	`contains(["a"], null)`:  {"false : bool", whyNull},
	`index([null], null)`:    {"0 : number", whyNull},
	`format("%v", null)`:     {`"null" : string`, whyLater},

	`templatestring("literal ${var.secret}", {})`: {`"literal hunter2" : string`, "the template may be any expression, not only a name"},
	`signum(-0.5)`: {"-1 : number", whyWhole},
	`signum(1/0)`:  {"1 : number", whyWhole},

	`cidrhost("fd00::/64", 18446744073709551616)`: {failed, "the address would be outside of the network"},
	`cidrsubnet("10.0.0.0/24", -1, 0)`:            {failed, "a subnet is not larger than its network"},
	`cidrsubnet("10.0.0.0/24", 4, -1)`:            {failed, "the address would be outside of the network"},
	`cidrsubnets("fd00::/16", 33)`:                {`["fd00::/49"] : list(string)`, "there is no reason to stop at 32 bits"},
	`cidrhost("010.001.0.0/24", 6)`:               {failed, whyOctal},
	`cidrhost("010.010.0.0/16", 300)`:             {failed, whyOctal},
	`cidrnetmask("010.0.0.0/8")`:                  {failed, whyOctal},
	`cidrsubnet("010.0.0.0/8", 8, 1)`:             {failed, whyOctal},
	`cidrsubnets("010.0.0.0/8", 8)`:               {failed, whyOctal},

	`cidrcontains("fe80::/48", "10.0.0.1")`: {"false : bool", "no IPv4 address is in an IPv6 network; OpenTofu takes no mixture"},

	`true || local.unknown == "x"`:                       {"true", whyLater},
	`false && local.unknown == "x"`:                      {"false", whyLater},
	`local.unknown == "x" || true`:                       {"true", whyLater},
	`local.unknown == "x" && false`:                      {"false", whyLater},
	`matchkeys(["a", local.unknown], ["x", "y"], ["x"])`: {`["a"]`, "only the keys decide"},
}

const (
	whyNull  = "null is a value that can be looked for; Terraform takes no null here"
	whyLater = "as in later versions of HCL"
	whyWhole = "every number has a sign; Terraform takes whole numbers only"
	whyOctal = "others read digits after a leading zero as octal: what is meant must be plain"
)
