locals {
  # Who calls whom. Policies, waves and the sandbox's traffic all follow from this one table.
  calls = {
    tripservice     = ["userservice", "driverservice", "locationservice", "paymentservice"]
    userservice     = ["paymentservice"]
    driverservice   = ["locationservice"]
    locationservice = []
    paymentservice  = []
  }

  services = toset(keys(local.calls))

  # The same table read the other way round: whom each service lets in.
  callers = {
    for service in local.services : service => [
      for caller, callees in local.calls : caller if contains(callees, service)
    ]
  }

  # Services that somebody calls need clients to be let in; nobody calls the others.
  called = toset([for service, callers in local.callers : service if length(callers) > 0])
}
